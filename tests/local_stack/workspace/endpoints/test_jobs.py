"""Jobs through the SDK: real processes for wheel tasks, doubles for the cluster and the warehouse."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest
from databricks.sdk.errors import OperationFailed
from databricks.sdk.errors.platform import InvalidParameterValue, ResourceDoesNotExist
from databricks.sdk.service import compute, jobs
from databricks.sdk.service.jobs import RunLifeCycleState, RunResultState
from waiting import wait_until
from workspace_doubles import LocalWorkspace, NotebookEnd, running_workspace, write_wheel

from local_stack.workspace.executors import wheel as wheel_executor
from local_stack.workspace.executors.notebook_and_sql import RUNNING_CLUSTER_ID

WHEEL_PATH = "/Shared/demo_tasks-0.1-py3-none-any.whl"
CLUSTER = jobs.JobCluster(
    job_cluster_key="cluster",
    new_cluster=compute.ClusterSpec(
        spark_version="17.3.x-scala2.13",
        node_type_id="n",
        num_workers=0,
        spark_conf={"spark.plain": "x", "spark.secret": "{{secrets/scope/key}}"},
    ),
)
ENVIRONMENT = jobs.JobEnvironment(
    environment_key="env",
    spec=compute.Environment(environment_version="4", dependencies=[WHEEL_PATH, "databricks-sdk>=0.117,<1"]),
)


# A wheel task is in a Python of its own, or in a fork of one that has imported the SDK: nothing else may differ.
BOTH_WAYS = pytest.mark.parametrize("local", [(), ("databricks.sdk",)], ids=["plain", "forked"], indirect=True)


@pytest.fixture
def local(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalWorkspace]:
    preloaded = getattr(request, "param", ())
    if preloaded:
        monkeypatch.setattr(wheel_executor, "PlainProcess", None)  # no task may start one
    with running_workspace(tmp_path / "workspace", preloaded=preloaded) as running:
        running.client.workspace.mkdirs("/Shared")
        upload(running, WHEEL_PATH, write_wheel(tmp_path).read_bytes())
        upload(running, "/Shared/nb.py", b"# Databricks notebook source\nprint(1)\n")
        upload(running, "/Shared/q.sql", b"SELECT :t")
        running.client.secrets.create_scope("scope")
        running.client.secrets.put_secret("scope", "key", string_value="secret value")
        yield running


def upload(local: LocalWorkspace, path: str, content: bytes) -> None:
    answer = httpx.post(
        f"{local.workspace.url}/api/2.0/workspace-files/import-file{path}?overwrite=true",
        content=content,
        headers={"Authorization": f"Bearer {local.workspace.token}"},
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text


def wheel(key: str, entry_point: str, *after: str, **fields: Any) -> jobs.Task:
    task = jobs.PythonWheelTask(
        package_name="demo_tasks", entry_point=entry_point, **{"named_parameters": {}, **fields.pop("wheel", {})}
    )
    return jobs.Task(
        task_key=key,
        depends_on=[jobs.TaskDependency(task_key=edge) for edge in after],
        environment_key="env",
        python_wheel_task=task,
        **fields,
    )


def notebook(key: str, **fields: Any) -> jobs.Task:
    task = jobs.NotebookTask(notebook_path="/Workspace/Shared/nb", base_parameters=fields.pop("parameters", None))
    return jobs.Task(task_key=key, notebook_task=task, **({"job_cluster_key": "cluster"} | fields))


def create(local: LocalWorkspace, *tasks: jobs.Task, **settings: Any) -> int:
    kept = {"environments": [ENVIRONMENT], "job_clusters": [CLUSTER], "name": "job", **settings}
    return local.client.jobs.create(tasks=list(tasks), **kept).job_id or 0


def wait(local: LocalWorkspace, run_id: int) -> jobs.Run:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        run = local.client.jobs.get_run(run_id, include_resolved_values=True)
        if run.state and run.state.result_state:
            return run
        time.sleep(0.05)
    raise AssertionError("the run did not end")


def run_of(local: LocalWorkspace, *tasks: jobs.Task, **settings: Any) -> jobs.Run:
    parameters = settings.pop("job_parameters", None)
    started = local.client.jobs.run_now(create(local, *tasks, **settings), job_parameters=parameters)
    return wait(local, started.run_id)


def results(run: jobs.Run) -> dict[str, str]:
    return {task.task_key: task.state.result_state.value for task in run.tasks or []}  # type: ignore[union-attr]


def output_of(local: LocalWorkspace, run: jobs.Run, key: str) -> jobs.RunOutput:
    (task,) = [task for task in run.tasks or [] if task.task_key == key]
    return local.client.jobs.get_run_output(task.run_id or 0)


@BOTH_WAYS
def test_a_wheel_task_runs_as_on_databricks(local: LocalWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "of the stack's own environment")
    listing = wheel("list", "show", wheel={"named_parameters": {"run": "{{job.run_id}}", "text": "a b'\"$"}})
    after = [notebook("between", depends_on=[jobs.TaskDependency("list")]), wheel("read", "read", "between")]
    later = notebook("later", depends_on=[jobs.TaskDependency("read")])
    run = run_of(local, listing, *after, later, parameters=[jobs.JobParameterDefinition("branch", "main")])
    assert results(run) == dict.fromkeys(("list", "between", "read", "later"), "SUCCESS")
    logs = output_of(local, run, "list").logs or ""
    assert f"arguments ['--run={run.run_id}', '--text=a b\\'\"$', '--branch=main']" in logs
    assert "variables ['DATABRICKS_RUNTIME_VERSION']" in logs
    assert f"acts as {local.workspace.owner}" in logs
    assert re.search(r"/workspace/wheels/\w+/demo_tasks/__init__.py\b", logs)
    read = output_of(local, run, "read").logs or ""
    assert "read 2 d" in read
    assert "secret of 12 characters" in read
    assert "text {{job.id}} {{secrets/s/k}}\n" in read
    assert "missing: The task 'list' left no task value 'none', and no default was given\n" in read
    # Not of a task that comes after, of itself, or of none, whatever the default.
    for key in ("later", "read", "no"):
        assert f"missing: Task key does not exist in run: {key}\n" in read


def test_positional_parameters_reach_a_wheel_as_they_are(local: LocalWorkspace) -> None:
    task = wheel("list", "show", wheel={"named_parameters": None, "parameters": ["a", "{{job.parameters.branch}}"]})
    run = run_of(local, task, parameters=[jobs.JobParameterDefinition("branch", "main")])
    assert "arguments ['a', 'main']" in (output_of(local, run, "list").logs or "")


@BOTH_WAYS
def test_a_wheel_task_that_raises_fails_with_message_and_trace(local: LocalWorkspace) -> None:
    run = run_of(local, wheel("a", "fail"), wheel("b", "leave"), wheel("c", "end_quietly"))
    assert results(run) == {"a": "FAILED", "b": "FAILED", "c": "SUCCESS"}
    assert run.state
    assert run.state.life_cycle_state == RunLifeCycleState.INTERNAL_ERROR
    raised = output_of(local, run, "a")
    assert raised.error == "ValueError: no such table"
    assert "in fail" in (raised.error_trace or "")
    assert "before" in (raised.logs or "")
    assert output_of(local, run, "b").error == "SystemExit: left with this"
    message = next(task.state.state_message for task in run.tasks or [] if task.task_key == "a" and task.state)
    assert message == "Workload failed, see run output for details: ValueError: no such table"


def test_the_waiter_of_the_sdk_raises_for_a_failed_run(local: LocalWorkspace) -> None:
    job_id = create(local, wheel("a", "fail"))
    with pytest.raises(OperationFailed, match="Task a failed with message"):
        local.client.jobs.run_now(job_id).result()


def test_a_task_value_has_at_most_48_kibibytes(local: LocalWorkspace) -> None:
    run = run_of(local, wheel("a", "too_large"))
    error = output_of(local, run, "a").error or ""
    assert "'large' has 49153 bytes" in error


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"package_name": "other"}, "The package 'other' is in none of the task's wheels; packages there: demo-tasks"),
        ({"entry_point": "none"}, "has no entry point 'none' and no function of that name; entry points: fail"),
    ],
)
def test_an_unknown_package_or_entry_point_fails_by_name(
    local: LocalWorkspace, fields: dict[str, str], problem: str
) -> None:
    task = {"package_name": "demo_tasks", "entry_point": "show", **fields}
    run = run_of(local, jobs.Task(task_key="a", environment_key="env", python_wheel_task=jobs.PythonWheelTask(**task)))
    assert problem in (output_of(local, run, "a").error or "")


def test_a_missing_wheel_fails_by_name(local: LocalWorkspace) -> None:
    local.client.workspace.delete(WHEEL_PATH)
    run = run_of(local, wheel("a", "show"))
    error = output_of(local, run, "a").error or ""
    assert error == f"The task's wheel cannot be installed: Path ({WHEEL_PATH}) doesn't exist."


def environment_of(*dependencies: str) -> jobs.JobEnvironment:
    spec = compute.Environment(environment_version="4", dependencies=[WHEEL_PATH, *dependencies])
    return jobs.JobEnvironment(environment_key="env", spec=spec)


@pytest.mark.parametrize(
    ("dependency", "problem"),
    [
        ("no-such-package>=1", "the local environment has no package no-such-package"),
        ("pydantic<1", f"the local environment has pydantic {version('pydantic')}, not pydantic<1"),
        ("two words", "'two words' is no requirement of a package"),
    ],
)
def test_a_package_that_cannot_be_installed_fails_by_name(local: LocalWorkspace, dependency: str, problem: str) -> None:
    run = run_of(local, wheel("a", "show"), environments=[environment_of(dependency)])
    assert f"The task's packages cannot be installed: {problem}" in (output_of(local, run, "a").error or "")


@pytest.mark.parametrize(
    ("make", "library", "only"),
    [
        (notebook, compute.Library(pypi=compute.PythonPyPiLibrary("PyYAML")), "whl"),
        (wheel, compute.Library(jar="/x.jar"), "pypi and whl"),
        (wheel, compute.Library(pypi=compute.PythonPyPiLibrary("PyYAML", repo="an index")), "a package's name"),
    ],
    ids=["notebook", "jar", "index"],
)
def test_a_library_that_is_not_supported_fails_by_name(
    local: LocalWorkspace, make: Callable[..., jobs.Task], library: compute.Library, only: str
) -> None:
    task = make("a", "show") if make is wheel else make("a")
    task.environment_key, task.job_cluster_key, task.libraries = None, "cluster", [library]
    error = output_of(local, run_of(local, task), "a").error or ""
    assert f"The library {library.as_dict()} is not supported by the local workspace, only {only}." in error


LOOKED_FOR = ["json", "dbruntime", "demo_tasks", "pydantic", "pydantic_core", "rich", "pyspark", "local_stack", "yaml"]
ALWAYS_THERE = LOOKED_FOR[:3]


def test_a_wheel_task_finds_the_packages_that_are_named_for_it_and_what_they_need(local: LocalWorkspace) -> None:
    """Its environment names them, or the libraries on its cluster."""
    finding = {"wheel": {"named_parameters": None, "parameters": LOOKED_FOR}}
    on_cluster = [compute.Library(whl=WHEEL_PATH), compute.Library(pypi=compute.PythonPyPiLibrary("PyYAML>=6"))]
    of_cluster = wheel("of_cluster", "find", **finding)
    of_cluster.environment_key, of_cluster.job_cluster_key, of_cluster.libraries = None, "cluster", on_cluster
    nothing = wheel("of_nothing", "find", **finding)
    nothing.environment_key = "nothing"
    run = run_of(
        local,
        wheel("of_environment", "find", **finding),
        of_cluster,
        nothing,
        environments=[environment_of("pydantic>=2"), replace(environment_of(), environment_key="nothing")],
    )
    found = {
        "of_environment": [*ALWAYS_THERE, "pydantic", "pydantic_core"],
        "of_cluster": [*ALWAYS_THERE, "yaml"],
        "of_nothing": ALWAYS_THERE,
    }
    assert {key: output_of(local, run, key).logs for key in found} == {
        key: f"found {names}\n" for key, names in found.items()
    }


def test_a_wheel_task_without_the_packages_that_it_imports_fails(local: LocalWorkspace) -> None:
    run = run_of(local, wheel("a", "show"), environments=[environment_of()])
    assert output_of(local, run, "a").error == "ModuleNotFoundError: No module named 'databricks'"


def task_processes(tasks: Path) -> list[str]:
    """The command lines of the processes that are in the folder of a task."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str((process / "cwd").readlink()).startswith(f"{tasks}/"):
                found.append((process / "cmdline").read_bytes().decode(errors="replace"))
    return found


