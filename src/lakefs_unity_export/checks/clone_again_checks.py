"""Checks of a clone over a table that is registered, as every export but the first makes one."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from lakefs_unity_export.checks.clone_checks import refused
from lakefs_unity_export.checks.cluster_setup import ClusterSetup
from lakefs_unity_export.checks.handed_over import RegisteredClones, TriedClones
from lakefs_unity_export.checks.methods_in_use import ANOTHER, in_use
from lakefs_unity_export.checks.model import Check, Claim, Outcome, Severity, not_run, passed, problem
from lakefs_unity_export.clones.decision import CLONE
from lakefs_unity_export.clones.methods import METHODS, CloneMethod
from lakefs_unity_export.clones.provenance import says_no_comment

HERE = "check_cluster_again"
# After the two lines that `check_cluster` clones by.
_LINE = 2


@dataclass(kw_only=True)
class ClusterAgain:
    """The cluster after a warehouse registered clones of it. tried: what was cloned; registered: what of it is."""

    cluster: ClusterSetup
    tried: TriedClones
    registered: RegisteredClones

    @property
    def done(self) -> tuple[CloneMethod, ...]:
        """The methods whose registered clones were cloned again."""
        return tuple(method for method in METHODS if self.cluster.newest_clone(method))


def _over_registered(method: CloneMethod) -> Callable[[ClusterAgain], Outcome]:
    def look(setup: ClusterAgain) -> Outcome:
        before = setup.tried.made.get(method)
        if before is None or method not in setup.registered.tables:
            return not_run(f"needs warehouse_{method}")
        try:
            made = setup.cluster.cloned(method, line=_LINE)
        except Exception as error:
            return refused(setup.cluster, method, error)
        commits = {commit.version: commit.operation for commit in setup.cluster.tables.history(before.location)}
        if commits.get(before.version) != CLONE or made.version <= before.version:
            lost = f"version {made.version} was made, and the history of {before.location} does not have version "
            return replace(
                in_use(setup.cluster, method, f"{lost}{before.version}, a clone", ANOTHER), claim=Claim.REFUTED
            )
        return passed(f"version {before.version}, then version {made.version}", claim=Claim.CONFIRMED)

    return look


def _comment(setup: ClusterAgain) -> Outcome:
    """`clone_table` gives a table its comment again where the clone lost it, in a commit of its own."""
    looks = {method: state for method, (_, state) in setup.cluster.looks.items() if state}
    newest = {method: looks[method].newest for method in looks if method in setup.registered.commented}
    if not newest:
        return not_run("no clone with a comment was cloned again")
    if anew := [method for method, commit in newest.items() if commit.operation != CLONE]:
        told = f"clones by {', '.join(anew)} lost it, and were given it again"
        return problem(told, "nothing has to be done: each export gives it again", claim=Claim.REFUTED)
    if all(says_no_comment(commit.user_metadata) for commit in newest.values()):
        return passed("Unity Catalog keeps it, and not the tables' logs")
    return passed(f"clones by {', '.join(newest)} kept it", claim=Claim.CONFIRMED)


# Of the method that a workspace is most likely to allow.
_CLAIMS = {CloneMethod.DEEP: ("Access by path to a registered table takes `SELECT`",)}

CHECKS: tuple[Check[ClusterAgain], ...] = (
    *(
        Check(
            id=f"clone_{method}_registered",
            place=HERE,
            asks="May it be cloned over once it is registered, with its history kept?",
            means="a table is exported once, and not again",
            remedy="choose another clone method",
            look=_over_registered(method),
            claims=_CLAIMS.get(method, ()),
        )
        for method in METHODS
    ),
    Check(
        id="clone_comment",
        place=HERE,
        asks="Does a clone over a table keep the comment that somebody gave it?",
        means="comments are given again, which costs a version of the table",
        remedy="nothing has to be done",
        look=_comment,
        severity=Severity.WARNING,
        claims=("A clone that replaces a table keeps that table's comment",),
    ),
)
