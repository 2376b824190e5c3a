"""The modules `lakefs` and `encoding/yaml` of the stand-in's Lua: as documented, or as their modules say is assumed."""

import pytest
from gate_repository import GateRepository

from local_stack.lakefs_standin.lua_lakefs import LakeFSView
from local_stack.lakefs_standin.lua_runtime import LuaError, run_script

pytestmark = pytest.mark.lua

NAMES = """
local lakefs = require("lakefs")
local function names(code, page)
  local text = tostring(code)
  for _, entry in ipairs(page.results or {}) do
    text = text .. " " .. (entry.type or entry.path_type) .. ":" .. entry.path
  end
  return text .. (page.pagination and page.pagination.has_more and " ..." or "") .. (page.message or "")
end
"""


def run(script: str, view: LakeFSView | None = None, **arguments: str) -> str:
    lines: list[str] = []
    run_script(script, variables={"args": arguments}, output=lines.append, lakefs=view)
    return "\n".join(lines)


@pytest.fixture
def view() -> LakeFSView:
    """A repository in which main and dev both changed `a/1`, dev has `c`, and main has uncommitted changes."""
    made = GateRepository()
    root = made.commit({"a/1": b"1", "b": b"b"})
    made.commit({"a/1": b"2", "b": b"b", "c": b"c"}, root, branch="dev")
    made.commit({"a/1": b"3", "b": b"b"})
    made.stage({"d": b"d", "b": None})
    return made.view.view


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ('diff_branch("shop", "main")', "200 removed:b added:d"),
        ('diff_branch("shop", "main", "", 1)', "200 removed:b ..."),
        ('diff_branch("shop", "main", "b", 1, "", "")', "200 added:d"),
        ('diff_branch("shop", "main", "", 100, "d")', "200 added:d"),
        ('diff_branch("shop", "none")', "404branch not found"),
        ('diff_refs("shop", "main", "dev")', "200 conflict:a/1 added:c"),
        ('diff_refs("shop", "main", "dev", "", "", "/")', "200 prefix_changed:a/ added:c"),
        ('diff_refs("shop", "main", "dev", "", "c", "", 5)', "200 added:c"),
        ('list_objects("shop", "main")', "200 object:a/1 object:d"),
        ('list_objects("shop", "dev", "a/1", "", "", 1)', "200 object:b ..."),
        ('list_objects("shop", "dev", "", "", "/")', "200 common_prefix:a/ object:b object:c"),
        (
            'list_objects("shop", "dev", "", "", "", 5000)',
            '400parameter "amount" in query has an error: number must be at most 1000\n'
            'Schema:\n  {\n    "default": 100,\n    "maximum": 1000,\n    "minimum": -1,\n    "type": "integer"\n  }\n'
            "\nValue:\n  5000\n",
        ),
    ],
)
def test_pages_are_a_status_and_a_body(view: LakeFSView, call: str, answer: str) -> None:
    assert run(f"{NAMES} print(names(lakefs.{call}))", view) == answer


def test_an_object_is_a_status_and_its_content(view: LakeFSView) -> None:
    assert run('print(require("lakefs").get_object("shop", "dev", "a/1"))', view) == "200\t2"
    assert run('print((require("lakefs").get_object("shop", "dev", "x")))', view) == "404"
    assert run(
        'local code, stat = require("lakefs").stat_object("shop", "main", "d") print(code, stat.size_bytes)', view
    ) == ("200\t1")


@pytest.mark.parametrize("call", ['create_tag("shop", "main", "v1")', 'list_objects("other", "main")'])
def test_what_the_stand_in_lacks_says_so(view: LakeFSView, call: str) -> None:
    with pytest.raises(LuaError, match="stand-in"):
        run(f'require("lakefs").{call}', view)


# YAML

# 9^6 values, written as aliases.
MANY = "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{earlier}'] * 9)}]\n" for earlier, name in ("ab", "bc", "cd", "de", "ef", "fg")
)
VALUE = 'local value = require("encoding/yaml").unmarshal(args.text) '


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("a: text", "string", "text"),
        ("a: yes", "string", "yes"),
        ("a: True", "boolean", "true"),
        ("a: 2024-01-31", "string", "2024-01-31"),
        ("a: 1:30", "string", "1:30"),
        ("a: 1e3", "number", "1000"),
        ("a: 0o17", "number", "15"),
        ("a: 017", "number", "15"),
        ("a: 08", "number", "8"),
        ("a: -0x1F", "number", "-31"),
        ("a: 1_000", "number", "1000"),
        ("a: 0b_", "string", "0b_"),
        ("a: ~", "nil", "nil"),
        ("a:", "nil", "nil"),
        ("a: !mine x", "string", "x"),
        ("a:\tx", "string", "x"),
        ("base: &b {a: x}\n<<: *b", "string", "x"),
        ("a: x\n---\na: y", "string", "x"),
    ],
)
def test_plain_values_are_what_gos_library_is_documented_to_make_of_them(text: str, kind: str, value: str) -> None:
    assert run(VALUE + "print(type(value.a), value.a)", text=text) == f"{kind}\t{value}"


def test_lists_and_maps_are_tables() -> None:
    assert run(VALUE + "print(value.a[2], value.b.c, value[1])", text="a: [x, y]\nb: {c: z}\n1: one") == "y\tz\tone"


def test_an_empty_text_is_nothing() -> None:
    assert run(VALUE + "print(value)", text="# only a comment") == "nil"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: x\na: y", 'yaml: line 2: mapping key "a" already defined at line 1'),
        ("a: [", "yaml: line "),
        ("a: *b", "yaml: line 1: found undefined alias"),
        ("a: \x00", "yaml: control characters"),
        ('a: "\\ud800"', "yaml: line 1: "),
        ("[a]: b", "yaml: line 1: invalid map key"),
        ("a: &a [*a]", "yaml: "),
        ("~: a", "yaml: "),
        (MANY, "aliasing"),
    ],
)
def test_what_cannot_be_read_is_an_error_that_can_be_caught(text: str, problem: str) -> None:
    script = 'local read, problem = pcall(require("encoding/yaml").unmarshal, args.text) print(read, problem)'
    said = run(script, text=text)
    assert said.startswith("false\t")
    assert problem in said


def test_marshal_says_that_the_stand_in_lacks_it() -> None:
    with pytest.raises(LuaError, match="marshal is not in the stand-in"):
        run('require("encoding/yaml").marshal({})')


# Regular expressions


def test_characters_by_number_and_every_match() -> None:
    script = r"""local found = require("regexp").compile("[\\x{e4}\\x{1f600}]").find_all(args.text, -1)
    print(#found, found[1], found[2])"""
    assert run(script, text="aäb\U0001f600ä") == "3\tä\t\U0001f600"
    assert run('print(#require("regexp").compile("a").find_all("aaa", 2))') == "2"


def test_white_space_of_unicode_is_trimmed() -> None:
    assert run('print("[" .. require("strings").trim(args.text) .. "]")', text="\u00a0 a\u3000") == "[a]"
