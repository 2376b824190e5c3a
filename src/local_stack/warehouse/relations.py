"""Relations and columns that a query names, and the query's text with Unity Catalog names made readable.

Spark's session catalog knows neither three-part names nor a hyphen in one, so a relation is replaced in the text
by what Spark can read, and keeps its name as an alias. Spark's own parser says where every name stands.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from local_stack.warehouse.tokens import SqlTextError, parsed_name, quoted, replaced, tokens

# Expressions that hold a query of their own (org.apache.spark.sql.catalyst.expressions).
_SUBQUERIES = {"ScalarSubquery", "Exists", "ListQuery", "LateralSubquery", "FunctionTableSubqueryArgumentExpression"}
_SAMPLES = {"GlobalLimit", "LocalLimit", "Sample"}
_RELATIONS = {"UnresolvedRelation", "UnresolvedTableOrView", "UnresolvedTable"}


@dataclass(frozen=True, kw_only=True)
class NamedRelation:
    """A table that a statement reads: its name's parts and place; `end` is exclusive.

    `alias_at` is where an alias may be put, None where the relation has one or takes none.
    """

    parts: tuple[str, ...]
    start: int
    end: int
    alias_at: int | None = None


@dataclass(frozen=True, kw_only=True)
class NamedColumn:
    """A column, or a star, written with qualifiers: ``catalog.schema.table.column``. `end` is exclusive."""

    parts: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Names:
    """All relations and qualified columns of one statement."""

    relations: tuple[NamedRelation, ...]
    columns: tuple[NamedColumn, ...]


# From a relation's parts to (full name in parts, what Spark reads instead), or None to leave it as it stands.
Resolve = Callable[[tuple[str, ...]], tuple[tuple[str, ...], str] | None]


def with_readable_names(sql: str, names: Names, resolve: Resolve) -> str:
    """The statement with every relation that `resolve` knows replaced, aliases added, columns qualified by them."""
    resolved = [(relation, target) for relation in names.relations if (target := resolve(relation.parts))]
    aliases = _aliases([full for relation, (full, _) in resolved if relation.alias_at is not None])
    changes: list[tuple[int, int, str]] = []
    for relation, (full, readable) in resolved:
        changes.append((relation.start, relation.end, readable))
        if relation.alias_at is not None:
            changes.append((relation.alias_at, relation.alias_at, f" AS {quoted(aliases[full])}"))
    for column in names.columns:
        change = _column_change(sql, column, aliases)
        if change is not None:
            changes.append((column.start, column.end, change))
    return replaced(sql, list(dict.fromkeys(changes)))


def _aliases(full_names: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """The last part as alias, or the whole name where two tables share it, so that neither hides the other."""
    aliases: dict[tuple[str, ...], str] = {}
    for full in full_names:
        twins = {other for other in full_names if other[-1].lower() == full[-1].lower()}
        aliases[full] = full[-1] if len(twins) == 1 else ".".join(full)
    return aliases


def _column_change(sql: str, column: NamedColumn, aliases: dict[tuple[str, ...], str]) -> str | None:
    lowered = tuple(part.lower() for part in column.parts)
    for depth in (3, 2):
        for full, alias in aliases.items():
            qualifier = tuple(part.lower() for part in full[-depth:])
            if len(column.parts) >= depth and lowered[:depth] == qualifier:
                return ".".join([quoted(alias), *_rest_of_name(sql[column.start : column.end], depth)])
    return None


def _rest_of_name(text: str, depth: int) -> list[str]:
    return [token.text for token in tokens(text) if token.keyword != "."][depth:]


def names_of(sql: str, plan: Any, subquery_mark: Any) -> Names:
    """The names in a plan that Spark's parser made of the statement.

    subquery_mark: Spark's own mark of expressions that hold a query (its TreePattern PLAN_EXPRESSION). A walk costs
        several calls to Java for each node, so where the text has no qualified column, it passes over all others.
    """
    walk = _Walk(sql, subquery_mark)
    walk.plan(plan, frozenset(), aliased=False, extent=None)
    if qualified_names(sql) - {relation.start for relation in walk.relations}:
        walk = _Walk(sql, None)
        walk.plan(plan, frozenset(), aliased=False, extent=None)
    return Names(relations=tuple(walk.relations), columns=tuple(walk.columns))


def qualified_names(sql: str) -> set[int]:
    """Where a name of three parts or more starts in the text, the last of them perhaps a star."""
    found, start, parts = set[int](), 0, 0
    before = ""
    for token in tokens(sql):
        if token.kind in {"word", "quoted"} and before != ".":
            start, parts = token.start, 1
        elif before == "." and (token.kind in {"word", "quoted"} or token.text == "*"):
            parts += 1
        if parts > 2:
            found.add(start)
        before = token.text
    return found


class _Walk:
    """Goes through a parsed plan (Java objects) and notes the names. Common table expressions are no tables.

    With a mark, through expressions that bear it alone.
    """

    def __init__(self, sql: str, mark: Any) -> None:
        self.relations: list[NamedRelation] = []
        self.columns: list[NamedColumn] = []
        self._sql = sql
        self._mark = mark

    def plan(self, node: Any, expressions: frozenset[str], *, aliased: bool, extent: int | None) -> None:
        kind = simple_name(node)
        if kind in _RELATIONS:
            self._relation(node, expressions, aliased=aliased or kind != "UnresolvedRelation", extent=extent)
            return
        if kind == "RelationTimeTravel":
            self._time_travel(node, expressions, aliased=aliased, extent=extent)
            return
        if kind == "UnresolvedWith":
            expressions = self._common_table_expressions(node, expressions)
        sampled = kind in _SAMPLES and self._source(node).upper().startswith("TABLESAMPLE")
        extent = _span(node)[1] if sampled else None
        aliased = kind == "SubqueryAlias" or (aliased and kind == "UnresolvedSubqueryColumnAliases")
        for expression in elements(node.expressions()):
            self._expression(expression, expressions)
        for child in _plans_below(node, kind):
            self.plan(child, expressions, aliased=aliased, extent=extent)

    def _relation(self, node: Any, expressions: frozenset[str], *, aliased: bool, extent: int | None) -> None:
        parts = tuple(elements(node.multipartIdentifier()))
        if len(parts) == 1 and parts[0].lower() in expressions:
            return
        start, end = _span(node)
        takes_alias = not aliased and not self._follows_table_keyword(start)
        alias_at = (extent or end) if takes_alias else None
        self.relations.append(NamedRelation(parts=parts, start=start, end=end, alias_at=alias_at))

    def _time_travel(self, node: Any, expressions: frozenset[str], *, aliased: bool, extent: int | None) -> None:
        for expression in elements(node.expressions()):
            self._expression(expression, expressions)
        self.plan(node.relation(), expressions, aliased=aliased, extent=extent or _span(node)[1])

    def _common_table_expressions(self, node: Any, outer: frozenset[str]) -> frozenset[str]:
        """Each one sees those before it; the query sees all."""
        names = outer
        for pair in elements(node.cteRelations()):
            self.plan(pair._2(), names, aliased=False, extent=None)
            names |= {str(pair._1()).lower()}
        return names

    def _expression(self, node: Any, expressions: frozenset[str]) -> None:
        if self._mark is not None and not node.containsPattern(self._mark):
            return
        kind = simple_name(node)
        if kind in _SUBQUERIES:
            self.plan(node.plan(), expressions, aliased=False, extent=None)
        elif kind == "UnresolvedAttribute":
            self._column(node, tuple(elements(node.nameParts())), star=False)
        elif kind == "UnresolvedStar" and node.target().isDefined():
            self._column(node, tuple(elements(node.target().get())), star=True)
        for child in elements(node.children()):
            self._expression(child, expressions)

    def _column(self, node: Any, parts: tuple[str, ...], *, star: bool) -> None:
        if len(parts) < (2 if star else 3) or not node.origin().startIndex().isDefined():
            return
        start, end = _span(node)
        written = self._sql[start:end]
        written = written.rstrip("* \n").rstrip(".") if star else written
        try:
            matches = parsed_name(written) == parts
        except SqlTextError:
            matches = False
        if matches:
            self.columns.append(NamedColumn(parts=parts, start=start, end=start + len(written)))

    def _follows_table_keyword(self, start: int) -> bool:
        before = tokens(self._sql[:start])
        return bool(before) and before[-1].keyword == "TABLE"

    def _source(self, node: Any) -> str:
        start, end = _span(node)
        return self._sql[start:end]


def _plans_below(node: Any, kind: str) -> Iterator[Any]:
    yield from elements(node.children())
    if kind == "ExplainCommand":
        yield node.logicalPlan()


def _span(node: Any) -> tuple[int, int]:
    origin = node.origin()
    return int(origin.startIndex().get()), int(origin.stopIndex().get()) + 1


def elements(sequence: Any) -> list[Any]:
    """The elements of a Scala sequence."""
    return [sequence.apply(index) for index in range(sequence.size())]


def simple_name(node: Any) -> str:
    """The name of a Java object's class without its package."""
    return str(node.getClass().getSimpleName())
