"""What the hook's files on a branch say: which settings they were installed with, and what is wrong with them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

from lakefs_unity_export import events
from lakefs_unity_export.hook.files import (
    LUA_ACTION,
    LUA_SCRIPT,
    WEBHOOK_ACTION,
    Authentication,
    HookKind,
    HookSettings,
    Variables,
    render,
)

_VARIABLE = re.compile(r"\{\{ *ENV\.(\w+) *\}\}", re.ASCII)
# In which of an action's arguments a secret stands, or rather the name of its variable.
_SECRETS = ("databricks_client_secret", "databricks_token", "Authorization")


@dataclass(frozen=True, kw_only=True)
class InstalledHook:
    """The action file that starts exports, as it was read.

    events: what it lists. job_id: the job that it starts, or the reference to a variable. variables: those that the
    lakeFS server needs. written_out: secrets that stand in the file themselves, by the argument's name. problems: why
    lakeFS could not run it. settings: None where they cannot be told from the file.
    """

    path: str
    events: tuple[str, ...] = ()
    job_id: str = ""
    variables: tuple[str, ...] = ()
    written_out: Mapping[str, str] = field(default_factory=dict, repr=False)
    problems: tuple[str, ...] = ()
    settings: HookSettings | None = None

    def differences(self, files: Mapping[str, str]) -> list[str]:
        """The files that are not as this version writes them for the same settings."""
        if self.settings is None:
            return [self.path]
        return [path for path, text in render(self.settings).items() if files.get(path) != text]


def read_hooks(files: Mapping[str, str]) -> list[InstalledHook]:
    """The hooks that start exports among the files of a branch, by path to text."""
    return [_read(path, files) for path in (LUA_ACTION, WEBHOOK_ACTION) if path in files]


def _read(path: str, files: Mapping[str, str]) -> InstalledHook:
    text = files[path]
    try:
        action = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # the second for a date that is none
        place = getattr(error, "problem_mark", None)
        where = f" at line {place.line + 1}" if place else ""
        return InstalledHook(path=path, problems=(f"{path} is no YAML{where}",))
    on, properties = _triggers(action), _properties(action)
    if not on or not properties:
        return InstalledHook(path=path, problems=(f"{path} lacks `on`, or a hook with properties",))
    listed = tuple(on)
    problems = [f"{path} names the event {event}, which lakeFS does not have" for event in _unknown(listed)]
    arguments = _mapping(properties.get("args")) | _mapping(properties.get("headers"))
    if path == LUA_ACTION:
        problems += _lua_problems(properties, files)
    return InstalledHook(
        path=path,
        events=listed,
        job_id=str(arguments.get("job_id", "")),
        variables=tuple(dict.fromkeys(_VARIABLE.findall(text.partition("hooks:")[2]))),
        written_out=_written_out(arguments) | _in_address(str(properties.get("url", ""))),
        problems=tuple(problems),
        settings=_settings(path, properties, on),
    )


def _triggers(action: Any) -> dict[str, Any]:
    """What the action is for. YAML 1.1 reads the key `on` as true."""
    keys: Mapping[Any, Any] = _mapping(action)
    return {str(event): rules for event, rules in _mapping(keys.get("on", keys.get(True))).items()}


def _properties(action: Any) -> dict[str, Any]:
    hooks = _mapping(action).get("hooks")
    return _mapping(_mapping(hooks[0]).get("properties")) if isinstance(hooks, list) and hooks else {}


def _written_out(arguments: Mapping[str, Any]) -> dict[str, str]:
    found = {name: str(arguments[name]).removeprefix("Bearer ") for name in _SECRETS if name in arguments}
    return {name: value for name, value in found.items() if not _reference(value)}


def _in_address(url: str) -> dict[str, str]:
    """The credentials in the address of a service, by where they stand in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return {}
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    found = {"url": password or user} | {f"url ({name})": value for name, value in parse_qsl(parts.query)}
    return {name: value for name, value in found.items() if value}


def _service(url: str) -> str:
    """The address of a service without credentials, as install_hook takes it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="")
    return bare.geturl().removesuffix("/events")


def _unknown(listed: tuple[str, ...]) -> list[str]:
    return [event for event in listed if event not in events.LAKEFS_EVENTS]


def _lua_problems(properties: Mapping[str, Any], files: Mapping[str, str]) -> list[str]:
    script = str(properties.get("script_path", ""))
    if script == LUA_SCRIPT and LUA_SCRIPT not in files:
        return [f"{LUA_SCRIPT}, which {LUA_ACTION} runs, is not on the branch"]
    return []


def _settings(path: str, properties: Mapping[str, Any], on: Mapping[str, Any]) -> HookSettings:
    """The settings with which this version would write the file, as far as they can be told from it."""
    arguments, headers = _mapping(properties.get("args")), _mapping(properties.get("headers"))
    listed, branches = tuple(on), _branches(on)
    if path == WEBHOOK_ACTION:
        secret = _reference(headers.get("Authorization", ""))
        service = _service(str(properties.get("url", "")))
        variables = Variables(webhook_secret=secret) if secret else Variables()
        return HookSettings(
            kind=HookKind.WEBHOOK, service=service, events=listed, branches=branches, variables=variables
        )
    token = "databricks_token" in arguments
    given = {
        "client_id": _reference(arguments.get("databricks_client_id", "")),
        "client_secret": _reference(arguments.get("databricks_client_secret", "")),
        "token": _reference(arguments.get("databricks_token", "")),
    }
    return HookSettings(
        kind=HookKind.LUA,
        host=str(arguments.get("databricks_host", "")),
        job_id=str(arguments.get("job_id", "")),
        authentication=Authentication.TOKEN if token else Authentication.OAUTH,
        events=listed,
        branches=branches,
        variables=Variables(**{name: variable for name, variable in given.items() if variable}),
    )


def _branches(on: Mapping[str, Any]) -> tuple[str, ...]:
    """The patterns of branches, which install_hook writes below each event alike."""
    patterns = _mapping(next(iter(on.values()))).get("branches")
    return tuple(str(pattern) for pattern in patterns) if isinstance(patterns, list) else ()


def _reference(value: Any) -> str:
    """The variable that a value refers to, or nothing."""
    found = _VARIABLE.search(str(value))
    return found[1] if found else ""


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
