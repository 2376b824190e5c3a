"""What the demo knows of exported tables and their sources, and how it compares them."""

from types import SimpleNamespace
from typing import Any

import pytest

from local_stack.demo.comparison import Answer, Description
from local_stack.demo.exports import Exports, expected_clones
from local_stack.demo.failure import DemoFailure
from local_stack.demo.sources import Objects, Sources
from local_stack.demo.tables import TpchTable, table_named

REGION, NATION = table_named("region"), table_named("nation")
NAMED = {f"`main`.`main`.`{table.name}`": table for table in (REGION, NATION)}
COLUMNS = (("r_regionkey", "bigint"),)


def clone(table: str, action: str = "cloned", commit_id: str = "c1") -> dict[str, Any]:
    name = f"`main`.`main`.`{table}`"
    return {"table": name, "action": action, "commit_id": commit_id, "version": 3, "seconds": 1.5}


def test_the_clones_of_a_run_are_those_expected() -> None:
    results = [clone("region"), clone("nation", action="already at this commit")]
    assert expected_clones(results, NAMED, frozenset({"region"})) == [(REGION, results[0])]
    assert expected_clones([], NAMED, frozenset()) == []


@pytest.mark.parametrize(
    ("results", "expected", "message"),
    [
        ([clone("region")], {"region", "nation"}, "the run cloned region; the commit changes nation, region"),
        ([clone("region"), clone("nation")], {"region"}, "the run cloned nation, region; the commit changes region"),
        ([clone("region")], set(), "the run cloned region; the commit changes no table"),
        ([], {"region"}, "the run cloned no table; the commit changes region"),
        (
            [clone("region", action="already at this commit")],
            {"region"},
            "the run cloned no table; the commit changes region",
        ),
        ([clone("clicks")], {"region"}, "the run cloned `main`.`main`.`clicks`; the commit changes region"),
    ],
)
def test_other_clones_than_expected_are_a_failure(
    results: list[dict[str, Any]], expected: set[str], message: str
) -> None:
    with pytest.raises(DemoFailure) as failure:
        expected_clones(results, NAMED, frozenset(expected))
    assert str(failure.value) == message


class Lake:
    """Objects at commits, and what tables say of themselves there."""

    def __init__(self, objects: dict[str, Objects]) -> None:
        self.by_commit = objects
        self.described: list[str] = []

    def objects(self, ref: str, prefix: str) -> Objects:
        return frozenset(each for each in self.by_commit[ref] if each[0].startswith(prefix))

    def description(self, table: TpchTable, ref: str) -> Description:
        self.described.append(ref)
        return Description(comment=f"{table.name} at {ref}")


class Warehouse:
    """Answers by a part of the statement's text, and notes every statement."""

    def __init__(self, source_shown_differing: tuple[str, str, str] = ("5", "5", "0")) -> None:
        self.statements: list[str] = []
        self.counts = source_shown_differing
        self.fails = False

    def query(self, statement: str) -> Answer:
        self.statements.append(statement)
        if self.fails:
            raise ConnectionError("lakeFS does not answer")
        if "LIMIT 0" in statement:
            relations = statement.count(".*")
            return Answer(columns=(("columns of the next relation", "int"), *COLUMNS) * relations, rows=())
        if "LIMIT 5" in statement:
            return Answer(columns=COLUMNS, rows=(("7", "0", "1"),))
        source, shown, differing = self.counts
        if "xxhash64" in statement:
            rows = source if "delta.`" in statement else shown
            relations = statement.count("xxhash64(1, ")
            return Answer(columns=(), rows=tuple((str(number), rows, rows, rows) for number in range(relations)))
        if "coalesce" in statement:
            return Answer(columns=(), rows=((differing, shown, source),))
        return Answer(columns=(("n", "bigint"),), rows=(("1",),))


FIRST = frozenset({("tables/geography/region/a", "1"), ("tables/geography/regions/b", "1")})
OTHERS_CHANGED = frozenset({("tables/geography/region/a", "1"), ("tables/geography/regions/b", "2")})
CHANGED = frozenset({("tables/geography/region/a", "2")})


