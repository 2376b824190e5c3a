"""The keys of a descriptor file, by PyYAML's parser in C and by the one in Python, with one verdict."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lakefs_unity_export.commit import descriptor_yaml
from lakefs_unity_export.commit.descriptor_yaml import DescriptorSyntaxError, NotText, read_keys

VALID = {"name": "orders", "type": "delta", "path": "tables/orders"}
LINES = b"name: orders\ntype: delta\npath: tables/orders\n"
PARSERS = [yaml.CSafeLoader, descriptor_yaml._PythonLoader]


@pytest.fixture(params=PARSERS, ids=["C", "Python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Either of the parsers, in use."""
    monkeypatch.setattr(descriptor_yaml, "_Loader", request.param)
    return request.param


def test_the_parser_in_c_is_used_where_it_exists() -> None:
    assert descriptor_yaml._Loader is yaml.CSafeLoader


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    "content",
    [
        LINES,
        LINES.replace(b"orders\n", b"orders\t\n", 1),
        LINES.replace(b"orders\n", b"orders \t # all of them\n", 1),
        LINES.replace(b": ", b":\t"),
        LINES.replace(b"\n", b"\r\n"),
        LINES.replace(b"\n", b"\r"),
        b"\xef\xbb\xbf" + LINES,
        LINES.decode().encode("utf-16"),
        b"---\n" + LINES,
        b"# about\n\n--- # begins\n" + LINES + b"...\n",
        LINES + b"---\n",
        LINES + b"---",
        LINES + b"--- # nothing\n\n---\n...\n",
        LINES + b"...\n# the end\n",
        b"%YAML 1.1\n---\n" + LINES,
        b"  name: orders\n  type: delta\n  path: tables/orders\n",
        b"{name: orders, 'type': delta, \"path\":tables/orders}",
        LINES.replace(b"orders\n", b"!mine orders\n", 1),
        LINES.replace(b"name: orders", b"name: &n orders"),
        LINES.replace(b"orders\n", b"!!str orders\n", 1),
    ],
)
def test_these_are_the_same_three_keys(content: bytes) -> None:
    assert read_keys(content) == VALID


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    "line",
    [
        "updated: 2024-01-01",
        "updated: 2024-01-01T10:00:00Z",
        "updated: 2024-13-45",
        "updated: !!timestamp soon",
        "days: [2024-01-01, {2024-01-02: 2024-01-03}]",
        "size: !!int ''",
        "switch: !!bool maybe",
        "size: " + "1:" * 400 + "1.5",
        "size: " + "9" * 5000,
        "data: !!binary '%'",
        "call: !!python/object:os.system x",
        "? [a]\n: b",
        "? {a: 1}\n: b",
        "1: x\n'2': y\n~: z",
        "nested: {<<: {a: 1}, b: 2}",
        "'<<': text",
        "<<:",
        "self: &s [*s]",
        "deep: " + "[" * 98 + "]" * 98,
    ],
)
def test_what_other_keys_hold_is_no_matter(line: str) -> None:
    keys = read_keys(LINES + line.encode()) or {}
    assert {key: keys[key] for key in VALID} == VALID


