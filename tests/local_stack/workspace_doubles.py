"""A local workspace over doubles of cluster and warehouse, and a wheel to run in it."""

import io
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.service.jobs import (
    ConditionTask,
    ConditionTaskOp,
    JobAccessControlRequest,
    JobParameterDefinition,
    JobPermissionLevel,
    Task,
)

from local_stack.workspace import Workspace

SOURCES = Path(__file__).parents[2] / "src"
WHEEL_NAME = "demo_tasks-0.1-py3-none-any.whl"
WHEEL_CODE = """
import os
import sys
import time


def show():
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.runtime import dbutils

    print("arguments", sys.argv[1:])
    print("variables", sorted(name for name in os.environ if name.startswith("DATABRICKS")))
    print("acts as", WorkspaceClient().current_user.me().user_name)
    print("file", __file__)
    dbutils.jobs.taskValues.set(key="tables", value=[{"t": "a"}, {"t": "b"}])
    dbutils.jobs.taskValues.set(key="count", value=2)
    dbutils.jobs.taskValues.set(key="text", value="{{job.id}} {{secrets/s/k}}")


def read():
    from databricks.sdk.runtime import dbutils

    values = dbutils.jobs.taskValues
    print("read", values.get(taskKey="list", key="count"), values.get(taskKey="list", key="none", default="d"))
    print("text", values.get(taskKey="list", key="text"))
    print("secret of", len(dbutils.secrets.get(scope="scope", key="key")), "characters")
    for task, options in [("list", {}), *((task, {"default": "d"}) for task in ("later", "read", "no"))]:
        try:
            values.get(taskKey=task, key="none", **options)
        except ValueError as error:
            print("missing:", error)


def too_large():
    from databricks.sdk.runtime import dbutils

    dbutils.jobs.taskValues.set("edge", "x" * (48 * 1024 - 2))
    dbutils.jobs.taskValues.set("large", "x" * (48 * 1024 - 1))


def find():
    from importlib.util import find_spec

    print("found", [name for name in sys.argv[1:] if find_spec(name)])


def fail():
    print("before")
    raise ValueError("no such table")


def leave():
    sys.exit("left with this")


def end_quietly():
    sys.exit(0)


def sleep():
    print("sleeping", flush=True)
    time.sleep(60)
"""
ENTRY_POINTS = """[console_scripts]
show = demo_tasks:show
read = demo_tasks:read
fail = demo_tasks:fail
leave = demo_tasks:leave
sleep = demo_tasks:sleep
too_large = demo_tasks:too_large
"""


def product_wheel(module: str, code: str) -> bytes:
    """A wheel of the product with one module more, whose functions are tasks."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(f"{module}.py", code)
        metadata = f"Metadata-Version: 2.1\nName: {module.replace('_', '-')}\n"
        archive.writestr(f"{module}-0.1.dist-info/METADATA", metadata)
        for each in (SOURCES / "lakefs_unity_export").rglob("*.py"):
            archive.write(each, each.relative_to(SOURCES))
    return content.getvalue()


@dataclass
class NotebookEnd:
    """What the cluster's double says of a notebook."""

    exit_value: str | None = None
    log: str = ""
    error: str | None = None
    trace: str | None = None


