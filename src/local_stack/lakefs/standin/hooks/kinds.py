"""The two kinds of hooks, ready to run: their properties resolved, their failures told."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from local_stack.lakefs.standin.hooks.action_file import HookDefinition
from local_stack.lakefs.standin.hooks.arguments import check_no_dates, hook_arguments
from local_stack.lakefs.standin.hooks.environment import WEBHOOK_PREFIX, substitute
from local_stack.lakefs.standin.hooks.payloads import lua_action, webhook_body
from local_stack.lakefs.standin.lua.modules.lakefs import LakeFSView
from local_stack.lakefs.standin.lua.runtime import LuaError, run_script
from local_stack.lakefs.standin.outgoing import http_client
from local_stack.lakefs.standin.versions.blobs import BlobStore
from local_stack.lakefs.standin.versions.events import Event
from local_stack.lakefs.standin.versions.store import USER_NAME

DEFAULT_TIMEOUT = "1m"
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

Log = Callable[[str], None]


class HookError(Exception):
    """A hook failed: the text that its run shows."""


class HookPropertyError(Exception):
    """A hook cannot be made of its properties: before an operation it fails, after it nothing runs."""


class Hook(Protocol):
    """Something that runs at an event."""

    def run(self, event: Event, log: Log) -> None:
        """Run to the end, telling the log. Raises HookError."""


@dataclass(frozen=True, kw_only=True)
class HookSettings:
    """What hooks get from the server."""

    environment: Mapping[str, str]
    blobs: BlobStore
    lua_http_timeout_seconds: float


def build_hook(definition: HookDefinition, action_name: str, settings: HookSettings) -> Hook:
    """The hook with its `{{ ENV.X }}` replaced. Raises MissingVariableError, HookPropertyError, HookArgumentsError."""
    properties, environment = definition.properties, settings.environment
    if definition.type == "lua":
        arguments = hook_arguments(properties.get("args"), environment)
        return LuaHook(definition.id, action_name, properties, arguments, settings)
    headers = substitute(properties.get("headers") or {}, environment, WEBHOOK_PREFIX)
    query = substitute(properties.get("query_params") or {}, environment, WEBHOOK_PREFIX)
    timeout = duration_seconds(str(properties.get("timeout") or DEFAULT_TIMEOUT))
    return Webhook(definition.id, action_name, str(properties["url"]), headers, query, timeout)


@dataclass(frozen=True)
class LuaHook:
    """A script that runs in the server."""

    id: str
    action_name: str
    properties: Mapping[str, Any]
    arguments: Mapping[str, Any]
    settings: HookSettings

    def run(self, event: Event, log: Log) -> None:
        """Run the script, read at the event's commit. Raises ServerEnd where the args hold a date."""
        check_no_dates(self.arguments)
        variables = {
            "action": lua_action(event, action_name=self.action_name, hook_id=self.id),
            "args": self.arguments,
            "username": USER_NAME,
        }
        try:
            run_script(
                self._script(event),
                variables=variables,
                output=log,
                http_timeout_seconds=self.settings.lua_http_timeout_seconds,
                lakefs=LakeFSView(event.repository, self.settings.blobs),
            )
        except LuaError as error:
            raise HookError(f"action failed: {error}") from error

    def _script(self, event: Event) -> str:
        if "script" in self.properties:
            return str(self.properties["script"])
        path = str(self.properties["script_path"])
        entry = event.tree.get(path)
        if entry is None:
            raise HookError(f"action failed: could not load script_path {path}: HTTP 404: invalid action")
        return self.settings.blobs.read(entry.address).decode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Webhook:
    """A POST to a server of the user's. What its log looks like is recorded: actions/webhook-refused."""

    id: str
    action_name: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, Any]
    timeout_seconds: float

    def run(self, event: Event, log: Log) -> None:
        """Send the event; any answer but 2xx is a failure. The user's headers are masked in the log."""
        content = json.dumps(
            webhook_body(event, action_name=self.action_name, hook_id=self.id),
            ensure_ascii=False,
            separators=(",", ":"),
        )
        self._tell_request(content, log)
        headers = {name: str(value) for name, value in self.headers.items()} | {"Content-Type": "application/json"}
        started = time.monotonic()
        try:
            with http_client(self.timeout_seconds, follow_redirects=True) as client:
                answer = client.post(self.url, content=content.encode(), params=_query(self.query), headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise HookError(f'action failed: Post "{self.url}": {_reason(error, self.url)}') from error
        finally:
            log(f"Request duration: {(time.monotonic() - started) * 1000:.6f}ms")
        log(f"Response:\n{answer.status_code} {answer.reason_phrase}\n\n{answer.text}")
        if not answer.is_success:
            raise HookError(f"action failed: webhook request failed (status code: {answer.status_code})")

    def _tell_request(self, content: str, log: Log) -> None:
        log(f"Request:\nPOST {self.url}\nQuery Params:")
        for name, values in _query(self.query).items():
            log(f"{name}: {', '.join(values)}")
        log("Headers:\nContent-Type: application/json")
        for name in self.headers:
            log(f"{name}: *****")
        log(f"Request Body:\n{content}\n\n")


def duration_seconds(text: str) -> float:
    """A duration as Go writes it (`1m30s`), in seconds. Raises HookPropertyError where it is none."""
    parts = DURATION.findall(text)
    if not text or "".join(number + unit for number, unit in parts) != text:
        raise HookPropertyError(f'webhook request duration: time: invalid duration "{text}"')
    return sum(float(number) * UNIT_SECONDS[unit] for number, unit in parts)


def _reason(error: Exception, url: str) -> str:
    """Why there is no answer, in the server's words where they are known."""
    if isinstance(error, httpx.TimeoutException):
        return "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
    if isinstance(error, httpx.ConnectError) and "refused" in str(error).lower():
        place = httpx.URL(url)
        host = "127.0.0.1" if place.host == "localhost" else place.host
        port = place.port or (443 if place.scheme == "https" else 80)
        return f"dial tcp {host}:{port}: connect: connection refused"
    return str(error) or type(error).__name__


def _query(query: Mapping[str, Any]) -> dict[str, list[str]]:
    return {
        name: [str(value) for value in (values if isinstance(values, list) else [values])]
        for name, values in query.items()
    }
