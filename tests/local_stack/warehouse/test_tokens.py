"""Tokens, statements, markers and names of SQL text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_stack.warehouse.tokens import (
    SqlTextError,
    identifier_clauses,
    parameter_markers,
    parsed_name,
    quoted,
    replaced,
    split_statements,
    tokens,
)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("", []),
        (" ;\n; -- nothing\n;/* nothing */", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';'; SELECT 2", ["SELECT ';'", "SELECT 2"]),
        ('SELECT ";"; SELECT 2', ['SELECT ";"', "SELECT 2"]),
        ("SELECT `;`; SELECT 2", ["SELECT `;`", "SELECT 2"]),
        ("SELECT `a``;`; SELECT 2", ["SELECT `a``;`", "SELECT 2"]),
        (r"SELECT 'it\';s'; SELECT 2", [r"SELECT 'it\';s'", "SELECT 2"]),
        (r"SELECT '\\'; SELECT 2", [r"SELECT '\\'", "SELECT 2"]),
        (r"SELECT r'\'; SELECT 2", [r"SELECT r'\'", "SELECT 2"]),
        (r'SELECT R"\"; SELECT 2', [r'SELECT R"\"', "SELECT 2"]),
        ("SELECT 'a'';'; SELECT 2", ["SELECT 'a'';'", "SELECT 2"]),
        ("SELECT 1 -- one; still\n; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("SELECT 1 -- it's\n; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("SELECT /* ; ' */ 1; SELECT 2", ["SELECT /* ; ' */ 1", "SELECT 2"]),
        ("SELECT /* a /* b; */ ; */ 1; SELECT 2", ["SELECT /* a /* b; */ ; */ 1", "SELECT 2"]),
        ("SELECT 1 - -2; SELECT 3 / 4", ["SELECT 1 - -2", "SELECT 3 / 4"]),
        ("SELECT 'é😀;'; SELECT 'ü'", ["SELECT 'é😀;'", "SELECT 'ü'"]),
    ],
)
def test_statements_are_split_at_semicolons_only(sql: str, expected: list[str]) -> None:
    assert [statement.text for statement in split_statements(sql)] == expected


def test_statements_know_their_line() -> None:
    statements = split_statements("-- a comment\nSELECT 1;\n\n  SELECT\n2;")
    assert [(statement.text, statement.line) for statement in statements] == [("SELECT 1", 2), ("SELECT\n2", 4)]


@pytest.mark.parametrize(
    ("sql", "what", "line"),
    [
        ("SELECT\n'a", "string", 2),
        ("SELECT 'a\\'", "string", 1),
        ("SELECT\n\n`a``", "name in backticks", 3),
        ("SELECT 1 /* a /* b */", "comment", 1),
    ],
)
def test_what_has_no_end_is_named_with_its_line(sql: str, what: str, line: int) -> None:
    with pytest.raises(SqlTextError, match=f"The {what} that starts on line {line} has no end"):
        split_statements(sql)


@given(st.lists(st.text(max_size=20), max_size=4))
def test_any_text_in_quotes_stays_in_its_statement(values: list[str]) -> None:
    literals = ["'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'" for value in values]
    statements = split_statements("".join(f"SELECT {literal};" for literal in literals))
    assert [statement.text for statement in statements] == [f"SELECT {literal}" for literal in literals]


@given(st.text(alphabet=" \n;'\"`-/*\\ra:", max_size=30))
def test_tokens_and_gaps_cover_the_text(sql: str) -> None:
    try:
        found = tokens(sql)
    except SqlTextError:
        return
    assert all(sql[token.start : token.end] == token.text != "" for token in found)
    ends = [0, *(token.end for token in found)]
    starts = [*(token.start for token in found), len(sql)]
    assert all(end <= start for end, start in zip(ends, starts, strict=True))


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT :a, :b, :a", ["a", "b"]),
        ("SELECT :a||:b", ["a", "b"]),
        ("SELECT f(:a,:b)=:c", ["a", "b", "c"]),
        ("SELECT ':a', `:b`, -- :c\n 1 /* :d */", []),
        ("SELECT 1::int, x::string", []),
        ("SELECT v:path, v:a.b, f(x):path, `v`:path, a[0]:path", []),
        ("SELECT CASE WHEN :a THEN :b END", ["a", "b"]),
        ("SELECT x : path", []),
    ],
)
def test_markers_are_found_where_they_are_markers(sql: str, expected: list[str]) -> None:
    assert parameter_markers(sql) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("main.s.t", ("main", "s", "t")),
        ("`main`.`feature-x`.`line_item`", ("main", "feature-x", "line_item")),
        ("`a.b`.`c``d`", ("a.b", "c`d")),
        (" t ", ("t",)),
        ("`ä😀`", ("ä😀",)),
    ],
)
def test_a_name_has_parts(text: str, expected: tuple[str, ...]) -> None:
    assert parsed_name(text) == expected


@pytest.mark.parametrize(
    "text", ["", "a.", ".a", "a b", "feature-x", "a.b; DROP TABLE c", "'a'", "`a`.`b` x", "a..b", "1a", "`a"]
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(SqlTextError):
        parsed_name(text)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=3))
def test_a_quoted_name_reads_as_its_parts(parts: list[str]) -> None:
    assert parsed_name(quoted(*parts)) == tuple(parts)


def test_identifier_clauses_have_their_expression() -> None:
    sql = "SELECT IDENTIFIER('a' || f(:x)) FROM identifier (:t) WHERE 'IDENTIFIER(:n)' = `IDENTIFIER`"
    found = identifier_clauses(sql)
    assert [clause.expression for clause in found] == ["'a' || f(:x)", ":t"]
    assert [sql[clause.start : clause.end] for clause in found] == ["IDENTIFIER('a' || f(:x))", "identifier (:t)"]


def test_an_open_identifier_clause_is_refused() -> None:
    with pytest.raises(SqlTextError, match="closing bracket"):
        identifier_clauses("SELECT * FROM IDENTIFIER(f(:t)")


def test_pieces_are_replaced_by_position() -> None:
    assert replaced("abcdef", [(1, 2, "XX"), (4, 4, "-"), (2, 4, "")]) == "aXX-ef"
