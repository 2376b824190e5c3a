"""What each clone method costs: seconds, calls to lakeFS and bytes written, for tables of few and of many files.

    python benchmarks/clone_methods.py [--files 10 1000 20000]

One warm Spark session reads tables of the stand-in of lakeFS through S3A. A table's files are copies of one, of 1,000
rows. For each table, in turn: a bare `DeltaTable.clone` of it, and the clone task by each method; then a commit adds
one file, and all clone again. Deep clones are those of the local bridge, which copies files by Hadoop, eight at a time:
how long Databricks takes for one is not shown here.
"""

import argparse
import io
import json
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import lakefs
from delta.tables import DeltaTable
from lakefs.client import Client
from rich.console import Console
from rich.table import Table

from lakefs_unity_export import names
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.clones.request import CloneRequest
from lakefs_unity_export.tasks.clone_table import clone_table
from local_stack.cluster import delta_bridge
from local_stack.lakefs.standin import LakeFSStandIn
from local_stack.lakefs.standin import server as standin_server
from local_stack.spark.child import start_spark
from local_stack.spark.process import base_conf
from local_stack.toolchain.jars import prefetch_jars

REPOSITORY = "clone-methods"
UPLOADS_AT_A_TIME = 16
BARE = "bare clone"
KINDS = (BARE, *CloneMethod)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of one clone: seconds, calls of lakeFS's API and of its gateway, bytes in the target that were not there."""

    seconds: float
    api_calls: int
    gateway_calls: int
    written: int


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A Spark session, a repository, and a folder for targets."""

    spark: Any
    server: LakeFSStandIn
    branch: Any
    gateway: Any
    folder: Path
    calls: Counter[str]

    def make(self, table: str, files: int) -> str:
        """A table of so many files, committed; the commit's id."""
        plain = self.folder / "plain" / table
        self.spark.range(1000).selectExpr("id", "concat('row ', id) AS name").coalesce(1).write.format("delta").save(
            f"file:{plain}"
        )
        log = plain / "_delta_log" / f"{0:020}.json"
        actions = [json.loads(line) for line in log.read_text().splitlines()]
        (one,) = [action["add"] for action in actions if "add" in action]
        content = (plain / one["path"]).read_bytes()
        paths = [f"part-{number:05}.parquet" for number in range(files)]
        lines = [action for action in actions if "add" not in action]
        lines += [{"add": {**one, "path": path}} for path in paths]
        with ThreadPoolExecutor(UPLOADS_AT_A_TIME) as pool:
            list(pool.map(lambda path: self._put(f"{table}/{path}", content), paths))
        self._put(f"{table}/_delta_log/{log.name}", "".join(f"{json.dumps(line)}\n" for line in lines).encode())
        return self._commit(table)

    def add_file(self, table: str) -> str:
        """One file more; the commit's id."""
        rows = self.spark.range(10).selectExpr("id", "'new' AS name").coalesce(1)
        rows.write.format("delta").mode("append").save(f"s3a://{REPOSITORY}/main/{table}")
        return self._commit(table)

    def _put(self, key: str, content: bytes) -> None:
        self.gateway.put_object(Bucket=REPOSITORY, Key=f"main/{key}", Body=content)

    def _commit(self, message: str) -> str:
        return str(self.branch.commit(message).get_commit().id)

    def cost(self, kind: str, table: str, commit: str, generation: int) -> Cost:
        """Of a clone of this kind to a target of its own."""
        target = self.folder / "exports" / kind.replace(" ", "_") / table
        before = _size(target)
        self.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
        self.calls.clear()
        started = time.monotonic()
        self._clone(kind, table, commit, generation, f"file:{target}")
        seconds = time.monotonic() - started
        return Cost(
            seconds=seconds,
            api_calls=self.calls["api"],
            gateway_calls=self.calls["gateway"],
            written=_size(target) - before,
        )

    def _clone(self, kind: str, table: str, commit: str, generation: int, target: str) -> None:
        source = names.source_path(repository=REPOSITORY, commit_id=commit, path=table)
        if kind == BARE:
            DeltaTable.forPath(self.spark, source).clone(target=target, isShallow=True, replace=True)
            return
        request = CloneRequest(
            repository=REPOSITORY,
            branch="main",
            commit_id=commit,
            commit_generation=generation,
            path=table,
            table=f"`benchmark`.`main`.`{table}`",
            source_path=source,
            target_path=target,
            method=CloneMethod(kind),
            lakefs_endpoint=self.server.url,
            secret_scope="lakefs",  # noqa: S106, the name of a scope
            access_key_name="id",
            secret_key_name="secret",  # noqa: S106, the name of a secret
        )
        clone_table(self.spark, request, dbutils=_Dbutils(self.server), output=io.StringIO())


