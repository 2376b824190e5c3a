"""The catalog of a local stack, on the embedded Unity Catalog and on a server that is configured."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local_stack.errors import SetupError
from local_stack.unity_catalog import UnityCatalogServer
from local_stack.unity_catalog.stack_catalog import StackCatalog

CONFIGURED = os.environ.get("UNITY_CATALOG_URL", "").rstrip("/")


@pytest.fixture(params=["embedded", *(["configured"] if CONFIGURED else [])])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Its address and token."""
    if request.param == "configured":
        yield CONFIGURED, os.environ.get("UNITY_CATALOG_TOKEN", "")
        return
    embedded = UnityCatalogServer(folder=tmp_path / "unity_catalog")
    embedded.start()
    yield embedded.url, embedded.token
    embedded.stop()


def test_two_stacks_on_one_server_do_not_meet_and_leave_nothing(server: tuple[str, str]) -> None:
    url, token = server
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(base_url=f"{url}/api/2.1/unity-catalog", headers=headers) as client:

        def catalogs() -> set[str]:
            return {catalog["name"] for catalog in client.get("/catalogs").json().get("catalogs") or []}

        before = catalogs()
        stacks = [StackCatalog.on_server(url, token) for _ in range(2)]
        for stack in stacks:
            stack.create()
            schema = {"name": "main", "catalog_name": stack.name}
            assert client.post("/schemas", json=schema).is_success
            table = {
                **{"name": "orders", "catalog_name": stack.name, "schema_name": "main"},
                **{"table_type": "EXTERNAL", "data_source_format": "DELTA", "columns": []},
                "storage_location": f"file:///tmp/{stack.name}/orders",
            }
            assert client.post("/tables", json=table).is_success
        assert catalogs() == before | {stack.name for stack in stacks}
        assert stacks[0].remove() == ""
        assert catalogs() == before | {stacks[1].name}
        assert stacks[1].remove() == ""
        assert catalogs() == before
        assert "404" in stacks[1].remove()


def test_a_catalog_that_cannot_be_made_is_an_error_that_names_the_variables(tmp_path: Path) -> None:
    server = UnityCatalogServer(folder=tmp_path / "unity_catalog")
    server.start()
    try:
        with pytest.raises(SetupError, match=r"answered 401 .* check UNITY_CATALOG_URL and UNITY_CATALOG_TOKEN"):
            StackCatalog.on_server(server.url, "wrong").create()
    finally:
        server.stop()
    with pytest.raises(SetupError, match=r"does not answer: .*; check UNITY_CATALOG_URL$"):
        StackCatalog.on_server(server.url, "").create()
    assert "does not answer" in StackCatalog.on_server(server.url, "").remove()


@pytest.mark.parametrize("body", ["<html>welcome</html>", "[]", "{}", '{"name": "another"}'])
def test_what_is_no_unity_catalog_is_told_at_once(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    answer = httpx.Response(200, text=body, request=httpx.Request("POST", "http://127.0.0.1"))
    monkeypatch.setattr(httpx.Client, "request", lambda *_, **__: answer)
    with pytest.raises(SetupError, match=r"answered .*; check UNITY_CATALOG_URL$") as told:
        StackCatalog.on_server("http://127.0.0.1", "").create()
    assert body in str(told.value)
