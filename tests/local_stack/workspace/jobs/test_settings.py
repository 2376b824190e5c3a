"""What Databricks refuses in a job's settings, with every problem named at once."""

from typing import Any

import pytest
from job_engine_doubles import CLUSTER, COMPUTE, condition, for_each, wheel

from local_stack.workspace.errors import ApiError
from local_stack.workspace.jobs.settings import check_job, checked_update

NO_VERSION, NO_NODE = {**CLUSTER, "spark_version": ""}, {**CLUSTER, "node_type_id": ""}
NOTEBOOK = {"task_key": "n", "job_cluster_key": "cluster", "notebook_task": {"notebook_path": "/nb"}}
SQL = {"task_key": "s", "sql_task": {"warehouse_id": "w", "file": {"path": "/q.sql"}}}


def job(*tasks: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return {"name": "job", "tasks": list(tasks), **COMPUTE, **settings}


def test_a_good_job_passes() -> None:
    check_job(
        job(
            wheel("list", named={"b": "{{job.parameters.branch}}"}),
            condition("any", "{{tasks.list.values.n}}", "GREATER_THAN", "0", "list"),
            for_each("loop", "{{tasks.list.values.items}}", {"task_key": "any", "outcome": "true"}, concurrency=100),
            NOTEBOOK,
            SQL,
            parameters=[{"name": "branch", "default": "main"}],
            tags={"a": "b"},
            schedule={"quartz_cron_expression": "0 0 * * * ?", "timezone_id": "UTC"},
            email_notifications={"on_failure": ["a@b.c"]},
            queue={"enabled": True},
            max_concurrent_runs=1,
        )
    )


def for_each_of(nested: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"task_key": "loop", "for_each_task": {"inputs": "[1]", "task": nested, **fields}}


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (job(wheel("a"), wheel("a")), "the task_key 'a' is used more than once"),
        (job(for_each_of({**NOTEBOOK, "task_key": "loop"})), "the task_key 'loop' is used more than once"),
        (job(wheel("a", "b")), "task 'a' depends on 'b', which is no task of the job"),
        (job(wheel("a", "b"), wheel("b", "a")), "'a', 'b' wait for each other in a cycle"),
        (job(wheel("a", "a")), "'a' wait for each other"),
        (job(wheel("a", environment_key="none")), "environment_key 'none' is not in the job's environments"),
        (job(wheel("a", environment_key="")), "needs an environment_key"),
        (job({**NOTEBOOK, "job_cluster_key": "none"}), "job_cluster_key 'none' is not in the job's job_clusters"),
        (job({**NOTEBOOK, "existing_cluster_id": "x"}), "names more than one compute: job_cluster_key, existing"),
        (job({**SQL, "job_cluster_key": "cluster"}), "a sql_task takes no job_cluster_key"),
        (job(wheel("a", libraries=[{"whl": "/x.whl"}])), "libraries need a cluster"),
        (job({"task_key": "a"}), "must have exactly one of"),
        (job({**NOTEBOOK, **SQL}), "must have exactly one of"),
        (job({"task_key": "a b", "sql_task": SQL["sql_task"]}), "a task_key has 1 to 100"),
        (job({"task_key": "s", "sql_task": {"warehouse_id": "w"}}), "sql_task needs file"),
        (job({"task_key": "s", "sql_task": {"file": {"path": "/q"}}}), "sql_task needs warehouse_id"),
        (job({"task_key": "s", "sql_task": {"warehouse_id": "w", "query": {"query_id": "q"}}}), "field 'query'"),
        (job({**NOTEBOOK, "notebook_task": {"notebook_path": "x"}}), "must be an absolute path"),
        (job({**NOTEBOOK, "notebook_task": {"notebook_path": "/x", "source": "GIT"}}), "source 'GIT' is not supported"),
        (job(condition("c", "1", "GREATER", "2")), "op 'GREATER' is none of"),
        (job(wheel("a"), wheel("b", {"task_key": "a", "outcome": "true"})), "'a' is none"),
        (
            job(condition("c", "1", "EQUAL_TO", "1"), wheel("b", {"task_key": "c", "outcome": "yes"})),
            "outcome 'yes' is neither",
        ),
        (job(wheel("a", run_if="SOMETIMES")), "run_if 'SOMETIMES' is none of"),
        (job(wheel("a", max_retries=-2)), "max_retries of task 'a' is -2"),
        (job(wheel("a", timeout_seconds="5")), "timeout_seconds of task 'a' is '5'"),
        (job(wheel("a", pipeline_task={"pipeline_id": "x"})), "field 'pipeline_task'"),
        (job(wheel("a", disabled=True)), "field 'disabled'"),
        (job(wheel("a"), git_source={"git_url": "x"}), "the job has the field 'git_source'"),
        (job(for_each_of(for_each_of(NOTEBOOK) | {"task_key": "inner"})), "cannot be nested in another"),
        (job(for_each_of(NOTEBOOK, concurrency=101)), "concurrency of task 'loop' is 101"),
        (job(for_each_of(NOTEBOOK, concurrency=0)), "concurrency of task 'loop' is 0"),
        (job(for_each_of(NOTEBOOK) | {"max_retries": 1}), "set max_retries on the nested task"),
        (job(for_each("loop", "[" + "1," * 3000 + "1]")), "at most 5000"),
        (job(wheel("a", named={"x": "{{job.parameters.none}}"})), "the job has no parameter 'none'"),
        (job(wheel("a", named={"x": "{{tasks.b.values.v}}"}), wheel("b")), "does not depend on a task 'b'"),
        (job(wheel("a", named={"x": "{{input}}"})), "has an input"),
        (job(parameters=[{"name": "a b", "default": ""}]), "letters, digits"),
        (job(parameters=[{"name": "a"}]), "the job parameter 'a' has no default"),
        (job(parameters=[{"name": "a", "default": ""}] * 2), "the job parameter 'a' is used more than once"),
        (job(environments=[{"environment_key": "e", "spec": {}}]), "environment 'e' needs environment_version"),
        (
            job(
                environments=[
                    {"environment_key": "e", "spec": {"client": "1", "spark_conf": {"spark.hadoop.fs.s3a.x": "y"}}}
                ]
            ),
            "serverless compute takes no Spark configuration",
        ),
        (
            job(job_clusters=[{"job_cluster_key": "c", "new_cluster": NO_VERSION}]),
            "spark_version",
        ),
        (job(job_clusters=[{"job_cluster_key": "c", "new_cluster": NO_NODE}]), "node_type_id"),
        (
            job(job_clusters=[{"job_cluster_key": "c", "new_cluster": {**CLUSTER, "data_security_mode": "OPEN"}}]),
            "data_security_mode 'OPEN'",
        ),
        (job(max_concurrent_runs=1001), "at most 1000"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ApiError) as refused:
        check_job(settings)
    assert problem in refused.value.message
    assert (refused.value.status, refused.value.error_code) == (400, "INVALID_PARAMETER_VALUE")


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(ApiError) as refused:
        check_job(job(wheel("a", "none", run_if="X"), wheel("b", environment_key="other")))
    for part in ("'none'", "run_if 'X'", "environment_key 'other'"):
        assert part in refused.value.message


def test_empty_values_of_unsupported_fields_are_forgiven() -> None:
    check_job(job({**NOTEBOOK, "existing_cluster_id": "", "pipeline_task": {}}, git_source={}, continuous=None))


def test_an_update_replaces_fields_and_merges_tasks_by_key() -> None:
    before = job(wheel("a"), wheel("b"), timeout_seconds=5, tags={"x": "y"})
    after = checked_update(before, {"tasks": [wheel("b", "a"), wheel("c")], "timeout_seconds": 6}, ["tags"])
    assert [(task["task_key"], len(task["depends_on"])) for task in after["tasks"]] == [("a", 0), ("b", 1), ("c", 0)]
    assert after["timeout_seconds"] == 6
    assert "tags" not in after
    with pytest.raises(ApiError, match="cannot remove 'tasks/a'"):
        checked_update(before, {}, ["tasks/a"])
