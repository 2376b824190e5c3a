"""One warehouse over one Unity Catalog for all tests of a process, as fixtures: starting its Spark takes long.

A module of tests makes its catalogs there, and drops them when it is through.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_stack.loopback_server import LoopbackServer
from local_stack.unity_catalog import UnityCatalogServer
from local_stack.warehouse import Warehouse

METHODS = ["GET", "POST", "PATCH", "DELETE"]


class Passage:
    """Stands before the server. It can leave out the route that changes tables, as servers before 0.5 do, and list no
    tables, as where somebody makes one right after the list was read.
    """

    def __init__(self, server: UnityCatalogServer) -> None:
        self.without_table_updates = False
        self.lists_no_tables = False
        self._client = httpx.AsyncClient(base_url=server.url)
        self._server = LoopbackServer(name="passage")

    @property
    def url(self) -> str:
        return self._server.url

    def start(self) -> None:
        self._server.start(Starlette(routes=[Route("/{path:path}", self._pass, methods=METHODS)]))

    def stop(self) -> None:
        self._server.stop()

    async def _pass(self, request: Request) -> Response:
        if self.without_table_updates and "/delta/" in request.url.path:
            return Response("Status: 404", 404)
        if self.lists_no_tables and request.url.path.endswith("/tables") and request.method == "GET":
            return JSONResponse({"tables": []})
        headers = {"Authorization": request.headers["Authorization"]}
        target = f"{request.scope['raw_path'].decode()}?{request.url.query}"
        answer = await self._client.request(request.method, target, headers=headers, content=await request.body())
        return Response(answer.content, answer.status_code, media_type="application/json")


@pytest.fixture(scope="session")
def unity_catalog_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("unity_catalog")


@pytest.fixture(scope="session")
def unity_catalog(unity_catalog_folder: Path) -> Iterator[UnityCatalogServer]:
    server = UnityCatalogServer(folder=unity_catalog_folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def passage(unity_catalog: UnityCatalogServer) -> Iterator[Passage]:
    passage = Passage(unity_catalog)
    passage.start()
    yield passage
    passage.stop()


@pytest.fixture(scope="session")
def local_warehouse(
    unity_catalog: UnityCatalogServer, passage: Passage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    warehouse = Warehouse(
        unity_catalog_url=passage.url,
        unity_catalog_token=unity_catalog.token,
        spark_conf={},
        folder=tmp_path_factory.mktemp("warehouse"),
    )
    try:
        warehouse.start()
        yield warehouse
    finally:
        warehouse.stop()


def drop(server: UnityCatalogServer, path: str) -> None:
    """Drop a catalog or a schema with everything in it."""
    headers = {"Authorization": f"Bearer {server.token}"}
    url = f"{server.url}/api/2.1/unity-catalog{path}"
    httpx.delete(url, headers=headers, params={"force": "true"}).raise_for_status()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests in an order in which one of two workers starts a warehouse, and the other need not.

    Each begins with its half of them (`--dist worksteal`), and who is through takes from the end of the other's.
    """
    on_warehouse = [item for item in items if _is_on_warehouse(item)]
    others = [item for item in items if not _is_on_warehouse(item)]
    half = len(items) // 2
    items[:] = on_warehouse[:half] + others + on_warehouse[half:]


def _is_on_warehouse(item: pytest.Item) -> bool:
    return "local_warehouse" in getattr(item, "fixturenames", ())
