"""What Unity Catalog does on each request: catalogs, schemas, tables and external locations."""

import time
import uuid
from collections.abc import Mapping
from typing import Any

from local_stack.unity_catalog.columns import MAXIMUM_COMMENT_LENGTH, created_column
from local_stack.unity_catalog.delta_tables import updated_table
from local_stack.unity_catalog.errors import already_exists, does_not_exist, invalid, not_empty
from local_stack.unity_catalog.lengths import check_length, check_properties
from local_stack.unity_catalog.names import checked_location, checked_name, locations_overlap, split_full_name
from local_stack.unity_catalog.store import CatalogStore

PARENTS = {"schema": "catalog", "table": "schema"}
CHILDREN = {"catalog": "schema", "schema": "table"}
DEPTHS = {"catalog": 1, "schema": 2, "table": 3, "external_location": 1}
# What a request can create; other types are what Unity Catalog makes in other ways, such as a clone's own.
TABLE_TYPES = ("EXTERNAL", "VIEW")
COMMENT_LENGTHS = {"catalog": 255, "schema": 255, "table": MAXIMUM_COMMENT_LENGTH, "external_location": 65_535}

# What a PATCH may change. The open-source server knows no owner, Databricks does.
UPDATABLE = {
    "catalog": {"comment", "owner", "properties", "new_name"},
    "schema": {"comment", "owner", "properties", "new_name"},
    "external_location": {"comment", "owner", "url", "read_only"},
}


class Securables:
    """Requests on the securables of one metastore. Each method is one transaction and returns JSON bodies."""

    def __init__(self, store: CatalogStore, metastore_id: str, *, refuses_empty_updates: bool) -> None:
        self._store = store
        self._metastore_id = metastore_id
        self._refuses_empty_updates = refuses_empty_updates

    def create(self, kind: str, request: Mapping[str, Any], principal: str) -> dict[str, Any]:
        """Create a securable from a POST body; what is there already is refused and stays as it is."""
        parents = [checked_name(parent, request.get(f"{parent}_name")) for parent in _ancestors(kind)]
        full_name = ".".join([*parents, checked_name(kind, request.get("name"))])
        with self._store.transaction() as store:
            for depth, parent in enumerate(_ancestors(kind), start=1):
                _existing(store, parent, ".".join(parents[:depth]))
            if store.get(kind, full_name) is not None:
                raise already_exists(kind, full_name)
            body = self._stamped(kind, full_name, request, principal)
            if kind == "table":
                _check_free_location(store, body)
            store.put(kind, full_name, ".".join(parents), body)
        return body

    def get(self, kind: str, full_name: str) -> dict[str, Any]:
        """One securable, looked up without regard to case."""
        with self._store.transaction() as store:
            return _existing(store, kind, _normal(kind, full_name))

    def list(self, kind: str, parent: str, after: str = "", limit: int = -1) -> list[dict[str, Any]]:
        """Securables below a parent, at most `limit` (-1: all), in the order of their names."""
        with self._store.transaction() as store:
            if parent:
                _existing(store, PARENTS[kind], _normal(PARENTS[kind], parent))
            return store.children(kind, parent.lower(), after, limit)

    def update(self, kind: str, full_name: str, request: Mapping[str, Any], principal: str) -> dict[str, Any]:
        """Apply a PATCH. A map of properties replaces the whole map that was there.

        What is null, and an empty map, changes nothing. Where nothing is changed at all, the open-source server
        answers with what is there, and Databricks is reported to refuse (`refuses_empty_updates`).
        """
        unknown = sorted(set(request) - UPDATABLE[kind] - {"full_name", "name", "name_arg"})
        if unknown:
            raise invalid(f"This server cannot change {', '.join(unknown)} of a {kind}.")
        changes = {field: request[field] for field in sorted(UPDATABLE[kind] & set(request))}
        changes = {field: value for field, value in changes.items() if value not in (None, {})}
        if not changes and self._refuses_empty_updates:
            raise invalid(f"Update{kind.title()} Nothing to update.")
        check_properties(changes.get("properties"))
        _check_comment(kind, changes.get("comment"))
        new_name = checked_name(kind, changes.pop("new_name")) if "new_name" in changes else ""
        normal = _normal(kind, full_name)
        with self._store.transaction() as store:
            body = _existing(store, kind, normal)
            if new_name:
                body = _renamed(store, kind, body, new_name)
            if changes or new_name:
                body |= changes | {"updated_at": _now(), "updated_by": principal}
                store.put(kind, body["full_name"], body["full_name"].rpartition(".")[0], body)
        return body

    def update_table(self, full_name: str, request: Mapping[str, Any], principal: str) -> dict[str, Any]:
        """Apply the updates of a Delta table, all or none."""
        with self._store.transaction() as store:
            table = _existing(store, "table", _normal("table", full_name))
            body = updated_table(table, request) | {"updated_at": _now(), "updated_by": principal}
            store.put("table", body["full_name"], body["full_name"].rpartition(".")[0], body)
        return body

    def delete(self, kind: str, full_name: str, *, force: bool) -> None:
        """Delete a securable with its grants; what holds others is refused unless forced. Files stay."""
        normal = _normal(kind, full_name)
        with self._store.transaction() as store:
            _existing(store, kind, normal)
            _delete_tree(store, kind, normal, force=force)

    def _stamped(self, kind: str, full_name: str, request: Mapping[str, Any], principal: str) -> dict[str, Any]:
        check_properties(request.get("properties"))
        _check_comment(kind, request.get("comment"))
        now = _now()
        parts = full_name.split(".")
        body: dict[str, Any] = {
            "name": parts[-1],
            "full_name": full_name,
            "owner": principal,
            "created_at": now,
            "created_by": principal,
            "updated_at": now,
            "updated_by": principal,
            "metastore_id": self._metastore_id,
        }
        if request.get("comment") is not None:
            body["comment"] = request["comment"]
        return body | _FIELDS[kind](parts, request)


