"""Action files: what stands under `_lakefs_actions/`, read and checked as recorded (action-file/*)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_stack.lakefs.standin.go.yaml.reader import read_yaml
from local_stack.lakefs.standin.go.yaml.scalars import YAMLError
from local_stack.lakefs.standin.go.yaml.types import ANYTHING, TEXT, GoMap, ListOf, MapOf, Struct
from local_stack.lakefs.standin.hooks.branch_patterns import matches
from local_stack.lakefs.standin.lua.values import TruthKey
from local_stack.lakefs.standin.versions.events import EVENT_TYPES

FOLDER = "_lakefs_actions/"
# What is known to be taken: recorded are letters, digits and spaces, and that `/` is refused.
ACTION_NAME = re.compile(r"[\w -]+", re.ASCII)
HOOK_ID = re.compile(r"[_a-zA-Z][-_a-zA-Z0-9]{1,255}")
# The types that a server reads an action file into, as its errors name them; that of `on` was not seen in one.
_TRIGGER = Struct({"branches": ListOf(TEXT, "[]string")}, "actions.ActionOn")
_PROPERTIES = MapOf(ANYTHING, "map[string]interface {}")
_HOOK = Struct({"id": TEXT, "type": TEXT, "if": TEXT, "properties": _PROPERTIES}, "actions.ActionHook")
ACTION = Struct(
    {
        "name": TEXT,
        "on": MapOf(_TRIGGER, "map[string]actions.ActionOn"),
        "hooks": ListOf(_HOOK, "[]actions.ActionHook"),
    },
    "actions.Action",
)
# Of the types that lakeFS documents, those that the stand-in can run.
HOOK_TYPES = ("webhook", "lua")


class ActionFileError(Exception):
    """An action file that cannot be used: every commit on its branch fails."""


@dataclass(frozen=True, kw_only=True)
class HookDefinition:
    """One hook of an action. `condition` is empty where it runs only if all hooks before it succeeded."""

    id: str
    type: str
    condition: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Action:
    """One action file: which events on which branches run which hooks."""

    name: str
    branches_by_event: Mapping[str, tuple[str, ...]]
    hooks: tuple[HookDefinition, ...]

    def listens_to(self, event_type: str, branch: str) -> bool:
        """Whether the event on this branch (empty for tags) runs the action. Raises PatternError."""
        patterns = self.branches_by_event.get(event_type)
        if patterns is None:
            return False
        return not patterns or any(matches(pattern, branch) for pattern in patterns)


def parse_action(path: str, content: bytes) -> Action:
    """The action in the file at this path. Raises ActionFileError, in the words of the server."""
    try:
        return _checked(_action(read_yaml(content, ACTION)))
    except (YAMLError, ActionFileError) as error:
        raise ActionFileError(f"parsing file {path}: {error}") from error
    except RecursionError:
        raise ActionFileError(f"parsing file {path}: the stand-in reads nothing that is nested so deep") from None


def _action(fields: Mapping[str, Any]) -> Action:
    triggers = fields["on"].pairs.values() if "on" in fields else ()
    return Action(
        name=fields.get("name", ""),
        branches_by_event={event: tuple(trigger.get("branches", ())) for event, trigger in triggers},
        hooks=tuple(_hook(hook) for hook in fields.get("hooks", ())),
    )


def _hook(fields: Mapping[str, Any]) -> HookDefinition:
    return HookDefinition(
        id=fields.get("id", ""),
        type=fields.get("type", ""),
        condition=fields.get("if", "").strip(),
        properties=_plain(fields["properties"]) if "properties" in fields else {},
    )


def _plain(value: Any) -> Any:
    """A value with dicts for Go's maps, in which true is another key than 1."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, GoMap):
        return value
    pairs = value.pairs.values()
    return {TruthKey(key) if isinstance(key, bool) else key: _plain(item) for key, item in pairs}


def _checked(action: Action) -> Action:
    if not action.name:
        raise ActionFileError("'name' is required: invalid action")
    if not ACTION_NAME.fullmatch(action.name):
        raise ActionFileError("'name' is invalid: invalid action")
    if not action.branches_by_event:
        raise ActionFileError("'on' is required: invalid action")
    for event, patterns in action.branches_by_event.items():
        if event not in EVENT_TYPES:
            raise ActionFileError(f"event '{event}' is not supported: invalid action")
        if patterns and event.endswith("-tag"):
            raise ActionFileError("'branches' is not supported in tag event types. invalid event parameter")
    ids = [hook.id for hook in action.hooks]
    for position, hook in enumerate(action.hooks):
        problem = _hook_problem(hook, ids[:position])
        if problem:
            raise ActionFileError(f"hook[{position}] {problem}: invalid action")
    return action


def _hook_problem(hook: HookDefinition, earlier: list[str]) -> str:
    if not HOOK_ID.fullmatch(hook.id):
        return "missing ID"
    if hook.id in earlier:
        return f"duplicate ID '{hook.id}'"
    if hook.type not in HOOK_TYPES:
        return f"type '{hook.id}' unknown"  # the server names the hook here, not the type
    needed = ("url",) if hook.type == "webhook" else ("script", "script_path")
    if not any(isinstance(hook.properties.get(name), str) and hook.properties[name] for name in needed):
        names = " or ".join(f"'{name}'" for name in needed)
        return f"type '{hook.type}': {names} must be supplied in properties"
    return ""
