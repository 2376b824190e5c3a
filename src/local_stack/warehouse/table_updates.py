"""What has to be changed of a registered table so that it shows what the Delta log says.

The updates are those of the open-source Unity Catalog's Delta API (since 0.5). They take a schema as Delta's log has
it, but with hyphens in the keys of arrays and maps. Everything here is JSON, and pure.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

Field = Mapping[str, Any]

_WIRE_KEYS = {
    "elementType": "element-type",
    "containsNull": "contains-null",
    "keyType": "key-type",
    "valueType": "value-type",
    "valueContainsNull": "value-contains-null",
}
# Properties that the server keeps of its own: the log has none of them.
_KEPT_BY_THE_SERVER = {"delta.lastUpdateVersion", "delta.lastCommitTimestamp"}


def table_updates(
    table: Mapping[str, Any],
    *,
    fields: Sequence[Field],
    partition_columns: Sequence[str],
    properties: Mapping[str, str],
    comment: str | None,
) -> list[dict[str, Any]]:
    """The updates that the table needs, none where it shows everything. `fields` are those of the log's schema.

    A comment that only Unity Catalog has stays, on the table and on columns; an empty one of the table in the log is a
    comment too.
    """
    present = sorted(table.get("columns") or [], key=lambda column: int(column.get("position") or 0))
    return [
        *_column_updates(present, _with_kept_comments(fields, present), list(partition_columns)),
        *_property_updates(table.get("properties") or {}, properties),
        *([comment_update(comment)] if comment is not None and comment != (table.get("comment") or "") else []),
    ]


def comment_update(comment: str) -> dict[str, Any]:
    """The update that gives the table a comment."""
    return {"action": "set-table-comment", "comment": comment}


def _column_updates(
    present: Sequence[Mapping[str, Any]], fields: Sequence[Field], partition_columns: list[str]
) -> list[dict[str, Any]]:
    if [_shown_field(column) for column in present] == list(fields) and _partitions(present) == partition_columns:
        return []
    # Both together: columns that are set alone would have to hold the partition columns of before.
    return [
        {"action": "set-columns", "columns": {"type": "struct", "fields": [_on_the_wire(field) for field in fields]}},
        {"action": "set-partition-columns", "partition-columns": partition_columns},
    ]


def _property_updates(present: Mapping[str, str], wanted: Mapping[str, str]) -> list[dict[str, Any]]:
    given = {key: value for key, value in wanted.items() if present.get(key) != value}
    removed = sorted(present.keys() - wanted.keys() - _KEPT_BY_THE_SERVER)
    return [
        *([{"action": "set-properties", "updates": given}] if given else []),
        *([{"action": "remove-properties", "removals": removed}] if removed else []),
    ]


def _shown_field(column: Mapping[str, Any]) -> Field:
    """The field that a column of the REST API stands for; empty for one that says no type."""
    return dict(json.loads(column.get("type_json") or "{}"))


def _partitions(columns: Sequence[Mapping[str, Any]]) -> list[str]:
    found = [column for column in columns if column.get("partition_index") is not None]
    return [column["name"] for column in sorted(found, key=lambda column: int(column["partition_index"]))]


def _with_kept_comments(fields: Sequence[Field], present: Sequence[Mapping[str, Any]]) -> list[Field]:
    comments = {column["name"]: column["comment"] for column in present if column.get("comment")}
    return [
        field
        if field["metadata"].get("comment") or field["name"] not in comments
        else {**field, "metadata": {**field["metadata"], "comment": comments[field["name"]]}}
        for field in fields
    ]


def _on_the_wire(value: Any) -> Any:
    """A field or a type with the keys of the API; what a field's metadata holds is data, and stays."""
    if isinstance(value, list):
        return [_on_the_wire(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    return {_WIRE_KEYS.get(key, key): each if key == "metadata" else _on_the_wire(each) for key, each in value.items()}
