"""Checks of each clone method: allowed here, allowed a second time, and read by the cluster."""

from collections.abc import Callable
from dataclasses import replace

from lakefs_unity_export.checks import cluster_checks
from lakefs_unity_export.checks.cluster_checks import HERE, gateway_problem
from lakefs_unity_export.checks.cluster_setup import CloneResult, ClusterSetup
from lakefs_unity_export.checks.methods_in_use import ANOTHER, in_use
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
from lakefs_unity_export.clones.clone_errors import ShallowCloneRefusedError
from lakefs_unity_export.clones.decision import CLONE
from lakefs_unity_export.clones.delta_tables import OpenTable
from lakefs_unity_export.clones.methods import METHODS, CloneMethod
from lakefs_unity_export.clones.provenance import read_user_metadata
from lakefs_unity_export.clones.spark_errors import causes, described
from lakefs_unity_export.errors import LakeFSError

_FIRST, _SECOND = 0, 1
_REPORT = "report this line, with the cluster's runtime"


def _source(setup: ClusterSetup) -> Outcome:
    if not setup.handed.sources:
        return not_run("no descriptor of the branch names a table, and there is none of the check's own")
    failed: Outcome | None = None
    own: Outcome | None = None
    for path in setup.handed.sources:
        setup.source = path
        at = setup.request(CloneMethod.SHALLOW, line=_FIRST).source_path
        try:
            opened = setup.tables.open(at)
        except Exception as error:
            found = gateway_problem(setup, at, error)
            if not setup.handed.own_table.has(path):
                failed = failed or found
            else:  # which no export reads
                own = not_tried(found.finding, found.remedy)
            continue
        if opened is not None and opened.detail.location.rstrip("/") == at:
            return _opened(opened, at)
    setup.source = ""
    where = "the head, or at its branch" if setup.handed.own_table.branches else "the head"
    return failed or own or not_run(f"there is no Delta table at {', '.join(setup.handed.sources)} at {where}")


def _opened(opened: OpenTable, at: str) -> Outcome:
    files = opened.data_files()
    is_whole = len(files) == opened.detail.files and all("://" in file or file.startswith("file:") for file in files)
    told = f"the table {at} has {opened.detail.files} files"
    if is_whole:
        return passed(told, claim=Claim.CONFIRMED)
    return problem(f"{told}, and Spark names {len(files)} of them by absolute path", _REPORT, claim=Claim.REFUTED)


def _allowed(method: CloneMethod) -> Callable[[ClusterSetup], Outcome]:
    def look(setup: ClusterSetup) -> Outcome:
        if method is CloneMethod.STORAGE and setup.lacks_api:
            return not_run("needs cluster_lakefs_api")
        try:
            made = setup.cloned(method, line=_FIRST)
        except Exception as error:
            return refused(setup, method, error)
        told = "" if made.files is None else f", {made.files} files"
        # On several nodes drafts lie beside the target, and the claim is of the driver's disk.
        by_disk = method is not CloneMethod.STORAGE or setup.cluster.facts().is_one_node
        return passed(f"allowed: version {made.version}{told}", claim=Claim.CONFIRMED if by_disk else Claim.OPEN)

    return look


def refused(setup: ClusterSetup, method: CloneMethod, error: Exception) -> Outcome:
    """What is in the way, with Databricks' own error class where it gives one."""
    conditions = [cause.condition for cause in causes(error) if cause.condition]
    if isinstance(error, LakeFSError):
        finding, remedy = finding_and_remedy(error)
        return in_use(setup, method, finding, remedy or "do what it says")
    if isinstance(error, ShallowCloneRefusedError):
        finding = f"Databricks refused it: {conditions[0] if conditions else described(error)}"
    else:
        finding = f"{f'refused with {conditions[0]}: ' if conditions else ''}{error}"
    outcome = in_use(setup, method, finding, ANOTHER)
    # A refusal that Databricks names is one of the kind of clone; anything else may be of this table or this target.
    is_of_kind = isinstance(error, ShallowCloneRefusedError)
    return replace(outcome, claim=Claim.REFUTED if is_of_kind else Claim.OPEN)


