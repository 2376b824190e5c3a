"""The demo's second act: every fault bites, and is mended. Its process ends as the demo's own does, see test_demo."""

import io
import re
from pathlib import Path

import pytest
from demo_command import SCALE, telling_on
from rich.console import Console

from lakefs_unity_export.clones.methods import CloneMethod
from local_stack.demo.fault_story import FaultStory
from local_stack.demo.run import PLAIN_WIDTH
from local_stack.stack import LocalStack

pytestmark = pytest.mark.e2e

TABLES = ("nation", "part", "region", "supplier")


@pytest.mark.timeout(1200)
def test_every_fault_is_mended_and_every_row_equal(tmp_path: Path, stack: LocalStack, cli: Path) -> None:
    out = io.StringIO()
    with telling_on(stack, FaultStory, cli=cli, folder=tmp_path, out=out, clone_method=CloneMethod.DEEP) as (
        story,
        deployment,
    ):
        story.tell(deployment, float(SCALE))
        Console(file=out, width=PLAIN_WIDTH).print(story.summary())
        last = story.last_line(0)
    assert last == "demo-faults: 8 faults, 4 tables, every row equal to the branch's head, 0 s"
    lines = out.getvalue().splitlines()
    for shown in (
        r"  the hook, as lakeFS shows it: .* answered 403 .*",
        r"  stale: supplier: column s_rating is missing, in the source bigint",
        r"  \| tpch(-\d+)?/main: is exported up to \w+, its head is \w+; started run \d+",
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
