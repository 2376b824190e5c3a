"""Lines as a task prints them, and as it leaves them to the report. Imported on the cluster too, with nothing else."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TextIO

from lakefs_unity_export.checks.model import Check, Line, Status

# Under which key each checking task leaves its lines.
LINES_KEY = "lines"
# Half of what one task value takes (see `export.pages`): the report holds the lines of several tasks, and more.
MAX_BYTES = 24_000
# Texts are cut to the first of these numbers of characters with which all lines fit into a task value.
_LENGTHS = (2000, 1000, 500, 250, 120, 60, 30)
_INDENT = " " * 11


def lines_as_value(lines: Iterable[Line]) -> list[dict[str, str]]:
    """The lines as a task value, cut where they would not fit into one."""
    return [line.as_json() for line in _fitting(tuple(lines))]


def _fitting(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    for length in _LENGTHS:
        cut = tuple(
            replace(line, finding=_cut(line.finding, length), remedy=_cut(line.remedy, length)) for line in lines
        )
        if len(json.dumps([line.as_json() for line in cut]).encode()) <= MAX_BYTES:
            return cut
    return cut


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}... ({len(text) - length} more characters in the output)"


def print_lines(checks: Sequence[Check[Any]], lines: Iterable[Line], out: TextIO) -> None:
    """The lines of these checks for people; where one is not well, with what that means and what to do."""
    by_id = {check.id: check for check in checks}
    width = max(map(len, by_id))
    for line in lines:
        print(f"{line.status.value.upper():<9}  {line.id:<{width}}  {_indented(line.finding)}", file=out)
        if line.status in (Status.FAIL, Status.WARN):
            print(f"{_INDENT}means: {by_id[line.id].means}", file=out)
        if line.remedy:
            print(f"{_INDENT}do: {_indented(line.remedy)}", file=out)


def _indented(text: str) -> str:
    return text.replace("\n", "\n" + _INDENT + "    ")
