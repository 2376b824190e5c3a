"""Whatever the files hold, the gate in Lua finds the problems that the one in Python finds."""

import os
from collections.abc import Mapping

import pytest
from gate_repository import FOLDER, GateRepository, comparable, described
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.lua

# The same examples in every run; GATE_EXAMPLES=20000 looks for new ones.
EXAMPLES = settings(
    max_examples=int(os.environ.get("GATE_EXAMPLES", "300")),
    derandomize="GATE_EXAMPLES" not in os.environ,
    deadline=None,
)

# Characters of descriptors, and those that a check or a message treats in a way of its own.
LETTERS = "abzAZ019_-"
MARKS = "./ '\"\\`%?#*:;|<>{}[]&!,=~@$^()+"
UNSEEN = "\t\n\r\x00\x1b\x7f\x85\xa0\xad\u2003\u2028\u3000\ufeff"
OTHERS = "äßéжあ\U0001f600\u0301"
TEXTS = st.one_of(
    st.sampled_from(
        ["orders", "Orders", "line-item", "line_item", "a", "tables/a", "tables/a/b", "/tables/a/", "x" * 256]
    ),
    st.text(LETTERS, min_size=1, max_size=4),
    st.text(LETTERS + MARKS + OTHERS, max_size=6),
    st.text(LETTERS + MARKS + UNSEEN + OTHERS, max_size=6),
    st.lists(st.sampled_from(["tables", "a", "b", ".", "..", "", FOLDER, "c-1", "ä"]), max_size=4).map("/".join),
    st.integers(1020, 1030).map(lambda size: "p" * size),
)


def in_double_quotes(text: str) -> str:
    """The text as YAML quotes any."""
    escapes = {'"': '\\"', "\\": "\\\\"}
    plain = "".join(escapes.get(each) or (each if each.isprintable() else f"\\U{ord(each):08x}") for each in text)
    return f'"{plain}"'


def is_read_alike(text: str) -> bool:
    """Whether the libraries agree: not on open quotes, numbers without digits and unseen characters."""
    bare = text.strip()
    return text.isprintable() and bare[:1] not in tuple("!>|\"'&*") and bare.strip("-+_") not in ("0b", "0x")


PLAIN_TEXTS = (
    "yes|No|on|OFF|true|FALSE|~|null||y|n|Yes |1|-1|0|007|08|0o17|0x1F|0X1F|0b11|1_000|1:30|1e3|1.5e3|1.5e+3|1.5|.5"
    "|-.5|.inf|-.Inf|.nan|.|..|1.|12e|+1|+|-|2024-01-01|2024-1-1|2024-01-01 10:00:00|2024-01-01T10:00:00Z"
    "|2024-13-45|2024-01-01/x|a 2024-01-01|'2024-01-01'|[2024-01-01]|{2024-01-01: a}|=|<<|a\t|a\t# b|!x a|!!str yes"
    "|[a]|{a: b}|[]|{}"
    "|*x|&x a|&x|!!str 1|>-|a b|a # b|# b|'a'|\"a\"|%a|@a|a: b|a:b|a\tb|\ta|a\t|- a|? a|`a|a,b|a]|delta|Delta| delta"
    "|'delta '"
)
PLAIN = st.sampled_from(PLAIN_TEXTS.split("|"))
VALUES = st.one_of(
    st.sampled_from(["orders", "delta", "tables/orders"]),
    TEXTS.map(in_double_quotes),
    TEXTS.filter(is_read_alike),
    PLAIN,
)
KEYS = st.sampled_from(
    ["name", "type", "path", "catalog", "owner", "'name'", '"path"', "Name", "1", "<<", "'<<'", "2024-01-01", "a name"]
)


