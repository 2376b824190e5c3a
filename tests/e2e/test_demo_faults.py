"""The demo's second act as a user runs it: every fault bites, is mended, and leaves nothing behind."""

import re
from pathlib import Path

import pytest
from demo_command import processes_of, started_demo

pytestmark = pytest.mark.e2e

TABLES = ("nation", "part", "region", "supplier")


@pytest.mark.timeout(1200)
def test_every_fault_is_mended_and_every_row_equal(tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    with started_demo(folder, "demo-faults") as demo:
        output, _ = demo.communicate()
    assert demo.returncode == 0, output
    lines = output.splitlines()
    assert re.fullmatch(r"demo-faults: 8 faults, 4 tables, every row equal to the branch's head, \d+ s", lines[-1])
    for shown in (
        r"  the hook, as lakeFS shows it: .* answered 403 .*",
        r"  stale: supplier: column s_rating is missing, in the source bigint",
        r"  \| tpch/main: is exported up to \w+, its head is \w+; started run \d+",
        r"  region: TargetTakenError: the target path .* holds a Delta table that this export did not make.*",
        r"  SIGKILL to Spark",
        r"  main\.main\.nation: SparkProcessEndedError: .*",
        r"  stale: nation: 20 rows differ; it has 65 rows and the source 45",
        r"  \| nothing to do in main\.main: it has the newer commit \w+ of this branch",
        r"  the workspace answers with run \d+, which the first delivery had started",
        r"  \| nothing to do: commit \w+ is not on branch main, whose head is \w+",
    ):
        assert any(re.fullmatch(shown, line) for line in lines), shown
    for fault in ("event lost", "Spark killed until the run failed", "branch reset", "event twice"):
        assert any(line.startswith(f"│ {fault} ") for line in lines), fault
    for table in TABLES:
        assert any(line.startswith(f"│ main.main.{table} ") for line in lines), table
    assert not folder.exists()
    assert processes_of(folder) == []
