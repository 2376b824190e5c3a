"""Writes docs/check_setup.md from the checks themselves: python tools/check_setup_doc.py

With the environment of the project, after a change of a check; a test tells where it was forgotten.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lakefs_unity_export.checks.catalogue import CHECKS
from lakefs_unity_export.checks.model import Check, Severity

FILE = Path(__file__).parents[1] / "docs" / "check_setup.md"
HEAD = """\
# check_setup: what is checked, and what to do

<!-- Written by tools/check_setup_doc.py from src/lakefs_unity_export/checks; edit those. -->

```
databricks bundle run check_setup -- --repository=my-repo --branch=main
```

The job `check_setup` looks at an installation for one branch, as the identity that exports run as and with their
settings. It makes a schema `lakefs_unity_export_check_<run>`, a folder
`lakefs_unity_export_check/lakefs_unity_export_check_<run>` below `target_base_location` and, where the key may, the
lakeFS branches `lakefs_unity_export_check_<run>_1` and `_2`, removes them again, and changes nothing else. What a run
left of them that was killed, a later one removes, after an hour. Its last task, `check_report`, prints a line for each
check and leaves the same as JSON: in its output after `check_setup: `, and as its task value `report`.

Each clone method is tried by the code of exports, with a tiny table that is written to these branches and has a row
more in the second: no table of yours is read, or copied by a deep clone. The branches begin at the oldest commit of the
one that is checked, and nothing is committed to them, so that no hook runs and no commit stays; what was written, some
kilobytes, lakeFS's garbage collection takes. `reconcile` passes such branches over. Where the key may not make them,
where a rule protects them or the oldest commit has action files, a table is cloned that the branch's descriptors name,
and it does not change between its clones.

At its end the report recommends a `clone_method`: the cheapest (`shallow`, `storage`, `deep`, in this order) that is
allowed, also over a clone that is there, that the warehouse registers, that may be cloned over from then on, and whose
rows the readers read: the cluster, the warehouse and serverless compute. Of warehouses and serverless compute, where
none could be asked, it is documented for `deep` alone.

| A line says | It means |
|---|---|
| `PASS` | all is well |
| `WARN` | exports go on, and a person should know |
| `FAIL` | exports would fail. The run fails too, and its error has these lines |
| `NOT RUN` | it says something only once the checks that it names have passed, or there is nothing to look at |
| `NOT TRIED` | the answer could not be had, for the reason that the line gives |

What does not pass says what that means and what to do: a grant, a setting or a command, with your names in it. Secrets,
and parts of six characters and more of them, are taken out of every line.

Grants are those that Unity Catalog lists for the identity and for the groups that the workspace names for it; who owns
something needs none.

"""


def document() -> str:
    """The whole file."""
    places = dict.fromkeys(check.place for check in CHECKS)
    sections = [_section(place, [check for check in CHECKS if check.place == place]) for place in places]
    return HEAD + "\n".join(sections)


def _section(place: str, checks: Iterable[Check[Any]]) -> str:
    lines = [
        f"## From the task `{place}`\n",
        "| Check | It asks | Where it does not pass | What to do | Needs | Settles the claim |",
        "|---|---|---|---|---|---|",
        *(_row(check) for check in checks),
    ]
    return "\n".join(lines) + "\n"


def _row(check: Check[Any]) -> str:
    kind = "fails" if check.severity is Severity.EXPORT else "warns"
    cells = [
        f"`{check.id}`",
        check.asks,
        f"{kind}: {check.means}",
        check.remedy,
        ", ".join(f"`{name}`" for name in check.needs),
        "; ".join(check.claims),
    ]
    return "| " + " | ".join(re.sub(r"\|", r"\\|", cell) for cell in cells) + " |"


if __name__ == "__main__":
    FILE.write_text(document())
