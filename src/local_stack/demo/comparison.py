"""Compares an exported table with its source at a lakeFS commit: every row both ways, columns, comments, provenance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

SAMPLE_ROWS = 5

Columns = tuple[tuple[str, str], ...]
Rows = tuple[tuple[str | None, ...], ...]

# Stands in front of each relation's columns; no column of a table has this name.
_MARK = "columns of the next relation"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a statement returned: columns as (name, type), rows as text or None."""

    columns: Columns
    rows: Rows


class Warehouse(Protocol):
    """Where statements run; both sides of a comparison are read by the same engine."""

    def query(self, statement: str) -> Answer:
        """Run one statement. Raises where it fails."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a table says of itself: comment, columns as (name, type) where it tells them, their comments, properties."""

    comment: str = ""
    columns: Columns = ()
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


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Rows of a source, of a table that is to equal it, and those that one of the two has more often."""

    in_source: int
    shown: int
    differing: int

    @property
    def differ(self) -> bool:
        """Whether the two have other rows."""
        return self.shown != self.in_source or self.differing > 0

    def __str__(self) -> str:
        return f"{self.differing} rows differ; it has {self.shown} rows and the source {self.in_source}"


def compare_tables(shown: Sequence[Shown], warehouse: Warehouse) -> list[Comparison]:
    """Compare each table that Unity Catalog shows with its source, to the last row; the comparisons in their order.

    Duplicates count. However many tables there are, they are read in two statements, and in one more for each that
    has other rows than its source.
    """
    if not shown:
        return []
    columns = _columns([name for each in shown for name in (each.export.name, each.export.source)], warehouse)
    described = [_described_differences(each, columns) for each in shown]
    same_columns = [each.export for each, (_, same) in zip(shown, described, strict=True) if same]
    counted = _counts(same_columns, columns, warehouse) if same_columns else {}
    comparisons = []
    for each, (differences, _) in zip(shown, described, strict=True):
        counts = counted.get(each.export.name)
        if counts is not None and counts.differ:
            names = [name for name, _ in columns[each.export.source]]
            differences += [str(counts), *_samples(each.export, names, warehouse)]
        rows = counts.in_source if counts is not None else 0
        comparisons.append(Comparison(rows=rows, differences=_about(each.export, differences)))
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


def _described_differences(each: Shown, columns: Mapping[str, Columns]) -> tuple[list[str], bool]:
    """What differs before any row is read, and whether rows can be compared: only under the same columns."""
    differences = compare_descriptions(each.export, each.shown, each.source)
    shown_columns, source_columns = columns[each.export.name], columns[each.export.source]
    if shown_columns != source_columns:
        return differences + _column_differences(shown_columns, source_columns), False
    if each.shown.columns and each.shown.columns != source_columns:
        listed = _column_differences(each.shown.columns, source_columns)
        differences += [f"as Unity Catalog lists it, {difference}" for difference in listed]
    return differences, True


def _columns(relations: Sequence[str], warehouse: Warehouse) -> dict[str, Columns]:
    """The columns of each relation, asked for in one statement: those of all in a row, each after a mark."""
    distinct = list(dict.fromkeys(relations))
    selected = ", ".join(f"0 AS `{_MARK}`, relation_{number}.*" for number in range(len(distinct)))
    joined = " CROSS JOIN ".join(f"{relation} AS relation_{number}" for number, relation in enumerate(distinct))
    answer = warehouse.query(f"SELECT {selected} FROM {joined} LIMIT 0")  # noqa: S608, names come quoted
    found: list[list[tuple[str, str]]] = []
    for name, kind in answer.columns:
        if name == _MARK:
            found.append([])
        else:
            found[-1].append((name, kind))
    return {relation: tuple(columns) for relation, columns in zip(distinct, found, strict=True)}


def _column_differences(shown: Sequence[tuple[str, str]], source: Sequence[tuple[str, str]]) -> list[str]:
    differences = []
    ours, theirs = dict(shown), dict(source)
    for name in dict.fromkeys([*theirs, *ours]):
        if ours.get(name) != theirs.get(name):
            differences.append(
                f"column {name} is {ours.get(name, 'missing')}, in the source {theirs.get(name, 'missing')}"
            )
    return differences or [f"its columns are in the order {list(ours)}, in the source {list(theirs)}"]


def _counts(exports: Sequence[Export], columns: Mapping[str, Columns], warehouse: Warehouse) -> dict[str, Counts]:
    """How many rows each export and its source have, and how many of them differ, by the export's name.

    One statement for all. Exports with the same source are counted together, which reads it once.
    """
    groups: dict[str, list[Export]] = {}
    for export in exports:
        groups.setdefault(export.source, []).append(export)
    width = max(len(group) for group in groups.values())
    statements = [
        _counting(number, group, [name for name, _ in columns[source]], width)
        for number, (source, group) in enumerate(groups.items())
    ]
    rows = [[int(value or 0) for value in row] for row in warehouse.query(" UNION ALL ".join(statements)).rows]
    found = {}
    for group, (_, source_rows, *counts) in zip(groups.values(), sorted(rows), strict=True):
        for export, shown, differing in zip(group, counts[::2], counts[1::2], strict=False):
            found[export.name] = Counts(in_source=source_rows, shown=shown, differing=differing)
    return found


def _counting(number: int, group: Sequence[Export], names: Sequence[str], width: int) -> str:
    """One row: the group's number, the rows of its source, and two counts for each export, filled up to the width."""
    sums = [f"{number} AS source_number", "coalesce(sum(times_in_source), 0)"]
    for position in range(len(group)):
        sums.append(f"coalesce(sum(times_shown_{position}), 0)")
        sums.append(f"coalesce(sum(abs(times_shown_{position} - times_in_source)), 0)")
    sums += ["0", "0"] * (width - len(group))
    return f"SELECT {', '.join(sums)} FROM ({_counted(group, names)}) AS counted"  # noqa: S608, names come quoted


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
