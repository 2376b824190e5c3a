"""lakeFS and Unity Catalog over loopback HTTP for benchmarks that need no Spark, with every call to them counted."""

import http.client
import logging
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock
from urllib.parse import urlsplit

import httpx
from databricks.sdk import WorkspaceClient
from lakefs import Repository
from lakefs.client import Client

from lakefs_unity_export.lakefs_client import Credentials, LakeFSClient
from lakefs_unity_export.workspace import WorkspaceUnityCatalog
from local_stack.lakefs import LakeFS, start_lakefs
from local_stack.unity_catalog import UnityCatalogServer

CATALOG = "main"
REPOSITORY = "benchmark"

# It asks each host for a file that only Databricks has, and says so at length.
logging.getLogger("databricks.sdk").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Services:
    """Both servers, with one repository and one catalog. `calls` counts the requests that this process sent."""

    lakefs: LakeFS
    unity_catalog_url: str
    unity_catalog_token: str
    calls: Counter[str] = field(default_factory=Counter)

    @property
    def reader(self) -> LakeFSClient:
        """The repository, as the wheel's tasks read it."""
        credentials = Credentials(
            access_key_id=self.lakefs.access_key_id, secret_access_key=self.lakefs.secret_access_key
        )
        return LakeFSClient(endpoint=self.lakefs.endpoint_url, repository=REPOSITORY, credentials=credentials)

    @property
    def catalog(self) -> WorkspaceUnityCatalog:
        """The catalog, as the wheel's tasks see it."""
        client = WorkspaceClient(host=self.unity_catalog_url, token=self.unity_catalog_token, auth_type="pat")
        return WorkspaceUnityCatalog(client)

    @property
    def repository(self) -> Repository:
        """The repository, to make branches and commits in."""
        client = Client(
            host=self.lakefs.endpoint_url,
            username=self.lakefs.access_key_id,
            password=self.lakefs.secret_access_key,
        )
        return Repository(REPOSITORY, client=client)

    def commit(self, objects: Mapping[str, bytes]) -> str:
        """Commit these objects to the branch main; the commit's id."""
        branch = self.repository.branch("main")
        for path, content in objects.items():
            branch.object(path).upload(content, mode="wb", pre_sign=False)
        return str(branch.commit("A commit").get_commit().id)


@contextmanager
def started_services() -> Iterator[Services]:
    """The services, until the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        server = UnityCatalogServer(folder=Path(folder) / "unity_catalog")
        server.start()
        lake = start_lakefs(folder=Path(folder) / "lakefs", hook_environment={})
        try:
            services = Services(lake, server.url, server.token)
            headers = {"Authorization": f"Bearer {server.token}"}
            made = httpx.post(f"{server.url}/api/2.1/unity-catalog/catalogs", headers=headers, json={"name": CATALOG})
            made.raise_for_status()
            services.repository.create(storage_namespace=f"local://{REPOSITORY}", default_branch="main")
            with _counted(services):
                yield services
        finally:
            lake.stop()
            server.stop()


@contextmanager
def _counted(services: Services) -> Iterator[None]:
    """Counts what goes over HTTP, whatever client sends it: both SDKs end in the standard library's connection."""
    names = {
        urlsplit(services.lakefs.endpoint_url).port: "lakeFS",
        urlsplit(services.unity_catalog_url).port: "Unity Catalog",
    }
    send = http.client.HTTPConnection.putrequest

    def counted(connection: http.client.HTTPConnection, *arguments: object, **options: object) -> None:
        if connection.port in names:
            services.calls[names[connection.port]] += 1
        send(connection, *arguments, **options)  # type: ignore[arg-type]

    with mock.patch.object(http.client.HTTPConnection, "putrequest", counted):
        yield


class StartedRuns:
    """Takes the place of the job: keeps the parameters of the runs that are started."""

    def __init__(self) -> None:
        self.started: list[dict[str, str]] = []

    def start(self, parameters: Mapping[str, str], *, idempotency_token: str) -> int:  # noqa: ARG002
        """As the port."""
        self.started.append(dict(parameters))
        return len(self.started)

    def active(self) -> list[dict[str, str]]:
        """As the port."""
        return []