def test_aliases_of_aliases_do_not_grow(parser: Any) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{each}: &a{each} [{', '.join([f'*a{each - 1}'] * 9)}]" for each in range(1, 20)]
    assert (read_keys(LINES + "\n".join(lines).encode()) or {})["name"] == "orders"


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    "value", ["1", "1.5", "010", "0x1F", "1_000", "1:30", ".inf", "yes", "No", "true", "2024-01-01", "[a]", "{a: b}"]
)
@pytest.mark.parametrize("written", ["name: {}", "name: &a {}", "a: &a {}\nname: *a", "name: # below\n  {}"])
def test_a_value_that_yaml_takes_for_no_text_is_none(written: str, value: str) -> None:
    assert (read_keys(written.format(value).encode()) or {})["name"] is NotText.NOT_TEXT


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("value", ["y", "1e3", "09", "0o17", "=", "'1'", '"yes"', "|-\n  2024-01-01", "2024-01", "nil"])
def test_a_value_that_yaml_takes_for_text_is_text(value: str) -> None:
    assert isinstance((read_keys(f"name: {value}".encode()) or {})["name"], str)


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("value", ["", " ", " # nothing", " ~", " null", " Null"])
def test_a_key_without_a_value_is_left_out(value: str) -> None:
    assert read_keys(f"name:{value}\ntype: delta".encode()) == {"type": "delta"}


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("content", [b"", b" ", b"# a", b"---", b"- a", b"[]", b"text", b"5", b"~", b"---\n---\n"])
def test_what_is_no_mapping_has_no_keys(content: bytes) -> None:
    assert read_keys(content) is None


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("content", "line", "key", "first"),
    [
        (b"name: a\nname: b\n", 2, "name", 1),
        (b"name: a\ntype: delta\n'name': b\n", 3, "name", 1),
        (b'name: a\n"n\\x61me": b\n', 2, "name", 1),
        (b"{name: a, name: b}", 1, "name", 1),
        (b"name: a\n? name\n: b\n", 2, "name", 1),
        (b"name: a\nname:\n", 2, "name", 1),
        (b"name:\nname: a\n", 2, "name", 1),
        (b"1: x\n1: y\n", 2, "1", 1),
        (b"1: x\n'1': y\n", 2, "1", 1),
        (b"owner:\n  team: a\n  team: b\n", 3, "team", 2),
        (b"columns:\n- {a: 1}\n- a: 1\n  b: 2\n  a: 3\n", 5, "a", 3),
        (b"a: &n x\n*n : y\nx: z\n", 3, "x", 2),
        (b"a: !!set {b, b}", 1, "b", 1),
        (b"name: a\n---\n", 0, "", 0),
        (b"a: {n: 1}\nb: {n: 2}\n", 0, "", 0),
        (b"name: a\nName: b\n", 0, "", 0),
    ],
)
def test_a_key_that_stands_twice_is_refused_at_every_level(content: bytes, line: int, key: str, first: int) -> None:
    if not line:
        assert read_keys(content)
        return
    with pytest.raises(DescriptorSyntaxError) as refused:
        read_keys(content)
    said = f"the key {key!r} stands twice, first in line {first}; keep one"
    assert (refused.value.line, str(refused.value)) == (line, said)


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    "content",
    [
        LINES + b"---\nname: other\n",
        LINES + b"---\n~\n",
        LINES + b"---\n''\n",
        LINES + b"---\n---\n[]\n",
        LINES + b"...\nname: other\n",
        LINES + b"...\n---\nname: other\n",
        LINES + b"<<: {a: 1}\n",
        LINES + b"base: &b {a: 1}\n<<: *b\n",
        LINES + b"a: *b\n",
        LINES + b"\ta: 1\n",
        LINES + b"a:\n\tb: 1\n",
        LINES + b"- a\n",
        LINES + b"a: [b\n",
        LINES + b"a: b: c\n",
        LINES + b"a: %x\n",
        LINES + b'a: "\\q"\n',
        LINES + b'a: "\\ud83d"\n',
        LINES + b'a: "\\U00110000"\n',
        LINES + b"a: a\x00b\n",
        LINES + b"a: a\x7fb\n",
        LINES + b"a: \xff\n",
        LINES + b": x\n",
        b"%YAML " + b"9" * 5000 + b".1\n---\n" + LINES,
        LINES + b"deep: " + b"[" * 100 + b"]" * 100,
        LINES + b"deep: " + b"[" * 60_000,
        LINES + b"deep: " + b"{a: " * 15_000,
        b"- " * 30_000,
    ],
)
def test_these_are_refused(content: bytes) -> None:
    with pytest.raises(DescriptorSyntaxError, match=r"^is not YAML \(.*; write it as `key: value` lines$"):
        read_keys(content)


MARKS = [*"-:#[]{},'\"><?\\=~|", "|-", "---", "...", "<<", "&a", "*a", "!x", "!!str"]
WORDS = ["name", "type", "a", "2024-01-01", "yes", "1:30", "ü"]
SPACES = [" ", "  ", "\n", "\n  ", "\r\n", ": ", "- ", "? ", "\t", "\n\t", "# c"]
TOKENS = st.sampled_from([*MARKS, *WORDS, *SPACES])


def _verdict(parser: Any, content: bytes, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr(descriptor_yaml, "_Loader", parser)
    try:
        return read_keys(content)
    except DescriptorSyntaxError:
        return DescriptorSyntaxError


@settings(max_examples=500, deadline=None)
@given(st.lists(TOKENS, max_size=12).map("".join))
def test_the_parsers_never_read_two_things_in_one_text(text: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        in_c, in_python = (_verdict(parser, text.encode(), monkeypatch) for parser in PARSERS)
    assert in_python == in_c or DescriptorSyntaxError in (in_c, in_python)
