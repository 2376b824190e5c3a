"""What each clone method costs: seconds, calls to lakeFS and bytes written, for tables of few and of many files.

    python benchmarks/clone_methods.py [--files 10 1000 20000 100000] [--rounds 3]

One warm Spark session reads tables of the stand-in of lakeFS through S3A. A table's files are copies of one, of 1,000
rows. For each table: a bare `DeltaTable.clone` of it, and the clone task by each method; then a commit adds one file,
and all clone again. Delta's cache is emptied before each, and the order turns round from table to table. Deep clones
are those of the local bridge, which copies files by Hadoop, eight at a time: how long Databricks takes is not shown.
"""

import argparse
import io
import json
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delta.tables import DeltaTable
from http_calls import LAKEFS, counted_calls
from lakefs_servers import BRANCH, Server, running_lakefs
from results import Result, Row, print_result
from surroundings import surroundings

from lakefs_unity_export import names
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.clones.request import CloneRequest
from lakefs_unity_export.tasks.clone_table import CloneResult, clone_table
from local_stack.cluster import delta_bridge
from local_stack.demo.repository import Repository, demo_repository
from local_stack.lakefs.server import LakeFS
from local_stack.spark.child import start_spark
from local_stack.spark.process import base_conf
from local_stack.toolchain.jars import prefetch_jars
from local_stack.toolchain.java import java_home

BARE = "bare clone"
KINDS = (BARE, *CloneMethod)
WHEN = ("first", "again")
# Of larger tables there are fewer, and the largest are not copied: each takes minutes.
OFTEN, SELDOM = 1000, 2
COPIED = 20_000


# A driver of a small node has more; the logs of the largest tables fill a local stack's.
MEMORY = {"spark.driver.memory": "4g"}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of one clone: seconds, calls of lakeFS's API, requests to its gateway, bytes that the target had not before."""

    seconds: float
    api_calls: int
    gateway_requests: int
    written: int


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A Spark session, a repository that it reads, and a folder for what it writes."""

    spark: Any
    server: Server
    repository: Repository
    folder: Path

    def make(self, table: str, files: int) -> str:
        """A table of so many files, committed; the commit's id."""
        plain = self.folder / "plain" / table
        self.spark.range(1000).selectExpr("id", "concat('row ', id) AS name").coalesce(1).write.format("delta").save(
            f"file:{plain}"
        )
        log = plain / "_delta_log" / f"{0:020}.json"
        actions = [json.loads(line) for line in log.read_text().splitlines()]
        (one,) = [action["add"] for action in actions if "add" in action]
        paths = [f"part-{number:06}.parquet" for number in range(files)]
        lines = [action for action in actions if "add" not in action]
        lines += [{"add": {**one, "path": path}} for path in paths]
        self.server.write(self.repository, [f"{table}/{path}" for path in paths], (plain / one["path"]).read_bytes())
        content = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
        self.server.write(self.repository, [f"{table}/_delta_log/{log.name}"], content)
        return self.repository.commit(BRANCH, table)

    def add_file(self, table: str) -> str:
        """One file more; the commit's id."""
        rows = self.spark.range(10).selectExpr("id", "'new' AS name").coalesce(1)
        rows.write.format("delta").mode("append").save(f"s3a://{self.repository.name}/{BRANCH}/{table}")
        return self.repository.commit(BRANCH, table)

    def cost(self, kind: str, table: str, commit: str, generation: int) -> Cost:
        """Of a clone of this kind to a target of its own."""
        target = self.folder / "exports" / kind.replace(" ", "_") / table
        before, requests = _size(target), self.requests(self.repository.name)
        self.empty_cache()
        started = time.monotonic()
        with counted_calls() as calls:
            self.clone(kind, table, commit, generation, f"file:{target}")
        seconds = time.monotonic() - started
        return Cost(
            seconds=seconds,
            api_calls=calls.count(LAKEFS),
            gateway_requests=self.requests(self.repository.name) - requests,
            written=_size(target) - before,
        )

    def clone(self, kind: str, table: str, commit: str, generation: int, target: str) -> CloneResult | None:
        """Clone the table at a commit: by a method of the task, which tells what it did, or bare."""
        source = names.source_path(repository=self.repository.name, commit_id=commit, path=table)
        if kind == BARE:
            DeltaTable.forPath(self.spark, source).clone(target=target, isShallow=True, replace=True)
            return None
        request = CloneRequest(
            repository=self.repository.name,
            branch=BRANCH,
            commit_id=commit,
            commit_generation=generation,
            path=table,
            table=f"`benchmark`.`main`.`{table}`",
            source_path=source,
            target_path=target,
            method=CloneMethod(kind),
            lakefs_endpoint=self.server.lakefs.endpoint_url,
            secret_scope="lakefs",  # noqa: S106, the name of a scope
            access_key_name="id",
            secret_key_name="secret",  # noqa: S106, the name of a secret
        )
        return clone_table(self.spark, request, dbutils=_Dbutils(self.server.lakefs), output=io.StringIO())

    def empty_cache(self) -> None:
        """Let Delta forget every table."""
        self.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()

    def requests(self, bucket: str) -> int:
        """How many requests S3A has made to the bucket, retries included, as it counts them itself."""
        jvm, conf = self.spark._jvm, self.spark.sparkContext._jsc.hadoopConfiguration()
        files = jvm.org.apache.hadoop.fs.FileSystem.get(jvm.java.net.URI(f"s3a://{bucket}/"), conf)
        return int(files.getIOStatistics().counters()["store_io_request"])