class _Dbutils:
    def __init__(self, server: LakeFSStandIn) -> None:
        self._of_server = {"id": server.access_key.id, "secret": server.access_key.secret}
        self.secrets = self

    def get(self, *, scope: str, key: str) -> str:
        """As `dbutils.secrets.get`."""
        del scope
        return self._of_server[key]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """Measure, and print the figures side by side."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, nargs="+", default=[10, 1000, 20_000])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _bench(Path(folder)) as bench:
        _round(bench, "warm-up", 10, lambda *_: None)
        shown = Table(title="A clone by each method, on the stand-in of lakeFS, through S3A, to local files")
        for column in ("files", "clone", "", "seconds", "ratio", "API calls", "gateway calls", "bytes written"):
            shown.add_column(column, justify="left" if column in ("", "clone") else "right")
        for files in arguments.files:
            _round(bench, f"t{files}-{secrets.token_hex(2)}", files, _rows_of(shown, files))
        Console().print(shown)


def _rows_of(shown: Table, files: int) -> Callable[[str, dict[str, Cost]], None]:
    def add(when: str, costs: dict[str, Cost]) -> None:
        for kind, cost in costs.items():
            shown.add_row(
                f"{files:,}",
                when,
                kind,
                f"{cost.seconds:.2f}",
                f"{cost.seconds / costs[BARE].seconds:.2f}",
                str(cost.api_calls),
                f"{cost.gateway_calls:,}",
                f"{cost.written:,}",
            )
        shown.add_section()

    return add


def _round(bench: Bench, table: str, files: int, tell: Callable[[str, dict[str, Cost]], None]) -> None:
    commit = bench.make(table, files)
    tell("first", {kind: bench.cost(kind, table, commit, 2) for kind in KINDS})
    commit = bench.add_file(table)
    tell("again", {kind: bench.cost(kind, table, commit, 3) for kind in reversed(KINDS)})


@contextmanager
def _bench(folder: Path) -> Iterator[Bench]:
    calls: Counter[str] = Counter()
    server = LakeFSStandIn()
    with _counted(calls):
        server.start()
    spark = start_spark(base_conf(folder=folder, temporary=folder, jars=prefetch_jars()))
    try:
        delta_bridge.install()
        keys = {"access.key": server.access_key.id, "secret.key": server.access_key.secret}
        hadoop = spark.sparkContext._jsc.hadoopConfiguration()
        for key, value in {"endpoint": server.url, "path.style.access": "true", **keys}.items():
            hadoop.set(f"fs.s3a.bucket.{REPOSITORY}.{key}", value)
        client = Client(host=server.url, username=server.access_key.id, password=server.access_key.secret)
        repository = lakefs.Repository(REPOSITORY, client=client).create(storage_namespace=f"local://{REPOSITORY}")
        gateway = boto3.client(
            "s3",
            endpoint_url=server.url,
            aws_access_key_id=server.access_key.id,
            aws_secret_access_key=server.access_key.secret,
            region_name="us-east-1",
        )
        yield Bench(
            spark=spark, server=server, branch=repository.branch("main"), gateway=gateway, folder=folder, calls=calls
        )
    finally:
        spark.stop()
        server.stop()


@contextmanager
def _counted(calls: Counter[str]) -> Iterator[None]:
    """A server that is started meanwhile counts its requests: those of its API and those of its gateway."""
    application = standin_server._Application

    class Counting(application):  # type: ignore[misc, valid-type]
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                calls["api" if scope["path"].startswith(standin_server.API_PATH) else "gateway"] += 1
            await super().__call__(scope, receive, send)

    standin_server._Application = Counting  # type: ignore[misc]
    try:
        yield
    finally:
        standin_server._Application = application  # type: ignore[misc]


if __name__ == "__main__":
    main()
