"""Make one table of a lakeFS commit readable in Databricks: a clone at its target path.

A target path belongs to one table of one branch of one repository. Nothing else there is ever touched.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import partial
from typing import Any, TextIO

from lakefs_unity_export.access.cluster_steps import ClusterSteps
from lakefs_unity_export.clones import provenance, replaceable
from lakefs_unity_export.clones.clone_errors import refused_clone
from lakefs_unity_export.clones.delta_tables import Commit, DeltaTables, SparkDeltaTables, TableState
from lakefs_unity_export.clones.methods import FIRST_METHOD, CloneMethod
from lakefs_unity_export.clones.path_access import remedy
from lakefs_unity_export.clones.provenance import Provenance
from lakefs_unity_export.clones.request import CloneRequest
from lakefs_unity_export.clones.s3a_errors import is_about, is_storage_error, lakefs_error
from lakefs_unity_export.clones.source_files import files_that_may_change
from lakefs_unity_export.clones.spark_errors import Cause, causes, described
from lakefs_unity_export.clones.storage_clone import StorageSteps, check_whole, drafted_by_storage
from lakefs_unity_export.errors import ExportError
from lakefs_unity_export.names import same_location

# What Delta calls the commits that this task makes. The user metadata alone would not tell: a session keeps it for
# whatever it writes.
_OWN_OPERATIONS = {"CLONE", "SET TBLPROPERTIES"}


class TargetTakenError(ExportError):
    """The target path holds something that is not this table's own clone."""


class TargetStorageError(ExportError):
    """The target path cannot be read or written."""


class NoSourceTableError(ExportError):
    """There is no Delta table at the source path, or none that can be read."""


class MovingSourceError(ExportError):
    """The table at the source path consists of files that are of no lakeFS commit, and can change after it."""


class CloneFailedError(ExportError):
    """Spark failed to clone, for a reason of its own."""


class Action(StrEnum):
    """What was done with a target."""

    CLONED = "cloned"
    CLONED_AGAIN = "cloned again"
    COMMENTED = "comment completed"
    CURRENT = "already at this commit"
    SUPERSEDED = "superseded by a newer commit"


@dataclass(frozen=True, kw_only=True)
class CloneResult:
    """What was done. Versions are the target's Delta versions; `files` and `bytes` are what the clone refers to.

    `reason` says what was found at the target that others had written, and is gone.
    """

    action: Action
    table: str
    commit_id: str
    version_before: int | None
    version: int
    files: int
    bytes: int
    seconds: float
    method: CloneMethod = FIRST_METHOD
    reason: str = ""

    def to_json(self) -> str:
        """For the notebook's result."""
        return json.dumps(asdict(self))

    def lines(self) -> list[str]:
        """For a person who reads the task's output."""
        before = "no table" if self.version_before is None else f"version {self.version_before}"
        return [
            f"table          {self.table}",
            f"action         {self.action}{self.reason and f': {self.reason}'}",
            f"clone method   {self.method}",
            f"lakeFS commit  {self.commit_id}",
            f"Delta version  {before} -> version {self.version}",
            f"files          {self.files}",
            f"bytes          {self.bytes}",
            f"seconds        {self.seconds:.1f}",
        ]


def clone_table(spark: Any, request: CloneRequest, *, dbutils: Any = None, output: TextIO | None = None) -> CloneResult:
    """Clone the table through this Spark session, and print what was done to `output` (standard output).

    dbutils: the notebook's, of which the method `storage` needs the secrets, and files where the cluster has several
        nodes.

    Raises TargetTakenError, TargetStorageError, NoSourceTableError, MovingSourceError, StorageCloneError,
    UnreplaceableTargetError, ShallowCloneRefusedError, CloneFailedError, WorkspaceAccessError, SettingsError or a
    LakeFSError; the target then shows the same rows as before.
    """
    result = clone(SparkDeltaTables(spark), request, steps=ClusterSteps(spark, dbutils, request))
    print("\n".join(result.lines()), file=output or sys.stdout)
    return result


