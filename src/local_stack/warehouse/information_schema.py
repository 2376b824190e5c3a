"""`information_schema` of a catalog and of `system`, from Unity Catalog's REST API.

Columns and their meaning are those of Databricks' documentation ("Information schema"), for the relations that
describe catalogs, schemas, tables and columns: in a catalog they show that catalog only, in `system` all of them.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from local_stack.catalog_client import CatalogClient, CatalogRequestError
from local_stack.warehouse.errors import catalog_not_found
from local_stack.warehouse.limits import SYSTEM

SCHEMA_NAME = "information_schema"
_TIMES = "created TIMESTAMP, created_by STRING, last_altered TIMESTAMP, last_altered_by STRING"
_COLUMNS = {
    "catalogs": f"catalog_name STRING, catalog_owner STRING, comment STRING, {_TIMES}",
    "schemata": f"catalog_name STRING, schema_name STRING, schema_owner STRING, comment STRING, {_TIMES}",
    "tables": (
        "table_catalog STRING, table_schema STRING, table_name STRING, table_type STRING, table_owner STRING, "
        f"comment STRING, {_TIMES}, data_source_format STRING, storage_path STRING"
    ),
    "columns": (
        "table_catalog STRING, table_schema STRING, table_name STRING, column_name STRING, ordinal_position INT, "
        "is_nullable STRING, full_data_type STRING, data_type STRING, comment STRING"
    ),
}


def relation_names() -> tuple[str, ...]:
    """The relations that can be queried."""
    return tuple(_COLUMNS)


def information_schema(spark: SparkSession, client: CatalogClient, catalog: str, relation: str) -> DataFrame:
    """The rows of one relation, of one catalog or (catalog ``system``) of all.

    Raises StatementError for a catalog that is missing; KeyError for another relation.
    """
    catalogs = _catalogs(client, catalog)
    rows = list(_ROWS[relation](client, catalogs))
    return spark.sql(
        f"SELECT inline(from_json(:rows, 'array<struct<{_typed(_COLUMNS[relation])}>>'))",
        args={"rows": json.dumps(rows)},
    )


def _typed(columns: str) -> str:
    return ", ".join(f"{name}: {kind}" for name, kind in (column.split() for column in columns.split(", ")))


def _catalogs(client: CatalogClient, catalog: str) -> list[dict[str, Any]]:
    if catalog.lower() == SYSTEM:
        return client.list_all("catalog")
    found = client.get("catalog", catalog)
    if found is None:
        raise catalog_not_found(catalog)
    return [found]


def _catalog_rows(_client: CatalogClient, catalogs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for catalog in catalogs:
        yield {"catalog_name": catalog["name"], "catalog_owner": catalog.get("owner")} | _common(catalog)


def _schema_rows(client: CatalogClient, catalogs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for catalog in catalogs:
        for schema in client.list_all("schema", catalog_name=catalog["name"]):
            names = {"catalog_name": catalog["name"], "schema_name": schema["name"]}
            yield names | {"schema_owner": schema.get("owner")} | _common(schema)


def _tables(client: CatalogClient, catalogs: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for catalog in catalogs:
        for schema in client.list_all("schema", catalog_name=catalog["name"]):
            for table in _tables_of(client, catalog["name"], schema["name"]):
                names = {"table_catalog": catalog["name"], "table_schema": schema["name"]}
                yield names | {"table_name": table["name"]}, table


def _tables_of(client: CatalogClient, catalog: str, schema: str) -> list[dict[str, Any]]:
    """None where the schema was dropped since it was listed, as a query of one moment shows none of it."""
    try:
        return client.list_all("table", catalog_name=catalog, schema_name=schema)
    except CatalogRequestError as error:
        if not error.missing:
            raise
        return []


def _table_rows(client: CatalogClient, catalogs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for names, table in _tables(client, catalogs):
        details = {
            "table_type": table.get("table_type"),
            "table_owner": table.get("owner"),
            "data_source_format": table.get("data_source_format"),
            "storage_path": table.get("storage_location"),
        }
        yield names | details | _common(table)


def _column_rows(client: CatalogClient, catalogs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for names, table in _tables(client, catalogs):
        for column in table.get("columns") or []:
            yield names | {
                "column_name": column["name"],
                "ordinal_position": column.get("position"),
                "is_nullable": "NO" if column.get("nullable") is False else "YES",
                "full_data_type": column.get("type_text"),
                "data_type": column.get("type_name"),
                "comment": column.get("comment"),
            }


def _common(securable: dict[str, Any]) -> dict[str, Any]:
    return {
        "comment": securable.get("comment"),
        "created": _timestamp(securable.get("created_at")),
        "created_by": securable.get("created_by"),
        "last_altered": _timestamp(securable.get("updated_at")),
        "last_altered_by": securable.get("updated_by"),
    }


def _timestamp(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()


_ROWS: dict[str, Callable[[CatalogClient, list[dict[str, Any]]], Iterator[dict[str, Any]]]] = {
    "catalogs": _catalog_rows,
    "schemata": _schema_rows,
    "tables": _table_rows,
    "columns": _column_rows,
}
