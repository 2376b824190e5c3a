"""The demo's comparison of rows, where its checksums are Spark's."""

from typing import Any

import pytest

from local_stack.demo.comparison import Answer, Description, Export, Shown, compare_tables

pytestmark = pytest.mark.spark

ROWS = "(1, 'a', 2.50BD), (1, 'a', 2.50BD), (2, NULL, NULL), (NULL, 'b', 0.10BD)"


class SparkWarehouse:
    """Statements in a Spark session, which knows both sides."""

    def __init__(self, spark: Any) -> None:
        self._spark = spark

    def query(self, statement: str) -> Answer:
        found = self._spark.sql(statement)
        rows = tuple(tuple(None if value is None else str(value) for value in row) for row in found.collect())
        return Answer(columns=tuple((field.name, field.dataType.simpleString()) for field in found.schema), rows=rows)

    query_with_exports = query


def differences(spark: Any, exported: str) -> tuple[str, ...]:
    for view, rows in (("source", ROWS), ("exported", exported)):
        spark.sql(f"SELECT * FROM VALUES {rows} AS rows(id, name, price)").createOrReplaceTempView(view)
    export = Export(name="`exported`", source="`source`", commit_id="c1")
    described = Description(properties={"lakefs.commit_id": "c1"})
    shown = Shown(export=export, files=export.name, shown=described, source=Description())
    warehouse = SparkWarehouse(spark)
    (comparison,) = compare_tables([shown], warehouse, warehouse)
    assert comparison.rows == 4
    return tuple(text.partition(": ")[2] for text in comparison.differences)


def test_the_same_rows_in_another_order_are_equal(spark: Any) -> None:
    reordered = "(NULL, 'b', 0.10BD), (1, 'a', 2.50BD), (2, NULL, NULL), (1, 'a', 2.50BD)"
    assert differences(spark, reordered) == ()


@pytest.mark.parametrize(
    ("exported", "found"),
    [
        ("(1, 'a', 2.50BD), (1, 'a', 2.51BD), (2, NULL, NULL), (NULL, 'b', 0.10BD)", "2 rows differ"),
        ("(1, 'a', 2.50BD), (2, NULL, NULL), (NULL, 'b', 0.10BD)", "1 rows differ; it has 3 rows"),
        ("(1, 'a', 2.50BD), (2, NULL, NULL), (2, NULL, NULL), (NULL, 'b', 0.10BD)", "2 rows differ; it has 4 rows"),
        # A hash passes over NULL: only where it stands is another place.
        ("(1, 'a', 2.50BD), (1, 'a', 2.50BD), (NULL, NULL, 2.00BD), (NULL, 'b', 0.10BD)", "2 rows differ"),
        ("(1, 'a', 2.50BD), (1, 'a', 2.50BD), (2, NULL, NULL), (NULL, NULL, 0.10BD)", "2 rows differ"),
        ("(1, 'a', 2.50BD), (1, 'a', 2.50BD), (2, '', NULL), (NULL, 'b', 0.10BD)", "2 rows differ"),
    ],
)
def test_other_rows_are_found_and_shown(spark: Any, exported: str, found: str) -> None:
    told = differences(spark, exported)
    assert told[0].startswith(found)
    assert len(told) == 1 + int(found.partition(" ")[0])
