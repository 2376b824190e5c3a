"""`encoding/json` of Lua hooks, beyond what was recorded of a server: what is wrong in more than one place, and odd."""

import pytest
from lua_snippet import caught, printed, raised

pytestmark = pytest.mark.lua

TABLES_ONLY = "cannot pull go type into lua"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('{b="x", a=1}', '{"a":1,"b":"x"}'),
        ('{a=array({1, "two"})}', '{"a":[1,"two"]}'),
        ("{a=array({})}", '{"a":[]}'),
        ('{["<"]="<a & \\"b\\">"}', '{"\\u003c":"\\u003ca \\u0026 \\"b\\"\\u003e"}'),
        ("{n=-0.0, m=0}", '{"m":0,"n":-0}'),
        ("array({-0.0, 9007199254740993})", "[-0,9007199254740992]"),
        ('array({array({}), array({nil, "x"})})', '[[],[null,"x"]]'),
        ("nil", "null"),
    ],
)
def test_tables_are_written_as_go_writes_them(value: str, text: str) -> None:
    assert printed(f"print(json.marshal({value}))") == text + "\n"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ('"text"', f"need a table at index 1, got string: {TABLES_ONLY}"),
        ("5", f"need a table at index 1, got number: {TABLES_ONLY}"),
        ("false", f"need a table at index 1, got boolean: {TABLES_ONLY}"),
        ("json.marshal", f"need a table at index 1, got function: {TABLES_ONLY}"),
        ('{"a"}', "invalid key to 'next'"),
        ('{x={y={"a"}}}', "invalid key to 'next'"),
        ("{[2]=print}", f"pull table, unsupported type function: {TABLES_ONLY}"),
        ("array({1, print})", f"pull table, unsupported type function: {TABLES_ONLY}"),
        ("{x={[{}]=1}}", f"key should be a string (table): {TABLES_ONLY}"),
        ("{x=0/0}", "json: unsupported value: NaN"),
        ("array({1/0})", "json: unsupported value: +Inf"),
        ("{}, 5", "bad argument #2 to '?' (table expected, got number)"),
        ("{}, {indent = 2}", "encoding/json: the stand-in takes text only as indent, got number"),
    ],
)
def test_what_the_server_does_not_write_raises(value: str, problem: str) -> None:
    assert caught(f"json.marshal, {value}") == f"false\t{problem}"


def test_a_list_with_far_keys_ends_in_an_error_of_the_servers_language() -> None:
    assert raised('json.marshal(array({[5] = "x"}))') == "runtime error: index out of range [4] with length 0"


def test_a_table_within_itself_is_refused() -> None:
    assert "levels deep" in printed("local t = {} t.t = t print(pcall(json.marshal, t))")


def test_prefix_and_indentation_are_those_of_go() -> None:
    script = r'print(json.marshal({a = array({1, {}}), b = {c = array({})}}, {prefix = ">", indent = "\t"}))'
    assert printed(script) == '{\n>\t"a": [\n>\t\t1,\n>\t\t{}\n>\t],\n>\t"b": {\n>\t\t"c": []\n>\t}\n>}\n'


@pytest.mark.parametrize(
    ("text", "on_top"),
    [("[" * 43 + "]" * 43, "true"), ('{"a":' * 22 + "1" + "}" * 22, "a"), ('[{"b":' * 15 + "1" + "}]" * 15, "b")],
)
def test_data_that_is_nested_deeper_than_the_servers_stack_raises(text: str, on_top: str) -> None:
    assert caught("json.unmarshal, args.text", text=text) == f"false\t{on_top}"
    assert raised("json.unmarshal(args.text)", text=text) == "runtime error: index out of range [40] with length 40"


@pytest.mark.parametrize("text", ["[" * 40 + "]" * 40, '{"a":' * 20 + "1" + "}" * 20, "[" * 3 + "1]" + ",[[]]]" * 2])
def test_data_that_is_nested_as_deep_as_was_recorded_is_read(text: str) -> None:
    assert caught("json.unmarshal, args.text", text=text).startswith("true\ttable")


def test_what_was_read_can_be_written_again() -> None:
    text = '{"a":[],"b":[1,null,"x"],"c":{}}'
    assert printed("print(json.marshal(json.unmarshal(args.text)))", text=text) == text + "\n"


def test_a_hole_counts_in_a_lists_length() -> None:
    assert printed('local l = json.unmarshal("[1,null,3]") print(#l, l[2], l[3])') == "3\tnil\t3"
