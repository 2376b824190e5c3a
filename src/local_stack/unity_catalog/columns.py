"""Columns of Delta tables: what the open-source server takes for one, and what it makes of it.

It reads a column's `type_json`, a field as Spark writes it (`elementType`), where a table is created, and fields with
hyphens in their keys (`element-type`) where a table's columns are set. It refuses what is no type of Delta's, such as
`varchar(3)`, which Delta's log has as `string`. Seen on version 0.7.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_stack.unity_catalog.errors import invalid
from local_stack.unity_catalog.lengths import check_length

MAXIMUM_NAME_LENGTH = 255
MAXIMUM_COMMENT_LENGTH = 65_535

# Types of Delta's log, with their name in the REST API and their spelling in SQL.
_PRIMITIVES = {
    "boolean": ("BOOLEAN", "boolean"),
    "byte": ("BYTE", "tinyint"),
    "short": ("SHORT", "smallint"),
    "integer": ("INT", "int"),
    "long": ("LONG", "bigint"),
    "float": ("FLOAT", "float"),
    "double": ("DOUBLE", "double"),
    "date": ("DATE", "date"),
    "timestamp": ("TIMESTAMP", "timestamp"),
    "timestamp_ntz": ("TIMESTAMP_NTZ", "timestamp_ntz"),
    "string": ("STRING", "string"),
    "binary": ("BINARY", "binary"),
    "variant": ("VARIANT", "variant"),
}
_TYPE_NAMES = {name for name, _ in _PRIMITIVES.values()} | {
    *("DECIMAL", "INTERVAL", "ARRAY", "STRUCT", "MAP", "CHAR", "NULL", "USER_DEFINED_TYPE", "TABLE_TYPE")
}
_DECIMAL = re.compile(r"decimal\((\d+),\s*(\d+)\)")
_MAXIMUM_PRECISION = 38
_FIELD_KEYS = {"name", "type", "nullable", "metadata"}


@dataclass(frozen=True, kw_only=True)
class _Spelling:
    """The keys of array and map types."""

    array: tuple[str, str]
    map: tuple[str, str, str]


_IN_TYPE_JSON = _Spelling(array=("elementType", "containsNull"), map=("keyType", "valueType", "valueContainsNull"))
_ON_THE_WIRE = _Spelling(array=("element-type", "contains-null"), map=("key-type", "value-type", "value-contains-null"))


def created_column(column: object) -> dict[str, Any]:
    """A column of a table that is created. Raises INVALID_PARAMETER_VALUE for what the server refuses."""
    if not isinstance(column, dict):
        raise invalid("A column is a JSON object.")
    name = column.get("name")
    field = _parsed_type_json(column)
    problem = f"Invalid type_json for column {name}: "
    _check_field(field, "type_json", _IN_TYPE_JSON, problem)
    if field["name"] != name:
        raise invalid(f"{problem}field name {field['name']} does not match column name {name}")
    if column.get("nullable") not in (None, field["nullable"]):
        raise invalid(
            f"{problem}field nullable {field['nullable']} does not match column nullable {column['nullable']}"
        )
    if not isinstance(column.get("type_text"), str) or not isinstance(column.get("position"), int):
        raise invalid(f"Column {name} needs type_text and position.")
    if column.get("type_name") not in _TYPE_NAMES:
        raise invalid(f"Column {name} has the type_name {column.get('type_name')!r}, which is none.")
    _check_lengths(str(name), column.get("comment"))
    # Without `nullable` the server takes a column for one that is not.
    return {**column, "nullable": column.get("nullable") or False, "type_text": column["type_text"].lower()}


def set_columns(columns: object, partition_columns: list[str]) -> list[dict[str, Any]]:
    """The columns that a `set-columns` asks for. Raises INVALID_PARAMETER_VALUE for what the server refuses."""
    if not isinstance(columns, dict) or columns.get("type") != "struct" or not isinstance(columns.get("fields"), list):
        raise invalid("set-columns requires a columns block: a struct with fields.")
    if not columns["fields"]:
        raise invalid("set-columns requires at least one column.")
    _check_type(columns, "columns", _ON_THE_WIRE, "")
    made = [_column(field, position) for position, field in enumerate(columns["fields"])]
    return partitioned(made, partition_columns)


def partitioned(columns: list[dict[str, Any]], partition_columns: list[str]) -> list[dict[str, Any]]:
    """The columns, partitioned by these and no others. Raises INVALID_PARAMETER_VALUE for one that is not there."""
    by_name = {column["name"].lower(): dict(column, partition_index=None) for column in columns}
    for index, name in enumerate(partition_columns):
        column = by_name.get(name.lower())
        if column is None:
            raise invalid(f"partition-columns references unknown column: {name}")
        if column["partition_index"] is not None:
            raise invalid(f"partition-columns contains duplicate entry (case-insensitive): {name}")
        column["partition_index"] = index
    return list(by_name.values())


def partition_names(columns: list[dict[str, Any]]) -> list[str]:
    """The names of the partition columns, in their order."""
    found = [column for column in columns if column.get("partition_index") is not None]
    return [column["name"] for column in sorted(found, key=lambda column: int(column["partition_index"]))]


def _parsed_type_json(column: Mapping[str, Any]) -> dict[str, Any]:
    text = column.get("type_json")
    problem = f"Invalid type_json for column {column.get('name')}: "
    if not text or not isinstance(text, str):
        raise invalid(f"{problem}Column {column.get('name')} has null/empty typeJson")
    try:
        field = json.loads(text)
    except ValueError:
        field = None
    if not isinstance(field, dict):
        raise invalid(f"{problem}Failed to parse typeJson for column {column.get('name')}: {text}")
    return field


def _check_field(field: object, path: str, spelling: _Spelling, problem: str) -> None:
    if not isinstance(field, dict) or field.keys() - _FIELD_KEYS:
        raise invalid(f"{problem}{path} is not a field of name, type, nullable and metadata.")
    for key, kind in {"name": str, "nullable": bool, "metadata": dict}.items():
        if not isinstance(field.get(key), kind) or field[key] == "":
            raise invalid(f"{problem}{path}.{key} is required.")
    _check_type(field.get("type"), f"{path}.type", spelling, problem)


def _check_type(data_type: object, path: str, spelling: _Spelling, problem: str) -> None:
    if isinstance(data_type, str):
        _check_primitive(data_type, path, problem)
        return
    kind = data_type.get("type") if isinstance(data_type, dict) else None
    keys = {"array": spelling.array, "map": spelling.map, "struct": ("fields",)}.get(str(kind))
    if keys is None or not isinstance(data_type, dict) or data_type.keys() != {"type", *keys}:
        raise invalid(f"{problem}{path} is no type of Delta: {json.dumps(data_type)}")
    if kind == "struct":
        _check_fields(data_type["fields"], path, spelling, problem)
        return
    for key in keys[:-1]:
        _check_type(data_type[key], f"{path}.{key}", spelling, problem)
    if not isinstance(data_type[keys[-1]], bool):
        raise invalid(f"{problem}{path}.{keys[-1]} is required.")


def _check_fields(fields: object, path: str, spelling: _Spelling, problem: str) -> None:
    if not isinstance(fields, list) or not fields:
        raise invalid(f"{problem}{path}.fields must contain at least one field.")
    seen = set[str]()
    for index, field in enumerate(fields):
        _check_field(field, f"{path}.fields[{index}]", spelling, problem)
        if field["name"].lower() in seen:
            raise invalid(
                f"{problem}Duplicate field name (case-insensitive) in {path}.fields[{index}]: {field['name']}"
            )
        seen.add(field["name"].lower())


def _check_primitive(text: str, path: str, problem: str) -> None:
    match = _DECIMAL.fullmatch(text)
    if match is None:
        if text not in _PRIMITIVES:
            raise invalid(f"{problem}{path}: Unsupported Delta primitive type: {text}")
        return
    precision, scale = (int(number) for number in match.groups())
    if precision > _MAXIMUM_PRECISION:
        raise invalid(f"{problem}{path}.precision must be in [0, {_MAXIMUM_PRECISION}], got {precision}.")
    if scale > precision:
        raise invalid(f"{problem}{path}.scale must be in [0, precision={precision}], got {scale}.")


def _column(field: Mapping[str, Any], position: int) -> dict[str, Any]:
    comment = field["metadata"].get("comment")
    _check_lengths(field["name"], comment)
    return {
        "name": field["name"],
        "type_text": _type_text(field["type"]),
        "type_name": _type_name(field["type"]),
        "type_json": json.dumps(_field_of_type_json(field)),
        "position": position,
        "nullable": field["nullable"],
    } | ({"comment": comment} if isinstance(comment, str) else {})


def _field_of_type_json(field: Mapping[str, Any]) -> dict[str, Any]:
    return {**field, "type": _type_of_type_json(field["type"])}


def _type_of_type_json(data_type: Any) -> Any:
    if isinstance(data_type, str):
        return data_type
    if data_type["type"] == "struct":
        return {"type": "struct", "fields": [_field_of_type_json(field) for field in data_type["fields"]]}
    kind = data_type["type"]
    wire, spark = (getattr(spelling, kind) for spelling in (_ON_THE_WIRE, _IN_TYPE_JSON))
    renamed = dict(zip(wire, spark, strict=True))
    return {"type": kind} | {renamed[key]: _type_or_flag(data_type[key]) for key in wire}


def _type_or_flag(value: Any) -> Any:
    return value if isinstance(value, bool) else _type_of_type_json(value)


def _type_name(data_type: Any) -> str:
    if not isinstance(data_type, str):
        return str(data_type["type"]).upper()
    return "DECIMAL" if _DECIMAL.fullmatch(data_type) else _PRIMITIVES[data_type][0]


def _type_text(data_type: Any) -> str:
    if isinstance(data_type, str):
        match = _DECIMAL.fullmatch(data_type)
        return f"decimal({match[1]},{match[2]})" if match else _PRIMITIVES[data_type][1]
    if data_type["type"] == "struct":
        inside = ",".join(f"{field['name']}:{_type_text(field['type'])}" for field in data_type["fields"])
    else:
        keys = getattr(_ON_THE_WIRE, data_type["type"])[:-1]
        inside = ",".join(_type_text(data_type[key]) for key in keys)
    return f"{data_type['type']}<{inside}>"


def _check_lengths(name: str, comment: object) -> None:
    check_length("NAME", name, MAXIMUM_NAME_LENGTH)
    if isinstance(comment, str):
        check_length("COMMENT", comment, MAXIMUM_COMMENT_LENGTH)
