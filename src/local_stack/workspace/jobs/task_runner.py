"""Runs one task: references, attempts, retries, timeouts, conditions and iterations."""

import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from local_stack.workspace.jobs.conditions import holds
from local_stack.workspace.jobs.iterations import items_of, iterations_to_run
from local_stack.workspace.jobs.parameters import pushed_down
from local_stack.workspace.jobs.references import NO_INPUT, ReferenceScope, UpstreamTask, resolved
from local_stack.workspace.jobs.runs import JobRun, Phase, RunStore, StopSignal, TaskOutput, TaskRun
from local_stack.workspace.jobs.settings import kind_of
from local_stack.workspace.jobs.task_graph import Result

STOP_GRACE_SECONDS = 5.0
WORKLOAD_FAILED = "Workload failed, see run output for details"


@dataclass(frozen=True, kw_only=True)
class TaskWork:
    """What an executor is asked to do: the task's settings with references resolved and job parameters pushed down."""

    job_id: int
    run_id: int
    task_run_id: int
    task_key: str
    task: Mapping[str, Any]
    job: Mapping[str, Any]
    run_as: str


class TaskExecutor(Protocol):
    """Runs one kind of task."""

    def execute(self, work: TaskWork, stop: StopSignal) -> TaskOutput:
        """Do the work and say how it ended. An exception fails the task with its message."""


class TaskRunner:
    """Runs tasks through executors, one for each kind (``notebook_task`` and so on)."""

    def __init__(
        self, store: RunStore, executors: Mapping[str, TaskExecutor], *, workspace_id: int, workspace_url: str
    ) -> None:
        self._store = store
        self._executors = executors
        self._workspace_id = workspace_id
        self._workspace_url = workspace_url

    def run(self, run: JobRun, attempts: list[TaskRun], stop: StopSignal, item: Any = NO_INPUT) -> None:
        """Run a task (or an iteration) with its retries; `attempts` grows by one for each retry."""
        while True:
            current = attempts[-1]
            with self._store.changed:
                current.start()
                self._store.changed.notify_all()
            self._attempt(run, current, stop, item)
            if not _is_retried(current, stop):
                return
            with self._store.changed:
                attempts.append(current.retry())
                self._store.changed.notify_all()
            if stop.wait((current.settings.get("min_retry_interval_millis") or 0) / 1000):
                self._end(attempts[-1], stop.reason or Result.CANCELED, "Run cancelled while it waited for a retry.")
                return

    def _attempt(self, run: JobRun, current: TaskRun, outer: StopSignal, item: Any) -> None:
        stop = outer.child()
        timeout = current.settings.get("timeout_seconds") or None
        # Iterations are waited for inside, each with the grace of its own.
        grace = STOP_GRACE_SECONDS * (2 if current.settings.get("for_each_task") else 1)
        output = run_until_stopped(lambda: self._execute(run, current, stop, item), stop, timeout, grace)
        with self._store.changed:
            current.output = output or TaskOutput(error=_stop_message(stop, timeout))
        if stop.reason is not None:
            self._end(current, stop.reason, _stop_message(stop, timeout))
        elif current.output.error is not None:
            self._end(current, Result.FAILED, f"{WORKLOAD_FAILED}: {_first_line(current.output.error)}")
        else:
            self._end(current, Result.SUCCESS)

    def _end(self, task_run: TaskRun, result: Result, message: str = "") -> None:
        with self._store.changed:
            task_run.end(result, message)
            self._store.changed.notify_all()

    def _execute(self, run: JobRun, current: TaskRun, stop: StopSignal, item: Any) -> TaskOutput:
        try:
            kind = kind_of(current.settings)
            scope = self._scope(run, current, item)
            if kind == "for_each_task":
                return self._iterate(run, current, scope, stop)
            # Only the kind's own settings: compute settings hold secret references, which are resolved elsewhere.
            own = resolved({kind: current.settings[kind]}, scope)
            task = pushed_down({**current.settings, **own}, run.parameters)
            with self._store.changed:
                current.resolved = task
            if kind == "condition_task":
                return self._judge(current, task["condition_task"])
            work = TaskWork(
                job_id=run.job_id,
                run_id=run.run_id,
                task_run_id=current.run_id,
                task_key=current.task_key,
                task=task,
                job=run.settings,
                run_as=run.run_as,
            )
            return self._executors[kind].execute(work, stop)
        except ValueError as error:
            return TaskOutput(error=str(error))
        except Exception as error:
            return TaskOutput(error=f"{type(error).__name__}: {error}", trace=traceback.format_exc())

    def _judge(self, current: TaskRun, condition: Mapping[str, str]) -> TaskOutput:
        outcome = holds(condition["op"], condition["left"], condition["right"])
        with self._store.changed:
            current.outcome = str(outcome).lower()
        return TaskOutput()

    def _iterate(self, run: JobRun, current: TaskRun, scope: ReferenceScope, stop: StopSignal) -> TaskOutput:
        settings = current.settings["for_each_task"]
        items = items_of(resolved(settings["inputs"], scope))
        earlier = current.continues
        kept = _succeeded(earlier) if earlier else {}
        positions = iterations_to_run(items, earlier.items if earlier else None, dict.fromkeys(kept, True))
        with self._store.changed:
            current.items = items
            for index in range(len(items)):
                fresh = TaskRun(task_key=settings["task"]["task_key"], settings=settings["task"], phase=Phase.PENDING)
                current.iterations.append([fresh] if index in positions else kept[index])
            self._store.changed.notify_all()
        with ThreadPoolExecutor(max_workers=settings.get("concurrency") or 1, thread_name_prefix="iteration") as pool:
            started = [
                pool.submit(self._run_iteration, run, current.iterations[index], stop, items[index])
                for index in positions
            ]
        for iteration in started:
            iteration.result()
        return _iterations_output(current)

    def _run_iteration(self, run: JobRun, attempts: list[TaskRun], stop: StopSignal, item: Any) -> None:
        if stop.reason is not None:
            self._end(attempts[-1], stop.reason, "Run cancelled before the iteration started.")
        else:
            self.run(run, attempts, stop, item)

    def _scope(self, run: JobRun, current: TaskRun, item: Any) -> ReferenceScope:
        with self._store.changed:
            upstream = {
                key: UpstreamTask(
                    run_id=attempts[-1].run_id,
                    result=attempts[-1].result,
                    execution_count=attempts[-1].attempt_number + 1,
                    values=dict(run.values[key]),
                )
                for key, attempts in run.attempts.items()
                if attempts[-1].result is not None
            }
        return ReferenceScope(
            job_id=run.job_id,
            job_name=run.name,
            job_run_id=run.run_id,
            started=run.started,
            trigger="one_time",
            workspace_id=self._workspace_id,
            workspace_url=self._workspace_url,
            repair_count=len(run.repairs),
            parameters=run.parameters,
            task_key=current.task_key,
            task_run_id=current.run_id,
            execution_count=current.attempt_number + 1,
            upstream=upstream,
            input=item,
        )


