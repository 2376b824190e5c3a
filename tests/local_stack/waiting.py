"""Waiting for what happens in other threads and processes."""

import time
from collections.abc import Callable
from pathlib import Path


def wait_until(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    """Wait until something is so. Raises AssertionError where it is not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def is_running(process_id: int) -> bool:
    """Whether a process runs still; one that has ended and that nobody waited for does not. On Linux alone."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[0] not in {"Z", "X"}
    except OSError:
        return False
