"""Runs Python wheel tasks: each in a process and folder of its own, from the wheels that were uploaded."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from local_stack.workspace.errors import ApiError
from local_stack.workspace.executors.notebook_and_sql import TaskAccess, wheel_files
from local_stack.workspace.files import WorkspaceFiles
from local_stack.workspace.jobs.runs import StopSignal, TaskOutput
from local_stack.workspace.jobs.task_runner import TaskWork

RUNTIME_FOLDER = Path(__file__).parents[2] / "cluster" / "runtime"
# What databricks-sdk looks for to know that it runs in a task; the shape that serverless environments show.
RUNTIME_VERSION = "client.4.0"
PASSED_ON = ("PATH", "HOME", "LANG", "TZ", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "TMPDIR")
MAXIMUM_LOG_BYTES = 5 * 1024 * 1024


class WheelExecutor:
    """Runs wheel tasks below `folder`; everything a task leaves there is removed when it ends."""

    def __init__(self, *, folder: Path, files: WorkspaceFiles, access: TaskAccess) -> None:
        self._folder = folder
        self._files = files
        self._access = access

    def execute(self, work: TaskWork, stop: StopSignal) -> TaskOutput:
        """Run the entry point; an exception or a non-zero exit fails the task with its message."""
        try:
            wheels = wheel_files(self._files, work)
        except ApiError as error:
            return TaskOutput(error=f"The task's wheel cannot be installed: {error.message}")
        self._folder.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{work.task_key}-", dir=self._folder))
        try:
            unpack(wheels, folder / "wheels")
            with self._access.token(work) as token:
                self._write_specification(folder, work, token)
                return _run(folder, stop)
        except (zipfile.BadZipFile, OSError) as error:
            return TaskOutput(error=f"The task's wheel cannot be installed: {error}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _write_specification(self, folder: Path, work: TaskWork, token: str) -> None:
        wheel_task = work.task["python_wheel_task"]
        specification = {
            "folder": str(folder / "wheels"),
            "package_name": wheel_task["package_name"],
            "entry_point": wheel_task["entry_point"],
            "arguments": arguments_of(wheel_task),
            "report": str(folder / "report.json"),
        }
        (folder / "specification.json").write_text(json.dumps(specification))
        context = {"host": self._access.url, "token": token, "task_run_id": work.task_run_id, "parameters": {}}
        (folder / "context.json").touch(mode=0o600)
        (folder / "context.json").write_text(json.dumps(context))


def arguments_of(wheel_task: Mapping[str, object]) -> list[str]:
    """The command line: ``--name=value`` for each named parameter, or the positional ones."""
    named = wheel_task.get("named_parameters")
    if isinstance(named, Mapping):
        return [f"--{name}={value}" for name, value in named.items()]
    positional = wheel_task.get("parameters")
    return [str(value) for value in positional] if isinstance(positional, Sequence) else []


def unpack(wheels: Sequence[Path], folder: Path) -> None:
    """Unpack the wheels into one folder, as an installation would lay them out."""
    folder.mkdir(parents=True)
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)


def _environment(folder: Path) -> dict[str, str]:
    return {
        **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
        "PYTHONPATH": os.pathsep.join([str(folder / "wheels"), str(RUNTIME_FOLDER)]),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "DATABRICKS_RUNTIME_VERSION": RUNTIME_VERSION,
        "LOCAL_STACK_TASK_CONTEXT": str(folder / "context.json"),
    }


def _run(folder: Path, stop: StopSignal) -> TaskOutput:
    with (folder / "output.log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "dbruntime.wheel_task", str(folder / "specification.json")],
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        stop.on_stop(lambda: _end_group(child) if child.returncode is None else None)
        code = child.wait()
    _end_group(child)  # what the task started and left
    return _output(folder, code)


def _end_group(child: "subprocess.Popen[bytes]") -> None:
    """End the task's process and whatever it started."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _output(folder: Path, code: int) -> TaskOutput:
    logs = (folder / "output.log").read_bytes()[-MAXIMUM_LOG_BYTES:].decode(errors="replace")
    if code == 0:
        return TaskOutput(logs=logs)
    report = folder / "report.json"
    if report.exists():
        found = json.loads(report.read_text())
        return TaskOutput(error=found["error"], trace=found["trace"], logs=logs)
    return TaskOutput(error=f"The task's process ended with code {code} and left no error.", logs=logs)
