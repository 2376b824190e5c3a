"""The local stack as one: Unity Catalog, lakeFS, cluster, warehouse and workspace, started and stopped together."""

import json
import os
import secrets
import shlex
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from databricks.sdk import WorkspaceClient

from lakefs_unity_export.clones.methods import CloneMethod
from local_stack.cluster.cluster import Cluster
from local_stack.errors import SetupError
from local_stack.lakefs.server import LakeFS, start_lakefs
from local_stack.plain_path import plain_path
from local_stack.stack_environment import (
    CLONE_METHOD_VARIABLE,
    HELD_VARIABLES,
    TRIGGER_VARIABLE,
    WEBHOOK_VARIABLE,
    deployed_job,
    hook_files,
    lakefs_client,
)
from local_stack.triggers.hook import CLIENT_ID_VARIABLE, CLIENT_SECRET_VARIABLE, WEBHOOK_SECRET_VARIABLE, install_hook
from local_stack.triggers.trigger import ExportTrigger
from local_stack.triggers.webhook_service import HookPrincipal, WebhookService
from local_stack.unity_catalog import UnityCatalogServer
from local_stack.unity_catalog.stack_catalog import EMBEDDED_CATALOG, StackCatalog
from local_stack.warehouse import Warehouse
from local_stack.workspace import Workspace
from local_stack.workspace.server import OWNER

if TYPE_CHECKING:
    from local_stack.lakefs.object_store import ObjectStore

SECRET_SCOPE = "lakefs"  # noqa: S105, a scope's name
# The application id of the service principal that may run the job and nothing else.
HOOK_PRINCIPAL = "4c6b6546-5300-4000-8000-686f6f6b0001"
ENVIRONMENT_FILE = "env"
# Without keys no request leaves: S3A would look for some in the environment, and ask the machine's own cloud.
NO_S3_KEYS = {"spark.hadoop.fs.s3a.aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider"}
# What the wheel depends on, and imports when a task starts: two seconds of each start. Elsewhere than on Linux, the
# system's own libraries do not outlive a fork.
PRELOADED = ("databricks.sdk", "pydantic", "requests", "yaml") if sys.platform == "linux" else ()


