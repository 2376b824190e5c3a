"""The bundle's SQL files on the local warehouse, over the embedded Unity Catalog and a real one where it is set."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake
from unity_catalog_contract import Catalog

from local_stack.unity_catalog import UnityCatalogServer
from local_stack.warehouse import Warehouse, WarehouseError

pytestmark = pytest.mark.spark
pytest_plugins = ["unity_catalog_servers", "local_warehouse"]

SQL_FOLDER = Path(__file__).parents[3] / "src" / "sql"
REGISTER, UNREGISTER = ((SQL_FOLDER / f"{name}_table.sql").read_text() for name in ("register", "unregister"))
ORIGIN = {"lakefs.repository": "tpch", "lakefs.branch": "dev", "lakefs.line": "3", "lakefs.commit_generation": "7"}


@pytest.fixture(scope="module")
def embedded_server(unity_catalog: UnityCatalogServer) -> UnityCatalogServer:
    """The one that the warehouse of all tests is over."""
    return unity_catalog


@pytest.fixture(scope="module")
def warehouse(
    catalog: Catalog,
    embedded_server: UnityCatalogServer,
    local_warehouse: Warehouse,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Warehouse]:
    """A configured server has a warehouse of its own."""
    if catalog.url == embedded_server.url:
        yield local_warehouse
        return
    found = Warehouse(
        unity_catalog_url=catalog.url,
        unity_catalog_token=catalog.token,
        spark_conf={},
        folder=tmp_path_factory.mktemp("warehouse"),
    )
    try:
        found.start()
        yield found
    finally:
        found.stop()


@dataclass(frozen=True, kw_only=True)
class Export:
    """One table of an export: its clone, and its registration."""

    warehouse: Warehouse
    catalog: Catalog
    schema: str
    location: str

    @property
    def full_name(self) -> str:
        return f"{self.catalog.name}.{self.schema}.orders"

    def write(self, rows: pa.Table, **options: Any) -> None:
        """The next version of the clone."""
        metadata = CommitProperties(custom_metadata={"userMetadata": json.dumps(ORIGIN)})
        write_deltalake(
            self.location, rows, mode="overwrite", schema_mode="overwrite", commit_properties=metadata, **options
        )

    def run(self, sql: str, **changed: str) -> None:
        parts = (self.catalog.name, self.schema, "orders")
        parameters = {
            "table": ".".join(f"`{part}`" for part in parts),
            "target_base_location": self.location.removesuffix("/dev/orders"),
            "repository": "tpch",
            "branch": "dev",
            "line": "3",
            "commit_generation": "7",
        }
        self.warehouse.execute(sql, parameters | changed)

    def execute(self, sql: str) -> tuple[tuple[str | None, ...], ...]:
        return self.warehouse.execute(sql, {})[-1].rows

    def columns(self) -> list[tuple[str, str, bool, str | None, int | None]]:
        keys = ("name", "type_text", "nullable", "comment", "partition_index")
        found = self.catalog.table(self.full_name)["columns"]
        return [tuple(column.get(key) for key in keys) for column in found]


@pytest.fixture
def export(warehouse: Warehouse, catalog: Catalog, schema: str, tmp_path: Path) -> Export:
    return Export(warehouse=warehouse, catalog=catalog, schema=schema, location=f"file://{tmp_path}/dev/orders")


PLAIN = pa.table({"id": [1, 2]})


def test_a_table_is_registered_synchronized_and_unregistered(export: Export) -> None:
    export.write(PLAIN)
    export.run(REGISTER)
    first = export.catalog.table(export.full_name)
    assert (first["table_type"], first["storage_location"]) == ("EXTERNAL", export.location)
    export.run(REGISTER)
    assert export.catalog.table(export.full_name) == first
    export.write(pa.table({"id": [1], "Word": ["a"]}))
    export.run(REGISTER)
    assert export.columns() == [("id", "bigint", True, None, None), ("Word", "string", True, None, None)]
    second = export.catalog.table(export.full_name)
    export.run(REGISTER)
    assert export.catalog.table(export.full_name) == second
    assert second["table_id"] == first["table_id"]
    assert export.execute(f"SELECT * FROM {export.catalog.name}.`{export.schema}`.ORDERS") == (("1", "a"),)
    export.run(UNREGISTER)
    assert list(export.catalog.sdk.tables.list(export.catalog.name, export.schema)) == []
    assert DeltaTable(export.location).to_pyarrow_table().num_rows == 1


def test_columns_of_all_kinds_are_registered_and_synchronized_alike(export: Export) -> None:
    inner = pa.struct([pa.field("Price", pa.decimal128(10, 2), nullable=False), pa.field("n", pa.int8())])
    fields = [
        pa.field("day", pa.date32()),
        pa.field("id", pa.int64(), nullable=False, metadata={"comment": "the key"}),
        pa.field("when", pa.timestamp("us", tz="UTC")),
        pa.field("items", pa.list_(inner)),
        pa.field("tags", pa.map_(pa.string(), pa.list_(pa.float32()))),
        pa.field("place", pa.struct([pa.field("inner", inner)])),
        pa.field("raw", pa.binary()),
    ]
    rows = pa.schema(fields).empty_table()
    export.write(rows, partition_by=["day"])
    export.run(REGISTER)
    created = export.catalog.table(export.full_name)["columns"]
    assert export.columns()[:2] == [("day", "date", True, None, 0), ("id", "bigint", False, "the key", None)]
    export.run(UNREGISTER)
    folder = Path(export.location.removeprefix("file://"))
    folder.rename(f"{folder}-of-all-kinds")
    export.write(PLAIN)
    export.run(REGISTER)
    registered = export.catalog.table(export.full_name)
    folder.rename(f"{folder}-plain")
    Path(f"{folder}-of-all-kinds").rename(folder)
    export.run(REGISTER)
    synchronized = export.catalog.table(export.full_name)
    assert synchronized["table_id"] == registered["table_id"]
    same = ("name", "type_name", "position", "nullable", "comment", "partition_index")
    for one, other in zip(created, synchronized["columns"], strict=True):
        assert [one.get(key) for key in same] == [other.get(key) for key in same]
        assert json.loads(one["type_json"]) == json.loads(other["type_json"])
        assert one["type_text"] == other["type_text"].lower()
    export.run(REGISTER)
    assert export.catalog.table(export.full_name) == synchronized


def test_comments_and_properties_of_the_log_are_synchronized(export: Export) -> None:
    export.write(PLAIN)
    export.run(REGISTER)
    table = DeltaTable(export.location)
    table.alter.set_table_properties({"delta.logRetentionDuration": "interval 1 days"})
    export.execute(f"COMMENT ON TABLE {export.catalog.name}.`{export.schema}`.orders IS 'all orders'")
    export.run(REGISTER)
    found = export.catalog.table(export.full_name)
    assert (found["comment"], found["properties"]["delta.logRetentionDuration"]) == ("all orders", "interval 1 days")


def test_a_property_that_the_catalog_cannot_keep_is_an_error(export: Export) -> None:
    export.write(PLAIN)
    export.run(REGISTER)
    before = export.catalog.table(export.full_name)
    DeltaTable(export.location).alter.set_table_properties({"note": "x" * 256}, raise_if_not_exists=False)
    with pytest.raises(WarehouseError, match="Value too long for column"):
        export.run(REGISTER)
    assert export.catalog.table(export.full_name) == before


def test_schemas_are_made_changed_and_dropped(export: Export) -> None:
    name = f"{export.catalog.name}.`{export.schema}-b`"
    export.execute(f"CREATE SCHEMA {name} WITH DBPROPERTIES ('a' = '1')")
    export.execute(f"ALTER SCHEMA {name} SET DBPROPERTIES ('b' = '2')")
    full_name = name.replace("`", "")
    assert export.catalog.sdk.schemas.get(full_name).properties == {"a": "1", "b": "2"}
    with pytest.raises(WarehouseError, match="Value too long for column"):
        export.execute(f"ALTER SCHEMA {name} SET DBPROPERTIES ('b' = '{'x' * 256}')")
    export.execute(f"DROP SCHEMA {name}")
    assert export.catalog.request("GET", f"/schemas/{full_name}").status_code == 404


def test_a_name_that_a_view_has_is_left_alone(export: Export) -> None:
    body = {"name": "orders", "catalog_name": export.catalog.name, "schema_name": export.schema, "table_type": "VIEW"}
    export.catalog.request("POST", "/tables", json=body | {"view_definition": "SELECT 1", "columns": []})
    before = export.catalog.table(export.full_name)
    export.write(PLAIN)
    with pytest.raises(WarehouseError, match="is taken by another table or view"):
        export.run(REGISTER)
    with pytest.raises(WarehouseError, match="belongs to another table or view"):
        export.run(UNREGISTER)
    assert export.catalog.table(export.full_name) == before
