"""The module `encoding/yaml` of Lua hooks: Go's `yaml.v3`, which is lakeFS's.

What it gives and refuses was observed on a server (`fixtures/lakefs_lua_recorded.json`). A date or a timestamp that is
not quoted, anywhere in the document, raises an error that does not say so; a key whose value is null is missing.
"""

import math
from typing import Any

from local_stack.lakefs.standin.go.yaml.reader import read_yaml
from local_stack.lakefs.standin.go.yaml.scalars import Timestamp, YAMLError
from local_stack.lakefs.standin.go.yaml.types import GoMap
from local_stack.lakefs.standin.lua.arguments import Arguments
from local_stack.lakefs.standin.lua.modules.json import SLOTS, too_deep
from local_stack.lakefs.standin.lua.tables import TablePuller
from local_stack.lakefs.standin.lua.values import LuaBareError, LuaCallError, LuaCrash, to_lua


def yaml_module(runtime: Any) -> dict[str, Any]:
    """The module's functions."""
    tables = TablePuller(runtime)

    def unmarshal(*arguments: Any) -> Any:
        return _pushed(runtime, _read(Arguments(arguments).data(1)), SLOTS, on_top=True)

    def marshal(*arguments: Any) -> bytes:
        tables.pulled(Arguments(arguments), 1)
        raise LuaCallError("encoding/yaml: marshal is not in the stand-in")

    return {"unmarshal": unmarshal, "marshal": marshal}


def _read(content: bytes) -> Any:
    try:
        return read_yaml(content)
    except YAMLError as error:
        raise LuaCallError(str(error)) from error
    except RecursionError:
        raise too_deep(on_top=True) from None


def _pushed(runtime: Any, value: Any, slots: int, *, on_top: Any) -> Any:
    """The value on Lua's stack, of which so many slots are left; `on_top` is what lies on it."""
    if isinstance(value, Timestamp):
        raise LuaBareError("invalid option %T to 'lua_pushfstring'")
    if not isinstance(value, list | GoMap):
        return to_lua(runtime, value)
    left = slots - (2 if isinstance(value, GoMap) else 1)
    if left < 0:
        raise too_deep(on_top)
    if isinstance(value, list):
        return to_lua(runtime, [_pushed(runtime, item, left, on_top=True) for item in value])
    table = runtime.table()
    for key, item in value.pairs.values():
        if isinstance(key, float) and math.isnan(key):
            raise LuaCrash("reflect: call of reflect.Value.Interface on zero Value", table)
        pushed_key = _pushed(runtime, key, left, on_top=None)
        if pushed_key is None:
            raise LuaBareError("table index is nil")
        pushed_item = _pushed(runtime, item, left, on_top=pushed_key)
        if pushed_item is not None:
            table[pushed_key] = pushed_item
    return table
