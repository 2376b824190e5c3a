"""What an iteration of the task clone_tables costs beside a bare `DeltaTable.clone` of the same tables.

    python benchmarks/clone_tables.py [--files 10 1000] [--tables 12] [--at-a-time 1 4]

Both run on one warm local cluster, which reads the tables through the gateway of lakeFS and clones to local files.
Delta's cache is emptied before each turn, as a new commit finds it, and which of the two comes first alternates. The
iteration is the job's whole notebook: the look at the target, the clone, the comment and the report. It leaves out what
the job adds around a notebook. Of each table there is only the log: a shallow clone reads no more.
"""

import argparse
import json
import statistics
import tempfile
import time
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakefs_servers import Server, running_lakefs
from results import Result, Row, print_result
from surroundings import ROOT, surroundings

from lakefs_unity_export.clones.decision import Action
from local_stack.cluster.cluster import Cluster, NotebookRun
from local_stack.demo.repository import Repository, demo_repository

BARE, ITERATION = "bare clone", "clone_tables"
FIRST, AGAIN, CURRENT = "first", "again", "nothing to do"
WARM_UP = 2
_ROWS = ((FIRST, BARE), (FIRST, ITERATION), (AGAIN, BARE), (AGAIN, ITERATION), (CURRENT, ITERATION))

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

Seconds = Mapping[tuple[str, str], Sequence[float]]
"""By the kind of clone and what there was before: those of each table, in the order of the tables."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A warm cluster, and a repository whose tables are at two commits. `spark_conf` lets the cluster read it."""

    cluster: Cluster
    folder: Path
    wheel: Path
    repository: str
    commits: tuple[str, str]
    spark_conf: Mapping[str, str]

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
            self.spark_conf,
        )
        if result.error is not None:
            raise RuntimeError(result.trace or result.error)
        return result.exit_value or ""

    def empty_cache(self) -> None:
        """Let Delta forget every table."""
        self.run(self._notebook("empty_cache", _EMPTY_CACHE))

    def bare(self, path: str, commit: int, branch: str) -> float:
        """Seconds of the clone alone, without the notebook around it."""
        notebook = self._notebook("bare_clone", _BARE_CLONE)
        source = f"s3a://{self.repository}/{self.commits[commit]}/{path}"
        target = f"{self._base}/{branch}-bare/{Path(path).name}"
        return float(self.run(notebook, source_path=source, target_path=target))

    def iteration(self, path: str, commit: int, branch: str, action: Action = Action.CLONED) -> float:
        """Seconds of the job's whole notebook. Raises RuntimeError where it does not do this."""
        parameters = {
            "target_base_location": self._base,
            "repository": self.repository,
            "branch": branch,
            "source_commit_id": self.commits[commit],
            "commit_generation": str(commit + 2),
            "line": "0",
            "path": path,
            "table": f"`benchmark`.`main`.`{Path(path).name}`",
            "method": "shallow",
            "lakefs_endpoint": "http://127.0.0.1:9",
            "secret_scope": "lakefs",
            "access_key_name": "key",
            "secret_key_name": "secret",
        }
        started = time.monotonic()
        done = json.loads(self.run(ROOT / "notebooks" / "clone_table.py", **parameters))["action"]
        seconds = time.monotonic() - started
        if done != action:
            raise RuntimeError(f"the notebook was to say {action!r} of {path}, and said {done!r}")
        return seconds

    @property
    def _base(self) -> str:
        return f"file:{self.folder}/exports"

    def _notebook(self, name: str, source: str) -> Path:
        """A notebook with this one cell."""
        path = self.folder / f"{name}.py"
        if not path.exists():
            path.write_text(_HEADER + source)
        return path


def measure(files: Sequence[int], tables: int, at_a_time: Sequence[int]) -> Result:
    """So many tables of each number of files, cloned so many at a time.

    Raises ValueError where some turn would have fewer tables than others, or none.
    """
    if tables < 1 or any(each < 1 or tables % each for each in at_a_time):
        raise ValueError(f"{tables} tables do not come in turns of {', '.join(map(str, at_a_time))}")
    around, rows = surroundings(), list[Row]()
    with tempfile.TemporaryDirectory() as folder, running_lakefs(Path(folder)) as server:
        with (
            demo_repository(server.lakefs) as repository,
            _bench(Path(folder), server, repository, files, tables) as bench,
        ):
            for number in range(WARM_UP):
                _cloned(bench, [path_of(files[0], number)], f"warm{number}", [BARE, ITERATION])
            for number in files:
                for together in at_a_time:
                    rows += _rows(bench, number, tables, together)
        against = server.against
    return Result(
        name="clone_tables",
        title="An iteration of clone_tables, beside a bare DeltaTable.clone",
        against=f"{against}, through S3A; cluster: the local stack; targets: local files",
        rows=tuple(rows),
        notes=(
            "Medians. A ratio is the median of those to the bare clone of the same table; where nothing is to be done, "
            "to its bare clone again.",
        ),
        surroundings=around,
    )


