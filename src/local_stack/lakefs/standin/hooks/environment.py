"""`{{ ENV.X }}` in the properties of hooks."""

import re
from collections.abc import Mapping
from typing import Any

REFERENCE = re.compile(r"\{\{\s*ENV\.(\w+)\s*\}\}")
WEBHOOK_PREFIX = "LAKEFSACTION_"
LUA_PREFIX = "LAKEFS"


class MissingVariableError(Exception):
    """A hook refers to a variable that the server does not have."""


def substitute(value: Any, environment: Mapping[str, str], prefix: str) -> Any:
    """The value with its references replaced, in lists and maps too.

    A variable without the prefix is silently empty, so that hooks cannot read the server's other settings.
    Raises MissingVariableError for one that has the prefix and is not set.
    """
    if isinstance(value, str):
        return REFERENCE.sub(lambda match: _variable(match[1], environment, prefix), value)
    if isinstance(value, list):
        return [substitute(item, environment, prefix) for item in value]
    if isinstance(value, dict):
        return {key: substitute(item, environment, prefix) for key, item in value.items()}
    return value


def _variable(name: str, environment: Mapping[str, str], prefix: str) -> str:
    if not name.startswith(prefix):
        return ""
    if name not in environment:
        raise MissingVariableError(f"{name} not found: missing env var")
    return environment[name]
