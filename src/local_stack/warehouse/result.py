"""The result of one statement, as text, in the form that goes over JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as sql_functions
from pyspark.sql.types import ArrayType, BinaryType, MapType, StructField, StructType, VariantType

MAXIMUM_ROWS = 100_000


@dataclass(frozen=True, kw_only=True)
class Result:
    """Columns as (name, type text), rows as text or None; `truncated` where MAXIMUM_ROWS cut it off."""

    columns: tuple[tuple[str, str], ...] = ()
    rows: tuple[tuple[str | None, ...], ...] = ()
    truncated: bool = False

    def as_json(self) -> dict[str, Any]:
        """The result for the way between processes."""
        return {"columns": self.columns, "rows": self.rows, "truncated": self.truncated}


def text_result(names: Sequence[str], rows: Iterable[Sequence[str | None]]) -> Result:
    """A result of text columns alone."""
    return Result(columns=tuple((name, "string") for name in names), rows=tuple(tuple(row) for row in rows))


def frame_result(frame: DataFrame) -> Result:
    """The rows of a frame. Structures become JSON and binary base64, as the Statement Execution API sends them."""
    columns = tuple((field.name, field.dataType.simpleString()) for field in frame.schema.fields)
    if not columns:
        return Result()
    numbered = frame.toDF(*(f"c{position}" for position in range(len(columns))))
    texts = [_text_column(f"c{position}", field) for position, field in enumerate(frame.schema.fields)]
    rows = numbered.select(*texts).limit(MAXIMUM_ROWS + 1).collect()
    return Result(
        columns=columns,
        rows=tuple(tuple(row) for row in rows[:MAXIMUM_ROWS]),
        truncated=len(rows) > MAXIMUM_ROWS,
    )


def _text_column(name: str, field: StructField) -> Any:
    column = sql_functions.col(name)
    if isinstance(field.dataType, (ArrayType, MapType, StructType, VariantType)):
        return sql_functions.to_json(column)
    if isinstance(field.dataType, BinaryType):
        return sql_functions.base64(column)
    return column.cast("string")