@BOTH_WAYS
def test_cancelling_ends_the_process_of_a_wheel_task(local: LocalWorkspace, tmp_path: Path) -> None:
    tasks = tmp_path / "workspace/tasks"
    started = local.client.jobs.run_now(create(local, wheel("a", "sleep")))
    wait_until(lambda: bool(task_processes(tasks)))
    local.client.jobs.cancel_run(started.run_id)
    run = wait(local, started.run_id)
    assert results(run) == {"a": "CANCELED"}
    assert run.state
    assert run.state.user_cancelled_or_timedout
    wait_until(lambda: not task_processes(tasks))
    assert list(tasks.iterdir()) == []


@pytest.mark.parametrize("preloaded", [(), ("yaml",)], ids=["plain", "forked"])
def test_stopping_the_workspace_ends_the_processes_of_tasks(tmp_path: Path, preloaded: Sequence[str]) -> None:
    tasks = tmp_path / "workspace/tasks"
    with running_workspace(tmp_path / "workspace", preloaded=preloaded) as running:
        running.client.workspace.mkdirs("/Shared")
        upload(running, WHEEL_PATH, write_wheel(tmp_path).read_bytes())
        running.client.jobs.run_now(create(running, wheel("a", "sleep")))
        wait_until(lambda: bool(task_processes(tasks)))
    assert task_processes(tasks) == []
    running.workspace.stop()