@dataclass
class RecordingCluster:
    """Remembers the notebooks it is given; answers what `ends` says for a value of the widget `t`."""

    ends: dict[str, NotebookEnd] = field(default_factory=dict)
    runs: list[Any] = field(default_factory=list)
    confs: list[dict[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run_notebook(self, run: Any, spark_conf: Mapping[str, str]) -> NotebookEnd:
        """Remember the call."""
        with self.lock:
            self.runs.append(run)
            self.confs.append(dict(spark_conf))
        return self.ends.get(run.parameters.get("t", ""), NotebookEnd(exit_value="done", log="printed"))


@dataclass(frozen=True)
class Rows:
    """A statement's result."""

    columns: tuple[tuple[str, str], ...] = (("n", "int"),)
    rows: tuple[tuple[str | None, ...], ...] = (("1",), (None,))
    truncated: bool = False


class RefusedStatement(Exception):  # noqa: N818, it stands for the warehouse's own error
    """A statement that the warehouse refuses."""

    error_class = "TABLE_OR_VIEW_NOT_FOUND"


@dataclass
class RecordingWarehouse:
    """Remembers the statements it is given; refuses those that contain ``missing``."""

    calls: list[tuple[str, dict[str, str | None], str | None, str | None]] = field(default_factory=list)
    slow: threading.Event | None = None

    def execute(
        self, sql: str, parameters: Mapping[str, str | None], *, catalog: str | None = None, schema: str | None = None
    ) -> Sequence[Rows]:
        """Remember the call."""
        self.calls.append((sql, dict(parameters), catalog, schema))
        if self.slow is not None:
            self.slow.wait(20)
        if "missing" in sql:
            raise RefusedStatement("statement 1: the table missing cannot be found")
        return [Rows()]

    def query_on_serverless(self, query: str) -> Sequence[Rows]:
        """The same."""
        return self.execute(query, {})


@dataclass
class LocalWorkspace:
    """A workspace that runs, with its doubles and its owner's client."""

    workspace: Workspace
    cluster: RecordingCluster
    warehouse: RecordingWarehouse
    client: WorkspaceClient

    @property
    def home(self) -> str:
        """The owner's home folder."""
        return f"/Users/{self.workspace.owner}"

    def client_of(self, token: str) -> WorkspaceClient:
        """A client that calls with this token."""
        return client_of(self.workspace.url, token)


def client_of(url: str, token: str) -> WorkspaceClient:
    """A client without retries, so that a refusal shows at once."""
    return WorkspaceClient(config=Config(host=url, token=token, retry_timeout_seconds=1, http_timeout_seconds=30))


@contextmanager
def running_workspace(
    folder: Path,
    *,
    unity_catalog_url: str = "http://127.0.0.1:9",
    unity_catalog_token: str = "none",
    preloaded: Sequence[str] = (),
    task_variables: Mapping[str, str] | None = None,
) -> Iterator[LocalWorkspace]:
    """A workspace until the end of the block."""
    cluster, warehouse = RecordingCluster(), RecordingWarehouse()
    workspace = Workspace(
        folder=folder,
        cluster=cluster,
        warehouse=warehouse,
        unity_catalog_url=unity_catalog_url,
        unity_catalog_token=unity_catalog_token,
        running_cluster_spark_conf={"spark.of": "the running cluster"},
        preloaded=preloaded,
        task_variables=task_variables,
    )
    with workspace:
        client = client_of(workspace.url, workspace.token)
        yield LocalWorkspace(workspace=workspace, cluster=cluster, warehouse=warehouse, client=client)


def write_wheel(folder: Path) -> Path:
    """The wheel with the tasks of the tests."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / WHEEL_NAME
    information = "demo_tasks-0.1.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("demo_tasks/__init__.py", WHEEL_CODE)
        archive.writestr(f"{information}/METADATA", "Metadata-Version: 2.1\nName: demo-tasks\nVersion: 0.1\n")
        archive.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{information}/entry_points.txt", ENTRY_POINTS)
        archive.writestr(f"{information}/RECORD", "")
    return file


def runnable_job(local: LocalWorkspace, principal: str, *, may_run: bool = True) -> str:
    """A job with the parameters of export_tables that is done at once, which the service principal may run; its id."""
    condition = ConditionTask(left="1", op=ConditionTaskOp.EQUAL_TO, right="1")
    made = local.client.jobs.create(
        name="export_tables",
        tasks=[Task(task_key="any_changed", condition_task=condition)],
        parameters=[
            JobParameterDefinition(name=name, default="") for name in ("repository", "branch", "commit_id", "event")
        ],
    )
    grant = JobAccessControlRequest(
        service_principal_name=principal, permission_level=JobPermissionLevel.CAN_MANAGE_RUN
    )
    if may_run:
        local.client.jobs.update_permissions(str(made.job_id), access_control_list=[grant])
    return str(made.job_id)
