"""Changes of a Delta table as the open-source server takes them since 0.5: requirements and updates in one request.

`POST /delta/v1/catalogs/{catalog}/schemas/{schema}/tables/{table}`, held to the answers of version 0.7. Updates and
requirements that nothing here sends are refused with an error that says so.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from local_stack.unity_catalog.columns import MAXIMUM_COMMENT_LENGTH, partition_names, partitioned, set_columns
from local_stack.unity_catalog.errors import CatalogError, invalid
from local_stack.unity_catalog.lengths import check_length, check_properties

# What the server offers and this one does not, and what it takes for managed tables only.
_NOT_HERE = ("set-protocol", "set-domain-metadata", "remove-domain-metadata", "update-metadata-snapshot-version")
_MANAGED_ONLY = ("add-commit", "set-latest-backfilled-version")
_BODIES = {
    "set-properties": "updates",
    "remove-properties": "removals",
    "set-columns": "columns",
    "set-partition-columns": "partition-columns",
    "set-table-comment": "comment",
}


def updated_table(table: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """The table as the request changes it. Raises CatalogError for a request that the server refuses."""
    updates = _updates(request.get("updates"))
    _check_requirements(request.get("requirements"), table)
    if table.get("data_source_format") != "DELTA":
        raise CatalogError(400, "UNSUPPORTED_TABLE_FORMAT", f"Table is not a Delta table: {table['full_name']}")
    changed = dict(table)
    if "set-columns" in updates or "set-partition-columns" in updates:
        names = _names("set-partition-columns", updates.get("set-partition-columns", partition_names(table["columns"])))
        if "set-columns" in updates:
            changed["columns"] = set_columns(updates["set-columns"], names)
        else:
            changed["columns"] = partitioned(table["columns"], names)
    if "set-table-comment" in updates:
        changed["comment"] = _comment(updates["set-table-comment"])
    changed["properties"] = _properties(table["properties"], updates)
    return changed


def loaded(table: Mapping[str, Any]) -> dict[str, Any]:
    """The answer: the table as it is now, without its columns, which nothing here reads."""
    return {
        "metadata": {
            "etag": f"etag-{table['updated_at']}",
            "table-type": table["table_type"],
            "table-uuid": table["table_id"],
            "location": table.get("storage_location"),
            "partition-columns": partition_names(table["columns"]),
            "properties": table["properties"],
        }
    }


def _updates(updates: object) -> dict[str, Any]:
    """What each action asks for, by the action."""
    if not updates or not isinstance(updates, list):
        raise invalid("At least one update is required.")
    found: dict[str, Any] = {}
    for update in updates:
        action = update.get("action") if isinstance(update, dict) else None
        if action in _MANAGED_ONLY:
            raise invalid("add-commit and set-latest-backfilled-version require a MANAGED Delta table.")
        if action in _NOT_HERE:
            raise invalid(f"This server does not take the update {action}.")
        if action not in _BODIES:
            raise invalid(f"Could not resolve type id {action!r} as an update.")
        if action in found:
            raise invalid(f"At most one {action} is allowed per request.")
        if update.keys() != {"action", _BODIES[action]} or update[_BODIES[action]] is None:
            raise invalid(f"{action} requires {_BODIES[action]}, and takes nothing else.")
        found[action] = update[_BODIES[action]]
    return found


def _check_requirements(requirements: object, table: Mapping[str, Any]) -> None:
    asserted = None
    for requirement in requirements if isinstance(requirements, list) else []:
        kind = requirement.get("type") if isinstance(requirement, dict) else None
        if kind != "assert-table-uuid":
            raise invalid(f"This server knows no requirement of the type {kind!r}.")
        if asserted is not None:
            raise invalid("At most one assert-table-uuid is allowed per request.")
        asserted = _uuid(requirement.get("uuid"))
    if asserted is None:
        raise invalid("assert-table-uuid requirement is required.")
    if asserted != table["table_id"]:
        raise CatalogError(
            409,
            "UPDATE_REQUIREMENT_CONFLICT",
            f"assert-table-uuid failed: expected {asserted} but table has {table['table_id']}",
        )


def _uuid(text: object) -> str:
    try:
        return str(uuid.UUID(str(text)))
    except ValueError as error:
        raise invalid(f"The uuid of an assert-table-uuid is {text!r}, which is none.") from error


def _properties(present: Mapping[str, str], updates: Mapping[str, Any]) -> dict[str, str]:
    given = updates.get("set-properties", {})
    check_properties(given)
    removed = _names("remove-properties", updates.get("remove-properties", []))
    if both := sorted(given.keys() & set(removed)):
        raise invalid(f"set-properties and remove-properties overlap on keys: [{', '.join(both)}]")
    return {key: value for key, value in (dict(present) | given).items() if key not in removed}


def _names(action: str, names: object) -> list[str]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise invalid(f"{action} takes a list of names.")
    return names


def _comment(comment: object) -> str:
    if not isinstance(comment, str):
        raise invalid("set-table-comment requires a comment.")
    check_length("COMMENT", comment, MAXIMUM_COMMENT_LENGTH)
    return comment
