"""The Spark session of wheel tasks on serverless compute, as the product asks for it, in real processes."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import PermissionDenied
from databricks.sdk.service import compute, jobs
from waiting import wait_until
from workspace_doubles import LocalWorkspace, product_wheel, running_workspace

PACKAGES = ("databricks-sdk", "lakefs", "pydantic", "PyYAML")
WHEEL_PATH = "/Shared/reading_tasks-0.1-py3-none-any.whl"
CODE = """
import os
import sys
from lakefs_unity_export.servers.task_dbutils import task_spark

def read():
    print("runtime", os.environ["DATABRICKS_RUNTIME_VERSION"])
    session = task_spark()
    for query in sys.argv[1:]:
        try:
            print("rows", session.sql(query).collect())
        except Exception as error:
            print(type(error).__name__, error)

def more():
    task_spark().table("t")
"""


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalWorkspace]:
    with running_workspace(tmp_path / "workspace") as running:
        running.client.workspace.mkdirs("/Shared")
        running.client.workspace.upload(WHEEL_PATH, io.BytesIO(product_wheel("reading_tasks", CODE)), format=None)
        yield running


def run(local: LocalWorkspace, task: jobs.Task, **settings: object) -> jobs.RunOutput:
    job = local.client.jobs.create(name="job", tasks=[task], **settings)  # type: ignore[arg-type]
    run_id = local.client.jobs.run_now(job.job_id or 0).run_id
    wait_until(lambda: not [*local.client.jobs.list_runs(active_only=True)], seconds=50)
    (ended,) = local.client.jobs.get_run(run_id).tasks or []
    return local.client.jobs.get_run_output(ended.run_id or 0)


def run_on_serverless(local: LocalWorkspace, entry_point: str, *arguments: str) -> jobs.RunOutput:
    spec = compute.Environment(environment_version="4", dependencies=[WHEEL_PATH, *PACKAGES])
    task = jobs.Task(
        task_key="read",
        environment_key="env",
        python_wheel_task=jobs.PythonWheelTask("reading_tasks", entry_point, parameters=[*arguments]),
    )
    return run(local, task, environments=[jobs.JobEnvironment(environment_key="env", spec=spec)])


def test_a_task_reads_rows_and_hears_why_it_cannot(local: LocalWorkspace) -> None:
    output = run_on_serverless(local, "read", "SELECT * FROM t LIMIT 1", "SELECT * FROM missing", "DROP TABLE t")
    runtime, rows, refused, no_query = (output.logs or "").splitlines()
    assert runtime == "runtime client.4.0"
    assert rows == "rows [('1',), (None,)]"
    assert refused.startswith("QueryError [TABLE_OR_VIEW_NOT_FOUND] ")
    assert "runs queries on serverless compute, and no other statements" in no_query


def test_a_session_does_nothing_else(local: LocalWorkspace) -> None:
    assert "Session.table is not supported in the local workspace" in (run_on_serverless(local, "more").error or "")


def test_a_task_on_a_cluster_has_no_such_session(local: LocalWorkspace) -> None:
    cluster = compute.ClusterSpec(spark_version="17.3.x-scala2.13", node_type_id="local.2", num_workers=1)
    libraries = [
        compute.Library(whl=WHEEL_PATH),
        *(compute.Library(pypi=compute.PythonPyPiLibrary(package=name)) for name in PACKAGES),
    ]
    task = jobs.Task(
        task_key="read",
        new_cluster=cluster,
        libraries=libraries,
        python_wheel_task=jobs.PythonWheelTask("reading_tasks", "read", parameters=["SELECT 1"]),
    )
    output = run(local, task)
    assert (output.logs or "").splitlines()[0] == "runtime 17.3"
    assert "No module named 'pyspark'" in (output.error or "")


def test_nobody_else_reads_as_a_task_does(local: LocalWorkspace) -> None:
    client: WorkspaceClient = local.client
    with pytest.raises(PermissionDenied, match="is for tasks on it"):
        client.api_client.do("POST", "/local-stack/serverless-queries", body={"query": "SELECT 1"})
