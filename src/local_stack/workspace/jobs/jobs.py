"""Jobs and what is asked of them: create, change, run, cancel, repair; queueing and idempotency tokens."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local_stack.workspace.errors import ApiError, invalid
from local_stack.workspace.identifiers import new_identifier
from local_stack.workspace.jobs.parameters import defaults_of, merged
from local_stack.workspace.jobs.references import ReferenceScope, UnknownReferenceError, resolved
from local_stack.workspace.jobs.repairs import RepairError, tasks_to_rerun
from local_stack.workspace.jobs.runner import JobRunner
from local_stack.workspace.jobs.runs import JobRun, Phase, Repair, RunStore, StopSignal, TaskRun, now
from local_stack.workspace.jobs.settings import check_job, checked_update
from local_stack.workspace.jobs.task_graph import Result, tasks_of
from local_stack.workspace.jobs.task_runner import TaskExecutor, TaskRunner

MAXIMUM_TOKEN_CHARACTERS = 64
STOP_TIMEOUT_SECONDS = 20.0

logger = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Job:
    """A job as it was created."""

    settings: dict[str, Any]
    creator: str
    id: int = field(default_factory=new_identifier)
    created: int = field(default_factory=now)

    @property
    def run_as(self) -> str:
        """The principal whose rights the tasks have: declared in the settings, else the creator."""
        declared = self.settings.get("run_as") or {}
        return str(declared.get("user_name") or declared.get("service_principal_name") or self.creator)


class Jobs:
    """All jobs and their runs. Methods raise ApiError."""

    def __init__(
        self, executors: Mapping[str, TaskExecutor], *, workspace_id: int, workspace_url: Callable[[], str]
    ) -> None:
        self.runs = RunStore()
        self._lock = self.runs.changed
        self._jobs: dict[int, Job] = {}
        self._tokens: dict[tuple[int, str], int] = {}
        self._executors = executors
        self._workspace_id = workspace_id
        self._workspace_url = workspace_url
        self._threads: list[threading.Thread] = []
        self._closed = False

    def create(self, settings: dict[str, Any], creator: str) -> Job:
        """A new job; its settings are checked as a whole."""
        check_job(settings)
        job = Job(settings=_with_defaults(settings), creator=creator)
        with self._lock:
            self._jobs[job.id] = job
        if (settings.get("schedule") or {}).get("pause_status") == "UNPAUSED":
            logger.warning("The job '%s' has a schedule; the local workspace keeps it and never fires it.", job.id)
        return job

    def get(self, job_id: int) -> Job:
        """The job with this id."""
        with self._lock:
            if job_id not in self._jobs:
                # A 400, as Databricks answers; the SDKs turn it into ResourceDoesNotExist by its text.
                raise invalid(f"Job {job_id} does not exist.")
            return self._jobs[job_id]

    def all(self) -> list[Job]:
        """Every job, the latest first."""
        with self._lock:
            return list(reversed(self._jobs.values()))

    def reset(self, job_id: int, settings: dict[str, Any]) -> None:
        """Replace all settings; runs that exist keep theirs."""
        job = self.get(job_id)
        check_job(settings)
        with self._lock:
            job.settings = _with_defaults(settings)

    def update(self, job_id: int, new_settings: dict[str, Any], fields_to_remove: list[str]) -> None:
        """Change some settings."""
        job = self.get(job_id)
        changed = checked_update(job.settings, new_settings, fields_to_remove)
        with self._lock:
            job.settings = _with_defaults(changed)

    def delete(self, job_id: int) -> None:
        """Delete the job and cancel its runs."""
        self.get(job_id)
        for run in self.runs_of(job_id):
            if run.is_active:
                self.cancel(run.run_id)
        with self._lock:
            del self._jobs[job_id]

    def runs_of(self, job_id: int) -> list[JobRun]:
        """The job's runs, the latest first."""
        return [run for run in self.runs.all() if run.job_id == job_id]

    def run_now(
        self, job_id: int, caller: str, overrides: Mapping[str, Any], *, token: str = "", queue: bool | None = None
    ) -> JobRun:
        """Start a run, or queue or skip it; with a token seen before, the run that was started with it."""
        job = self.get(job_id)
        if len(token) > MAXIMUM_TOKEN_CHARACTERS:
            raise invalid(f"The idempotency_token has {len(token)} characters; at most 64 are allowed.")
        with self._lock:
            if token and (job_id, token) in self._tokens:
                return self._run_of_token(job_id, token)
            run = self._new_run(job, caller, overrides)
            self.runs.add(run)
            if token:
                self._tokens[job_id, token] = run.run_id
            queued = queue if queue is not None else bool((job.settings.get("queue") or {}).get("enabled"))
            self._admit(run, queued)
            return run

    def cancel(self, run_id: int) -> None:
        """Cancel a job run; one that has ended stays as it is."""
        run = self.job_run(run_id)
        with self._lock:
            was_queued = run.phase == Phase.QUEUED
            if was_queued:
                for attempts in run.attempts.values():
                    attempts[-1].end(Result.CANCELED, "Run cancelled before the task started.")
                run.phase, run.result, run.message, run.ended = (
                    Phase.TERMINATED,
                    Result.CANCELED,
                    "Run cancelled.",
                    now(),
                )
        if not was_queued and run.is_active:
            run.stop.stop(Result.CANCELED)

    def repair(
        self,
        run_id: int,
        *,
        rerun_tasks: list[str],
        rerun_all_failed_tasks: bool,
        rerun_dependent_tasks: bool,
        latest_repair_id: int | None,
        overrides: Mapping[str, Any],
    ) -> int:
        """Run tasks of an ended run again, with the job's present settings; the id of the repair."""
        run = self.job_run(run_id)
        job = self.get(run.job_id)
        with self._lock:
            if run.is_active:
                raise invalid(f"The run {run_id} is still active; a repair waits for its end.")
            latest = run.repairs[-1].id if run.repairs else None
            if latest is not None and latest_repair_id != latest:
                raise invalid(f"latest_repair_id must be {latest}, the id of the latest repair of run {run_id}.")
            try:
                keys = tasks_to_rerun(
                    tasks_of(run.settings),
                    run.ended_tasks(),
                    rerun_tasks=rerun_tasks,
                    rerun_all_failed_tasks=rerun_all_failed_tasks,
                    rerun_dependent_tasks=rerun_dependent_tasks,
                )
            except RepairError as problem:
                raise invalid(str(problem)) from problem
            return self._start_repair(run, job, keys, overrides)

    def job_run(self, run_id: int) -> JobRun:
        """The job run with this id; a task's run is refused."""
        run, task_run = self.runs.find(run_id)
        if task_run is not None:
            raise invalid(f"Run {run_id} is the run of a task; its job run is {run.run_id}.")
        return run

    def delete_run(self, run_id: int) -> None:
        """Forget a run that has ended; its idempotency token stays used."""
        if self.job_run(run_id).is_active:
            raise invalid(f"The run {run_id} is still active; cancel it first.")
        self.runs.remove(run_id)

    def stop(self) -> None:
        """Cancel everything that runs and wait for it, within a limit; nothing starts any more."""
        with self._lock:
            self._closed = True
            active = [run for run in self.runs.all() if run.is_active]
        for run in active:
            self.cancel(run.run_id)
        for thread in self._threads:
            thread.join(timeout=STOP_TIMEOUT_SECONDS)

    def _run_of_token(self, job_id: int, token: str) -> JobRun:
        try:
            return self.runs.find(self._tokens[job_id, token])[0]
        except ApiError as error:
            raise invalid("The run that was started with this idempotency_token has been deleted.") from error

    def _new_run(self, job: Job, caller: str, overrides: Mapping[str, Any]) -> JobRun:
        try:
            given = merged(defaults_of(job.settings), overrides)
        except ValueError as problem:
            raise invalid(str(problem)) from problem
        run = JobRun(
            job_id=job.id,
            settings=job.settings,
            creator=caller,
            run_as=job.run_as,
            parameters=given,
            overrides=dict(overrides),
        )
        run.parameters = self._resolved_defaults(run)
        return run

    def _resolved_defaults(self, run: JobRun) -> dict[str, str]:
        """References in defaults are resolved; what the caller gave is taken as it is."""
        scope = ReferenceScope(
            job_id=run.job_id,
            job_name=run.name,
            job_run_id=run.run_id,
            started=run.created,
            trigger="one_time",
            workspace_id=self._workspace_id,
            workspace_url=self._workspace_url(),
        )
        try:
            return {
                name: value if name in run.overrides else resolved(value, scope)
                for name, value in run.parameters.items()
            }
        except UnknownReferenceError as problem:
            raise invalid(f"The default of a job parameter: {problem}.") from problem

    def _admit(self, run: JobRun, queued: bool) -> None:
        """Start the run where the job's limit allows it; else it waits in the queue or is skipped."""
        if self._has_room(run):
            self._start(run, set(run.attempts))
        elif queued:
            run.phase = Phase.QUEUED
        else:
            limit = _limit(run.settings)
            for attempts in run.attempts.values():
                attempts[-1].end(Result.CANCELED, "The job run was skipped.")
            run.result, run.phase = Result.MAXIMUM_CONCURRENT_RUNS_REACHED, Phase.SKIPPED
            run.message = f"The run was skipped: the job has reached its limit of {limit} active runs."
            run.started = run.ended = now()

    def _has_room(self, run: JobRun) -> bool:
        others = [other for other in self.runs_of(run.job_id) if other.is_active and other is not run]
        running = [other for other in others if other.phase != Phase.QUEUED]
        ahead = [other for other in others if other.phase == Phase.QUEUED]
        return not ahead and len(running) < _limit(run.settings)

    def _start(self, run: JobRun, task_keys: set[str]) -> None:
        if self._closed:
            raise ApiError(503, "TEMPORARILY_UNAVAILABLE", "The local workspace is stopping.")
        runner = JobRunner(self.runs, self._task_runner(), self._on_ended)
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        self._threads.append(runner.start(run, task_keys))

    def _task_runner(self) -> TaskRunner:
        return TaskRunner(
            self.runs, self._executors, workspace_id=self._workspace_id, workspace_url=self._workspace_url()
        )

    def _on_ended(self, ended: JobRun) -> None:
        with self._lock:
            waiting = [run for run in reversed(self.runs_of(ended.job_id)) if run.phase == Phase.QUEUED]
            running = [run for run in self.runs_of(ended.job_id) if run.is_active and run.phase != Phase.QUEUED]
            for run in waiting[: max(0, _limit(ended.settings) - len(running))]:
                if not self._closed:
                    self._start(run, set(run.attempts))

    def _start_repair(self, run: JobRun, job: Job, keys: set[str], overrides: Mapping[str, Any]) -> int:
        present = {task["task_key"]: task for task in job.settings.get("tasks") or []}
        missing = sorted(keys - present.keys())
        if missing:
            raise invalid(f"The job no longer has the task {', '.join(map(repr, missing))}; it cannot be repaired.")
        try:
            run.parameters = merged(run.parameters, overrides)
        except ValueError as problem:
            raise invalid(str(problem)) from problem
        run.settings = {
            **job.settings,
            "tasks": [present[t["task_key"]] if t["task_key"] in keys else t for t in run.settings["tasks"]],
        }
        run.overrides.update(overrides)
        run.stop = StopSignal()
        repair = Repair()
        for key in keys:
            again: TaskRun = run.current(key).repair(present[key])
            run.attempts[key].append(again)
            repair.task_run_ids.append(again.run_id)
        run.repairs.append(repair)
        run.ended = 0
        self._start(run, keys)
        return repair.id


def _limit(settings: Mapping[str, Any]) -> int:
    return int(settings.get("max_concurrent_runs", 1))


def _with_defaults(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings as Databricks gives them back: with the defaults of what was not said."""
    kept = {field: value for field, value in settings.items() if field != "access_control_list"}
    return {"name": "Untitled", "format": "MULTI_TASK", "max_concurrent_runs": 1, **kept}
