"""Runs as the Jobs API shows them: ``state`` of version 2.1 and ``status`` of version 2.2, tasks and iterations."""

from typing import Any

from local_stack.workspace.jobs.runs import ENDED_PHASES, JobRun, Phase, Repair, TaskRun
from local_stack.workspace.jobs.settings import TASK_KINDS
from local_stack.workspace.jobs.task_graph import CANCELED_RESULTS, Result

PAGE_LENGTH = 100
RESOLVED_FIELDS = {
    "notebook_task": ("base_parameters",),
    "python_wheel_task": ("named_parameters", "parameters"),
    "sql_task": ("parameters",),
    "condition_task": ("left", "right"),
}
TERMINATION_CODES = {
    Result.SUCCESS: "SUCCESS",
    Result.SUCCESS_WITH_FAILURES: "SUCCESS_WITH_FAILURES",
    Result.FAILED: "RUN_EXECUTION_ERROR",
    Result.TIMEDOUT: "CANCELED",
    Result.CANCELED: "USER_CANCELED",
    Result.EXCLUDED: "SKIPPED",
    Result.UPSTREAM_FAILED: "SKIPPED",
    Result.UPSTREAM_CANCELED: "SKIPPED",
    Result.MAXIMUM_CONCURRENT_RUNS_REACHED: "MAX_CONCURRENT_RUNS_EXCEEDED",
}
TERMINATION_SUCCESSES = frozenset({Result.SUCCESS, Result.SUCCESS_WITH_FAILURES, Result.EXCLUDED})
QUEUED_MESSAGE = "The run waits for another run of the same job to end."


class RunViews:
    """Builds the API's bodies. The caller holds the run store's lock."""

    def __init__(self, *, url: str, workspace_id: int) -> None:
        self._url = url
        self._workspace_id = workspace_id

    def job_run(self, run: JobRun, *, offset: int = 0, history: bool = False, values: bool = False) -> dict[str, Any]:
        """The body of ``runs/get`` for a job run; `offset` is where the page of tasks starts."""
        chosen = [a for attempts in run.attempts.values() for a in (attempts if history else attempts[-1:])]
        body = {
            **self.job_run_base(run),
            "tasks": [self._task(run, task, values=values) for task in chosen[offset : offset + PAGE_LENGTH]],
            "job_clusters": run.settings.get("job_clusters") or [],
            "repair_history": [_repair(repair) for repair in run.repairs] if history else [],
        }
        return _with_page(body, offset, len(chosen))

    def job_run_base(self, run: JobRun) -> dict[str, Any]:
        """What ``runs/list`` shows of a job run."""
        return {
            "job_id": run.job_id,
            "run_id": run.run_id,
            "number_in_job": run.run_id,
            "original_attempt_run_id": run.run_id,
            "creator_user_name": run.creator,
            "run_name": run.name,
            "run_type": "JOB_RUN",
            "format": "MULTI_TASK",
            "trigger": "ONE_TIME",
            "run_page_url": self.page_url(run.job_id, run.run_id),
            "job_parameters": [
                {"name": name, "default": default, "value": run.parameters[name]}
                for name, default in _defaults(run).items()
            ],
            "overriding_parameters": {},
            **_times(run.started or run.created, run.ended),
            "queue_duration": max(0, (run.started or run.created) - run.created),
            **_states(run.phase, run.result, run.message),
        }

    def task_run(self, run: JobRun, task: TaskRun, *, offset: int = 0, values: bool = False) -> dict[str, Any]:
        """The body of ``runs/get`` for the run of a task or of an iteration."""
        iterations = [attempts[-1] for attempts in task.iterations]
        page = iterations[offset : offset + PAGE_LENGTH]
        body = {
            **self.job_run_base(run),
            "run_id": task.run_id,
            "job_run_id": run.run_id,
            "run_name": task.task_key,
            "run_page_url": self.page_url(run.job_id, task.run_id),
            "attempt_number": task.attempt_number,
            **_times(task.started, task.ended),
            **_states(task.phase, task.result, task.message),
            "tasks": [self._task(run, task, values=values)],
            "iterations": [self._task(run, iteration, values=values) for iteration in page],
        }
        return _with_page(body, offset, len(iterations))

    def output(self, run: JobRun, task: TaskRun) -> dict[str, Any]:
        """The body of ``runs/get-output`` for the run of a task or of an iteration."""
        body: dict[str, Any] = {"metadata": self.task_run(run, task)}
        if task.output.error is not None:
            body["error"] = task.output.error
            body["error_trace"] = task.output.trace or ""
        if task.output.logs:
            body["logs"] = task.output.logs
            body["logs_truncated"] = False
        if task.settings.get("notebook_task") and task.output.notebook_result is not None:
            body["notebook_output"] = {"result": task.output.notebook_result, "truncated": False}
        return body

    def page_url(self, job_id: int, run_id: int) -> str:
        """The address of a run's page, in the form that the API has."""
        return f"{self._url}/?o={self._workspace_id}#job/{job_id}/run/{run_id}"

    def _task(self, run: JobRun, task: TaskRun, *, values: bool) -> dict[str, Any]:
        body = {
            **task.settings,
            "run_id": task.run_id,
            "run_page_url": self.page_url(run.job_id, task.run_id),
            "attempt_number": task.attempt_number,
            "run_if": task.settings.get("run_if") or "ALL_SUCCESS",
            **_times(task.started, task.ended),
            **_states(task.phase, task.result, task.message),
        }
        if condition := task.settings.get("condition_task"):
            resolved = (task.resolved or {}).get("condition_task") or condition
            body["condition_task"] = {**resolved, **({"outcome": task.outcome} if task.outcome else {})}
        if for_each := task.settings.get("for_each_task"):
            body["for_each_task"] = {**for_each, "stats": _statistics(task)}
        if values and task.resolved:
            body["resolved_values"] = _resolved_values(task.resolved)
        return body


