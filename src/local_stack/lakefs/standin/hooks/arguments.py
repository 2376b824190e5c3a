"""The `args` of a Lua hook: what the server takes, and what it does with the rest (recorded: args/*)."""

from collections.abc import Mapping
from typing import Any

from local_stack.lakefs.standin.go.yaml.scalars import Timestamp
from local_stack.lakefs.standin.hooks.environment import LUA_PREFIX, MissingVariableError, substitute


class HookArgumentsError(Exception):
    """The args cannot be used: before an operation it is refused, after it no run is recorded."""


class ServerEnd(BaseException):
    """What ends a lakeFS server as a whole, whoever it happens to."""


def hook_arguments(value: Any, environment: Mapping[str, str]) -> Mapping[str, Any]:
    """The args with their `{{ ENV.X }}` replaced; none where the action file has none.

    Raises HookArgumentsError for what is no map, for keys that the server refuses, and for a missing variable.
    """
    arguments = {} if value is None else value
    if not isinstance(arguments, Mapping):
        raise HookArgumentsError(f"error parsing args: {type(arguments).__name__} is no map: wrong property type")
    if not all(isinstance(key, str) for key in arguments):
        raise HookArgumentsError("error parsing args: a key is no text: wrong property type")
    try:
        replaced: Mapping[str, Any] = substitute(arguments, environment, LUA_PREFIX)
    except MissingVariableError as error:
        raise HookArgumentsError(f"error parsing args: {error}") from error
    return replaced


def check_no_dates(value: Any) -> None:
    """Raise ServerEnd where a value or key is a date: lakeFS's process ends as it hands one to Lua."""
    if isinstance(value, Timestamp):
        raise ServerEnd(f"the args of a Lua hook hold the date {value}: quote it, a lakeFS server ends here")
    for part in _parts(value):
        check_no_dates(part)


def _parts(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []
