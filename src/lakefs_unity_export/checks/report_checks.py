"""What the task `check_report` finds out itself: whether tasks before it could hand it anything, and how one ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lakefs_unity_export.checks.lakefs_checks import ON_A_CLASSIC_CLUSTER
from lakefs_unity_export.checks.model import Check, Claim, Line, Outcome, Status, not_run, not_tried, passed, problem

HERE = "check_report"
# It leaves no lines: how it ended is all that is known of it.
SQL_FILE_TASK = "check_sql_file"
# Without this, no statement can be run.
_NEEDED = "warehouse_catalog"


@dataclass(frozen=True, kw_only=True)
class Reported:
    """What the checking tasks left: their lines, or why there are none, each by the task's key.

    sql_file: how the task that runs a SQL file ended, in the jobs' words, such as `success`.
    """

    lines: Mapping[str, Sequence[Line]]
    silent: Mapping[str, str]
    sql_file: str


def _task_values(reported: Reported) -> Outcome:
    if reported.silent:
        told = "; ".join(f"{task} {why}" for task, why in reported.silent.items())
        return problem(told, "look at the output of that task's run, which says why, and do what it says")
    return passed(f"read the task values of {', '.join(reported.lines)}", claim=Claim.CONFIRMED)


def _sql_file(reported: Reported) -> Outcome:
    if reported.sql_file == "success":
        return passed("a SQL file ran on the warehouse as those of exports do", claim=Claim.CONFIRMED)
    statuses = [line.status for lines in reported.lines.values() for line in lines if line.id == _NEEDED]
    if statuses != [Status.PASS]:
        return not_run(f"needs {_NEEDED}")
    if reported.sql_file != "failed":
        return not_tried(f"task {SQL_FILE_TASK} ended {reported.sql_file or 'in a state that is not known'}")
    return problem(
        f"task {SQL_FILE_TASK} failed, on a warehouse that runs statements of the catalog",
        "report the error in the output of that task's run, with the type of the warehouse",
        claim=Claim.REFUTED,
    )


CHECKS: tuple[Check[Reported], ...] = (
    Check(
        id="task_values",
        place=HERE,
        asks="Do the values that one task leaves reach the tasks after it?",
        means="the tasks of an export do not hear from each other",
        remedy=ON_A_CLASSIC_CLUSTER,
        look=_task_values,
        claims=("A wheel task has task values",),
    ),
    Check(
        id="sql_file",
        place=HERE,
        asks="Does the warehouse run a SQL file made as those of exports are, with variables that last to its end?",
        means="tables are cloned and not registered",
        remedy="report the error in the output of the task check_sql_file",
        look=_sql_file,
        claims=("Session variables last from statement to statement", "`SET VARIABLE (...) = (SELECT ... FROM"),
    ),
)
