"""The demo as a user runs it, how it ends when it is stopped, and that it sees a table that is not as its source."""

import re
import signal
import sys
import time
from pathlib import Path

import pyarrow
import pytest
from deltalake import write_deltalake
from demo_command import SCALE, processes_of, started_demo, telling_on

from lakefs_unity_export.clones.methods import CloneMethod
from local_stack.demo.failure import DemoFailure
from local_stack.demo.story import Story
from local_stack.demo.tables import table_named
from local_stack.demo.telling import MAIN
from local_stack.stack import LocalStack

pytestmark = pytest.mark.e2e


@pytest.mark.timeout(1200)
def test_the_demo_ends_with_every_row_equal_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    with started_demo(folder, "--clone-method", "storage") as demo:
        output, _ = demo.communicate()
    assert demo.returncode == 0, output
    lines = output.splitlines()
    assert re.fullmatch(r"demo: 6 exports, 16 tables, every row equal, \d+ s", lines[-1])
    for cloned in (
        "customer, line_item, nation, orders, part, part_supp, region, supplier",
        "line_item, supplier",
        "part_supp",
        "no table",
    ):
        assert f"  cloned: {cloned}, as expected" in lines
    compared = [line for line in lines if "each equals its source at the commit" in line]
    assert [line.split()[0] for line in compared] == ["8", "2", "8", "1", "1", "16"]
    stopped = lines.index("  the sources were asked, and lakeFS is stopped: tables are read without it")
    assert lines.index(compared[-2]) < stopped < lines.index(compared[-1])
    assert any("main.nightly-load.line_item" in line and "│" in line for line in lines)
    assert not folder.exists()
    assert processes_of(folder) == []


@pytest.mark.timeout(300)
def test_stopping_the_demo_cleans_up(tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    with started_demo(folder) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if line.startswith("TPC-H at scale"):
                break
        # Into the writing of tables and the deployment.
        time.sleep(2)
        assert processes_of(folder)
        demo.send_signal(signal.SIGINT)
        output = demo.stdout.read()
        demo.wait(timeout=120)
    assert demo.returncode == 130
    assert output.splitlines()[-1] == "demo: stopped"
    assert not folder.exists()
    assert processes_of(folder) == []


class TwoTables(Story):
    """The demo with two tables, and without the queries over all of them."""

    tables = (table_named("nation"), table_named("region"))

    def _queries(self) -> dict[str, str]:
        return {}


@pytest.mark.timeout(900)
def test_a_table_that_was_tampered_with_is_reported(tmp_path: Path, cli: Path) -> None:
    # On a stack of its own: Spark remembers Delta tables by their paths, and the second act exports to the same ones.
    with (
        LocalStack(folder=tmp_path / "stack", progress=sys.stdout) as stack,
        telling_on(stack, TwoTables, cli=cli, folder=tmp_path, out=sys.stdout, clone_method=CloneMethod.SHALLOW) as (
            story,
            deployment,
        ),
    ):
        story.prepare(deployment, float(SCALE))
        story.first_export()
        add_rows_to(stack.folder / "exports" / MAIN / "region")
        with pytest.raises(DemoFailure) as failure:
            story.compare()
    told = str(failure.value).splitlines()
    assert told[0] == "exported tables differ from their source:"
    assert all(line.startswith("`main`.`main`.`region` <> delta.`s3a://") for line in told[1:])
    assert any(line.endswith(": 3 rows differ; it has 8 rows and the source 5") for line in told)
    assert any(line.endswith(": 3 times here and 0 times in the source: (99, ATLANTIS, None)") for line in told)


def add_rows_to(clone: Path) -> None:
    """One and the same row, three times, behind the export's back."""
    row = {"r_regionkey": [99] * 3, "r_name": ["ATLANTIS"] * 3, "r_comment": [None] * 3}
    types = pyarrow.schema(
        [("r_regionkey", pyarrow.int64()), ("r_name", pyarrow.string()), ("r_comment", pyarrow.string())]
    )
    write_deltalake(str(clone), pyarrow.table(row, schema=types), mode="append")
