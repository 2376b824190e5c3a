"""Every YAML text that a lakeFS server was recorded with, as a descriptor: both gates have one verdict."""

import contextlib
import json

import pytest
from gate_repository import FOLDER, ROOT, GateRepository, comparable

from local_stack.lakefs.standin.lua.runtime import LuaError, run_script

pytestmark = pytest.mark.lua

RECORDED = json.loads((ROOT / "fixtures/lakefs_lua_recorded.json").read_text())
SCRIPTS = {record["id"]: record["script"] for record in RECORDED if record["id"].startswith("yaml/")}
# Prints the bytes of each text that a recorded script unmarshals.
PRINT_TEXTS = """
local say = print
print = function() end
require = function()
  local nothing = setmetatable({}, { __index = function() return "" end })
  local function unmarshal(text)
    local bytes = {}
    for place = 1, type(text) == "string" and #text or 0 do bytes[place] = text:byte(place) end
    if #bytes > 0 then say(table.concat(bytes, " ")) end
    return nothing
  end
  return { unmarshal = unmarshal, marshal = function() return "" end }
end
"""
VALID = b"name: orders\ntype: delta\npath: tables/orders\n"
FILE = f"{FOLDER}/a.yaml"


def texts(script: str) -> list[bytes]:
    """The texts that the script unmarshals."""
    lines: list[str] = []
    with contextlib.suppress(LuaError):
        run_script(PRINT_TEXTS + script, variables={}, output=lines.append)
    return [bytes(map(int, line.split())) for line in lines]


TEXTS = [
    pytest.param(text, id=f"{name}-{at}") for name, script in SCRIPTS.items() for at, text in enumerate(texts(script))
]


def judged(content: bytes) -> tuple[list[str], list[str], bool]:
    """The problems that each gate finds, and whether the one in Lua says that it cannot read the file."""
    repository = GateRepository()
    repository.stage({FILE: content})
    in_lua = comparable(repository.in_lua())
    return in_lua, comparable(repository.in_python()), any("is not checked" in line for line in repository.printed)


def test_the_recording_has_texts() -> None:
    assert len(SCRIPTS) > 30
    assert len(TEXTS) > 150


@pytest.mark.parametrize("text", TEXTS)
def test_a_recorded_text_alone_is_judged_alike(text: bytes) -> None:
    """None of them is a whole descriptor. Which of its faults is told may differ."""
    in_lua, in_python, is_left = judged(text)
    assert in_python
    assert bool(in_lua) != is_left


@pytest.mark.parametrize("text", TEXTS)
def test_a_recorded_text_behind_valid_keys_is_judged_alike(text: bytes) -> None:
    in_lua, in_python, is_left = judged(VALID + text)
    assert in_lua == ([] if is_left else in_python)


def test_only_these_recorded_texts_are_left_to_the_export() -> None:
    texts_behind = {text for (text,) in (param.values for param in TEXTS) if judged(VALID + text)[2]}
    assert {text for text in texts_behind if len(text) < 50} == {
        b"~: x",
        b".nan: x",
        b"? [a, b]\n: x",
        b"? {a: 1}\n: x",
        b"a: &x [*x]",
        b"v: !!binary '%'",
        b"v: !!bool yes",
        b"v: !!null x",
    }
    # The rest are aliases of aliases, and lists within lists.
    assert len(texts_behind) == 11


@pytest.mark.parametrize("text", [param for param in TEXTS if param.values[0].startswith(b"v:")])
def test_a_recorded_value_is_judged_alike_as_a_name(text: bytes) -> None:
    in_lua, in_python, is_left = judged(b"name:" + text[2:].rstrip(b"\n") + b"\ntype: delta\npath: tables/orders\n")
    assert in_lua == ([] if is_left else in_python)
