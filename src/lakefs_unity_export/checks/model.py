"""A check, its outcome, and the line that the report has of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from lakefs_unity_export.errors import ExportError

# Of a request to lakeFS: a person waits, so that it is tried once more, where an export does so four times.
RETRIES = 1

Subject = TypeVar("Subject")


class Status(StrEnum):
    """How a check ended. NOT_RUN: another one has to pass first. NOT_TRIED: the answer could not be had."""

    PASS = "pass"  # noqa: S105, no password
    WARN = "warn"
    FAIL = "fail"
    NOT_RUN = "not run"
    NOT_TRIED = "not tried"


class Severity(StrEnum):
    """What a problem that the check finds is to exports: they would fail, or a person should know."""

    EXPORT = "an export would fail"
    WARNING = "a warning"


class Claim(StrEnum):
    """What an outcome says of the claim of Databricks' or lakeFS's behaviour that the check settles."""

    OPEN = "could not be tried"
    CONFIRMED = "confirmed here"
    REFUTED = "refuted here"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one check ended: what was found, and what to do where that is not well.

    status: None where the check found a problem, which is a failure or a warning by the check's severity.
    remedy: the grant, setting or command, as it is to be used; empty where there is nothing to do.
    """

    status: Status | None
    finding: str
    remedy: str = ""
    claim: Claim = Claim.OPEN


def finding_and_remedy(error: ExportError) -> tuple[str, str]:
    """What an error of ours says is wrong, and what to do: its words before the first semicolon, and after it."""
    finding, _, remedy = str(error).partition("; ")
    return finding, remedy


def passed(finding: str, *, claim: Claim = Claim.OPEN) -> Outcome:
    """All is well."""
    return Outcome(status=Status.PASS, finding=finding, claim=claim)


def problem(finding: str, remedy: str, *, claim: Claim = Claim.OPEN) -> Outcome:
    """What the check looks for is not there: a failure or a warning, by the check's severity."""
    return Outcome(status=None, finding=finding, remedy=remedy, claim=claim)


def warned(finding: str, remedy: str) -> Outcome:
    """What a person should know, although exports go on, whatever the check's severity."""
    return Outcome(status=Status.WARN, finding=finding, remedy=remedy)


def not_run(why: str) -> Outcome:
    """There is nothing here for this check to look at."""
    return Outcome(status=Status.NOT_RUN, finding=why)


def not_tried(why: str, remedy: str = "") -> Outcome:
    """The answer could not be had, so that nothing is known."""
    return Outcome(status=Status.NOT_TRIED, finding=why, remedy=remedy)


@dataclass(frozen=True, kw_only=True)
class Check(Generic[Subject]):
    """One question about an installation.

    place: the task that it looks from. needs: the ids of the checks that have to end well for this one to say anything.
    means: what it is to exports when it does not pass. remedy: what to do then, in general; an outcome names its own.
    claims: the beginnings of those lines of README's list of unverified claims that it settles.
    """

    id: str
    place: str
    asks: str
    means: str
    remedy: str
    look: Callable[[Subject], Outcome]
    severity: Severity = Severity.EXPORT
    needs: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()

    def status_of(self, outcome: Outcome) -> Status:
        """The status, where the outcome leaves it to the severity."""
        if outcome.status is not None:
            return outcome.status
        return Status.FAIL if self.severity is Severity.EXPORT else Status.WARN


@dataclass(frozen=True, kw_only=True)
class Line:
    """What the report says of one check. Made by the runner alone, which takes secrets out of it."""

    id: str
    status: Status
    finding: str
    remedy: str = ""
    claim: Claim = Claim.OPEN

    @property
    def is_well(self) -> bool:
        """Whether checks that need this one can be run."""
        return self.status in (Status.PASS, Status.WARN)

    def __str__(self) -> str:
        return f"{self.id}: {self.finding}" + (f"; do: {self.remedy}" if self.remedy else "")

    def as_json(self) -> dict[str, str]:
        """The line as a task value's element."""
        fields = {"id": self.id, "status": self.status.value, "finding": self.finding, "remedy": self.remedy}
        claim = "" if self.claim is Claim.OPEN else self.claim.value
        return {name: value for name, value in {**fields, "claim": claim}.items() if value}

    @classmethod
    def of_json(cls, fields: Mapping[str, Any]) -> "Line":
        """The line that `as_json` wrote. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            id=str(fields["id"]),
            status=Status(fields["status"]),
            finding=str(fields["finding"]),
            remedy=str(fields.get("remedy", "")),
            claim=Claim(fields.get("claim", Claim.OPEN)),
        )
