"""Runs a few lines of Lua as a hook of lakeFS, without a server."""

from typing import Any

from local_stack.lakefs.standin.lua.modules.lakefs import LakeFSView
from local_stack.lakefs.standin.lua.runtime import LuaError, run_script

MODULES = """
local json, yaml, regexp = require("encoding/json"), require("encoding/yaml"), require("regexp")
local strings, time, base64 = require("strings"), require("time"), require("encoding/base64")
local hex, path, url, http = require("encoding/hex"), require("path"), require("net/url"), require("net/http")
"""


def printed(script: str, view: LakeFSView | None = None, *, timeout_seconds: float = 5.0, **arguments: Any) -> str:
    """What the script printed; with the modules as locals, and `args`. Raises LuaError where it fails."""
    lines: list[str] = []
    run_script(
        MODULES + script,
        variables={"args": arguments},
        output=lines.append,
        http_timeout_seconds=timeout_seconds,
        lakefs=view,
    )
    return "\n".join(lines)


def raised(script: str, **arguments: Any) -> str:
    """The first line of what the run of a failed script shows."""
    try:
        printed(script, **arguments)
    except LuaError as error:
        return str(error).partition("\n")[0]
    raise AssertionError("the script did not fail")


def caught(call: str, **arguments: Any) -> str:
    """What `pcall` gives for a function and its arguments, written as one list."""
    return printed(f"print(pcall({call}))", **arguments)