def _again(method: CloneMethod) -> Callable[[ClusterSetup], Outcome]:
    def look(setup: ClusterSetup) -> Outcome:
        if setup.newest_clone(method) is None:
            return not_run(f"needs clone_{method}")
        first = setup.cloned(method, line=_FIRST)
        try:
            second = setup.cloned(method, line=_SECOND)
        except Exception as error:
            return refused(setup, method, error)
        if lost := _lost(setup, method, first, second):
            return replace(in_use(setup, method, lost, ANOTHER), claim=Claim.REFUTED)
        counts = _counts(setup, first, second)
        grown = f"; {counts[0]} file, then {counts[1]}" if counts else ""
        return passed(f"version {first.version}, then version {second.version}{grown}", claim=Claim.CONFIRMED)

    return look


def _lost(setup: ClusterSetup, method: CloneMethod, first: CloneResult, second: CloneResult) -> str:
    """What a second clone took from the first one's history, or does not show of the table; or nothing."""
    if second.version_before != first.version or second.version <= first.version:
        return f"version {first.version} was followed by version {second.version} (before it {second.version_before})"
    counts = _counts(setup, first, second)
    if counts and counts[1] <= counts[0]:
        return f"the table has a file more than before, and the second clone refers to {counts[1]} after {counts[0]}"
    target = setup.request(method, line=_FIRST).target_path
    told = {
        read_user_metadata(commit.user_metadata) for commit in setup.tables.history(target) if commit.operation == CLONE
    }
    wanted = {setup.request(method, line=line).provenance for line in (_FIRST, _SECOND)}
    return "" if wanted <= told else f"the history of {target} does not have both clones with their user metadata"


def _counts(setup: ClusterSetup, first: CloneResult, second: CloneResult) -> tuple[int, int] | None:
    """The files of both clones, where their commits tell and the table got one between them: the check's own does."""
    if not setup.handed.own_table.has(setup.source) or first.files is None or second.files is None:
        return None
    return first.files, second.files


def _provenance(setup: ClusterSetup) -> Outcome:
    """What an export relies on to know its own tables."""
    looked, lacking = [], []
    for method, (request, state) in setup.looks.items():
        looked.append(method)
        has_properties = state is not None and request.provenance.properties().items() <= dict(state.properties).items()
        has_metadata = state is not None and read_user_metadata(state.newest.user_metadata) == request.provenance
        if not (has_properties and has_metadata):
            lacking.append(method)
    if not looked:
        return not_run("no clone was made")
    if lacking:
        told = ", ".join(lacking)
        return problem(
            f"clones by {told} lack the properties or the user metadata they were given", _REPORT, claim=Claim.REFUTED
        )
    return passed(f"clones by {', '.join(looked)} have both", claim=Claim.CONFIRMED)


def _metrics(setup: ClusterSetup) -> Outcome:
    if not setup.looks:
        return not_run("no clone was made")
    told = {
        method: (state.newest.files, state.newest.bytes) if state else (None, None)
        for method, (_, state) in setup.looks.items()
    }
    if silent := [method for method, counts in told.items() if None in counts]:
        return problem(f"clones by {', '.join(silent)} do not tell their files and bytes", _REPORT, claim=Claim.REFUTED)
    files, size = next(iter(told.values()))
    return passed(f"clones by {', '.join(told)} tell {files} files and {size} bytes", claim=Claim.CONFIRMED)


def _rows(method: CloneMethod) -> Callable[[ClusterSetup], Outcome]:
    def look(setup: ClusterSetup) -> Outcome:
        made = setup.newest_clone(method)
        if made is None:
            return not_run(f"needs clone_{method}")
        try:
            has_rows = setup.cluster.has_rows(made.target_path)
        except Exception as error:
            return problem(f"the cluster cannot read it: {described(error)}", _HOW_TO_READ[method])
        return passed("the cluster reads its rows" if has_rows else "the cluster reads it; the table has no rows")

    return look


