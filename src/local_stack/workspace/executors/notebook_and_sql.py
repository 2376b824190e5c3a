"""Executors of notebook and SQL tasks: from a task's settings to the cluster and the warehouse."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from local_stack.workspace.errors import ApiError, invalid
from local_stack.workspace.executors.warehouse_access import WarehouseAccess
from local_stack.workspace.files import WorkspaceFiles
from local_stack.workspace.identities.identities import TASK_TOKEN_LIFETIME_SECONDS, Identities, Principal
from local_stack.workspace.identities.secret_scopes import SecretScopes
from local_stack.workspace.jobs.runs import StopSignal, TaskOutput
from local_stack.workspace.jobs.task_runner import TaskWork

RUNNING_CLUSTER_ID = "0000-000000-local"


class NotebookOutcome(Protocol):
    """What the cluster says of a notebook."""

    @property
    def exit_value(self) -> str | None:
        """The argument of ``dbutils.notebook.exit``."""

    @property
    def log(self) -> str:
        """What the notebook printed."""

    @property
    def error(self) -> str | None:
        """The error that ended it."""

    @property
    def trace(self) -> str | None:
        """The error's traceback."""


@dataclass(frozen=True, kw_only=True)
class NotebookCall:
    """A notebook to run; `libraries` are wheel files on disk."""

    notebook: Path
    parameters: Mapping[str, str]
    libraries: tuple[Path, ...]
    host: str
    token: str = field(repr=False)
    task_run_id: int
    job_id: int
    run_id: int
    task_key: str


class NotebookCluster(Protocol):
    """Runs notebooks under a Spark configuration."""

    def run_notebook(self, run: Any, spark_conf: Mapping[str, str]) -> NotebookOutcome:
        """Run one notebook and wait for it."""


class SqlResult(Protocol):
    """One statement's result."""

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Names and types."""

    @property
    def rows(self) -> tuple[tuple[str | None, ...], ...]:
        """Values as text."""


class SqlWarehouse(Protocol):
    """Runs SQL statements."""

    def execute(
        self, sql: str, parameters: Mapping[str, str | None], *, catalog: str | None = None, schema: str | None = None
    ) -> Sequence[Any]:
        """Run the statements of a text in order."""

    def query_on_serverless(self, query: str) -> Sequence[Any]:
        """Run a query as serverless compute would, whose limits are its own."""


class TaskAccess:
    """What tasks are given of the workspace: its address, and a token that acts as the job's run_as principal."""

    def __init__(self, identities: Identities, url: str = "") -> None:
        self._identities = identities
        self.url = url

    def principal(self, work: TaskWork) -> Principal:
        """The principal that the task acts as."""
        return self._identities.get(work.run_as)

    @contextmanager
    def token(self, work: TaskWork) -> Iterator[str]:
        """A token for the task, revoked when it ends."""
        token = self._identities.issue_token(
            self.principal(work), lifetime_seconds=TASK_TOKEN_LIFETIME_SECONDS, task_run_id=work.task_run_id
        )
        try:
            yield token
        finally:
            self._identities.revoke_token(token)


class NotebookExecutor:
    """Runs notebook tasks on the cluster, under the Spark configuration of their job cluster."""

    def __init__(
        self,
        *,
        cluster: NotebookCluster,
        files: WorkspaceFiles,
        secrets: SecretScopes,
        access: TaskAccess,
        running_cluster_spark_conf: Mapping[str, str],
    ) -> None:
        self._cluster = cluster
        self._files = files
        self._secrets = secrets
        self._access = access
        self._running_cluster_spark_conf = running_cluster_spark_conf

    def execute(self, work: TaskWork, stop: StopSignal) -> TaskOutput:  # noqa: ARG002
        """Run the notebook. It cannot be interrupted: after a stop its result is dropped."""
        try:
            notebook = self._files.get(work.task["notebook_task"]["notebook_path"])
            if notebook.kind != "NOTEBOOK":
                return TaskOutput(error=f"Unable to access the notebook: '{notebook.path}' is no notebook.")
            libraries = wheel_files(self._files, work)
            conf = self._secrets.resolved(dict(self._spark_conf(work)), self._access.principal(work))
        except ApiError as error:
            return TaskOutput(error=error.message)
        with self._access.token(work) as token:
            call = NotebookCall(
                notebook=notebook.disk,
                parameters=work.task["notebook_task"].get("base_parameters") or {},
                libraries=libraries,
                host=self._access.url,
                token=token,
                task_run_id=work.task_run_id,
                job_id=work.job_id,
                run_id=work.run_id,
                task_key=work.task_key,
            )
            outcome = self._cluster.run_notebook(call, conf)
        return TaskOutput(
            error=outcome.error, trace=outcome.trace, logs=outcome.log, notebook_result=outcome.exit_value
        )

    def _spark_conf(self, work: TaskWork) -> Mapping[str, str]:
        task = work.task
        if task.get("existing_cluster_id"):
            if task["existing_cluster_id"] != RUNNING_CLUSTER_ID:
                raise invalid(f"Cluster {task['existing_cluster_id']} does not exist.")
            return self._running_cluster_spark_conf
        if task.get("job_cluster_key"):
            clusters = {cluster["job_cluster_key"]: cluster["new_cluster"] for cluster in work.job["job_clusters"]}
            return clusters[task["job_cluster_key"]].get("spark_conf") or {}
        return (task.get("new_cluster") or {}).get("spark_conf") or {}


