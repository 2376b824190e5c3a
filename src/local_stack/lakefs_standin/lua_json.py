"""The module `encoding/json` of Lua hooks: Go's encoding, which is lakeFS's."""

import json
import math
from decimal import Decimal
from typing import Any

from local_stack.lakefs_standin.lua_values import LuaArray, LuaCallError, bytes_of, from_lua, lua_type, to_lua

# Go escapes these in strings so that JSON can stand in HTML.
ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
LARGEST_PLAIN_NUMBER = 1e21


def json_module(runtime: Any) -> dict[str, Any]:
    """The module's functions."""

    def marshal(value: Any) -> bytes:
        return _encoded(from_lua(value)).encode("utf-8", "replace") + b"\n"

    def unmarshal(text: Any) -> Any:
        try:
            return to_lua(runtime, json.loads(bytes_of(text), parse_int=float))
        except ValueError as error:
            raise LuaCallError(f"invalid JSON: {error}") from error

    return {"marshal": marshal, "unmarshal": unmarshal}


def _encoded(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int | float):
        return _number(float(value))
    if isinstance(value, LuaArray):
        return f"[{','.join(_encoded(item) for item in value)}]"
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise LuaCallError("cannot marshal a table with keys that are not strings; wrap lists in array()")
        return "{" + ",".join(f"{_quoted(key)}:{_encoded(value[key])}" for key in sorted(value)) + "}"
    raise LuaCallError(f"cannot marshal a {lua_type(value)}")


def _quoted(text: str) -> str:
    whole = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(ESCAPES.get(character, character) for character in json.dumps(whole, ensure_ascii=False))


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise LuaCallError("cannot marshal a number that is not finite")
    if value == 0 or 1e-6 <= abs(value) < LARGEST_PLAIN_NUMBER:
        plain = f"{Decimal(repr(value)):f}"
        return plain.rstrip("0").rstrip(".") if "." in plain else plain
    return repr(value)
