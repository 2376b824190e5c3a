"""The table of figures that a benchmark makes: kept as JSON, so that README and charts say what was measured."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).with_name("results")
Value = str | int | float
Row = Mapping[str, Value]
_DIGITS = 4
WIDTH = 150


@dataclass(frozen=True, kw_only=True)
class Result:
    """One table: its rows by column, what was measured against, how, on what machine and with which versions.

    `against` names the servers that were asked, and says of each whether it is a stand-in. `notes` are for readers:
    what the figures do not show. The surroundings are those of `surroundings.surroundings`. Where the suite measured
    it, `made` tells the command that does so again, its sizes and the seconds that it took.
    """

    name: str
    title: str
    against: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    surroundings: Mapping[str, Any]
    made: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ValueError where there are no rows, or rows of different columns: a chart would leave them out."""
        columns = {tuple(row) for row in self.rows}
        if len(columns) != 1:
            raise ValueError(f"{self.name}: every row is to have the same columns, and there are {len(columns)} kinds")

    def where(self, **values: Value) -> list[Row]:
        """The rows with these values. Raises KeyError for a column that there is not."""
        return [row for row in self.rows if all(row[column] == value for column, value in values.items())]


def write_result(result: Result, folder: Path) -> Path:
    """Keep the result in the folder, under its name; one line for a row, so that a change of one can be read."""
    document = {key: getattr(result, key) for key in ("title", "against", "notes", "made", "surroundings")}
    head = json.dumps(document, indent=2, ensure_ascii=False).removesuffix("\n}")
    rows = ",\n".join(f"    {json.dumps(_rounded(row), ensure_ascii=False)}" for row in result.rows)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.name}.json"
    path.write_text(f'{head},\n  "rows": [\n{rows}\n  ]\n}}\n')
    return path


def read_result(path: Path) -> Result:
    """The result in the file. Raises ValueError where the file holds something else."""
    try:
        document = json.loads(path.read_text())
        texts = {key: str(document[key]) for key in ("title", "against")}
        return Result(
            name=path.stem,
            rows=tuple(document["rows"]),
            notes=tuple(document["notes"]),
            made=document["made"],
            surroundings=document["surroundings"],
            **texts,
        )
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is no benchmark's result: {error!r}; make it anew with `make bench-full`") from error


def read_results(folder: Path = FOLDER) -> dict[str, Result]:
    """Every result of the folder, by name."""
    return {path.stem: read_result(path) for path in sorted(folder.glob("*.json"))}


def print_result(result: Result) -> None:
    """The result as a table on standard output, as wide as it is."""
    Console(width=WIDTH).print(shown(result))


def shown(result: Result) -> Table:
    """The result as a table for a terminal."""
    table = Table(title=result.title, caption="\n".join((f"against: {result.against}", *result.notes)))
    for column, value in result.rows[0].items():
        table.add_column(column, justify="left" if isinstance(value, str) else "right")
    for row in result.rows:
        table.add_row(*(text_of(value) for value in row.values()))
    return table


def text_of(value: Value) -> str:
    """A value as people read it: `1,000`, `0.25`, `12.5`."""
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else value


def _rounded(row: Row) -> dict[str, Value]:
    """Figures to as many digits as they can be trusted for."""
    return {key: float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value for key, value in row.items()}
