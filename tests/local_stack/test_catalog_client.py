"""The local stack's calls to Unity Catalog, against servers that answer as Databricks and as open source do."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from local_stack.catalog_client import CatalogClient, CatalogRequestError
from local_stack.warehouse.table_updates import comment_update

API = "/api/2.1/unity-catalog"


class Server:
    """Answers by method and path, and notes the requests."""

    def __init__(self, answers: dict[str, Any | Callable[[httpx.Request], httpx.Response]]) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = answers

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.get(f"{request.method} {request.url.path.removeprefix(API)}")
        if answer is None:
            return httpx.Response(404, json={"error_code": "NOT_FOUND", "message": "not there"})
        if callable(answer):
            return answer(request)
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)


def client_of(server: Server, token: str = "secret") -> CatalogClient:
    return CatalogClient("http://unity:8080/", token, transport=httpx.MockTransport(server))


def test_a_name_is_looked_up_as_written_then_in_lower_case() -> None:
    server = Server({"GET /tables/main.s.Orders": {"name": "Orders"}, "GET /tables/main.s.items": {"name": "items"}})
    client = client_of(server)
    assert client.get("table", "main", "s", "Orders") == {"name": "Orders"}
    assert client.get("table", "main", "s", "ITEMS") == {"name": "items"}
    assert client.get("table", "main", "s", "none") is None
    paths = [request.url.path.rpartition("/")[2] for request in server.requests]
    assert paths == ["main.s.Orders", "main.s.ITEMS", "main.s.items", "main.s.none"]


def test_the_token_is_sent_where_there_is_one() -> None:
    server = Server({"GET /catalogs": {"catalogs": []}})
    client_of(server).list_all("catalog")
    client_of(server, token="").list_all("catalog")
    assert [request.headers.get("Authorization") for request in server.requests] == ["Bearer secret", None]


def test_all_pages_are_read() -> None:
    pages = {None: {"tables": [{"name": "a"}], "next_page_token": "2"}, "2": {"tables": [{"name": "b"}]}}
    server = Server(
        {"GET /tables": lambda request: httpx.Response(200, json=pages[request.url.params.get("page_token")])}
    )
    found = client_of(server).list_all("table", catalog_name="main", schema_name="s")
    assert found == [{"name": "a"}, {"name": "b"}]
    assert dict(server.requests[1].url.params) == {"catalog_name": "main", "schema_name": "s", "page_token": "2"}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200),
        httpx.Response(200, text="200 OK"),
        httpx.Response(200, text="null"),
        httpx.Response(200, json=200),
    ],
)
def test_a_delete_may_answer_anything(answer: httpx.Response) -> None:
    server = Server({"DELETE /tables/main.s.t": answer})
    client_of(server).delete("table", "main.s.t")
    assert server.requests[0].method == "DELETE"


TABLE = {"catalog_name": "main", "schema_name": "s", "name": "t-1", "table_id": "5a6b", "comment": "kept by others"}
DELTA = "/delta/v1/catalogs/main/schemas/s/tables/t-1"


def test_a_table_is_changed_by_the_delta_api_and_only_the_one_that_was_read() -> None:
    server = Server({f"POST {DELTA}": {"metadata": {}}})
    client_of(server).update_table(TABLE, [comment_update("x")])
    (request,) = server.requests
    assert json.loads(request.content) == {
        "requirements": [{"type": "assert-table-uuid", "uuid": "5a6b"}],
        "updates": [{"action": "set-table-comment", "comment": "x"}],
    }


def test_names_are_quoted_one_by_one_in_the_path_of_a_table() -> None:
    server = Server({"POST /delta/v1/catalogs/a/schemas/b%2Fc/tables/ä?": {}})
    with pytest.raises(CatalogRequestError):
        client_of(server).update_table(TABLE | {"schema_name": "b/c", "name": "ä?"}, [])
    path = server.requests[0].url.raw_path.decode()
    assert path.endswith("/catalogs/main/schemas/b%2Fc/tables/%C3%A4%3F")


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_that_offers_no_way_to_change_a_table_is_named(status: int) -> None:
    server = Server({f"POST {DELTA}": httpx.Response(status, text=f"Status: {status}")})
    with pytest.raises(CatalogRequestError) as refused:
        client_of(server).update_table(TABLE, [comment_update("x")])
    assert str(refused.value) == (
        f"Unity Catalog at http://unity:8080 has no route that changes a table (POST {DELTA} answered {status}), so it "
        "keeps showing t-1 as it was registered: use the open-source server from version 0.5 on"
    )
    assert (refused.value.status, refused.value.error_code) == (status, "UNITY_CATALOG_CANNOT_SYNC")
    assert [request.method for request in server.requests] == ["POST"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, "NoSuchTableException"), (409, "UpdateRequirementConflictException"), (500, "InternalServerErrorException")],
)
def test_a_refused_table_update_is_an_error_with_the_reason_that_the_server_gives(status: int, kind: str) -> None:
    refusal = httpx.Response(status, json={"error": {"message": "the reason", "type": kind, "code": status}})
    with pytest.raises(CatalogRequestError, match="Unity Catalog: the reason") as refused:
        client_of(Server({f"POST {DELTA}": refusal})).update_table(TABLE, [])
    assert (refused.value.status, refused.value.error_code) == (status, kind)


@pytest.mark.parametrize("answer", [httpx.Response(200, text="<html>"), httpx.Response(200, json=["x"])])
def test_what_is_no_unity_catalog_is_named(answer: httpx.Response) -> None:
    server = Server({"GET /catalogs": answer, "GET /catalogs/main": answer, "POST /catalogs": answer})
    client = client_of(server)
    for call in (
        lambda: client.list_all("catalog"),
        lambda: client.get("catalog", "main"),
        lambda: client.create("catalog", {"name": "main"}, unless_exists=True),
    ):
        with pytest.raises(CatalogRequestError, match="with no JSON object: is it a Unity Catalog"):
            call()


def test_a_change_of_grants_has_both_lists() -> None:
    server = Server({"PATCH /permissions/table/main.s.t": {}})
    client_of(server).change_grants("table", "main.s.t", {"principal": "x", "add": ["SELECT"]})
    assert json.loads(server.requests[0].content) == {"changes": [{"principal": "x", "add": ["SELECT"], "remove": []}]}


def test_an_answer_that_is_no_json_is_named_by_its_status() -> None:
    server = Server({"GET /catalogs": httpx.Response(502, text="<html>bad gateway</html>")})
    with pytest.raises(CatalogRequestError, match="GET /catalogs answered 502"):
        client_of(server).list_all("catalog")


def test_a_server_that_does_not_answer_is_named() -> None:
    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    with pytest.raises(CatalogRequestError, match="http://unity:8080 does not answer: connection refused") as refused:
        client_of(Server({"GET /catalogs": refuse})).list_all("catalog")
    assert "secret" not in str(refused.value)


def test_names_are_quoted_in_paths() -> None:
    server = Server({"GET /permissions/table/main.s.a%b?": {"privilege_assignments": [{"principal": "x"}]}})
    assert client_of(server).grants("table", "main.s.a%b?", None) == [{"principal": "x"}]
    assert server.requests[0].url.raw_path.decode().endswith("main.s.a%25b%3F")


@pytest.mark.parametrize("code", ["SCHEMA_ALREADY_EXISTS", "ALREADY_EXISTS"])
def test_what_somebody_else_made_in_the_meantime_counts_as_made_where_that_is_asked(code: str) -> None:
    refusal = httpx.Response(400, json={"error_code": code, "message": "it exists"})
    client = client_of(Server({"POST /schemas": refusal}))
    client.create("schema", {"name": "s"}, unless_exists=True)
    with pytest.raises(CatalogRequestError, match="it exists"):
        client.create("schema", {"name": "s"}, unless_exists=False)


def test_another_refusal_of_a_creation_is_an_error_all_the_same() -> None:
    refusal = httpx.Response(403, json={"error_code": "PERMISSION_DENIED", "message": "not yours"})
    with pytest.raises(CatalogRequestError, match="not yours"):
        client_of(Server({"POST /tables": refusal})).create("table", {"name": "t"}, unless_exists=True)