def run_until_stopped(
    work: Callable[[], TaskOutput], stop: StopSignal, timeout_seconds: float | None, grace_seconds: float
) -> TaskOutput | None:
    """Run the work in a thread of its own; None where it did not end within the grace after a stop.

    Work that cannot be interrupted (a notebook in Spark) is left to itself then, and its late result is dropped.
    """
    finished = threading.Event()
    outputs: list[TaskOutput] = []

    def body() -> None:
        outputs.append(work())
        finished.set()

    thread = threading.Thread(target=body, name="task", daemon=True)
    thread.start()
    stop.on_stop(finished.set)
    if not finished.wait(timeout_seconds) and not outputs:
        stop.stop(Result.TIMEDOUT)
    if stop.reason is not None:
        thread.join(grace_seconds)
    return outputs[0] if outputs else None


def _is_retried(current: TaskRun, stop: StopSignal) -> bool:
    if stop.reason is not None or current.result not in (Result.FAILED, Result.TIMEDOUT):
        return False
    if current.result == Result.TIMEDOUT and not current.settings.get("retry_on_timeout"):
        return False
    allowed = current.settings.get("max_retries") or 0
    return allowed == -1 or current.retry_number < allowed


def _stop_message(stop: StopSignal, timeout: int | None) -> str:
    if stop.reason == Result.TIMEDOUT and timeout:
        return f"Run timed out after {timeout} seconds."
    return "Run timed out." if stop.reason == Result.TIMEDOUT else "Run cancelled."


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no message"


def _succeeded(earlier: TaskRun) -> dict[int, list[TaskRun]]:
    return {
        index: attempts for index, attempts in enumerate(earlier.iterations) if attempts[-1].result == Result.SUCCESS
    }


def _iterations_output(current: TaskRun) -> TaskOutput:
    failed = [attempts[-1] for attempts in current.iterations if attempts[-1].result != Result.SUCCESS]
    if not failed:
        return TaskOutput()
    return TaskOutput(
        error=f"{len(failed)} of {len(current.iterations)} iterations failed; the first: {failed[0].message}"
    )