def test_the_token_of_a_task_ends_with_it(local: LocalWorkspace) -> None:
    local.cluster.ends["x"] = NotebookEnd()
    run_of(local, notebook("n", parameters={"t": "x"}))
    (call,) = local.cluster.runs
    answer = httpx.get(
        f"{local.workspace.url}/api/2.0/preview/scim/v2/Me",
        headers={"Authorization": f"Bearer {call.token}"},
        trust_env=False,
    )
    assert answer.status_code == 403


def test_notebooks_get_parameters_libraries_and_the_spark_conf_with_secrets(local: LocalWorkspace) -> None:
    job_id = create(
        local,
        notebook("n", parameters={"t": "{{task.run_id}}"}, libraries=[compute.Library(whl=f"/Workspace{WHEEL_PATH}")]),
    )
    run = wait(local, local.client.jobs.run_now(job_id).run_id)
    (call,) = local.cluster.runs
    task = (run.tasks or [])[0]
    assert call.parameters == {"t": str(task.run_id)}
    assert call.notebook.read_bytes().startswith(b"# Databricks notebook source")
    assert [wheel_file.name for wheel_file in call.libraries] == ["demo_tasks-0.1-py3-none-any.whl"]
    assert (call.host, call.job_id, call.run_id, call.task_run_id) == (
        local.workspace.url,
        job_id,
        run.run_id,
        task.run_id,
    )
    assert local.cluster.confs == [{"spark.plain": "x", "spark.secret": "secret value"}]
    output = output_of(local, run, "n")
    assert output.notebook_output
    assert (output.notebook_output.result, output.logs) == ("done", "printed")
    for text in (str(local.client.jobs.get(job_id).as_dict()), str(run.as_dict()), str(output.as_dict())):
        assert "secret value" not in text


