"""Checks of the table of check_setup's own: it is made before clones are tried, and removed after everything else."""

from collections.abc import Callable
from dataclasses import dataclass

from lakefs_unity_export.checks import lakefs_checks
from lakefs_unity_export.checks.handed_over import HandedOver, or_nothing
from lakefs_unity_export.checks.model import (
    Check,
    Claim,
    Outcome,
    Severity,
    finding_and_remedy,
    not_run,
    not_tried,
    passed,
    problem,
)
from lakefs_unity_export.checks.own_table import NoPlaceError, branch_names, delete, delete_commands
from lakefs_unity_export.checks.setup import Setup
from lakefs_unity_export.errors import ExportError, LakeFSAccessError, LakeFSError
from lakefs_unity_export.setup_ports import LakeFSBranches

# The task that removes it.
REMOVED_HERE = "check_own_table_removal"
_RIGHTS = "fs:CreateBranch, fs:DeleteBranch, fs:WriteObject"
_INSTEAD = "a table that the descriptors name is cloned"


def _own_table(setup: Setup) -> Outcome:
    probe = setup.own_table_probe
    swept = probe.sweep()
    try:
        made = setup.own_table = probe.make(setup.request.branch)
    except LakeFSError as error:
        if not probe.left:
            return _none(error)
        told = "; ".join(f"branch {name} was made and cannot be deleted: {why}" for name, why in probe.left.items())
        return problem(f"{told}; {_INSTEAD}", delete_commands(setup.request.repository, probe.left))
    first, second = made.branches
    told = f"{made.path} was written to branch {first}, and with another row to {second}, without a commit"
    also = f"; deleted: {', '.join(swept)}, which earlier runs left" if swept else ""
    return passed(f"{told}{also}")


def _none(error: LakeFSError) -> Outcome:
    """Nothing to mend: a key that may only read is what exports need."""
    finding, remedy = finding_and_remedy(error)
    if isinstance(error, NoPlaceError):
        return not_run(f"{finding}; {_INSTEAD}")
    if isinstance(error, LakeFSAccessError):
        return not_run(f"the key may not make branches and write to them ({finding}); {_INSTEAD}")
    return not_tried(f"{finding}; {_INSTEAD}", remedy)


@dataclass(frozen=True, kw_only=True)
class OwnTableRemoval:
    """What is to be removed. handed_over: what was made; raises where that is not known.

    open_branches: raises ExportError where the settings or the secrets give no way to lakeFS.
    """

    repository: str
    run_id: str
    handed_over: Callable[[], HandedOver]
    open_branches: Callable[[], LakeFSBranches]


def _removed(setup: OwnTableRemoval) -> Outcome:
    names = _made(setup)
    if not names:
        return not_run("no branch was made")
    try:
        branches = setup.open_branches()
        present = [name for name in names if branches.is_there(name)]
    except ExportError as error:
        told = f"it cannot be seen whether branches {', '.join(names)} are there: {error}"
        return problem(told, delete_commands(setup.repository, names))
    if left := delete(branches, present):
        told = "; ".join(f"branch {name} cannot be deleted: {why}" for name, why in left.items())
        return problem(told, delete_commands(setup.repository, left))
    if not present:
        return not_run("no branch was made, or somebody deleted it")
    told = f"{', '.join(present)} {'was' if len(present) == 1 else 'were'} deleted, with what was written there"
    return passed(told, claim=Claim.CONFIRMED)


def _made(setup: OwnTableRemoval) -> tuple[str, ...]:
    """The branches to look for: where what was handed over is lost, the run's own by their names."""
    return or_nothing(lambda: setup.handed_over().own_table.branches, branch_names(setup.run_id))


CHECKS: tuple[Check[Setup], ...] = (
    Check(
        id="own_table",
        place=lakefs_checks.HERE,
        asks="May the key make branches for a while, to try clones with a table of the check's own?",
        means="branches of this check stay in the repository, and a table is cloned that the descriptors name, which "
        "does not change between its clones",
        remedy=f"lakectl branch delete; where the key may {_RIGHTS}, the table is made (README, the secret scope)",
        look=_own_table,
        severity=Severity.WARNING,
        needs=("branch",),
    ),
)
REMOVAL_CHECKS: tuple[Check[OwnTableRemoval], ...] = (
    Check(
        id="own_table_removed",
        place=REMOVED_HERE,
        asks="Can the branches be deleted that the table was written to?",
        means="branches of this check stay in the repository",
        remedy="lakectl branch delete",
        look=_removed,
        severity=Severity.WARNING,
        claims=("A branch of lakeFS is deleted with what is not committed on it",),
    ),
)
