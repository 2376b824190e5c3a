"""Action files: what stands under `_lakefs_actions/`, read and checked."""

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from local_stack.lakefs_standin.events import EVENT_TYPES

FOLDER = "_lakefs_actions/"
HOOK_ID = re.compile(r"^[_a-zA-Z][-_a-zA-Z0-9]{1,255}$")
HOOK_TYPES = ("webhook", "lua")
# `if:` of a hook; without one it runs where the hooks before it in the action have succeeded.
CONDITIONS = ("success()", "failure()", "always()")


class ActionFileError(Exception):
    """An action file that cannot be used: every commit on its branch fails."""


@dataclass(frozen=True, kw_only=True)
class HookDefinition:
    """One hook of an action."""

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
        """Whether the event on this branch (empty for tags) runs the action."""
        patterns = self.branches_by_event.get(event_type)
        if patterns is None:
            return False
        return not patterns or any(fnmatch.fnmatchcase(branch, pattern) for pattern in patterns)


class _Loader(yaml.SafeLoader):
    """YAML in which only true and false are booleans, so that the key `on` is text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$", re.IGNORECASE), list("tTfF"))


def parse_action(path: str, content: bytes) -> Action:
    """The action in the file at this path. Raises ActionFileError."""
    try:
        fields = yaml.load(content, Loader=_Loader)  # noqa: S506, a SafeLoader
    except (yaml.YAMLError, UnicodeError) as error:
        raise ActionFileError(f"{path}: {error}") from error
    if not isinstance(fields, dict):
        raise ActionFileError(f"{path}: the file holds no action")
    events, hooks = fields.get("on"), fields.get("hooks")
    if not isinstance(events, dict) or not events:
        raise ActionFileError(f"{path}: 'on' is required: invalid action")
    if not isinstance(hooks, list) or not hooks:
        raise ActionFileError(f"{path}: 'hooks' is required: invalid action")
    definitions = tuple(_parse_hook(path, position, hook) for position, hook in enumerate(hooks))
    if len({hook.id for hook in definitions}) < len(definitions):
        raise ActionFileError(f"{path}: two hooks have one id: invalid action")
    return Action(
        name=str(fields.get("name") or path),
        branches_by_event={str(event): _branches(path, str(event), options) for event, options in events.items()},
        hooks=definitions,
    )


def _branches(path: str, event: str, options: Any) -> tuple[str, ...]:
    if event not in EVENT_TYPES:
        raise ActionFileError(f"{path}: event '{event}' is not supported: invalid action")
    patterns = (options or {}).get("branches") or [] if isinstance(options, dict | None) else None
    if not isinstance(patterns, list):
        raise ActionFileError(f"{path}: event '{event}': 'branches' must be a list: invalid action")
    return tuple(str(pattern) for pattern in patterns)


def _parse_hook(path: str, position: int, fields: Any) -> HookDefinition:
    if not isinstance(fields, dict):
        raise ActionFileError(f"{path}: hook[{position}]: not a map: invalid action")
    hook_id, hook_type, properties = str(fields.get("id", "")), fields.get("type"), fields.get("properties") or {}
    if not HOOK_ID.match(hook_id):
        raise ActionFileError(f"{path}: hook[{position}] id '{hook_id}': missing or invalid ID: invalid action")
    if hook_type not in HOOK_TYPES:
        raise ActionFileError(f"{path}: hook '{hook_id}': type '{hook_type}' is none of {', '.join(HOOK_TYPES)}")
    condition = str(fields.get("if") or CONDITIONS[0]).replace(" ", "")
    if condition not in CONDITIONS:
        raise ActionFileError(f"{path}: hook '{hook_id}': if '{condition}' is none of {', '.join(CONDITIONS)}")
    _check_properties(path, hook_id, hook_type, properties)
    return HookDefinition(id=hook_id, type=hook_type, condition=condition, properties=properties)


def _check_properties(path: str, hook_id: str, hook_type: str, properties: Any) -> None:
    if not isinstance(properties, dict):
        raise ActionFileError(f"{path}: hook '{hook_id}': properties must be a map: invalid action")
    if hook_type == "webhook" and not isinstance(properties.get("url"), str):
        raise ActionFileError(f"{path}: hook '{hook_id}': a webhook needs the property 'url': invalid action")
    if hook_type == "lua" and not isinstance(properties.get("script", properties.get("script_path")), str):
        raise ActionFileError(f"{path}: hook '{hook_id}': lua needs 'script' or 'script_path': invalid action")
