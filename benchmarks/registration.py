"""What it costs to register a table: src/sql/register_table.sql on the local warehouse, beside the bare statement.

    python benchmarks/registration.py [--tables 10] [--beside FOLDER]

One warm warehouse over the embedded Unity Catalog; tables of one version and of 1,000, each registered for the first
time, and again, in turns: by our file, and by the one statement that a registration could not do without (CREATE TABLE,
then REPAIR TABLE ... SYNC METADATA). FOLDER has another register_table.sql, such as that of a release, to compare. What
a SQL warehouse of Databricks adds to each statement is not shown here.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake
from results import Result, Row, print_result
from surroundings import surroundings

from local_stack.unity_catalog import UnityCatalogServer
from local_stack.warehouse import Warehouse
from local_stack.warehouse.tokens import split_statements

OURS = Path(__file__).parents[1] / "src" / "sql"
FILE = "register_table.sql"
VERSIONS = (1, 1000)
WHEN = ("first", "again")
BRANCH, BARE = "main", "bare statement"
WARM_UP = 3
ORIGIN = {"lakefs.repository": "tpch", "lakefs.branch": "main", "lakefs.line": "1", "lakefs.commit_generation": "2"}


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A warm warehouse, a folder of clones, and the SQL files that are compared, by their names."""

    warehouse: Warehouse
    folder: Path
    files: dict[str, str]
    seconds: dict[tuple[str, int, str], list[float]] = field(default_factory=lambda: defaultdict(list))

    def clone(self, which: str, name: str, versions: int) -> str:
        """Write a clone whose log has so many versions, most of them with nothing in them; the target base location."""
        base = self.folder / which
        folder = base / BRANCH / name
        for version in range(versions - 1):
            if version == 0:
                write_deltalake(folder, _rows())
                continue
            commit = {"timestamp": version, "operation": "WRITE", "operationParameters": {}}
            path = folder / "_delta_log" / f"{version:020}.json"
            path.write_text(json.dumps({"commitInfo": commit}) + "\n")
        if versions > 1:
            DeltaTable(folder).create_checkpoint()
        origin = CommitProperties(custom_metadata={"userMetadata": json.dumps(ORIGIN)})
        write_deltalake(folder, _rows(), mode="append", commit_properties=origin)
        return base.as_uri()

    def register(self, which: str, when: str, name: str, base: str) -> float:
        """Seconds of one registration."""
        schema = f"`main`.`{which.replace(' ', '_')}`"
        table, location = f"{schema}.`{name}`", f"{base}/{BRANCH}/{name}"
        started = time.monotonic()
        if which == BARE:
            create = f"CREATE TABLE {table} USING DELTA LOCATION '{location}'"
            self.warehouse.execute(create if when == WHEN[0] else f"REPAIR TABLE {table} SYNC METADATA", {})
        else:
            # More than a file may ask for: what follows by rule from others is given too.
            parameters = {
                "table": table,
                "schema": schema,
                "target_base_location": base,
                "target_path": location,
                "repository": "tpch",
                "branch": BRANCH,
                "line": "1",
                "commit_generation": "2",
            }
            self.warehouse.execute(self.files[which], parameters)
        return time.monotonic() - started

    def measure(self, number: int, versions: int) -> None:
        """Register one table in each way, whose order turns round from table to table."""
        ways = [BARE, *self.files]
        for which in ways[:: -1 if number % 2 else 1]:
            name = f"t{versions}_{abs(number)}{'_warm_up' if number < 0 else ''}"
            base = self.clone(which.replace(" ", "_"), name, versions)
            for when in WHEN:
                self.seconds[which, versions, when].append(self.register(which, when, name, base))


def measure(tables: int, beside: Path | None = None) -> Result:
    """So many tables of each number of versions. Raises ValueError for none."""
    if tables < 1:
        raise ValueError(f"at least 1 table is measured, not {tables}")
    around = surroundings()
    folders = {"ours": OURS} | ({"beside": beside} if beside else {})
    files = {which: (folder / FILE).read_text(encoding="utf-8") for which, folder in folders.items()}
    with tempfile.TemporaryDirectory() as folder, _warehouse(Path(folder)) as warehouse:
        bench = Bench(warehouse=warehouse, folder=Path(folder), files=files)
        for number in range(-WARM_UP, 0):
            bench.measure(number, versions=1)
        bench.seconds.clear()
        for number in range(tables):
            for versions in VERSIONS:
                bench.measure(number, versions)
    return Result(
        name="registration",
        title="Registering a table",
        against="warehouse and Unity Catalog: the local stack",
        rows=tuple(_rows_of(bench)),
        notes=("Medians; a ratio is that of the seconds to those of the bare statement.",),
        surroundings=around,
    )


def _rows_of(bench: Bench) -> Iterator[Row]:
    for versions in VERSIONS:
        for when in WHEN:
            limit = statistics.median(bench.seconds[BARE, versions, when])
            for which in (BARE, *bench.files):
                seconds = statistics.median(bench.seconds[which, versions, when])
                yield {
                    "versions": versions,
                    "when": when,
                    "way": which,
                    "tables": len(bench.seconds[which, versions, when]),
                    "statements": len(split_statements(bench.files[which])) if which in bench.files else 1,
                    "seconds": seconds,
                    "ratio": seconds / limit,
                }


def main() -> None:
    """Measure, and print the figures side by side."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tables", type=int, default=10, help="of each kind (default: %(default)s)")
    parser.add_argument("--beside", type=Path, help="a folder with another register_table.sql")
    arguments = parser.parse_args()
    print_result(measure(arguments.tables, arguments.beside))


@contextmanager
def _warehouse(folder: Path) -> Iterator[Warehouse]:
    """A running warehouse over a Unity Catalog with the catalog `main`, and in it the schema of the bare statements."""
    catalog = UnityCatalogServer(folder=folder / "unity_catalog")
    catalog.start()
    warehouse = Warehouse(
        unity_catalog_url=catalog.url,
        unity_catalog_token=catalog.token,
        spark_conf={},
        folder=folder / "warehouse",
    )
    try:
        _create_catalog(catalog)
        warehouse.start()
        warehouse.execute(f"CREATE SCHEMA `main`.`{BARE.replace(' ', '_')}`", {})
        yield warehouse
    finally:
        warehouse.stop()
        catalog.stop()


def _create_catalog(catalog: UnityCatalogServer) -> None:
    headers = {"Authorization": f"Bearer {catalog.token}"}
    url = f"{catalog.url}/api/2.1/unity-catalog/catalogs"
    httpx.post(url, headers=headers, json={"name": "main"}).raise_for_status()


def _rows() -> pa.Table:
    return pa.table({"id": [1, 2], "name": ["one", "two"]})


if __name__ == "__main__":
    main()
