"""Compares an exported table with its source at a lakeFS commit: every row both ways, columns, comments, provenance."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

SAMPLE_ROWS = 5
# Statements that run at a time; more would only wait for the two cores.
PARALLEL = 4

Columns = tuple[tuple[str, str], ...]
Rows = tuple[tuple[str | None, ...], ...]
Found = TypeVar("Found")

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


class SourceReader(Warehouse, Protocol):
    """Where statements run that read sources at commits and nothing else."""

    def query_with_exports(self, statement: str) -> Answer | None:
        """Run one that reads exports, too, by their files; None where sources can be read no more."""


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
    """An exported table with what it and its source say of themselves.

    files: the export by its files, as SQL names it where Unity Catalog is not known.
    """

    export: Export
    files: str
    shown: Description
    source: Description


@dataclass(frozen=True, kw_only=True)
class Checksum:
    """How many rows a relation has, and two sums over 64-bit hashes of whole rows.

    A row that is there twice counts twice. Relations with other rows have the same sums once in 2**128.
    """

    rows: int
    sums: tuple[str | None, ...]


def compare_tables(shown: Sequence[Shown], warehouse: Warehouse, sources: SourceReader) -> list[Comparison]:
    """Compare each table that Unity Catalog shows with its source, to the last row; the comparisons in their order.

    Every row of every table is read, in one statement for all, and one for each source. Where checksums differ, rows
    are counted one by one, and shown.
    """
    if not shown:
        return []
    columns = _asked([each.export for each in shown], _columns, warehouse, sources)
    described = [_described_differences(each, columns) for each in shown]
    same_columns = [each.export for each, (_, same) in zip(shown, described, strict=True) if same]
    checksums = _asked(same_columns, partial(_checksums, columns), warehouse, sources) if same_columns else {}
    comparisons = []
    for each, (differences, _) in zip(shown, described, strict=True):
        ours, theirs = checksums.get(each.export.name), checksums.get(each.export.source)
        rows = theirs.rows if ours is not None and theirs is not None else 0
        differing = [] if ours is None or ours == theirs else _differing_rows(each, columns, sources)
        comparisons.append(Comparison(rows=rows, differences=_about(each.export, [*differences, *differing])))
    return comparisons


def ask_source(source: str, sources: SourceReader) -> None:
    """Ask for all that `compare_tables` asks of a source, so that a reader that keeps its answers has them."""
    _checksums(_columns([source], sources), [source], sources)


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


def _asked(
    exports: Sequence[Export],
    ask: Callable[[Sequence[str], Warehouse], Mapping[str, Found]],
    warehouse: Warehouse,
    sources: SourceReader,
) -> dict[str, Found]:
    """What is found of each export and of each source, by its name: of all exports at once, and of each source."""
    names = [export.name for export in exports]
    each_source = dict.fromkeys(export.source for export in exports)
    questions = [(names, warehouse), *(([source], sources) for source in each_source)]
    with ThreadPoolExecutor(PARALLEL) as pool:
        answers = pool.map(lambda question: ask(*question), questions)
        return {relation: found for answer in answers for relation, found in answer.items()}


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


def _checksums(columns: Mapping[str, Columns], relations: Sequence[str], warehouse: Warehouse) -> dict[str, Checksum]:
    """The checksum of each relation, which has these columns, asked for in one statement."""
    text = " UNION ALL ".join(_checksum(number, name, columns[name]) for number, name in enumerate(relations))
    return {
        relations[int(number or 0)]: Checksum(rows=int(rows or 0), sums=tuple(sums))
        for number, rows, *sums in warehouse.query(text).rows
    }


def _checksum(number: int, relation: str, columns: Iterable[tuple[str, str]]) -> str:
    """A row with the relation's number. A hash passes over NULL, so whether a value is NULL goes into it as well."""
    values = ", ".join(f"`{name}` IS NULL, `{name}`" for name, _ in columns)
    sums = ", ".join(f"sum(CAST(xxhash64({salt}, {values}) AS DECIMAL(38, 0))) AS sum_{salt}" for salt in (1, 2))
    return f"SELECT {number} AS relation, count(*) AS row_count, {sums} FROM {relation}"  # noqa: S608, names come quoted


def _differing_rows(each: Shown, columns: Mapping[str, Columns], sources: SourceReader) -> list[str]:
    """How many rows differ, and the first of them with how often each side has it."""
    counted = f"({_counted(each, [name for name, _ in columns[each.export.source]])}) AS counted"
    totals = "coalesce(sum(abs(times_shown - times_in_source)), 0), coalesce(sum(times_shown), 0)"
    totals += ", coalesce(sum(times_in_source), 0)"
    total = sources.query_with_exports(f"SELECT {totals} FROM {counted}")  # noqa: S608, as above
    samples = sources.query_with_exports(
        f"SELECT * FROM {counted} WHERE times_shown <> times_in_source LIMIT {SAMPLE_ROWS}"  # noqa: S608, as above
    )
    if total is None or samples is None:
        return ["its rows differ from the source's, which can be read no more: they are not counted one by one"]
    ((differing, shown, in_source),) = total.rows
    return [f"{differing} rows differ; it has {shown} rows and the source {in_source}"] + [
        f"{row[-1]} times here and {row[-2]} times in the source: ({', '.join(str(value) for value in row[:-2])})"
        for row in samples.rows
    ]


def _counted(each: Shown, names: Sequence[str]) -> str:
    """Every distinct row of the source and the export, and how often each of them has it.

    NULL equals NULL here, as GROUP BY has it.
    """
    columns = ", ".join(f"`{name}`" for name in names)
    return (
        f"SELECT {columns}, sum(in_source) AS times_in_source, sum(shown) AS times_shown "  # noqa: S608, as above
        f"FROM (SELECT {columns}, 1 AS in_source, 0 AS shown FROM {each.export.source} "
        f"UNION ALL SELECT {columns}, 0, 1 FROM {each.files}) AS both_sides GROUP BY {columns}"
    )
