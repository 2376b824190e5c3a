"""Runs of the job as the Databricks REST API shows them: found by what started them, and read as a small tree."""

import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.jobs import BaseRun, JobsAPI, Run, RunLifeCycleState, RunTask

from local_stack.demo.failure import DemoFailure

RUN_SECONDS = 600
POLL_SECONDS = 0.3
LOG_TAIL_LINES = 25

_ENDED = {RunLifeCycleState.TERMINATED, RunLifeCycleState.SKIPPED, RunLifeCycleState.INTERNAL_ERROR}
_NOT_STARTED = {RunLifeCycleState.BLOCKED, RunLifeCycleState.PENDING, RunLifeCycleState.QUEUED}
# What an iteration is shown as: the parameter of the job's notebook and SQL task that names the table.
_TITLE_PARAMETER = "table"
_ATTEMPT = " (attempt "


@dataclass(frozen=True, kw_only=True)
class TaskState:
    """A task, or an iteration of a for_each task. `state` is the API's result, or its life cycle before the end."""

    title: str
    state: str
    seconds: float
    run_id: int
    message: str = ""
    iterations: tuple["TaskState", ...] = ()

    @property
    def name(self) -> str:
        """The title without the number of the attempt."""
        return self.title.partition(_ATTEMPT)[0]

    @property
    def is_repeated(self) -> bool:
        """Whether an attempt before this one failed."""
        return _ATTEMPT in self.title

    @property
    def has_started(self) -> bool:
        """Whether it runs or has run."""
        return self.state not in {state.value for state in _NOT_STARTED}

    @property
    def has_failed(self) -> bool:
        """Whether it ended otherwise than well; what was left out on purpose did not fail."""
        return self.state in {
            "FAILED",
            "TIMEDOUT",
            "CANCELED",
            "INTERNAL_ERROR",
            "UPSTREAM_FAILED",
            "UPSTREAM_CANCELED",
        }


@dataclass(frozen=True, kw_only=True)
class RunState:
    """A run of the job with its tasks, each after those that it depends on."""

    run_id: int
    state: str
    seconds: float
    has_ended: bool
    message: str
    tasks: tuple[TaskState, ...]

    @property
    def has_succeeded(self) -> bool:
        """Whether the whole run ended well."""
        return self.state == "SUCCESS"

    def task(self, name: str) -> TaskState:
        """The last attempt of the task with this key. Raises KeyError where the run has none."""
        return {task.name: task for task in self.tasks}[name]


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """What starts a run: an event of a branch at a commit, as the hook hands it to the job."""

    branch: str
    commit_id: str
    event: str

    def __str__(self) -> str:
        return f"{self.event} on {self.branch} at {self.commit_id[:10]}"

    def parameters(self, repository: str) -> dict[str, str]:
        """The job parameters of the run that it starts."""
        return {"repository": repository, "branch": self.branch, "commit_id": self.commit_id, "event": self.event}

    def idempotency_token(self, repository: str) -> str:
        """The token by which the workspace knows a second delivery; the hook's own (resources/lakefs/scripts)."""
        return hashlib.sha256("\n".join(self.parameters(repository).values()).encode()).hexdigest()

    def started(self, run: BaseRun, repository: str) -> bool:
        """Whether the run has exactly these job parameters."""
        given = {parameter.name: parameter.value for parameter in run.job_parameters or []}
        return self.parameters(repository).items() <= given.items()


def find_run(jobs: JobsAPI, job_id: int, repository: str, trigger: Trigger) -> int | None:
    """The id of the run that the trigger started, or None where there is none (yet)."""
    for run in jobs.list_runs(job_id=job_id):
        if run.run_id is not None and trigger.started(run, repository):
            return run.run_id
    return None


def follow_run(jobs: JobsAPI, run_id: int, show: Callable[[RunState], None]) -> RunState:
    """Show the run until it has ended, and give its last state. Raises DemoFailure after RUN_SECONDS."""
    until = time.monotonic() + RUN_SECONDS
    while time.monotonic() < until:
        state = read_run(jobs, run_id)
        show(state)
        if state.has_ended:
            return state
        time.sleep(POLL_SECONDS)
    raise DemoFailure(f"run {run_id} has not ended after {RUN_SECONDS} s; its last state: {state}")


def read_run(jobs: JobsAPI, run_id: int) -> RunState:
    """The run and its tasks as they are now, with the iterations of every for_each task that has started."""
    run = jobs.get_run(run_id)
    loops = {
        task.run_id: jobs.get_run(task.run_id, include_resolved_values=True)
        for task in run.tasks or []
        if task.run_id is not None and task.for_each_task is not None and _task_state(task).has_started
    }
    return run_state(run, loops)


