"""Compares an exported table with its source at a lakeFS commit: every row both ways, columns, comments, provenance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

SAMPLE_ROWS = 5

Rows = tuple[tuple[str | None, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a statement returned: columns as (name, type), rows as text or None."""

    columns: tuple[tuple[str, str], ...]
    rows: Rows


class Warehouse(Protocol):
    """Where statements run; both sides of a comparison are read by the same engine."""

    def query(self, statement: str) -> Answer:
        """Run one statement. Raises where it fails."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a table says of itself: comment, columns as (name, type) where it tells them, their comments, properties."""

    comment: str = ""
    columns: tuple[tuple[str, str], ...] = ()
    column_comments: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Export:
    """An exported table and what it has to equal.

    name: quoted name in Unity Catalog; source: the source at the branch's commit, as SQL names it.
    commit_id: the commit that its properties have to name: the last that changed the table.
    """

    name: str
    source: str
    commit_id: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The rows of the source, and what differs, in words."""

    rows: int
    differences: tuple[str, ...]


def compare_table(
    export: Export, shown: Description, source: Description, warehouse: Warehouse, sources: Warehouse
) -> Comparison:
    """Compare the table that Unity Catalog shows with its source, to the last row. Duplicates count.

    Statements about the source alone go to `sources`, which may remember their answers.
    """
    differences = compare_descriptions(export, shown, source)
    shown_columns = _columns(export.name, warehouse)
    source_columns = _columns(export.source, sources)
    if shown_columns != source_columns:
        differences += _column_differences(shown_columns, source_columns)
        return Comparison(rows=0, differences=_about(export, differences))
    if shown.columns and shown.columns != source_columns:
        listed = _column_differences(shown.columns, source_columns)
        differences += [f"as Unity Catalog lists it, {difference}" for difference in listed]
    names = [name for name, _ in source_columns]
    shown_rows, source_rows, differing = _counts(export, names, warehouse)
    if shown_rows != source_rows or differing:
        differences.append(f"{differing} rows differ; it has {shown_rows} rows and the source {source_rows}")
        differences += _samples(export, names, warehouse)
    return Comparison(rows=source_rows, differences=_about(export, differences))


def compare_descriptions(export: Export, shown: Description, source: Description) -> list[str]:
    """What the table and its columns say of themselves, and which commit it says it shows."""
    differences = []
    named = shown.properties.get("lakefs.commit_id", "")
    if named != export.commit_id:
        differences.append(f"its properties name lakeFS commit {named or '(none)'}, not {export.commit_id}")
    if shown.comment != source.comment:
        differences.append(f"its comment is {shown.comment!r}, the source's {source.comment!r}")
    for column in sorted({*shown.column_comments, *source.column_comments}):
        ours, theirs = shown.column_comments.get(column, ""), source.column_comments.get(column, "")
        if ours != theirs:
            differences.append(f"the comment of column {column} is {ours!r}, the source's {theirs!r}")
    return differences


def compare_query(
    title: str,
    query: str,
    names: Mapping[str, str],
    source_names: Mapping[str, str],
    warehouse: Warehouse,
    sources: Warehouse,
) -> Comparison:
    """Run a query on the exported tables and on their sources. `{table}` in its text is replaced by each one's name."""
    shown = warehouse.query(query.format_map(names))
    source = sources.query(query.format_map(source_names))
    differences = []
    if shown.columns != source.columns:
        differences += _column_differences(shown.columns, source.columns)
    if shown.rows != source.rows:
        differences.append(f"its rows are {shown.rows[:SAMPLE_ROWS]}, on the source {source.rows[:SAMPLE_ROWS]}")
    return Comparison(rows=len(source.rows), differences=tuple(f"{title}: {text}" for text in differences))


def _about(export: Export, differences: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{export.name} <> {export.source}: {text}" for text in differences)


def _columns(relation: str, warehouse: Warehouse) -> tuple[tuple[str, str], ...]:
    return warehouse.query(f"SELECT * FROM {relation} LIMIT 0").columns  # noqa: S608, names come quoted


def _column_differences(shown: Sequence[tuple[str, str]], source: Sequence[tuple[str, str]]) -> list[str]:
    differences = []
    ours, theirs = dict(shown), dict(source)
    for name in dict.fromkeys([*theirs, *ours]):
        if ours.get(name) != theirs.get(name):
            differences.append(
                f"column {name} is {ours.get(name, 'missing')}, in the source {theirs.get(name, 'missing')}"
            )
    return differences or [f"its columns are in the order {list(ours)}, in the source {list(theirs)}"]


def _counts(export: Export, names: Sequence[str], warehouse: Warehouse) -> tuple[int, int, int]:
    """Rows of the export, rows of the source, and rows that are in one more often than in the other."""
    statement = (
        "SELECT coalesce(sum(times_shown), 0), coalesce(sum(times_in_source), 0), "  # noqa: S608, names come quoted
        "coalesce(sum(abs(times_shown - times_in_source)), 0) "
        f"FROM ({_counted(export, names)}) AS counted"
    )
    ((shown, source, differing),) = warehouse.query(statement).rows
    return int(shown or 0), int(source or 0), int(differing or 0)


def _samples(export: Export, names: Sequence[str], warehouse: Warehouse) -> list[str]:
    statement = (
        f"SELECT * FROM ({_counted(export, names)}) AS counted "  # noqa: S608, names come quoted
        f"WHERE times_shown <> times_in_source LIMIT {SAMPLE_ROWS}"
    )
    return [
        f"{row[-2]} times here and {row[-1]} times in the source: ({', '.join(str(value) for value in row[:-2])})"
        for row in warehouse.query(statement).rows
    ]


def _counted(export: Export, names: Sequence[str]) -> str:
    """Every distinct row of the two, and how often each of them has it. NULL equals NULL here, as GROUP BY has it."""
    columns = ", ".join(f"`{name}`" for name in names)
    return (
        f"SELECT {columns}, "  # noqa: S608, names come quoted
        "sum(one_shown) AS times_shown, sum(one_in_source) AS times_in_source FROM ("
        f"SELECT {columns}, 1 AS one_shown, 0 AS one_in_source FROM {export.name} "
        f"UNION ALL SELECT {columns}, 0 AS one_shown, 1 AS one_in_source FROM {export.source}"
        f") AS both_sides GROUP BY {columns}"
    )
