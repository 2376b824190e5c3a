"""The warehouse's calls to Unity Catalog, against servers that answer as Databricks and as open source do."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from local_stack.warehouse.catalog import CatalogClient, CatalogRequestError

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
    "answer", [httpx.Response(200), httpx.Response(200, text="null"), httpx.Response(200, json=200)]
)
def test_a_delete_may_answer_anything(answer: httpx.Response) -> None:
    server = Server({"DELETE /tables/main.s.t": answer})
    client_of(server).delete("table", "main.s.t")
    assert server.requests[0].method == "DELETE"


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_without_table_updates_says_false(status: int) -> None:
    server = Server({"PATCH /tables/main.s.t": httpx.Response(status, text="no such route")})
    assert client_of(server).update_table("main.s.t", {"comment": "x"}) is False


def test_a_server_with_table_updates_says_true() -> None:
    server = Server({"PATCH /tables/main.s.t": {}})
    assert client_of(server).update_table("main.s.t", {"comment": "x"}) is True


def test_a_refused_table_update_is_an_error() -> None:
    refusal = httpx.Response(403, json={"error_code": "PERMISSION_DENIED", "message": "not the owner"})
    with pytest.raises(CatalogRequestError, match="not the owner") as refused:
        client_of(Server({"PATCH /tables/main.s.t": refusal})).update_table("main.s.t", {})
    assert (refused.value.status, refused.value.error_code) == (403, "PERMISSION_DENIED")


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
