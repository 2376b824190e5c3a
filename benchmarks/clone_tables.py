"""What an iteration of the task clone_tables costs beside a bare `DeltaTable.clone` of the same tables.

    python benchmarks/clone_tables.py [--tables 20] [--rows 1000]

Both run on one warm local cluster, over local files, in turns. The iteration is the whole notebook: the look at
target and source, the clone, the comment and the report. It leaves out what the job adds around a notebook.
"""

import argparse
import json
import tempfile
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from local_stack.cluster.cluster import Cluster, NotebookRun

ROOT = Path(__file__).parents[1]
COMMITS = ("a" * 64, "b" * 64)
AT_A_TIME = (1, 4)

_HEADER = "# Databricks notebook source\n"
_MAKE_TABLES = """
from delta.tables import DeltaTable
values = dbutils.widgets.getAll()
for table in range(int(values["tables"])):
    rows = spark.range(int(values["rows"])).selectExpr("id", "concat('row ', id) AS name")
    for commit in values["commits"].split(","):
        rows.write.format("delta").save(f"{values['folder']}/repository/{commit}/tables/t{table}")
"""
_BARE_CLONE = """
import time
from delta.tables import DeltaTable
started = time.monotonic()
DeltaTable.forPath(spark, dbutils.widgets.get("source_path")).clone(
    target=dbutils.widgets.get("target_path"), isShallow=True, replace=True, properties={"by": "benchmark"}
)
dbutils.notebook.exit(str(time.monotonic() - started))
"""


@dataclass(frozen=True)
class Bench:
    """A warm cluster, and a folder of tables that look like lakeFS commits."""

    cluster: Cluster
    folder: Path
    wheel: Path

    def run(self, notebook: Path, **parameters: str) -> str:
        """The notebook's value. Raises RuntimeError with the notebook's own error."""
        result = self.cluster.run_notebook(
            NotebookRun(
                notebook=notebook,
                parameters=parameters,
                libraries=(self.wheel,),
                host="http://127.0.0.1:9",
                token="unused",  # noqa: S106, no workspace is called
                task_run_id=1,
                job_id=1,
                run_id=1,
                task_key="clone_table",
            ),
            {"spark.databricks.delta.snapshotPartitions": "1"},
        )
        if result.error is not None:
            raise RuntimeError(result.trace or result.error)
        return result.exit_value or ""

    def notebook(self, name: str, source: str) -> Path:
        """A notebook with this one cell."""
        path = self.folder / f"{name}.py"
        if not path.exists():
            path.write_text(_HEADER + source)
        return path

    def bare(self, table: int, commit: int, at_a_time: int) -> float:
        """Seconds of the clone alone, without the notebook around it."""
        paths = self._paths(table, commit, f"bare{at_a_time}")
        return float(self.run(self.notebook("bare_clone", _BARE_CLONE), **paths))

    def iteration(self, table: int, commit: int, at_a_time: int) -> float:
        """Seconds of the whole notebook."""
        started = time.monotonic()
        kind = f"iteration{at_a_time}"
        value = self.run(
            self.notebook("clone_table", _notebook_of_the_job()),
            source_path=self._paths(table, commit, kind)["source_path"],
            target_base_location=f"file:{self.folder}/exports",
            repository="repository",
            branch=kind,
            source_commit_id=COMMITS[commit],
            commit_generation=str(commit + 2),
            line="0",
            path=f"tables/t{table}",
            table=f"`benchmark`.`main`.`t{table}`",
            method="shallow",
            lakefs_endpoint="http://127.0.0.1:9",
            secret_scope="lakefs",  # noqa: S106, the name of a scope
            access_key_name="key",
            secret_key_name="secret",  # noqa: S106, the name of a secret
        )
        seconds = time.monotonic() - started
        action = json.loads(value)["action"]
        if action != "cloned":
            raise RuntimeError(f"table t{table} was to be cloned, but is {action}")
        return seconds

    def _paths(self, table: int, commit: int, kind: str) -> dict[str, str]:
        return {
            "source_path": f"file:{self.folder}/repository/{COMMITS[commit]}/tables/t{table}",
            "target_path": f"file:{self.folder}/exports/{kind}/t{table}",
        }


def _notebook_of_the_job() -> str:
    """The job's notebook, but that its source lies on this machine."""
    notebook = (ROOT / "notebooks" / "clone_table.py").read_text().removeprefix(_HEADER)
    made = "CloneRequest.from_widgets(dbutils.widgets.get)"
    if made not in notebook:
        raise RuntimeError(f"the notebook has no {made}")
    return "from dataclasses import replace\n" + notebook.replace(
        made, f'replace({made}, source_path=dbutils.widgets.get("source_path"))'
    )


def main() -> None:
    """Measure, and print the figures side by side."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tables", type=int, default=20)
    parser.add_argument("--rows", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(folder=Path(folder) / "cluster")
        try:
            bench = Bench(cluster, Path(folder), _wheel(Path(folder)))
            Console().print(_measured(bench, arguments.tables, arguments.rows))
        finally:
            cluster.stop()


def _measured(bench: Bench, tables: int, rows: int) -> Table:
    shown = Table(title=f"{tables} tables of {rows} rows, seconds")
    for column in ("", "at once", "clone", "iteration", "all clones", "all iterations", "ratio"):
        shown.add_column(column, justify="right" if column else "left")
    warm_up = 1
    settings = {"folder": f"file:{bench.folder}", "commits": ",".join(COMMITS), "rows": str(rows)}
    bench.run(bench.notebook("make_tables", _MAKE_TABLES), tables=str(tables + warm_up), **settings)
    for commit in range(len(COMMITS)):
        bench.bare(tables, commit, 0)
        bench.iteration(tables, commit, 0)
    for commit, kind in enumerate(("fresh", "re-clone")):
        for at_a_time in AT_A_TIME:
            bare, bare_all = _timed(bench.bare, tables, commit, at_a_time)
            ours, ours_all = _timed(bench.iteration, tables, commit, at_a_time)
            figures = (bare / tables, ours / tables, bare_all, ours_all)
            shown.add_row(kind, str(at_a_time), *(f"{each:.2f}" for each in figures), f"{ours_all / bare_all:.2f}")
    return shown


def _timed(measure: Callable[[int, int, int], float], tables: int, commit: int, at_a_time: int) -> tuple[float, float]:
    """The sum of the seconds of each table, and the seconds of all together."""
    started = time.monotonic()
    with ThreadPoolExecutor(at_a_time) as pool:
        each = list(pool.map(lambda table: measure(table, commit, at_a_time), range(tables)))
    return sum(each), time.monotonic() - started


def _wheel(folder: Path) -> Path:
    path = folder / "lakefs_unity_export-0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for module in (ROOT / "src" / "lakefs_unity_export").rglob("*.py"):
            archive.write(module, module.relative_to(ROOT / "src"))
    return path


if __name__ == "__main__":
    main()
