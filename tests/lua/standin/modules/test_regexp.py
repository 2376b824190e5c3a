"""`regexp` of Lua hooks: how its functions are called; what patterns match is in `test_go_agreement`."""

import time

import pytest
from lua_snippet import caught, printed

pytestmark = pytest.mark.lua


def test_characters_by_number_and_every_match() -> None:
    script = r"""local found = regexp.compile("[\\x{e4}\\x{1f600}]").find_all(args.text, -1)
    print(#found, found[1], found[2])"""
    assert printed(script, text="aäb\U0001f600ä") == "3\tä\t\U0001f600"
    assert printed('print(#regexp.compile("a").find_all("aaa", 2), #regexp.compile("a").find_all("aaa", 0))') == "2\t0"


def test_the_end_is_the_very_end_without_a_flag() -> None:
    script = r'print(regexp.match("^a$", "a"), regexp.match("^a$", "a\n"), regexp.match("(?m)^a$", "b\na"))'
    assert printed(script) == "true\tfalse\ttrue"


def test_groups_hold_what_they_last_took_in_go() -> None:
    script = 'local found = regexp.compile("(a*)+(x)?").find_submatch("aa") print(#found, found[2], found[3])'
    assert printed(script) == "3\taa\t"


def test_all_matches_with_their_groups() -> None:
    script = (
        'local found = regexp.compile("a(b?)").find_all_submatch("ab a", -1) print(#found, found[1][2], found[2][2])'
    )
    assert printed(script) == "2\tb\t"


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ('regexp.compile, "(?=a)"', "error parsing regexp: invalid or unsupported Perl syntax: `(?=`"),
        ('regexp.match, "a**", "a"', "error parsing regexp: invalid nested repetition operator: `**`"),
        ("regexp.match, nil, 'a'", "bad argument #1 to '?' (string expected, got nil)"),
        ("regexp.compile('a').find", "bad argument #1 to '?' (string expected, got no value)"),
        ("regexp.compile('a').find_all, 'a', 'x'", "bad argument #2 to '?' (number expected, got string)"),
        ("regexp.compile('a').find_all_submatch, 'a'", "bad argument #2 to '?' (number expected, got no value)"),
        ("regexp.compile, args.deep", "error parsing regexp: expression nests too deeply: `"),
        ("regexp.compile, '(a{1000}){1000}'", "error parsing regexp: invalid repeat count: `{1000}`"),
    ],
)
def test_what_cannot_be_read_raises(call: str, problem: str) -> None:
    assert caught(call, deep="(" * 2000 + ")" * 2000).startswith(f"false\t{problem}")


def test_no_pattern_takes_exponential_time() -> None:
    began = time.monotonic()
    assert printed('print(regexp.match("^(a+)+$", args.text))', text="a" * 2000 + "b") == "false"
    assert time.monotonic() - began < 10


def test_a_mark_is_put_before_what_is_special() -> None:
    assert printed(r'print(regexp.quote_meta("a.b*c^$ü-/"))') == r"a\.b\*c\^\$ü-/"