def test_a_notebook_on_the_running_cluster_gets_its_spark_conf(local: LocalWorkspace) -> None:
    run = run_of(local, notebook("n", job_cluster_key=None, existing_cluster_id=RUNNING_CLUSTER_ID))
    assert results(run) == {"n": "SUCCESS"}
    assert local.cluster.confs == [{"spark.of": "the running cluster"}]
    run = run_of(local, notebook("n", job_cluster_key=None, existing_cluster_id="other"))
    assert output_of(local, run, "n").error == "Cluster other does not exist."


def test_a_secret_that_cannot_be_read_fails_the_task_by_the_name_of_the_setting(local: LocalWorkspace) -> None:
    local.client.secrets.delete_secret("scope", "key")
    run = run_of(local, notebook("n"))
    assert "spark_conf 'spark.secret': Failed to get secret key for scope scope" in (
        output_of(local, run, "n").error or ""
    )


def test_tasks_act_as_the_principal_of_run_as(local: LocalWorkspace) -> None:
    local.workspace.create_principal("app", kind="service_principal")
    run = run_of(local, notebook("n"), run_as=jobs.JobRunAs(service_principal_name="app"))
    assert "User app does not have READ permission on scope scope" in (output_of(local, run, "n").error or "")
    run = run_of(local, wheel("list", "show"), run_as=jobs.JobRunAs(service_principal_name="app"))
    assert "acts as app" in (output_of(local, run, "list").logs or "")


