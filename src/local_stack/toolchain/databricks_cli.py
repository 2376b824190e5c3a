"""The Databricks CLI: `DATABRICKS_CLI`, else `databricks` on PATH, else built once with Go from its own module.

`python -m local_stack.toolchain.databricks_cli` prints its path.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import IO, TextIO

from local_stack.toolchain import ToolMissingError, cache_folder

Version = tuple[int, int, int]

# As `databricks_cli_version` in databricks.yml says.
MINIMUM_VERSION: Version = (1, 10, 0)
# A Go module of ours that requires the CLI: installing it by name fails on a listing that the module proxy lacks.
MODULE_FOLDER = Path(__file__).parents[3] / "tools" / "databricks-cli"
PACKAGE = "github.com/databricks/cli"
INSTALL_ADVICE = (
    "install it (brew install databricks/tap/databricks, winget install Databricks.DatabricksCLI, or the page "
    "'Install or update the Databricks CLI' of the Databricks documentation), set DATABRICKS_CLI to its path, "
    "or install Go, with which it is built here"
)

# Nothing is optimized, which spares a quarter of the compiler's time: the CLI waits for servers more than it computes.
_COMPILED_QUICKLY = "all=-N -l"
_PROGRESS_SECONDS = 10
_BUILD_SECONDS = 1800
_LOG_TAIL_LINES = 20


def find_or_build_cli(progress: TextIO) -> Path:
    """The path of a Databricks CLI that is new enough for the bundle.

    A build takes some minutes, and says so on progress about every ten seconds.
    Raises ToolMissingError where `DATABRICKS_CLI` is set and of no use, and where there is no CLI to find or build.
    """
    if configured := os.environ.get("DATABRICKS_CLI", ""):
        return _configured(Path(configured))
    on_path = _on_path(progress)
    if on_path is not None:
        return on_path
    version = module_version(MODULE_FOLDER / "go.mod")
    binary = cache_folder() / "databricks-cli" / version / "databricks"
    if cli_version(binary) is None:
        with _one_at_a_time(binary.parent):
            if cli_version(binary) is None:
                _build(version, binary, progress)
    return binary


def cli_version(binary: Path) -> Version | None:
    """The version that a Databricks CLI reports, or None where there is none that starts.

    The CLI in Python that it replaced reports 0.1x.
    """
    try:
        answer = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"(?:Databricks CLI v|Version )(\d+)\.(\d+)\.(\d+)", answer.stdout)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def module_version(go_mod: Path) -> str:
    """The CLI's version that our Go module requires. Raises ToolMissingError where there is no such module."""
    try:
        match = re.search(rf"{PACKAGE} v(\d+\.\d+\.\d+)", go_mod.read_text())
    except OSError as error:
        raise ToolMissingError(
            f"no Databricks CLI was found, and {go_mod}, from which it is built, cannot be read; {INSTALL_ADVICE}"
        ) from error
    if match is None:
        raise ToolMissingError(f"{go_mod} requires no version of {PACKAGE}; take the file as it was committed")
    return match[1]


def _configured(binary: Path) -> Path:
    version = cli_version(binary)
    if version is None:
        raise ToolMissingError(
            f"DATABRICKS_CLI is {binary}, which is no Databricks CLI that starts; correct or unset it"
        )
    if version < MINIMUM_VERSION:
        raise ToolMissingError(
            f"DATABRICKS_CLI is {binary} of version {_text(version)}, and the bundle needs {_text(MINIMUM_VERSION)} "
            "or newer; update it, or unset DATABRICKS_CLI"
        )
    return binary.absolute()


def _on_path(progress: TextIO) -> Path | None:
    found = shutil.which("databricks")
    version = cli_version(Path(found)) if found else None
    if found is None or version is None:
        return None
    if version >= MINIMUM_VERSION:
        return Path(found).absolute()
    kind = "the former CLI in Python" if (0, 0, 0) < version < (0, 100, 0) else "older than the bundle needs"
    _say(progress, f"not used: {found} is version {_text(version)}, {kind} (wanted: {_text(MINIMUM_VERSION)})")
    return None


def _build(version: str, binary: Path, progress: TextIO) -> None:
    go = shutil.which("go")
    if go is None:
        raise ToolMissingError(f"no Databricks CLI was found, and no Go to build it with; {INSTALL_ADVICE}")
    _say(progress, f"building version {version} with Go; this takes 2 to 4 minutes, once")
    with tempfile.TemporaryDirectory(dir=binary.parent, prefix="build-") as folder:
        draft = Path(folder) / "databricks"
        # Without the version it would be a development build, and version constraints would only warn.
        linked = f"-s -w -X {PACKAGE}/internal/build.buildVersion={version}"
        options = ["-trimpath", "-buildvcs=false", f"-gcflags={_COMPILED_QUICKLY}", f"-ldflags={linked}"]
        command = [go, "build", "-v", *options, "-o", str(draft), PACKAGE]
        log = _run_go(command, progress)
        if cli_version(draft) is None:
            raise ToolMissingError(
                f"the Databricks CLI could not be built with {go}; {INSTALL_ADVICE}. Go said:\n{log}"
            )
        draft.replace(binary)


def _run_go(command: list[str], progress: TextIO) -> str:
    """The end of what Go wrote."""
    log = _Log()
    environment = os.environ | {"CGO_ENABLED": "0"}
    start = time.monotonic()
    with subprocess.Popen(
        command, cwd=MODULE_FOLDER, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as running:
        reader = Thread(target=log.read, args=(running.stderr,), daemon=True)
        reader.start()
        try:
            _wait(running, start, log, progress)
        finally:
            running.kill()
        reader.join()
    return "\n".join(log.tail)


def _wait(running: subprocess.Popen[str], start: float, log: "_Log", progress: TextIO) -> None:
    while True:
        try:
            running.wait(timeout=_PROGRESS_SECONDS)
        except subprocess.TimeoutExpired:
            seconds = time.monotonic() - start
            _say(progress, f"{seconds:.0f} s, {log.downloaded} modules downloaded, {log.compiled} packages compiled")
            if seconds > _BUILD_SECONDS:
                log.tail.append(f"stopped after {seconds:.0f} s")
                return
        else:
            return


class _Log:
    """What `go build -v` writes: a line for each module it downloads and each package it compiles."""

    def __init__(self) -> None:
        self.tail: deque[str] = deque(maxlen=_LOG_TAIL_LINES)
        self.downloaded = 0
        self.compiled = 0

    def read(self, stream: IO[str]) -> None:
        for line in stream:
            self.tail.append(line.rstrip())
            if line.startswith("go: downloading "):
                self.downloaded += 1
            else:
                self.compiled += 1


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _say(progress: TextIO, text: str) -> None:
    print(f"databricks CLI: {text}", file=progress, flush=True)


def _text(version: Version) -> str:
    return ".".join(map(str, version))


if __name__ == "__main__":
    try:
        print(find_or_build_cli(sys.stderr))
    except ToolMissingError as missing:
        sys.exit(str(missing))
