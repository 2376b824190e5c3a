"""The webhook service in this process, with doubles of Databricks and lakeFS, and what it logged."""

import json
import logging
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from lakefs_unity_export.access.lakefs_connection import Credentials
from lakefs_unity_export.commit.descriptor_gate import GateReader, GateRules
from lakefs_unity_export.servers.workspace import WorkspaceAccess
from lakefs_unity_export.webhook import Settings, create_app
from lakefs_unity_export.webhook.request_log import LOGGER
from lakefs_unity_export.webhook.settings import GateSettings

with warnings.catch_warnings():  # Starlette would like a newer httpx here, which nothing else needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

RECORDED = json.loads((Path(__file__).parents[2] / "fixtures/lakefs_events.json").read_text())["webhook"]
SECRET, PREVIOUS_SECRET = "s" * 16 + "-the-current-one", "s" * 16 + "-the-one-before"
CLIENT_SECRET, LAKEFS_SECRET = "dose0123456789abcdef", "wJalrXUtnFEMI"
SECRETS = (SECRET, PREVIOUS_SECRET, CLIENT_SECRET, LAKEFS_SECRET)
HOST = "https://adb-1.2.azuredatabricks.net"
RULES = GateRules(catalog="lake")


def make_settings(**changes: Any) -> Settings:
    """Settings of a service with a gate, that takes every repository."""
    gate = GateSettings(
        endpoint="http://127.0.0.1:9",
        credentials=Credentials(access_key_id="AKIAEXAMPLE", secret_access_key=LAKEFS_SECRET),
        rules=RULES,
    )
    defaults: dict[str, Any] = {
        "secrets": (SECRET, PREVIOUS_SECRET),
        "job_id": "1041",
        "workspace": WorkspaceAccess(host=HOST, client_id="principal", client_secret=CLIENT_SECRET),
        "repositories": ("*",),
        "gate": gate,
        "concurrency": 4,
        "queue": 100,
    }
    return Settings(**{**defaults, **changes})


@dataclass
class RunsDouble:
    """Databricks as far as starting runs goes: one run for each token. Used by several threads."""

    seconds: float = 0.0
    error: Exception | None = None
    runs: dict[str, dict[str, str]] = field(default_factory=dict)
    calls: int = 0
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, parameters: Mapping[str, str], *, idempotency_token: str) -> int:
        """As the port."""
        with self.lock:
            self.calls += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self.seconds)
        with self.lock:
            self.at_once -= 1
            if self.error is not None:
                raise self.error
            self.runs.setdefault(idempotency_token, dict(parameters))
            return list(self.runs).index(idempotency_token) + 1


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@dataclass
class Webhook:
    """The running service."""

    client: TestClient
    runs: RunsDouble
    lines: list[str]

    def post(self, body: Any, path: str = "/events", *, secret: str = SECRET, **headers: str) -> httpx.Response:
        """Send an event as lakeFS does; the body is bytes, or what becomes JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", "Authorization": f"Bearer {secret}", **headers}
        return self.client.post(path, content=content, headers=sent)

    @property
    def logged(self) -> list[dict[str, Any]]:
        """The lines about requests."""
        return [entry for entry in map(json.loads, self.lines) if entry["message"] == "answered"]


@contextmanager
def webhook(repository: GateReader | None = None, **changes: Any) -> Iterator[Webhook]:
    """Runs the service; its gate reads the repository, whatever its name."""
    runs = RunsDouble()
    output = _Lines()
    logger = logging.getLogger(LOGGER)
    logger.addHandler(output)
    level, propagates = logger.level, logger.propagate
    logger.setLevel(logging.INFO)
    logger.propagate = False
    opened = None if repository is None else lambda _: repository
    try:
        app = create_app(make_settings(**changes), runs=runs, open_repository=opened)
        with TestClient(app, raise_server_exceptions=False, base_url="http://webhook") as client:
            yield Webhook(client, runs, output.lines)
    finally:
        logger.removeHandler(output)
        logger.setLevel(level)
        logger.propagate = propagates
