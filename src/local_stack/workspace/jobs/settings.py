"""What Databricks refuses in a job's settings, and what the local workspace does not run. Pure.

All problems are collected and reported at once. Fields that change nothing locally (notifications, tags) are kept and
given back; a field that would change what a run does and is not supported is an error that names it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from local_stack.workspace.errors import ApiError, invalid
from local_stack.workspace.jobs.compute_settings import cluster_problems, environment_problems
from local_stack.workspace.jobs.conditions import OPERATORS
from local_stack.workspace.jobs.iterations import MAXIMUM_CONCURRENCY, InputsError, check_literal
from local_stack.workspace.jobs.parameters import PARAMETER_NAME
from local_stack.workspace.jobs.references import check_references
from local_stack.workspace.jobs.task_graph import RUN_IF_VALUES, cycle_in, tasks_of, upstream_of

TASK_KEY = re.compile(r"[\w-]{1,100}", re.ASCII)
JOB_FIELDS = frozenset(
    {
        "name",
        "tasks",
        "parameters",
        "job_clusters",
        "environments",
        "max_concurrent_runs",
        "queue",
        "timeout_seconds",
        "run_as",
    }
)
KEPT_JOB_FIELDS = frozenset(
    {
        "access_control_list",
        "budget_policy_id",
        "deployment",
        "description",
        "edit_mode",
        "email_notifications",
        "format",
        "health",
        "notification_settings",
        "parent_path",
        "performance_target",
        "schedule",
        "tags",
        "usage_policy_id",
        "webhook_notifications",
    }
)
TASK_KINDS = frozenset(
    {
        "notebook_task",
        "sql_task",
        "python_wheel_task",
        "condition_task",
        "for_each_task",
    }
)
TASK_FIELDS = TASK_KINDS | frozenset(
    {
        "task_key",
        "depends_on",
        "run_if",
        "environment_key",
        "existing_cluster_id",
        "job_cluster_key",
        "new_cluster",
        "libraries",
        "max_retries",
        "min_retry_interval_millis",
        "retry_on_timeout",
        "timeout_seconds",
    }
)
KEPT_TASK_FIELDS = frozenset(
    {
        "description",
        "disable_auto_optimization",
        "email_notifications",
        "health",
        "notification_settings",
        "webhook_notifications",
    }
)
KIND_FIELDS = {
    "notebook_task": ({"notebook_path"}, {"base_parameters", "source"}),
    "sql_task": ({"warehouse_id", "file"}, {"parameters"}),
    "python_wheel_task": ({"package_name", "entry_point"}, {"named_parameters", "parameters"}),
    "condition_task": ({"op", "left", "right"}, set[str]()),
    "for_each_task": ({"inputs", "task"}, {"concurrency"}),
}
CLUSTER_FIELDS = ("job_cluster_key", "existing_cluster_id", "new_cluster")


def check_job(settings: Mapping[str, Any]) -> None:
    """Raise ApiError INVALID_PARAMETER_VALUE with every problem of the settings, if there is one."""
    problems = list(_job_problems(settings))
    if problems:
        raise invalid("The job is not valid: " + "; ".join(problems) + ".")


def kind_of(task: Mapping[str, Any]) -> str:
    """Which of the task kinds it is, for a task that was checked."""
    return next(kind for kind in sorted(TASK_KINDS) if task.get(kind))


def _job_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    yield from _unknown_fields("the job", settings, JOB_FIELDS | KEPT_JOB_FIELDS)
    yield from _number_problems("the job", settings, {"max_concurrent_runs": (0, 1000), "timeout_seconds": (0, None)})
    yield from _parameter_problems(settings.get("parameters") or [])
    for cluster in settings.get("job_clusters") or []:
        place = f"job cluster '{cluster.get('job_cluster_key', '')}'"
        yield from cluster_problems(place, cluster.get("new_cluster"))
    yield from environment_problems(settings.get("environments") or [])
    yield from _duplicates("job_cluster_key", [c.get("job_cluster_key") for c in settings.get("job_clusters") or []])
    tasks = settings.get("tasks") or []
    yield from _duplicates("task_key", [task.get("task_key") for task in _with_nested(tasks)])
    for task in tasks:
        yield from _task_problems(task, settings, nested=False)
    yield from _graph_problems(settings)


def _unknown_fields(place: str, value: Mapping[str, Any], known: frozenset[str]) -> Iterator[str]:
    for field in sorted(set(value) - known):
        if value[field] not in (None, "", False, [], {}):
            yield f"{place} has the field '{field}', which the local workspace does not support"


def _number_problems(
    place: str, value: Mapping[str, Any], limits: Mapping[str, tuple[int, int | None]]
) -> Iterator[str]:
    for field, (least, most) in limits.items():
        number = value.get(field)
        if number is None:
            continue
        if not isinstance(number, int) or number < least or (most is not None and number > most):
            upper = "" if most is None else f" and at most {most}"
            yield f"{field} of {place} is {number!r}; it must be a whole number of at least {least}{upper}"


def _parameter_problems(parameters: list[dict[str, Any]]) -> Iterator[str]:
    names = [parameter.get("name") for parameter in parameters]
    yield from _duplicates("job parameter", names)
    for parameter in parameters:
        name = str(parameter.get("name"))
        if not PARAMETER_NAME.fullmatch(name):
            yield f"the job parameter '{name}' may only have letters, digits, '_', '-' and '.' in its name"
        if not isinstance(parameter.get("default"), str):
            yield f"the job parameter '{name}' has no default"
        else:
            yield from check_references(parameter["default"], parameters=set(), upstream=set(), has_input=False)


def _duplicates(title: str, keys: list[Any]) -> Iterator[str]:
    for key in sorted({str(key) for key in keys if keys.count(key) > 1}):
        yield f"the {title} '{key}' is used more than once"


def _with_nested(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in tasks:
        yield task
        nested = (task.get("for_each_task") or {}).get("task")
        if isinstance(nested, dict):
            yield nested


def _task_problems(task: Mapping[str, Any], settings: Mapping[str, Any], *, nested: bool) -> Iterator[str]:
    place = f"task '{task.get('task_key', '')}'"
    if not TASK_KEY.fullmatch(str(task.get("task_key") or "")):
        yield f"{place}: a task_key has 1 to 100 letters, digits, '_' or '-'"
    yield from _unknown_fields(place, task, TASK_FIELDS | KEPT_TASK_FIELDS)
    limits: dict[str, tuple[int, int | None]] = {
        "max_retries": (-1, None),
        "min_retry_interval_millis": (0, None),
        "timeout_seconds": (0, None),
    }
    yield from _number_problems(place, task, limits)
    if (task.get("run_if") or "ALL_SUCCESS") not in RUN_IF_VALUES:
        yield f"{place}: run_if '{task['run_if']}' is none of {', '.join(sorted(RUN_IF_VALUES))}"
    kinds = [kind for kind in sorted(TASK_KINDS) if task.get(kind)]
    if len(kinds) != 1:
        yield f"{place} must have exactly one of {', '.join(sorted(TASK_KINDS))}; it has {', '.join(kinds) or 'none'}"
        return
    yield from _kind_problems(place, kinds[0], task, settings, nested=nested)
    yield from _compute_problems(place, kinds[0], task, settings)


def _kind_problems(
    place: str, kind: str, task: Mapping[str, Any], settings: Mapping[str, Any], *, nested: bool
) -> Iterator[str]:
    value = task[kind]
    required, optional = KIND_FIELDS[kind]
    for field in sorted(required):
        if value.get(field) in (None, "", {}):
            yield f"{place}: {kind} needs {field}"
    yield from _unknown_fields(f"{kind} of {place}", value, frozenset(required | optional))
    if kind == "condition_task" and value.get("op") not in OPERATORS:
        yield f"{place}: op '{value.get('op')}' is none of {', '.join(sorted(OPERATORS))}"
    if kind == "python_wheel_task" and value.get("named_parameters") and value.get("parameters"):
        yield f"{place}: python_wheel_task has both named_parameters and parameters"
    yield from _source_problems(place, kind, value)
    if kind == "for_each_task":
        yield from _for_each_problems(place, value, task, settings, nested=nested)


def _source_problems(place: str, kind: str, value: Mapping[str, Any]) -> Iterator[str]:
    path_field = {"notebook_task": "notebook_path", "sql_task": "path"}.get(kind)
    if path_field is None:
        return
    owner = value.get("file") or {} if kind == "sql_task" else value
    if kind == "sql_task":
        yield from _unknown_fields(f"file of {place}", owner, frozenset({"path", "source"}))
    if (owner.get("source") or "WORKSPACE") != "WORKSPACE":
        yield f"{place}: source '{owner['source']}' is not supported by the local workspace, only WORKSPACE"
    if not str(owner.get(path_field) or "").startswith("/"):
        yield f"{place}: {path_field} must be an absolute path in the workspace"


def _for_each_problems(
    place: str, value: Mapping[str, Any], task: Mapping[str, Any], settings: Mapping[str, Any], *, nested: bool
) -> Iterator[str]:
    if nested:
        yield f"{place}: a for_each_task cannot be nested in another one"
        return
    if (task.get("max_retries") or 0) != 0:
        yield f"{place}: set max_retries on the nested task, not on the for_each_task"
    yield from _number_problems(place, value, {"concurrency": (1, MAXIMUM_CONCURRENCY)})
    try:
        check_literal(str(value.get("inputs") or ""))
    except InputsError as problem:
        yield f"{place}: {problem}"
    inner = value.get("task")
    if isinstance(inner, dict):
        if inner.get("depends_on"):
            yield f"{place}: the nested task cannot depend on other tasks"
        yield from _task_problems(inner, settings, nested=True)


def _compute_problems(place: str, kind: str, task: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    named = [field for field in (*CLUSTER_FIELDS, "environment_key") if task.get(field)]
    if len(named) > 1:
        yield f"{place} names more than one compute: {', '.join(named)}"
    if kind not in ("notebook_task", "python_wheel_task"):
        for field in [*named, *(["libraries"] if task.get("libraries") else [])]:
            yield f"{place}: a {kind} takes no {field}"
        return
    for field, place_of_keys in (("job_cluster_key", "job_clusters"), ("environment_key", "environments")):
        known = [entry.get(field) for entry in settings.get(place_of_keys) or []]
        if task.get(field) and task[field] not in known:
            yield f"{place}: {field} '{task[field]}' is not in the job's {place_of_keys}"
    if kind == "python_wheel_task" and not named:
        yield f"{place}: a python_wheel_task on serverless compute needs an environment_key"
    if named in ([], ["environment_key"]) and task.get("libraries"):
        yield f"{place}: libraries need a cluster; on serverless compute they are dependencies of the environment"
    if task.get("new_cluster"):
        yield from cluster_problems(f"new_cluster of {place}", task["new_cluster"])


def _graph_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    tasks = settings.get("tasks") or []
    by_key = {task.get("task_key"): task for task in tasks}
    for task in tasks:
        for edge in task.get("depends_on") or []:
            yield from _edge_problems(f"task '{task.get('task_key')}'", edge, by_key)
    graph = tasks_of({"tasks": [task for task in tasks if task.get("task_key")]})
    waiting = cycle_in(graph)
    if waiting:
        yield f"the tasks {', '.join(map(repr, waiting))} wait for each other in a cycle"
        return
    parameters = {str(parameter.get("name")) for parameter in settings.get("parameters") or []}
    for task in tasks:
        yield from _reference_problems(task, parameters, upstream_of(graph, str(task.get("task_key"))))


def _edge_problems(place: str, edge: Mapping[str, Any], by_key: Mapping[Any, Mapping[str, Any]]) -> Iterator[str]:
    upstream = by_key.get(edge.get("task_key"))
    if upstream is None:
        yield f"{place} depends on '{edge.get('task_key')}', which is no task of the job"
        return
    outcome = edge.get("outcome")
    if outcome is not None and not upstream.get("condition_task"):
        yield f"{place}: outcome is for condition tasks, and '{edge['task_key']}' is none"
    if outcome not in (None, "true", "false"):
        yield f"{place}: outcome '{outcome}' is neither 'true' nor 'false'"


def _reference_problems(task: Mapping[str, Any], parameters: set[str], upstream: set[str]) -> Iterator[str]:
    nested = (task.get("for_each_task") or {}).get("task")
    for one, has_input in [(task, False), *([(nested, True)] if isinstance(nested, dict) else [])]:
        for kind in sorted(TASK_KINDS & one.keys()):
            own = {field: item for field, item in (one[kind] or {}).items() if field != "task"}
            for problem in check_references(own, parameters=parameters, upstream=upstream, has_input=has_input):
                yield f"task '{one.get('task_key')}': {problem}"


def checked_update(settings: Mapping[str, Any], new: Mapping[str, Any], removed: list[str]) -> dict[str, Any]:
    """Settings after ``jobs/update``: top-level fields replaced or removed, lists of keyed items merged by key."""
    keys = {"tasks": "task_key", "job_clusters": "job_cluster_key", "environments": "environment_key"}
    changed = {field: value for field, value in settings.items() if field not in removed}
    for field, value in new.items():
        if field in keys and field in changed:
            merged = {item[keys[field]]: item for item in [*changed[field], *value]}
            changed[field] = list(merged.values())
        else:
            changed[field] = value
    for path in removed:
        if "/" in path:
            raise ApiError(501, "NOT_IMPLEMENTED", f"The local workspace cannot remove '{path}', only whole fields.")
    check_job(changed)
    return changed
