"""The report: a line for each check, what it means, what to do, and the verdict."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TextIO

from lakefs_unity_export.checks.model import Check, Claim, Line, Status
from lakefs_unity_export.export.pages import MAX_TASK_VALUE_BYTES

# Under which key each checking task leaves its lines.
LINES_KEY = "lines"
# Texts are cut to the first of these numbers of characters with which all lines fit into a task value.
_LENGTHS = (2000, 1000, 500, 250, 120, 60, 30)
# What the output has before the report as JSON, for programs that read it there.
JSON_MARK = "check_setup: "
_INDENT = " " * 11


def lines_as_value(lines: Iterable[Line]) -> list[dict[str, str]]:
    """The lines as a task value, cut where they would not fit into one."""
    return [line.as_json() for line in _fitting(tuple(lines))]


def _fitting(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    for length in _LENGTHS:
        cut = tuple(
            replace(line, finding=_cut(line.finding, length), remedy=_cut(line.remedy, length)) for line in lines
        )
        if len(json.dumps([line.as_json() for line in cut]).encode()) <= MAX_TASK_VALUE_BYTES // 2:
            return cut
    return cut


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}... ({len(text) - length} more characters in the output)"


@dataclass(frozen=True, kw_only=True)
class Report:
    """The lines of every place, in the order of the checks."""

    checks: Sequence[Check[Any]]
    lines: tuple[Line, ...]

    @property
    def failed(self) -> tuple[Line, ...]:
        """The lines for which exports would fail."""
        return tuple(line for line in self.lines if line.status is Status.FAIL)

    @property
    def verdict(self) -> str:
        """One sentence: whether exports would work."""
        counts = Counter(line.status for line in self.lines)
        told = ", ".join(f"{counts[status]} {status.value}" for status in Status if counts[status])
        if self.failed:
            first = self.failed[0].id
            return f"exports would fail: mend {first} first, then run check_setup again ({told})"
        if counts[Status.NOT_TRIED] or counts[Status.NOT_RUN]:
            return f"nothing that was found stands in the way of exports, and not everything could be checked ({told})"
        return f"nothing that was found stands in the way of exports ({told})"

    def claims(self) -> dict[str, Claim]:
        """What was found of each claim that a check settles."""
        found = {line.id: line.claim for line in self.lines}
        return {claim: found.get(check.id, Claim.OPEN) for check in self.checks for claim in check.claims}

    def as_json(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "verdict": self.verdict,
            "exports_would_fail": bool(self.failed),
            "checks": [line.as_json() for line in self.lines],
            "claims": {claim: found.value for claim, found in self.claims().items()},
        }

    def as_value(self) -> dict[str, Any]:
        """The report as a task value, its texts cut where they would not fit into one."""
        return {**self.as_json(), "checks": lines_as_value(self.lines)}

    def print(self, out: TextIO) -> None:
        """The table for people, then the same as one line of JSON."""
        print_lines(self.checks, self.lines, out)
        print("", file=out)
        for claim, found in self.claims().items():
            print(f"claim {found.value}: {claim}", file=out)
        print(f"\nverdict: {self.verdict}", file=out)
        print(JSON_MARK + json.dumps(self.as_json(), ensure_ascii=False), file=out)


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
