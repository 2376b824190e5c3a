"""The webhook service in a process of its own, with the command line and the settings that docs/webhook names."""

import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from local_stack.errors import SetupError
from local_stack.loopback_server import free_port

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
# What a service of its own would not have, on a machine of its own.
_NOT_ITS_OWN = ("DATABRICKS_", "LAKECTL_", "LAKEFS", "WEBHOOK_", "EXPORT_", "BUNDLE_VAR_")


@dataclass(frozen=True, kw_only=True)
class HookPrincipal:
    """Whom the service is at the workspace: a service principal with an OAuth secret."""

    host: str
    client_id: str
    client_secret: str = field(repr=False)


class WebhookService:
    """One service, started once the job is there that it is to start. Its log is in the folder."""

    def __init__(self, *, folder: Path) -> None:
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._port = free_port()
        self.secret = secrets.token_hex(32)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def is_started(self) -> bool:
        """Whether it was started and not stopped since."""
        return self._child is not None

    def start(self, principal: HookPrincipal, *, job_id: str) -> None:
        """Start it, unless it runs; returns once it takes events. Raises SetupError where it does not."""
        with self._lock:
            if self._child is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._child = self._started(self._environment(principal, job_id))
            self._wait_until_ready(self._child)

    def stop(self) -> None:
        """End it, when it has finished what it accepted; a second call does nothing."""
        with self._lock:
            child, self._child = self._child, None
        if child is None:
            return
        child.terminate()
        try:
            child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def _environment(self, principal: HookPrincipal, job_id: str) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_ITS_OWN)}
        return {
            **kept,
            "WEBHOOK_SECRET": self.secret,
            "WEBHOOK_REPOSITORIES": "*",
            "EXPORT_JOB_ID": job_id,
            "DATABRICKS_HOST": principal.host,
            "DATABRICKS_CLIENT_ID": principal.client_id,
            "DATABRICKS_CLIENT_SECRET": principal.client_secret,
        }

    def _started(self, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "uvicorn", "lakefs_unity_export.webhook:app"]
        listening = ["--host", "127.0.0.1", "--port", str(self._port), "--no-access-log", "--no-server-header"]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [*command, *listening], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )

    def _wait_until_ready(self, child: "subprocess.Popen[bytes]") -> None:
        if not takes_events(self.url, goes_on=lambda: child.poll() is None):
            raise SetupError(f"the webhook service does not answer; its log says why: {self._log}")

    @property
    def _log(self) -> Path:
        return self._folder / "webhook.log"


def takes_events(url: str, *, goes_on: Callable[[], bool] = lambda: True) -> bool:
    """Whether the service at the address takes events, now or soon, as long as waiting `goes_on`."""
    until = time.monotonic() + _START_SECONDS
    while not _is_ready(url):
        if not goes_on() or time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