class SqlExecutor:
    """Runs SQL file tasks on the warehouse."""

    def __init__(
        self,
        *,
        warehouse: SqlWarehouse,
        warehouse_access: WarehouseAccess,
        files: WorkspaceFiles,
        access: TaskAccess,
    ) -> None:
        self._warehouse = warehouse
        self._warehouse_access = warehouse_access
        self._files = files
        self._access = access

    def execute(self, work: TaskWork, stop: StopSignal) -> TaskOutput:  # noqa: ARG002
        """Run the file's statements. An error of the warehouse fails the task with its message."""
        sql_task = work.task["sql_task"]
        try:
            self._warehouse_access.use(self._access.principal(work), sql_task["warehouse_id"])
        except ApiError as error:
            return TaskOutput(error=error.message)
        try:
            text = self._files.read(sql_task["file"]["path"]).decode()
        except ApiError as error:
            return TaskOutput(error=f"The SQL file cannot be read: {error.message}")
        try:
            self._warehouse.execute(text, sql_task.get("parameters") or {})
        except Exception as error:  # whatever the warehouse says is the task's error
            return TaskOutput(error=sql_error_text(error))
        return TaskOutput()


def sql_error_text(error: Exception) -> str:
    """What the warehouse said, with the error class in front as Databricks shows it."""
    error_class = getattr(error, "error_class", None)
    return f"[{error_class}] {error}" if error_class and not str(error).startswith("[") else str(error)


def wheel_files(files: WorkspaceFiles, work: TaskWork) -> tuple[Path, ...]:
    """The wheels of a task on disk: of its libraries, or of its serverless environment. Raises ApiError."""
    return tuple(files.get(path).disk for path in _wheel_paths(work))


def package_requirements(work: TaskWork) -> list[str]:
    """What a wheel task is installed beside its wheels, as lines for pip. Raises ApiError."""
    named = [dependency for dependency in _dependencies(work) if not dependency.endswith(".whl")]
    for library in work.task.get("libraries") or []:
        if "pypi" in library:
            if set(library["pypi"]) != {"package"}:
                raise invalid(f"The library {library} is not supported by the local workspace, only a package's name.")
            named.append(library["pypi"]["package"])
    return named


def _wheel_paths(work: TaskWork) -> Iterator[str]:
    kinds = {"whl", "pypi"} if work.task.get("python_wheel_task") else {"whl"}
    for library in work.task.get("libraries") or []:
        if len(library) != 1 or not set(library) <= kinds:
            raise invalid(
                f"The library {library} is not supported by the local workspace, only {' and '.join(sorted(kinds))}."
            )
        if "whl" in library:
            yield _workspace_path(library["whl"])
    yield from (_workspace_path(dependency) for dependency in _dependencies(work) if dependency.endswith(".whl"))


def _dependencies(work: TaskWork) -> list[str]:
    """Those of the task's serverless environment."""
    key = work.task.get("environment_key")
    if not key:
        return []
    environment = next(each for each in work.job["environments"] if each["environment_key"] == key)
    dependencies: list[str] = environment["spec"].get("dependencies") or []
    return dependencies


def _workspace_path(path: str) -> str:
    if not path.startswith("/"):
        raise invalid(f"The wheel '{path}' is not an absolute path in the workspace.")
    return path
