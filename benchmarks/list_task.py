"""One run of the task list_changed_tables in a process of its own, for many_tables.py.

Reads from its standard input where the servers are and the task's parameters; without parameters it imports the task's
module and does no more. The entry point finds a runtime with `dbutils`, as on Databricks, and asks the workspace over
HTTP. Prints what it took and the task values, as JSON.
"""

import contextlib
import importlib.machinery
import io
import json
import os
import resource
import sys
import time
import types
from collections import Counter
from pathlib import Path
from typing import Any

MEGABYTE = 1_000_000


class DBUtils:
    """`dbutils` of the task: these secrets, whatever their scope, and task values that are kept."""

    def __init__(self, secrets: dict[str, str]) -> None:
        self.values = dict[str, Any]()
        self.secrets = types.SimpleNamespace(get=lambda scope, key: secrets[key])  # noqa: ARG005, as its own
        self.jobs = types.SimpleNamespace(taskValues=types.SimpleNamespace(set=self._set, get=self._get))

    def _set(self, key: str, value: Any) -> None:
        self.values[key] = value

    def _get(self, taskKey: str, key: str, **_: Any) -> Any:  # noqa: N803, as Databricks calls it
        raise ValueError(f"there is no task {taskKey} before this one, and so no value {key}")


def main() -> None:
    """Run the task's own entry point."""
    given: dict[str, Any] = json.load(sys.stdin)
    dbutils = DBUtils(given["secrets"])
    calls, started = list[str](), time.monotonic()
    from lakefs_unity_export.tasks import list_changed_tables as task

    imported = time.monotonic() - started
    if given["parameters"]:
        _be_a_task(dbutils, given["workspace"])
        sys.argv[1:] = [f"--{name}={value}" for name, value in given["parameters"].items()]
        calls = _run(task.main)
    seconds = time.monotonic() - started
    answer = {
        "import_seconds": imported,
        "seconds": seconds,
        "megabytes": _peak() / MEGABYTE,
        "calls": Counter(calls),
        "values": dbutils.values,
    }
    json.dump(answer, sys.stdout)


def _run(entry_point: Any) -> list[str]:
    """The services that were called."""
    from http_calls import counted_calls

    with counted_calls() as calls, contextlib.redirect_stdout(io.StringIO()):
        entry_point()
    return calls


def _be_a_task(dbutils: DBUtils, workspace: dict[str, str]) -> None:
    """The runtime that `databricks.sdk.runtime` looks for, and credentials of the workspace."""
    name = "dbruntime"
    runtime = types.ModuleType(name)
    runtime.__spec__ = importlib.machinery.ModuleSpec(name, None)
    initializer = types.SimpleNamespace(get_namespace_globals=lambda: {"dbutils": dbutils})
    runtime.UserNamespaceInitializer = types.SimpleNamespace(  # type: ignore[attr-defined]
        getOrCreate=lambda: initializer
    )
    sys.modules[name] = runtime
    os.environ |= {"DATABRICKS_HOST": workspace["host"], "DATABRICKS_TOKEN": workspace["token"]}


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
