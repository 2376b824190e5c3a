"""Changes of a table by the Delta API: what a table shows afterwards, and what is refused and changes nothing.

Runs against the embedded server, and against a real one where UNITY_CATALOG_URL (and UNITY_CATALOG_TOKEN) is set.
"""

import json
import uuid
from typing import Any

import httpx
import pytest
from unity_catalog_contract import Catalog, column, field, register

from local_stack.catalog_client import CatalogClient, CatalogRequestError
from local_stack.warehouse.table_updates import comment_update, table_updates

pytest_plugins = ["unity_catalog_servers"]

COMMENT = {"action": "set-table-comment", "comment": "about it"}


@pytest.fixture
def full_name(catalog: Catalog, schema: str) -> str:
    """A table with a column, a property and a comment."""
    return register(catalog, schema, "t", columns=[column("id")], properties={"a": "1"}, comment="before")


def columns(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"action": "set-columns", "columns": {"type": "struct", "fields": list(fields)}}


def test_comment_and_properties_are_changed(catalog: Catalog, full_name: str) -> None:
    given = {"action": "set-properties", "updates": {"b": "2", "c": "x" * 255}}
    removed = {"action": "remove-properties", "removals": ["a", "none"]}
    assert catalog.update(full_name, COMMENT, given, removed).is_success
    found = catalog.table(full_name)
    assert (found["comment"], found["properties"]) == ("about it", {"b": "2", "c": "x" * 255})
    assert [each["name"] for each in found["columns"]] == ["id"]
    catalog.update(full_name, {"action": "set-table-comment", "comment": ""})
    assert catalog.table(full_name)["comment"] == ""


# A field of the log, and what the REST API shows of it: name of the type, and the type in SQL.
STRUCT = {"type": "struct", "fields": [field("Inner", "long", nullable=False, metadata={"comment": "inside", "x": 1})]}
TYPES: list[tuple[Any, str, str]] = [
    *((text, text.upper(), text) for text in ("boolean", "float", "double", "date", "timestamp", "string", "binary")),
    ("timestamp_ntz", "TIMESTAMP_NTZ", "timestamp_ntz"),
    ("variant", "VARIANT", "variant"),
    ("byte", "BYTE", "tinyint"),
    ("short", "SHORT", "smallint"),
    ("integer", "INT", "int"),
    ("long", "LONG", "bigint"),
    ("decimal(10,2)", "DECIMAL", "decimal(10,2)"),
    ("decimal(38,0)", "DECIMAL", "decimal(38,0)"),
    ({"type": "array", "elementType": "long", "containsNull": False}, "ARRAY", "array<bigint>"),
    ({"type": "array", "elementType": STRUCT, "containsNull": True}, "ARRAY", "array<struct<Inner:bigint>>"),
    (
        {"type": "map", "keyType": "string", "valueType": "decimal(5,1)", "valueContainsNull": False},
        "MAP",
        "map<string,decimal(5,1)>",
    ),
    (
        {
            "type": "map",
            "keyType": "integer",
            "valueType": {"type": "map", "keyType": "date", "valueType": STRUCT, "valueContainsNull": True},
            "valueContainsNull": True,
        },
        "MAP",
        "map<int,map<date,struct<Inner:bigint>>>",
    ),
    (STRUCT, "STRUCT", "struct<Inner:bigint>"),
    (
        {"type": "struct", "fields": [field("elementType", STRUCT)]},
        "STRUCT",
        "struct<elementType:struct<Inner:bigint>>",
    ),
]


def synchronized(catalog: Catalog, full_name: str, fields: list[dict[str, Any]], *partitions: str) -> dict[str, Any]:
    """The table after REPAIR TABLE wrote these fields; a second look finds nothing to do."""
    client = CatalogClient(catalog.url, catalog.token)

    def needed() -> list[dict[str, Any]]:
        return table_updates(
            catalog.table(full_name),
            fields=fields,
            partition_columns=partitions,
            properties={"delta.x": "1"},
            comment=None,
        )

    client.update_table(catalog.table(full_name), needed())
    assert needed() == []
    return catalog.table(full_name)


