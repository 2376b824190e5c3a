"""The Unity Catalog contract: what the exports and the warehouse rely on, through databricks-sdk.

Runs against the embedded server, and against a real one where UNITY_CATALOG_URL (and UNITY_CATALOG_TOKEN) is set.
What Databricks does and the open-source server does not is tested on the embedded server alone.
"""

import json
import uuid
from dataclasses import replace
from typing import Any

import pytest
from databricks.sdk.errors import DatabricksError, NotFound
from databricks.sdk.service.catalog import ColumnInfo, ColumnTypeName, DataSourceFormat, TableType
from unity_catalog_contract import Catalog, column, created, field, register

from lakefs_unity_export.export.schema_properties import change_state, forget_branch
from lakefs_unity_export.export.state import FOLLOWS_NOTHING, ExportState, read_state
from lakefs_unity_export.ports import Commit
from lakefs_unity_export.servers.workspace import WorkspaceUnityCatalog

pytest_plugins = ["unity_catalog_servers"]


def test_a_catalog_is_created_read_and_listed(catalog: Catalog) -> None:
    found = catalog.sdk.catalogs.get(catalog.name)
    assert (found.name, found.comment) == (catalog.name, "made by a test")
    assert catalog.name in [listed.name for listed in catalog.sdk.catalogs.list()]


def test_a_missing_catalog_schema_and_table_are_not_found(catalog: Catalog, schema: str) -> None:
    with pytest.raises(NotFound):
        catalog.sdk.catalogs.get("no_such_catalog")
    with pytest.raises(NotFound):
        catalog.sdk.schemas.get(f"{catalog.name}.no_such_schema")
    with pytest.raises(NotFound):
        catalog.sdk.tables.get(f"{catalog.name}.{schema}.no_such_table")


def test_a_schema_keeps_a_hyphen_and_its_properties(catalog: Catalog) -> None:
    created = catalog.sdk.schemas.create("feature-x", catalog.name, properties={"lakefs.tpch.branch": "feature-x"})
    assert created.full_name == f"{catalog.name}.feature-x"
    assert catalog.sdk.schemas.get(created.full_name).properties == {"lakefs.tpch.branch": "feature-x"}
    assert "feature-x" in [listed.name for listed in catalog.sdk.schemas.list(catalog.name)]


def test_an_update_replaces_the_whole_map_of_properties(catalog: Catalog, schema: str) -> None:
    full_name = f"{catalog.name}.{schema}"
    catalog.sdk.schemas.update(full_name, properties={"a": "1", "b": "2"})
    catalog.sdk.schemas.update(full_name, properties={"b": "3"})
    assert catalog.sdk.schemas.get(full_name).properties == {"b": "3"}


def test_an_update_of_a_comment_leaves_properties_alone(catalog: Catalog, schema: str) -> None:
    full_name = f"{catalog.name}.{schema}"
    catalog.sdk.schemas.update(full_name, properties={"a": "1"})
    catalog.sdk.schemas.update(full_name, comment="about it")
    found = catalog.sdk.schemas.get(full_name)
    assert (found.comment, found.properties) == ("about it", {"a": "1"})


def test_an_external_table_is_created_read_and_listed(catalog: Catalog, schema: str) -> None:
    created = catalog.sdk.tables.create(
        "line_item",
        catalog.name,
        schema,
        TableType.EXTERNAL,
        DataSourceFormat.DELTA,
        f"s3://bucket/{schema}/line_item",
        columns=[
            ColumnInfo(
                name="id",
                type_name=ColumnTypeName.LONG,
                type_text="bigint",
                type_json=json.dumps(field("id")),
                nullable=True,
                position=0,
            )
        ],
        properties={"lakefs.branch": "main"},
    )
    found = catalog.sdk.tables.get(f"{catalog.name}.{schema}.line_item")
    assert found.table_id == created.table_id
    assert found.table_type == TableType.EXTERNAL
    assert found.data_source_format == DataSourceFormat.DELTA
    assert found.storage_location == f"s3://bucket/{schema}/line_item"
    assert (found.properties or {})["lakefs.branch"] == "main"
    assert [listed.name for listed in catalog.sdk.tables.list(catalog.name, schema)] == ["line_item"]


