"""Checks of what people gave to registered tables, once these were cloned again; then all of it is dropped."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from lakefs_unity_export.checks.handed_over import RegisteredClones, or_nothing
from lakefs_unity_export.checks.model import Check, Claim, Outcome, Severity, not_run, passed, problem
from lakefs_unity_export.checks.probe import and_swept
from lakefs_unity_export.checks.warehouse_clone_checks import refused_refresh
from lakefs_unity_export.checks.warehouse_probe import COMMENT, WarehouseProbe
from lakefs_unity_export.clones.methods import CloneMethod

HERE = "check_warehouse_again"
_REPORT = "report this line, with the type of the warehouse"
_NONE = "no registered clone was cloned again"


@dataclass(kw_only=True)
class WarehouseAgain:
    """The warehouse after the cluster cloned registered tables again. principal: who was given SELECT on them.

    new_probe: this run's schema; raises InvalidNameError. handed_over: what was registered; cloned_again: the methods
    of those that were cloned again. Both raise where the task left nothing.
    """

    new_probe: Callable[[], WarehouseProbe]
    principal: Callable[[], str]
    handed_over: Callable[[], RegisteredClones]
    cloned_again: Callable[[], tuple[CloneMethod, ...]]

    @cached_property
    def probe(self) -> WarehouseProbe:
        """This run's schema. Raises InvalidNameError."""
        return self.new_probe()

    @cached_property
    def registered(self) -> RegisteredClones:
        """What was registered, of which nothing is known where it cannot be read."""
        return or_nothing(self.handed_over, RegisteredClones())

    @cached_property
    def methods(self) -> tuple[CloneMethod, ...]:
        """The methods whose registered clones were cloned again."""
        return or_nothing(self.cloned_again, ())


def _refreshed(setup: WarehouseAgain) -> Outcome:
    if not setup.methods:
        return not_run(_NONE)
    for method in setup.methods:
        if refused := refused_refresh(setup.probe, method):
            return refused
    return passed(f"those by {', '.join(setup.methods)} were refreshed")


def _comments_kept(setup: WarehouseAgain) -> Outcome:
    methods = [method for method in setup.methods if method in setup.registered.commented]
    if not methods:
        return not_run(_NONE)
    listed = setup.probe.listed()
    lost = [method for method in methods if method not in listed or listed[method].comment != COMMENT]
    if lost:
        return problem(f"clones by {', '.join(lost)} lost the comment that somebody gave them", _REPORT)
    return passed(f"clones by {', '.join(methods)} have it")


def _grants_kept(setup: WarehouseAgain) -> Outcome:
    methods = [method for method in setup.methods if method in setup.registered.granted]
    if not methods:
        return not_run(_NONE)
    principal = setup.principal()
    lost = [method for method in methods if not setup.probe.is_granted(method, principal)]
    if lost:
        return problem(f"{principal} lost SELECT on clones by {', '.join(lost)}", _REPORT, claim=Claim.REFUTED)
    return passed(f"{principal} has SELECT on clones by {', '.join(methods)}", claim=Claim.CONFIRMED)


def _dropped(setup: WarehouseAgain) -> Outcome:
    schema = setup.probe.full_name
    swept = setup.probe.sweep()
    if why := setup.probe.drop():
        by_hand = f"look at what it holds, then DROP SCHEMA {schema} CASCADE;"
        return problem(f"{schema} cannot be dropped: {why}", by_hand)
    return passed(f"{schema} is gone, with what was registered in it{and_swept(swept)}")


CHECKS: tuple[Check[WarehouseAgain], ...] = (
    Check(
        id="warehouse_refreshed_again",
        place=HERE,
        asks="May they be refreshed after they were cloned again?",
        means="Unity Catalog does not show what a second export changed",
        remedy="report the line",
        look=_refreshed,
    ),
    Check(
        id="warehouse_comment_kept",
        place=HERE,
        asks="Have they the comment that they were given before?",
        means="each export takes away the comments that people give to tables",
        remedy="report the line",
        look=_comments_kept,
        severity=Severity.WARNING,
    ),
    Check(
        id="warehouse_grant_kept",
        place=HERE,
        asks="Have they the grant that they were given before?",
        means="each export takes the right to read from the tables' readers",
        remedy="report the line",
        look=_grants_kept,
        severity=Severity.WARNING,
        claims=("Cloning again to the path leaves the registration, grants and tags as they are",),
    ),
    Check(
        id="warehouse_dropped",
        place=HERE,
        asks="Can the schema be dropped again, with what was registered in it?",
        means="a schema of this check stays in the catalog",
        remedy="drop the schema",
        look=_dropped,
        severity=Severity.WARNING,
    ),
)
