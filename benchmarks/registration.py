"""What it costs to register a table: seconds of src/sql/register_table.sql on the local warehouse, and its statements.

    python benchmarks/registration.py [--tables 10] [--beside FOLDER]

One warm warehouse over the embedded Unity Catalog; tables of one version and of 1,000, each registered for the first
time, and again. FOLDER has another register_table.sql, such as that of a release: each table is then registered by
both, in turns. What a SQL warehouse of Databricks adds to each statement is not shown here.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake
from rich.console import Console
from rich.table import Table

from local_stack.unity_catalog import UnityCatalogServer
from local_stack.warehouse import Warehouse
from local_stack.warehouse.tokens import split_statements

OURS = Path(__file__).parents[1] / "src" / "sql"
FILE = "register_table.sql"
VERSIONS = (1, 1000)
ORIGIN = {"lakefs.repository": "tpch", "lakefs.branch": "main", "lakefs.line": "1", "lakefs.commit_generation": "2"}


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A warm warehouse, a folder of clones, and the SQL files that are compared, by their names."""

    warehouse: Warehouse
    folder: Path
    files: dict[str, str]
    seconds: dict[tuple[str, int, str], list[float]] = field(default_factory=lambda: defaultdict(list))

    def clone(self, name: str, versions: int) -> str:
        """Write a clone whose log has so many versions, most of them with nothing in them, and give its location."""
        folder = self.folder / "exports" / name
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
        return folder.as_uri()

    def register(self, which: str, name: str, location: str) -> float:
        """Seconds of one registration."""
        parameters = {
            "table": f"`main`.`{which}`.`{name}`",
            "schema": f"`main`.`{which}`",
            "target_path": location,
            "repository": "tpch",
            "branch": "main",
            "line": "1",
            "commit_generation": "2",
        }
        started = time.monotonic()
        self.warehouse.execute(self.files[which], parameters)
        return time.monotonic() - started

    def measure(self, number: int, versions: int) -> None:
        """Register one table by each file, the first of them in turns."""
        order = list(self.files) if number % 2 else list(reversed(self.files))
        for which in order:
            name = f"t{versions}_{number}"
            location = self.clone(f"{which}/{name}", versions)
            for when in ("first", "again"):
                self.seconds[which, versions, when].append(self.register(which, name, location))


def main() -> None:
    """Measure, and print the figures side by side."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tables", type=int, default=10)
    parser.add_argument("--beside", type=Path)
    arguments = parser.parse_args()
    folders = {"ours": OURS} | ({"beside": arguments.beside} if arguments.beside else {})
    files = {which: (folder / FILE).read_text(encoding="utf-8") for which, folder in folders.items()}
    with tempfile.TemporaryDirectory() as folder:
        catalog = UnityCatalogServer(folder=Path(folder) / "unity_catalog")
        catalog.start()
        warehouse = Warehouse(
            unity_catalog_url=catalog.url,
            unity_catalog_token=catalog.token,
            spark_conf={},
            folder=Path(folder) / "warehouse",
        )
        try:
            _create_catalog(catalog)
            warehouse.start()
            bench = Bench(warehouse=warehouse, folder=Path(folder), files=files)
            Console().print(_measured(bench, arguments.tables))
        finally:
            warehouse.stop()
            catalog.stop()


def _measured(bench: Bench, tables: int) -> Table:
    warm_up = 3
    for number in range(-warm_up, 0):
        bench.measure(number, versions=1)
    bench.seconds.clear()
    for number in range(tables):
        for versions in VERSIONS:
            bench.measure(number, versions)
    shown = Table(title=f"{tables} tables, median seconds")
    for column in ("", "statements", *(f"{when}, {versions}" for versions in VERSIONS for when in ("first", "again"))):
        shown.add_column(column, justify="right" if column else "left")
    for which, sql in bench.files.items():
        each = (bench.seconds[which, versions, when] for versions in VERSIONS for when in ("first", "again"))
        medians = (f"{statistics.median(seconds):.2f}" for seconds in each)
        shown.add_row(which, str(len(split_statements(sql))), *medians)
    return shown


def _create_catalog(catalog: UnityCatalogServer) -> None:
    headers = {"Authorization": f"Bearer {catalog.token}"}
    url = f"{catalog.url}/api/2.1/unity-catalog/catalogs"
    httpx.post(url, headers=headers, json={"name": "main"}).raise_for_status()


def _rows() -> pa.Table:
    return pa.table({"id": [1, 2], "name": ["one", "two"]})


if __name__ == "__main__":
    main()
