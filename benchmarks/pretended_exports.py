"""Exports without Spark: the real tasks ask the local stack's servers over HTTP, but tables are not cloned.

A table is registered in Unity Catalog as its clone would be, so that later runs find it.
"""

import io
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.catalog import DataSourceFormat, TableType

from lakefs_unity_export.access.lakefs_connection import Credentials
from lakefs_unity_export.clones.provenance import Provenance
from lakefs_unity_export.export.record import Record
from lakefs_unity_export.export.recording import record_export
from lakefs_unity_export.export.request import Request
from lakefs_unity_export.names import target_path
from lakefs_unity_export.servers.lakefs_client import LakeFSClient
from lakefs_unity_export.servers.workspace import WorkspaceUnityCatalog
from lakefs_unity_export.tasks.list_changed_tables import hand_over, list_changed_tables
from local_stack.demo.repository import Repository, demo_repository
from local_stack.lakefs.server import LakeFS, start_lakefs
from local_stack.unity_catalog import UnityCatalogServer
from local_stack.workspace import Workspace

CATALOG = "main"
TARGET_BASE = "s3://bucket/exports"
_JOB = {
    "name": "export_tables",
    "parameters": [{"name": name, "default": ""} for name in ("repository", "branch", "event")],
    "tasks": [{"task_key": "nothing", "condition_task": {"left": "1", "op": "EQUAL_TO", "right": "1"}}],
}


@dataclass(kw_only=True)
class TaskValues:
    """Keeps the values that a task leaves."""

    values: dict[str, Any] = field(default_factory=dict)

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""
        self.values[key] = value

    def get(self, taskKey: str, key: str) -> Any:  # noqa: N803, as Databricks calls it
        """None is left by a task before: the first task of a run has none."""
        raise ValueError(f"there is no task {taskKey} before this one, and so no value {key}")


@dataclass(kw_only=True)
class NextRuns:
    """Keeps the job parameters of the runs that a task asks for."""

    started: list[dict[str, str]] = field(default_factory=list)

    def start(self, parameters: Mapping[str, str], *, idempotency_token: str) -> int:  # noqa: ARG002, a port
        """Keep the parameters; the number of the run."""
        self.started.append(dict(parameters))
        return len(self.started)

    def active(self) -> list[dict[str, str]]:
        """None: what is asked for is not run."""
        return []


@dataclass(frozen=True, kw_only=True)
class Installation:
    """The servers and a repository. `job_id` is a job that takes the parameters of export_tables and does nothing."""

    lakefs: LakeFS
    repository: Repository
    workspace: Workspace
    job_id: str

    def client(self) -> WorkspaceClient:
        """A client of the workspace, and through it of Unity Catalog."""
        return WorkspaceClient(host=self.workspace.url, token=self.workspace.token, auth_type="pat")

    def lakefs_client(self) -> LakeFSClient:
        """The repository, as tasks read it."""
        credentials = Credentials(
            access_key_id=self.lakefs.access_key_id, secret_access_key=self.lakefs.secret_access_key
        )
        return LakeFSClient(endpoint=self.lakefs.endpoint_url, repository=self.repository.name, credentials=credentials)

    def task_parameters(self, **parameters: str) -> dict[str, str]:
        """The named parameters of list_changed_tables."""
        return {
            "repository": self.repository.name,
            "lakefs_endpoint": self.lakefs.endpoint_url,
            "secret_scope": "lakefs",
            "catalog": CATALOG,
            "target_base_location": TARGET_BASE,
            "job_id": self.job_id,
            **parameters,
        }

    def export(self, branch: str) -> None:
        """Export the head of a branch whose tables fit on one page."""
        unity_catalog, values = WorkspaceUnityCatalog(self.client()), TaskValues()
        runs, out = NextRuns(), io.StringIO()
        request = Request(**self.task_parameters(branch=branch)).named()
        listing = list_changed_tables(request, self.lakefs_client(), unity_catalog, out)
        hand_over(listing, values, unity_catalog, runs, out)
        self.finish(branch, values.values)

    def finish(self, branch: str, values: Mapping[str, Any]) -> dict[str, str]:
        """Do what follows list_changed_tables, given its task values; the job parameters of the next page, if any."""
        client, runs = self.client(), NextRuns()
        for item in values["tables"]:
            self._register(client, branch, item, values)
        if values["tables"]:
            record = Record.model_validate_json(values["record"])
            record_export(record, WorkspaceUnityCatalog(client), runs, io.StringIO())
        return runs.started[0] if runs.started else {}

    def _register(
        self, client: WorkspaceClient, branch: str, item: Mapping[str, Any], values: Mapping[str, Any]
    ) -> None:
        catalog, schema, name = item["table"].replace("`", "").split(".")
        shown = Provenance(
            repository=self.repository.name,
            branch=branch,
            commit_id=values["commit_id"],
            commit_generation=values["commit_generation"],
            path=item["path"],
        )
        location = target_path(target_base_location=values["target_base_location"], branch=branch, table=name)
        kind = (TableType.EXTERNAL, DataSourceFormat.DELTA)
        try:
            client.tables.create(name, catalog, schema, *kind, location, properties=shown.properties())
        except DatabricksError as error:
            if not (error.error_code or "").endswith("ALREADY_EXISTS"):
                raise


@contextmanager
def installation(folder: Path) -> Iterator[Installation]:
    """Everything started, with an empty repository and an empty catalog."""
    with ExitStack() as exits:
        unity_catalog = UnityCatalogServer(folder=folder / "unity_catalog")
        unity_catalog.start()
        exits.callback(unity_catalog.stop)
        lakefs = start_lakefs(folder=folder / "lakefs", hook_environment={})
        exits.callback(lakefs.stop)
        workspace = exits.enter_context(
            Workspace(
                folder=folder / "workspace",
                cluster=_NoCompute(),
                warehouse=_NoCompute(),
                unity_catalog_url=unity_catalog.url,
                unity_catalog_token=unity_catalog.token,
            )
        )
        repository = exits.enter_context(demo_repository(lakefs))
        client = WorkspaceClient(host=workspace.url, token=workspace.token, auth_type="pat")
        client.catalogs.create(CATALOG)
        job: Any = client.api_client.do("POST", "/api/2.2/jobs/create", body=_JOB)
        yield Installation(lakefs=lakefs, repository=repository, workspace=workspace, job_id=str(job["job_id"]))


class _NoCompute:
    """Neither notebooks nor SQL run here."""

    def run_notebook(self, run: Any, spark_conf: Mapping[str, str]) -> Any:
        raise NotImplementedError

    def execute(self, sql: str, parameters: Mapping[str, str | None], **names: str | None) -> Any:
        raise NotImplementedError

    def query_on_serverless(self, query: str) -> Any:
        raise NotImplementedError