def _catalog_fields(_parts: list[str], request: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "catalog_type": "MANAGED_CATALOG",
        "properties": dict(request.get("properties") or {}),
        "storage_root": request.get("storage_root"),
        "id": str(uuid.uuid4()),
    }


def _schema_fields(parts: list[str], request: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "catalog_name": parts[0],
        "properties": dict(request.get("properties") or {}),
        "schema_id": str(uuid.uuid4()),
    }


def _table_fields(parts: list[str], request: Mapping[str, Any]) -> dict[str, Any]:
    table_type = request.get("table_type")
    if table_type not in TABLE_TYPES:
        raise invalid(f"A table of the type '{table_type}' cannot be created here, only {' and '.join(TABLE_TYPES)}.")
    body = {
        "catalog_name": parts[0],
        "schema_name": parts[1],
        "table_type": table_type,
        "columns": [created_column(column) for column in request.get("columns") or []],
        "properties": dict(request.get("properties") or {}),
        "table_id": str(uuid.uuid4()),
    }
    if table_type == "VIEW":
        if not request.get("view_definition"):
            raise invalid("view_definition is required for view")
        return body | {"view_definition": request["view_definition"]}
    if request.get("data_source_format") != "DELTA":
        raise invalid("This server keeps external tables of the data_source_format DELTA only.")
    location = checked_location(request.get("storage_location"))
    return body | {"data_source_format": "DELTA", "storage_location": location}


def _external_location_fields(_parts: list[str], request: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "url": checked_location(request.get("url")),
        "credential_name": request.get("credential_name"),
        "read_only": bool(request.get("read_only")),
    }


_FIELDS = {
    "catalog": _catalog_fields,
    "schema": _schema_fields,
    "table": _table_fields,
    "external_location": _external_location_fields,
}


def _ancestors(kind: str) -> list[str]:
    chain: list[str] = []
    while kind in PARENTS:
        kind = PARENTS[kind]
        chain.insert(0, kind)
    return chain


def _normal(kind: str, full_name: str) -> str:
    return ".".join(split_full_name(full_name, DEPTHS[kind]))


def _existing(store: CatalogStore, kind: str, full_name: str) -> dict[str, Any]:
    body = store.get(kind, full_name)
    if body is None:
        if kind in PARENTS:
            _existing(store, PARENTS[kind], full_name.rpartition(".")[0])
        raise does_not_exist(kind, full_name)
    return body


def _check_free_location(store: CatalogStore, body: Mapping[str, Any]) -> None:
    location = body.get("storage_location")
    if location is None:
        return
    for other in store.every("table"):
        if other.get("storage_location") and locations_overlap(location, other["storage_location"]):
            raise invalid(
                f"LOCATION_OVERLAP: the location '{location}' of table '{body['full_name']}' overlaps with the "
                f"location '{other['storage_location']}' of table '{other['full_name']}'."
            )


def _check_comment(kind: str, comment: object) -> None:
    if comment is None:
        return
    if not isinstance(comment, str):
        raise invalid("A comment is a text.")
    check_length("COMMENT", comment, COMMENT_LENGTHS[kind])


def _renamed(store: CatalogStore, kind: str, body: Mapping[str, Any], new_name: str) -> dict[str, Any]:
    """Move a securable, with its grants and all that lies in it, to another name in the same place."""
    place = body["full_name"].rpartition(".")[0]
    full_name = f"{place}.{new_name}" if place else new_name
    if store.get(kind, full_name) is not None:
        raise already_exists(kind, full_name)
    return _moved(store, kind, body, full_name)


def _moved(store: CatalogStore, kind: str, body: Mapping[str, Any], full_name: str) -> dict[str, Any]:
    parts = full_name.split(".")
    names = dict(zip(("catalog_name", "schema_name"), parts[:-1], strict=False))
    moved = {**body, "name": parts[-1], "full_name": full_name, **names}
    child_kind = CHILDREN.get(kind)
    for child in store.children(child_kind, body["full_name"]) if child_kind else []:
        _moved(store, str(child_kind), child, f"{full_name}.{child['name']}")
    store.put(kind, full_name, ".".join(parts[:-1]), moved)
    store.move_grants(kind, body["full_name"], full_name)
    store.delete(kind, body["full_name"])
    return moved


def _delete_tree(store: CatalogStore, kind: str, full_name: str, *, force: bool) -> None:
    child_kind = CHILDREN.get(kind)
    children = store.children(child_kind, full_name) if child_kind else []
    if child_kind and children and not force:
        raise not_empty(kind, full_name, child_kind)
    for child in children:
        _delete_tree(store, str(child_kind), child["full_name"], force=force)
    store.delete(kind, full_name)


def _now() -> int:
    return time.time_ns() // 1_000_000
