"""Tokens of SQL text, as far as a warehouse needs them before Spark's parser: statements, names, markers.

The lexical rules are Spark's: strings in single or double quotes with backslash escapes (none in raw strings),
identifiers in backticks with the backtick doubled, line comments, and bracketed comments that nest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

BACKTICK = "`"


class SqlTextError(Exception):
    """SQL text that cannot be taken apart: an open quote, comment or bracket, or a name that is none."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """A piece of SQL text. `kind` is word, quoted (backticks), string, number or symbol; `end` is exclusive."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def keyword(self) -> str:
        """The text in upper case for an unquoted word or a symbol, else empty: quoted text is no keyword."""
        return self.text.upper() if self.kind in {"word", "symbol"} else ""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a file: its text without the semicolon, and the line it starts on, from 1."""

    text: str
    line: int


def tokens(sql: str) -> list[Token]:
    """Tokens of the text without blanks and comments. Raises SqlTextError for an open quote or comment."""
    return list(_scan(sql))


def _scan(sql: str) -> Iterator[Token]:
    position = 0
    while position < len(sql):
        end = _after_blank(sql, position)
        if end is None:
            kind, end = _token_end(sql, position)
            yield Token(kind=kind, text=sql[position:end], start=position, end=end)
        position = end


def _after_blank(sql: str, position: int) -> int | None:
    """The end of the blank or comment at a position, or None where there is none."""
    if sql[position].isspace():
        return position + 1
    if sql.startswith("--", position):
        end = sql.find("\n", position)
        return len(sql) if end < 0 else end + 1
    if sql.startswith("/*", position):
        return _bracketed_comment_end(sql, position)
    return None


def _bracketed_comment_end(sql: str, start: int) -> int:
    depth, position = 1, start + 2
    while depth:
        opened, closed = sql.find("/*", position), sql.find("*/", position)
        if closed < 0:
            raise SqlTextError(f"The comment that starts on line {line_of(sql, start)} has no end.")
        nested = 0 <= opened < closed
        depth += 1 if nested else -1
        position = (opened if nested else closed) + 2
    return position


def _token_end(sql: str, start: int) -> tuple[str, int]:
    character = sql[start]
    if character in "'\"":
        return "string", _string_end(sql, start, escapes=True)
    if character in "rR" and sql[start + 1 : start + 2] in {"'", '"'}:
        return "string", _string_end(sql, start + 1, escapes=False)
    if character == BACKTICK:
        return "quoted", _quoted_end(sql, start)
    if character.isalpha() or character == "_":
        return "word", _run_end(sql, start)
    if character.isdigit():
        return "number", _run_end(sql, start)
    return "symbol", start + 1


def _string_end(sql: str, start: int, *, escapes: bool) -> int:
    quote, position = sql[start], start + 1
    while position < len(sql):
        if escapes and sql[position] == "\\":
            position += 2
        elif sql[position] == quote:
            return position + 1
        else:
            position += 1
    raise SqlTextError(f"The string that starts on line {line_of(sql, start)} has no end.")


def _quoted_end(sql: str, start: int) -> int:
    position = start + 1
    while (position := sql.find(BACKTICK, position)) >= 0:
        if not sql.startswith(BACKTICK, position + 1):
            return position + 1
        position += 2
    raise SqlTextError(f"The name in backticks that starts on line {line_of(sql, start)} has no end.")


def _run_end(sql: str, start: int) -> int:
    end = start
    while end < len(sql) and (sql[end].isalnum() or sql[end] == "_"):
        end += 1
    return end


def line_of(sql: str, position: int) -> int:
    """The line of a position, from 1."""
    return sql.count("\n", 0, position) + 1


def split_statements(sql: str) -> list[Statement]:
    """Statements of a file, split at semicolons outside quotes and comments; empty ones are left out."""
    statements, group = [], list[Token]()
    for token in [*tokens(sql), None]:
        if token is not None and token.keyword != ";":
            group.append(token)
        elif group:
            start = group[0].start
            statements.append(Statement(text=sql[start : group[-1].end], line=line_of(sql, start)))
            group = []
    return statements


def parameter_markers(sql: str) -> list[str]:
    """Names of the markers ``:name`` in the text, each once, in order. ``a::type`` and ``v:path`` are none."""
    found: list[str] = []
    sequence = tokens(sql)
    for index, token in enumerate(sequence[1:], start=1):
        colon = sequence[index - 1]
        if colon.keyword != ":" or colon.end != token.start or token.kind != "word":
            continue
        before = sequence[index - 2] if index > 1 else None
        attached = before is not None and before.end == colon.start
        if attached and before is not None and (before.kind != "symbol" or before.text in {":", ")", "]"}):
            continue
        if token.text not in found:
            found.append(token.text)
    return found


def quoted(*parts: str) -> str:
    """A multipart name with every part in backticks."""
    return ".".join(f"`{part.replace(BACKTICK, BACKTICK * 2)}`" for part in parts)


def name_parts(sequence: Sequence[Token], start: int = 0) -> tuple[tuple[str, ...], int]:
    """The multipart name at a token, and the index after it.

    An unquoted part may hold hyphens only in backticks. Raises SqlTextError where no name stands.
    """
    parts: list[str] = []
    index = start
    while index < len(sequence) and sequence[index].kind in {"word", "quoted"}:
        parts.append(unquoted(sequence[index]))
        if index + 1 >= len(sequence) or sequence[index + 1].keyword != ".":
            return tuple(parts), index + 1
        index += 2
    found = f"'{sequence[index].text}'" if index < len(sequence) else "the end of the statement"
    raise SqlTextError(f"A name is expected, but {found} stands there.")


def unquoted(token: Token) -> str:
    """The identifier that a token means."""
    return token.text[1:-1].replace(BACKTICK * 2, BACKTICK) if token.kind == "quoted" else token.text


def parsed_name(text: str) -> tuple[str, ...]:
    """The parts of a multipart name that is the whole text; raises SqlTextError for anything else."""
    sequence = tokens(text)
    parts, end = name_parts(sequence)
    if end != len(sequence):
        raise SqlTextError(f"'{text}' is not a name: quote each part that is not a plain word with backticks.")
    return parts


@dataclass(frozen=True, kw_only=True)
class IdentifierClause:
    """An ``IDENTIFIER(expression)`` in the text; `end` is exclusive."""

    expression: str
    start: int
    end: int


def identifier_clauses(sql: str) -> list[IdentifierClause]:
    """The IDENTIFIER clauses of a statement, in order. Raises SqlTextError for an open bracket."""
    sequence, clauses = tokens(sql), list[IdentifierClause]()
    for index, token in enumerate(sequence[:-1]):
        if token.keyword == "IDENTIFIER" and sequence[index + 1].keyword == "(":
            inner = sequence[index + 1]
            close = closing_bracket(sequence, index + 1)
            clauses.append(IdentifierClause(expression=sql[inner.end : close.start], start=token.start, end=close.end))
    return clauses


def closing_bracket(sequence: Sequence[Token], opening: int) -> Token:
    """The token that closes the bracket at this place. Raises SqlTextError where none does."""
    depth = 0
    for token in sequence[opening:]:
        depth += {"(": 1, ")": -1}.get(token.keyword, 0)
        if depth == 0:
            return token
    raise SqlTextError("An opening bracket has no closing bracket.")


def replaced(sql: str, replacements: Sequence[tuple[int, int, str]]) -> str:
    """The text with pieces replaced, each given as start, exclusive end and new text; none may overlap."""
    for start, end, text in sorted(replacements, reverse=True):
        sql = sql[:start] + text + sql[end:]
    return sql