def sources_of(lake: Lake, warehouse: Warehouse) -> Sources:
    return Sources(repository="tpch", listing=lake, descriptions=lake, warehouse=warehouse)


def test_a_commit_with_the_same_objects_is_read_where_it_was_read_before() -> None:
    lake = Lake({"c1": FIRST, "c2": OTHERS_CHANGED, "c3": CHANGED})
    sources = sources_of(lake, Warehouse())
    assert sources.name(REGION, "c1") == "delta.`s3a://tpch/c1/tables/geography/region`"
    assert sources.name(REGION, "c2") == "delta.`s3a://tpch/c1/tables/geography/region`"
    assert sources.name(REGION, "c3") == "delta.`s3a://tpch/c3/tables/geography/region`"
    assert sources.description(REGION, "c2").comment == "region at c1"
    assert sources.description(REGION, "c1").comment == "region at c1"
    assert sources.description(REGION, "c3").comment == "region at c3"
    assert lake.described == ["c1", "c3"]


def test_a_statement_about_sources_is_run_once() -> None:
    warehouse = Warehouse()
    sources = sources_of(Lake({}), warehouse)
    assert sources.query("SELECT 1") == sources.query("SELECT 1")
    assert warehouse.statements == ["SELECT 1"]


def exports_of(
    warehouse: Warehouse,
    *,
    comment: str = "region at c1",
    columns: list[Any] | None = None,
    sources: Sources | None = None,
) -> Exports:
    properties = {"lakefs.commit_id": "c1"}
    location = "file:/exports/region"
    listed = SimpleNamespace(comment=comment, columns=columns, properties=properties, storage_location=location)
    tables: Any = SimpleNamespace(get=lambda full_name: listed)
    sources = sources or sources_of(Lake({"c1": FIRST, "c2": OTHERS_CHANGED}), warehouse)
    exports = Exports(catalog="main", warehouse=warehouse, tables=tables, sources=sources)
    exports.record("main", "c1", [(REGION, clone("region"))])
    return exports


def test_what_a_run_cloned_is_compared_once_and_again_after_its_next_clone() -> None:
    warehouse = Warehouse()
    exports = exports_of(warehouse)
    exports.record("nightly-load", "c2", [(REGION, clone("region"))])
    compared, differences = exports.compare_cloned()
    assert ([each.branch for each in compared], differences) == (["main", "nightly-load"], ())
    warehouse.statements.clear()
    assert exports.compare_cloned() == ([], ())
    assert warehouse.statements == []
    exports.record("nightly-load", "c2", [(REGION, clone("region"))])
    compared, differences = exports.compare_cloned()
    assert [(each.branch, each.rows) for each in compared] == [("nightly-load", 5)]
    assert not any("`main`.`main`" in statement for statement in warehouse.statements)


def test_what_differs_in_a_cloned_table_is_told() -> None:
    exports = exports_of(Warehouse(), comment="other")
    compared, differences = exports.compare_cloned()
    assert [each.differences for each in compared] == [differences]
    assert differences == (
        "`main`.`main`.`region` <> delta.`s3a://tpch/c1/tables/geography/region`: "
        "its comment is 'other', the source's 'region at c1'",
    )


def test_every_exported_table_is_compared_also_where_no_run_cloned_it() -> None:
    warehouse = Warehouse()
    exports = exports_of(warehouse)
    assert exports.compare() == ()
    (exported,) = exports
    assert (exported.rows, exported.version, exported.seconds, exported.commit_id) == (5, 3, 1.5, "c1")
    warehouse.statements.clear()
    exports.record("main", "c2", [])
    assert exports.compare() == ()
    # A commit never changes: what was asked of its tables is known.
    asked, read = warehouse.statements
    assert "LIMIT 0" in asked
    assert "FROM `main`.`main`.`region`" in read


def test_tables_of_two_branches_are_read_in_one_statement_and_their_source_once() -> None:
    warehouse = Warehouse()
    exports = exports_of(warehouse)
    exports.record("nightly-load", "c2", [(REGION, clone("region"))])
    assert exports.compare() == ()
    assert [exported.rows for exported in exports] == [5, 5]
    shown, source = sorted(statement for statement in warehouse.statements if "xxhash64" in statement)
    for relation in ("`main`.`main`.`region`", "`main`.`nightly-load`.`region`"):
        assert shown.count(f"FROM {relation}") == 1
    assert source.count("FROM delta.`s3a://tpch/c1/") == 1


