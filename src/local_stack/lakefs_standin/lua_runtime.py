"""The Lua of lakeFS hooks: Lua 5.2 without what lakeFS leaves out, and with its modules.

What is missing and how the modules behave was observed on a lakeFS server; the functions are in its documentation.
`string.lower` and `string.upper` know every letter, as those of go-lua, the Lua that lakeFS embeds, do outside of it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import lupa.lua52 as lupa

from local_stack.lakefs_standin import lua_modules
from local_stack.lakefs_standin.lua_http import TIMEOUT_SECONDS, http_module
from local_stack.lakefs_standin.lua_json import json_module
from local_stack.lakefs_standin.lua_lakefs import LakeFSView, lakefs_module
from local_stack.lakefs_standin.lua_paths import path_module, url_module
from local_stack.lakefs_standin.lua_regexp import regexp_module
from local_stack.lakefs_standin.lua_values import ARRAY_MARK, LuaCallError, text_of, to_lua
from local_stack.lakefs_standin.lua_yaml import yaml_module

# Runs before the script: takes away, wraps Python functions so that their failures are Lua errors, adds globals.
PRELUDE = """
local print_text, load_module, lower_text, upper_text = ...
local kept_globals, kept_strings = {}, {}
for name in ("_G _VERSION assert error getmetatable ipairs next pairs pcall rawequal rawget rawlen rawset select " ..
    "setmetatable tonumber tostring type xpcall string table math bit32 "):gmatch("(%S+) ") do
  kept_globals[name] = true
end
for name in ("byte char find format len lower rep reverse sub upper "):gmatch("(%S+) ") do
  kept_strings[name] = true
end
for name in pairs(_G) do if not kept_globals[name] then _G[name] = nil end end
for name in pairs(string) do if not kept_strings[name] then string[name] = nil end end

local find, pack, unpack, concat = string.find, table.pack, table.unpack, table.concat
string.find = function(text, part, start) return find(text, part, start, true) end

local function guard(call)
  return function(...)
    local results = pack(call(...))
    if results[1] then return unpack(results, 2, results.n) end
    error(results[2], 2)
  end
end
local function guard_all(functions)
  local module = {}
  for name, call in pairs(functions) do module[name] = guard(call) end
  return module
end

string.lower, string.upper = guard(lower_text), guard(upper_text)

local loaded = {}
local load_guarded = guard(load_module)
function require(name)
  if loaded[name] == nil then loaded[name] = guard_all(load_guarded(name)) end
  return loaded[name]
end
function print(...)
  local parts = pack(...)
  for index = 1, parts.n do parts[index] = tostring(parts[index]) end
  print_text(concat(parts, "\\t"))
end
function array(list)
  return setmetatable(list or {}, {__index = function(_, key) if key == "%s" then return true end end})
end
return guard_all
""".replace("%s", ARRAY_MARK.decode())

RUN = """
local chunk, name = ...
local compiled, problem = load(chunk, "@" .. name, "t")
return function()
  if not compiled then return false, problem end
  return pcall(compiled)
end
"""


class LuaError(Exception):
    """A script failed: the text that it raised, or where it cannot be read."""


def run_script(
    script: str,
    *,
    name: str,
    variables: Mapping[str, Any],
    output: Callable[[str], None],
    http_enabled: bool = True,
    http_timeout_seconds: float = TIMEOUT_SECONDS,
    lakefs: LakeFSView | None = None,
) -> None:
    """Run a script to its end. Raises LuaError where it fails.

    Parameters: the script and the name under which errors mention it; global variables (`action`, `args`,
    `username`); what takes each printed line; whether `net/http` is there, and its time-out; what `lakefs` shows.
    """
    runtime = lupa.LuaRuntime(encoding=None, register_eval=False, register_builtins=False, unpack_returned_tuples=True)
    run = runtime.execute(RUN.encode(), script.encode(), name.encode())
    modules = _Modules(runtime, http_enabled=http_enabled, http_timeout_seconds=http_timeout_seconds, lakefs=lakefs)

    def print_text(text: bytes) -> None:
        output(text.decode("utf-8", "replace"))

    modules.guard_all = runtime.execute(PRELUDE.encode(), print_text, modules.load, _caught(_lower), _caught(_upper))
    for variable, value in variables.items():
        runtime.globals()[variable.encode()] = to_lua(runtime, value)
    succeeded, problem = _results(run())
    if not succeeded:
        # A table raised as an error is lost on lakeFS, so it is here.
        raise LuaError(problem.decode("utf-8", "replace") if isinstance(problem, bytes) else "unknown error")


def _lower(text: Any) -> bytes:
    """Each letter by itself, as Go does."""
    return "".join(letter.lower()[0] for letter in text_of(text)).encode("utf-8", "surrogateescape")


def _upper(text: Any) -> bytes:
    letters = (letter.upper() if len(letter.upper()) == 1 else letter for letter in text_of(text))
    return "".join(letters).encode("utf-8", "surrogateescape")


def _results(values: Any) -> tuple[bool, Any]:
    return (values[0], values[1] if len(values) > 1 else None) if isinstance(values, tuple) else (values, None)


class _Modules:
    """What `require` finds."""

    def __init__(
        self, runtime: Any, *, http_enabled: bool, http_timeout_seconds: float, lakefs: LakeFSView | None
    ) -> None:
        self._runtime = runtime
        self.guard_all: Callable[[Any], Any] = lambda functions: functions
        self._modules: dict[str, Callable[[], dict[str, Any]]] = {
            "strings": lambda: lua_modules.strings_module(runtime),
            "regexp": lambda: regexp_module(runtime, self._guarded),
            "path": lambda: path_module(runtime),
            "uuid": lambda: lua_modules.uuid_module(runtime),
            "net/url": lambda: url_module(runtime),
            "time": lambda: lua_modules.time_module(runtime),
            "encoding/json": lambda: json_module(runtime),
            "encoding/yaml": lambda: yaml_module(runtime),
            "encoding/base64": lambda: lua_modules.base64_module(runtime),
            "encoding/hex": lambda: lua_modules.hex_module(runtime),
            "crypto/sha256": lambda: lua_modules.sha256_module(runtime),
            "crypto/hmac": lambda: lua_modules.hmac_module(runtime),
        }
        if http_enabled:
            self._modules["net/http"] = lambda: http_module(runtime, http_timeout_seconds)

        if lakefs is not None:
            self._modules["lakefs"] = lambda: lakefs_module(runtime, lakefs)

    def load(self, name: bytes) -> tuple[bool, Any]:
        """The functions of a module, for `require`: true and a table, or false and what is wrong."""
        module = self._modules.get(name.decode("utf-8", "replace"))
        if module is None:
            return False, b"module '" + name + b"' not found"
        return True, self._table(module())

    def _guarded(self, functions: dict[str, Any]) -> Any:
        return self.guard_all(self._table(functions))

    def _table(self, functions: dict[str, Any]) -> Any:
        return to_lua(self._runtime, {name: _caught(call) for name, call in functions.items()})


def _caught(call: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    """The function, answering true and its results, or false and its failure: Lua raises it where it was called."""

    def caught(*arguments: Any) -> tuple[Any, ...]:
        try:
            results = call(*arguments)
        except LuaCallError as error:
            return False, str(error).encode("utf-8", "surrogateescape")
        except (TypeError, ValueError) as error:
            return False, f"bad argument: {error}".encode()
        return (True, *results) if isinstance(results, tuple) else (True, results)

    return caught
