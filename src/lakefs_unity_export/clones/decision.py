"""What is to be done with a target: whose it is, which commit it shows, and how far it has come."""

from collections.abc import Callable, Iterable
from enum import StrEnum

from lakefs_unity_export.clones import provenance, replaceable
from lakefs_unity_export.clones.delta_tables import Commit, DeltaTables, TableState
from lakefs_unity_export.clones.provenance import Provenance
from lakefs_unity_export.clones.request import CloneRequest
from lakefs_unity_export.errors import ExportError
from lakefs_unity_export.names import same_location

# What Delta calls the commits that this task makes. The user metadata alone would not tell: a session keeps it for
# whatever it writes.
CLONE = "CLONE"
_OWN_OPERATIONS = {CLONE, "SET TBLPROPERTIES"}


class TargetTakenError(ExportError):
    """The target path holds something that is not this table's own clone."""


class Action(StrEnum):
    """What was done with a target."""

    CLONED = "cloned"
    CLONED_AGAIN = "cloned again"
    COMMENTED = "comment completed"
    CURRENT = "already at this commit"
    SUPERSEDED = "superseded by a newer commit"


def target_of(tables: DeltaTables, request: CloneRequest) -> TableState | None:
    """The Delta table that the target path belongs to, None where nothing is there.

    Raises TargetTakenError where other files are, and whatever `tables` raises.
    """
    found = tables.look(request.target_path)
    if found is None and tables.holds_files(request.target_path):
        raise target_taken(request, "holds files that are no Delta table")
    return found


def decide(request: CloneRequest, target: TableState | None, history: Callable[[], Iterable[Commit]] = tuple) -> Action:
    """What to do with a target in this state. Raises TargetTakenError where it is not this table's clone.

    history: the target's commits, asked for where somebody else made the newest: a table that was restored shows the
        properties of an older commit than it had reached.
    """
    if target is None:
        return Action.CLONED
    shown = _own_provenance(request, target)
    is_own = _is_own(target.newest, shown)
    reached = shown if is_own else max([shown, *_own_commits(request, history())], key=_order)
    if reached.properties() == request.provenance.properties():
        return Action.CURRENT if is_own else Action.CLONED_AGAIN
    return Action.SUPERSEDED if _order(reached) > _order(request.provenance) else Action.CLONED


def _order(shown: Provenance) -> tuple[int, int]:
    return shown.line, shown.commit_generation


def _is_own(commit: Commit, shown: Provenance | None) -> bool:
    written = provenance.read_user_metadata(commit.user_metadata)
    is_of_shown = bool(written and shown and written.properties() == shown.properties())
    return is_of_shown and commit.operation in _OWN_OPERATIONS


def is_ours(target: TableState) -> bool:
    """Whether this task made the newest commit."""
    is_preparation = replaceable.is_preparation(target.newest.user_metadata)
    return is_preparation or _is_own(target.newest, provenance.read_properties(target.properties))


def _own_commits(request: CloneRequest, history: Iterable[Commit]) -> list[Provenance]:
    found = [
        provenance.read_user_metadata(commit.user_metadata) for commit in history if commit.operation in _OWN_OPERATIONS
    ]
    return [each for each in found if each and (each.repository, each.branch) == (request.repository, request.branch)]


def _own_provenance(request: CloneRequest, target: TableState) -> Provenance:
    if not same_location(target.location, request.target_path):
        raise target_taken(request, f"lies inside the Delta table {target.location}")
    shown = provenance.read_properties(target.properties)
    if shown is None:
        raise target_taken(request, "holds a Delta table that this export did not make")
    if (shown.repository, shown.branch) != (request.repository, request.branch):
        raise target_taken(
            request, f"holds the export of branch {shown.branch!r} of the lakeFS repository {shown.repository!r}"
        )
    return shown


def target_taken(request: CloneRequest, what: str) -> TargetTakenError:
    """The error that says what the target path is or holds."""
    return TargetTakenError(
        f"the target path {request.target_path} of {request.table} {what}, and was left as it is: "
        "move that away, or export to another target_base_location"
    )