class LocalStack:
    """Everything the bundle needs, on 127.0.0.1 and free ports, with all its files in one folder.

    Parameters: the folder, which is removed at the end, where progress is told, what starts exports, how they clone by
    default, and whether the warehouse has the S3A settings of lakeFS: commonly for `shallow` clones, which nobody reads
    without, and else not, so that reading rows there shows that they need no lakeFS. `buckets` are those of an S3 that
    the stand-in of lakeFS takes for storage namespaces `s3://bucket/...`, and the warehouse reads.

    Real servers are used where they are configured: Unity Catalog at `UNITY_CATALOG_URL` (with
    `UNITY_CATALOG_TOKEN`), and lakeFS as `start_lakefs` finds it. Use it as a context manager: what was started is
    stopped, also after a failure.
    """

    lakefs: LakeFS
    catalog: StackCatalog
    warehouse: Warehouse
    cluster: Cluster
    workspace: Workspace

    def __init__(
        self,
        *,
        folder: Path,
        progress: TextIO,
        trigger: ExportTrigger = ExportTrigger.LUA,
        clone_method: CloneMethod = CloneMethod.SHALLOW,
        warehouse_reads_lakefs: bool | None = None,
        buckets: Sequence[str] = (),
    ) -> None:
        self.folder = folder.resolve()
        # The same folder, under a path that Spark and the bundle take.
        self.plain_folder = self.folder
        self.trigger = trigger
        self.clone_method = clone_method
        is_shallow = clone_method is CloneMethod.SHALLOW
        self.warehouse_reads_lakefs = is_shallow if warehouse_reads_lakefs is None else warehouse_reads_lakefs
        self.object_store = _object_store(buckets) if buckets else None
        self._progress = progress
        self._exits = ExitStack()
        self.webhook = WebhookService(folder=self.folder / "webhook")
        self._hook_environment = {
            CLIENT_ID_VARIABLE: HOOK_PRINCIPAL,
            CLIENT_SECRET_VARIABLE: secrets.token_urlsafe(32),
            WEBHOOK_SECRET_VARIABLE: self.webhook.secret,
        }

    def __enter__(self) -> Self:
        if self.folder.exists() and any(self.folder.iterdir()):
            raise SetupError(
                f"{self.folder} is in use by another local stack, or is left of one that was killed: "
                "stop that one, or remove the folder"
            )
        try:
            self._start()
        except BaseException:
            self._exits.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.close()

    @property
    def url(self) -> str:
        """Address of the workspace."""
        return self.workspace.url

    @property
    def target_base_location(self) -> str:
        """Where clones lie: under the external location of the embedded Unity Catalog."""
        return (self.plain_folder / "exports").as_uri()

    def client(self) -> WorkspaceClient:
        """The workspace through the Databricks SDK, as its owner."""
        return WorkspaceClient(host=self.url, token=self.workspace.token, auth_type="pat")

    def s3a_conf(self) -> dict[str, str]:
        """Spark configuration that reads any lakeFS repository: what target `local` gives its job cluster."""
        return {
            "spark.databricks.cluster.profile": "singleNode",
            "spark.master": "local[*]",
            "spark.hadoop.fs.s3a.endpoint": self.lakefs.s3_endpoint_url,
            "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
            "spark.hadoop.fs.s3a.path.style.access": "true",
            "spark.hadoop.fs.s3a.attempts.maximum": "3",
            "spark.hadoop.fs.s3a.retry.limit": "3",
            "spark.hadoop.fs.s3a.connection.establish.timeout": "5000",
            "spark.hadoop.fs.s3a.access.key": self.lakefs.access_key_id,
            "spark.hadoop.fs.s3a.secret.key": self.lakefs.secret_access_key,
        }

    def warehouse_conf(self) -> dict[str, str]:
        """Spark configuration of the warehouse: keys of what it may read, and for no other bucket any."""
        of_storage = self.object_store.spark_conf() if self.object_store else {}
        return of_storage | (self.s3a_conf() if self.warehouse_reads_lakefs else NO_S3_KEYS)

    def environment(self) -> dict[str, str]:
        """What the Databricks CLI, the bundle's target `local` and lakeFS clients need, as environment variables."""
        return {
            "DATABRICKS_HOST": self.url,
            "DATABRICKS_TOKEN": self.workspace.token,
            # The CLI would keep the host and the user of this short-lived workspace in the home folder.
            "DATABRICKS_CACHE_ENABLED": "false",
            "BUNDLE_VAR_lakefs_endpoint": self.lakefs.endpoint_url,
            "BUNDLE_VAR_lakefs_s3_endpoint": self.lakefs.s3_endpoint_url,
            "BUNDLE_VAR_secret_scope": SECRET_SCOPE,
            "BUNDLE_VAR_catalog": self.catalog.name,
            "BUNDLE_VAR_target_base_location": self.target_base_location,
            "BUNDLE_VAR_warehouse_id": self.workspace.warehouse_id,
            "BUNDLE_VAR_hook_service_principal": HOOK_PRINCIPAL,
            CLONE_METHOD_VARIABLE: self.clone_method,
            TRIGGER_VARIABLE: self.trigger,
            **({WEBHOOK_VARIABLE: self.webhook.url} if self.trigger is ExportTrigger.WEBHOOK else {}),
            # A server of others has an environment of its own, so that the action file carries the values.
            **({HELD_VARIABLES: json.dumps(self._hook_environment)} if self.lakefs.kind == "server" else {}),
            "LAKECTL_SERVER_ENDPOINT_URL": self.lakefs.endpoint_url,
            "LAKECTL_CREDENTIALS_ACCESS_KEY_ID": self.lakefs.access_key_id,
            "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY": self.lakefs.secret_access_key,
            "AWS_ENDPOINT_URL_S3": self.lakefs.s3_endpoint_url,
            "AWS_ACCESS_KEY_ID": self.lakefs.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.lakefs.secret_access_key,
        }

    def job_id(self) -> str:
        """The id of the deployed job. Raises SetupError where there is none."""
        return deployed_job(self.client())

    def install_hook(self, repository: str, branch: str, trigger: ExportTrigger | None = None) -> str:
        """Put a hook into a branch of a repository and commit it, by default the stack's own; the commit's id.

        Raises SetupError where the job is not deployed yet, the trigger has no hook, or lakeFS refuses.
        """
        trigger = trigger or self.trigger
        if trigger is ExportTrigger.WEBHOOK:
            self.start_webhook()
        environment = {**self.environment(), TRIGGER_VARIABLE: trigger, WEBHOOK_VARIABLE: self.webhook.url}
        files = hook_files(environment)
        return install_hook(lakefs_client(environment), repository=repository, branch=branch, files=files)

    def start_webhook(self) -> None:
        """Start the webhook service, unless it runs. Raises SetupError where the job is not deployed yet."""
        principal = HookPrincipal(
            host=self.url, client_id=HOOK_PRINCIPAL, client_secret=self._hook_environment[CLIENT_SECRET_VARIABLE]
        )
        self.webhook.start(principal, job_id=self.job_id())

    def write_environment_file(self, tool_folders: Sequence[Path]) -> Path:
        """Writes `environment()` to a file that a shell can source, readable by its owner only.

        The folders, which hold the Databricks CLI and the like, come first on its PATH.
        """
        path = self.folder / ENVIRONMENT_FILE
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in self.environment().items()]
        tools = ":".join(shlex.quote(str(folder)) for folder in tool_folders)
        lines.append(f'export PATH={tools}:"$PATH"\n')
        path.touch(mode=0o600)
        path.write_text("".join(lines))
        return path

    def _start(self) -> None:
        self._exits.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.plain_folder = self._exits.enter_context(plain_path(self.folder))
        self.catalog = self._start_unity_catalog()
        if self.object_store is not None:
            self.object_store.start()
            self._exits.callback(self.object_store.stop)
        self.lakefs = start_lakefs(
            folder=self.plain_folder / "lakefs",
            hook_environment=self._hook_environment,
            object_store=self.object_store,
        )
        self._exits.callback(self.lakefs.stop)
        self._say(f"lakeFS ({self.lakefs.kind}) at {self.lakefs.endpoint_url}")
        self.cluster = Cluster(folder=self.plain_folder / "cluster")
        self._exits.callback(self.cluster.stop)
        self.warehouse = Warehouse(
            unity_catalog_url=self.catalog.url,
            unity_catalog_token=self.catalog.token,
            spark_conf=self.warehouse_conf(),
            folder=self.plain_folder / "warehouse",
            principal=OWNER,
        )
        self._exits.callback(self.warehouse.stop)
        with ThreadPoolExecutor(max_workers=1) as pool:
            started = pool.submit(self.warehouse.start)
            self._start_workspace()
            started.result()
        self._say("SQL warehouse is running")

    def _start_unity_catalog(self) -> StackCatalog:
        """The catalog to export to: on the server that is configured, which others use too, or on one of ours."""
        url = os.environ.get("UNITY_CATALOG_URL", "").rstrip("/")
        if url:
            catalog = StackCatalog.on_server(url, os.environ.get("UNITY_CATALOG_TOKEN", ""))
            catalog.create()
            self._exits.callback(self._remove, catalog)
            self._say(f"Unity Catalog at {url}, catalog {catalog.name}, which goes with the stack")
            return catalog
        server = UnityCatalogServer(folder=self.plain_folder / "unity_catalog")
        server.start()
        self._exits.callback(server.stop)
        catalog = StackCatalog(url=server.url, token=server.token, name=EMBEDDED_CATALOG)
        catalog.create()
        catalog.allow(OWNER, self.target_base_location)
        self._say(f"Unity Catalog at {catalog.url}")
        return catalog

    def _remove(self, catalog: StackCatalog) -> None:
        if why := catalog.remove():
            self._say(f"left behind: catalog {catalog.name} on {catalog.url}, {why}; remove it there")

    def _start_workspace(self) -> None:
        self.workspace = Workspace(
            folder=self.plain_folder / "workspace",
            cluster=self.cluster,
            warehouse=self.warehouse,
            unity_catalog_url=self.catalog.url,
            unity_catalog_token=self.catalog.token,
            running_cluster_spark_conf=self.s3a_conf(),
            preloaded=PRELOADED,
        )
        self.workspace.start()
        self._exits.callback(self.workspace.stop)
        self.workspace.create_principal(HOOK_PRINCIPAL, kind="service_principal")
        self.workspace.create_client_secret(HOOK_PRINCIPAL, self._hook_environment[CLIENT_SECRET_VARIABLE])
        self._exits.callback(self.webhook.stop)
        client = self.client()
        client.secrets.create_scope(SECRET_SCOPE)
        client.secrets.put_secret(SECRET_SCOPE, "lakefs-access-key-id", string_value=self.lakefs.access_key_id)
        client.secrets.put_secret(SECRET_SCOPE, "lakefs-secret-access-key", string_value=self.lakefs.secret_access_key)
        self._say(f"workspace at {self.url}")

    def _say(self, line: str) -> None:
        print(f"local stack: {line}", file=self._progress, flush=True)


def _object_store(buckets: Sequence[str]) -> "ObjectStore":
    # Late, since it brings moto's server, and most stacks have none.
    from local_stack.lakefs.object_store import ObjectStore

    return ObjectStore(buckets)
