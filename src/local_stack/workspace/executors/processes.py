"""Processes of wheel tasks: started plainly, or as forks of a Python that has imported what most of them import."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

RUNTIME_FOLDER = Path(__file__).parents[2] / "cluster" / "runtime"
# Python imports these by itself when it starts, from wherever they are.
_OF_EVERY_START = frozenset({"sitecustomize", "usercustomize"})


@dataclass(frozen=True, kw_only=True)
class TaskStart:
    """What a task's process is started with.

    folder: of the task; it holds `specification.json` and `context.json`, and gets `output.log`.
    wheels: where the task's own packages are, which other tasks may have too.
    environment: the variables that every task has.
    hidden: the top-level modules that it does not find.
    """

    folder: Path
    wheels: Path
    environment: Mapping[str, str]
    hidden: frozenset[str] = frozenset()

    @property
    def specification(self) -> Path:
        """The argument of ``dbruntime.wheel_task``."""
        return self.folder / "specification.json"

    @property
    def log(self) -> Path:
        """What the task prints."""
        return self.folder / "output.log"

    def complete_environment(self) -> dict[str, str]:
        """Every variable that the task has."""
        return {
            **self.environment,
            "PYTHONPATH": os.pathsep.join([str(self.wheels), str(RUNTIME_FOLDER)]),
            "LOCAL_STACK_TASK_CONTEXT": str(self.folder / "context.json"),
        }

    def message(self) -> dict[str, Any]:
        """The same for ``dbruntime.preloaded``."""
        return {
            "specification": str(self.specification),
            "folder": str(self.folder),
            "wheels": str(self.wheels),
            "environment": self.complete_environment(),
            "log": str(self.log),
        }


class TaskProcess(Protocol):
    """The process of a task, in a process group of its own."""

    def wait(self) -> int:
        """The exit code, once it has ended; -N where signal N ended it."""

    def kill(self) -> None:
        """End it and whatever it started, unless it was waited for."""


def end_group(process_id: int) -> None:
    """End the process and its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process_id, signal.SIGKILL)


class PlainProcess:
    """A task in a Python of its own."""

    def __init__(self, start: TaskStart) -> None:
        with start.log.open("wb") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "dbruntime.wheel_task", str(start.specification)],
                cwd=start.folder,
                env=start.complete_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self) -> int:
        """The exit code; what the task started and left is ended."""
        code = self._child.wait()
        end_group(self._child.pid)
        return code

    def kill(self) -> None:
        """End the group, unless it was waited for."""
        if self._child.returncode is None:
            end_group(self._child.pid)


class ForkedProcess:
    """A task in a fork of a `PreloadedPython`. Raises OSError where it could not be started."""

    def __init__(self, connection: socket.socket, start: TaskStart) -> None:
        self._connection = connection
        self._answers = connection.makefile("rb")
        self._has_ended = False
        connection.sendall(json.dumps(start.message()).encode() + b"\n")
        self._process_id = int(self._answers.readline() or self._lost())

    def wait(self) -> int:
        """The exit code; what the task started and left is ended. A task that nobody waits for counts as killed."""
        code = int(self._answers.readline() or -signal.SIGKILL)
        self._has_ended = True
        end_group(self._process_id)
        self._close()
        return code

    def kill(self) -> None:
        """End the group, unless it was waited for."""
        if not self._has_ended:
            end_group(self._process_id)

    def _close(self) -> None:
        self._answers.close()
        self._connection.close()

    def _lost(self) -> int:
        self._close()
        raise ConnectionError("The Python with libraries ended before it started the task.")


class PreloadedPython:
    """A Python process that has imported some modules, started with its first task, and its forks.

    modules: what it imports, with all that these import; none of them may start a thread.
    """

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = tuple(modules)
        self._lock = Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._environment: Mapping[str, str] = {}
        self._loaded: frozenset[str] = frozenset()
        self._stopped = False

    def start(self, environment: Mapping[str, str]) -> None:
        """Start it with these variables, unless it was; returns once the modules are imported, or one cannot be."""
        with self._lock:
            if self._child is not None or self._stopped:
                return
            ours, theirs = socket.socketpair()
            with theirs:
                self._child = subprocess.Popen(
                    [sys.executable, "-P", "-m", "dbruntime.preloaded", str(theirs.fileno()), *self._modules],
                    env={**environment, "PYTHONPATH": str(RUNTIME_FOLDER)},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            self._control, self._environment = ours, dict(environment)
            with ours.makefile("rb") as lines:
                loaded = json.loads(lines.readline() or "[]")
            self._loaded = _OF_EVERY_START.union(loaded) if loaded else frozenset()

    def suits(self, start: TaskStart) -> bool:
        """Whether a fork is what a process started anew would be.

        That is so where the variables that every task has are still those that it was started with, and nothing is
        loaded that is hidden from the task, or that its wheels bring too: it would not get its own.
        False also where a module could not be imported.
        """
        self.start(start.environment)
        brought = {entry.name.partition(".")[0] for entry in start.wheels.iterdir()}
        is_alike = self._environment == start.environment and not (brought | start.hidden) & self._loaded
        return bool(self._loaded) and is_alike

    def fork(self, start: TaskStart) -> ForkedProcess:
        """A task in a fork. Raises OSError where the process has ended."""
        ours, theirs = socket.socketpair()
        try:
            with theirs, self._lock:
                if self._control is None:
                    raise ConnectionError("The Python with libraries does not run.")
                socket.send_fds(self._control, [b"."], [theirs.fileno()])
            return ForkedProcess(ours, start)
        except OSError:
            ours.close()
            raise

    def stop(self) -> None:
        """End the process, not its forks; it is not started again."""
        with self._lock:
            self._stopped = True
            if self._control is not None:
                self._control.close()
            if self._child is not None:
                self._child.kill()
                self._child.wait()
