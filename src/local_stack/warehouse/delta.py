"""The metadata of a Delta table, read from its log, in the form that Unity Catalog keeps."""

import json
from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql.types import DataType, DecimalType, NullType, StructField, StructType

from local_stack.warehouse.relations import elements

# Spark's type names beside those of the REST API (ColumnTypeName), where they differ.
_TYPE_NAMES = {"INTEGER": "INT", "BIGINT": "LONG", "SMALLINT": "SHORT", "TINYINT": "BYTE", "VOID": "NULL"}


@dataclass(frozen=True, kw_only=True)
class DeltaMetadata:
    """What a table's log says at its newest version: schema, description, properties, partition columns."""

    schema: StructType
    comment: str | None
    properties: dict[str, str]
    partition_columns: tuple[str, ...]


def read_delta_metadata(spark: SparkSession, location: str) -> DeltaMetadata | None:
    """The metadata at a location, or None where no Delta table is. Files of the table are not read."""
    jvm: Any = spark._jvm
    log = jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, location)
    defaults = [getattr(log, f"update$default${position}")() for position in (1, 2, 3)]
    snapshot = log.update(*defaults)
    if snapshot.version() < 0:
        return None
    metadata = snapshot.metadata()
    schema = StructType.fromJson(json.loads(metadata.schemaString()))
    return DeltaMetadata(
        # As every Delta client: no file holds a column of type void, and Unity Catalog takes none.
        schema=StructType([field for field in schema.fields if not isinstance(field.dataType, NullType)]),
        comment=metadata.description(),
        properties={pair._1(): pair._2() for pair in elements(metadata.configuration().toSeq())},
        partition_columns=tuple(elements(metadata.partitionColumns())),
    )


def catalog_columns(metadata: DeltaMetadata) -> list[dict[str, Any]]:
    """The columns as the REST API's ColumnInfo."""
    return [_column(position, field, metadata) for position, field in enumerate(metadata.schema.fields)]


def _column(position: int, field: StructField, metadata: DeltaMetadata) -> dict[str, Any]:
    column: dict[str, Any] = {
        "name": field.name,
        "type_text": field.dataType.simpleString(),
        "type_name": _type_name(field.dataType),
        "type_json": json.dumps(field.jsonValue()),
        "position": position,
        "nullable": field.nullable,
    }
    if isinstance(field.dataType, DecimalType):
        column |= {"type_precision": field.dataType.precision, "type_scale": field.dataType.scale}
    if field.metadata.get("comment"):
        column["comment"] = field.metadata["comment"]
    if field.name in metadata.partition_columns:
        column["partition_index"] = metadata.partition_columns.index(field.name)
    return column


def _type_name(data_type: DataType) -> str:
    name = data_type.typeName().partition("(")[0].upper().replace(" ", "_")
    return _TYPE_NAMES.get(name, "INTERVAL" if name.startswith("INTERVAL") else name)
