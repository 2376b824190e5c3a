"""The product's way to dbutils, in real processes of a runtime that offers it in one way only, or in none.

And the lines of `check_setup` that tell of it, as its tasks leave and print them.
"""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from databricks.sdk.service import compute, jobs
from waiting import wait_until
from workspace_doubles import LocalWorkspace, product_wheel, running_workspace

from lakefs_unity_export.checks.catalogue import LAKEFS_AND_CATALOG
from lakefs_unity_export.checks.report import JSON_MARK

PACKAGES = ("databricks-sdk", "lakefs", "pydantic", "PyYAML")
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

def check_lakefs_and_catalog():
    from lakefs_unity_export.tasks import check_lakefs_and_catalog
    check_lakefs_and_catalog.main()

def check_report():
    from lakefs_unity_export.tasks import check_report
    check_report.main()
"""
PLACE = "check_lakefs_and_catalog"


@pytest.fixture
def local(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[LocalWorkspace]:
    variables = {"LOCAL_STACK_DBUTILS": request.param}
    with running_workspace(tmp_path / "workspace", task_variables=variables) as running:
        running.client.workspace.mkdirs("/Shared")
        running.client.workspace.upload(WHEEL_PATH, io.BytesIO(product_wheel("speaking_tasks", CODE)), format=None)
        running.client.secrets.create_scope("scope")
        running.client.secrets.put_secret("scope", "key", string_value="secret value")
        yield running


def run(local: LocalWorkspace, keys: dict[str, str]) -> dict[str, jobs.RunOutput]:
    """Run these functions as tasks, each after the one it names, if any; the output of each."""
    tasks = [
        jobs.Task(
            task_key=key,
            depends_on=[jobs.TaskDependency(before)] if before else [],
            run_if=jobs.RunIf.ALL_DONE,
            environment_key="env",
            python_wheel_task=jobs.PythonWheelTask("speaking_tasks", key),
        )
        for key, before in keys.items()
    ]
    spec = compute.Environment(environment_version="4", dependencies=[WHEEL_PATH, *PACKAGES])
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


@pytest.mark.parametrize(
    ("local", "way"),
    [
        ("namespace", "databricks.sdk.runtime.dbutils"),
        ("ipython", "dbutils of IPython's user namespace"),
        ("spark", "pyspark.dbutils.DBUtils(spark)"),
    ],
    indirect=["local"],
)
def test_check_setup_reports_the_way_that_there_is(local: LocalWorkspace, way: str) -> None:
    outputs = run(local, {PLACE: "", "check_report": PLACE})
    report = outputs["check_report"].logs or ""
    (found,) = [json.loads(line.removeprefix(JSON_MARK)) for line in report.splitlines() if line.startswith(JSON_MARK)]
    lines = {line["id"]: line for line in found["checks"]}
    assert lines["dbutils"] == {"id": "dbutils", "status": "pass", "finding": f"by {way}"}
    # What the task before found reached the report: it was told no repository.
    assert lines["settings"]["status"] == "fail"
    # And of the task that did not run, nothing.
    assert (lines["warehouse"]["status"], lines["task_values"]["status"]) == ("not run", "fail")


@pytest.mark.parametrize("local", ["none"], indirect=True)
def test_check_setup_without_any_way_tells_so_where_it_can(local: LocalWorkspace) -> None:
    """There are no task values, and so no report: what each task prints and says has to do."""
    outputs = run(local, {PLACE: "", "check_report": PLACE})
    printed = (outputs[PLACE].logs or "").splitlines()
    (begins,) = [number for number, line in enumerate(printed) if line.startswith("FAIL ")]
    first, means, remedy, *others = printed[begins:]
    assert first.split()[:2] == ["FAIL", "dbutils"]
    assert "gives it no dbutils with task values" in first
    assert "means: no task of an export can read its secrets" in means
    assert "docs/overrides/private_network.yml" in remedy
    lines = [line for line in others if line.startswith("NOT RUN ")]
    assert [line.split(maxsplit=3)[2:] for line in lines] == [
        [check.id, "needs dbutils"] for check in LAKEFS_AND_CATALOG[1:]
    ]
    for output in outputs.values():
        assert "WorkspaceError: this task's runtime gives it no dbutils" in (output.error or "")
        assert "docs/overrides/private_network.yml" in (output.error or "")
    assert JSON_MARK not in (outputs["check_report"].logs or "")
