"""Action files: what stands under `_lakefs_actions/`, read and checked as recorded (action-file/*)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_stack.lakefs.standin.hooks.action_yaml import Document, YAMLError
from local_stack.lakefs.standin.hooks.branch_patterns import matches
from local_stack.lakefs.standin.versions.events import EVENT_TYPES

FOLDER = "_lakefs_actions/"
# What is known to be taken: recorded are letters, digits and spaces, and that `/` is refused.
ACTION_NAME = re.compile(r"[\w -]+", re.ASCII)
HOOK_ID = re.compile(r"[_a-zA-Z][-_a-zA-Z0-9]{1,255}")
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
        return _checked(_action(Document(content)))
    except (YAMLError, ActionFileError) as error:
        raise ActionFileError(f"parsing file {path}: {error}") from error


def _action(document: Document) -> Action:
    fields = document.fields(document.root, "actions.Action")
    action = Action(
        name=document.text(fields.get("name")),
        branches_by_event={
            event: _branches(document, options) for event, options in document.fields(fields.get("on"), "map").items()
        },
        hooks=tuple(_hook(document, hook) for hook in document.items(fields.get("hooks"), "[]actions.ActionHook")),
    )
    document.check()
    return action


def _branches(document: Document, options: Any) -> tuple[str, ...]:
    fields = document.fields(options, "actions.ActionOn")
    return tuple(document.text(pattern) for pattern in document.items(fields.get("branches"), "[]string"))


def _hook(document: Document, node: Any) -> HookDefinition:
    fields = document.fields(node, "actions.ActionHook")
    return HookDefinition(
        id=document.text(fields.get("id")),
        type=document.text(fields.get("type")),
        condition=document.text(fields.get("if")).strip(),
        properties=document.values(fields.get("properties")),
    )


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
