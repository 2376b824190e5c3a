"""Runs a job: starts each task when its dependencies allow it, and ends the run by its leaf tasks."""

import logging
import threading
from collections.abc import Callable

from local_stack.workspace.jobs.runs import JobRun, Phase, RunStore, TaskRun, now
from local_stack.workspace.jobs.task_graph import FAILED_RESULTS, Next, Result, Task, job_result, next_step, tasks_of
from local_stack.workspace.jobs.task_runner import TaskRunner

WITHOUT_RUNNING = {
    Result.EXCLUDED: "The task was excluded: its run_if condition or the outcome of a condition task was not met.",
    Result.UPSTREAM_FAILED: "The task did not run: a task upstream failed.",
    Result.UPSTREAM_CANCELED: "The task did not run: a task upstream was canceled.",
}


logger = logging.getLogger(__name__)


class JobRunner:
    """Drives job runs, each in a thread of its own; `on_ended` is called with every run that ended."""

    def __init__(self, store: RunStore, task_runner: TaskRunner, on_ended: Callable[[JobRun], None]) -> None:
        self._store = store
        self._task_runner = task_runner
        self._on_ended = on_ended

    def start(self, run: JobRun, task_keys: set[str]) -> threading.Thread:
        """Run the given tasks of the run; the others keep the result they have."""
        with self._store.changed:
            run.phase, run.result, run.message = Phase.RUNNING, None, ""
            run.started = run.started or now()
            self._store.changed.notify_all()
        thread = threading.Thread(target=self._drive, args=(run, set(task_keys)), name=f"run-{run.run_id}", daemon=True)
        thread.start()
        return thread

    def _drive(self, run: JobRun, waiting: set[str]) -> None:
        run.stop.on_stop(self._wake)
        timer = self._job_timeout(run)
        tasks = tasks_of(run.settings)
        by_key = {task.key: task for task in tasks}
        with self._store.changed:
            active: set[str] = set()
            while waiting or active:
                if not self._advance(run, by_key, waiting, active):
                    self._store.changed.wait()
        if timer is not None:
            timer.cancel()
        self._finish(run, tasks)

    def _wake(self) -> None:
        with self._store.changed:
            self._store.changed.notify_all()

    def _job_timeout(self, run: JobRun) -> threading.Timer | None:
        seconds = run.settings.get("timeout_seconds") or 0
        if not seconds:
            return None
        timer = threading.Timer(seconds, run.stop.stop, args=(Result.TIMEDOUT,))
        timer.daemon = True
        timer.start()
        return timer

    def _advance(self, run: JobRun, by_key: dict[str, Task], waiting: set[str], active: set[str]) -> bool:
        """Start or end what can be; whether anything changed."""
        before = len(waiting)
        ended = {key: end for key, end in run.ended_tasks().items() if key not in waiting and key not in active}
        for key in sorted(waiting):
            step = Result.CANCELED if run.stop.reason else next_step(by_key[key], ended)
            if step == Next.WAIT:
                continue
            waiting.discard(key)
            if isinstance(step, Result):
                run.current(key).end(step, WITHOUT_RUNNING.get(step, "Run cancelled before the task started."))
            else:
                active.add(key)
                threading.Thread(
                    target=self._run_task, args=(run, key, active), name=f"task-{key}", daemon=True
                ).start()
        if len(waiting) != before:
            self._store.changed.notify_all()
        return len(waiting) != before

    def _run_task(self, run: JobRun, key: str, active: set[str]) -> None:
        with self._store.changed:
            run.values[key] = {}
        try:
            self._task_runner.run(run, run.attempts[key], run.stop)
        except Exception as error:  # a mistake of ours must not leave the run waiting for ever
            logger.exception("The task %s of run %s could not be run", key, run.run_id)
            with self._store.changed:
                run.current(key).end(Result.FAILED, f"The local workspace failed: {type(error).__name__}: {error}")
        finally:
            with self._store.changed:
                active.discard(key)
                self._store.changed.notify_all()

    def _finish(self, run: JobRun, tasks: list[Task]) -> None:
        with self._store.changed:
            run.result = run.stop.reason or job_result(tasks, run.ended_tasks())
            run.ended = now()
            failed = _first_failed(run)
            # Databricks ends a job run with failed tasks in INTERNAL_ERROR and names the task (seen in many logs).
            run.phase = Phase.INTERNAL_ERROR if run.result == Result.FAILED else Phase.TERMINATED
            if run.stop.reason is not None:
                run.message = "Run timed out." if run.stop.reason == Result.TIMEDOUT else "Run cancelled."
            elif failed is not None:
                run.message = f"Task {failed.task_key} failed with message: {failed.message}"
            for repair in run.repairs[-1:]:
                repair.ended, repair.result = run.ended, run.result
            self._store.changed.notify_all()
        self._on_ended(run)


def _first_failed(run: JobRun) -> TaskRun | None:
    failed = [attempts[-1] for attempts in run.attempts.values() if attempts[-1].result in FAILED_RESULTS]
    return min(failed, key=lambda task: task.ended, default=None)
