"""The SQL files of the bundle, and as fixtures a warehouse to run them on, with a schema for each test.

The warehouse's identity may not use the catalog `system`: nothing in the files needs it.
"""

import json
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from deltalake import CommitProperties, write_deltalake
from local_warehouse import drop

from local_stack.unity_catalog import UnityCatalogServer
from local_stack.warehouse import StatementResult, Warehouse

SQL_FOLDER = Path(__file__).parents[2] / "src" / "sql"
REGISTER = (SQL_FOLDER / "register_table.sql").read_text()
UNREGISTER = (SQL_FOLDER / "unregister_table.sql").read_text()


def new_schema() -> str:
    return f"feature-{uuid.uuid4().hex[:8]}"


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A warehouse over a Unity Catalog with the catalog `main`, and a schema's name that no other test has."""

    warehouse: Warehouse
    unity_catalog: UnityCatalogServer
    unity_catalog_file: Path
    folder: Path
    schema: str = field(default_factory=new_schema)

    @property
    def base(self) -> str:
        """The target_base_location of the exports; the branch is called as its schema."""
        return f"file://{self.folder}"

    def location(self, name: str, *, base: str = "") -> str:
        return f"{base or self.base}/{self.schema}/{name}"

    def write(
        self, name: str, rows: dict[str, list[Any]], *, origin: dict[str, str] | None = None, base: str = ""
    ) -> str:
        """Write a clone's Delta table, or its next version, and return its location."""
        ours = {"lakefs.repository": "tpch", "lakefs.branch": self.schema, "lakefs.commit_generation": "7"}
        origin = origin if origin is not None else {**ours, "lakefs.line": "1002"}
        metadata = CommitProperties(custom_metadata={"userMetadata": json.dumps(origin)} if origin else None)
        location = self.location(name, base=base)
        write_deltalake(
            location,
            pa.table(rows),
            mode="overwrite",
            schema_mode="overwrite",
            commit_properties=metadata,
        )
        return location

    def request(self, method: str, path: str, **content: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.unity_catalog.token}"}
        url = f"{self.unity_catalog.url}/api/2.1/unity-catalog{path}"
        response = httpx.request(method, url, headers=headers, **content)
        response.raise_for_status()
        return response.json()

    def table(self, name: str) -> dict[str, Any]:
        return dict(self.request("GET", f"/tables/main.{self.schema}.{name}"))

    def tables(self) -> list[str]:
        query = {"catalog_name": "main", "schema_name": self.schema}
        return [table["name"] for table in self.request("GET", "/tables", params=query)["tables"]]

    def schemas(self) -> list[str]:
        found = self.request("GET", "/schemas", params={"catalog_name": "main"})["schemas"]
        return [schema["name"] for schema in found]

    def register(self, name: str) -> None:
        """Register a clone as the file does, as far as its removal is concerned, and at once."""
        self.take_name(name, "EXTERNAL", storage_location=self.location(name))

    def take_name(self, name: str, table_type: str, **more: Any) -> dict[str, Any]:
        """Put something else under a table's name: what no request can create is made of an external table."""
        is_view = table_type == "VIEW"
        body = {"name": name, "catalog_name": "main", "schema_name": self.schema, "columns": []}
        kind = {"table_type": table_type} if is_view else {"table_type": "EXTERNAL", "data_source_format": "DELTA"}
        place = {} if is_view else {"storage_location": f"s3://bucket/{self.schema}/{name}"}
        self.request("POST", "/schemas", json={"name": self.schema, "catalog_name": "main"})
        self.request("POST", "/tables", json=body | kind | place | more)
        if not is_view:
            self.rewrite(name, "json_set(body, '$.table_type', ?)", table_type)
        if table_type == "MANAGED" and not more:
            self.rewrite(name, "json_remove(body, ?)", "$.storage_location")
        return self.table(name)

    def update(self, name: str, *updates: dict[str, Any]) -> None:
        """Change a table in Unity Catalog alone."""
        asserted = {"type": "assert-table-uuid", "uuid": self.table(name)["table_id"]}
        path = f"/delta/v1/catalogs/main/schemas/{self.schema}/tables/{name}"
        self.request("POST", path, json={"requirements": [asserted], "updates": list(updates)})

    def rewrite(self, name: str, expression: str, value: str) -> None:
        """Change what the server keeps of a table, as another server might keep it."""
        with closing(sqlite3.connect(self.unity_catalog_file)) as connection, connection:
            update = f"UPDATE securables SET body = {expression} WHERE kind = 'table' AND full_name = ?"
            connection.execute(update, (value, f"main.{self.schema}.{name}"))

    def run(self, sql: str, name: str, **changed: str | None) -> list[StatementResult]:
        """Run a file with the parameters that the job gives it, some of them changed."""
        parameters = {
            "table": f"`main`.`{self.schema}`.`{name}`",
            "target_base_location": self.base,
            "repository": "tpch",
            "branch": self.schema,
            "line": "1002",
            "commit_generation": "7",
        }
        return self.warehouse.execute(sql, parameters | changed)


@contextmanager
def served(
    warehouse: Any, unity_catalog: UnityCatalogServer, unity_catalog_folder: Path, folder: Path
) -> Iterator[Stack]:
    """The catalog `main` and a folder for exports, beside whatever runs the files as a warehouse does."""
    found = Stack(
        warehouse=warehouse,
        unity_catalog=unity_catalog,
        unity_catalog_file=unity_catalog_folder / "unity_catalog.sqlite",
        folder=folder,
    )
    found.request("POST", "/catalogs", json={"name": "main"})
    yield found
    drop(unity_catalog, "/catalogs/main")


@pytest.fixture(scope="module")
def services(
    local_warehouse: Warehouse,
    unity_catalog: UnityCatalogServer,
    unity_catalog_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    with served(local_warehouse, unity_catalog, unity_catalog_folder, tmp_path_factory.mktemp("exports")) as found:
        yield found


@pytest.fixture
def stack(services: Stack) -> Iterator[Stack]:
    """Schemas of tests before would be read by each look at the information schema."""
    found = replace(services, schema=new_schema())
    yield found
    if found.schema in found.schemas():
        drop(found.unity_catalog, f"/schemas/main.{found.schema}")


def columns(table: dict[str, Any]) -> list[tuple[str, str]]:
    return [(column["name"], column["type_text"]) for column in table["columns"]]
