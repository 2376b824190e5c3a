"""Doubles and short forms for tests of the job engine."""

import threading
import time
from collections.abc import Callable
from typing import Any

from local_stack.workspace.jobs.jobs import Jobs
from local_stack.workspace.jobs.runs import JobRun, StopSignal, TaskOutput, TaskRun
from local_stack.workspace.jobs.task_runner import TaskWork

WAIT_SECONDS = 20.0
CLUSTER = {"spark_version": "17.3.x-scala2.13", "node_type_id": "n", "num_workers": 0}
COMPUTE = {
    "environments": [{"environment_key": "env", "spec": {"environment_version": "4"}}],
    "job_clusters": [{"job_cluster_key": "cluster", "new_cluster": CLUSTER}],
}


class ScriptedExecutor:
    """Runs what a test says for each task key, and remembers the work it was given."""

    def __init__(self) -> None:
        self.scripts: dict[str, Callable[[TaskWork, StopSignal], TaskOutput]] = {}
        self.works: list[TaskWork] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()

    def execute(self, work: TaskWork, stop: StopSignal) -> TaskOutput:
        """Run the script of the task; a task without one succeeds."""
        with self._lock:
            self.works.append(work)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return self.scripts.get(work.task_key, lambda _work, _stop: TaskOutput())(work, stop)
        finally:
            with self._lock:
                self._at_once -= 1

    def keys(self) -> list[str]:
        """The task keys in the order they started."""
        return [work.task_key for work in self.works]


class Engine:
    """Jobs over scripted executors."""

    def __init__(self) -> None:
        self.executor = ScriptedExecutor()
        kinds = ("python_wheel_task", "notebook_task", "sql_task")
        self.jobs = Jobs(
            dict.fromkeys(kinds, self.executor), workspace_id=99, workspace_url=lambda: "http://127.0.0.1:1"
        )

    def on(self, task_key: str, script: Callable[[TaskWork, StopSignal], TaskOutput]) -> None:
        """What the task does."""
        self.executor.scripts[task_key] = script

    def fails(self, task_key: str, *, times: int = 10**9, message: str = "boom") -> None:
        """The task fails so many times and succeeds then."""
        failures = iter(range(times))
        self.on(
            task_key, lambda _w, _s: TaskOutput(error=message) if next(failures, None) is not None else TaskOutput()
        )

    def sets(self, task_key: str, **values: Any) -> None:
        """The task leaves values."""

        def script(work: TaskWork, _stop: StopSignal) -> TaskOutput:
            with self.jobs.runs.changed:
                self.jobs.job_run(work.run_id).values[work.task_key].update(values)
            return TaskOutput()

        self.on(task_key, script)

    def create(self, *tasks: dict[str, Any], **settings: Any) -> int:
        """A job of these tasks; its id."""
        return self.jobs.create({"name": "job", "tasks": list(tasks), **COMPUTE, **settings}, "me").id

    def run(self, *tasks: dict[str, Any], **settings: Any) -> JobRun:
        """Create a job, run it, and wait for its end."""
        return self.wait(self.jobs.run_now(self.create(*tasks, **settings), "me", {}))

    def wait(self, run: JobRun) -> JobRun:
        """Wait for the end of a run."""
        self.until(lambda: not run.is_active)
        return run

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that changes of runs bring about."""
        deadline = time.monotonic() + WAIT_SECONDS
        with self.jobs.runs.changed:
            while not condition():
                assert time.monotonic() < deadline, "waited too long"
                self.jobs.runs.changed.wait(0.05)


def wheel(key: str, *after: Any, **fields: Any) -> dict[str, Any]:
    """A wheel task that depends on others, given by key or as an edge."""
    edges = [edge if isinstance(edge, dict) else {"task_key": edge} for edge in after]
    return {
        "task_key": key,
        "depends_on": edges,
        "environment_key": "env",
        "python_wheel_task": {"package_name": "p", "entry_point": "e", "named_parameters": fields.pop("named", {})},
        **fields,
    }


def condition(key: str, left: str, op: str, right: str, *after: str) -> dict[str, Any]:
    """A condition task."""
    edges = [{"task_key": edge} for edge in after]
    return {"task_key": key, "depends_on": edges, "condition_task": {"left": left, "op": op, "right": right}}


def for_each(key: str, inputs: str, *after: Any, concurrency: int = 1, **nested: Any) -> dict[str, Any]:
    """A for_each task over a notebook that gets the item as parameter `item`."""
    edges = [edge if isinstance(edge, dict) else {"task_key": edge} for edge in after]
    inner = {
        "task_key": f"{key}_one",
        "job_cluster_key": "cluster",
        "notebook_task": {"notebook_path": "/nb", "base_parameters": {"item": "{{input}}"}},
        **nested,
    }
    return {
        "task_key": key,
        "depends_on": edges,
        "for_each_task": {"inputs": inputs, "concurrency": concurrency, "task": inner},
    }


def results(run: JobRun) -> dict[str, str]:
    """How each task ended."""
    return {key: str(attempts[-1].result) for key, attempts in run.attempts.items()}


def item_of(work: TaskWork) -> str:
    """The item of an iteration."""
    return str(work.task["notebook_task"]["base_parameters"]["item"])


def iteration_results(task_run: TaskRun) -> list[str]:
    """How each iteration ended."""
    return [str(attempts[-1].result) for attempts in task_run.iterations]
