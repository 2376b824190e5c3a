"""Faults within real runs: a task fails before or after its work, its run is canceled, or Spark is killed under it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient

from local_stack.cluster.cluster import Cluster
from local_stack.workspace.executors.notebook_and_sql import NotebookExecutor, SqlExecutor
from local_stack.workspace.executors.wheel import WheelExecutor
from local_stack.workspace.jobs.runs import StopSignal, TaskOutput
from local_stack.workspace.jobs.task_runner import TaskWork

Execute = Callable[[Any, TaskWork, StopSignal], TaskOutput]

FAILS_BEFORE, FAILS_AFTER, IS_CANCELED, SPARK_DIES = "fails before", "fails after", "is canceled", "Spark is killed"
CANCEL_SECONDS = 20
# A clone of a small table takes about a second.
SECONDS_INTO_A_CLONE = 0.3


@dataclass(frozen=True)
class Fault:
    """What happens to a run when the task, or an iteration of it, first comes to be done."""

    task: str
    kind: str

    def __str__(self) -> str:
        return f"{self.task} {self.kind}"


class FaultInjection:
    """Gives each run that starts the fault planned for it; a fault strikes once, so that a repair gets past it."""

    def __init__(self, client: WorkspaceClient, cluster: Cluster, patch: pytest.MonkeyPatch) -> None:
        self._client = client
        self._cluster = cluster
        self._lock = threading.Lock()
        self._planned: list[Fault | None] = []
        self._of_run: dict[int, Fault | None] = {}
        self.struck: list[Fault] = []
        for executor in (NotebookExecutor, SqlExecutor, WheelExecutor):
            patch.setattr(executor, "execute", self._wrapped(executor.execute))

    def plan(self, fault: Fault | None) -> None:
        """For the next run that starts."""
        with self._lock:
            self._planned.append(fault)

    def plan_nothing(self) -> None:
        """For runs that start from now on; what was planned for runs that never started is forgotten."""
        with self._lock:
            self._planned.clear()

    def _wrapped(self, execute: Execute) -> Execute:
        def struck_or_done(executor: Any, work: TaskWork, stop: StopSignal) -> TaskOutput:
            fault = self._due(work)
            if fault is None:
                return execute(executor, work, stop)
            return self._strike(fault, work, stop, lambda: execute(executor, work, stop))

        return struck_or_done

    def _due(self, work: TaskWork) -> Fault | None:
        with self._lock:
            if work.run_id not in self._of_run:
                self._of_run[work.run_id] = self._planned.pop(0) if self._planned else None
            fault = self._of_run[work.run_id]
            if fault is None or fault.task != work.task_key:
                return None
            self._of_run[work.run_id] = None
            self.struck.append(fault)
            return fault

    def _strike(self, fault: Fault, work: TaskWork, stop: StopSignal, execute: Callable[[], TaskOutput]) -> TaskOutput:
        if fault.kind == IS_CANCELED:
            self._client.jobs.cancel_run(work.run_id)
            assert stop.wait(CANCEL_SECONDS)
        elif fault.kind == FAILS_AFTER:
            execute()
        elif fault.kind == SPARK_DIES:
            killer = threading.Thread(target=self._kill_soon, daemon=True)
            killer.start()
            output = execute()
            killer.join()
            return output
        return TaskOutput(error=f"InjectedError: {fault}")

    def _kill_soon(self) -> None:
        time.sleep(SECONDS_INTO_A_CLONE)
        self._cluster.kill()
