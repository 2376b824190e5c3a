"""The stand-in's Lua: what lakeFS's lacks is missing, and its modules behave as observed there."""

from typing import Any

import pytest

from local_stack.lakefs.standin.lua.runtime import LuaError, run_script

pytestmark = pytest.mark.lua


def run(script: str, *, http_enabled: bool = True, **variables: Any) -> str:
    lines: list[str] = []
    run_script(script, variables=variables, output=lines.append, http_enabled=http_enabled)
    return "\n".join(lines)


@pytest.mark.parametrize(
    "name",
    ["string.match", "string.gsub", "string.gmatch", "string.dump", "os", "io", "coroutine", "dofile", "python"],
)
def test_what_lakefs_lacks_is_missing(name: str) -> None:
    assert run(f"print({name})") == "nil"


@pytest.mark.parametrize("expression", ["7 // 2", "7 & 2"])
def test_operators_of_later_versions_are_syntax_errors(expression: str) -> None:
    with pytest.raises(LuaError, match=r'^syntax error: \[string "lua"\]:1: '):
        run(f"print({expression})")


def test_find_is_literal() -> None:
    assert run('print(("a+b"):find("+"))') == "2\t2"
    assert run('print(("a+b"):find("."))') == "nil"


def test_lower_and_upper_case_know_every_letter() -> None:
    assert run('print(("ÄΣİ"):lower(), string.upper("äß"))') == "äσi\tÄß"  # noqa: RUF001
    with pytest.raises(LuaError, match="string expected, got nil"):
        run("string.lower(nil)")


def test_print_joins_with_tabs() -> None:
    assert run('print(1, "a", nil, true)') == "1\ta\tnil\ttrue"


def test_variables_are_tables_and_text() -> None:
    assert run(
        "print(action.parents[1], action.name, #action.none)", action={"parents": ["p"], "name": "ü", "none": []}
    ) == ("p\tü\t0")


def test_digests_are_raw_bytes() -> None:
    script = 'print(require("encoding/hex").encode(require("crypto/sha256").digest("abc")))'
    assert run(script) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_an_error_with_text_keeps_it_and_a_table_is_lost() -> None:
    with pytest.raises(LuaError, match=r"^runtime error: text\nstack traceback:\n"):
        run('error("text", 0)')
    with pytest.raises(LuaError, match="string expected, got table"):
        run("error({})")


def test_failures_of_modules_can_be_caught() -> None:
    caught = run('local ok, problem = pcall(require("encoding/base64").decode, "%"); print(ok, type(problem))')
    assert caught == "false\tstring"


def test_http_is_missing_where_the_server_does_not_allow_it() -> None:
    with pytest.raises(LuaError, match="module 'net/http' not found"):
        run('require("net/http")', http_enabled=False)
