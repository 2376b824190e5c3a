"""The Lua of lakeFS hooks: Lua 5.2 without what lakeFS leaves out, with its modules and its texts of errors.

What is there and how it behaves was observed on a lakeFS 1.84 server, which embeds go-lua; the recording is replayed
in tests. The instructions of a script run in Lua's C; its functions are those of the folders `scripts` and `modules`.
"""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import lupa.lua52 as lupa

from local_stack.lakefs.standin.lua import format as lua_format
from local_stack.lakefs.standin.lua.bytecode import read_chunk
from local_stack.lakefs.standin.lua.catalogue import FUNCTIONS, LOADED
from local_stack.lakefs.standin.lua.modules import computing as lua_modules
from local_stack.lakefs.standin.lua.modules.http import TIMEOUT_SECONDS, http_module
from local_stack.lakefs.standin.lua.modules.json import json_module
from local_stack.lakefs.standin.lua.modules.lakefs import LakeFSView, lakefs_module
from local_stack.lakefs.standin.lua.modules.paths import path_module, url_module
from local_stack.lakefs.standin.lua.modules.regexp import regexp_module
from local_stack.lakefs.standin.lua.modules.yaml import yaml_module
from local_stack.lakefs.standin.lua.names import ChunkNames
from local_stack.lakefs.standin.lua.syntax import syntax_error
from local_stack.lakefs.standin.lua.values import ARRAY_MARK, LuaBareError, LuaCallError, LuaCrash, to_lua

CHUNK_NAME = b"lua"  # what errors call a script, whatever its path
FOLDER = Path(__file__).with_name("scripts")
START = "start"
PARTS = ("frames", "support", "basic", "text", "tables", "numbers", "hook")


class LuaError(Exception):
    """A script failed: what its run shows of that, after `action failed: `."""


def run_script(
    script: str,
    *,
    variables: Mapping[str, Any],
    output: Callable[[str], None],
    http_enabled: bool = True,
    http_timeout_seconds: float = TIMEOUT_SECONDS,
    lakefs: LakeFSView | None = None,
) -> None:
    """Run a script to its end. Raises LuaError where it fails.

    Parameters: the script; global variables (`action`, `args`, `username`); what takes each printed line, in which
    bytes that are no UTF-8 are surrogates; whether `net/http` is there, and its time-out; what `lakefs` shows.
    """
    runtime = lupa.LuaRuntime(encoding=None, register_eval=False, register_builtins=False, unpack_returned_tuples=True)
    modules = _Modules(runtime, http_enabled=http_enabled, http_timeout_seconds=http_timeout_seconds, lakefs=lakefs)
    parts = {name: _own_chunk(runtime, name) for name in PARTS}

    def print_text(text: bytes) -> None:
        output(_text(text))

    script_globals, run, modules.guarded_all = _own_chunk(runtime, START)(
        runtime.table_from({name.encode(): part for name, part in parts.items()}),
        _python_functions(runtime),
        print_text,
        modules.functions,
        runtime.table(*(name.encode() for name in modules.loaded)),
    )
    for variable, value in variables.items():
        script_globals[variable.encode()] = to_lua(runtime, value)
    results = run(script.encode("utf-8", "surrogateescape"), CHUNK_NAME)
    if results is not True:
        raise LuaError(_failure(*results))


def _own_chunk(runtime: Any, name: str) -> Any:
    """A file of the folder, loaded."""
    return runtime.globals()[b"load"](_compiled(name), f"={name}.lua".encode(), b"b")


@cache
def _compiled(name: str) -> bytes:
    """A file of the folder, compiled. Its tail calls are made calls, as those of a script are: a frame must not go."""
    library = lupa.LuaRuntime(encoding=None, register_eval=False, register_builtins=False).globals()
    compiled = library[b"load"]((FOLDER / f"{name}.lua").read_bytes(), f"={name}.lua".encode(), b"t")
    return read_chunk(library[b"string"][b"dump"](compiled), name).loadable


def _python_functions(runtime: Any) -> Any:
    functions = {
        **ChunkNames().for_lua(),
        "syntax_error": syntax_error,
        "lower": lua_format.lower,
        "upper": lua_format.upper,
        "reverse": lua_format.reverse,
        "formatted": lua_format.formatted,
        "array_mark": ARRAY_MARK,
    }
    return runtime.table_from({name.encode(): function for name, function in functions.items()})


def _failure(_succeeded: bool, problem: bytes, kind: bytes) -> str:
    """What the run shows: `kind` is `syntax`, `runtime`, or empty where the text stands alone."""
    return f"{kind.decode()} error: {_text(problem)}" if kind else _text(problem)


class _Modules:
    """What `require` finds."""

    def __init__(
        self, runtime: Any, *, http_enabled: bool, http_timeout_seconds: float, lakefs: LakeFSView | None
    ) -> None:
        self._runtime = runtime
        self.guarded_all: Callable[[Any], Any] = lambda functions: functions
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
            "net/http": lambda: http_module(runtime, http_timeout_seconds),
        }
        if lakefs is not None:
            self._modules["lakefs"] = lambda: lakefs_module(runtime, lakefs)
        self._missing = set() if http_enabled else {"net/http"}

    @property
    def loaded(self) -> list[str]:
        """The modules that are loaded before the script asks for any; `hook` is the Lua part's own."""
        return [name for name in LOADED if name not in {"hook", *self._missing}]

    def functions(self, name: bytes) -> Any:
        """The functions of a module in a table; None where there is no such module."""
        text = _text(name)
        if text not in FUNCTIONS or text in self._missing:
            return None
        refused = {function: _refused(f"{text}: {function}") for function in FUNCTIONS[text].split()}
        return self._table({**refused, **self._modules.get(text, dict)()})

    def _guarded(self, functions: dict[str, Any]) -> Any:
        return self.guarded_all(self._table(functions))

    def _table(self, functions: dict[str, Any]) -> Any:
        return to_lua(self._runtime, {name: _caught(call) for name, call in functions.items()})


def _refused(name: str) -> Callable[..., Any]:
    def refuse(*_arguments: Any) -> Any:
        raise LuaCallError(f"{name} is not in the stand-in")

    return refuse


def _caught(call: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    """The function, answering true and its results, or false and its failure: Lua raises it where it was called.

    A failure is a text, whether the script's position goes before it, and for a crash what `pcall` gives in its place.
    """

    def caught(*arguments: Any) -> tuple[Any, ...]:
        try:
            results = call(*arguments)
        except LuaCrash as error:
            return False, _bytes(str(error)), b"crash", error.caught
        except LuaBareError as error:
            return False, _bytes(str(error)), b"bare"
        except LuaCallError as error:
            return False, _bytes(str(error)), b"here"
        except (TypeError, ValueError) as error:
            return False, f"bad argument: {error}".encode(), b"here"
        return (True, *results) if isinstance(results, tuple) else (True, results)

    return caught


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")
