"""A demo as a user runs it, in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCALE = "0.001"


@contextmanager
def started_demo(folder: Path, command: str = "demo") -> Iterator["subprocess.Popen[str]"]:
    """The demo with its stack in the folder."""
    arguments = [sys.executable, "-m", "local_stack", command, "--scale", SCALE, "--folder", str(folder)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        try:
            yield demo
        finally:
            demo.kill()


def processes_of(folder: Path) -> list[str]:
    """The processes whose command line names the folder: Spark's, and lakeFS's where it is a binary."""
    listed = subprocess.run(["ps", "-axww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(folder) in line]
