"""The local workspace: its parts put together, its server, its life."""

import logging
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from local_stack.loopback_server import LoopbackServer
from local_stack.unpacked_wheels import UnpackedWheels
from local_stack.workspace.endpoints.application import WorkspaceApplication
from local_stack.workspace.endpoints.calls import Answer, Call, Endpoints, with_workspace_access
from local_stack.workspace.endpoints.catalog import CatalogEndpoint
from local_stack.workspace.endpoints.compute import ComputeEndpoints
from local_stack.workspace.endpoints.files import FileEndpoints
from local_stack.workspace.endpoints.identities import IdentityEndpoints
from local_stack.workspace.endpoints.jobs import JobEndpoints
from local_stack.workspace.endpoints.secrets import SecretEndpoints
from local_stack.workspace.endpoints.serverless import ServerlessEndpoints
from local_stack.workspace.endpoints.task_values import TaskValueEndpoints
from local_stack.workspace.executors.notebook_and_sql import (
    NotebookCluster,
    NotebookExecutor,
    SqlExecutor,
    SqlWarehouse,
    TaskAccess,
)
from local_stack.workspace.executors.warehouse_access import WarehouseAccess
from local_stack.workspace.executors.wheel import WheelExecutor
from local_stack.workspace.files import WorkspaceFiles
from local_stack.workspace.identities.identities import Identities, PrincipalKind
from local_stack.workspace.identities.permissions import Permissions
from local_stack.workspace.identities.secret_scopes import SecretScopes
from local_stack.workspace.jobs.jobs import Jobs
from local_stack.workspace.jobs.task_runner import TaskExecutor
from local_stack.workspace.jobs.views import RunViews

OWNER = "owner@local.invalid"
WORKSPACE_ID = 1234567890123456
WAREHOUSE_ID = "10ca1000000000aa"

logger = logging.getLogger(__name__)


