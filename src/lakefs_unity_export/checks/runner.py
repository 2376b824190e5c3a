"""Runs checks one after the other, so that what goes wrong in one hides no other."""

from collections.abc import Sequence
from typing import TextIO

from lakefs_unity_export.checks.lines import LINES_KEY, lines_as_value, print_lines
from lakefs_unity_export.checks.model import Check, Line, Outcome, Status, Subject, not_run, not_tried
from lakefs_unity_export.checks.redaction import Redaction
from lakefs_unity_export.errors import ExportError
from lakefs_unity_export.ports import TaskValues


def run_for_report(
    checks: Sequence[Check[Subject]], subject: Subject, redaction: Redaction, task_values: TaskValues, out: TextIO
) -> list[Line]:
    """Runs the checks, prints their lines, and leaves them to the task `check_report`."""
    lines = run_checks(checks, subject, redaction)
    print_lines(checks, lines, out)
    task_values.set(LINES_KEY, lines_as_value(lines))
    return lines


def run_checks(checks: Sequence[Check[Subject]], subject: Subject, redaction: Redaction) -> list[Line]:
    """The line of each check, in their order. A check comes after those that it needs.

    Where one of those did not end well, the check is not run, and its line says so. An error that a check raises is
    its own line's finding.
    """
    lines: dict[str, Line] = {}
    for check in checks:
        # Of a check of another place nothing is known here; it has its own line there.
        missing = [name for name in check.needs if name in lines and not lines[name].is_well]
        outcome = not_run(f"needs {', '.join(missing)}") if missing else _look(check, subject)
        lines[check.id] = line_of(check, outcome, redaction)
    return list(lines.values())


def lines_of_none(checks: Sequence[Check[Subject]], why: str, redaction: Redaction) -> list[Line]:
    """The lines of checks of which none could be run."""
    return [line_of(check, not_run(why), redaction) for check in checks]


def line_of(check: Check[Subject], outcome: Outcome, redaction: Redaction) -> Line:
    """The line of a check with this outcome, whoever found it, without secrets."""
    return Line(
        id=check.id,
        status=check.status_of(outcome),
        finding=_printable(redaction.clean(outcome.finding)),
        remedy=_printable(redaction.clean(outcome.remedy)),
        claim=outcome.claim,
    )


def _printable(text: str) -> str:
    """The text without what a server's words could do to a terminal."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in text)


def _look(check: Check[Subject], subject: Subject) -> Outcome:
    try:
        return check.look(subject)
    except ExportError as error:  # which says what to do
        return not_tried(f"{type(error).__name__}: {error}")
    except Exception as error:  # a check's own fault must not hide what the others find
        words = " ".join(str(error).split())
        return Outcome(
            status=Status.NOT_TRIED,
            finding=f"unexpected {type(error).__name__}: {words}".removesuffix(": "),
            remedy="report this line: it is a fault of the check, and says nothing of the installation",
        )
