"""What the embedded Unity Catalog does as Databricks, and what is its own: names, grants, owners, life."""

import threading
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from databricks.sdk.errors import BadRequest, InvalidParameterValue, Unauthenticated
from databricks.sdk.service.catalog import DataSourceFormat, PermissionsChange, Privilege, TableType
from unity_catalog_contract import Catalog, register, sdk_of, with_catalog

from lakefs_unity_export.export.schema_properties import forget_branch
from lakefs_unity_export.servers.workspace import WorkspaceUnityCatalog
from local_stack.unity_catalog import UnityCatalogServer

pytest_plugins = ["unity_catalog_servers"]


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
    assert list(embedded.sdk.tables.list(embedded.name, embedded_schema)) == []


def test_a_table_created_anew_keeps_nothing_of_the_older_one(embedded: Catalog, embedded_schema: str) -> None:
    full_name = register(embedded, embedded_schema, "t", comment="first", properties={"a": "1"})
    grant(embedded, "table", full_name, "analysts", Privilege.SELECT)
    first = embedded.sdk.tables.get(full_name)
    assert embedded.request("DELETE", f"/tables/{full_name}").is_success
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


def effective(server: Catalog, kind: str, full_name: str, **query: str) -> dict[str, list[dict[str, str]]]:
    """The effective privileges by principal, over all pages."""
    found: dict[str, list[dict[str, str]]] = {}
    while True:
        page = (
            server.request("GET", f"/effective-permissions/{kind}/{full_name}", params=query).raise_for_status().json()
        )
        found |= {each["principal"]: each["privileges"] for each in page["privilege_assignments"]}
        if not (token := page.get("next_page_token")):
            return found
        query["page_token"] = token


def test_effective_privileges_are_those_given_above_too_and_say_where_they_are_from(
    embedded: Catalog, embedded_schema: str
) -> None:
    full_name, schema = register(embedded, embedded_schema, "t"), f"{embedded.name}.{embedded_schema}"
    grant(embedded, "table", full_name, "engineers", Privilege.MODIFY)
    grant(embedded, "schema", schema, "engineers", Privilege.SELECT, Privilege.CREATE_TABLE)
    grant(embedded, "catalog", embedded.name, "stewards", Privilege.SELECT, Privilege.USE_CATALOG, Privilege.USE_SCHEMA)
    of_catalog = {"inherited_from_type": "CATALOG", "inherited_from_name": embedded.name}
    of_schema = {"inherited_from_type": "SCHEMA", "inherited_from_name": schema}
    assert effective(embedded, "table", full_name) == {
        "engineers": [{"privilege": "SELECT", **of_schema}, {"privilege": "MODIFY"}],
        "stewards": [{"privilege": "SELECT", **of_catalog}],
    }
    assert effective(embedded, "schema", schema, principal="stewards") == {
        "stewards": [{"privilege": "SELECT", **of_catalog}, {"privilege": "USE_SCHEMA", **of_catalog}]
    }
    assert effective(embedded, "catalog", embedded.name, principal="engineers") == {}


@pytest.mark.parametrize(("length", "status"), [("0", 200), ("150", 200), ("149", 400), ("-1", 400), ("x", 400)])
def test_a_page_of_effective_privileges_is_no_shorter_than_documented(
    embedded: Catalog, length: str, status: int
) -> None:
    path = f"/effective-permissions/catalog/{embedded.name}"
    assert embedded.request("GET", path, params={"max_results": length}).status_code == status


def test_effective_privileges_on_what_is_not_there(embedded: Catalog) -> None:
    answer = embedded.request("GET", "/effective-permissions/catalog/none")
    assert (answer.status_code, answer.json()["error_code"]) == (404, "CATALOG_DOES_NOT_EXIST")


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


def test_a_page_token_of_another_server_is_refused(embedded: Catalog) -> None:
    answer = embedded.request("GET", "/schemas", params={"catalog_name": embedded.name, "page_token": "ä"})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_an_external_location_is_created_and_listed(embedded: Catalog) -> None:
    created = embedded.sdk.external_locations.create("exports", "s3://bucket/exports/", "credential")
    assert created.url == "s3://bucket/exports"
    assert [found.name for found in embedded.sdk.external_locations.list()] == ["exports"]
    grant(embedded, "external_location", "exports", "exporter", Privilege.CREATE_EXTERNAL_TABLE)
    assert assignments(embedded, "external_location", "exports") == {"exporter": {Privilege.CREATE_EXTERNAL_TABLE}}


def test_an_external_location_is_made_read_only_and_writable_again(embedded: Catalog) -> None:
    embedded.sdk.external_locations.create("archive", "s3://bucket/archive", "credential", read_only=True)
    assert embedded.sdk.external_locations.get("archive").read_only
    path = "/external-locations/archive"
    assert embedded.request("PATCH", path, json={"read_only": False}).status_code == 200
    assert embedded.sdk.external_locations.get("archive").read_only is False


def test_the_metastore_names_its_owner(embedded: Catalog) -> None:
    assert embedded.sdk.metastores.summary().owner == "metastore-admin"


@pytest.mark.parametrize("headers", [{"Authorization": ""}, {"Authorization": "Bearer wrong"}])
def test_requests_without_the_token_are_refused(embedded: Catalog, headers: dict[str, str]) -> None:
    answer = embedded.request("GET", "/catalogs", headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHENTICATED")
    with pytest.raises(Unauthenticated):
        list(sdk_of(embedded.url, "wrong").catalogs.list())


def test_an_unknown_route_is_named(embedded: Catalog) -> None:
    answer = embedded.request("GET", "/volumes")
    assert (answer.status_code, answer.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


def test_an_update_of_nothing_is_refused_as_on_databricks(tmp_path: Path) -> None:
    server = UnityCatalogServer(folder=tmp_path, refuses_empty_updates=True)
    server.start()
    try:
        strict = with_catalog(server.url, server.token)
        strict.sdk.schemas.create("s", strict.name, properties={"a": "1"})
        with pytest.raises(InvalidParameterValue, match="UpdateSchema Nothing to update"):
            strict.sdk.schemas.update(f"{strict.name}.s", properties={})
        with pytest.raises(InvalidParameterValue, match="UpdateCatalog Nothing to update"):
            strict.sdk.catalogs.update(strict.name)
        ours = WorkspaceUnityCatalog(strict.sdk)
        for _ in range(2):
            forget_branch(ours, catalog=strict.name, schema="s", repository="shop")
        assert ours.schema_properties(strict.name, "s") == {"a": "1"}
    finally:
        server.stop()


def test_an_update_of_what_cannot_be_changed_is_refused(embedded: Catalog, embedded_schema: str) -> None:
    answer = embedded.request("PATCH", f"/schemas/{embedded.name}.{embedded_schema}", json={"storage_root": "s3://b/x"})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "storage_root" in answer.json()["message"]


def test_grants_stay_on_what_is_renamed(embedded: Catalog, embedded_schema: str) -> None:
    grant(embedded, "table", register(embedded, embedded_schema, "t"), "analysts", Privilege.SELECT)
    new = f"new-{embedded_schema}"
    embedded.sdk.schemas.update(f"{embedded.name}.{embedded_schema}", new_name=new)
    assert assignments(embedded, "table", f"{embedded.name}.{new}.t") == {"analysts": {Privilege.SELECT}}


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
        again = replace(server, url=second.url, sdk=sdk_of(second.url, first.token))
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
