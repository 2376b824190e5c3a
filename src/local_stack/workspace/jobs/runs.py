"""Runs of jobs and of their tasks, as records, and the store that holds them."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from local_stack.workspace.errors import invalid
from local_stack.workspace.identifiers import new_identifier
from local_stack.workspace.jobs.task_graph import Ended, Result


class Phase(StrEnum):
    """Where a run is in its life; the values are the API's ``life_cycle_state``."""

    QUEUED = "QUEUED"
    BLOCKED = "BLOCKED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    WAITING_FOR_RETRY = "WAITING_FOR_RETRY"
    TERMINATED = "TERMINATED"
    SKIPPED = "SKIPPED"
    INTERNAL_ERROR = "INTERNAL_ERROR"


ENDED_PHASES = frozenset({Phase.TERMINATED, Phase.SKIPPED, Phase.INTERNAL_ERROR})


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, kw_only=True)
class TaskOutput:
    """What one execution of a task left; without `error` it succeeded."""

    error: str | None = None
    trace: str | None = None
    logs: str = ""
    notebook_result: str | None = None


class StopSignal:
    """Tells running work to end early, and why: CANCELED or TIMEDOUT."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []
        self._reason: Result | None = None

    @property
    def reason(self) -> Result | None:
        """Why the work ends early; None while it may go on."""
        return self._reason

    def stop(self, reason: Result) -> None:
        """Ask for the end; only the first reason counts."""
        with self._lock:
            if self._reason is not None:
                return
            self._reason = reason
            callbacks = list(self._callbacks)
        self._event.set()
        for callback in callbacks:
            callback()

    def on_stop(self, callback: Callable[[], None]) -> None:
        """Call this when the end is asked for; at once if it was already."""
        with self._lock:
            if self._reason is None:
                self._callbacks.append(callback)
                return
        callback()

    def wait(self, seconds: float) -> bool:
        """Sleep, but not past the end; whether it was asked for."""
        return self._event.wait(seconds)

    def child(self) -> "StopSignal":
        """A signal of its own that also stops with this one."""
        child = StopSignal()
        self.on_stop(lambda: child.stop(self.reason or Result.CANCELED))
        return child


@dataclass(kw_only=True)
class TaskRun:
    """One attempt of one task, or of one iteration of a for_each task."""

    task_key: str
    settings: dict[str, Any]
    run_id: int = field(default_factory=new_identifier)
    attempt_number: int = 0
    retry_number: int = 0
    phase: Phase = Phase.BLOCKED
    result: Result | None = None
    message: str = ""
    started: int = 0
    ended: int = 0
    outcome: str | None = None
    output: TaskOutput = field(default_factory=TaskOutput)
    resolved: dict[str, Any] | None = None
    items: list[Any] | None = None
    iterations: list[list["TaskRun"]] = field(default_factory=list)
    continues: "TaskRun | None" = None

    def start(self) -> None:
        """The attempt runs from now on."""
        self.phase, self.started = Phase.RUNNING, now()

    def end(self, result: Result, message: str = "") -> None:
        """The attempt has ended."""
        self.result, self.message, self.phase, self.ended = result, message, Phase.TERMINATED, now()
        self.started = self.started or self.ended

    def retry(self) -> "TaskRun":
        """The next attempt after a failure."""
        return TaskRun(
            task_key=self.task_key,
            settings=self.settings,
            attempt_number=self.attempt_number + 1,
            retry_number=self.retry_number + 1,
            phase=Phase.WAITING_FOR_RETRY,
        )

    def repair(self, settings: dict[str, Any]) -> "TaskRun":
        """The next attempt in a repair, which continues this one."""
        return TaskRun(
            task_key=self.task_key, settings=settings, attempt_number=self.attempt_number + 1, continues=self
        )

    @property
    def all_attempts(self) -> Iterator["TaskRun"]:
        """This run and every attempt of its iterations."""
        yield self
        for attempts in self.iterations:
            yield from attempts


@dataclass(kw_only=True)
class Repair:
    """One repair of a job run."""

    id: int = field(default_factory=new_identifier)
    started: int = field(default_factory=now)
    ended: int = 0
    result: Result | None = None
    task_run_ids: list[int] = field(default_factory=list)


@dataclass(kw_only=True)
class JobRun:
    """One run of a job with the settings it started with."""

    job_id: int
    settings: dict[str, Any]
    creator: str
    run_as: str
    parameters: dict[str, str]
    overrides: dict[str, str]
    run_id: int = field(default_factory=new_identifier)
    phase: Phase = Phase.PENDING
    result: Result | None = None
    message: str = ""
    created: int = field(default_factory=now)
    started: int = 0
    ended: int = 0
    attempts: dict[str, list[TaskRun]] = field(default_factory=dict)
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    repairs: list[Repair] = field(default_factory=list)
    stop: StopSignal = field(default_factory=StopSignal)

    def __post_init__(self) -> None:
        for task in self.settings.get("tasks") or []:
            self.attempts[task["task_key"]] = [TaskRun(task_key=task["task_key"], settings=task)]
            self.values[task["task_key"]] = {}

    @property
    def name(self) -> str:
        """The job's name."""
        return self.settings.get("name") or "Untitled"

    @property
    def is_active(self) -> bool:
        """Whether the run has not ended."""
        return self.phase not in ENDED_PHASES

    def current(self, task_key: str) -> TaskRun:
        """The latest attempt of a task."""
        return self.attempts[task_key][-1]

    def top_key(self, task_run: TaskRun) -> str:
        """The key of the task that this is an attempt of, or an attempt of an iteration."""
        return next(
            key
            for key, attempts in self.attempts.items()
            if any(each is task_run for attempt in attempts for each in attempt.all_attempts)
        )

    def ended_tasks(self) -> dict[str, Ended]:
        """How the tasks ended that have."""
        latest = {key: attempts[-1] for key, attempts in self.attempts.items()}
        return {
            key: Ended(result=task.result, outcome=task.outcome)
            for key, task in latest.items()
            if task.result is not None
        }


class RunStore:
    """All runs, in memory. Whoever reads or changes a run holds `changed`, which also wakes those who wait."""

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self._runs: dict[int, JobRun] = {}

    def add(self, run: JobRun) -> None:
        """Keep a new run."""
        with self.changed:
            self._runs[run.run_id] = run

    def remove(self, run_id: int) -> None:
        """Forget a run."""
        with self.changed:
            del self._runs[run_id]

    def all(self) -> list[JobRun]:
        """Every run, the latest first."""
        with self.changed:
            return list(reversed(self._runs.values()))

    def find(self, run_id: int) -> tuple[JobRun, TaskRun | None]:
        """The job run with this id, or the job run and the task run with it. Raises ApiError 400, as Databricks."""
        with self.changed:
            if run_id in self._runs:
                return self._runs[run_id], None
            for run in self._runs.values():
                for attempts in run.attempts.values():
                    for attempt in attempts:
                        for task_run in attempt.all_attempts:
                            if task_run.run_id == run_id:
                                return run, task_run
        raise invalid(f"Run {run_id} does not exist.")
