"""What an iteration of the task clone_tables costs beside a bare `DeltaTable.clone` of the same tables.

    python benchmarks/clone_tables.py [--tables 12] [--files 10] [--at-a-time 1 4] [--s3a]

Both run on one warm local cluster, to targets on local files; with --s3a, the tables are read through the gateway of
the stand-in of lakeFS. Delta's cache is emptied before each clone, as a new commit finds it, and which of the two comes
first alternates. The iteration is the whole notebook: the look at target and source, the clone, the comment and the
report. It leaves out what the job adds around a notebook. Beside the seconds: the load of the machine.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import lakefs
from lakefs.client import Client
from rich.console import Console
from rich.table import Table

from local_stack.cluster.cluster import Cluster, NotebookRun
from local_stack.lakefs.standin import LakeFSStandIn

ROOT = Path(__file__).parents[1]
REPOSITORY = "clone-tables"
WARM_UP = 2

_HEADER = "# Databricks notebook source\n"
_EMPTY_CACHE = "spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()\n"
_BARE_CLONE = """
import time
from delta.tables import DeltaTable
started = time.monotonic()
DeltaTable.forPath(spark, dbutils.widgets.get("source_path")).clone(
    target=dbutils.widgets.get("target_path"), isShallow=True, replace=True, properties={"by": "benchmark"}
)
dbutils.notebook.exit(str(time.monotonic() - started))
"""
# As Delta writes them for a table of these columns.
_COLUMNS = (("id", "long"), ("name", "string"))
_STATS = {"numRecords": 1000, "minValues": {"id": 0, "name": "row 0"}, "maxValues": {"id": 999, "name": "row 999"}}


@dataclass(frozen=True)
class Source:
    """Tables at two commits. `paths` are what each commit's paths begin with."""

    paths: tuple[str, ...]
    commits: tuple[str, ...]
    spark_conf: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Bench:
    """A warm cluster, and the tables."""

    cluster: Cluster
    folder: Path
    wheel: Path
    source: Source

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
            {"spark.databricks.delta.snapshotPartitions": "1", **self.source.spark_conf},
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

    def bare(self, table: int, commit: int, target: str) -> float:
        """Seconds of the clone alone, without the notebook around it."""
        self.run(self.notebook("empty_cache", _EMPTY_CACHE))
        paths = self._paths(table, commit, f"{target}-bare")
        return float(self.run(self.notebook("bare_clone", _BARE_CLONE), **paths))

    def iteration(self, table: int, commit: int, target: str) -> float:
        """Seconds of the task's whole notebook."""
        self.run(self.notebook("empty_cache", _EMPTY_CACHE))
        parameters = {
            "source_path": self._paths(table, commit, target)["source_path"],
            "target_base_location": f"file:{self.folder}/exports",
            "repository": REPOSITORY,
            "branch": target,
            "source_commit_id": self.source.commits[commit],
            "commit_generation": str(commit + 2),
            "line": "0",
            "path": f"tables/t{table}",
            "table": f"`benchmark`.`main`.`t{table}`",
            "method": "shallow",
            "lakefs_endpoint": "http://127.0.0.1:9",
            "secret_scope": "lakefs",
            "access_key_name": "key",
            "secret_key_name": "secret",
        }
        started = time.monotonic()
        value = self.run(self.notebook("clone_table", _notebook_of_the_job()), **parameters)
        seconds = time.monotonic() - started
        action = json.loads(value)["action"]
        if action != "cloned":
            raise RuntimeError(f"table t{table} was to be cloned, but is {action}")
        return seconds

    def _paths(self, table: int, commit: int, target: str) -> dict[str, str]:
        return {
            "source_path": f"{self.source.paths[commit]}/tables/t{table}",
            "target_path": f"file:{self.folder}/exports/{target}/t{table}",
        }


