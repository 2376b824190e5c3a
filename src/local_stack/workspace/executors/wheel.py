"""Runs Python wheel tasks: each in a process and folder of its own, from the wheels that were uploaded.

Of the packages of the local environment a task finds those that its environment, its libraries or its wheels name, and
what those need.
"""

import json
import logging
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from local_stack.named_packages import PackageError, hidden_modules
from local_stack.unpacked_wheels import UnpackedWheels
from local_stack.workspace.errors import ApiError
from local_stack.workspace.executors.notebook_and_sql import TaskAccess, package_requirements, wheel_files
from local_stack.workspace.executors.processes import PlainProcess, PreloadedPython, TaskProcess, TaskStart
from local_stack.workspace.files import WorkspaceFiles
from local_stack.workspace.jobs.runs import StopSignal, TaskOutput
from local_stack.workspace.jobs.task_runner import TaskWork

# What databricks-sdk looks for to know that it runs in a task; the shapes that serverless compute and clusters show.
SERVERLESS_VERSION, CLUSTER_VERSION = "client.4.0", "17.3"
PASSED_ON = ("PATH", "HOME", "LANG", "TZ", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "TMPDIR")
MAXIMUM_LOG_BYTES = 5 * 1024 * 1024

logger = logging.getLogger(__name__)


class WheelExecutor:
    """Runs wheel tasks below `folder`, each in one of its own, which is removed when it ends.

    wheels: where tasks find theirs, many tasks the same ones.
    preloaded: modules that tasks find imported already. With none, each task starts a Python of its own.
    variables: of the environment of tasks, for tests.
    """

    def __init__(
        self,
        *,
        folder: Path,
        wheels: UnpackedWheels,
        files: WorkspaceFiles,
        access: TaskAccess,
        preloaded: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._wheels = wheels
        self._files = files
        self._access = access
        self._variables = variables or {}
        self._python = PreloadedPython(preloaded) if preloaded else None

    def warm(self) -> None:
        """Import what serverless tasks find imported, so that the first of them need not wait for it."""
        if self._python is not None:
            self._python.start(self._environment(on_serverless=True))

    def stop(self) -> None:
        """Start no more forks."""
        if self._python is not None:
            self._python.stop()

    def execute(self, work: TaskWork, stop: StopSignal) -> TaskOutput:
        """Run the entry point; an exception or a non-zero exit fails the task with its message."""
        try:
            wheels, requirements = wheel_files(self._files, work), package_requirements(work)
        except ApiError as error:
            return TaskOutput(error=f"The task's wheel cannot be installed: {error.message}")
        self._folder.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{work.task_key}-", dir=self._folder))
        try:
            unpacked = self._wheels.folder_of(wheels)
            environment = self._environment(on_serverless=is_serverless(work))
            hidden = hidden_modules(requirements, wheels=unpacked)
            start = TaskStart(folder=folder, wheels=unpacked, environment=environment, hidden=hidden)
            with self._access.token(work) as token:
                self._write_specification(start, work, token)
                return self._run(start, stop)
        except PackageError as error:
            return TaskOutput(error=f"The task's packages cannot be installed: {error}")
        except (zipfile.BadZipFile, OSError) as error:
            return TaskOutput(error=f"The task's wheel cannot be installed: {error}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _run(self, start: TaskStart, stop: StopSignal) -> TaskOutput:
        process = self._start(start)
        stop.on_stop(process.kill)
        return _output(start.folder, process.wait())

    def _start(self, start: TaskStart) -> TaskProcess:
        if self._python is not None and self._python.suits(start):
            try:
                return self._python.fork(start)
            except OSError as error:
                logger.warning("The wheel task of %s starts plainly: %s", start.folder.name, error)
        return PlainProcess(start)

    def _environment(self, *, on_serverless: bool) -> dict[str, str]:
        """The variables that every task has."""
        return {
            **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "DATABRICKS_RUNTIME_VERSION": SERVERLESS_VERSION if on_serverless else CLUSTER_VERSION,
            **self._variables,
        }

    def _write_specification(self, start: TaskStart, work: TaskWork, token: str) -> None:
        wheel_task = work.task["python_wheel_task"]
        specification = {
            "folder": str(start.wheels),
            "package_name": wheel_task["package_name"],
            "entry_point": wheel_task["entry_point"],
            "arguments": arguments_of(wheel_task),
            "hidden": sorted(start.hidden),
            "is_serverless": is_serverless(work),
            "report": str(start.folder / "report.json"),
        }
        start.specification.write_text(json.dumps(specification))
        context = {"host": self._access.url, "token": token, "task_run_id": work.task_run_id, "parameters": {}}
        (start.folder / "context.json").touch(mode=0o600)
        (start.folder / "context.json").write_text(json.dumps(context))


def arguments_of(wheel_task: Mapping[str, object]) -> list[str]:
    """The command line: ``--name=value`` for each named parameter, or the positional ones."""
    named = wheel_task.get("named_parameters")
    if isinstance(named, Mapping):
        return [f"--{name}={value}" for name, value in named.items()]
    positional = wheel_task.get("parameters")
    return [str(value) for value in positional] if isinstance(positional, Sequence) else []


def is_serverless(work: TaskWork) -> bool:
    """Whether the task runs on serverless compute: it names an environment, and no cluster."""
    return bool(work.task.get("environment_key"))


def _output(folder: Path, code: int) -> TaskOutput:
    logs = (folder / "output.log").read_bytes()[-MAXIMUM_LOG_BYTES:].decode(errors="replace")
    if code == 0:
        return TaskOutput(logs=logs)
    report = folder / "report.json"
    if report.exists():
        found = json.loads(report.read_text())
        return TaskOutput(error=found["error"], trace=found["trace"], logs=logs)
    return TaskOutput(error=f"The task's process ended with code {code} and left no error.", logs=logs)