@pytest.mark.parametrize(("data_type", "type_name", "type_text"), TYPES, ids=[text for _, _, text in TYPES])
def test_every_type_reaches_unity_catalog_and_comes_back(
    catalog: Catalog, full_name: str, data_type: Any, type_name: str, type_text: str
) -> None:
    (found,) = synchronized(catalog, full_name, [field("c", data_type)])["columns"]
    assert json.loads(found["type_json"]) == field("c", data_type)
    assert (found["type_name"], found["type_text"]) == (type_name, type_text)


def test_nullability_comments_metadata_and_partitions_reach_unity_catalog_and_come_back(
    catalog: Catalog, full_name: str
) -> None:
    mapped = {"delta.columnMapping.id": 1, "delta.columnMapping.physicalName": "col-1", "comment": "the key"}
    varchar = {"__CHAR_VARCHAR_TYPE_STRING": "varchar(3)"}
    fields = [
        field("id", "long", nullable=False, metadata=mapped),
        field("code", "string", metadata=varchar),
        field("day", "date"),
        field("Region", "string"),
    ]
    found = synchronized(catalog, full_name, fields, "Region", "day")
    assert [json.loads(each["type_json"]) for each in found["columns"]] == fields
    assert [each["nullable"] for each in found["columns"]] == [False, True, True, True]
    assert [each.get("comment") for each in found["columns"]] == ["the key", None, None, None]
    assert [each.get("partition_index") for each in found["columns"]] == [None, None, 1, 0]
    assert [each["position"] for each in found["columns"]] == [0, 1, 2, 3]
    unpartitioned = synchronized(catalog, full_name, fields[:3])
    assert [each.get("partition_index") for each in unpartitioned["columns"]] == [None, None, None]
    assert found["table_id"] == unpartitioned["table_id"]


def test_a_comment_that_only_unity_catalog_has_stays(catalog: Catalog, full_name: str) -> None:
    catalog.update(full_name, columns(field("id", metadata={"comment": "a person's"})), COMMENT).raise_for_status()
    found = synchronized(catalog, full_name, [field("id"), field("more")])
    assert found["comment"] == "about it"
    assert [each.get("comment") for each in found["columns"]] == ["a person's", None]


def test_columns_that_are_set_alone_keep_the_partition_columns_by_name(catalog: Catalog, full_name: str) -> None:
    synchronized(catalog, full_name, [field("day", "date"), field("id")], "day")
    assert catalog.update(full_name, columns(field("id"), field("DAY", "date"))).is_success
    assert [each.get("partition_index") for each in catalog.table(full_name)["columns"]] == [None, 0]
    answer = catalog.update(full_name, columns(field("id")))
    assert answer.json()["error"]["message"] == "partition-columns references unknown column: DAY"


def test_a_longer_property_fails_the_request_and_changes_nothing(catalog: Catalog, full_name: str) -> None:
    before = catalog.table(full_name)
    for given in ({"v": "x" * 256}, {"k" * 256: "x"}):
        answer = catalog.update(full_name, COMMENT, {"action": "set-properties", "updates": given})
        assert (answer.status_code, answer.json()["error"]["type"]) == (500, "InternalServerErrorException")
    assert catalog.update(full_name, {"action": "set-table-comment", "comment": "c" * 65_536}).status_code == 500
    assert catalog.table(full_name) == before


REFUSED: list[tuple[list[dict[str, Any]], dict[str, Any]]] = [
    ([], {}),
    ([COMMENT], {"requirements": []}),
    ([COMMENT], {"requirements": None}),
    ([COMMENT], {"requirements": [{"action": "assert-table-uuid", "uuid": str(uuid.uuid4())}]}),
    ([COMMENT], {"requirements": [{"type": "assert-table-uuid", "uuid": "none"}]}),
    ([COMMENT], {"requirements": [{"type": "assert-something"}]}),
    ([COMMENT, COMMENT], {}),
    ([{"action": "set-table-comment"}], {}),
    ([{"action": "set-table-comment", "comment": None}], {}),
    ([{"action": "add-commit"}], {}),
    ([{"action": "rename-table"}], {}),
    ([{"comment": "no action"}], {}),
    (
        [
            COMMENT,
            {"action": "set-properties", "updates": {"a": "2"}},
            {"action": "remove-properties", "removals": ["a"]},
        ],
        {},
    ),
    ([{"action": "set-columns"}], {}),
    ([columns()], {}),
    ([{"action": "set-columns", "columns": {"fields": [field("id")]}}], {}),
    ([columns({"name": "id", "type": "long", "nullable": True})], {}),
    ([columns({"name": "id", "type": "long", "metadata": {}})], {}),
    ([columns({"type": "long", "nullable": True, "metadata": {}})], {}),
    ([columns(field("id", more=1))], {}),
    ([columns(field(""))], {}),
    ([columns(field("id"), field("ID"))], {}),
    *(
        ([COMMENT, columns(field("id", text))], {})
        for text in ("void", "varchar(3)", "bigint", "decimal(39,0)", "decimal(1,2)")
    ),
    ([columns(field("id", {"type": "array", "elementType": "long", "containsNull": True}))], {}),
    ([columns(field("id", {"type": "array", "element-type": "long"}))], {}),
    (
        [columns(field("id", {"type": "map", "key-type": "long", "value-type": "void", "value-contains-null": True}))],
        {},
    ),
    ([columns(field("id", {"type": "struct", "fields": []}))], {}),
    ([columns(field("id", {"type": "udt"}))], {}),
    ([COMMENT, {"action": "set-partition-columns", "partition-columns": ["none"]}], {}),
    ([COMMENT, {"action": "set-partition-columns", "partition-columns": ["id", "ID"]}], {}),
]


@pytest.mark.parametrize(("updates", "changed"), REFUSED, ids=[f"{json.dumps(pair)[:90]}" for pair in REFUSED])
def test_a_request_against_the_rules_is_refused_and_changes_nothing(
    catalog: Catalog, full_name: str, updates: list[dict[str, Any]], changed: dict[str, Any]
) -> None:
    before = catalog.table(full_name)
    answer = catalog.update(full_name, *updates, **changed)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 400)
    assert answer.json()["error"]["type"] == "InvalidParameterValueException"
    assert catalog.table(full_name) == before


def test_another_table_of_that_name_is_left_alone(catalog: Catalog, full_name: str) -> None:
    client, known = CatalogClient(catalog.url, catalog.token), catalog.table(full_name)
    catalog.request("DELETE", f"/tables/{full_name}").raise_for_status()
    register(catalog, known["schema_name"], "t")
    before = catalog.table(full_name)
    with pytest.raises(CatalogRequestError, match="assert-table-uuid failed: expected") as refused:
        client.update_table(known, [comment_update("late")])
    assert (refused.value.status, refused.value.error_code) == (409, "UpdateRequirementConflictException")
    assert catalog.table(full_name) == before


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ({"catalog_name": "none"}, "NoSuchCatalogException"),
        ({"schema_name": "none"}, "NoSuchSchemaException"),
        ({"name": "none"}, "NoSuchTableException"),
    ],
)
def test_what_is_missing_is_named(catalog: Catalog, full_name: str, place: dict[str, str], error: str) -> None:
    with pytest.raises(CatalogRequestError, match="Unity Catalog: ") as refused:
        CatalogClient(catalog.url, catalog.token).update_table(catalog.table(full_name) | place, [COMMENT])
    assert (refused.value.status, refused.value.error_code) == (404, error)


def test_a_view_is_no_delta_table(catalog: Catalog, schema: str) -> None:
    body = {"table_type": "VIEW", "view_definition": "SELECT 1", "data_source_format": None, "storage_location": None}
    answer = catalog.update(register(catalog, schema, "v", **body), COMMENT)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "UnsupportedTableFormatException")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_a_request_without_the_token_is_refused(embedded: Catalog, headers: dict[str, str]) -> None:
    path = "/delta/v1/catalogs/c/schemas/s/tables/t"
    answer = httpx.post(f"{embedded.url}/api/2.1/unity-catalog{path}", json={}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "NotAuthorizedException")