class Workspace:
    """A Databricks workspace on 127.0.0.1 that speaks what the CLI, databricks-sdk and our jobs use.

    Parameters: `folder` for files and the tasks' folders; `cluster` runs notebooks, `warehouse` SQL; Unity Catalog's
    calls are handed on to `unity_catalog_url` with `unity_catalog_token`; `port`, 0 for a free one;
    `running_cluster_spark_conf` is the Spark configuration of the cluster that runs already; `preloaded`, modules that
    wheel tasks find imported: they start sooner then; `task_variables`, variables of wheel tasks, for tests.

    Attributes: `owner` and `token`, the workspace admin who owns the stack; `unsupported_calls`, every call that was
    refused as unsupported.
    """

    def __init__(
        self,
        *,
        folder: Path,
        cluster: NotebookCluster,
        warehouse: SqlWarehouse,
        unity_catalog_url: str,
        unity_catalog_token: str,
        port: int = 0,
        running_cluster_spark_conf: Mapping[str, str] | None = None,
        owner: str = OWNER,
        preloaded: Sequence[str] = (),
        task_variables: Mapping[str, str] | None = None,
    ) -> None:
        self.owner = owner
        self.warehouse_id = WAREHOUSE_ID
        self.workspace_id = WORKSPACE_ID
        self.unsupported_calls: list[str] = []
        self._identities = Identities()
        admin = self._identities.create(owner, kind="user", is_admin=True)
        self.token = self._identities.issue_token(admin)
        self._files = WorkspaceFiles(folder / "files")
        self._files.make_directory(f"/Users/{owner}")
        self._secrets = SecretScopes()
        self._permissions = Permissions(self._identities)
        self._access = TaskAccess(self._identities)
        self._catalog = CatalogEndpoint(url=unity_catalog_url, token=unity_catalog_token)
        self._warehouse = warehouse
        self._warehouse_access = WarehouseAccess(self.warehouse_id, self._permissions)
        self._wheels = WheelExecutor(
            folder=folder / "tasks",
            wheels=UnpackedWheels(folder / "wheels"),
            files=self._files,
            access=self._access,
            preloaded=preloaded,
            variables=task_variables,
        )
        executors: dict[str, TaskExecutor] = {
            "notebook_task": NotebookExecutor(
                cluster=cluster,
                files=self._files,
                secrets=self._secrets,
                access=self._access,
                running_cluster_spark_conf=running_cluster_spark_conf or {},
            ),
            "sql_task": SqlExecutor(
                warehouse=warehouse, warehouse_access=self._warehouse_access, files=self._files, access=self._access
            ),
            "python_wheel_task": self._wheels,
        }
        self._jobs = Jobs(executors, workspace_id=self.workspace_id, workspace_url=lambda: self.url)
        self._server = LoopbackServer(name="workspace", port=port)

    @property
    def url(self) -> str:
        """The workspace's address; known once started, or before that with a fixed port."""
        return self._server.url

    def start(self) -> None:
        """Serve; returns once requests are answered. Raises OSError where the port is taken."""
        if self._server.is_running:
            return
        self._server.bind()
        self._access.url = self.url
        application = WorkspaceApplication(
            identities=self._identities,
            endpoints=self._endpoints(),
            workspace_id=self.workspace_id,
            account_id=str(uuid.uuid5(uuid.NAMESPACE_DNS, "local")),
            url=lambda: self.url,
            unsupported=self.unsupported_calls,
        )
        self._server.start(application.starlette)

    def warm(self) -> None:
        """Have ready what the first wheel task needs, for which it would wait a second; from any thread."""
        self._wheels.warm()

    def stop(self) -> None:
        """Cancel what runs, end the tasks' processes and stop serving; a second call does nothing."""
        if self._server.is_running:
            self._jobs.stop()
            self._wheels.stop()
            self._server.stop()
            self._catalog.close()

    def create_principal(
        self, name: str, *, kind: PrincipalKind, has_workspace_access: bool | None = None, token: str = ""
    ) -> str:
        """A new user or service principal that is no admin; the bearer token that acts as it, `token` if given.

        A service principal's application id is the name. With workspace access (a user's default) it can create
        jobs, use Unity Catalog, and ask a warehouse that it may use; without (a service principal's default) only what
        access lists give it. Raises ApiError where the name is taken.
        """
        access = kind == "user" if has_workspace_access is None else has_workspace_access
        principal = self._identities.create(name, kind=kind, has_workspace_access=access)
        self._files.make_directory(f"/Users/{name}")
        return self._identities.issue_token(principal, token=token)

    def create_client_secret(self, name: str, secret: str = "") -> str:
        """An OAuth secret of a service principal, `secret` if given; its client id is the name."""
        return self._identities.create_client_secret(name, secret)

    def __enter__(self) -> "Workspace":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _endpoints(self) -> Endpoints:
        views = RunViews(url=self.url, workspace_id=self.workspace_id)
        compute = ComputeEndpoints(self._warehouse, access=self._warehouse_access, owner=self.owner)
        return {
            **JobEndpoints(self._jobs, self._permissions, views).endpoints(),
            **FileEndpoints(self._files, self._permissions).endpoints(),
            **SecretEndpoints(self._secrets).endpoints(),
            **IdentityEndpoints(
                self._identities, self._permissions, self._jobs, self._files, self._warehouse_access
            ).endpoints(),
            **with_workspace_access(compute.endpoints()),
            **TaskValueEndpoints(self._jobs.runs).endpoints(),
            **ServerlessEndpoints(self._jobs.runs, self._warehouse).endpoints(),
            **with_workspace_access(self._catalog.endpoints()),
            ("POST", "/telemetry-ext"): _telemetry,
        }


def _telemetry(call: Call) -> Answer:
    """The CLI's telemetry: taken, counted and dropped."""
    return {"errors": [], "numProtoSuccess": len(call.items("protoLogs"))}
