"""Statements of a Databricks SQL warehouse that open-source Spark's grammar does not know.

GRANT, REVOKE, SHOW GRANTS, REPAIR TABLE .. SYNC METADATA, USE CATALOG, EXECUTE IMMEDIATE in full, and Delta's
DESCRIBE HISTORY and DETAIL, whose names Spark's parser does not locate. Each is a dataclass; names stay in parts.
Source: the SQL language reference of Databricks, one page for each statement.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from local_stack.warehouse.tokens import SqlTextError, Token, closing_bracket, name_parts, tokens, unquoted

SECURABLE_TYPES = {
    "TABLE": "table",
    "VIEW": "table",
    "SCHEMA": "schema",
    "DATABASE": "schema",
    "CATALOG": "catalog",
    "EXTERNAL LOCATION": "external_location",
}


@dataclass(frozen=True, kw_only=True)
class RepairTable:
    """REPAIR TABLE name SYNC METADATA."""

    name: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ChangeGrants:
    """GRANT or REVOKE; privileges as the REST API spells them."""

    privileges: tuple[str, ...]
    securable_type: str
    name: tuple[str, ...]
    principal: str
    revoke: bool


@dataclass(frozen=True, kw_only=True)
class ShowGrants:
    """SHOW GRANTS [principal] ON securable."""

    securable_type: str
    name: tuple[str, ...]
    principal: str | None


@dataclass(frozen=True, kw_only=True)
class DescribeDelta:
    """DESCRIBE HISTORY or DESCRIBE DETAIL of a table."""

    what: str
    name: tuple[str, ...]
    limit: int | None


@dataclass(frozen=True, kw_only=True)
class UseCatalog:
    """USE CATALOG name."""

    name: str


@dataclass(frozen=True, kw_only=True)
class ExecuteImmediate:
    """EXECUTE IMMEDIATE text [INTO variables] [USING expressions]; everything still as SQL text."""

    statement: str
    into: tuple[str, ...]
    using: tuple[tuple[str | None, str], ...]


OwnStatement = RepairTable | ChangeGrants | ShowGrants | DescribeDelta | UseCatalog | ExecuteImmediate


class _Reader:
    """Takes tokens one after the other."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.sequence = tokens(sql)
        self.index = 0

    @property
    def rest(self) -> Sequence[Token]:
        return self.sequence[self.index :]

    def take(self, *keywords: str) -> bool:
        """Step over the keywords if they all stand next."""
        if tuple(token.keyword for token in self.rest[: len(keywords)]) != keywords:
            return False
        self.index += len(keywords)
        return True

    def expect(self, *keywords: str) -> None:
        if not self.take(*keywords):
            raise self.unexpected(" ".join(keywords))

    def name(self) -> tuple[str, ...]:
        if self.rest[:2] and [token.keyword for token in self.rest[:2]] == ["IDENTIFIER", "("]:
            raise SqlTextError(
                "The IDENTIFIER clause is not documented for this statement: build its text in a session variable "
                "and run it with EXECUTE IMMEDIATE."
            )
        parts, self.index = name_parts(self.sequence, self.index)
        return parts

    def end(self) -> None:
        if self.rest:
            raise self.unexpected("the end of the statement")

    def unexpected(self, wanted: str) -> SqlTextError:
        found = f"'{self.rest[0].text}'" if self.rest else "the end of the statement"
        return SqlTextError(f"{wanted} is expected, but {found} stands there.")


def own_statement(sql: str) -> OwnStatement | None:
    """The statement, if it is one that Spark does not know; else None.

    Raises SqlTextError for one that starts like them and goes on otherwise.
    """
    reader = _Reader(sql)
    for keywords, read in _READERS.items():
        if reader.take(*keywords):
            statement = read(reader)
            reader.end()
            return statement
    return None


def described_histories(sql: str) -> list[tuple[int, int, DescribeDelta]]:
    """Every `(DESCRIBE HISTORY ..)` that a query reads like a table: its start, exclusive end, and the statement.

    Databricks lets a query read a table's history so; its reference does not say it, dbt-databricks' own tests
    against SQL warehouses do it. DESCRIBE DETAIL is no relation there.
    """
    found, sequence = list[tuple[int, int, DescribeDelta]](), tokens(sql)
    for index, opening in enumerate(sequence):
        words = [token.keyword for token in sequence[index : index + 3]]
        if words in (["(", "DESCRIBE", "HISTORY"], ["(", "DESC", "HISTORY"]):
            close = closing_bracket(sequence, index)
            reader = _Reader(sql[opening.end : close.start])
            reader.index = 2
            statement = _describe_history(reader)
            reader.end()
            found.append((opening.start, close.end, statement))
    return found


def _repair(reader: _Reader) -> RepairTable:
    name = reader.name()
    if not reader.take("SYNC", "METADATA"):
        raise SqlTextError("REPAIR TABLE is supported for Delta tables only, with SYNC METADATA.")
    return RepairTable(name=name)


def _grant(reader: _Reader) -> ChangeGrants:
    return _change(reader, "TO", revoke=False)


def _revoke(reader: _Reader) -> ChangeGrants:
    return _change(reader, "FROM", revoke=True)


