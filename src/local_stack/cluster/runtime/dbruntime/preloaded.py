"""Starts wheel tasks as forks of itself: ``python -P -m dbruntime.preloaded <socket> <module>...``.

It imports the modules once, which takes seconds with the SDKs, and says over the socket which names are loaded. Then
each byte from there brings a connection for one task. Over it comes, as a line of JSON, what a process is started with:
`specification`, `folder`, `wheels`, `environment` and `log`. The answer is two lines: the task's process id, and its
exit code as `subprocess` counts it. It ends when the socket closes.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import threading
from contextlib import suppress
from typing import Any


def main() -> int:
    """Serve until the socket closes; in a task, run it."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    for name in sys.argv[2:]:
        importlib.import_module(name)
    if threading.active_count() > 1:
        raise RuntimeError("One of the modules started a thread, which a fork would not have.")
    gc.freeze()  # so that forks share what is loaded
    control.sendall(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})).encode() + b"\n")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for guards
    while connection := _next(control):
        if os.fork() == 0:
            control.close()
            return _guard(connection)
        connection.close()
    return 0


def _next(control: socket.socket) -> socket.socket | None:
    with suppress(ConnectionError):
        _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if descriptors:
            return socket.socket(fileno=descriptors[0])
    return None


def _guard(connection: socket.socket) -> int:
    """Start the task, wait for it and say how it ended, also where this process's parent is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    task = os.fork()
    if task == 0:
        return _become_task(connection)
    _, status = os.waitpid(task, 0)
    with suppress(OSError):
        connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become_task(connection: socket.socket) -> int:
    os.setsid()
    with connection, connection.makefile("rb") as lines:
        start = json.loads(lines.readline())
        connection.sendall(b"%d\n" % os.getpid())
    _surround(start)
    runpy.run_module("dbruntime.wheel_task", run_name="__main__", alter_sys=True)
    return 0


def _surround(start: dict[str, Any]) -> None:
    """Make this process what one that is started with these things would be."""
    _redirect(os.devnull, os.O_RDONLY, 0)
    _redirect(start["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 1)
    os.dup2(1, 2)
    os.chdir(start["folder"])
    os.environ.update(start["environment"])
    sys.path.insert(0, start["wheels"])
    sys.argv = ["wheel_task", start["specification"]]


def _redirect(file: str, flags: int, descriptor: int) -> None:
    opened = os.open(file, flags)
    os.dup2(opened, descriptor)
    os.close(opened)


if __name__ == "__main__":
    sys.exit(main())