def path_of(files: int, number: int) -> str:
    """The path of one of the tables with so many files."""
    return f"tables/files_{files}_{number:03}"


def _rows(bench: Bench, files: int, tables: int, at_a_time: int) -> Iterator[Row]:
    """What the clones of these tables cost, in turns of so many at a time."""
    seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    paths = [path_of(files, number) for number in range(tables)]
    for turn, start in enumerate(range(0, tables, at_a_time)):
        kinds = [BARE, ITERATION][:: -1 if turn % 2 else 1]
        for key, taken in _cloned(bench, paths[start : start + at_a_time], f"by{at_a_time}", kinds).items():
            seconds[key] += taken
    for when, kind in _ROWS:
        taken, bare = seconds[kind, when], seconds[BARE, AGAIN if when == CURRENT else when]
        yield {
            "files": files,
            "at a time": at_a_time,
            "when": when,
            "clone": kind,
            "tables": tables,
            "seconds": statistics.median(taken),
            "ratio": statistics.median(one / limit for one, limit in zip(taken, bare, strict=True)),
        }


def _cloned(bench: Bench, paths: Sequence[str], branch: str, kinds: Sequence[str]) -> Seconds:
    """The tables at once, by each kind: at the first commit, at the second, and at that where nothing is to be done."""
    seconds = dict[tuple[str, str], Sequence[float]]()
    ways = {BARE: bench.bare, ITERATION: bench.iteration}
    with ThreadPoolExecutor(len(paths)) as pool:
        for commit, when in enumerate((FIRST, AGAIN)):
            for kind in kinds:
                bench.empty_cache()
                seconds[kind, when] = list(
                    pool.map(lambda path, way=ways[kind], commit=commit: way(path, commit, branch), paths)
                )
        bench.empty_cache()
        seconds[ITERATION, CURRENT] = list(
            pool.map(lambda path: bench.iteration(path, 1, branch, Action.CURRENT), paths)
        )
    return seconds


def main() -> None:
    """Measure, and print the figures side by side."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, nargs="+", default=[10], help="of each table (default: 10)")
    parser.add_argument("--tables", type=int, default=12, help="of each number of files (default: %(default)s)")
    parser.add_argument("--at-a-time", type=int, nargs="+", default=[1, 4], help="default: 1 4")
    arguments = parser.parse_args()
    print_result(measure(arguments.files, arguments.tables, arguments.at_a_time))


@contextmanager
def _bench(folder: Path, server: Server, repository: Repository, files: Sequence[int], tables: int) -> Iterator[Bench]:
    cluster = Cluster(folder=folder / "cluster")
    settings = {f"spark.hadoop.{name}": value for name, value in server.s3a_settings(repository).items()}
    try:
        yield Bench(
            cluster=cluster,
            folder=folder,
            wheel=_wheel(folder),
            repository=repository.name,
            commits=_commits(server, repository, files, max(tables, WARM_UP)),
            spark_conf=settings,
        )
    finally:
        cluster.stop()


def _commits(server: Server, repository: Repository, files: Sequence[int], tables: int) -> tuple[str, str]:
    """So many tables with each number of files, at a commit with one version and at one with two."""
    commits = list[str]()
    for version in (0, 1):
        for number in files:
            logs = [f"{path_of(number, table)}/_delta_log/{version:020}.json" for table in range(tables)]
            server.write(repository, logs, log_of(number)[version].encode(), is_one_file=True)
        commits.append(repository.commit("main", f"Version {version}"))
    return commits[0], commits[1]


def log_of(files: int) -> tuple[str, str]:
    """The two versions of a table's log: one with these files, which are not there, and one with one file more."""
    fields = [{"name": name, "type": kind, "nullable": True, "metadata": {}} for name, kind in _COLUMNS]
    schema = json.dumps({"type": "struct", "fields": fields})
    metadata: dict[str, Any] = {"id": "1", "format": {"provider": "parquet", "options": {}}, "schemaString": schema}
    metadata |= {"partitionColumns": [], "configuration": {}, "createdTime": 1}
    head: list[dict[str, Any]] = [{"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}, {"metaData": metadata}]
    rest = {"partitionValues": {}, "size": 9000, "modificationTime": 1, "dataChange": True, "stats": json.dumps(_STATS)}
    added = [{"add": {"path": f"part-{number:05}.parquet", **rest}} for number in range(files + 1)]
    first, second = ("".join(f"{json.dumps(line)}\n" for line in lines) for lines in ([*head, *added[:-1]], added[-1:]))
    return first, second


def _wheel(folder: Path) -> Path:
    path = folder / "lakefs_unity_export-0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for module in (ROOT / "src" / "lakefs_unity_export").rglob("*.py"):
            archive.write(module, module.relative_to(ROOT / "src"))
    return path


if __name__ == "__main__":
    main()
