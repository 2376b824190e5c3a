"""How many requests one clone makes, to lakeFS's gateway and to the store of its target: over a network, each waits.

    python benchmarks/clone_requests.py [--files 10 1000]

A bare `DeltaTable.clone` and the clone task by its method `shallow`, to a bucket of an S3 of its own, with nothing
cached: a table's first clone, its clone again after a commit that adds a file, and the task where nothing is to be
done. Requests are those that S3A counts. Databricks may make fewer where it commits to a target in a way of its own.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from clone_methods import BARE, Bench, spark_bench
from results import Result, Row, print_result
from surroundings import surroundings

from lakefs_unity_export.clones.decision import Action
from lakefs_unity_export.clones.methods import CloneMethod
from local_stack.lakefs.object_store import ObjectStore

TASK = "clone_tables"
FIRST, AGAIN, CURRENT = "first", "again", "nothing to do"
BUCKET = "clone-requests-exports"


def measure(files: Sequence[int]) -> Result:
    """One table of each number of files."""
    around, rows = surroundings(), list[Row]()
    with tempfile.TemporaryDirectory() as folder, spark_bench(Path(folder)) as bench, _bucket(bench):
        for number in files:
            rows += _rows(bench, number)
        against = bench.server.against
    return Result(
        name="clone_requests",
        title="Requests of one clone",
        against=f"{against}, through S3A; targets: moto's S3",
        rows=tuple(rows),
        notes=(
            "A ratio is that of all requests to the bare clone's; where nothing is to be done, to its clone again.",
        ),
        surroundings=around,
    )


def _rows(bench: Bench, files: int) -> Iterator[Row]:
    table = f"files_{files}"
    commits = {FIRST: bench.make(table, files), AGAIN: bench.add_file(table)}
    limit = 0
    for generation, (when, commit) in enumerate(commits.items(), start=2):
        asked = _asked(bench, BARE, table, commit, generation, None)
        limit = sum(asked)
        yield _row(files, when, BARE, asked, limit)
        yield _row(files, when, TASK, _asked(bench, TASK, table, commit, generation, Action.CLONED), limit)
    yield _row(files, CURRENT, TASK, _asked(bench, TASK, table, commit, generation, Action.CURRENT), limit)


def _asked(bench: Bench, kind: str, table: str, commit: str, generation: int, do: Action | None) -> tuple[int, int]:
    """The requests to lakeFS and to the target of one clone. Raises RuntimeError where the task does something else."""
    method = kind if kind == BARE else CloneMethod.SHALLOW
    bench.empty_cache()
    before = [bench.requests(bucket) for bucket in (bench.repository.name, BUCKET)]
    done = bench.clone(method, table, commit, generation, f"s3a://{BUCKET}/{kind.replace(' ', '_')}/{table}")
    if (done and done.action) != do:
        raise RuntimeError(f"the task was to say {do!r} of {table}, and said {done}")
    return bench.requests(bench.repository.name) - before[0], bench.requests(BUCKET) - before[1]


def _row(files: int, when: str, kind: str, asked: tuple[int, int], limit: int) -> Row:
    lakefs, target = asked
    return {
        "files": files,
        "when": when,
        "clone": kind,
        "lakeFS requests": lakefs,
        "target requests": target,
        "requests": lakefs + target,
        "ratio": (lakefs + target) / limit,
    }


@contextmanager
def _bucket(bench: Bench) -> Iterator[None]:
    """The bucket of the targets, which Spark can write."""
    store = ObjectStore([BUCKET])
    store.start()
    try:
        hadoop = bench.spark.sparkContext._jsc.hadoopConfiguration()
        for name, value in store.spark_conf().items():
            hadoop.set(name.removeprefix("spark.hadoop."), value)
        yield
    finally:
        store.stop()


def main() -> None:
    """Count, and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, nargs="+", default=[10, 1000], help="of each table (default: 10 1000)")
    print_result(measure(parser.parse_args().files))


if __name__ == "__main__":
    main()
