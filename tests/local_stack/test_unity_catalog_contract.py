"""The Unity Catalog contract: what the exports and the warehouse rely on, through databricks-sdk.

Runs against the embedded server, and against a real one where UNITY_CATALOG_URL (and UNITY_CATALOG_TOKEN) is set.
What Databricks does and the open-source server does not is tested on the embedded server alone.
"""

import os
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, DatabricksError, NotFound, Unauthenticated
from databricks.sdk.service.catalog import (
    ColumnInfo,
    ColumnTypeName,
    DataSourceFormat,
    PermissionsChange,
    Privilege,
    TableType,
)

from local_stack.unity_catalog import UnityCatalogServer

API = "/api/2.1/unity-catalog"


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """A server under test, with a catalog made for this module."""

    url: str
    token: str
    name: str
    sdk: WorkspaceClient
    client: httpx.Client

    def request(self, method: str, path: str, **content: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | dict(content.pop("headers", {}))
        return self.client.request(method, f"{self.url}{API}{path}", headers=headers, **content)


@pytest.fixture(scope="module")
def embedded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnityCatalogServer]:
    server = UnityCatalogServer(folder=tmp_path_factory.mktemp("unity_catalog"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def embedded(embedded_server: UnityCatalogServer) -> Catalog:
    return with_catalog(embedded_server.url, embedded_server.token)


@pytest.fixture(scope="module", params=["embedded", "configured"])
def catalog(request: pytest.FixtureRequest) -> Iterator[Catalog]:
    if request.param == "embedded":
        yield request.getfixturevalue("embedded")
        return
    url = os.environ.get("UNITY_CATALOG_URL")
    if not url:
        pytest.skip("UNITY_CATALOG_URL names no server")
    found = with_catalog(url.rstrip("/"), os.environ.get("UNITY_CATALOG_TOKEN") or "not-used")
    yield found
    found.request("DELETE", f"/catalogs/{found.name}", params={"force": "true"})


def with_catalog(url: str, token: str) -> Catalog:
    sdk = WorkspaceClient(host=url, token=token)
    name = f"contract_{uuid.uuid4().hex[:8]}"
    sdk.catalogs.create(name, comment="made by a test")
    return Catalog(url=url, token=token, name=name, sdk=sdk, client=httpx.Client())


@pytest.fixture
def schema(catalog: Catalog) -> str:
    return catalog.sdk.schemas.create(f"s-{uuid.uuid4().hex[:8]}", catalog.name).name or ""


@pytest.fixture
def embedded_schema(embedded: Catalog) -> str:
    return embedded.sdk.schemas.create(f"s-{uuid.uuid4().hex[:8]}", embedded.name).name or ""


def register(server: Catalog, schema: str, table: str, location: str | None = None, **more: object) -> str:
    """Register an external Delta table, and return its full name."""
    body = {
        "name": table,
        "catalog_name": server.name,
        "schema_name": schema,
        "table_type": "EXTERNAL",
        "data_source_format": "DELTA",
        "storage_location": location or f"s3://bucket/{schema}/{table}",
        "columns": [],
    } | more
    server.request("POST", "/tables", json=body).raise_for_status()
    return f"{server.name}.{schema}.{table}"


# --- both servers ---------------------------------------------------------------------------------------------


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
        columns=[ColumnInfo(name="id", type_name=ColumnTypeName.LONG, type_text="bigint", position=0)],
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


def test_a_deleted_table_is_gone(catalog: Catalog, schema: str) -> None:
    full_name = register(catalog, schema, "orders")
    assert catalog.request("DELETE", f"/tables/{full_name}").is_success
    with pytest.raises(NotFound):
        catalog.sdk.tables.get(full_name)


def test_a_table_needs_a_schema_that_exists(catalog: Catalog) -> None:
    body = {"name": "t", "catalog_name": catalog.name, "schema_name": "no_such_schema", "columns": []}
    kind = {"table_type": "EXTERNAL", "data_source_format": "DELTA", "storage_location": "s3://bucket/none"}
    assert catalog.request("POST", "/tables", json=body | kind).status_code == 404


# --- as on Databricks: the embedded server --------------------------------------------------------------------


def test_names_are_found_without_regard_to_case_and_kept_in_lower_case(embedded: Catalog, embedded_schema: str) -> None:
    register(embedded, embedded_schema.upper(), "Line_Item")
    found = embedded.sdk.tables.get(f"{embedded.name}.{embedded_schema}.LINE_ITEM".upper())
    assert found.full_name == f"{embedded.name}.{embedded_schema}.line_item"
    with pytest.raises(BadRequest) as refused:
        register_or_raise(embedded, embedded_schema, "LINE_ITEM", "s3://bucket/elsewhere")
    assert refused.value.error_code == "TABLE_ALREADY_EXISTS"


def register_or_raise(server: Catalog, schema: str, table: str, location: str) -> None:
    server.sdk.tables.create(table, server.name, schema, TableType.EXTERNAL, DataSourceFormat.DELTA, location)


@pytest.mark.parametrize("name", ["a.b", "a b", "a/b", "a\tb", "a\x7fb", "", "x" * 256])
def test_names_against_the_rules_are_refused(embedded: Catalog, name: str) -> None:
    with pytest.raises(BadRequest) as refused:
        embedded.sdk.schemas.create(name, embedded.name)
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


def test_a_name_of_255_characters_is_allowed(embedded: Catalog) -> None:
    assert embedded.sdk.schemas.create("y" * 255, embedded.name).name == "y" * 255


@pytest.mark.parametrize(
    ("path", "error_code"),
    [
        ("/catalogs/none", "CATALOG_DOES_NOT_EXIST"),
        ("/schemas/none.s", "CATALOG_DOES_NOT_EXIST"),
        ("/schemas/{catalog}.none", "SCHEMA_DOES_NOT_EXIST"),
        ("/tables/{catalog}.none.t", "SCHEMA_DOES_NOT_EXIST"),
        ("/tables/{catalog}.{schema}.none", "TABLE_DOES_NOT_EXIST"),
        ("/tables/{catalog}.none.t/exists", "SCHEMA_DOES_NOT_EXIST"),
        ("/permissions/table/{catalog}.{schema}.none", "TABLE_DOES_NOT_EXIST"),
    ],
)
def test_errors_name_what_is_missing(embedded: Catalog, embedded_schema: str, path: str, error_code: str) -> None:
    answer = embedded.request("GET", path.format(catalog=embedded.name, schema=embedded_schema))
    assert (answer.status_code, answer.json()["error_code"]) == (404, error_code)
    assert "does not exist" in answer.json()["message"]


@pytest.mark.parametrize(
    "location",
    [
        "s3://bucket/base/orders",
        "s3://bucket/base/orders/",
        "s3://bucket/base/orders/inside",
        "s3://bucket/base",
    ],
)
def test_a_location_of_another_table_is_refused(embedded: Catalog, embedded_schema: str, location: str) -> None:
    base = f"s3://bucket/{embedded_schema}"
    register(embedded, embedded_schema, "orders", f"{base}/base/orders")
    with pytest.raises(BadRequest, match="LOCATION_OVERLAP"):
        register_or_raise(embedded, embedded_schema, "other", location.replace("s3://bucket", base))
    assert [table.name for table in embedded.sdk.tables.list(embedded.name, embedded_schema)] == ["orders"]


def test_locations_that_only_begin_alike_are_no_overlap(embedded: Catalog, embedded_schema: str) -> None:
    register(embedded, embedded_schema, "t1", f"s3://bucket/{embedded_schema}/t1")
    register(embedded, embedded_schema, "t10", f"s3://bucket/{embedded_schema}/t10")
    tables = embedded.sdk.tables.list(embedded.name, embedded_schema)
    assert sorted(str(table.name) for table in tables) == ["t1", "t10"]


def test_spellings_of_one_local_folder_overlap(embedded: Catalog, embedded_schema: str) -> None:
    register(embedded, embedded_schema, "a", f"file:///data/{embedded_schema}")
    with pytest.raises(BadRequest, match="LOCATION_OVERLAP"):
        register_or_raise(embedded, embedded_schema, "b", f"file:/data/{embedded_schema}")


@pytest.mark.parametrize(
    "change",
    [
        {"table_type": "FOREIGN"},
        {"data_source_format": "CSV"},
        {"storage_location": None},
        {"storage_location": "bucket/x"},
        {"properties": {"a": 1}},
        {"properties": ["a"]},
    ],
)
def test_tables_that_are_none_are_refused(embedded: Catalog, embedded_schema: str, change: dict[str, object]) -> None:
    with pytest.raises(httpx.HTTPStatusError) as refused:
        register(embedded, embedded_schema, "t", **change)
    assert refused.value.response.status_code == 400
    assert refused.value.response.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    assert not embedded.sdk.tables.exists(f"{embedded.name}.{embedded_schema}.t").table_exists


def test_columns_stay_as_registered_until_they_are_changed(embedded: Catalog, embedded_schema: str) -> None:
    column = {"name": "id", "type_text": "int", "type_name": "INT", "position": 0, "nullable": True}
    full_name = register(embedded, embedded_schema, "t", columns=[column])
    newer = column | {"name": "key"}
    assert embedded.request("PATCH", f"/tables/{full_name}", json={"columns": [newer]}).is_success
    assert [found.name for found in embedded.sdk.tables.get(full_name).columns or []] == ["key"]


def test_an_update_of_what_cannot_be_changed_is_refused(embedded: Catalog, embedded_schema: str) -> None:
    full_name = register(embedded, embedded_schema, "t")
    answer = embedded.request("PATCH", f"/tables/{full_name}", json={"storage_location": "s3://bucket/moved"})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "storage_location" in answer.json()["message"]


def test_a_schema_with_tables_is_deleted_by_force_only(embedded: Catalog, embedded_schema: str) -> None:
    full_name = register(embedded, embedded_schema, "t")
    with pytest.raises(BadRequest, match="still has tables"):
        embedded.sdk.schemas.delete(f"{embedded.name}.{embedded_schema}")
    assert embedded.sdk.tables.get(full_name).name == "t"
    embedded.sdk.schemas.delete(f"{embedded.name}.{embedded_schema}", force=True)
    embedded.sdk.schemas.create(embedded_schema, embedded.name)
    assert list(embedded.sdk.tables.list(embedded.name, embedded_schema)) == []


def test_exists_and_delete_answer_as_the_sdk_expects(embedded: Catalog, embedded_schema: str) -> None:
    full_name = register(embedded, embedded_schema, "t")
    assert embedded.sdk.tables.exists(full_name).table_exists is True
    embedded.sdk.tables.delete(full_name)
    assert embedded.sdk.tables.exists(full_name).table_exists is False


def test_a_table_created_anew_keeps_nothing_of_the_older_one(embedded: Catalog, embedded_schema: str) -> None:
    full_name = register(embedded, embedded_schema, "t", comment="first", properties={"a": "1"})
    grant(embedded, "table", full_name, "analysts", Privilege.SELECT)
    first = embedded.sdk.tables.get(full_name)
    embedded.sdk.tables.delete(full_name)
    register(embedded, embedded_schema, "t")
    second = embedded.sdk.tables.get(full_name)
    assert second.table_id != first.table_id
    assert (second.comment, second.properties) == (None, {})
    assert assignments(embedded, "table", full_name) == {}


def grant(server: Catalog, kind: str, full_name: str, principal: str, *privileges: Privilege) -> None:
    change = PermissionsChange(principal=principal, add=list(privileges))
    server.sdk.grants.update(kind, full_name, changes=[change])


def assignments(server: Catalog, kind: str, full_name: str) -> dict[str | None, set[Privilege]]:
    found = server.sdk.grants.get(kind, full_name).privilege_assignments or []
    return {assignment.principal: set(assignment.privileges or []) for assignment in found}


def test_grants_are_given_shown_and_taken(embedded: Catalog, embedded_schema: str) -> None:
    full_name = register(embedded, embedded_schema, "t")
    grant(embedded, "table", full_name, "analysts", Privilege.SELECT, Privilege.MODIFY)
    grant(embedded, "table", full_name, "auditors", Privilege.SELECT)
    change = PermissionsChange(principal="analysts", remove=[Privilege.MODIFY])
    embedded.sdk.grants.update("table", full_name, changes=[change])
    expected = {"analysts": {Privilege.SELECT}, "auditors": {Privilege.SELECT}}
    assert assignments(embedded, "table", full_name) == expected
    one = embedded.sdk.grants.get("table", full_name, principal="auditors").privilege_assignments or []
    assert [assignment.principal for assignment in one] == ["auditors"]


def test_grants_on_schemas_and_catalogs_are_separate(embedded: Catalog, embedded_schema: str) -> None:
    grant(embedded, "schema", f"{embedded.name}.{embedded_schema}", "analysts", Privilege.USE_SCHEMA)
    grant(embedded, "catalog", embedded.name, "analysts", Privilege.USE_CATALOG)
    assert assignments(embedded, "catalog", embedded.name) == {"analysts": {Privilege.USE_CATALOG}}


@pytest.mark.parametrize("change", [{"principal": "x", "add": ["SELEKT"]}, {"add": ["SELECT"]}])
def test_a_wrong_change_of_grants_changes_nothing(
    embedded: Catalog, embedded_schema: str, change: dict[str, object]
) -> None:
    full_name = register(embedded, embedded_schema, "t")
    changes = [{"principal": "analysts", "add": ["SELECT"]}, change]
    answer = embedded.request("PATCH", f"/permissions/table/{full_name}", json={"changes": changes})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert assignments(embedded, "table", full_name) == {}


def test_the_owner_is_the_principal_that_the_workspace_names(embedded: Catalog, embedded_schema: str) -> None:
    body = {"name": "owned", "catalog_name": embedded.name}
    headers = {"X-Principal": "exporter@example.com"}
    assert embedded.request("POST", "/schemas", json=body, headers=headers).json()["owner"] == "exporter@example.com"
    assert embedded.sdk.schemas.get(f"{embedded.name}.{embedded_schema}").owner == "metastore-admin"


def test_lists_come_in_pages(embedded: Catalog, embedded_schema: str) -> None:
    for number in range(5):
        register(embedded, embedded_schema, f"t{number}")
    listed = [table.name for table in embedded.sdk.tables.list(embedded.name, embedded_schema, max_results=2)]
    assert listed == ["t0", "t1", "t2", "t3", "t4"]
    query = {"catalog_name": embedded.name, "schema_name": embedded_schema, "max_results": "2"}
    page = embedded.request("GET", "/tables", params=query).json()
    assert ([table["name"] for table in page["tables"]], "next_page_token" in page) == (["t0", "t1"], True)


@pytest.mark.parametrize("query", [{"max_results": "-1"}, {"max_results": "many"}, {"page_token": "ä"}])
def test_a_wrong_page_is_refused(embedded: Catalog, query: dict[str, str]) -> None:
    answer = embedded.request("GET", "/schemas", params={"catalog_name": embedded.name} | query)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_a_list_without_its_parents_is_refused(embedded: Catalog) -> None:
    answer = embedded.request("GET", "/tables", params={"catalog_name": embedded.name})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_an_external_location_is_created_and_listed(embedded: Catalog) -> None:
    created = embedded.sdk.external_locations.create("exports", "s3://bucket/exports/", "credential")
    assert created.url == "s3://bucket/exports"
    assert [found.name for found in embedded.sdk.external_locations.list()] == ["exports"]
    grant(embedded, "external_location", "exports", "exporter", Privilege.CREATE_EXTERNAL_TABLE)
    assert assignments(embedded, "external_location", "exports") == {"exporter": {Privilege.CREATE_EXTERNAL_TABLE}}


def test_the_metastore_names_its_owner(embedded: Catalog) -> None:
    assert embedded.sdk.metastores.summary().owner == "metastore-admin"


@pytest.mark.parametrize("headers", [{"Authorization": ""}, {"Authorization": "Bearer wrong"}])
def test_requests_without_the_token_are_refused(embedded: Catalog, headers: dict[str, str]) -> None:
    answer = embedded.request("GET", "/catalogs", headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHENTICATED")
    with pytest.raises(Unauthenticated):
        list(WorkspaceClient(host=embedded.url, token="wrong").catalogs.list())


def test_a_body_that_is_no_json_object_is_refused(embedded: Catalog) -> None:
    for content in (b"{", b"[]"):
        answer = embedded.request("POST", "/catalogs", content=content)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "MALFORMED_REQUEST")


def test_an_unknown_route_is_named(embedded: Catalog) -> None:
    answer = embedded.request("GET", "/volumes")
    assert (answer.status_code, answer.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    first = UnityCatalogServer(folder=tmp_path)
    first.start()
    server = with_catalog(first.url, first.token)
    server.sdk.schemas.create("s", server.name, properties={"a": "1"})
    full_name = register(server, "s", "t")
    grant(server, "table", full_name, "analysts", Privilege.SELECT)
    first.stop()
    second = UnityCatalogServer(folder=tmp_path)
    second.start()
    try:
        again = replace(server, url=second.url, sdk=WorkspaceClient(host=second.url, token=first.token))
        assert again.sdk.schemas.get(f"{server.name}.s").properties == {"a": "1"}
        assert assignments(again, "table", full_name) == {"analysts": {Privilege.SELECT}}
    finally:
        second.stop()
        second.stop()


def test_concurrent_requests_lose_nothing(embedded: Catalog, embedded_schema: str) -> None:
    threads = [
        threading.Thread(target=register, args=(embedded, embedded_schema, f"t{number}")) for number in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(embedded.sdk.tables.list(embedded.name, embedded_schema))) == 12


def test_of_concurrent_creations_of_one_name_one_succeeds(embedded: Catalog, embedded_schema: str) -> None:
    codes: list[int] = []

    def create() -> None:
        body = {"name": "one", "catalog_name": embedded.name, "schema_name": embedded_schema, "columns": []}
        kind = {
            "table_type": "EXTERNAL",
            "data_source_format": "DELTA",
            "storage_location": f"s3://b/{embedded_schema}",
        }
        codes.append(embedded.request("POST", "/tables", json=body | kind).status_code)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200] + [400] * 7