def test_creating_what_exists_is_refused_and_changes_nothing(catalog: Catalog, schema: str) -> None:
    full_name = register(catalog, schema, "orders")
    with pytest.raises(DatabricksError):
        catalog.sdk.schemas.create(schema, catalog.name, comment="second")
    again = {"table_type": "EXTERNAL", "data_source_format": "DELTA", "columns": []}
    names = {"name": "orders", "catalog_name": catalog.name, "schema_name": schema}
    answer = catalog.request("POST", "/tables", json=names | again | {"storage_location": "s3://bucket/other"})
    assert answer.status_code in {400, 409}
    assert catalog.sdk.tables.get(full_name).storage_location == f"s3://bucket/{schema}/orders"
    assert catalog.sdk.schemas.get(f"{catalog.name}.{schema}").comment is None


@pytest.mark.parametrize("refused", [{"type_json": None}, {"type_json": "", "nullable": True}])
def test_columns_without_type_json_are_refused(catalog: Catalog, schema: str, refused: dict[str, object]) -> None:
    answer = created(catalog, schema, "t", columns=[column(**refused)])
    assert answer.status_code == 400
    assert answer.json()["message"] == "Invalid type_json for column id: Column id has null/empty typeJson"


@pytest.mark.parametrize(
    "refused",
    [
        column(type_json="no JSON"),
        column(type_json='"long"'),
        column(type_json=json.dumps(field("other"))),
        column(nullable=False),
        column(type_name="ODD"),
        column(type_json=json.dumps({"name": "id", "type": "long", "nullable": True})),
        column(type_json=json.dumps(field("id", more=1))),
        *(column(data_type=text) for text in ("void", "varchar(3)", "char(3)", "decimal", "interval day to second")),
        *(column(data_type=text) for text in ("decimal(39,1)", "decimal(5,6)", "string collate UNICODE", "bigint")),
        column(data_type={"type": "array", "element-type": "long", "contains-null": True}),
        column(data_type={"type": "array", "elementType": "long"}),
        column(data_type={"type": "struct", "fields": []}),
        column(data_type={"type": "struct", "fields": [field("a"), field("A")]}),
        column(data_type={"type": "udt", "class": "x"}),
    ],
    ids=lambda refused: str(refused["type_json"])[:80] + str(refused.get("type_name")),
)
def test_columns_that_are_none_are_refused(catalog: Catalog, schema: str, refused: dict[str, object]) -> None:
    assert created(catalog, schema, "t", columns=[refused]).status_code == 400
    assert catalog.request("GET", f"/tables/{catalog.name}.{schema}.t").status_code == 404


NESTED = {
    "type": "map",
    "keyType": "string",
    "valueType": {
        "type": "array",
        "elementType": {"type": "struct", "fields": [field("Inner", "decimal(10,2)", nullable=False)]},
        "containsNull": False,
    },
    "valueContainsNull": True,
}


@pytest.mark.parametrize("data_type", ["variant", "timestamp_ntz", "decimal(10,2)", "decimal(38, 0)", NESTED])
def test_the_type_of_a_column_is_kept(catalog: Catalog, schema: str, data_type: Any) -> None:
    made = column("c", data_type, comment="about it", nullable=True, partition_index=0, type_text="Struct<Aa:INT>")
    full_name = register(catalog, schema, "t", columns=[made])
    (found,) = catalog.table(full_name)["columns"]
    assert json.loads(found["type_json"]) == field("c", data_type)
    assert (found["comment"], found["nullable"], found["partition_index"]) == ("about it", True, 0)
    assert found["type_text"] == "struct<aa:int>"


