"""CONTRIBUTING's first hour on a new workspace names checks that there are."""

import re
from pathlib import Path

from lakefs_unity_export.checks.catalogue import CHECKS

TEXT = (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text()
SECTION = "### The first hour on a new workspace"
# What else stands in its column: tasks and commands.
OTHERS = {"clone_tables", "export"}


def test_each_line_of_the_first_hour_names_checks_that_there_are() -> None:
    section = TEXT.partition(SECTION)[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in section.splitlines() if re.match(r"\| \d\. ", line)]
    assert len(rows) == 6
    known = {check.id for check in CHECKS}
    for row in rows:
        named = set(re.findall(r"`(\w+)`", row[2])) - OTHERS
        assert named, row
        assert named <= known, named - known
