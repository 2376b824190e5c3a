"""Lua tables as Go values, for the modules that write them, with the errors that lakeFS gives for what it cannot take.

A list is what `array` marked as one, or what a module read as one; any other table is a map and takes keys of text.
Tables nested deeper than data can be read are refused: how deep the server writes them was not observed.
"""

from typing import Any

import lupa.lua52 as lupa

from local_stack.lakefs.standin.lua.arguments import Arguments
from local_stack.lakefs.standin.lua.values import (
    ARRAY_MARK,
    LuaArray,
    LuaBareError,
    LuaCallError,
    LuaCrash,
    lua_type,
    text_of,
)

DEEPEST = 40


NEGATIVE_ZERO = b"function(table, key) local value = table[key] return value == 0 and 1 / value < 0 end"


class TablePuller:
    """Pulls tables of one runtime."""

    def __init__(self, runtime: Any) -> None:
        self._is_negative_zero = runtime.eval(NEGATIVE_ZERO)

    def pulled(self, given: Arguments, position: int) -> Any:
        """An argument as a dict, a LuaArray, or None for nil. Raises LuaCallError for any other type, and within."""
        value = given.value(position)
        if given.given(position) and value is None:
            return None
        if lupa.lua_type(value) != "table":
            raise _refused(f"need a table at index {position}, got {given.type_name(position)}")
        return self._table(value, 1)

    def _table(self, table: Any, depth: int) -> Any:
        if depth > DEEPEST:
            raise LuaCallError(f"the stand-in writes tables up to {DEEPEST} levels deep")
        return self._list(table, depth) if table[ARRAY_MARK] is True else self._map(table, depth)

    def _map(self, table: Any, depth: int) -> dict[str, Any]:
        pairs: dict[str, Any] = {}
        for key, value in table.items():
            if not isinstance(key, bytes) and not _is_number(key):
                raise _refused(f"key should be a string ({lua_type(key)})")
            pulled_value = self._value(table, key, value, depth)
            if _is_number(key):
                # Go reads the key as text, in place, and cannot find it when it looks for the next one.
                raise LuaBareError("invalid key to 'next'")
            pairs[text_of(key)] = pulled_value
        return pairs

    def _list(self, table: Any, depth: int) -> LuaArray:
        length = len(table)
        values = LuaArray([None] * length)
        for key, value in table.items():
            if not _is_number(key):
                raise _refused(f"pull array: expected numeric index, got '{lua_type(key)}'")
            pulled_value = self._value(table, key, value, depth)
            if not 1 <= int(key) <= length:
                shown_length = f" with length {length}" if key >= 1 else ""
                raise LuaCrash(f"runtime error: index out of range [{int(key) - 1}]{shown_length}", value)
            values[int(key) - 1] = pulled_value
        return values

    def _value(self, table: Any, key: Any, value: Any, depth: int) -> Any:
        if isinstance(value, bytes):
            return text_of(value)
        if isinstance(value, bool):
            return value
        if _is_number(value):
            # A whole number comes as one of Python's, which has no negative zero.
            return -0.0 if value == 0 and self._is_negative_zero(table, key) else float(value)
        if lupa.lua_type(value) == "table":
            return self._table(value, depth + 1)
        raise _refused(f"pull table, unsupported type {lua_type(value)}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refused(problem: str) -> LuaCallError:
    return LuaCallError(f"{problem}: cannot pull go type into lua")