def _notebook_of_the_job() -> str:
    """The job's notebook, but that its source may lie on this machine."""
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
    parser.add_argument("--tables", type=int, default=12)
    parser.add_argument("--files", type=int, default=10, help="of each table (default: %(default)s)")
    parser.add_argument("--at-a-time", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--s3a", action="store_true", help="read the tables through the stand-in of lakeFS")
    arguments = parser.parse_args()
    tables = arguments.tables + WARM_UP
    with tempfile.TemporaryDirectory() as folder, _source(Path(folder), tables, arguments) as source:
        cluster = Cluster(folder=Path(folder) / "cluster")
        try:
            bench = Bench(cluster, Path(folder), _wheel(Path(folder)), source)
            Console().print(_measured(bench, arguments))
        finally:
            cluster.stop()


def _measured(bench: Bench, arguments: argparse.Namespace) -> Table:
    where = "through S3A" if arguments.s3a else "on local files"
    shown = Table(title=f"{arguments.tables} tables of {arguments.files:,} files {where}, medians in seconds")
    for column in ("", "at once", "bare clone", "iteration", "ratio", "load"):
        shown.add_column(column, justify="right" if column else "left")
    for table in range(WARM_UP):
        for commit in (0, 1):
            bench.bare(arguments.tables + table, commit, "warm")
            bench.iteration(arguments.tables + table, commit, "warm")
    for at_a_time in arguments.at_a_time:
        for commit, kind in enumerate(("first", "again")):
            bare, ours = _both(bench, arguments.tables, commit, at_a_time)
            load = f"{os.getloadavg()[0]:.1f}"
            shown.add_row(kind, str(at_a_time), f"{bare:.2f}", f"{ours:.2f}", f"{ours / bare:.2f}", load)
    return shown


def _both(bench: Bench, tables: int, commit: int, at_a_time: int) -> tuple[float, float]:
    """The medians of a bare clone and of an iteration. A group is cloned at once by the one, then by the other."""
    seconds: dict[str, list[float]] = {"bare": [], "iteration": []}
    with ThreadPoolExecutor(at_a_time) as pool:
        for group in range(0, tables, at_a_time):
            kinds = ["bare", "iteration"]
            for kind in kinds if (group // at_a_time) % 2 == 0 else reversed(kinds):
                measure = getattr(bench, kind)
                members = range(group, min(group + at_a_time, tables))
                seconds[kind] += pool.map(lambda table, each=measure: each(table, commit, f"by{at_a_time}"), members)
    return statistics.median(seconds["bare"]), statistics.median(seconds["iteration"])


@contextmanager
def _source(folder: Path, tables: int, arguments: argparse.Namespace) -> Iterator[Source]:
    logs = _logs(arguments.files)
    if not arguments.s3a:
        commits = ("a" * 64, "b" * 64)
        for commit, number in ((commit, number) for commit in (0, 1) for number in range(tables)):
            log = folder / "repository" / commits[commit] / f"tables/t{number}/_delta_log"
            log.mkdir(parents=True)
            for version in range(commit + 1):
                (log / f"{version:020}.json").write_text(logs[version])
        yield Source(tuple(f"file:{folder}/repository/{commit}" for commit in commits), commits)
        return
    server = LakeFSStandIn()
    server.start()
    try:
        yield _through_gateway(server, tables, logs)
    finally:
        server.stop()


def _through_gateway(server: LakeFSStandIn, tables: int, logs: tuple[str, ...]) -> Source:
    keys = {"aws_access_key_id": server.access_key.id, "aws_secret_access_key": server.access_key.secret}
    gateway = boto3.client("s3", endpoint_url=server.url, region_name="us-east-1", **keys)
    client = Client(host=server.url, username=server.access_key.id, password=server.access_key.secret)
    repository = lakefs.Repository(REPOSITORY, client=client).create(storage_namespace=f"local://{REPOSITORY}")
    commits = []
    for version, log in enumerate(logs):
        for number in range(tables):
            key = f"main/tables/t{number}/_delta_log/{version:020}.json"
            gateway.put_object(Bucket=REPOSITORY, Key=key, Body=log.encode())
        commits.append(str(repository.branch("main").commit(f"version {version}").get_commit().id))
    settings = {
        "endpoint": server.url,
        "path.style.access": "true",
        "access.key": server.access_key.id,
        "secret.key": server.access_key.secret,
    }
    spark_conf = {f"spark.hadoop.fs.s3a.bucket.{REPOSITORY}.{name}": value for name, value in settings.items()}
    return Source(tuple(f"s3a://{REPOSITORY}/{commit}" for commit in commits), tuple(commits), spark_conf)


def _logs(files: int) -> tuple[str, ...]:
    """The commits of a table: one with these files, which are not there, and one with one file more."""
    fields = [{"name": name, "type": kind, "nullable": True, "metadata": {}} for name, kind in _COLUMNS]
    schema = json.dumps({"type": "struct", "fields": fields})
    metadata = {"id": "1", "format": {"provider": "parquet", "options": {}}, "schemaString": schema}
    metadata |= {"partitionColumns": [], "configuration": {}, "createdTime": 1}
    head = [{"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}, {"metaData": metadata}]
    rest = {"partitionValues": {}, "size": 9000, "modificationTime": 1, "dataChange": True, "stats": json.dumps(_STATS)}
    added = [{"add": {"path": f"part-{number:05}.parquet", **rest}} for number in range(files + 1)]
    return tuple("".join(f"{json.dumps(line)}\n" for line in lines) for lines in ([*head, *added[:-1]], added[-1:]))


def _wheel(folder: Path) -> Path:
    path = folder / "lakefs_unity_export-0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for module in (ROOT / "src" / "lakefs_unity_export").rglob("*.py"):
            archive.write(module, module.relative_to(ROOT / "src"))
    return path


if __name__ == "__main__":
    main()
