"""The hook's script, run as lakeFS runs it, and a workspace for it that is in the same process."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from local_stack.lakefs.standin.lua import runtime as lua_runtime
from local_stack.lakefs.standin.lua.modules import computing as lua_modules
from local_stack.lakefs.standin.lua.runtime import LuaError, run_script
from local_stack.lakefs.standin.lua.values import LuaCallError, from_lua, to_lua

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "resources/lakefs/scripts/unity_export.lua"
CASES = json.loads((ROOT / "fixtures/run_now_cases.json").read_text())
EVENTS = json.loads((ROOT / "fixtures/lakefs_events.json").read_text())["lua"]
COMMIT = EVENTS["post-commit"]["action"]

HOST = "https://adb-1.2.azuredatabricks.net"
RUN_NOW = "/api/2.2/jobs/run-now"
TOKEN_PATH = "/oidc/v1/token"
TOKEN = "dapi-0123456789abcdef"
WITH_TOKEN = {"databricks_host": HOST, "databricks_token": TOKEN, "job_id": "1041"}
CLIENT_ID, CLIENT_SECRET = "4c6b6546-5300-4000-8000-686f6f6b0001", "dose0123456789abcdef"
ACCESS_TOKEN = "eyJhbGciOiJub25lIn0.e30.c2lnbmF0dXJl"
WITH_OAUTH = {
    "databricks_host": HOST,
    "databricks_client_id": CLIENT_ID,
    "databricks_client_secret": CLIENT_SECRET,
    "job_id": "1041",
}
NOT_EXPORTED = (
    f"Not exported: repository evs, branch main, commit {COMMIT['commit_id']}; "
    "to export it, run the job with these parameters"
)
IN_ARGS = "in the args of _lakefs_actions/unity_export.yaml"


@dataclass(frozen=True, kw_only=True)
class HookOutcome:
    """What a run of the hook printed, what it failed with, or nothing, and the seconds of each wait."""

    printed: str
    error: str
    waits: list[float]


RunHook = Callable[..., HookOutcome]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the hook sent."""

    url: str
    method: str
    headers: dict[str, str]
    body: str


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What it gets. Headers are handed to Lua as they are."""

    status: int = 200
    body: bytes = b'{"run_id":455644833,"number_in_job":455644833}'
    headers: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_json(cls, status: int = 200, /, **fields: object) -> "Reply":
        """A reply as Databricks writes it."""
        return cls(status=status, body=json.dumps(fields).encode())


STARTED = Reply()
GRANTED = Reply.of_json(access_token=ACCESS_TOKEN, token_type="Bearer", expires_in=3600, scope="all-apis")


class Workspace:
    """Gives its replies in order, the last one again and again; text stands for no answer and its reason."""

    def __init__(self, *replies: Reply | str) -> None:
        self._replies = list(replies) or [STARTED]
        self.requests: list[Request] = []

    def module(self, runtime: Any, _timeout_seconds: float) -> dict[str, Any]:
        """Lua's `net/http`."""

        def request(options: Any) -> tuple[Any, ...]:
            self.requests.append(Request(**from_lua(options)))
            reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
            if isinstance(reply, str):
                raise LuaCallError(reply)
            return reply.status, reply.body, to_lua(runtime, reply.headers), b"status"

        return {"request": request}

    @property
    def paths(self) -> list[str]:
        """Where the requests went."""
        return [request.url.removeprefix(HOST) for request in self.requests]


@contextmanager
def recorded_waits() -> Iterator[list[float]]:
    """The seconds that Lua waits, which pass at once."""
    waits: list[float] = []
    with patch.object(lua_modules, "time", SimpleNamespace(sleep=waits.append, time_ns=time.time_ns)):
        yield waits


def run_hook(
    action: object, arguments: object, *, http_enabled: bool = True, timeout_seconds: float = 5.0, before: str = ""
) -> HookOutcome:
    """Run the hook for an action table and its args, over HTTP, with more Lua before it."""
    lines: list[str] = []
    error = ""
    with recorded_waits() as waits:
        try:
            run_script(
                before + SCRIPT.read_text(),
                variables={"action": action, "args": arguments, "username": "admin"},
                output=lines.append,
                http_enabled=http_enabled,
                http_timeout_seconds=timeout_seconds,
            )
        except LuaError as failure:
            error = str(failure)
    return HookOutcome(printed="\n".join(lines), error=error, waits=waits)


def run_against(
    workspace: Workspace,
    action: object = COMMIT,
    arguments: object = WITH_TOKEN,
    *,
    http_enabled: bool = True,
    before: str = "",
) -> HookOutcome:
    """Run the hook against a workspace of this process."""
    with patch.object(lua_runtime, "http_module", workspace.module):
        return run_hook(action, arguments, http_enabled=http_enabled, before=before)