_HOW_TO_READ = {
    CloneMethod.SHALLOW: "read it on a cluster with the settings of s3a_conf and the key pair of lakeFS",
    CloneMethod.STORAGE: "make an external location over lakeFS's storage namespace, and grant READ FILES on it",
    CloneMethod.DEEP: "grant READ FILES on the external location of the target",
}
_CLAIMS_OF_FIRST: dict[CloneMethod, str] = {
    CloneMethod.SHALLOW: "A shallow clone from `s3a://` to a path of an external location is allowed",
    CloneMethod.STORAGE: "A shallow clone from a table on the driver's disk",
    CloneMethod.DEEP: "A deep clone replaces an empty table without columns",
}
_CLAIMS_OF_SECOND: dict[CloneMethod, str] = {
    CloneMethod.SHALLOW: "`DeltaTable.clone(isShallow=True, replace=True)` on an existing clone",
}


def _of_method(method: CloneMethod) -> tuple[Check[ClusterSetup], ...]:
    needs = ("source_table", "target_written", *(("cluster_lakefs_api",) if method is CloneMethod.STORAGE else ()))
    return (
        Check(
            id=f"clone_{method}",
            place=HERE,
            asks=f"Does this workspace allow a clone by the method {method}?",
            means=f"tables that are exported by the method {method} cannot be cloned",
            remedy="choose another clone method",
            look=_allowed(method),
            needs=needs,
            claims=_listed(_CLAIMS_OF_FIRST.get(method)),
        ),
        Check(
            id=f"clone_{method}_again",
            place=HERE,
            asks="May it be cloned over, as the next commit does, with its history kept?",
            means="a table is exported once, and not again",
            remedy="choose another clone method",
            look=_again(method),
            needs=(f"clone_{method}",),
            claims=_listed(_CLAIMS_OF_SECOND.get(method)),
        ),
        Check(
            id=f"clone_{method}_rows",
            place=HERE,
            asks="Can a cluster like this one read its rows?",
            means="nobody reads such tables on a cluster like this one",
            remedy="give the cluster's users the right on the files, or choose another clone method",
            look=_rows(method),
            severity=Severity.WARNING,
            needs=(f"clone_{method}",),
        ),
    )


def _listed(claim: str | None) -> tuple[str, ...]:
    return (claim,) if claim else ()


CHECKS: tuple[Check[ClusterSetup], ...] = (
    *cluster_checks.CHECKS,
    Check(
        id="source_table",
        place=HERE,
        asks="Can Spark open a table to clone: the check's own, else one that the descriptors name?",
        means="the table cannot be cloned",
        remedy="correct the descriptor's path, or give the key's user fs:ReadObject",
        look=_source,
        needs=("gateway_reading",),
        claims=("`DataFrame.inputFiles` of a Delta table gives all its data files by absolute path",),
    ),
    *(check for method in METHODS for check in _of_method(method)),
    Check(
        id="clone_provenance",
        place=HERE,
        asks="Have clones the properties and the user metadata that they are given?",
        means="an export does not know its own tables again",
        remedy="report the line",
        look=_provenance,
        needs=("target_written",),
        claims=("User metadata of the session's configuration is recorded for a clone",),
    ),
    Check(
        id="clone_metrics",
        place=HERE,
        asks="Do their commits, read by the clone's path, tell how many files and bytes they refer to?",
        means="an export does not say how large its tables are",
        remedy="report the line",
        look=_metrics,
        severity=Severity.WARNING,
        needs=("target_written",),
        claims=("`SHOW TBLPROPERTIES` and `DESCRIBE HISTORY ... LIMIT 1` take a table by path",),
    ),
)