def test_several_failures_have_each_its_own_output(local: LocalWorkspace) -> None:
    for item in ("b", "c"):
        local.cluster.ends[item] = NotebookEnd(error=f"no table {item}", trace=f"trace of {item}", log=f"log {item}")
    loop = jobs.Task(
        task_key="loop",
        for_each_task=jobs.ForEachTask(
            inputs='[{"t": "a"}, {"t": "b"}, {"t": "c"}]',
            concurrency=3,
            task=notebook("one", parameters={"t": "{{input.t}}"}),
        ),
    )
    run = run_of(local, loop)
    loop_run = local.client.jobs.get_run((run.tasks or [])[0].run_id or 0, include_resolved_values=True)
    outputs = [local.client.jobs.get_run_output(one.run_id or 0) for one in loop_run.iterations or []]
    assert [one.error for one in outputs] == [None, "no table b", "no table c"]
    assert [one.error_trace for one in outputs] == [None, "trace of b", "trace of c"]
    assert [one.logs for one in outputs] == ["printed", "log b", "log c"]
    assert [
        one.resolved_values.notebook_task.base_parameters  # type: ignore[union-attr]
        for one in loop_run.iterations or []
    ] == [{"t": "a"}, {"t": "b"}, {"t": "c"}]
    assert [one.state.state_message for one in loop_run.iterations or [] if one.state][1:] == [
        "Workload failed, see run output for details: no table b",
        "Workload failed, see run output for details: no table c",
    ]


def sql(key: str, path: str, warehouse_id: str) -> jobs.Task:
    file = jobs.SqlTaskFile(path=path, source=jobs.Source.WORKSPACE)
    return jobs.Task(
        task_key=key, sql_task=jobs.SqlTask(warehouse_id=warehouse_id, file=file, parameters={"t": "{{job.id}}"})
    )


def test_sql_files_run_on_the_warehouse(local: LocalWorkspace) -> None:
    upload(local, "/Shared/bad.sql", b"SELECT * FROM missing")
    warehouse = local.workspace.warehouse_id
    run = run_of(
        local,
        sql("good", "/Workspace/Shared/q.sql", warehouse),
        sql("bad", "/Shared/bad.sql", warehouse),
        sql("lost", "/Shared/none.sql", warehouse),
        sql("elsewhere", "/Shared/q.sql", "other"),
        parameters=[jobs.JobParameterDefinition("branch", "main")],
    )
    assert results(run) == {"good": "SUCCESS", "bad": "FAILED", "lost": "FAILED", "elsewhere": "FAILED"}
    calls = {text: parameters for text, parameters, _catalog, _schema in local.warehouse.calls}
    assert calls["SELECT :t"] == {"t": str(run.job_id), "branch": "main"}
    assert output_of(local, run, "bad").error == (
        "[TABLE_OR_VIEW_NOT_FOUND] statement 1: the table missing cannot be found"
    )
    assert "Path (/Shared/none.sql) doesn't exist" in (output_of(local, run, "lost").error or "")
    assert output_of(local, run, "elsewhere").error == "SQL warehouse other does not exist."


def test_a_sql_file_runs_as_whom_the_job_runs_as(local: LocalWorkspace) -> None:
    upload(local, "/Shared/other.sql", b"SELECT 1")
    local.workspace.create_principal("app", kind="service_principal")
    task = sql("q", "/Shared/other.sql", local.workspace.warehouse_id)
    run = run_of(local, task, run_as=jobs.JobRunAs(service_principal_name="app"))
    assert results(run) == {"q": "FAILED"}
    assert "User app does not have CAN_USE permission on SQL warehouse" in (output_of(local, run, "q").error or "")


