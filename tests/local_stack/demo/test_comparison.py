"""What the demo's comparison finds, on SQLite in memory: it takes the same statements."""

import re
import sqlite3
import zlib
from collections.abc import Iterator
from threading import Lock

import pytest

from local_stack.demo.comparison import (
    Answer,
    Comparison,
    Description,
    Export,
    Shown,
    ask_source,
    compare_query,
    compare_tables,
)

COMMIT = "c0ffee"
EXPORT = Export(name="`exported`", source="`source`", commit_id=COMMIT)
SHOWN = Description(properties={"lakefs.commit_id": COMMIT})
SOURCE = Description()
SOURCES = {"source", "orders", "parts", "notes"}


class SQLiteWarehouse:
    """Answers like a warehouse, with the types that the tables were made with, and notes every statement."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        self._connection.create_function("xxhash64", -1, lambda *values: zlib.crc32(repr(values).encode()))
        self._lock = Lock()
        self.statements: list[str] = []

    def run(self, *statements: str) -> None:
        for statement in statements:
            self._connection.execute(statement)

    def query(self, statement: str) -> Answer:
        assert not SOURCES & relations_of(statement), "the warehouse cannot read sources"
        return self.ask(statement)

    def ask(self, statement: str) -> Answer:
        with self._lock:
            return self._answer(statement)

    def _answer(self, statement: str) -> Answer:
        self.statements.append(statement)
        cursor = self._connection.execute(statement)
        relations = re.findall(r"`([\w.]+)` AS relation_\d+", statement)
        # Columns that are a table's come as the table has them, each table's after one that is not.
        types = [kind for relation in relations for kind in ("int", *self._types(relation))]
        names = [column[0] for column in cursor.description]
        rows = tuple(tuple(None if value is None else str(value) for value in row) for row in cursor.fetchall())
        return Answer(columns=tuple(zip(names, types or [""] * len(names), strict=True)), rows=rows)

    def _types(self, table: str) -> list[str]:
        return [row[2] for row in self._connection.execute(f"PRAGMA table_info(`{table}`)")]

    def close(self) -> None:
        self._connection.close()


class SourceSide:
    """Reads the sources of that warehouse, and its exports by their files."""

    def __init__(self, warehouse: SQLiteWarehouse, *, is_closed: bool = False) -> None:
        self._warehouse = warehouse
        self._is_closed = is_closed

    def query(self, statement: str) -> Answer:
        assert relations_of(statement) <= SOURCES, "answers of others than sources may not be kept"
        return self._warehouse.ask(statement)

    def query_with_exports(self, statement: str) -> Answer | None:
        assert all(name in SOURCES or name.startswith("files of ") for name in relations_of(statement))
        return None if self._is_closed else self._warehouse.ask(statement.replace("`files of ", "`"))


def relations_of(statement: str) -> set[str]:
    """The tables that a statement names."""
    return set(re.findall(r"(?:FROM|JOIN) `([^`]+)`", statement))


@pytest.fixture
def warehouse() -> Iterator[SQLiteWarehouse]:
    warehouse = SQLiteWarehouse()
    for table in ("exported", "source"):
        warehouse.run(
            f"CREATE TABLE {table} (id INT, name STRING)",
            f"INSERT INTO {table} VALUES (1, 'a'), (1, 'a'), (2, NULL), (NULL, 'b')",
        )
    yield warehouse
    warehouse.close()


def compared(warehouse: SQLiteWarehouse, shown: Description = SHOWN, source: Description = SOURCE) -> Comparison:
    (comparison,) = compare_tables([shown_as(EXPORT, shown, source)], warehouse, SourceSide(warehouse))
    return comparison


def shown_as(export: Export, shown: Description = SHOWN, source: Description = SOURCE) -> Shown:
    return Shown(export=export, files=f"`files of {export.name[1:]}", shown=shown, source=source)


def test_equal_tables_differ_in_nothing(warehouse: SQLiteWarehouse) -> None:
    assert compared(warehouse) == Comparison(rows=4, differences=())


def test_empty_tables_are_equal(warehouse: SQLiteWarehouse) -> None:
    warehouse.run("DELETE FROM exported", "DELETE FROM source")
    assert compared(warehouse) == Comparison(rows=0, differences=())


@pytest.mark.parametrize(
    ("change", "found", "sample"),
    [
        (
            "UPDATE exported SET name = 'z' WHERE id = 2",
            "2 rows differ; it has 4 rows and the source 4",
            "1 times here and 0 times in the source: (2, z)",
        ),
        (
            "UPDATE exported SET name = '' WHERE name IS NULL",
            "2 rows differ; it has 4 rows and the source 4",
            "0 times here and 1 times in the source: (2, None)",
        ),
        (
            "DELETE FROM exported WHERE rowid = 1",
            "1 rows differ; it has 3 rows and the source 4",
            "1 times here and 2 times in the source: (1, a)",
        ),
        (
            "INSERT INTO exported VALUES (2, NULL)",
            "1 rows differ; it has 5 rows and the source 4",
            "2 times here and 1 times in the source: (2, None)",
        ),
        (
            "INSERT INTO source VALUES (7, 'new')",
            "1 rows differ; it has 4 rows and the source 5",
            "0 times here and 1 times in the source: (7, new)",
        ),
        (
            "UPDATE exported SET id = 1, name = 'a' WHERE id = 2",
            "2 rows differ; it has 4 rows and the source 4",
            "3 times here and 2 times in the source: (1, a)",
        ),
    ],
)
def test_rows_that_differ_are_counted_and_shown(
    warehouse: SQLiteWarehouse, change: str, found: str, sample: str
) -> None:
    warehouse.run(change)
    differences = compared(warehouse).differences
    assert f"`exported` <> `source`: {found}" in differences
    assert f"`exported` <> `source`: {sample}" in differences


OTHER = Export(name="`other`", source="`source`", commit_id=COMMIT)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("SELECT 1", [(), ()]),
        (
            "UPDATE other SET name = 'z' WHERE id = 2",
            [
                (),
                (
                    "2 rows differ; it has 4 rows and the source 4",
                    "0 times here and 1 times in the source: (2, None)",
                    "1 times here and 0 times in the source: (2, z)",
                ),
            ],
        ),
        (
            "DELETE FROM exported WHERE rowid = 1",
            [
                ("1 rows differ; it has 3 rows and the source 4", "1 times here and 2 times in the source: (1, a)"),
                (),
            ],
        ),
        ("ALTER TABLE other ADD COLUMN fax STRING", [(), ("column fax is STRING, in the source missing",)]),
    ],
)
def test_each_of_two_tables_with_one_source_is_compared_with_it(
    warehouse: SQLiteWarehouse, change: str, expected: list[tuple[str, ...]]
) -> None:
    warehouse.run("CREATE TABLE other (id INT, name STRING)", "INSERT INTO other SELECT * FROM source", change)
    exports = [shown_as(export) for export in (EXPORT, OTHER)]
    found = compare_tables(exports, warehouse, SourceSide(warehouse))
    assert [comparison.differences for comparison in found] == [
        tuple(f"{each.export.name} <> `source`: {difference}" for difference in differences)
        for each, differences in zip(exports, expected, strict=True)
    ]


@pytest.mark.parametrize(
    ("change", "differing"),
    [
        (
            "UPDATE `main.orders` SET price = 9 WHERE id = 2",
            {"main.orders": "2 rows differ; it has 2 rows and the source 2"},
        ),
        ("DELETE FROM `load.orders` WHERE id = 2", {"load.orders": "1 rows differ; it has 1 rows and the source 2"}),
        ("INSERT INTO `main.parts` VALUES ('bolt')", {"main.parts": "1 rows differ; it has 3 rows and the source 2"}),
        ("INSERT INTO `main.parts` VALUES ('nut')", {"main.parts": "1 rows differ; it has 3 rows and the source 2"}),
        ("INSERT INTO `main.notes` VALUES (NULL)", {"main.notes": "1 rows differ; it has 1 rows and the source 0"}),
        (
            "DELETE FROM `orders` WHERE id = 1",
            {
                "main.orders": "1 rows differ; it has 2 rows and the source 1",
                "load.orders": "1 rows differ; it has 2 rows and the source 1",
            },
        ),
    ],
)
def test_among_many_tables_the_one_that_differs_is_told(change: str, differing: dict[str, str]) -> None:
    warehouse = warehouse_of_four_exports()
    shown = [
        shown_as(Export(name=f"`{name}`", source=f"`{name.partition('.')[2]}`", commit_id=COMMIT)) for name in FOUR
    ]
    sources = SourceSide(warehouse)
    assert [comparison.differences for comparison in compare_tables(shown, warehouse, sources)] == [()] * 4
    # The columns and the rows: those of all tables, and those of each source.
    assert len(warehouse.statements) == 8
    warehouse.run(change)
    found = {name: each.differences for name, each in zip(FOUR, compare_tables(shown, warehouse, sources), strict=True)}
    assert {name: told[0].partition(": ")[2] for name, told in found.items() if told} == differing
    # And two more for each table that differs, which count its rows and show them.
    assert len(warehouse.statements) == 16 + 2 * len(differing)
    assert all(len(found[name]) == 1 + (2 if "UPDATE" in change else 1) for name in differing)
    warehouse.close()


FOUR = ("main.orders", "load.orders", "main.parts", "main.notes")


def warehouse_of_four_exports() -> SQLiteWarehouse:
    """Tables of three sources, with other columns each, one of them without rows."""
    warehouse = SQLiteWarehouse()
    for table in ("orders", "main.orders", "load.orders"):
        warehouse.run(
            f"CREATE TABLE `{table}` (id INT, price REAL)", f"INSERT INTO `{table}` VALUES (1, 2.5), (2, NULL)"
        )
    for table in ("parts", "main.parts"):
        warehouse.run(f"CREATE TABLE `{table}` (name STRING)", f"INSERT INTO `{table}` VALUES ('nut'), ('nut')")
    for table in ("notes", "main.notes"):
        warehouse.run(f"CREATE TABLE `{table}` (text STRING)")
    return warehouse


def test_rows_that_differ_are_told_also_where_the_source_cannot_be_read_again(warehouse: SQLiteWarehouse) -> None:
    warehouse.run("DELETE FROM exported WHERE rowid = 1")
    (comparison,) = compare_tables([shown_as(EXPORT)], warehouse, SourceSide(warehouse, is_closed=True))
    assert comparison.differences == (
        "`exported` <> `source`: its rows differ from the source's, which can be read no more: "
        "they are not counted one by one",
    )


def test_a_source_is_asked_for_all_that_its_comparison_takes(warehouse: SQLiteWarehouse) -> None:
    ask_source(EXPORT.source, SourceSide(warehouse))
    asked = set(warehouse.statements)
    warehouse.statements.clear()
    assert compared(warehouse).differences == ()
    assert {each for each in warehouse.statements if SOURCES & relations_of(each)} == asked


def test_nothing_exported_is_nothing_to_compare(warehouse: SQLiteWarehouse) -> None:
    assert compare_tables([], warehouse, SourceSide(warehouse)) == []
    assert warehouse.statements == []


def test_only_the_first_rows_that_differ_are_shown(warehouse: SQLiteWarehouse) -> None:
    for number in range(20):
        warehouse.run(f"INSERT INTO exported VALUES ({100 + number}, 'extra')")
    assert len(compared(warehouse).differences) == 1 + 5


def test_a_column_type_that_differs_is_named(warehouse: SQLiteWarehouse) -> None:
    warehouse.run("DROP TABLE source", "CREATE TABLE source (id BIGINT, name STRING)")
    assert compared(warehouse).differences == ("`exported` <> `source`: column id is INT, in the source BIGINT",)


def test_missing_columns_are_named_on_both_sides(warehouse: SQLiteWarehouse) -> None:
    warehouse.run("ALTER TABLE source ADD COLUMN phone STRING", "ALTER TABLE exported ADD COLUMN fax STRING")
    assert compared(warehouse).differences == (
        "`exported` <> `source`: column phone is missing, in the source STRING",
        "`exported` <> `source`: column fax is STRING, in the source missing",
    )


def test_the_order_of_columns_counts(warehouse: SQLiteWarehouse) -> None:
    warehouse.run("DROP TABLE source", "CREATE TABLE source (name STRING, id INT)")
    assert compared(warehouse).differences == (
        "`exported` <> `source`: its columns are in the order ['id', 'name'], in the source ['name', 'id']",
    )


@pytest.mark.parametrize(
    ("shown", "source", "difference"),
    [
        (
            Description(properties={"lakefs.commit_id": "dead"}),
            SOURCE,
            "its properties name lakeFS commit dead, not c0ffee",
        ),
        (Description(), SOURCE, "its properties name lakeFS commit (none), not c0ffee"),
        (
            SHOWN,
            Description(comment="Countries"),
            "its comment is '', the source's 'Countries'",
        ),
        (
            SHOWN,
            Description(column_comments={"id": "Key"}),
            "the comment of column id is '', the source's 'Key'",
        ),
        (
            Description(properties=SHOWN.properties, column_comments={"name": "Old"}),
            Description(column_comments={"name": "New"}),
            "the comment of column name is 'Old', the source's 'New'",
        ),
    ],
)
def test_descriptions_that_differ_are_named(
    warehouse: SQLiteWarehouse, shown: Description, source: Description, difference: str
) -> None:
    assert compared(warehouse, shown, source).differences == (f"`exported` <> `source`: {difference}",)


QUERY = "SELECT id, count(*) AS times FROM {t} GROUP BY id ORDER BY id"
NAMES = ({"t": "`exported`"}, {"t": "`source`"})


def test_a_query_gives_the_same_on_both_sides(warehouse: SQLiteWarehouse) -> None:
    assert compare_query("Q9", QUERY, *NAMES, warehouse, SourceSide(warehouse)) == Comparison(rows=3, differences=())


def test_a_query_with_another_result_is_shown(warehouse: SQLiteWarehouse) -> None:
    warehouse.run("DELETE FROM exported WHERE rowid = 1")
    assert compare_query("Q9", QUERY, *NAMES, warehouse, SourceSide(warehouse)).differences == (
        "Q9: its rows are ((None, '1'), ('1', '1'), ('2', '1')), on the source ((None, '1'), ('1', '2'), ('2', '1'))",
    )