@st.composite
def plausible(draw: st.DrawFn) -> str:
    """A descriptor with at most a few odd things in it."""
    fields = {
        "name": draw(st.one_of(st.sampled_from(["a", "b", "B", "line-item"]), VALUES)),
        "type": draw(st.sampled_from(["delta"] * 6 + ["Delta", "hive", "yes", "' delta'", "1", ""])),
        "path": draw(st.one_of(st.sampled_from(["t/a", "t/b", "t/a/c", "t"]), VALUES)),
    }
    if draw(st.booleans()):
        fields["catalog"] = draw(VALUES)
    for key in draw(st.lists(st.sampled_from(list(fields)), max_size=1)):
        del fields[key]
    if draw(st.integers(0, 5)) == 0:
        key = draw(KEYS)
        fields[key] = draw(VALUES)
    lines = [f"{key}: {value}" for key, value in draw(st.permutations(list(fields.items())))]
    return (
        draw(st.sampled_from(["", "", "", "# a comment\n", "---\n", "--- # first\n", "\n", "\ufeff"]))
        + draw(st.sampled_from(["\n", "\n", "\r\n", "\r", "\t\n"])).join(lines)
        + draw(
            st.sampled_from(
                ["\n", "\n", "", "\n---\n", "\n...\n", "  \n\n", "\n---", "\n--- # last\n", "\n...\nx: y\n"]
            )
        )
    )


CONTENTS = st.one_of(
    plausible().map(str.encode),
    plausible().map(str.encode),
    plausible().map(str.encode),
    st.sampled_from(
        [b"", b"{", b"[]", b"{}", b"- a\n", b"a", b"null", b"# only\n", b"\x00", b"\xff", b"---\n- a\n", b"x" * 70_000]
    ),
)
FILES = st.dictionaries(
    st.sampled_from(
        [
            f"{FOLDER}/{name}"
            for name in ("a.yaml", "b.yaml", "c d.yaml", "ä.yaml", "x/a.yaml", "_h.yaml", ".h/a.yaml", "a.yml")
        ]
    ),
    CONTENTS,
    max_size=4,
)


@EXAMPLES
@given(FILES)
def test_before_a_commit_both_find_the_same(files: Mapping[str, bytes]) -> None:
    repository = GateRepository()
    repository.stage(files)
    assert comparable(repository.in_lua()) == comparable(repository.in_python())


SHORT = st.sampled_from(
    [b"{", b"", *(next(iter(described(name).values())) for name in ("a", "b", "A", "c")), b"name: d\npath: tables/a/d"]
)
SIDES = st.dictionaries(st.sampled_from([f"{FOLDER}/{name}.yaml" for name in ("a", "b", "c", "_d")] + ["x"]), SHORT)


@EXAMPLES
@given(SIDES, SIDES, SIDES, st.sampled_from(["", "default", "source-wins", "dest-wins"]))
def test_before_a_merge_both_find_the_same(
    base: Mapping[str, bytes], ours: Mapping[str, bytes], theirs: Mapping[str, bytes], strategy: str
) -> None:
    repository = GateRepository()
    root = repository.commit(base)
    repository.commit(ours)
    repository.commit(theirs, root, branch="dev")
    in_lua = repository.in_lua("pre-merge", strategy)
    assert comparable(in_lua) == comparable(repository.in_python("pre-merge", strategy))


NAMES = st.lists(st.sampled_from(["a", "b.yaml", "x/a", "x/b", "nothing", ".yaml"]), max_size=4)
FOUR = st.dictionaries(st.sampled_from([f"{FOLDER}/{name}.yaml" for name in ("a", "b", "x/a", "x/b")]), SHORT)


@EXAMPLES
@given(FOUR, NAMES)
def test_both_check_what_table_defs_names_in_its_order(files: Mapping[str, bytes], table_defs: list[str]) -> None:
    repository = GateRepository()
    repository.stage(files)
    in_python = comparable(repository.in_python(table_defs=tuple(table_defs)))
    assert comparable(repository.in_lua(table_defs=table_defs)) == in_python
    assert comparable(repository.in_lua(table_defs=" , ".join(table_defs))) == in_python


@EXAMPLES
@given(st.lists(st.sampled_from(["{branch}", "{repository}", "a", "_", " ", ".", "x" * 250]), min_size=1, max_size=4))
def test_both_refuse_a_schema_that_has_no_valid_name(parts: list[str]) -> None:
    repository = GateRepository()
    template = "s" + "".join(parts) + "s"
    assert repository.in_lua(schema_template=template) == repository.in_python(schema_template=template)
