"""The report: the table, the verdict, the claims, and what fits into a task value."""

import io
import json

import pytest
from doubles import TaskValuesDouble

from lakefs_unity_export.checks.catalogue import CHECKS
from lakefs_unity_export.checks.lines import MAX_BYTES, lines_as_value
from lakefs_unity_export.checks.model import Check, Claim, Line, Status, passed
from lakefs_unity_export.checks.report import JSON_MARK, Report
from lakefs_unity_export.export.pages import MAX_TASK_VALUE_BYTES

FAIL, WARN, PASS, NOT_RUN, NOT_TRIED = Status.FAIL, Status.WARN, Status.PASS, Status.NOT_RUN, Status.NOT_TRIED


def check(id_: str, *claims: str) -> Check[None]:
    return Check(
        id=id_, place="here", asks="?", means=f"{id_} is bad", remedy="x", look=lambda _: passed("x"), claims=claims
    )


def report(*lines: Line, claims: tuple[str, ...] = ()) -> Report:
    return Report(checks=[check(line.id, *claims) for line in lines], lines=lines)


def test_a_line_says_what_was_found_what_it_means_and_what_to_do() -> None:
    out = io.StringIO()
    report(
        Line(id="key", status=PASS, finding="known", claim=Claim.CONFIRMED),
        Line(id="grants", status=FAIL, finding="none of\nthem", remedy="GRANT A;\nGRANT B;"),
        Line(id="more", status=NOT_RUN, finding="needs grants"),
        claims=("tables are tables",),
    ).print(out)
    *table, as_json = out.getvalue().splitlines()
    assert table == [
        "PASS       key     known",
        "FAIL       grants  none of",
        "               them",
        "           means: grants is bad",
        "           do: GRANT A;",
        "               GRANT B;",
        "NOT RUN    more    needs grants",
        "",
        "claim could not be tried: tables are tables",
        "",
        "recommended clone_method: none, since no clone could be tried",
        "verdict: exports would fail: mend grants first, then run check_setup again (1 pass, 1 fail, 1 not run)",
    ]
    assert json.loads(as_json.removeprefix(JSON_MARK))["exports_would_fail"] is True


@pytest.mark.parametrize(
    ("statuses", "fails", "says"),
    [
        ([PASS, PASS], False, "nothing that was found stands in the way of exports (2 pass)"),
        ([PASS, WARN], False, "nothing that was found stands in the way of exports (1 pass, 1 warn)"),
        ([NOT_TRIED, WARN], False, "not everything could be checked (1 warn, 1 not tried)"),
        ([NOT_RUN, PASS], False, "not everything could be checked (1 pass, 1 not run)"),
        ([WARN, FAIL, NOT_RUN], True, "exports would fail: mend c1 first, then run check_setup again"),
    ],
)
def test_the_verdict_fails_where_exports_would(statuses: list[Status], fails: bool, says: str) -> None:
    made = report(*(Line(id=f"c{number}", status=status, finding="x") for number, status in enumerate(statuses)))
    assert says in made.verdict
    assert bool(made.failed) is fails
    assert made.as_json()["exports_would_fail"] is fails


@pytest.mark.parametrize("claim", list(Claim))
def test_a_claim_is_told_as_its_check_found_it(claim: Claim) -> None:
    made = report(Line(id="c", status=PASS, finding="x", claim=claim), claims=("tables are tables",))
    assert made.as_json()["claims"] == {"tables are tables": claim.value}


def test_a_line_comes_back_from_its_json_as_it_was() -> None:
    lines = [Line(id="c", status=status, finding="x", remedy=str(status), claim=Claim.REFUTED) for status in Status]
    assert [Line.of_json(each) for each in lines_as_value(lines)] == lines


@pytest.mark.parametrize("letter", ["x", "\u4e2d", '"', "\n"])
def test_the_longest_findings_of_every_check_fit_into_a_task_value(letter: str) -> None:
    lines = tuple(Line(id=check.id, status=FAIL, finding=letter * 50_000, remedy=letter * 50_000) for check in CHECKS)
    made = Report(checks=CHECKS, lines=lines)
    values = TaskValuesDouble()
    values.set("lines", lines_as_value(lines))
    values.set("report", made.as_value())
    assert "more characters in the output" in values.values["lines"][0]["finding"]
    assert "more characters" not in made.as_json()["checks"][0]["finding"]


def test_lines_take_half_of_what_one_task_value_takes() -> None:
    assert MAX_BYTES * 2 == MAX_TASK_VALUE_BYTES


def test_ids_are_unique_and_a_check_comes_after_those_that_it_needs() -> None:
    seen = set[str]()
    for each in CHECKS:
        assert each.id not in seen
        assert set(each.needs) <= seen
        seen.add(each.id)
