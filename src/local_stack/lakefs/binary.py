"""A lakeFS server from a `lakefs` binary: its environment, its start and its end.

The settings are those of lakeFS's configuration reference, each as `LAKEFS_` and its name with `_` for `.`.
"""

import json
import secrets
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from local_stack.errors import SetupError
from local_stack.loopback_server import free_port

START_SECONDS = 60.0
STOP_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Installation:
    """What a lakeFS server is installed with, once: its key pair and the key that it encrypts with."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    encryption_key: str = field(repr=False)


def server_environment(
    *,
    folder: Path,
    port: int,
    installation: Installation,
    hook_environment: Mapping[str, str],
    surroundings: Mapping[str, str],
) -> dict[str, str]:
    """The environment of a server that keeps everything in the folder and listens on 127.0.0.1 only.

    Of `surroundings` every `LAKEFS` variable is left out, so that settings for another server have no effect; the
    home folder is `folder`, where no configuration file lies.
    """
    settings = {
        "LISTEN_ADDRESS": f"127.0.0.1:{port}",
        "DATABASE_TYPE": "local",
        "DATABASE_LOCAL_PATH": str(folder / "metadata"),
        "BLOCKSTORE_TYPE": "local",
        "BLOCKSTORE_LOCAL_PATH": str(folder / "objects"),
        "AUTH_ENCRYPT_SECRET_KEY": installation.encryption_key,
        "INSTALLATION_USER_NAME": "admin",
        "INSTALLATION_ACCESS_KEY_ID": installation.access_key_id,
        "INSTALLATION_SECRET_ACCESS_KEY": installation.secret_access_key,
        "ACTIONS_LUA_NET_HTTP_ENABLED": "true",
        "STATS_ENABLED": "false",
        "USAGE_REPORT_ENABLED": "false",
        "LOGGING_LEVEL": "WARN",
    }
    kept = {name: value for name, value in surroundings.items() if not name.startswith("LAKEFS")}
    return {
        **kept,
        "HOME": str(folder),
        **{f"LAKEFS_{name}": value for name, value in settings.items()},
        **hook_environment,
    }


def kept_installation(folder: Path) -> Installation:
    """The installation in the folder, made where there is none: a server cannot be installed twice."""
    file = folder / "installation.json"
    if not file.exists():
        file.touch(mode=0o600)
        made = {
            "access_key_id": f"AKIA{secrets.token_hex(8).upper()}",
            "secret_access_key": secrets.token_urlsafe(30),
            "encryption_key": secrets.token_hex(32),
        }
        file.write_text(json.dumps(made))
    return Installation(**json.loads(file.read_text()))


class LakeFSBinary:
    """One server of the binary at `path`, with its state and its log in the folder."""

    def __init__(
        self, *, path: str, folder: Path, hook_environment: Mapping[str, str], surroundings: Mapping[str, str]
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._folder = folder.absolute()
        self._hook_environment = hook_environment
        self._surroundings = surroundings
        self._child: subprocess.Popen[bytes] | None = None
        self.installation = kept_installation(folder)
        self.url = ""

    def start(self) -> None:
        """Start the server; returns once it is healthy. Raises SetupError."""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        environment = server_environment(
            folder=self._folder,
            port=port,
            installation=self.installation,
            hook_environment=self._hook_environment,
            surroundings=self._surroundings,
        )
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                [self._path, "run"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self._folder,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not is_healthy(self.url):
            if self._child.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SetupError(
                    f"{self._path} run did not become healthy; see {self._log}, or take the binary off PATH to use "
                    "the stand-in"
                )
            time.sleep(0.1)

    def stop(self) -> None:
        """End the server; a second call does nothing."""
        child, self._child = self._child, None
        if child is None:
            return
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    @property
    def _log(self) -> Path:
        return self._folder / "lakefs.log"


def is_healthy(url: str, timeout_seconds: float = 5.0) -> bool:
    """Whether a lakeFS server answers its health check at this address."""
    try:
        answer = httpx.get(f"{url}/api/v1/healthcheck", timeout=timeout_seconds)
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return answer.is_success
