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


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An exported table with what it and its source say of themselves."""

    export: Export
    shown: Description
    source: Description


def compare_tables(shown: Sequence[Shown], warehouse: Warehouse, sources: Warehouse) -> list[Comparison]:
    """Compare tables that Unity Catalog shows with the one source that they all have, to the last row.

    Duplicates count. Statements about the source alone go to `sources`, which may remember their answers.
    """
    source_columns = _columns(shown[0].export.source, sources)
    found = [_described_differences(each, _columns(each.export.name, warehouse), source_columns) for each in shown]
    names = [name for name, _ in source_columns]
    comparable = [each.export for each, (_, same_columns) in zip(shown, found, strict=True) if same_columns]
    source_rows, counted = _counts(comparable, names, warehouse) if comparable else (0, {})
    comparisons = []
    for each, (differences, same_columns) in zip(shown, found, strict=True):
        differing = _differing_rows(each.export, names, source_rows, counted, warehouse) if same_columns else []
        rows = source_rows if same_columns else 0
        comparisons.append(Comparison(rows=rows, differences=_about(each.export, [*differences, *differing])))
    return comparisons


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


def _described_differences(
    each: Shown, shown_columns: Sequence[tuple[str, str]], source_columns: Sequence[tuple[str, str]]
) -> tuple[list[str], bool]:
    """What differs before any row is read, and whether rows can be compared: only under the same columns."""
    differences = compare_descriptions(each.export, each.shown, each.source)
    if shown_columns != source_columns:
        return differences + _column_differences(shown_columns, source_columns), False
    if each.shown.columns and each.shown.columns != source_columns:
        listed = _column_differences(each.shown.columns, source_columns)
        differences += [f"as Unity Catalog lists it, {difference}" for difference in listed]
    return differences, True


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


def _counts(
    exports: Sequence[Export], names: Sequence[str], warehouse: Warehouse
) -> tuple[int, dict[str, tuple[int, int]]]:
    """Rows of the source; for each export by name its rows, and the rows that it or the source has more often."""
    sums = ["coalesce(sum(times_in_source), 0)"]
    for number in range(len(exports)):
        sums.append(f"coalesce(sum(times_shown_{number}), 0)")
        sums.append(f"coalesce(sum(abs(times_shown_{number} - times_in_source)), 0)")
    statement = f"SELECT {', '.join(sums)} FROM ({_counted(exports, names)}) AS counted"  # noqa: S608, names come quoted
    (row,) = warehouse.query(statement).rows
    source, *counts = [int(value or 0) for value in row]
    pairs = zip(counts[::2], counts[1::2], strict=True)
    return source, {export.name: pair for export, pair in zip(exports, pairs, strict=True)}


def _differing_rows(
    export: Export, names: Sequence[str], source_rows: int, counted: Mapping[str, tuple[int, int]], warehouse: Warehouse
) -> list[str]:
    shown_rows, differing = counted[export.name]
    if shown_rows == source_rows and not differing:
        return []
    found = f"{differing} rows differ; it has {shown_rows} rows and the source {source_rows}"
    return [found, *_samples(export, names, warehouse)]


def _samples(export: Export, names: Sequence[str], warehouse: Warehouse) -> list[str]:
    statement = (
        f"SELECT * FROM ({_counted([export], names)}) AS counted "  # noqa: S608, names come quoted
        f"WHERE times_shown_0 <> times_in_source LIMIT {SAMPLE_ROWS}"
    )
    return [
        f"{row[-1]} times here and {row[-2]} times in the source: ({', '.join(str(value) for value in row[:-2])})"
        for row in warehouse.query(statement).rows
    ]


def _counted(exports: Sequence[Export], names: Sequence[str]) -> str:
    """Every distinct row of the source and the exports, and how often each of them has it; the source is read once.

    NULL equals NULL here, as GROUP BY has it.
    """
    columns = ", ".join(f"`{name}`" for name in names)
    counts = ["in_source", *(f"shown_{number}" for number in range(len(exports)))]
    relations = [exports[0].source, *(export.name for export in exports)]
    sides = []
    for own, relation in zip(counts, relations, strict=True):
        ones = ", ".join(f"{int(count == own)} AS one_{count}" for count in counts)
        sides.append(f"SELECT {columns}, {ones} FROM {relation}")  # noqa: S608, names come quoted
    sums = ", ".join(f"sum(one_{count}) AS times_{count}" for count in counts)
    return f"SELECT {columns}, {sums} FROM ({' UNION ALL '.join(sides)}) AS all_sides GROUP BY {columns}"  # noqa: S608
