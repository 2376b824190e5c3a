"""Each SQL file falls into the same statements however it is split: how a job does it is not documented."""

import re
from pathlib import Path

import pytest

from local_stack.warehouse.tokens import split_statements

pytestmark = pytest.mark.unit

FILES = sorted((Path(__file__).parents[2] / "src" / "sql").glob("**/*.sql"))

QUOTES = ("'", '"', "`")
STRINGS = [rf"{quote}(?:\\.|[^{quote}\\])*{quote}" for quote in QUOTES]
STRINGS_WITHOUT_ESCAPES = [f"{quote}[^{quote}]*{quote}" for quote in QUOTES]
COMMENTS = [r"--[^\n]*", r"/\*.*?(?:\*/|\Z)"]

# What each splitter takes for one thing, so that a semicolon in it ends no statement.
SPLITTERS = {
    "at every semicolon": [],
    "without comments": STRINGS,
    "without strings": COMMENTS,
    "without escapes": [*STRINGS_WITHOUT_ESCAPES, *COMMENTS],
    "without comments and escapes": STRINGS_WITHOUT_ESCAPES,
}


def split(sql: str, wholes: list[str]) -> list[str]:
    """The statements as a splitter finds them, those that are comments alone left out.

    Outside of what it takes for one thing a splitter goes on character by character, so a lone quote opens a string
    that has no end, and takes the rest of the file with it.
    """
    pieces, at = [""], 0
    while at < len(sql):
        whole = next((found[0] for each in wholes if (found := re.compile(each, re.DOTALL).match(sql, at))), "")
        is_open = not whole and sql[at] in QUOTES and any(each.startswith(sql[at]) for each in wholes)
        text = sql[at:] if is_open else whole or sql[at]
        if text == ";":
            pieces.append("")
        else:
            pieces[-1] += text
        at += len(text)
    return [bare for piece in pieces if (bare := without_comments(piece))]


def without_comments(statement: str) -> str:
    """The statement as the warehouse sees it."""
    return re.sub(r"^\s*--[^\n]*$", "", statement, flags=re.MULTILINE).strip()


def test_there_are_no_more_statements_than_it_takes() -> None:
    """Each of them costs on a warehouse, for every table."""
    counts = {file.name: len(split_statements(file.read_text(encoding="utf-8"))) for file in FILES}
    assert counts == {"check_sql_file.sql": 6, "register_table.sql": 15, "unregister_table.sql": 13}


@pytest.mark.parametrize("wholes", SPLITTERS.values(), ids=SPLITTERS.keys())
@pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])
def test_each_splitter_finds_the_statements_of_the_warehouse(file: Path, wholes: list[str]) -> None:
    sql = file.read_text(encoding="utf-8")
    expected = [without_comments(statement.text) for statement in split_statements(sql)]
    assert split(sql, wholes) == expected
    assert len(expected) > 1


@pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])
def test_a_quote_in_a_comment_has_its_other_half_on_the_line(file: Path) -> None:
    comments = re.findall(r"^\s*--.*$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert comments
    assert [line for line in comments for quote in QUOTES if line.count(quote) % 2] == []


@pytest.mark.parametrize(
    ("sql", "fooled"),
    [
        ("-- a; b\nSELECT 1; SELECT 2", {"at every semicolon", "without comments", "without comments and escapes"}),
        ("-- it's\nSELECT 1; SELECT 2", {"without comments", "without comments and escapes"}),
        ("SELECT 'a;b'; SELECT 2", {"at every semicolon", "without strings"}),
        ("SELECT 'it\\'s'; SELECT 2", {"without escapes", "without comments and escapes"}),
        ("SELECT 'a:/*'; SELECT 2", {"without strings"}),
        ("SELECT 1; -- `a` and 'b'\nSELECT 'it\\'s\\''", set()),
    ],
)
def test_the_splitters_differ_where_it_matters(sql: str, fooled: set[str]) -> None:
    expected = [without_comments(statement.text) for statement in split_statements(sql)]
    assert {name for name, wholes in SPLITTERS.items() if split(sql, wholes) != expected} == fooled
