"""One run of the task list_changed_tables in a process of its own, for many_tables.py.

Reads from its standard input where the servers are and the task's parameters; without parameters it imports the task's
module and does no more. Prints what it took and the task values, as JSON.
"""

import contextlib
import io
import json
import resource
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

MEGABYTE = 1_000_000


def main() -> None:
    """Run the task's own entry point."""
    given: dict[str, Any] = json.load(sys.stdin)
    values, calls, started = dict[str, Any](), list[str](), time.monotonic()
    from lakefs_unity_export.tasks import list_changed_tables as task

    if given["parameters"]:
        values, calls = _run(task, given)
    seconds = time.monotonic() - started
    answer = {"seconds": seconds, "megabytes": _peak() / MEGABYTE, "calls": Counter(calls), "values": values}
    json.dump(answer, sys.stdout)


def _run(task: Any, given: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The task values, and the services that were called."""
    from databricks.sdk import WorkspaceClient
    from http_calls import counted_calls

    from lakefs_unity_export.servers.workspace import TaskRuntime, WorkspaceExportRuns, WorkspaceUnityCatalog

    class TaskValues(dict[str, Any]):
        def set(self, key: str, value: Any) -> None:
            self[key] = value

    client, values = WorkspaceClient(**given["workspace"], auth_type="pat"), TaskValues()
    task.task_runtime = lambda: TaskRuntime(
        task_values=values,
        unity_catalog=WorkspaceUnityCatalog(client),
        secret=lambda _, key: str(given["secrets"][key]),
        export_runs=lambda job_id: WorkspaceExportRuns(client, job_id),
    )
    sys.argv[1:] = [f"--{name}={value}" for name, value in given["parameters"].items()]
    with counted_calls() as calls, contextlib.redirect_stdout(io.StringIO()):
        task.main()
    return values, calls


def _peak() -> int:
    """The most bytes of memory that this process held.

    Where Linux tells, not from getrusage: there a process begins with the peak of the one that started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (kilobytes,) = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(kilobytes) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
