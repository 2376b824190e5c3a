"""Task values, between ``dbutils`` of a task and the workspace; no part of Databricks' public API."""

import json
from typing import Any

from local_stack.workspace.endpoints.calls import Answer, Call, Endpoints
from local_stack.workspace.errors import denied, invalid
from local_stack.workspace.jobs.runs import JobRun, RunStore, TaskRun
from local_stack.workspace.jobs.task_graph import tasks_of, upstream_of

# https://docs.databricks.com/jobs/task-values: the JSON of one value has at most 48 KiB.
MAXIMUM_VALUE_BYTES = 48 * 1024


class TaskValueEndpoints:
    """Keeps what tasks leave for those after them. The task's token says which run it is."""

    def __init__(self, runs: RunStore) -> None:
        self._runs = runs

    def endpoints(self) -> Endpoints:
        """Method and path to the endpoint."""
        return {("POST", "/local-stack/task-values"): self.set, ("GET", "/local-stack/task-values"): self.get}

    def set(self, call: Call) -> Answer:
        """Leave a value. What an iteration leaves cannot be read by other tasks, as on Databricks."""
        run, task_run = self._task(call)
        key, value = call.text("key"), call.body.get("value")
        size = len(json.dumps(value).encode())
        if size > MAXIMUM_VALUE_BYTES:
            raise invalid(
                f"The task value '{key}' has {size} bytes as JSON; at most {MAXIMUM_VALUE_BYTES} are allowed."
            )
        with self._runs.changed:
            if run.attempts.get(task_run.task_key, [None])[-1] is task_run:
                run.values[task_run.task_key][key] = value
        return {}

    def get(self, call: Call) -> Answer:
        """A value that a task before this one left, in the same run; whether that task is one of those before."""
        run, task_run = self._task(call)
        task_key, key = call.text("task_key"), call.text("key")
        with self._runs.changed:
            is_upstream = task_key in upstream_of(tasks_of(run.settings), run.top_key(task_run))
            values: dict[str, Any] = run.values[task_key] if is_upstream else {}
            return {"is_upstream": is_upstream, "found": key in values, "value": values.get(key)}

    def _task(self, call: Call) -> tuple[JobRun, TaskRun]:
        if call.caller.task_run_id is None:
            raise denied("Task values are for tasks; this token is not a task's.")
        run, task_run = self._runs.find(call.caller.task_run_id)
        if task_run is None:
            raise denied("Task values are for tasks; this token is not a task's.")
        return run, task_run