def clone(
    tables: DeltaTables,
    request: CloneRequest,
    *,
    steps: StorageSteps | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> CloneResult:
    """Bring the target to the request's commit, unless it is there or further already. See clone_table.

    steps: what the method `storage` needs beside Delta; other methods need none.
    """
    started = clock()
    before = _target(tables, request)
    action = decide(request, before, lambda: _history(tables, request))
    after, reason = before, ""
    if action in (Action.CLONED, Action.CLONED_AGAIN):
        after = _cloned(tables, request, before, steps)
        if before and not _is_ours(before):
            reason = f"{before.newest} was not ours"
    elif before is not None and action is Action.CURRENT and _lacks_comment(before):
        # Cloning and commenting are two commits; an attempt may have ended between them.
        source = _source(tables, request)
        if source.comment:
            after, action = _commented(tables, request, source.comment), Action.COMMENTED
    assert after is not None
    return CloneResult(
        action=action,
        table=request.table,
        commit_id=request.commit_id,
        version_before=before.version if before else None,
        version=after.version,
        files=after.files,
        bytes=after.bytes,
        seconds=round(clock() - started, 3),
        method=request.method,
        reason=reason,
    )


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


def _is_ours(target: TableState) -> bool:
    is_preparation = replaceable.is_preparation(target.newest.user_metadata)
    return is_preparation or _is_own(target.newest, provenance.read_properties(target.properties))


def _own_commits(request: CloneRequest, history: Iterable[Commit]) -> list[Provenance]:
    found = [
        provenance.read_user_metadata(commit.user_metadata) for commit in history if commit.operation in _OWN_OPERATIONS
    ]
    return [each for each in found if each and (each.repository, each.branch) == (request.repository, request.branch)]


def _own_provenance(request: CloneRequest, target: TableState) -> Provenance:
    if not same_location(target.location, request.target_path):
        raise _taken(request, f"lies inside the Delta table {target.location}")
    shown = provenance.read_properties(target.properties)
    if shown is None:
        raise _taken(request, "holds a Delta table that this export did not make")
    if (shown.repository, shown.branch) != (request.repository, request.branch):
        raise _taken(
            request, f"holds the export of branch {shown.branch!r} of the lakeFS repository {shown.repository!r}"
        )
    return shown


def _target(tables: DeltaTables, request: CloneRequest) -> TableState | None:
    path = request.target_path
    try:
        found = tables.describe(path)
        foreign_files = found is None and tables.holds_files(path)
    except Exception as error:
        raise _storage_error(request, "read", error) from error
    if foreign_files:
        raise _taken(request, "holds files that are no Delta table")
    return found


def _history(tables: DeltaTables, request: CloneRequest) -> list[Commit]:
    try:
        return list(tables.history(request.target_path))
    except Exception as error:
        raise _storage_error(request, "read", error) from error


def _source(tables: DeltaTables, request: CloneRequest) -> TableState:
    path = request.source_path
    try:
        found = tables.describe(path)
    except Exception as error:
        raise _source_error(request, error) from error
    if found is not None and same_location(found.location, path):
        return found
    what = (
        "there is no Delta table" if found is None else f"the Delta table {found.location} encloses the path, none is"
    )
    raise NoSourceTableError(
        f"{what} at {path}: correct 'path: {request.path}' in the descriptor of {request.table}, "
        "or commit the table to that path"
    )


def _check_that_files_stay(tables: DeltaTables, request: CloneRequest) -> None:
    path = request.source_path
    try:
        files = tables.data_files(path)
    except Exception as error:
        raise _source_error(request, error) from error
    if moving := files_that_may_change(files, path):
        raise MovingSourceError(
            f"{len(moving)} of the {len(files)} files of the Delta table at {path} are of no lakeFS commit, such as "
            f"{moving[0]}, so that its rows can change after the commit: {request.table} is left as it is. The table "
            f"is a shallow clone itself; write its rows to 'path: {request.path}' (a deep clone, or CREATE TABLE AS "
            "SELECT) and commit that"
        )


def _cloned(
    tables: DeltaTables, request: CloneRequest, before: TableState | None, steps: StorageSteps | None
) -> TableState:
    source = _source(tables, request)
    _check_that_files_stay(tables, request)
    try:
        with _origin(tables, request, source, steps) as origin:
            _replace(tables, request, source, before, origin)
    except ExportError:
        raise
    except Exception as error:
        raise _clone_error(request, error) from error
    after = _described_target(tables, request)
    if request.method is CloneMethod.STORAGE:
        check_whole(after, source, request.source_path)
    comment = source.comment or _comment_of_a_person(before)
    if comment and comment != after.comment:
        return _commented(tables, request, comment)
    # A log without a comment does not tell Unity Catalog that ours is gone; an empty one does.
    return _commented(tables, request, "") if not comment and before and before.comment else after


def _replace(
    tables: DeltaTables, request: CloneRequest, source: TableState, before: TableState | None, origin: str
) -> None:
    path, shown = request.target_path, request.provenance
    preparing = replaceable.user_metadata(request.commit_id)
    if before is None and request.method is CloneMethod.DEEP:
        # Files are copied before the commit that names them: those of a copy that fails are then inside our own table,
        # and do not look like somebody else's.
        properties = {**shown.properties(), **replaceable.mapping_properties(source)}
        tables.create(path, properties=properties, user_metadata=preparing)
        before = _described_target(tables, request)
    clone = partial(
        tables.clone,
        origin,
        path,
        properties=shown.properties() | provenance.comment_properties(source.comment),
        user_metadata=shown.user_metadata(),
        is_shallow=request.method is not CloneMethod.DEEP,
    )
    if before is None:
        clone()
    else:
        change = partial(tables.set_properties, path, user_metadata=preparing)
        replaceable.replaced(source, before, clone, change)


def _origin(
    tables: DeltaTables, request: CloneRequest, source: TableState, steps: StorageSteps | None
) -> AbstractContextManager[str]:
    """The table to clone to the target: the source itself, or a draft of it that names lakeFS's storage."""
    if request.method is not CloneMethod.STORAGE:
        return nullcontext(request.source_path)
    if steps is None:
        raise ValueError("a clone by the method storage needs its steps")
    return drafted_by_storage(
        tables, source, source_path=request.source_path, target_path=request.target_path, steps=steps
    )


def _comment_of_a_person(before: TableState | None) -> str | None:
    """A comment that people gave the exported table: it stays where the source has none."""
    if before is None or provenance.is_own_comment(before.comment, before.properties):
        return None
    return before.comment


def _lacks_comment(state: TableState) -> bool:
    # A clone keeps the comment that the target has, or has none, by runtime.
    return provenance.COMMENT in state.properties and not provenance.is_own_comment(state.comment, state.properties)


def _commented(tables: DeltaTables, request: CloneRequest, comment: str) -> TableState:
    try:
        tables.set_comment(request.target_path, comment, user_metadata=request.provenance.user_metadata())
    except Exception as error:
        raise _storage_error(request, "comment on", error) from error
    return _described_target(tables, request)


def _described_target(tables: DeltaTables, request: CloneRequest) -> TableState:
    state = tables.describe(request.target_path)
    if state is None:
        raise TargetStorageError(
            f"the clone of {request.table} is gone from {request.target_path}; something else removed it: run again"
        )
    return state


def _taken(request: CloneRequest, what: str) -> TargetTakenError:
    return TargetTakenError(
        f"the target path {request.target_path} of {request.table} {what}, and was left as it is: "
        "move that away, or export to another target_base_location"
    )


def _source_error(request: CloneRequest, error: Exception) -> ExportError:
    known = lakefs_error(causes(error), repository=request.repository, source_path=request.source_path)
    return known or NoSourceTableError(
        f"the Delta table at {request.source_path}, 'path: {request.path}' of the descriptor of {request.table}, "
        f"cannot be read: {described(error)}"
    )


def _clone_error(request: CloneRequest, error: Exception) -> ExportError:
    chain, source = causes(error), request.source_path
    known: ExportError | None = refused_clone(chain, table=request.table, method=request.method)
    if known:
        return known
    # The target may lie in a store that S3A reads too.
    if is_about(chain, request.commit_path, not_about=request.target_path):
        known = lakefs_error(chain, repository=request.repository, source_path=source)
    elif _is_of_target_storage(request, chain):
        known = _storage_error(request, "clone to", error)
    return known or CloneFailedError(
        f"cannot clone {source} to the target path {request.target_path} of {request.table}: {described(error)}"
    )


def _storage_error(request: CloneRequest, doing: str, error: Exception) -> TargetStorageError:
    chain = causes(error)
    advice = f"; {remedy(chain, table=request.table)}" if _is_of_target_storage(request, chain) else ""
    return TargetStorageError(
        f"cannot {doing} the target path {request.target_path} of {request.table}: {described(error)}{advice}"
    )


def _is_of_target_storage(request: CloneRequest, chain: list[Cause]) -> bool:
    return is_storage_error(chain, request.target_path, not_about=request.commit_path)
