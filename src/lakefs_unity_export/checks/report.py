"""The report: a line for each check, what it means, what to do, and the verdict."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from lakefs_unity_export.checks.lines import lines_as_value, print_lines
from lakefs_unity_export.checks.model import Check, Claim, Line, Status
from lakefs_unity_export.checks.recommendation import Recommendation, recommended

# What the output has before the report as JSON, for programs that read it there.
JSON_MARK = "check_setup: "


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

    @property
    def recommendation(self) -> Recommendation:
        """The clone method to choose."""
        return recommended({line.id: line for line in self.lines})

    def claims(self) -> dict[str, Claim]:
        """What was found of each claim that a check settles."""
        found = {line.id: line.claim for line in self.lines}
        return {claim: found.get(check.id, Claim.OPEN) for check in self.checks for claim in check.claims}

    def as_json(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "verdict": self.verdict,
            "exports_would_fail": bool(self.failed),
            "recommended_clone_method": self.recommendation.as_json(),
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
        print(f"\nrecommended clone_method: {self.recommendation}", file=out)
        print(f"verdict: {self.verdict}", file=out)
        print(JSON_MARK + json.dumps(self.as_json(), ensure_ascii=False), file=out)
