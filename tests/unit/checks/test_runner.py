"""Checks one after the other: what waits for what, and what an error of one is to the others."""

from collections.abc import Callable

import pytest

from lakefs_unity_export.checks.model import (
    Check,
    Outcome,
    Severity,
    Status,
    not_run,
    not_tried,
    passed,
    problem,
    warned,
)
from lakefs_unity_export.checks.redaction import Redaction
from lakefs_unity_export.checks.runner import run_checks
from lakefs_unity_export.errors import WorkspaceUnavailableError

SECRET = "zW9/x+Kq3Vb7Tn5Yp1Rg"


def check(
    id_: str, look: Callable[[list[str]], Outcome], *needs: str, severity: Severity = Severity.EXPORT
) -> Check[list[str]]:
    def noted(subject: list[str]) -> Outcome:
        subject.append(id_)
        return look(subject)

    return Check(id=id_, place="here", asks="?", means="bad", remedy="do", look=noted, needs=needs, severity=severity)


def raising(error: Exception) -> Callable[[list[str]], Outcome]:
    def look(_: list[str]) -> Outcome:
        raise error

    return look


def well(_: list[str]) -> Outcome:
    return passed("well")


def test_what_waits_for_a_check_that_failed_is_told_as_not_run_and_so_is_what_waits_for_that() -> None:
    looked = list[str]()
    lines = run_checks(
        [
            check("server", lambda _: problem("gone", "start it")),
            check("key", well, "server"),
            check("branch", well, "key", "server"),
            check("catalog", well),
        ],
        looked,
        Redaction(),
    )
    assert [(line.id, line.status, line.finding) for line in lines] == [
        ("server", Status.FAIL, "gone"),
        ("key", Status.NOT_RUN, "needs server"),
        ("branch", Status.NOT_RUN, "needs key, server"),
        ("catalog", Status.PASS, "well"),
    ]
    assert looked == ["server", "catalog"]


@pytest.mark.parametrize(
    ("outcome", "runs"),
    [
        (passed("x"), True),
        (warned("x", "y"), True),
        (problem("x", "y"), False),
        (not_tried("x"), False),
        (not_run("x"), False),
    ],
)
def test_a_check_is_run_where_what_it_needs_passed_or_warned(outcome: Outcome, runs: bool) -> None:
    lines = run_checks([check("first", lambda _: outcome), check("second", well, "first")], [], Redaction())
    assert lines[1].status is (Status.PASS if runs else Status.NOT_RUN)


def test_a_problem_is_a_failure_or_a_warning_by_the_severity_of_the_check() -> None:
    lines = run_checks(
        [
            check("export", lambda _: problem("x", "y")),
            check("person", lambda _: problem("x", "y"), severity=Severity.WARNING),
            check("mild", lambda _: warned("x", "y")),
        ],
        [],
        Redaction(),
    )
    assert [line.status for line in lines] == [Status.FAIL, Status.WARN, Status.WARN]


@pytest.mark.parametrize(
    ("error", "finding"),
    [
        (ZeroDivisionError("by\n zero"), "unexpected ZeroDivisionError: by zero"),
        (KeyError(), "unexpected KeyError"),
        (WorkspaceUnavailableError("no answer; try later"), "WorkspaceUnavailableError: no answer; try later"),
    ],
)
def test_an_error_is_its_own_check_s_line_and_the_others_are_run(error: Exception, finding: str) -> None:
    lines = run_checks(
        [check("odd", raising(error)), check("next", well), check("after", well, "odd")], [], Redaction()
    )
    assert (lines[0].status, lines[0].finding) == (Status.NOT_TRIED, finding)
    assert [line.status for line in lines[1:]] == [Status.PASS, Status.NOT_RUN]


def test_what_is_not_for_a_terminal_is_no_part_of_a_line() -> None:
    (line,) = run_checks([check("odd", lambda _: problem("a\x1b[2Jb\nc", "d\x00"))], [], Redaction())
    assert (line.finding, line.remedy) == ("a\ufffd[2Jb\nc", "d\ufffd")


@pytest.mark.parametrize(
    "look",
    [
        lambda _: passed(f"found {SECRET}"),
        lambda _: problem("x", f"curl -u id:{SECRET}"),
        raising(ValueError(f"cannot use {SECRET[:12]}")),
        raising(WorkspaceUnavailableError(f"refused {SECRET[5:]!r}")),
    ],
)
def test_no_secret_and_no_part_of_one_is_in_a_line(look: Callable[[list[str]], Outcome]) -> None:
    redaction = Redaction()
    redaction.add_pair("AKIA", SECRET)
    (line,) = run_checks([check("leaky", look)], [], redaction)
    told = str(line.as_json())
    assert "[secret]" in told
    assert not any(SECRET[start : start + 6] in told for start in range(len(SECRET) - 5))