def test_what_differs_in_any_table_is_collected() -> None:
    exports = exports_of(Warehouse(source_shown_differing=("5", "6", "1")), comment="other")
    assert exports.compare() == tuple(
        f"`main`.`main`.`region` <> delta.`s3a://tpch/c1/tables/geography/region`: {text}"
        for text in (
            "its comment is 'other', the source's 'region at c1'",
            "1 rows differ; it has 6 rows and the source 5",
            "1 times here and 0 times in the source: (7)",
        )
    )


def test_columns_that_unity_catalog_lists_otherwise_are_told() -> None:
    column = SimpleNamespace(name="r_regionkey", type_text="INT", comment=None)
    assert exports_of(Warehouse(), columns=[column]).compare() == (
        "`main`.`main`.`region` <> delta.`s3a://tpch/c1/tables/geography/region`: "
        "as Unity Catalog lists it, column r_regionkey is int, in the source bigint",
    )


def test_queries_run_in_every_branch_and_once_on_a_source() -> None:
    warehouse = Warehouse()
    exports = exports_of(warehouse)
    rows, differences = exports.compare_queries({"Q9": "SELECT count(*) AS n FROM {region}"})
    assert (rows, differences) == ({"Q9 on main": 1}, ())
    exports.compare_queries({"Q9": "SELECT count(*) AS n FROM {region}"})
    assert sorted(warehouse.statements) == [
        "SELECT count(*) AS n FROM `main`.`main`.`region`",
        "SELECT count(*) AS n FROM `main`.`main`.`region`",
        "SELECT count(*) AS n FROM delta.`s3a://tpch/c1/tables/geography/region`",
    ]


QUERIES = {"Q9": "SELECT count(*) AS n FROM {region}"}


def test_what_sources_were_asked_is_compared_without_them() -> None:
    lake, warehouse, reader = Lake({"c1": FIRST, "c2": OTHERS_CHANGED}), Warehouse(), Warehouse()
    sources = sources_of(lake, reader)
    exports = exports_of(warehouse, sources=sources)
    exports.record("nightly-load", "c2", [(REGION, clone("region"))])
    exports.ask_sources(QUERIES)
    asked = len(reader.statements)
    sources.close()
    lake.by_commit.clear()
    reader.fails = True

    assert exports.compare() == ()
    assert exports.compare_queries(QUERIES) == ({"Q9 on main": 1, "Q9 on nightly-load": 1}, ())
    assert len(reader.statements) == asked
    assert not any("s3a://" in statement for statement in warehouse.statements)


def test_what_was_not_asked_before_is_not_made_up() -> None:
    sources = sources_of(Lake({"c1": FIRST}), Warehouse())
    exports = exports_of(Warehouse(), sources=sources)
    assert exports.compare() == ()
    sources.close()
    with pytest.raises(DemoFailure, match="lakeFS is stopped, and its tables were not asked before"):
        exports.compare_queries(QUERIES)


def test_a_difference_that_is_found_without_the_sources_is_told() -> None:
    sources = sources_of(Lake({"c1": FIRST}), Warehouse())
    exports = exports_of(Warehouse(source_shown_differing=("5", "6", "1")), sources=sources)
    exports.ask_sources({})
    sources.close()
    (difference,) = exports.compare()
    assert "its rows differ from the source's, which can be read no more" in difference


def test_rows_are_counted_where_the_sources_are_read_by_the_files_of_the_export() -> None:
    reader, warehouse = Warehouse(source_shown_differing=("5", "6", "1")), Warehouse(("5", "6", "1"))
    exports = exports_of(warehouse, sources=sources_of(Lake({"c1": FIRST}), reader))
    assert len(exports.compare()) == 2
    counted = [statement for statement in reader.statements if "both_sides" in statement]
    assert len(counted) == 2
    assert all("FROM delta.`file:/exports/region`" in statement for statement in counted)
    assert not any("s3a://" in statement for statement in warehouse.statements)
