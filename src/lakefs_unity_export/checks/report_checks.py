"""What the task `check_report` finds out itself: whether the tasks before it could hand it anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lakefs_unity_export.checks.lakefs_checks import ON_A_CLASSIC_CLUSTER
from lakefs_unity_export.checks.model import Check, Claim, Line, Outcome, passed, problem

HERE = "check_report"


@dataclass(frozen=True, kw_only=True)
class HandedOver:
    """What the checking tasks left: their lines, or why there are none, each by the task's key."""

    lines: Mapping[str, Sequence[Line]]
    silent: Mapping[str, str]


def _task_values(handed: HandedOver) -> Outcome:
    if handed.silent:
        told = "; ".join(f"{task} {why}" for task, why in handed.silent.items())
        return problem(told, "look at the output of that task's run, which says why, and do what it says")
    return passed(f"read the task values of {', '.join(handed.lines)}", claim=Claim.CONFIRMED)


CHECKS: tuple[Check[HandedOver], ...] = (
    Check(
        id="task_values",
        place=HERE,
        asks="Do the values that one task leaves reach the tasks after it?",
        means="the tasks of an export do not hear from each other",
        remedy=ON_A_CLASSIC_CLUSTER,
        look=_task_values,
        claims=("A wheel task has task values",),
    ),
)
