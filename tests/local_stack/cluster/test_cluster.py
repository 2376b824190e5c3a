"""Notebooks on the local cluster."""

import json
import textwrap
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from local_stack.cluster.cluster import Cluster, NotebookResult, NotebookRun

pytestmark = pytest.mark.spark

CONF = {"spark.databricks.cluster.profile": "singleNode", "spark.hadoop.fs.s3a.bucket.lake.endpoint": "http://one"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(folder=tmp_path_factory.mktemp("cluster"))
    yield made
    made.stop()


class Notebooks:
    """Writes notebooks and runs them."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster, self._folder, self._count = cluster, folder, 0

    def run(
        self,
        *cells: str,
        conf: Mapping[str, str] = CONF,
        parameters: Mapping[str, str] | None = None,
        libraries: tuple[Path, ...] = (),
    ) -> NotebookResult:
        self._count += 1
        notebook = self._folder / f"notebook_{self._count}_{threading.get_ident()}"
        source = "\n# COMMAND ----------\n".join(textwrap.dedent(cell) for cell in cells)
        notebook.write_text(f"# Databricks notebook source\n{source}\n")
        return self._cluster.run_notebook(
            NotebookRun(
                notebook=notebook,
                parameters=parameters or {},
                libraries=libraries,
                host="http://127.0.0.1:9",
                token="unused",
                task_run_id=1,
                job_id=1,
                run_id=1,
                task_key="clone_table",
            ),
            conf,
        )

    def value(self, *cells: str, **options: Any) -> Any:
        result = self.run(*cells, **options)
        assert result.error is None, result.trace
        return json.loads(result.exit_value or "null")


@pytest.fixture
def notebooks(cluster: Cluster, tmp_path: Path) -> Notebooks:
    return Notebooks(cluster, tmp_path)


EXIT = "import json; dbutils.notebook.exit(json.dumps({}))"


def test_a_cluster_that_is_started_is_the_one_that_notebooks_find(cluster: Cluster, notebooks: Notebooks) -> None:
    process = "import json, os; dbutils.notebook.exit(json.dumps(os.getpid()))"
    cluster.start(CONF)
    found = notebooks.value(process)
    cluster.start(CONF)
    assert notebooks.value(process) == found


def test_a_notebook_finds_what_databricks_defines_and_leaves_a_value(notebooks: Notebooks) -> None:
    result = notebooks.run(
        "print('hello', dbutils.widgets.get('branch'))",
        "display(sql('SELECT 7 AS seven'))",
        "rows = spark.range(3).count() + sc.parallelize([1]).count()",
        EXIT.format("rows"),
        "print('never')",
        parameters={"branch": "feature-x"},
    )
    assert (result.exit_value, result.error) == ("4", None)
    assert result.log.startswith("hello feature-x\n")
    assert "|seven|" in result.log
    assert "never" not in result.log


def test_a_notebook_that_just_ends_leaves_no_value(notebooks: Notebooks) -> None:
    result = notebooks.run("x = 1")
    assert result == NotebookResult(exit_value=None, log="", error=None, trace=None)


@pytest.mark.parametrize(
    ("raises", "error"),
    [
        ("raise ValueError('no such\\nbranch')", "ValueError: no such\nbranch"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import nothing_like_this", "ModuleNotFoundError: No module named 'nothing_like_this'"),
        ("x = = 1", "SyntaxError: "),
    ],
)
def test_a_failure_ends_with_its_type_and_message_and_shows_the_line(
    notebooks: Notebooks, raises: str, error: str
) -> None:
    result = notebooks.run("print('before')", "\n" + raises)
    assert result.error is not None
    assert result.error.startswith(error)
    assert result.log == "before\n"
    assert result.exit_value is None
    assert result.trace is not None
    assert "line 5" in result.trace
    assert "local_stack/cluster" not in result.trace


def test_magic_that_only_databricks_runs_is_refused(notebooks: Notebooks) -> None:
    result = notebooks.run("print('ran')", "# MAGIC %sql SELECT 1")
    assert "not %sql" in (result.error or "")
    assert result.log == ""


def test_notebooks_at_the_same_time_share_neither_session_nor_output(notebooks: Notebooks) -> None:
    cells = (
        "import time; me = dbutils.widgets.get('me')",
        "spark.sql(f\"CREATE TEMPORARY VIEW mine AS SELECT '{me}' AS name\"); spark.conf.set('spark.own', me)",
        "for _ in range(20):\n    print(me)\n    time.sleep(0.05)",
        EXIT.format("[spark.table('mine').first().name, spark.conf.get('spark.own')]"),
    )
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(notebooks.run, *cells, parameters={"me": me}) for me in ("one", "two", "three")]
    for run, me in zip(runs, ("one", "two", "three"), strict=True):
        assert run.result().error is None, run.result().trace
        assert json.loads(run.result().exit_value or "") == [me, me]
        assert run.result().log == f"{me}\n" * 20


def test_a_new_build_of_a_library_is_used_by_the_next_run(notebooks: Notebooks, tmp_path: Path) -> None:
    wheel = tmp_path / "answers-1.0-py3-none-any.whl"
    for answer in (1, 2):
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("answers/__init__.py", f"ANSWER = {answer}\n")
        assert notebooks.value("from answers import ANSWER", EXIT.format("ANSWER"), libraries=(wheel,)) == answer
    assert "ModuleNotFoundError" in (notebooks.run("import answers").error or "")


def test_the_wheel_of_this_project_has_to_be_a_library_of_the_task(notebooks: Notebooks, tmp_path: Path) -> None:
    assert "add the wheel" in (notebooks.run("import lakefs_unity_export").error or "")
    missing = notebooks.run("x = 1", libraries=(tmp_path / "none.whl",))
    assert (missing.error or "").startswith("FileNotFoundError")


PROCESS = ("import os", EXIT.format("[os.getpid(), spark.conf.get('spark.hadoop.fs.s3a.bucket.lake.endpoint')]"))


def test_another_configuration_is_another_process_once_the_notebooks_before_are_done(notebooks: Notebooks) -> None:
    other = {**CONF, "spark.hadoop.fs.s3a.bucket.lake.endpoint": "http://two"}
    process, _ = notebooks.value(*PROCESS)
    assert notebooks.value(*PROCESS) == [process, "http://one"]
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(notebooks.run, "print('begun')", "import time; time.sleep(2)", EXIT.format("'done'"))
        time.sleep(1)
        changed = pool.submit(notebooks.value, *PROCESS, conf=other)
        assert slow.result().exit_value == '"done"'
        assert changed.result()[1] == "http://two"
        assert changed.result()[0] != process


def test_a_killed_cluster_fails_its_notebooks_and_the_next_one_starts_another(
    cluster: Cluster, notebooks: Notebooks, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    with ThreadPoolExecutor() as pool:
        lost = pool.submit(notebooks.run, f"open({str(begun)!r}, 'w').close()", "import time; time.sleep(60)")
        while not begun.exists():
            time.sleep(0.05)
        cluster.kill()
        assert (lost.result(20).error or "").startswith("SparkProcessEndedError")
    assert notebooks.value(EXIT.format("spark.range(2).count()")) == 2


def test_a_cluster_that_cannot_start_is_an_error_of_the_run(tmp_path: Path) -> None:
    broken = Cluster(folder=tmp_path / "cluster")
    result = Notebooks(broken, tmp_path).run("x = 1", conf={"spark.master": "nowhere://"})
    assert "did not start" in (result.error or "")
    broken.stop()
    stopped = Notebooks(broken, tmp_path).run("x = 1")
    assert "was stopped" in (stopped.error or "")
