"""The servers that the tests of the Unity Catalog contract run against, as fixtures."""

import os
import uuid
from collections.abc import Iterator

import pytest
from unity_catalog_contract import Catalog, with_catalog

from local_stack.unity_catalog import UnityCatalogServer


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
    """The embedded server, and the one that UNITY_CATALOG_URL names, where it names one."""
    if request.param == "embedded":
        yield request.getfixturevalue("embedded")
        return
    url = os.environ.get("UNITY_CATALOG_URL")
    if not url:
        pytest.skip("UNITY_CATALOG_URL names no server")
    found = with_catalog(url.rstrip("/"), os.environ.get("UNITY_CATALOG_TOKEN", ""))
    yield found
    found.request("DELETE", f"/catalogs/{found.name}", params={"force": "true"})


@pytest.fixture
def schema(catalog: Catalog) -> str:
    return catalog.sdk.schemas.create(f"s-{uuid.uuid4().hex[:8]}", catalog.name).name or ""


@pytest.fixture
def embedded_schema(embedded: Catalog) -> str:
    return embedded.sdk.schemas.create(f"s-{uuid.uuid4().hex[:8]}", embedded.name).name or ""
