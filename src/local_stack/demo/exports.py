"""The tables exported so far, and their comparison with what they have to equal: the head of their branch."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from databricks.sdk.service.catalog import TableInfo, TablesAPI

from local_stack.demo.comparison import (
    PARALLEL,
    Comparison,
    Description,
    Export,
    Shown,
    Warehouse,
    ask_source,
    compare_query,
    compare_tables,
)
from local_stack.demo.failure import DemoFailure
from local_stack.demo.sources import Sources
from local_stack.demo.tables import TpchTable


@dataclass(kw_only=True)
class ExportedTable:
    """A table in the schema of a branch. commit_id, version, seconds: of its last clone.

    is_compared: whether anybody compared it since that clone; rows, differences: as last compared.
    """

    branch: str
    table: TpchTable
    commit_id: str
    version: int
    seconds: float
    is_compared: bool = False
    rows: int = 0
    differences: tuple[str, ...] = ()


class Exports:
    """Knows what every exported table has to show, and looks whether it does."""

    def __init__(self, *, catalog: str, warehouse: Warehouse, tables: TablesAPI, sources: Sources) -> None:
        self._catalog = catalog
        self._warehouse = warehouse
        self._tables = tables
        self._sources = sources
        self._heads: dict[str, str] = {}
        self._exported: dict[tuple[str, str], ExportedTable] = {}

    def __iter__(self) -> Iterator[ExportedTable]:
        return iter(self._exported.values())

    def __len__(self) -> int:
        return len(self._exported)

    def quoted(self, branch: str, table: TpchTable) -> str:
        """The table's name in Unity Catalog, as SQL takes it."""
        return f"`{self._catalog}`.`{branch}`.`{table.name}`"

    def record(self, branch: str, head: str, clones: Iterable[tuple[TpchTable, Mapping[str, Any]]]) -> None:
        """After a run: the branch's commit, and what the clone notebook returned for each table it cloned."""
        self._heads[branch] = head
        for table, clone in clones:
            self._exported[branch, table.name] = ExportedTable(
                branch=branch,
                table=table,
                commit_id=str(clone["commit_id"]),
                version=int(clone["version"]),
                seconds=float(clone["seconds"]),
            )

    def compare(self) -> tuple[str, ...]:
        """Every table with its source at the head of its branch; what differs, in words."""
        return self._compare(list(self._exported.values()))

    def compare_cloned(self) -> tuple[list[ExportedTable], tuple[str, ...]]:
        """The tables that were cloned since they were last compared, as `compare` does; they, and what differs."""
        cloned = [each for each in self._exported.values() if not each.is_compared]
        return cloned, self._compare(cloned)

    def _compare(self, exported: Sequence[ExportedTable]) -> tuple[str, ...]:
        with ThreadPoolExecutor(PARALLEL) as pool:
            shown = list(pool.map(self._shown, exported))
        compared = compare_tables(shown, self._warehouse, self._sources)
        for each, comparison in zip(exported, compared, strict=True):
            each.rows, each.differences, each.is_compared = comparison.rows, comparison.differences, True
        return tuple(difference for each in exported for difference in each.differences)

    def ask_sources(self, queries: Mapping[str, str]) -> None:
        """Ask the sources for all that comparing every table, and these queries, takes of them."""
        named = [(exported.table, self._heads[exported.branch]) for exported in self._exported.values()]
        for table, head in named:
            self._sources.description(table, head)
        sources = dict.fromkeys(self._sources.name(table, head) for table, head in named)
        asked = (query.format_map(self._source_names(branch)) for branch in self._heads for query in queries.values())
        questions: list[Callable[[], object]] = [partial(ask_source, source, self._sources) for source in sources]
        questions += [partial(self._sources.query, statement) for statement in dict.fromkeys(asked)]
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(lambda question: question(), questions))

    def compare_queries(self, queries: Mapping[str, str]) -> tuple[dict[str, int], tuple[str, ...]]:
        """Each query in each branch's schema and on the sources: rows by query and branch, and what differs."""
        asked = [(name, branch) for branch in self._heads for name in queries]
        with ThreadPoolExecutor(PARALLEL) as pool:
            compared = list(pool.map(lambda each: self._query(queries[each[0]], *each), asked))
        rows = {f"{name} on {branch}": found.rows for (name, branch), found in zip(asked, compared, strict=True)}
        return rows, tuple(difference for found in compared for difference in found.differences)

    def _shown(self, exported: ExportedTable) -> Shown:
        head = self._heads[exported.branch]
        export = Export(
            name=self.quoted(exported.branch, exported.table),
            source=self._sources.name(exported.table, head),
            commit_id=exported.commit_id,
        )
        found = self._tables.get(f"{self._catalog}.{exported.branch}.{exported.table.name}")
        return Shown(
            export=export,
            files=f"delta.`{found.storage_location}`",
            shown=_description(found),
            source=self._sources.description(exported.table, head),
        )

    def _query(self, query: str, name: str, branch: str) -> Comparison:
        tables = [exported.table for exported in self._exported.values() if exported.branch == branch]
        shown = {table.name: self.quoted(branch, table) for table in tables}
        sources = self._source_names(branch)
        return compare_query(f"{name} on {branch}", query, shown, sources, self._warehouse, self._sources)

    def _source_names(self, branch: str) -> dict[str, str]:
        tables = [exported.table for exported in self._exported.values() if exported.branch == branch]
        return {table.name: self._sources.name(table, self._heads[branch]) for table in tables}


def _description(found: TableInfo) -> Description:
    columns = found.columns or []
    return Description(
        comment=found.comment or "",
        columns=tuple((column.name or "", (column.type_text or "").lower()) for column in columns),
        column_comments={column.name or "": column.comment for column in columns if column.comment},
        properties=found.properties or {},
    )


def expected_clones(
    results: Iterable[Mapping[str, Any]], named: Mapping[str, TpchTable], expected: frozenset[str]
) -> list[tuple[TpchTable, Mapping[str, Any]]]:
    """Each table that a run cloned, with what the clone notebook returned for it.

    results: of all iterations; named: tables by their quoted name in Unity Catalog; expected: names of the tables
    that had to be cloned, and no others. Raises DemoFailure where others were.
    """
    cloned = {str(result["table"]): result for result in results if result["action"] == "cloned"}
    names = {named[quoted].name if quoted in named else quoted for quoted in cloned}
    if names != expected:
        raise DemoFailure(f"the run cloned {listed(names)}; the commit changes {listed(expected)}")
    return [(named[quoted], result) for quoted, result in cloned.items()]


def listed(names: Iterable[str]) -> str:
    """Names in order, for a person."""
    return ", ".join(sorted(names)) or "no table"