def _defaults(run: JobRun) -> dict[str, str]:
    return {parameter["name"]: parameter["default"] for parameter in run.settings.get("parameters") or []}


def _with_page(body: dict[str, Any], offset: int, total: int) -> dict[str, Any]:
    if offset + PAGE_LENGTH < total:
        body["next_page_token"] = str(offset + PAGE_LENGTH)
        body["has_more"] = True
    return body


def _times(started: int, ended: int) -> dict[str, int]:
    duration = max(0, ended - started) if ended else 0
    return {
        "start_time": started,
        "end_time": ended,
        "setup_duration": 0,
        "execution_duration": duration,
        "cleanup_duration": 0,
        "run_duration": duration,
    }


def _states(phase: Phase, result: Result | None, message: str) -> dict[str, Any]:
    state: dict[str, Any] = {
        "life_cycle_state": phase.value,
        "state_message": message,
        "user_cancelled_or_timedout": result in (Result.CANCELED, Result.TIMEDOUT),
    }
    status: dict[str, Any] = {"state": "WAITING" if phase == Phase.WAITING_FOR_RETRY else phase.value}
    if phase == Phase.QUEUED:
        state["queue_reason"] = QUEUED_MESSAGE
        status["queue_details"] = {"code": "MAX_CONCURRENT_RUNS_REACHED", "message": QUEUED_MESSAGE}
    if phase in ENDED_PHASES and result is not None:
        state["result_state"] = result.value
        status["state"] = "TERMINATED"
        status["termination_details"] = {
            "code": TERMINATION_CODES[result],
            "type": "SUCCESS" if result in TERMINATION_SUCCESSES | CANCELED_RESULTS else "CLIENT_ERROR",
            "message": message,
        }
    return {"state": state, "status": status}


def _repair(repair: Repair) -> dict[str, Any]:
    phase = Phase.TERMINATED if repair.result else Phase.RUNNING
    return {
        "type": "REPAIR",
        "id": repair.id,
        "start_time": repair.started,
        "end_time": repair.ended,
        "task_run_ids": repair.task_run_ids,
        **_states(phase, repair.result, ""),
    }


def _statistics(task: TaskRun) -> dict[str, Any]:
    latest = [attempts[-1] for attempts in task.iterations]
    ended = [iteration for iteration in latest if iteration.result is not None]
    failed = [iteration for iteration in ended if iteration.result != Result.SUCCESS]
    messages = sorted({iteration.message for iteration in failed})
    return {
        "task_run_stats": {
            "total_iterations": len(latest),
            "scheduled_iterations": len(latest),
            "active_iterations": sum(iteration.phase == Phase.RUNNING for iteration in latest),
            "completed_iterations": len(ended),
            "succeeded_iterations": len(ended) - len(failed),
            "failed_iterations": len(failed),
        },
        "error_message_stats": [
            {"error_message": message, "count": sum(iteration.message == message for iteration in failed)}
            for message in messages
        ],
    }


def _resolved_values(resolved: dict[str, Any]) -> dict[str, Any]:
    return {
        kind: {field: resolved[kind][field] for field in RESOLVED_FIELDS[kind] if field in resolved[kind]}
        for kind in TASK_KINDS & RESOLVED_FIELDS.keys()
        if resolved.get(kind)
    }
