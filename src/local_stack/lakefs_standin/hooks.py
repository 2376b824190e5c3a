"""The two kinds of hooks, ready to run: their properties resolved, their failures told."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from local_stack.lakefs_standin.action_file import HookDefinition
from local_stack.lakefs_standin.blobs import BlobStore
from local_stack.lakefs_standin.event_payloads import lua_action, webhook_body
from local_stack.lakefs_standin.events import Event
from local_stack.lakefs_standin.hook_environment import LUA_PREFIX, WEBHOOK_PREFIX, substitute
from local_stack.lakefs_standin.lua_lakefs import LakeFSView
from local_stack.lakefs_standin.lua_runtime import LuaError, run_script
from local_stack.lakefs_standin.outgoing import http_client
from local_stack.lakefs_standin.store import USER_NAME

WEBHOOK_TIMEOUT_SECONDS = 60.0
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

Log = Callable[[str], None]


class HookError(Exception):
    """A hook failed: the text that its run shows."""


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
    """The hook with its `{{ ENV.X }}` replaced. Raises MissingVariableError."""
    properties, environment = definition.properties, settings.environment
    if definition.type == "lua":
        arguments = substitute(properties.get("args") or {}, environment, LUA_PREFIX)
        return LuaHook(definition.id, action_name, properties, arguments, settings)
    headers = substitute(properties.get("headers") or {}, environment, WEBHOOK_PREFIX)
    query = substitute(properties.get("query_params") or {}, environment, WEBHOOK_PREFIX)
    timeout = duration_seconds(str(properties.get("timeout") or "1m"))
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
        """Run the script, read at the event's commit."""
        name = str(self.properties.get("script_path") or "lua")
        variables = {
            "action": lua_action(event, action_name=self.action_name, hook_id=self.id),
            "args": self.arguments,
            "username": USER_NAME,
        }
        try:
            run_script(
                self._script(event, name),
                name=name,
                variables=variables,
                output=log,
                http_timeout_seconds=self.settings.lua_http_timeout_seconds,
                lakefs=LakeFSView(event.repository, self.settings.blobs),
            )
        except LuaError as error:
            raise HookError(str(error)) from error

    def _script(self, event: Event, path: str) -> str:
        if "script" in self.properties:
            return str(self.properties["script"])
        entry = event.tree.get(path)
        if entry is None:
            raise HookError(f"could not load script_path {path}: object not found")
        return self.settings.blobs.read(entry.address).decode("utf-8", "replace")


@dataclass(frozen=True)
class Webhook:
    """A POST to a server of the user's."""

    id: str
    action_name: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, Any]
    timeout_seconds: float

    def run(self, event: Event, log: Log) -> None:
        """Send the event; any answer but 2xx is a failure. Headers are masked in the log."""
        body = webhook_body(event, action_name=self.action_name, hook_id=self.id)
        log(f"Request:\nPOST {self.url}")
        for name in self.headers:
            log(f"{name}: *****")
        try:
            with http_client(self.timeout_seconds, follow_redirects=True) as client:
                headers = {name: str(value) for name, value in self.headers.items()}
                answer = client.post(self.url, json=body, params=_query(self.query), headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = "timed out" if isinstance(error, httpx.TimeoutException) else str(error)
            raise HookError(f"webhook request failed: Post {self.url}: {reason}") from error
        log(f"\nResponse:\n{answer.status_code} {answer.reason_phrase}\n\n{answer.text}")
        if not answer.is_success:
            raise HookError(f"webhook request failed (status code: {answer.status_code})")


def duration_seconds(text: str) -> float:
    """A duration as Go writes it (`1m30s`), in seconds. Anything else counts as the default time-out."""
    parts = DURATION.findall(text)
    if "".join(number + unit for number, unit in parts) != text:
        return WEBHOOK_TIMEOUT_SECONDS
    return sum(float(number) * UNIT_SECONDS[unit] for number, unit in parts)


def _query(query: Mapping[str, Any]) -> dict[str, list[str]]:
    return {
        name: [str(value) for value in (values if isinstance(values, list) else [values])]
        for name, values in query.items()
    }
