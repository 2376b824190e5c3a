"""The product's way to dbutils, in real processes of a runtime that offers it in one way only, or in none."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from databricks.sdk.service import compute, jobs
from waiting import wait_until
from workspace_doubles import LocalWorkspace, running_workspace

SOURCES = Path(__file__).parents[4] / "src"
WHEEL_PATH = "/Shared/speaking_tasks-0.1-py3-none-any.whl"
CODE = """
import sys
from lakefs_unity_export.servers.workspace import task_runtime

def leave():
    task_runtime(sys.stdout).task_values.set("said", "{{hello}}")

def hear():
    runtime = task_runtime(sys.stdout)
    print("heard", runtime.task_values.get(taskKey="leave", key="said"))
    print("secret of", len(runtime.secret("scope", "key")), "characters")

def only_secrets():
    print("secret of", len(task_runtime(sys.stdout, with_task_values=False).secret("scope", "key")), "characters")
"""


@pytest.fixture
def local(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[LocalWorkspace]:
    variables = {"LOCAL_STACK_DBUTILS": request.param}
    with running_workspace(tmp_path / "workspace", task_variables=variables) as running:
        running.client.workspace.mkdirs("/Shared")
        running.client.workspace.upload(WHEEL_PATH, io.BytesIO(wheel()), format=None)
        running.client.secrets.create_scope("scope")
        running.client.secrets.put_secret("scope", "key", string_value="secret value")
        yield running


def wheel() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("speaking_tasks.py", CODE)
        archive.writestr("speaking_tasks-0.1.dist-info/METADATA", "Metadata-Version: 2.1\nName: speaking-tasks\n")
        for module in (SOURCES / "lakefs_unity_export").rglob("*.py"):
            archive.write(module, module.relative_to(SOURCES))
    return content.getvalue()


def run(local: LocalWorkspace, keys: dict[str, str]) -> dict[str, jobs.RunOutput]:
    """Run these functions as tasks, each after the one it names, if any; the output of each."""
    tasks = [
        jobs.Task(
            task_key=key,
            depends_on=[jobs.TaskDependency(before)] if before else [],
            environment_key="env",
            python_wheel_task=jobs.PythonWheelTask("speaking_tasks", key),
        )
        for key, before in keys.items()
    ]
    spec = compute.Environment(environment_version="4", dependencies=[WHEEL_PATH, "databricks-sdk", "lakefs"])
    environment = jobs.JobEnvironment(environment_key="env", spec=spec)
    job = local.client.jobs.create(name="job", tasks=tasks, environments=[environment])
    run_id = local.client.jobs.run_now(job.job_id or 0).run_id
    wait_until(lambda: not [*local.client.jobs.list_runs(active_only=True)], seconds=50)
    ended = local.client.jobs.get_run(run_id).tasks or []
    return {each.task_key: local.client.jobs.get_run_output(each.run_id or 0) for each in ended}


@pytest.mark.parametrize(
    ("local", "way"),
    [("ipython", "dbutils of IPython's user namespace"), ("spark", "pyspark.dbutils.DBUtils(spark)")],
    indirect=["local"],
)
def test_tasks_hear_from_each_other_on_a_runtime_with_another_way(local: LocalWorkspace, way: str) -> None:
    outputs = run(local, {"leave": "", "hear": "leave"})
    assert (outputs["leave"].logs or "").endswith(f"dbutils: {way}\n")
    assert (outputs["hear"].logs or "").endswith(f"dbutils: {way}\nheard {{{{hello}}}}\nsecret of 12 characters\n")


@pytest.mark.parametrize("local", ["none"], indirect=True)
def test_a_runtime_with_no_way_fails_the_task_before_it_loses_a_value(local: LocalWorkspace) -> None:
    outputs = run(local, {"leave": "", "only_secrets": ""})
    error = outputs["leave"].error or ""
    assert error.startswith("WorkspaceError: this task's runtime gives it no dbutils with task values")
    assert "databricks.sdk.runtime.dbutils: LookupError: a RemoteDbUtils, whose task values are of no run; " in error
    assert "dbutils of IPython's user namespace: ModuleNotFoundError: " in error
    assert "pyspark.dbutils.DBUtils(spark): ModuleNotFoundError: " in error
    # A task that leaves and reads no values needs no more than the SDK's own dbutils.
    logs = outputs["only_secrets"].logs or ""
    assert logs.endswith("dbutils: databricks.sdk.runtime.dbutils\nsecret of 12 characters\n")
