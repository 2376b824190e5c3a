"""Statements about tables: create, drop, describe, comment, and the refresh of what Unity Catalog shows of them."""

import re
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from local_stack.warehouse.delta import DeltaMetadata, catalog_columns, read_delta_metadata
from local_stack.warehouse.errors import StatementError, unsupported
from local_stack.warehouse.grammar import DescribeDelta, RepairTable
from local_stack.warehouse.names import CatalogNames, full_name_of, is_path
from local_stack.warehouse.relations import elements, simple_name
from local_stack.warehouse.result import Result, frame_result, text_result
from local_stack.warehouse.table_updates import comment_update, table_updates
from local_stack.warehouse.tokens import quoted

_DESCRIPTION = ("col_name", "data_type", "comment")


def readable(table: dict[str, Any]) -> str:
    """What Spark reads for a table of Unity Catalog. Raises StatementError for a view or a managed table."""
    location = table.get("storage_location")
    if not location or str(table.get("data_source_format")).upper() != "DELTA":
        raise unsupported(
            f"reading {table.get('table_type')} {full_name_of(table)}", "It reads Delta tables with a location only."
        )
    return f"delta.{quoted(location)}"


class TableStatements:
    """Runs the statements of one session that are about tables."""

    def __init__(self, spark: SparkSession, names: CatalogNames) -> None:
        self._spark = spark
        self._names = names

    def create(self, plan: Any) -> Result:
        """CREATE TABLE [IF NOT EXISTS] name USING DELTA LOCATION '...': registers the Delta table that is there."""
        full = self._names.full_table(tuple(elements(plan.name().nameParts())))
        specification = plan.tableSpec()
        location = _location(specification, full)
        _check_specification(plan, specification, full)
        schema = self._names.existing_schema(full[:2])
        if self._names.client.get("table", *full) is not None:
            if plan.ignoreIfExists():
                return Result()
            raise StatementError(
                "TABLE_OR_VIEW_ALREADY_EXISTS",
                f"[TABLE_OR_VIEW_ALREADY_EXISTS] Cannot create {quoted(*full)}: a table or view of that name exists. "
                "Choose another name, drop it, or add IF NOT EXISTS.",
            )
        metadata = self._delta_metadata(location, full)
        comment = _optional(specification.comment()) or metadata.comment
        place = {
            "name": full[2],
            "catalog_name": schema.get("catalog_name", full[0]),
            "schema_name": schema["name"],
            "storage_location": location,
        }
        body = place | _external_table(metadata) | ({"comment": comment} if comment else {})
        self._names.client.create("table", body, unless_exists=bool(plan.ignoreIfExists()))
        return Result()

    def drop(self, plan: Any) -> Result:
        """DROP TABLE [IF EXISTS]: removes the registration; files of an external table stay."""
        full = self._names.full_table(tuple(elements(plan.child().nameParts())))
        table = self._names.client.get("table", *full)
        if table is None:
            if plan.ifExists():
                return Result()
            self._names.existing_schema(full[:2])
            table = self._names.existing_table(full)
        if table.get("table_type") == "VIEW":
            raise StatementError(
                "EXPECT_TABLE_NOT_VIEW",
                f"[EXPECT_TABLE_NOT_VIEW] {quoted(*full)} is a view; DROP TABLE takes a table.",
            )
        self._names.client.delete("table", full_name_of(table))
        return Result()

    def show(self, plan: Any) -> Result:
        """SHOW TABLES [IN schema] [LIKE pattern]."""
        full = self._names.full_schema(_namespace(plan.namespace()))
        schema = self._names.existing_schema(full)
        tables = self._names.client.list_all("table", catalog_name=full[0], schema_name=schema["name"])
        pattern = _optional(plan.pattern())
        rows = [(schema["name"], table["name"], "false") for table in tables]
        shown = [row for row in rows if pattern is None or like(pattern, row[1])]
        return Result(
            columns=(("database", "string"), ("tableName", "string"), ("isTemporary", "boolean")), rows=tuple(shown)
        )

    def describe(self, plan: Any) -> Result:
        """DESCRIBE TABLE [EXTENDED]: columns as the Delta log has them, details as Unity Catalog has them."""
        if simple_name(plan.relation()) != "UnresolvedTableOrView" or not plan.partitionSpec().isEmpty():
            raise unsupported("DESCRIBE of a partition")
        table = self._existing(tuple(elements(plan.relation().multipartIdentifier())))
        rows = self._described_columns(table)
        if plan.isExtended():
            rows += _table_details(table)
        return text_result(_DESCRIPTION, rows)

    def describe_delta(self, statement: DescribeDelta) -> Result:
        """DESCRIBE HISTORY and DESCRIBE DETAIL, as Delta answers them, under the table's name."""
        if statement.what == "HISTORY":
            return frame_result(self.history(statement))
        table = self._existing(statement.name)
        result = frame_result(self._spark.sql(f"DESCRIBE DETAIL {readable(table)}"))
        names = [name for name, _ in result.columns]
        if "name" not in names:
            return result
        place = names.index("name")
        rows = tuple((*row[:place], full_name_of(table), *row[place + 1 :]) for row in result.rows)
        return Result(columns=result.columns, rows=rows, truncated=result.truncated)

    def history(self, statement: DescribeDelta) -> DataFrame:
        """The rows of DESCRIBE HISTORY, of a table by its name or by its path."""
        name = quoted(*statement.name) if is_path(statement.name) else readable(self._existing(statement.name))
        limit = "" if statement.limit is None else f" LIMIT {statement.limit}"
        return self._spark.sql(f"DESCRIBE HISTORY {name}{limit}")

    def comment(self, plan: Any) -> Result:
        """COMMENT ON TABLE: kept by Unity Catalog, and written to the Delta log so that a sync does not undo it."""
        table = self._existing(tuple(elements(plan.table().multipartIdentifier())))
        comment = plan.comment()
        self._spark.sql(f"COMMENT ON TABLE {readable(table)} IS {_string(comment)}")
        self._names.client.update_table(table, [comment_update(str(comment))])
        return Result()

    def repair(self, statement: RepairTable) -> Result:
        """REPAIR TABLE .. SYNC METADATA: columns, properties and comment of the Delta log reach Unity Catalog.

        A comment that only Unity Catalog has stays, on the table and on columns.
        """
        table = self._existing(statement.name)
        readable(table)
        full = self._names.full_table(statement.name)
        metadata = self._delta_metadata(table["storage_location"], full)
        updates = table_updates(
            table,
            fields=metadata.schema.jsonValue()["fields"],
            partition_columns=metadata.partition_columns,
            properties=metadata.properties,
            comment=metadata.comment,
        )
        if updates:
            self._names.client.update_table(table, updates)
        return Result()

    def _existing(self, name: tuple[str, ...]) -> dict[str, Any]:
        return self._names.existing_table(self._names.full_table(name))

    def _delta_metadata(self, location: str, full: tuple[str, ...]) -> DeltaMetadata:
        metadata = read_delta_metadata(self._spark, location)
        if metadata is None:
            raise StatementError(
                "DELTA_CREATE_EXTERNAL_TABLE_WITHOUT_TXN_LOG",
                f"[DELTA_CREATE_EXTERNAL_TABLE_WITHOUT_TXN_LOG] {quoted(*full)} cannot use {quoted(location)}: "
                "there is no Delta transaction log. Check that a Delta table was written there.",
            )
        return metadata

    def _described_columns(self, table: dict[str, Any]) -> list[tuple[str, str, str | None]]:
        location = table.get("storage_location")
        metadata = read_delta_metadata(self._spark, location) if location else None
        columns = catalog_columns(metadata) if metadata else table.get("columns") or []
        rows = [(column["name"], column["type_text"], column.get("comment")) for column in columns]
        partitions = metadata.partition_columns if metadata else ()
        if not partitions:
            return rows
        header = [("# Partition Information", "", ""), ("# col_name", "data_type", "comment")]
        return [*rows, *header, *(row for row in rows if row[0] in partitions)]


