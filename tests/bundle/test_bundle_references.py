"""What `bundle validate` does not see: references inside the jobs that lead nowhere."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from bundle_deployment import SETTINGS, TARGETS, NewDeployment
from job_tasks import TASK_VALUES, all_tasks, dependencies, upstream
from recorded_workspace import RecordedWorkspace, Sent, deploy_recorded, job_writes

from lakefs_unity_export.checks import handed_over
from lakefs_unity_export.checks.catalogue import PLACES
from lakefs_unity_export.checks.report_checks import SQL_FILE_TASK
from lakefs_unity_export.tasks import record_export

pytestmark = pytest.mark.bundle
for_each_target = pytest.mark.parametrize("target", TARGETS)

Jobs = Mapping[str, dict[str, Any]]
HOOK = {
    "service_principal_name": "11111111-2222-3333-4444-555555555555",
    "permission_level": "CAN_MANAGE_RUN",
}
JOB_IDENTITY = {
    "service_principal_name": "66666666-7777-8888-9999-000000000000",
    "permission_level": "CAN_MANAGE_RUN",
}
OWNER = {"user_name": "deployer@example.com", "permission_level": "IS_OWNER"}

JOB_PARAMETERS = {
    "repository": "",
    "branch": "",
    "commit_id": "",
    "event": "manual",
    "mode": "changed",
    "snapshot": "commit",
    "clone_method": "shallow",
    "page_after": "",
    "base_commit": "",
    "page_failed": "",
    "pages": "",
}


@for_each_target
def test_task_keys_are_unique(target: str, resolved: Mapping[str, Jobs]) -> None:
    keys = [task.key for job in resolved[target].values() for task in all_tasks(job)]
    assert sorted(keys) == sorted(set(keys))


@for_each_target
def test_dependencies_are_tasks_and_no_circle(target: str, resolved_jobs: Jobs) -> None:
    job = resolved_jobs[target]
    direct = dependencies(job)
    assert {key for keys in direct.values() for key in keys} <= direct.keys()
    assert [key for key in direct if key in upstream(job, key)] == []


@for_each_target
def test_outcomes_are_those_of_conditions(target: str, resolved_jobs: Jobs) -> None:
    job = resolved_jobs[target]
    conditions = {task["task_key"] for task in job["tasks"] if "condition_task" in task}
    for task in job["tasks"]:
        for dependency in task.get("depends_on", []):
            assert ("outcome" in dependency) == (dependency["task_key"] in conditions)


@for_each_target
def test_every_task_has_the_compute_it_needs(target: str, resolved: Mapping[str, Jobs]) -> None:
    for job in resolved[target].values():
        environments = {each["environment_key"] for each in job["environments"]}
        clusters = {each["job_cluster_key"] for each in job.get("job_clusters", [])}
        for task in all_tasks(job):
            settings = task.settings
            if "python_wheel_task" in settings:
                assert settings["environment_key"] in environments
            elif "notebook_task" in settings:
                assert settings["job_cluster_key"] in clusters
            elif "sql_task" in settings:
                assert settings["sql_task"]["warehouse_id"]


@for_each_target
def test_task_values_come_from_a_task_upstream_that_sets_them(target: str, resolved_jobs: Jobs) -> None:
    job = resolved_jobs[target]
    for task in all_tasks(job):
        for source, value in task.task_values:
            assert source == "list_changed_tables"
            assert value in TASK_VALUES
            assert source in upstream(job, task.top_key)
    # It asks for its record by itself, since that can be larger than a parameter.
    assert record_export.LISTING_TASK in upstream(job, "record_export")
    assert record_export.RECORD_KEY in TASK_VALUES


@for_each_target
def test_job_parameters_are_declared_and_all_are_used(target: str, resolved_jobs: Jobs) -> None:
    job = resolved_jobs[target]
    declared = {each["name"]: each["default"] for each in job["parameters"]}
    used = {name for task in all_tasks(job) for name in task.job_parameters}
    assert declared == JOB_PARAMETERS
    assert used == declared.keys()


@for_each_target
def test_check_setup_asks_for_a_repository_and_a_branch_and_reports_on_every_task_before(
    target: str, resolved: Mapping[str, Jobs]
) -> None:
    job = resolved[target]["check_setup"]
    declared = {each["name"]: each["default"] for each in job["parameters"]}
    assert declared == {"repository": "", "branch": ""}
    assert {name for task in all_tasks(job) for name in task.job_parameters} == declared.keys()
    (report,) = [task for task in all_tasks(job) if task.key == "check_report"]
    assert report.settings["run_if"] == "ALL_DONE"
    places = dependencies(job)["check_report"]
    assert places == {*PLACES, SQL_FILE_TASK}
    assert report.parameters == {place: f"{{{{tasks.{place}.result_state}}}}" for place in places}


@for_each_target
def test_the_cluster_is_checked_that_exports_clone_on_and_told_of_the_branch(
    target: str, resolved: Mapping[str, Jobs]
) -> None:
    check, export = resolved[target]["check_setup"], resolved[target]["export_tables"]
    assert check["job_clusters"] == export["job_clusters"]
    (task,) = [task.settings for task in all_tasks(check) if task.key == "check_cluster"]
    # Also where the task before failed: what it did not hand over is told.
    assert (task["run_if"], dependencies(check)["check_cluster"]) == ("ALL_DONE", {handed_over.TASK})


@for_each_target
def test_what_the_cluster_made_is_registered_by_the_warehouse_and_removed_after_it(
    target: str, resolved: Mapping[str, Jobs]
) -> None:
    check = resolved[target]["check_setup"]
    tasks = {task.key: task.settings for task in all_tasks(check)}
    before = dependencies(check)
    assert before["check_warehouse"] == {handed_over.CLONES_TASK}
    # Then it is read and cloned again, before it goes.
    assert before["check_serverless"] == before["check_cluster_again"] == {handed_over.REGISTERED_TASK}
    assert before["check_warehouse_again"] == {"check_serverless", handed_over.AGAIN_TASK}
    assert before["check_removal"] == {"check_warehouse_again"}
    # Also after a failure: what there is to remove may be there all the same.
    later = ("check_warehouse", "check_serverless", "check_cluster_again", "check_warehouse_again", "check_removal")
    assert {tasks[key]["run_if"] for key in later} == {"ALL_DONE"}
    of_cluster = ("check_cluster", "check_cluster_again", "check_removal")
    assert len({tasks[key]["job_cluster_key"] for key in of_cluster}) == 1
    assert tasks["check_serverless"]["environment_key"]


@for_each_target
def test_the_own_table_is_deleted_after_all_that_read_it_with_the_key_that_made_it(
    target: str, resolved: Mapping[str, Jobs]
) -> None:
    check = resolved[target]["check_setup"]
    tasks = {task.key: task for task in all_tasks(check)}
    removal = tasks["check_own_table_removal"]
    assert dependencies(check)["check_own_table_removal"] == {"check_serverless", "check_cluster_again"}
    assert removal.settings["run_if"] == "ALL_DONE"
    assert removal.parameters.items() <= tasks[handed_over.TASK].parameters.items()


@for_each_target
def test_a_task_parameter_with_the_name_of_a_job_parameter_passes_just_that(target: str, resolved_jobs: Jobs) -> None:
    # Databricks documentation, "Job parameter pushdown": job parameters go before task parameters of the same name.
    for task in all_tasks(resolved_jobs[target]):
        overridden = task.parameters.keys() & JOB_PARAMETERS.keys()
        assert {name: task.parameters[name] for name in overridden} == {
            name: f"{{{{job.parameters.{name}}}}}" for name in overridden
        }


@for_each_target
def test_every_file_that_a_task_reads_is_uploaded(target: str, sent: Mapping[str, Sent]) -> None:
    # The workspace drops the suffix of a notebook, so the job names it without.
    uploads = sent[target].uploads.keys() | {path.removesuffix(".py") for path in sent[target].uploads}
    paths = [
        path
        for task in all_tasks(sent[target].job)
        for path in (
            task.settings.get("notebook_task", {}).get("notebook_path"),
            task.settings.get("sql_task", {}).get("file", {}).get("path"),
        )
        if path
    ]
    assert len(paths) == 3
    assert set(paths) <= uploads


@for_each_target
def test_nothing_else_than_the_wheel_notebooks_and_sql_is_uploaded(target: str, sent: Mapping[str, Sent]) -> None:
    relative = {path.partition(f"/{target}/")[2] for path in sent[target].uploads}
    expected = ("artifacts/.internal/lakefs_unity_export-", "files/notebooks/", "files/src/sql/")
    assert {path for path in relative if not path.startswith(expected)} == set()


@for_each_target
def test_everything_that_runs_ends(target: str, resolved: Mapping[str, Jobs]) -> None:
    for job in resolved[target].values():
        assert job["timeout_seconds"] > 0
        for task in all_tasks(job):
            if "condition_task" not in task.settings and "for_each_task" not in task.settings:
                assert 0 < task.settings["timeout_seconds"] <= job["timeout_seconds"]


@for_each_target
def test_what_may_be_run_again_is_retried_after_a_pause(target: str, resolved: Mapping[str, Jobs]) -> None:
    # A second attempt of the list would find the watermark moved, and pass over what the first one failed for.
    retries = {
        task.settings["task_key"]: (task.settings["max_retries"], task.settings.get("min_retry_interval_millis", 0) > 0)
        for job in resolved[target].values()
        for task in all_tasks(job)
        if "condition_task" not in task.settings and "for_each_task" not in task.settings
    }
    assert retries == {
        "list_changed_tables": (0, False),
        "clone_table": (2, True),
        "register_table": (2, True),
        "unregister_table": (2, True),
        "record_export": (0, False),
        "reconcile": (1, True),
        "check_cluster": (0, False),
        "check_cluster_again": (0, False),
        "check_removal": (0, False),
        "check_lakefs_and_catalog": (0, False),
        "check_own_table_removal": (0, False),
        "check_report": (0, False),
        "check_serverless": (0, False),
        "check_sql_file": (0, False),
        "check_warehouse": (0, False),
        "check_warehouse_again": (0, False),
    }


@for_each_target
def test_the_hook_may_run_the_job_and_so_may_the_identity_that_the_jobs_run_as(
    target: str, sent: Mapping[str, Sent]
) -> None:
    # Outside prod that identity is the deployer, who owns the job. Nobody but the deployer may start reconcile.
    assert sent[target].permissions == [HOOK, *([JOB_IDENTITY] if target == "prod" else []), OWNER]
    may_view = [{**JOB_IDENTITY, "permission_level": "CAN_VIEW"}, OWNER]
    assert sent[target].other_permissions == ([may_view, may_view] if target == "prod" else [])


@for_each_target
def test_the_other_jobs_know_those_that_are_deployed_with_them_and_run_as_the_same_identity(
    target: str, sent: Mapping[str, Sent], shared_workspace: RecordedWorkspace
) -> None:
    reconcile = sent[target].jobs["reconcile"]
    (task,) = all_tasks(reconcile)
    check = sent[target].jobs["check_setup"]
    (checked,) = [each.parameters for each in all_tasks(check) if each.key == "check_lakefs_and_catalog"]
    deployed = {str(job["job_id"]): job["settings"]["name"] for job in shared_workspace.jobs()}
    assert deployed[task.parameters["export_job_id"]] == sent[target].job["name"]
    assert deployed[checked["export_job_id"]] == sent[target].job["name"]
    assert deployed[checked["reconcile_job_id"]] == reconcile["name"]
    assert check.get("run_as") == reconcile.get("run_as") == sent[target].job.get("run_as")
    assert ("run_as" in reconcile) == (target == "prod")


@for_each_target
@pytest.mark.parametrize("status", ["PAUSED", "UNPAUSED"])
def test_reconcile_is_on_a_schedule_that_is_paused_until_it_is_wanted(
    target: str, status: str, new_deployment: NewDeployment, shared_workspace: RecordedWorkspace
) -> None:
    wanted = {"reconcile_pause_status": status} if status == "UNPAUSED" else {}
    deployment = new_deployment(shared_workspace.url, shared_workspace.token, {**SETTINGS, **wanted})
    schedule = deployment.resolved_jobs(target)["reconcile"]["schedule"]
    assert schedule == {"quartz_cron_expression": "0 0/15 * * * ?", "timezone_id": "UTC", "pause_status": status}


def test_a_deployer_that_the_jobs_run_as_owns_them(new_deployment: NewDeployment, workspace: RecordedWorkspace) -> None:
    """As where a pipeline deploys as the service principal of the jobs."""
    deployment = new_deployment(workspace.url, workspace.job_token)
    assert deploy_recorded(deployment, workspace, "prod").permissions == [
        HOOK,
        {**JOB_IDENTITY, "permission_level": "IS_OWNER"},
    ]
    assert job_writes(deploy_recorded(deployment, workspace, "prod").requests) == []


@for_each_target
def test_no_secret_is_in_the_job(target: str, sent: Mapping[str, Sent]) -> None:
    conf = sent[target].job["job_clusters"][0]["new_cluster"]["spark_conf"]
    secrets = {name: value for name, value in conf.items() if re.search(r"(access|secret)\.key$|password|token", name)}
    assert len(secrets) == 2
    assert [value for value in secrets.values() if not re.fullmatch(r"\{\{secrets/[\w-]+/[\w-]+\}\}", value)] == []
