"""The exports converge: examples of the state machine.

`make unit` tries few of them; `make machine` tries EXPORT_MACHINE_EXAMPLES, and prints the seed and what they reached.
Every counterexample that was ever found is a test by name in test_counterexamples.py.
"""

import os

import pytest
from export_machine import ExportMachine
from hypothesis import HealthCheck, Phase, settings

EXAMPLES = int(os.environ.get("EXPORT_MACHINE_EXAMPLES", "60"))
# So many that each kind of fault is among them with any seed.
MANY_EXAMPLES = 500

TestExports = ExportMachine.TestCase
TestExports.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=50,
    # Those of `make unit` are the same each time.
    derandomize="EXPORT_MACHINE_EXAMPLES" not in os.environ,
    deadline=None,
    print_blob=True,
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink][
        : int(os.environ.get("EXPORT_MACHINE_PHASES", "4"))
    ],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def test_the_examples_reach_every_kind_of_fault() -> None:
    """Runs after the machine: what it explored, printed with `-rP` or `-s`."""
    explored = ExportMachine.explored
    print("\n".join(f"{count:8} {what}" for what, count in sorted(explored.items())))
    assert explored["runs"]
    if explored["examples"] < MANY_EXAMPLES:
        pytest.skip(f"{explored['examples']} examples reach not every kind; `make machine` tries more")
    for task in ("list_changed_tables", "clone_table", "register_table", "record_export"):
        assert explored[f"fails: {task}"]
        assert explored[f"fails after: {task}"]
        assert explored[f"killed: {task}"]
    assert explored["events lost"]
    assert explored["exports of several pages"] > explored["exports of several tables"] / 2
    assert explored["runs that read no unchanged descriptor"]
    assert explored["further pages that read no unchanged descriptor"]
    assert explored["further pages that read their own descriptors"]
    assert explored["provenance edited"]