def test_repairing_through_the_api(local: LocalWorkspace) -> None:
    local.cluster.ends["x"] = NotebookEnd(error="not yet")
    job_id = create(local, notebook("n", parameters={"t": "x"}))
    started = local.client.jobs.run_now(job_id)
    wait(local, started.run_id)
    local.cluster.ends.clear()
    repair_id = local.client.jobs.repair_run(started.run_id, rerun_all_failed_tasks=True).response.repair_id
    run = wait(local, started.run_id)
    assert results(run) == {"n": "SUCCESS"}
    shown = local.client.jobs.get_run(started.run_id, include_history=True)
    assert [item.id for item in shown.repair_history or []] == [repair_id]
    assert [task.attempt_number for task in shown.tasks or []] == [0, 1]


def test_run_now_over_http_takes_the_job_id_as_text(local: LocalWorkspace) -> None:
    """The hook's language has no integers above 2^53, so it sends text."""
    job_id = create(local, notebook("n"), parameters=[jobs.JobParameterDefinition("branch", "main")])
    answers = [
        httpx.post(
            f"{local.workspace.url}/api/2.2/jobs/run-now",
            json={"job_id": str(job_id), "job_parameters": {"branch": "dev"}, "idempotency_token": "t"},
            headers={"Authorization": f"Bearer {local.workspace.token}"},
            trust_env=False,
        ).json()
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    run = wait(local, answers[0]["run_id"])
    assert {one.name: one.value for one in run.job_parameters or []} == {"branch": "dev"}
    assert f"#job/{job_id}/run/{run.run_id}" in (run.run_page_url or "")


def test_lists_of_jobs_and_runs(local: LocalWorkspace) -> None:
    first, second = create(local, notebook("n")), create(local, notebook("n"), name="Second")
    assert [job.job_id for job in local.client.jobs.list(limit=1)] == [second, first]
    assert [job.job_id for job in local.client.jobs.list(name="second")] == [second]
    assert [len(job.settings.tasks or []) for job in local.client.jobs.list(expand_tasks=True) if job.settings] == [
        1,
        1,
    ]
    runs = [wait(local, local.client.jobs.run_now(first).run_id).run_id for _ in range(3)]
    listed = list(local.client.jobs.list_runs(job_id=first, limit=2))
    assert [run.run_id for run in listed] == runs[::-1]
    assert list(local.client.jobs.list_runs(job_id=first, active_only=True)) == []
    assert len(list(local.client.jobs.list_runs(completed_only=True))) == 3


def test_changing_and_deleting_a_job(local: LocalWorkspace) -> None:
    job_id = create(local, notebook("n"), tags={"a": "b"}, timeout_seconds=7)
    local.client.jobs.update(job_id, new_settings=jobs.JobSettings(timeout_seconds=8), fields_to_remove=["tags"])
    settings = local.client.jobs.get(job_id).settings
    assert settings
    assert (settings.timeout_seconds, settings.tags, settings.name) == (8, None, "job")
    local.client.jobs.reset(job_id, jobs.JobSettings(name="other", tasks=[notebook("m")], job_clusters=[CLUSTER]))
    settings = local.client.jobs.get(job_id).settings
    assert settings
    assert (settings.timeout_seconds, settings.name, settings.max_concurrent_runs) == (None, "other", 1)
    local.client.jobs.delete(job_id)
    with pytest.raises(ResourceDoesNotExist):
        local.client.jobs.get(job_id)
    with pytest.raises(InvalidParameterValue, match=f"Job {job_id} does not exist"):
        local.client.jobs.run_now(job_id)


def test_the_output_of_a_job_run_is_asked_for_task_by_task(local: LocalWorkspace) -> None:
    run = run_of(local, notebook("n"))
    assert run.state
    assert run.state.result_state == RunResultState.SUCCESS
    with pytest.raises(InvalidParameterValue, match="multiple tasks is not supported"):
        local.client.jobs.get_run_output(run.run_id or 0)
    with pytest.raises(ResourceDoesNotExist):
        local.client.jobs.get_run(1)


def test_task_values_are_only_for_tasks(local: LocalWorkspace) -> None:
    answer = httpx.post(
        f"{local.workspace.url}/local-stack/task-values",
        json={"key": "k", "value": 1},
        headers={"Authorization": f"Bearer {local.workspace.token}"},
        trust_env=False,
    )
    assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")
