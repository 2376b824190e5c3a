"""`lakefs` of Lua hooks, beyond what was recorded of a server: what its functions ask, and how they refuse."""

import pytest
from gate_repository import GateRepository
from lua_snippet import printed

from local_stack.lakefs.standin.lua.modules.lakefs import LakeFSView

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
    assert printed(f"{NAMES} print(names(lakefs.{call}))", view) == answer


def test_an_object_is_a_status_and_its_content(view: LakeFSView) -> None:
    assert printed('print(require("lakefs").get_object("shop", "dev", "a/1"))', view) == "200\t2"
    stat = 'local code, text = require("lakefs").stat_object("shop", "main", "d") '
    script = stat + "print(code, json.unmarshal(text).size_bytes)"
    assert printed(script, view) == "200\t1"


@pytest.mark.parametrize("function", ["get_object", "stat_object"])
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ('"shop", "dev", "x"', 404, "not found"),
        ('"shop", "none", "d"', 404, "not found"),
        ('"other", "main", "d"', 404, "repository not found"),
        ('"S", "main", "d"', 400, "argument repository: repository id: invalid value: validation error"),
        ('"shop", "main", ""', 400, 'parameter \\"path\\" in query has an error: empty value is not allowed'),
    ],
)
def test_a_refusal_is_a_status_and_json(
    view: LakeFSView, function: str, arguments: str, code: int, message: str
) -> None:
    said = printed(f'print(require("lakefs").{function}({arguments}))', view)
    assert said == f'{code}\t{{"message":"{message}"}}\n'


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ('diff_branch, "shop", "main", nil', "bad argument #3 to '?' (string expected, got nil)"),
        ('diff_branch, "shop", "main", "", nil', "bad argument #4 to '?' (number expected, got nil)"),
        ('diff_branch, "shop", "main", "", 1, nil', "bad argument #5 to '?' (string expected, got nil)"),
        ('diff_refs, "shop", "main", "dev", "", "", "", nil', "bad argument #7 to '?' (number expected, got nil)"),
        ('list_objects, "shop", "main", {}', "bad argument #3 to '?' (string expected, got table)"),
        ('get_object, "shop", "main"', "bad argument #3 to '?' (string expected, got no value)"),
        ('stat_object, "shop"', "bad argument #2 to '?' (string expected, got no value)"),
        ('create_tag, "shop", "main", "v1"', "lakefs.create_tag is not in the stand-in"),
        (
            'update_object_user_metadata, "shop", "main", "d", {}',
            "lakefs.update_object_user_metadata is not in the stand-in",
        ),
    ],
)
def test_arguments_that_are_none_raise(view: LakeFSView, call: str, problem: str) -> None:
    assert printed(f'print(pcall(require("lakefs").{call}))', view) == f"false\t{problem}"


def test_a_listing_can_be_written_as_json(view: LakeFSView) -> None:
    script = 'local _, page = require("lakefs").diff_branch("shop", "main") print(json.marshal(page))'
    assert printed(script, view).startswith('{"pagination":{"has_more":false,')
    assert printed(script, view).count('"path_type":"object"') == 2


def test_a_digit_in_quotes_is_an_amount(view: LakeFSView) -> None:
    script = 'local _, page = require("lakefs").list_objects("shop", "main", "", "", "", "1") print(#page.results)'
    assert printed(script, view) == "1"
