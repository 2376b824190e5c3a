"""Unity Catalog behind the workspace: with a token and without, and what stands in its way, named at once."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from workspace_doubles import running_workspace

from lakefs_unity_export.errors import (
    WorkspaceAccessError,
    WorkspaceError,
    WorkspaceNotFoundError,
    WorkspaceUnavailableError,
)
from lakefs_unity_export.servers import workspace as tasks
from local_stack.loopback_server import LoopbackServer
from local_stack.workspace.endpoints import catalog as catalog_endpoint

METHODS = ["GET", "POST", "PATCH", "DELETE"]


class PretendedCatalog:
    """A server that gives one answer to every request, after some seconds, and notes the headers."""

    def __init__(self, answer: Response, seconds: float = 0) -> None:
        self.headers: list[httpx.Headers] = []
        self._answer, self._seconds = answer, seconds

    async def __call__(self, request: Request) -> Response:
        self.headers.append(httpx.Headers(request.headers.raw))
        await asyncio.sleep(self._seconds)
        return self._answer


@contextmanager
def serving(catalog: PretendedCatalog) -> Iterator[str]:
    server = LoopbackServer(name="pretended catalog")

    async def answer(request: Request) -> Response:
        return await catalog(request)

    server.start(Starlette(routes=[Route("/{path:path}", answer, methods=METHODS)]))
    try:
        yield server.url
    finally:
        server.stop()


@contextmanager
def unity_catalog_of_a_task(folder: Path, url: str, token: str = "") -> Iterator[tasks.WorkspaceUnityCatalog]:
    """As a task of an export reaches Unity Catalog at the address, through the workspace, with its own patience."""
    with running_workspace(folder, unity_catalog_url=url, unity_catalog_token=token) as local:
        config = Config(
            host=local.workspace.url,
            token=local.workspace.token,
            http_timeout_seconds=tasks.HTTP_TIMEOUT_SECONDS,
            retry_timeout_seconds=tasks.RETRY_TIMEOUT_SECONDS,
        )
        yield tasks.WorkspaceUnityCatalog(WorkspaceClient(config=config))


@pytest.mark.parametrize(("token", "sent"), [("", None), ("t0ken", "Bearer t0ken")])
def test_a_header_is_sent_where_there_is_a_token(tmp_path: Path, token: str, sent: str | None) -> None:
    catalog = PretendedCatalog(JSONResponse({"name": "main", "properties": {"a": "1"}}))
    with serving(catalog) as url, unity_catalog_of_a_task(tmp_path, url, token) as unity_catalog:
        assert unity_catalog.schema_properties("lake", "main") == {"a": "1"}
    assert [headers.get("Authorization") for headers in catalog.headers] == [sent]


JSON_ERROR = {"error_code": "X", "message": "the reason"}


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (JSONResponse(JSON_ERROR, 503), WorkspaceUnavailableError, "answered 503: the reason"),
        (PlainTextResponse("down", 503, {"Retry-After": "60"}), WorkspaceUnavailableError, "answered 503: down"),
        (JSONResponse(JSON_ERROR, 429), WorkspaceUnavailableError, "answered 429: the reason"),
        (HTMLResponse("<html>late</html>", 504), WorkspaceUnavailableError, "answered 504: <html>late"),
        (JSONResponse(JSON_ERROR, 500), WorkspaceUnavailableError, "the reason"),
        (JSONResponse(JSON_ERROR, 401), WorkspaceAccessError, "refused UNITY_CATALOG_TOKEN (401): the reason"),
        (JSONResponse(JSON_ERROR, 403), WorkspaceAccessError, "refused UNITY_CATALOG_TOKEN (403): the reason"),
        (HTMLResponse("<html>hello</html>"), WorkspaceUnavailableError, "is it a Unity Catalog?"),
        (HTMLResponse("<html>no</html>", 404), WorkspaceUnavailableError, "is it a Unity Catalog?"),
        (JSONResponse(["x"]), WorkspaceUnavailableError, "is it a Unity Catalog?"),
    ],
    ids=lambda value: f"{value.status_code} {value.body[:8]}" if isinstance(value, Response) else None,
)
def test_what_stands_in_the_way_is_named_at_once(
    tmp_path: Path, answer: Response, kind: type[WorkspaceError], says: str
) -> None:
    started = time.monotonic()
    catalog = PretendedCatalog(answer)
    with serving(catalog) as url, unity_catalog_of_a_task(tmp_path, url, "t0ken") as unity_catalog:
        with pytest.raises(WorkspaceError) as raised:
            unity_catalog.schema_properties("lake", "main")
        assert type(raised.value) is kind
        assert says in str(raised.value)
        assert f"Unity Catalog at {url}" in str(raised.value) or answer.status_code == 500
        assert "t0ken" not in str(raised.value)
    assert len(catalog.headers) == 1
    assert time.monotonic() - started < 20


def test_a_server_that_asks_for_a_token_where_none_is_set_is_named(tmp_path: Path) -> None:
    catalog = PretendedCatalog(JSONResponse(JSON_ERROR, 401))
    with (
        serving(catalog) as url,
        unity_catalog_of_a_task(tmp_path, url) as unity_catalog,
        pytest.raises(WorkspaceAccessError, match="refused a call without a token: set UNITY_CATALOG_TOKEN"),
    ):
        unity_catalog.tables("lake", "main")


def test_a_server_that_refuses_the_connection_is_named_at_once(tmp_path: Path) -> None:
    started = time.monotonic()
    with (
        unity_catalog_of_a_task(tmp_path, "http://127.0.0.1:9") as unity_catalog,
        pytest.raises(WorkspaceUnavailableError, match=r"Unity Catalog at http://127\.0\.0\.1:9 does not answer: "),
    ):
        unity_catalog.schema_properties("lake", "main")
    assert time.monotonic() - started < 20


def test_a_server_that_hangs_is_named_before_the_sdk_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert catalog_endpoint.TIMEOUT_SECONDS < tasks.HTTP_TIMEOUT_SECONDS
    monkeypatch.setattr(catalog_endpoint, "TIMEOUT_SECONDS", 0.2)
    with (
        serving(PretendedCatalog(JSONResponse({}), seconds=1)) as url,
        unity_catalog_of_a_task(tmp_path, url) as unity_catalog,
        pytest.raises(WorkspaceUnavailableError, match="does not answer: "),
    ):
        unity_catalog.schema_properties("lake", "main")


def test_what_the_catalog_itself_says_is_handed_on(tmp_path: Path) -> None:
    missing = JSONResponse({"error_code": "CATALOG_NOT_FOUND", "message": "Catalog not found: lake"}, 404)
    with (
        serving(PretendedCatalog(missing)) as url,
        unity_catalog_of_a_task(tmp_path, url) as unity_catalog,
        pytest.raises(WorkspaceNotFoundError, match="Catalog not found: lake"),
    ):
        unity_catalog.schema_properties("lake", "main")