def _change(reader: _Reader, direction: str, *, revoke: bool) -> ChangeGrants:
    privileges = _privileges(reader)
    securable_type, name = _securable(reader)
    reader.expect(direction)
    return ChangeGrants(
        privileges=privileges,
        securable_type=securable_type,
        name=name,
        principal=_principal(reader),
        revoke=revoke,
    )


def _privileges(reader: _Reader) -> tuple[str, ...]:
    privileges: list[str] = []
    words: list[str] = []
    while not reader.take("ON"):
        if not reader.rest or reader.rest[0].kind not in {"word", "symbol"}:
            raise reader.unexpected("a privilege or ON")
        keyword = reader.rest[0].keyword
        reader.index += 1
        if keyword == ",":
            privileges.append("_".join(words))
            words = []
        else:
            words.append(keyword)
    privileges.append("_".join(words))
    if not all(privileges):
        raise SqlTextError("A privilege is missing before ON or beside a comma.")
    return tuple(privileges)


def _securable(reader: _Reader) -> tuple[str, tuple[str, ...]]:
    for words, securable_type in SECURABLE_TYPES.items():
        if reader.take(*words.split()):
            return securable_type, reader.name()
    return "table", reader.name()


def _principal(reader: _Reader) -> str:
    if not reader.rest or reader.rest[0].kind not in {"word", "quoted"}:
        raise reader.unexpected("a principal (in backticks unless it is one word)")
    token = reader.rest[0]
    reader.index += 1
    return unquoted(token)


def _show_grants(reader: _Reader) -> ShowGrants:
    principal = None if reader.take("ON") else _principal(reader)
    if principal is not None:
        reader.expect("ON")
    securable_type, name = _securable(reader)
    return ShowGrants(securable_type=securable_type, name=name, principal=principal)


def _describe_history(reader: _Reader) -> DescribeDelta:
    name = reader.name()
    limit = None
    if reader.take("LIMIT"):
        if not reader.rest or reader.rest[0].kind != "number":
            raise reader.unexpected("a number")
        limit = int(reader.rest[0].text)
        reader.index += 1
    return DescribeDelta(what="HISTORY", name=name, limit=limit)


def _describe_detail(reader: _Reader) -> DescribeDelta:
    return DescribeDelta(what="DETAIL", name=reader.name(), limit=None)


def _use_catalog(reader: _Reader) -> UseCatalog:
    name = reader.name()
    if len(name) != 1:
        raise SqlTextError(f"USE CATALOG takes one name, not '{'.'.join(name)}'.")
    return UseCatalog(name=name[0])


def _execute_immediate(reader: _Reader) -> ExecuteImmediate:
    statement = _text_until(reader, "INTO", "USING")
    into = tuple(_list_items(reader, "USING")) if reader.take("INTO") else ()
    using = tuple(_argument(item) for item in _list_items(reader)) if reader.take("USING") else ()
    return ExecuteImmediate(statement=statement, into=into, using=using)


def _text_until(reader: _Reader, *keywords: str) -> str:
    """The text up to one of the keywords (or commas, if asked for) outside brackets."""
    first, depth = reader.index, 0
    while reader.rest and (depth > 0 or reader.rest[0].keyword not in keywords):
        depth += {"(": 1, ")": -1}.get(reader.rest[0].keyword, 0)
        reader.index += 1
    if reader.index == first:
        raise reader.unexpected("an expression")
    return reader.sql[reader.sequence[first].start : reader.sequence[reader.index - 1].end]


def _list_items(reader: _Reader, *until: str) -> list[str]:
    items = [_text_until(reader, ",", *until)]
    while reader.take(","):
        items.append(_text_until(reader, ",", *until))
    whole = items[0]
    if len(items) == 1 and whole.startswith("(") and whole.endswith(")"):
        inner = _Reader(whole[1:-1])
        items = [_text_until(inner, ",")]
        while inner.take(","):
            items.append(_text_until(inner, ","))
    return items


def _argument(text: str) -> tuple[str | None, str]:
    """An argument's name, if it has one, and its expression: ``expression [AS] name``."""
    sequence = tokens(text)
    if len(sequence) < 2 or sequence[-1].kind not in {"word", "quoted"} or sequence[-2].text in {":", "."}:
        return None, text
    end = sequence[-3].end if len(sequence) > 2 and sequence[-2].keyword == "AS" else sequence[-2].end
    return unquoted(sequence[-1]), text[:end]


_READERS: dict[tuple[str, ...], Callable[[_Reader], OwnStatement]] = {
    ("REPAIR", "TABLE"): _repair,
    ("MSCK", "REPAIR", "TABLE"): _repair,
    ("GRANT",): _grant,
    ("REVOKE",): _revoke,
    ("SHOW", "GRANTS"): _show_grants,
    ("SHOW", "GRANT"): _show_grants,
    ("DESCRIBE", "HISTORY"): _describe_history,
    ("DESC", "HISTORY"): _describe_history,
    ("DESCRIBE", "DETAIL"): _describe_detail,
    ("DESC", "DETAIL"): _describe_detail,
    ("USE", "CATALOG"): _use_catalog,
    ("EXECUTE", "IMMEDIATE"): _execute_immediate,
}
