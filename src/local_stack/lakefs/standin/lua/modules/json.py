"""The module `encoding/json` of Lua hooks: Go's encoding, which is lakeFS's.

All of it was observed on a server (`fixtures/lakefs_lua_recorded.json`). What JSON holds has to fit on Lua's stack,
of which the server makes room for 40 values and more: how many depends on what the script called before. The stand-in
takes as many as the deepest data that was recorded as read needs.
"""

import json
import math
import re
from decimal import Decimal
from typing import Any

from local_stack.lakefs.standin.go.json_scanner import JSONError, check_json
from local_stack.lakefs.standin.go.text import REPLACEMENT, STRAY_BYTE, number_text, replaced
from local_stack.lakefs.standin.lua.arguments import Arguments
from local_stack.lakefs.standin.lua.tables import TablePuller
from local_stack.lakefs.standin.lua.values import LuaArray, LuaCallError, LuaCrash, lua_type, text_of, to_lua

# Go escapes these in strings, the first three so that JSON can stand in HTML.
ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
ESCAPED = re.compile("[" + "".join(ESCAPES) + "]")
# Stands in for a stray byte while a text is escaped: no character, so no text from UTF-8 holds it.
STRAY = "\ud800"
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
SMALLEST_PLAIN_NUMBER, LARGEST_PLAIN_NUMBER = 1e-6, 1e21
# Values of the deepest data that was recorded as read; and the size of the stack that errors name.
SLOTS, FIRST_SIZE = 42, 40


def json_module(runtime: Any) -> dict[str, Any]:
    """The module's functions."""
    tables = TablePuller(runtime)

    def marshal(*arguments: Any) -> bytes:
        given = Arguments(arguments)
        return written(tables.pulled(given, 1), _layout(given))

    def unmarshal(*arguments: Any) -> Any:
        return to_lua(runtime, decoded(Arguments(arguments).data(1)))

    return {"marshal": marshal, "unmarshal": unmarshal}


def decoded(data: bytes) -> Any:
    """JSON as values. Raises LuaCallError as the module does."""
    try:
        overflow = check_json(data, SLOTS)
    except JSONError as error:
        raise LuaCallError(str(error)) from error
    if overflow is not None:
        raise too_deep(overflow.on_top)
    return _read_back(json.loads(replaced(text_of(data)), parse_int=_float, parse_float=_float))


def too_deep(on_top: Any) -> LuaCrash:
    """What nested data raises that Lua's stack cannot take; `pcall` gives what lies on it."""
    return LuaCrash(f"runtime error: index out of range [{FIRST_SIZE}] with length {FIRST_SIZE}", on_top)


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise LuaCallError(f"json: cannot unmarshal number {text} into Go value of type float64")
    return value


def _read_back(value: Any) -> Any:
    """The value, with U+FFFD for escapes of half a character, and lists that can be written as such again."""
    if isinstance(value, str):
        return LONE_SURROGATE.sub(REPLACEMENT, value)
    if isinstance(value, list):
        return [_read_back(item) for item in value]
    if isinstance(value, dict):
        return {_read_back(key): _read_back(item) for key, item in value.items()}
    return value


def _layout(given: Arguments) -> tuple[str, str] | None:
    """Prefix and indentation of each line, where they are asked for."""
    if not given.given(2):
        return None
    options = given.table(2)
    prefix, indent = (options[name] for name in (b"prefix", b"indent"))
    for name, value in (("prefix", prefix), ("indent", indent)):
        if value is not None and not isinstance(value, bytes):
            raise LuaCallError(f"encoding/json: the stand-in takes text only as {name}, got {lua_type(value)}")
    return text_of(prefix or b""), text_of(indent or b"")


def written(value: Any, layout: tuple[str, str] | None = None) -> bytes:
    """A value as Go writes it, with a line break at the end. Raises LuaCallError."""
    return _Writer(layout).write(value).encode() + b"\n"


class _Writer:
    """Writes values as Go does; `layout` is prefix and indentation of each line but the first."""

    def __init__(self, layout: tuple[str, str] | None) -> None:
        self._prefix, self._indent = layout or ("", "")
        self._spaced = layout is not None and layout != ("", "")

    def write(self, value: Any, level: int = 0) -> str:
        """The value as JSON."""
        if value is None or isinstance(value, bool):
            return {None: "null", True: "true", False: "false"}[value]
        if isinstance(value, str):
            return _string(value)
        if isinstance(value, int | float):
            return _number(float(value))
        if isinstance(value, LuaArray):
            return self._enclosed("[]", [self.write(item, level + 1) for item in value], level)
        colon = ": " if self._spaced else ":"
        # Go sorts by bytes, which for UTF-8 is by code points.
        fields = [_string(key) + colon + self.write(value[key], level + 1) for key in sorted(value, key=_in_utf8)]
        return self._enclosed("{}", fields, level)

    def _enclosed(self, brackets: str, items: list[str], level: int) -> str:
        if not self._spaced or not items:
            return brackets[0] + ",".join(items) + brackets[1]
        start, end = (f"\n{self._prefix}{self._indent * depth}" for depth in (level + 1, level))
        return brackets[0] + start + f",{start}".join(items) + end + brackets[1]


def _in_utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _string(text: str) -> str:
    whole = json.dumps(STRAY_BYTE.sub(STRAY, text), ensure_ascii=False)
    return ESCAPED.sub(lambda match: ESCAPES[match[0]], whole).replace(STRAY, "\\ufffd")


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise LuaCallError(f"json: unsupported value: {number_text(value)}")
    if value == 0 or SMALLEST_PLAIN_NUMBER <= abs(value) < LARGEST_PLAIN_NUMBER:
        plain = f"{Decimal(repr(value)):f}"
        return plain.rstrip("0").rstrip(".") if "." in plain else plain
    mantissa, _, exponent = repr(value).partition("e")
    sign, digits = exponent[0], exponent.lstrip("+-").lstrip("0")
    return f"{mantissa.removesuffix('.0')}e{sign if sign in '+-' else '+'}{digits}"
