"""`encoding/yaml` of Lua hooks, beyond what was recorded of a server: neighbours of that, and odd input."""

import pytest
from lua_snippet import caught, printed, raised

pytestmark = pytest.mark.lua

NO_TIMES = "invalid option %T to 'lua_pushfstring'"
# 9^6 values, written as aliases.
MANY = "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{earlier}'] * 9)}]\n" for earlier, name in ("ab", "bc", "cd", "de", "ef", "fg")
)
VALUE = "local value = yaml.unmarshal(args.text) "


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("a: text", "string", "text"),
        ("a: yes", "string", "yes"),
        ("a: True", "boolean", "true"),
        ("a: '2024-01-31'", "string", "2024-01-31"),
        ("a: 2024-02-30", "string", "2024-02-30"),
        ("a: 2024-01-31T10:00:00", "string", "2024-01-31T10:00:00"),
        ("a: 1:30", "string", "1:30"),
        ("a: 1e3", "number", "1000"),
        ("a: 0o17", "number", "15"),
        ("a: 017", "number", "15"),
        ("a: 08", "number", "8"),
        ("a: -0x1F", "number", "-31"),
        ("a: +18446744073709551615", "number", "1.844674407371e+19"),
        ("a: 0xFFFFFFFFFFFFFFFFF", "string", "0xFFFFFFFFFFFFFFFFF"),
        ("a: 1_000", "number", "1000"),
        ("a: ._5", "string", "._5"),
        ("a: 0b_", "string", "0b_"),
        ("a: ~", "nil", "nil"),
        ("a:", "nil", "nil"),
        ("a: !mine x", "string", "x"),
        ("a:\tx", "string", "x"),
        ("a: x\t", "string", "x"),
        ("a: !!binary YWI=", "string", "ab"),
        ("base: &b {a: x}\n<<: *b", "string", "x"),
        ("<<: [{a: x}, {a: y}]", "string", "x"),
        ("a: x\n<<: {a: y}", "string", "x"),
        ("a: x\n---\na: y", "string", "x"),
        ("a: x\n---\na: 2024-01-01", "string", "x"),
        ("a: x\n...\n", "string", "x"),
        ("---\na: x\n---\n", "string", "x"),
    ],
)
def test_plain_values_are_what_gos_library_makes_of_them(text: str, kind: str, value: str) -> None:
    assert printed(VALUE + "print(type(value.a), value.a)", text=text) == f"{kind}\t{value}"


@pytest.mark.parametrize(
    "text",
    [
        "a: 2024-01-31",
        "a: 2024-1-2",
        "a: 2024-01-31 10:00:00",
        "a: 2024-01-31t10:00:00.5+02:00",
        "a: !!timestamp '2024-01-31'",
        "2024-01-31: a",
        "- 2024-01-31",
        "2024-01-31",
        "a: {b: [x, {c: 2024-01-31}]}",
        "a: &d 2024-01-31\nb: *d",
        "x: &m {d: 2024-01-31}\n<<: *m",
    ],
)
def test_a_date_that_is_not_quoted_raises_wherever_it_stands(text: str) -> None:
    assert caught("yaml.unmarshal, args.text", text=text) == f"false\t{NO_TIMES}"
    assert raised("yaml.unmarshal(args.text)", text=text) == f"runtime error: {NO_TIMES}"


def test_lists_and_maps_are_tables() -> None:
    text = "a: [x, y]\nb: {c: z}\n1: one\ntrue: yes"
    assert printed(VALUE + "print(value.a[2], value.b.c, value[1], value[true])", text=text) == "y\tz\tone\tyes"


def test_what_was_read_can_be_written_as_json() -> None:
    assert printed(VALUE + "print(json.marshal(value))", text="a: [1, [], ~, {}]") == '{"a":[1,[],null,{}]}\n'


def test_an_empty_text_is_nothing() -> None:
    assert printed(VALUE + "print(value)", text="# only a comment") == "nil"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: x\na: y", 'yaml: unmarshal errors:\n  line 2: mapping key "a" already defined at line 1'),
        ("b: {a: x, 'a': y}", 'yaml: unmarshal errors:\n  line 1: mapping key "a" already defined at line 1'),
        ("a: [", "yaml: line 1: did not find expected node content"),
        ("a: *b", "yaml: unknown anchor 'b' referenced"),
        ("a: \x00", "yaml: control characters are not allowed"),
        ('a: "\\ud800"', "yaml: found invalid Unicode character escape code"),
        ("[a]: b", 'yaml: invalid map key: []interface {}{"a"}'),
        ("? {b: 1, a: [x]}\n: y", 'yaml: invalid map key: map[string]interface {}{"a":[]interface {}{"x"}, "b":1}'),
        ("a: &a [*a]", "yaml: anchor 'a' value contains itself"),
        ("<<: [x]", "yaml: map merge requires map or sequence of maps as the value"),
        ("a: !!int x", "yaml: cannot decode !!str `x` as a !!int"),
        ("a: !!binary '%'", "yaml: !!binary value contains invalid base64 data"),
        ("~: a", "table index is nil"),
        ("a: x\n--- @", "yaml: line 2: found character that cannot start any token"),
        ("a: [!x, b]", "yaml: the stand-in reads no tag with a comma; put a space before it"),
        (MANY, "yaml: document contains excessive aliasing"),
    ],
)
def test_what_cannot_be_read_is_an_error_that_can_be_caught(text: str, problem: str) -> None:
    assert caught("yaml.unmarshal, args.text", text=text) == f"false\t{problem}"


@pytest.mark.parametrize("text", ["[" * 43 + "]" * 43, "a: " + "[" * 41 + "]" * 41, "[" * 5000 + "]" * 5000])
def test_data_that_is_nested_deeper_than_the_servers_stack_raises(text: str) -> None:
    assert caught("yaml.unmarshal, args.text", text=text) == "false\ttrue"
    assert raised("yaml.unmarshal(args.text)", text=text) == "runtime error: index out of range [40] with length 40"


def test_a_key_that_is_no_number_ends_in_an_error_of_the_servers_language() -> None:
    assert caught("yaml.unmarshal, '.nan: 1'").startswith("false\ttable")
    assert raised("yaml.unmarshal('.nan: 1')") == "reflect: call of reflect.Value.Interface on zero Value"


def test_a_byte_order_mark_within_the_text_belongs_to_it() -> None:
    assert printed(VALUE + "print(value['\ufeffb'])", text="\ufeffa: 1\n\ufeffb: \ufeff2") == "\ufeff2"


def test_marshal_says_that_the_stand_in_lacks_it() -> None:
    assert caught("yaml.marshal, {}") == "false\tencoding/yaml: marshal is not in the stand-in"
    assert caught("yaml.marshal, {'a'}") == "false\tinvalid key to 'next'"
