"""Deploys the bundle with the Databricks CLI, from a copy of the checkout, as a user would from the checkout."""

import os
import shutil
import signal
import subprocess
import sysconfig
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from local_stack.demo.failure import DemoFailure

CHECKOUT = Path(__file__).parents[3]
# What the deployment reads, the building of the wheel included.
PARTS = (
    "databricks.yml",
    "resources",
    "notebooks",
    "src/lakefs_unity_export",
    "src/sql",
    "tools",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)

_DEPLOY_SECONDS = 300


class Deployment:
    """The bundle in a folder of its own, so that the checkout keeps no trace of the demo."""

    def __init__(self, *, cli: Path, folder: Path, environment: Mapping[str, str]) -> None:
        self._cli = cli
        self._folder = folder
        self._environment = environment
        self._running: subprocess.Popen[str] | None = None
        self._stopped = False
        self._lock = threading.Lock()

    def deploy(self) -> None:
        """Deploy target local. Raises DemoFailure with what the CLI said where it fails."""
        _copy_checkout(self._folder)
        with self._lock:
            if self._stopped:
                return
            self._running = subprocess.Popen(
                [self._cli, "bundle", "deploy", "--target", "local"],
                cwd=self._folder,
                env=self._complete_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,  # with uv, which it starts to build the wheel
            )
        try:
            output, _ = self._running.communicate(timeout=_DEPLOY_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise DemoFailure(f"the bundle was not deployed within {_DEPLOY_SECONDS} s") from error
        finally:
            self._end()
        if self._running.returncode:
            raise DemoFailure(f"`databricks bundle deploy --target local` failed:\n{output.strip()}")

    def stop(self) -> None:
        """End the CLI where it runs, with what it started, and start it no more."""
        with self._lock:
            self._stopped = True
            self._end()

    def _end(self) -> None:
        if self._running is not None and self._running.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._running.pid, signal.SIGKILL)

    def _complete_environment(self) -> dict[str, str]:
        # uv builds the wheel; it is installed beside this Python.
        path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
        # The CLI keeps host and user in the home folder otherwise.
        return {**os.environ, "PATH": path, "DATABRICKS_CACHE_ENABLED": "false", **self._environment}


def _copy_checkout(folder: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for part in PARTS:
        source, target = CHECKOUT / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=ignored)
        else:
            shutil.copy(source, target)
