"""Which tasks of a job run, in which order, and how the job ends. Pure.

From the Databricks documentation, jobs/run-if and jobs/if-else: a task is judged when all its dependencies have
ended. An unmet success condition marks it upstream-failed, an unmet failure condition excluded. Excluded tasks count
as successful, but where all dependencies are excluded the task is excluded too. A job succeeds by its leaf tasks.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Result(StrEnum):
    """How a task or a job run ended; the values are the API's ``result_state``."""

    SUCCESS = "SUCCESS"
    SUCCESS_WITH_FAILURES = "SUCCESS_WITH_FAILURES"
    FAILED = "FAILED"
    TIMEDOUT = "TIMEDOUT"
    CANCELED = "CANCELED"
    EXCLUDED = "EXCLUDED"
    UPSTREAM_FAILED = "UPSTREAM_FAILED"
    UPSTREAM_CANCELED = "UPSTREAM_CANCELED"
    MAXIMUM_CONCURRENT_RUNS_REACHED = "MAXIMUM_CONCURRENT_RUNS_REACHED"


CANCELED_RESULTS = frozenset({Result.CANCELED, Result.UPSTREAM_CANCELED})
FAILED_RESULTS = CANCELED_RESULTS | {Result.FAILED, Result.TIMEDOUT, Result.UPSTREAM_FAILED}
SUCCESS_CONDITIONS = frozenset({"ALL_SUCCESS", "AT_LEAST_ONE_SUCCESS", "NONE_FAILED"})
RUN_IF_VALUES = SUCCESS_CONDITIONS | {"ALL_DONE", "AT_LEAST_ONE_FAILED", "ALL_FAILED"}


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """An edge: the task waited for, and for a condition task the outcome ("true" or "false") it must have."""

    task_key: str
    outcome: str | None = None


@dataclass(frozen=True, kw_only=True)
class Task:
    """A node of the graph."""

    key: str
    depends_on: tuple[Dependency, ...] = ()
    run_if: str = "ALL_SUCCESS"


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a task ended; `outcome` is a condition task's answer."""

    result: Result
    outcome: str | None = None


class Next(StrEnum):
    """What a task that has not ended does next, where it does not end without running."""

    WAIT = "WAIT"
    RUN = "RUN"


def tasks_of(settings: Mapping[str, Any]) -> list[Task]:
    """The graph of a job's settings as the API carries them."""
    return [
        Task(
            key=task["task_key"],
            depends_on=tuple(
                Dependency(task_key=edge["task_key"], outcome=edge.get("outcome"))
                for edge in task.get("depends_on") or []
            ),
            run_if=task.get("run_if") or "ALL_SUCCESS",
        )
        for task in settings.get("tasks") or []
    ]


def next_step(task: Task, ended: Mapping[str, Ended]) -> Next | Result:
    """Whether the task waits, runs, or ends without running with the result given."""
    if not task.depends_on:
        return Next.RUN
    if any(edge.task_key not in ended for edge in task.depends_on):
        return Next.WAIT
    results = [_seen_through(edge, ended[edge.task_key]) for edge in task.depends_on]
    if all(result == Result.EXCLUDED for result in results):
        return Result.EXCLUDED
    if _is_met(task.run_if, results):
        return Next.RUN
    if task.run_if not in SUCCESS_CONDITIONS:
        return Result.EXCLUDED
    return Result.UPSTREAM_CANCELED if _only_canceled(results) else Result.UPSTREAM_FAILED


def job_result(tasks: Iterable[Task], ended: Mapping[str, Ended]) -> Result:
    """The result of a job run whose tasks all ended: decided by its leaf tasks."""
    tasks = list(tasks)
    upstream = {edge.task_key for task in tasks for edge in task.depends_on}
    failed = {task.key for task in tasks if ended[task.key].result in FAILED_RESULTS}
    if not failed:
        return Result.SUCCESS
    return Result.FAILED if failed - upstream else Result.SUCCESS_WITH_FAILURES


def downstream_of(tasks: Iterable[Task], keys: Iterable[str]) -> set[str]:
    """All tasks that depend on the given ones, directly or not (without the given ones themselves)."""
    tasks = list(tasks)
    reached = set(keys)
    start = set(reached)
    grown = True
    while grown:
        more = {task.key for task in tasks if any(edge.task_key in reached for edge in task.depends_on)}
        grown = not more <= reached
        reached |= more
    return reached - start


def upstream_of(tasks: Iterable[Task], key: str) -> set[str]:
    """All tasks that the given one depends on, directly or not."""
    direct = {task.key: {edge.task_key for edge in task.depends_on} for task in tasks}
    found: set[str] = set()
    waiting = set(direct.get(key, ()))
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting |= direct.get(each, set())
    return found


def cycle_in(tasks: Iterable[Task]) -> list[str]:
    """The keys of the tasks that wait for each other, in no order; empty where there is no cycle."""
    waiting = {task.key: {edge.task_key for edge in task.depends_on} for task in tasks}
    while free := [key for key, edges in waiting.items() if not edges & waiting.keys()]:
        for key in free:
            del waiting[key]
    return sorted(waiting)


def _seen_through(edge: Dependency, dependency: Ended) -> Result:
    """The result as the dependent task sees it: a condition's other branch is excluded."""
    succeeded = dependency.result == Result.SUCCESS
    if succeeded and edge.outcome is not None and edge.outcome != dependency.outcome:
        return Result.EXCLUDED
    return dependency.result


def _is_met(run_if: str, results: list[Result]) -> bool:
    failed = sum(result in FAILED_RESULTS for result in results)
    executed = any(result != Result.EXCLUDED for result in results)
    return {
        "ALL_SUCCESS": failed == 0,
        "AT_LEAST_ONE_SUCCESS": failed < len(results),
        "NONE_FAILED": failed == 0 and executed,
        "ALL_DONE": True,
        "AT_LEAST_ONE_FAILED": failed > 0,
        "ALL_FAILED": failed == len(results),
    }[run_if]


def _only_canceled(results: list[Result]) -> bool:
    return all(result in CANCELED_RESULTS for result in results if result in FAILED_RESULTS)