def _location(specification: Any, full: tuple[str, ...]) -> str:
    location = _optional(specification.location())
    provider = _optional(specification.provider())
    if provider is not None and provider.upper() != "DELTA":
        raise unsupported(f"CREATE TABLE {quoted(*full)} USING {provider}", "Tables are Delta tables here.")
    if not location:
        raise unsupported(f"CREATE TABLE {quoted(*full)} without LOCATION", "Tables are external tables here.")
    return str(location)


def _external_table(metadata: DeltaMetadata) -> dict[str, Any]:
    """What Unity Catalog is told of a Delta table that lies at a location of its own."""
    return {
        "table_type": "EXTERNAL",
        "data_source_format": "DELTA",
        "columns": catalog_columns(metadata),
        "properties": metadata.properties,
    }


def _check_specification(plan: Any, specification: Any, full: tuple[str, ...]) -> None:
    given = {
        "a column list": plan.columns().size() > 0,
        "PARTITIONED BY": plan.partitioning().size() > 0,
        "TBLPROPERTIES": specification.properties().size() > 0,
    }
    found = [clause for clause, present in given.items() if present]
    if found:
        raise unsupported(
            f"CREATE TABLE {quoted(*full)} with {' and '.join(found)}",
            "It registers the Delta table at a location, with the schema and properties of its log.",
        )


def _table_details(table: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    details = {
        "Catalog": table.get("catalog_name"),
        "Database": table.get("schema_name"),
        "Table": table.get("name"),
        "Type": table.get("table_type"),
        "Comment": table.get("comment"),
        "Location": table.get("storage_location"),
        "Provider": str(table.get("data_source_format") or "").lower() or None,
        "Owner": table.get("owner"),
        "Table Properties": _properties_text(table.get("properties") or {}),
    }
    rows = [(name, str(value), "") for name, value in details.items() if value is not None]
    return [("", "", ""), ("# Detailed Table Information", "", ""), *rows]


def _properties_text(properties: dict[str, str]) -> str:
    return "[" + ",".join(f"{key}={properties[key]}" for key in sorted(properties)) + "]"


def like(pattern: str, name: str) -> bool:
    """Whether a name matches the pattern of a SHOW statement: ``*`` for any text, ``|`` between alternatives."""
    alternatives = [re.escape(part.strip()).replace(r"\*", ".*") for part in pattern.split("|")]
    return any(re.fullmatch(alternative, name, re.IGNORECASE) for alternative in alternatives)


def _namespace(node: Any) -> tuple[str, ...]:
    return () if simple_name(node) == "CurrentNamespace$" else tuple(elements(node.multipartIdentifier()))


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _optional(option: Any) -> Any:
    return option.get() if option.isDefined() else None
