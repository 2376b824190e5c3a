"""What a script's run shows where it fails is what go-lua gives, the Lua that lakeFS embeds.

`fixtures/go_lua_errors.json` holds scripts beyond those that a lakeFS server was seen to run, with the error and trace
of go-lua (github.com/Shopify/go-lua of July 2025) under the chunk's name `lua`.
"""

import json
from pathlib import Path

import pytest

from local_stack.lakefs.standin.lua.runtime import LuaError, run_script

pytestmark = pytest.mark.lua

ERRORS = json.loads((Path(__file__).parents[3] / "fixtures/go_lua_errors.json").read_text())


def error_of(script: str) -> str:
    with pytest.raises(LuaError) as failure:
        run_script(script, variables={}, output=lambda _: None)
    return str(failure.value)


@pytest.mark.parametrize(("script", "error"), [(case["script"], case["error"]) for case in ERRORS])
def test_a_failed_script_shows_what_go_lua_shows(script: str, error: str) -> None:
    assert error_of(script) == error


def test_a_deep_recursion_ends_with_a_short_trace() -> None:
    lines = error_of("local function f(n) return 1 + f(n + 1) end f(1)").split("\n")
    assert lines[0] == 'runtime error: [string "lua"]:1: stack overflow'
    assert lines[13] == "\t..."
    assert len(lines) < 30


TAKE_ALL_AWAY = "for key in pairs(t) do t[key] = nil end"


@pytest.mark.parametrize("table", ["{1000, x = 1}", "{[1000] = 1, [2000] = 2}", "{[1.5] = 1}", "{[true] = 1}"])
def test_a_key_that_is_taken_away_ends_a_walk(table: str) -> None:
    assert error_of(f"local t = {table} {TAKE_ALL_AWAY}").startswith("runtime error: invalid key to 'next'\n")


def test_a_list_may_be_emptied_while_it_is_walked() -> None:
    printed: list[str] = []
    run_script(f"local t = {{1, 2, 3}} {TAKE_ALL_AWAY} print(next(t))", variables={}, output=printed.append)
    assert printed == ["nil"]


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ('package.loadlib("x", "y")', "package.loadlib is not in the stand-in"),
        ("debug.sethook()", "debug.sethook is not in the stand-in"),
        ('require("aws").s3_client()', "aws: s3_client is not in the stand-in"),
        ('load("\\27Lua")', "load: the stand-in loads no compiled Lua"),
    ],
)
def test_what_the_server_has_and_the_stand_in_has_not_says_so(script: str, error: str) -> None:
    assert error_of(script).startswith(f'runtime error: [string "lua"]:1: {error}\nstack traceback:\n')


def test_a_crash_in_a_module_shows_its_text_without_a_trace() -> None:
    assert error_of('require("encoding/json").unmarshal(("["):rep(200) .. ("]"):rep(200))') == (
        "runtime error: index out of range [40] with length 40"
    )