class _Dbutils:
    def __init__(self, lakefs: LakeFS) -> None:
        self._of_server = {"id": lakefs.access_key_id, "secret": lakefs.secret_access_key}
        self.secrets = self

    def get(self, *, scope: str, key: str) -> str:
        """As `dbutils.secrets.get`."""
        del scope
        return self._of_server[key]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measure(files: Sequence[int], rounds: int) -> Result:
    """Tables of so many files each, `rounds` of those that are small enough. Raises ValueError for no rounds."""
    if rounds < 1:
        raise ValueError(f"{rounds} rounds measure nothing: ask for at least 1")
    around, rows = surroundings(), list[Row]()
    with tempfile.TemporaryDirectory() as folder, spark_bench(Path(folder)) as bench:
        _table(bench, "warm-up", 10, KINDS)
        for number in files:
            rows += _rows(bench, number, rounds if number <= OFTEN else min(rounds, SELDOM))
        against = bench.server.against
    return Result(
        name="clone_methods",
        title="A clone by each method, beside a bare DeltaTable.clone",
        against=f"{against}, through S3A; targets: local files",
        rows=tuple(rows),
        notes=(
            "Medians. A ratio is the median of those to the bare clone of the same table.",
            f"At most {SELDOM} tables of more than {OFTEN:,} files are measured; deep clones up to {COPIED:,} files.",
        ),
        surroundings=around,
    )


def _rows(bench: Bench, files: int, rounds: int) -> Iterator[Row]:
    """What the clones of that many files cost, over some tables."""
    kinds = [kind for kind in KINDS if kind != CloneMethod.DEEP or files <= COPIED]
    taken = [
        _table(bench, f"t{files}-{secrets.token_hex(2)}", files, kinds[:: -1 if number % 2 else 1])
        for number in range(rounds)
    ]
    for when in WHEN:
        for kind in kinds:
            costs = [each[when][kind] for each in taken]
            ratios = [each[when][kind].seconds / each[when][BARE].seconds for each in taken]
            yield {
                "files": files,
                "when": when,
                "clone": str(kind),
                "rounds": rounds,
                "seconds": statistics.median(cost.seconds for cost in costs),
                "ratio": statistics.median(ratios),
                "API calls": costs[0].api_calls,
                "gateway requests": costs[0].gateway_requests,
                "bytes written": costs[0].written,
            }


def _table(bench: Bench, table: str, files: int, kinds: Sequence[str]) -> dict[str, dict[str, Cost]]:
    """The clones of one table, before and after a commit adds a file to it."""
    costs, commit = dict[str, dict[str, Cost]](), bench.make(table, files)
    for generation, when in enumerate(WHEN, start=2):
        if when != WHEN[0]:
            commit = bench.add_file(table)
        costs[when] = {kind: bench.cost(kind, table, commit, generation) for kind in kinds}
    return costs


def main() -> None:
    """Measure, and print the figures side by side."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, nargs="+", default=[10, 1000, 20_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3, help="tables of each size (default: %(default)s)")
    arguments = parser.parse_args()
    print_result(measure(arguments.files, arguments.rounds))


@contextmanager
def spark_bench(folder: Path) -> Iterator[Bench]:
    """Everything started, with an empty repository."""
    os.environ |= {"JAVA_HOME": str(java_home()), "SPARK_LOCAL_IP": "127.0.0.1"}
    with running_lakefs(folder) as server, demo_repository(server.lakefs) as repository:
        conf = base_conf(folder=folder, temporary=folder, jars=prefetch_jars()) | MEMORY
        spark = start_spark(conf)
        spark.sparkContext.setLogLevel("ERROR")  # not a page of warnings for each target that is not there yet
        try:
            delta_bridge.install()
            hadoop = spark.sparkContext._jsc.hadoopConfiguration()
            for name, value in server.s3a_settings(repository).items():
                hadoop.set(name, value)
            yield Bench(spark=spark, server=server, repository=repository, folder=folder)
        finally:
            spark.stop()


if __name__ == "__main__":
    main()
