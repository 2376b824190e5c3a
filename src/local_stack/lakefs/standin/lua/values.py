"""Values between Python and Lua. Lua strings are bytes; Python text is UTF-8 with stray bytes kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lupa.lua52 as lupa

from local_stack.lakefs.standin.go.text import number_text

ARRAY_MARK = b"__lakefs_array"
LIST_MAKER = b"lakefs_list_maker"
LIST_MAKER_SOURCE = b"""
(function()
  local metatable = {__index = function(_, key) if key == "%s" then return true end end}
  local setmetatable = setmetatable
  return function(...) return setmetatable({...}, metatable) end
end)()
""".strip().replace(b"%s", ARRAY_MARK)


class LuaCallError(Exception):
    """A module's function refuses its arguments, or fails; Lua sees it as an error."""


class LuaBareError(LuaCallError):
    """An error that go-lua raises inside a module's function: its text names no position of the script."""


class LuaCrash(LuaCallError):  # noqa: N818, it is what Go calls a panic
    """The server's own language fails inside a module's function.

    A run shows the text, without a trace; `pcall` gives whatever lay on Lua's stack.
    """

    def __init__(self, text: str, caught: Any) -> None:
        super().__init__(text)
        self.caught = caught


@dataclass(frozen=True)
class TruthKey:
    """True or false as the key of a map: Python takes them for 1 and 0, Lua and YAML do not."""

    value: bool


class LuaArray(list[Any]):
    """A list that Lua marked as one with `array`."""


def text_of(value: Any) -> str:
    """A Lua string, or a number that stands for one, as Python text. Raises LuaCallError for anything else."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number_text(value)
    raise LuaCallError(f"string expected, got {lua_type(value)}")


def bytes_of(value: Any) -> bytes:
    """A Lua string as its bytes. Raises LuaCallError for anything else."""
    return value if isinstance(value, bytes) else text_of(value).encode("utf-8", "surrogateescape")


def lua_type(value: Any) -> str:
    """What `type` says in Lua."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return {"str": "string", "bytes": "string"}.get(type(value).__name__) or str(lupa.lua_type(value) or "userdata")


def to_lua(runtime: Any, value: Any) -> Any:
    """A Python value as Lua sees it: tables for mappings and lists, nil for None, strings for text.

    A list is marked as one, as `array` marks it, and None in it leaves a hole that its length counts.
    """
    if isinstance(value, Mapping):
        table = runtime.table()
        for key, item in value.items():
            table[to_lua(runtime, key)] = to_lua(runtime, item)
        return table
    if isinstance(value, list | tuple):
        return _list_maker(runtime)(*(to_lua(runtime, item) for item in value))
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, TruthKey):
        return value.value
    # Lua 5.2 has doubles only: whole numbers beyond 2^53 lose their last digits here as they do there.
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _list_maker(runtime: Any) -> Any:
    """What makes lists in this runtime. It is kept among C's globals, which no script sees."""
    kept = runtime.globals()
    if kept[LIST_MAKER] is None:
        kept[LIST_MAKER] = runtime.eval(LIST_MAKER_SOURCE)
    return kept[LIST_MAKER]


def from_lua(value: Any) -> Any:
    """A Lua value in Python: a dict or LuaArray for a table, text for a string."""
    if isinstance(value, bytes):
        return text_of(value)
    if lupa.lua_type(value) != "table":
        return value
    if value[ARRAY_MARK] is True:
        return LuaArray(from_lua(value[index]) for index in range(1, len(value) + 1))
    return {key if not isinstance(key, bytes) else text_of(key): from_lua(item) for key, item in value.items()}