@pytest.mark.parametrize(
    ("refused", "status"),
    [
        ({"table_type": "EXTERNAL_SHALLOW_CLONE"}, {400}),
        ({"table_type": "FOREIGN"}, {400}),
        ({"table_type": "MANAGED"}, {400, 404}),
        ({"table_type": "VIEW"}, {400}),
        ({"table_type": "MATERIALIZED_VIEW"}, {400}),
        ({"storage_location": "bucket"}, {400}),
        ({"storage_location": "s3a://bucket/t"}, {400}),
        ({"storage_location": "s3://bucket"}, {400}),
        ({"storage_location": "s3://bucket/"}, {400}),
        ({"storage_location": "s3://bucket/" + "x" * 2048}, {500}),
        ({"storage_location": None}, {400, 500}),
        ({"properties": ["a"]}, {400}),
        ({"properties": {"p": "x" * 256}}, {500}),
        ({"properties": {"p" * 256: "x"}}, {500}),
        ({"properties": {"p": "😀" * 128}}, {500}),
        ({"comment": "c" * 65_536}, {500}),
        ({"name": "a b"}, {400}),
        ({"name": "x" * 256}, {400}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_table_that_is_none_is_refused(
    catalog: Catalog, schema: str, refused: dict[str, object], status: set[int]
) -> None:
    assert created(catalog, schema, "t", **refused).status_code in status
    assert list(catalog.sdk.tables.list(catalog.name, schema)) == []


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("s3://bucket/{}/", "s3://bucket/{}"),
        ("file:/srv/{}", "file:///srv/{}"),
        ("file:///srv/{}/", "file:///srv/{}"),
        ("abfss://c@account.dfs.core.windows.net/{}", "abfss://c@account.dfs.core.windows.net/{}"),
    ],
)
def test_a_location_is_kept_in_one_spelling(catalog: Catalog, schema: str, written: str, kept: str) -> None:
    full_name = register(catalog, schema, "t", written.format(schema))
    assert catalog.table(full_name)["storage_location"] == kept.format(schema)


def test_a_view_is_created_and_has_no_location(catalog: Catalog, schema: str) -> None:
    body = {"table_type": "VIEW", "view_definition": "SELECT 1", "data_source_format": None, "storage_location": None}
    full_name = register(catalog, schema, "v", **body)
    found = catalog.table(full_name)
    assert (found["table_type"], found.get("storage_location")) == ("VIEW", None)


def test_a_deleted_table_is_gone(catalog: Catalog, schema: str) -> None:
    full_name = register(catalog, schema, "orders")
    answer = catalog.request("DELETE", f"/tables/{full_name}")
    assert (answer.status_code, answer.text) == (200, "200 OK")
    assert answer.headers["content-type"].startswith("text/plain")
    assert catalog.request("DELETE", f"/tables/{full_name}").status_code == 404
    with pytest.raises(NotFound):
        catalog.sdk.tables.get(full_name)


def test_a_table_needs_a_schema_that_exists(catalog: Catalog) -> None:
    body = {"name": "t", "catalog_name": catalog.name, "schema_name": "no_such_schema", "columns": []}
    kind = {"table_type": "EXTERNAL", "data_source_format": "DELTA", "storage_location": "s3://bucket/none"}
    assert catalog.request("POST", "/tables", json=body | kind).status_code == 404


def test_a_delete_is_answered_with_a_text_that_databricks_sdk_cannot_read(catalog: Catalog, schema: str) -> None:
    with pytest.raises(ValueError, match="Extra data"):
        catalog.sdk.schemas.delete(f"{catalog.name}.{schema}")
    with pytest.raises(NotFound):
        catalog.sdk.schemas.get(f"{catalog.name}.{schema}")


def test_a_schema_with_tables_is_deleted_by_force_only(catalog: Catalog, schema: str) -> None:
    register(catalog, schema, "t")
    full_name = f"{catalog.name}.{schema}"
    assert catalog.request("DELETE", f"/schemas/{full_name}").status_code == 400
    assert [table.name for table in catalog.sdk.tables.list(catalog.name, schema)] == ["t"]
    assert catalog.request("DELETE", f"/schemas/{full_name}", params={"force": "true"}).text == "200 OK"
    catalog.sdk.schemas.create(schema, catalog.name)
    assert list(catalog.sdk.tables.list(catalog.name, schema)) == []


def test_the_export_finds_its_schema_deleted(catalog: Catalog, schema: str) -> None:
    ours = WorkspaceUnityCatalog(catalog.sdk)
    ours.delete_schema(catalog.name, schema)
    assert ours.schema_properties(catalog.name, schema) is None


@pytest.mark.parametrize("kind", ["schemas", "catalogs"])
@pytest.mark.parametrize("nothing", [{}, {"properties": {}}, {"properties": None, "comment": None}])
def test_an_update_of_nothing_changes_nothing(
    catalog: Catalog, schema: str, kind: str, nothing: dict[str, object]
) -> None:
    full_name = f"{catalog.name}.{schema}" if kind == "schemas" else catalog.name
    catalog.request("PATCH", f"/{kind}/{full_name}", json={"properties": {"a": "1"}}).raise_for_status()
    before = catalog.request("GET", f"/{kind}/{full_name}").json()
    answer = catalog.request("PATCH", f"/{kind}/{full_name}", json=nothing)
    assert (answer.status_code, answer.json()) == (200, before)
    assert catalog.request("GET", f"/{kind}/{full_name}").json() == before


def test_a_schema_is_renamed_with_its_tables(catalog: Catalog, schema: str) -> None:
    table = catalog.table(register(catalog, schema, "t", columns=[column()]))
    catalog.sdk.schemas.update(f"{catalog.name}.{schema}", properties={"a": "1"})
    new = f"new-{schema}"
    assert catalog.sdk.schemas.update(f"{catalog.name}.{schema}", new_name=new).full_name == f"{catalog.name}.{new}"
    with pytest.raises(NotFound):
        catalog.sdk.schemas.get(f"{catalog.name}.{schema}")
    assert catalog.sdk.schemas.get(f"{catalog.name}.{new}").properties == {"a": "1"}
    moved = catalog.table(f"{catalog.name}.{new}.t")
    same = ("table_id", "storage_location", "columns", "created_at")
    assert [moved[key] for key in same] == [table[key] for key in same]
    assert (moved["catalog_name"], moved["schema_name"]) == (catalog.name, new)


def test_a_catalog_is_renamed_with_its_schemas(catalog: Catalog) -> None:
    first, second = (f"renamed_{uuid.uuid4().hex[:8]}" for _ in range(2))
    catalog.sdk.catalogs.create(first)
    catalog.sdk.schemas.create("s", first, properties={"a": "1"})
    assert catalog.sdk.catalogs.update(first, new_name=second).name == second
    assert catalog.sdk.schemas.get(f"{second}.s").properties == {"a": "1"}
    with pytest.raises(NotFound):
        catalog.sdk.schemas.get(f"{first}.s")
    assert catalog.request("DELETE", f"/catalogs/{second}", params={"force": "true"}).text == "200 OK"


@pytest.mark.parametrize(("new_name", "status"), [("a b", 400), ("", 400), ("x" * 256, 400)])
def test_a_new_name_is_checked(catalog: Catalog, schema: str, new_name: str, status: int) -> None:
    other = catalog.sdk.schemas.create(f"s-{uuid.uuid4().hex[:8]}", catalog.name).name
    path = f"/schemas/{catalog.name}.{schema}"
    assert catalog.request("PATCH", path, json={"new_name": new_name}).status_code == status
    assert catalog.request("PATCH", path, json={"new_name": other}).status_code == 400
    assert catalog.request("GET", path).json()["name"] == schema


def test_a_property_of_255_characters_is_kept_and_a_longer_one_fails_the_request(catalog: Catalog, schema: str) -> None:
    full_name = f"{catalog.name}.{schema}"
    longest = {"v": "x" * 255, "😀" * 127: "ä" * 255, "w": "😀" * 127}
    catalog.sdk.schemas.update(full_name, properties=longest)
    for refused in ({"v": "x" * 256}, {"k" * 256: "x"}, {"v": "😀" * 128}):
        answer = catalog.request("PATCH", f"/schemas/{full_name}", json={"properties": refused})
        assert (answer.status_code, answer.json()["error_code"]) == (500, "INTERNAL")
        assert "Value too long for column" in answer.json()["message"]
    body = {"name": "later", "catalog_name": catalog.name, "properties": {"v": "x" * 256}}
    assert catalog.request("POST", "/schemas", json=body).status_code == 500
    assert catalog.sdk.schemas.get(full_name).properties == longest
    assert catalog.request("PATCH", f"/schemas/{full_name}", json={"comment": "c" * 256}).status_code == 500


def test_the_state_of_a_branch_is_kept_whole(catalog: Catalog, schema: str) -> None:
    ours = WorkspaceUnityCatalog(catalog.sdk)
    commits = tuple(Commit(id=f"{number:064x}", generation=10**15 + number) for number in range(20))
    state = ExportState(watermark=commits[0], attempts=commits, line=10**15, catalogs=tuple("abc"))
    names = {"repository": "r" * 63, "branch": "b" * 255}

    def present() -> ExportState:
        properties = ours.schema_properties(catalog.name, schema) or {}
        return read_state(properties, **names, schema=schema)

    for wanted in (state, replace(state, attempts=()), state):
        change_state(ours, catalog=catalog.name, schema=schema, change=lambda _, wanted=wanted: wanted, **names)
        assert present() == wanted
    for _ in range(2):
        forget_branch(ours, catalog=catalog.name, schema=schema, repository=names["repository"])
        assert ours.schema_properties(catalog.name, schema) == dict([FOLLOWS_NOTHING])


def test_a_table_has_no_patch(catalog: Catalog, schema: str) -> None:
    full_name = register(catalog, schema, "t")
    answer = catalog.request("PATCH", f"/tables/{full_name}", json={"comment": "x"})
    assert (answer.status_code, answer.text) == (405, "Status: 405\nDescription: Method Not Allowed\n")


def test_a_path_without_a_route_is_answered_with_a_text(catalog: Catalog, schema: str) -> None:
    full_name = register(catalog, schema, "t")
    answer = catalog.request("GET", f"/tables/{full_name}/exists")
    assert (answer.status_code, answer.text) == (404, "Status: 404\nDescription: Not Found\n")


def test_a_list_comes_in_pages_where_nobody_asks_for_them(catalog: Catalog, schema: str) -> None:
    for number in range(120):
        created(catalog, schema, f"t{number:03}").raise_for_status()
    query = {"catalog_name": catalog.name, "schema_name": schema}
    page = catalog.request("GET", "/tables", params=query).json()
    assert len(page["tables"]) <= 100
    assert page["next_page_token"]
    listed = [table.name for table in catalog.sdk.tables.list(catalog.name, schema)]
    assert listed == [f"t{number:03}" for number in range(120)]


def test_a_full_page_has_a_token_also_where_nothing_comes_after_it(catalog: Catalog, schema: str) -> None:
    for name in ("a", "b"):
        register(catalog, schema, name)
    query = {"catalog_name": catalog.name, "schema_name": schema, "max_results": 2}
    first = catalog.request("GET", "/tables", params=query).json()
    second = catalog.request("GET", "/tables", params=query | {"page_token": first["next_page_token"]}).json()
    assert ([table["name"] for table in first["tables"]], second["tables"]) == (["a", "b"], [])
    assert second["next_page_token"] is None


@pytest.mark.parametrize("query", [{"max_results": "-1"}, {"max_results": "many"}])
def test_a_wrong_page_is_refused(catalog: Catalog, query: dict[str, str]) -> None:
    answer = catalog.request("GET", "/schemas", params={"catalog_name": catalog.name} | query)
    assert answer.status_code == 400


@pytest.mark.parametrize("query", [{}, {"catalog_name": "{name}"}])
def test_a_list_without_its_parents_is_refused(catalog: Catalog, query: dict[str, str]) -> None:
    given = {key: value.format(name=catalog.name) for key, value in query.items()}
    assert catalog.request("GET", "/tables", params=given).status_code == 400


@pytest.mark.parametrize("content", [b"{", b"[]"])
def test_a_body_that_is_no_json_object_is_refused(catalog: Catalog, content: bytes) -> None:
    assert catalog.request("POST", "/catalogs", content=content).status_code == 400
