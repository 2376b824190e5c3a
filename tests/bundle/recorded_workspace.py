"""A local workspace whose requests are recorded, and what a first deploy sent to it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from bundle_deployment import JOB, SETTINGS, Deployment
from recording_proxy import RecordingProxy, Request

DEPLOYER = "deployer@example.com"

_UPLOAD = "/workspace-files/import-file/"
# The CLI's own bookkeeping, which lies beside the files of the deployment.
_STATE = "/state/"


class NoCompute:
    """In the place of a cluster and a warehouse: jobs are deployed here, and none is run."""

    def start(self) -> None:
        """Starts nothing."""

    def stop(self) -> None:
        """Stops nothing."""


@dataclass(frozen=True, kw_only=True)
class RecordedWorkspace:
    """A workspace behind a proxy, the token of a user, and that of the identity that jobs run as in target prod."""

    proxy: RecordingProxy
    token: str
    job_token: str

    @property
    def url(self) -> str:
        """Where the CLI is sent to."""
        return self.proxy.url

    def get(self, endpoint: str, /, **query: str | int) -> httpx.Response:
        """The answer of the REST API, whatever its status; not recorded."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.get(f"{self.proxy.upstream}/api/{endpoint}", params=query, headers=headers, timeout=30)

    def jobs(self) -> list[dict[str, Any]]:
        """The settings of every job, by id."""
        listed = self.get("2.2/jobs/list").raise_for_status().json().get("jobs", [])
        ids = sorted(job["job_id"] for job in listed)
        return [self.get("2.2/jobs/get", job_id=each).raise_for_status().json() for each in ids]

    def file(self, path: str) -> bytes | None:
        """The content of a file in the workspace, or None where there is none. A notebook's suffix may be given."""
        for stored in (path, path.removesuffix(".py")):
            answer = self.get("2.0/workspace/export", path=stored, direct_download="true")
            if answer.status_code != 404:
                return answer.raise_for_status().content
        return None


@contextmanager
def recorded_workspace(folder: Path) -> Iterator[RecordedWorkspace]:
    """An empty workspace with one user and the service principals of the settings, until the end of the block."""
    # The tests of this folder that read files only need no server.
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.sql import WarehouseAccessControlRequest, WarehousePermissionLevel

    from local_stack.workspace import Workspace

    compute: Any = NoCompute()
    workspace = Workspace(
        folder=folder,
        cluster=compute,
        warehouse=compute,
        unity_catalog_url="http://127.0.0.1:9",
        unity_catalog_token="none",
    )
    workspace.start()
    workspace.create_principal(SETTINGS["hook_service_principal"], kind="service_principal")
    job_identity = SETTINGS["job_service_principal"]
    job_token = workspace.create_principal(job_identity, kind="service_principal", has_workspace_access=True)
    proxy = RecordingProxy(workspace.url)
    try:
        token = workspace.create_principal(DEPLOYER, kind="user")
        # Else the deployer finds no warehouse by its name.
        WorkspaceClient(host=workspace.url, token=workspace.token, auth_type="pat").warehouses.update_permissions(
            workspace.warehouse_id,
            access_control_list=[
                WarehouseAccessControlRequest(user_name=DEPLOYER, permission_level=WarehousePermissionLevel.CAN_USE)
            ],
        )
        yield RecordedWorkspace(proxy=proxy, token=token, job_token=job_token)
    finally:
        proxy.close()
        workspace.stop()


def job_writes(requests: Sequence[Request]) -> list[str]:
    """The requests that write a job or its permissions, as text."""
    return [
        f"{each.method} {each.path}"
        for each in requests
        if each.method != "GET" and ("/jobs/" in each.path or "/permissions/" in each.path)
    ]


def uploads(requests: Sequence[Request]) -> dict[str, bytes]:
    """The content of each uploaded file by its path in the workspace, the CLI's own bookkeeping left out."""
    return {
        "/" + each.path.partition(_UPLOAD)[2].lstrip("/"): each.body
        for each in requests
        if _UPLOAD in each.path and _STATE not in each.path
    }


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What the first deploy of a target sent to the workspace."""

    deployment: Deployment
    requests: tuple[Request, ...]

    @property
    def jobs(self) -> dict[str, dict[str, Any]]:
        """The bodies of jobs/create, by the jobs' names without what a target puts before them."""
        bodies = [each.json for each in self.requests if each.path.endswith("/jobs/create")]
        return {body["name"].rpartition(" ")[2]: body for body in bodies}

    @property
    def job(self) -> dict[str, Any]:
        """The job export_tables."""
        return self.jobs[JOB]

    @property
    def permissions(self) -> list[dict[str, str]]:
        """The access control list of the job export_tables, which is the one that names the hook's principal."""
        (found,) = [entries for entries in self._access_lists if _names_the_hook(entries)]
        return found

    @property
    def other_permissions(self) -> list[list[dict[str, str]]]:
        """The access control lists of other jobs."""
        return [entries for entries in self._access_lists if not _names_the_hook(entries)]

    @property
    def _access_lists(self) -> list[list[dict[str, str]]]:
        sent = [each for each in self.requests if "/permissions/jobs/" in each.path and each.method == "PUT"]
        return [each.json["access_control_list"] for each in sent]

    @property
    def uploads(self) -> dict[str, bytes]:
        """The uploaded files."""
        return uploads(self.requests)


def _names_the_hook(entries: list[dict[str, str]]) -> bool:
    return any(entry.get("service_principal_name") == SETTINGS["hook_service_principal"] for entry in entries)


def deploy_recorded(deployment: Deployment, workspace: RecordedWorkspace, target: str) -> Sent:
    """Deploys a target, and returns what was sent."""
    workspace.proxy.take()
    deployment.deploy(target)
    return Sent(deployment=deployment, requests=tuple(workspace.proxy.take()))