def run_state(run: Run, loops: dict[int, Run]) -> RunState:
    """The state from the API's answers: of the run, and of its for_each tasks by their run id."""
    life_cycle = run.state.life_cycle_state if run.state else None
    latest = {task.task_key: task for task in sorted(run.tasks or [], key=lambda task: task.attempt_number or 0)}
    return RunState(
        run_id=run.run_id or 0,
        state=_state_text(run),
        seconds=_seconds(run.start_time, run.end_time),
        has_ended=life_cycle in _ENDED,
        message=(run.state.state_message if run.state else None) or "",
        tasks=tuple(_task_state(task, loops.get(task.run_id or 0)) for task in _in_order(latest)),
    )


def _in_order(tasks: dict[str, RunTask]) -> list[RunTask]:
    ordered: dict[str, RunTask] = {}
    while len(ordered) < len(tasks):
        ready = {
            key: task
            for key, task in tasks.items()
            if key not in ordered and all(needed.task_key in ordered for needed in task.depends_on or [])
        }
        # A page of tasks may lack what they depend on.
        ordered |= ready or {key: task for key, task in tasks.items() if key not in ordered}
    return list(ordered.values())


def failures(jobs: JobsAPI, run: RunState) -> str:
    """What went wrong in a run that failed: each failed task with its error and the end of its log."""
    heading = f"run {run.run_id} ended {run.state}: {run.message}".rstrip(": ")
    return "\n".join([heading, *told_by(jobs, _failed_leaves(run))])


def told_by(jobs: JobsAPI, attempts: Iterable[TaskState]) -> Iterator[str]:
    """How each of these ended, with its error and the end of its log."""
    for task in attempts:
        yield f"{task.title}: {task.state} {task.message}".rstrip()
        yield from ("  | " + line for line in _output_tail(jobs, task.run_id))


def unexplained_attempts(run: RunState, explained: Collection[str]) -> list[TaskState]:
    """Tasks and iterations that were tried again, but for the iterations of these tables, which a fault explains."""
    tried = [attempt for task in run.tasks for attempt in (task, *task.iterations)]
    return [attempt for attempt in tried if attempt.is_repeated and attempt.name.rpartition(".")[2] not in explained]


def notebook_results(jobs: JobsAPI, loop: TaskState) -> list[dict[str, object]]:
    """What each successful iteration of a for_each task returned, read as JSON."""
    results = []
    for iteration in loop.iterations:
        if iteration.state == "SUCCESS":
            output = jobs.get_run_output(iteration.run_id).notebook_output
            if output is None or not output.result:
                raise DemoFailure(f"the notebook of {iteration.title} (run {iteration.run_id}) returned nothing")
            results.append(json.loads(output.result))
    return results


def _task_state(task: RunTask, loop: Run | None = None) -> TaskState:
    iterations = (loop.iterations if loop else None) or []
    return TaskState(
        title=_title(task),
        state=_state_text(task),
        seconds=_seconds(task.start_time, task.end_time),
        run_id=task.run_id or 0,
        message=(task.state.state_message if task.state else None) or "",
        iterations=tuple(_task_state(iteration) for iteration in iterations),
    )


def _title(task: RunTask) -> str:
    resolved = task.resolved_values
    given = {}
    if resolved and resolved.notebook_task:
        given = resolved.notebook_task.base_parameters or {}
    elif resolved and resolved.sql_task:
        given = resolved.sql_task.parameters or {}
    title = given.get(_TITLE_PARAMETER, task.task_key).replace("`", "")
    return f"{title}{_ATTEMPT}{task.attempt_number + 1})" if task.attempt_number else title


def _state_text(run: Run | RunTask) -> str:
    if run.state is None:
        return "PENDING"
    state = run.state.result_state or run.state.life_cycle_state
    return state.value if state else "PENDING"


def _seconds(start: int | None, end: int | None) -> float:
    if not start:
        return 0.0
    return max(0.0, (end or time.time() * 1000) - start) / 1000


def _failed_leaves(run: RunState) -> Iterator[TaskState]:
    for task in run.tasks:
        failed = [iteration for iteration in task.iterations if iteration.has_failed]
        if failed:
            yield from failed
        elif task.has_failed and not task.state.startswith("UPSTREAM"):
            yield task


def _output_tail(jobs: JobsAPI, run_id: int) -> list[str]:
    try:
        output = jobs.get_run_output(run_id)
    except DatabricksError as error:
        return [f"(its output cannot be read: {error})"]
    told = [output.error or "", output.error_trace or "", output.logs or ""]
    return [line for text in told for line in text.rstrip().splitlines()[-LOG_TAIL_LINES:]]
