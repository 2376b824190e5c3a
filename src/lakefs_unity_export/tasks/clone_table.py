"""Make one table of a lakeFS commit readable in Databricks: a clone at its target path.

A target path belongs to one table of one branch of one repository. Nothing else there is ever touched.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, TextIO, TypeVar

from lakefs_unity_export.access.cluster_steps import ClusterSteps
from lakefs_unity_export.clones import provenance, replaceable
from lakefs_unity_export.clones.clone_errors import refused_clone
from lakefs_unity_export.clones.decision import CLONE, Action, decide, is_ours, target_of
from lakefs_unity_export.clones.delta_tables import Commit, DeltaTables, OpenTable, TableDetail, TableState
from lakefs_unity_export.clones.methods import FIRST_METHOD, CloneMethod
from lakefs_unity_export.clones.path_access import remedy
from lakefs_unity_export.clones.request import CloneRequest
from lakefs_unity_export.clones.s3a_errors import is_about, is_storage_error, lakefs_error
from lakefs_unity_export.clones.source_files import files_that_may_change
from lakefs_unity_export.clones.spark_errors import Cause, causes, described
from lakefs_unity_export.clones.spark_tables import SparkDeltaTables
from lakefs_unity_export.clones.storage_clone import StorageSteps, drafted_by_storage
from lakefs_unity_export.clones.user_metadata import USER_METADATA
from lakefs_unity_export.errors import ExportError
from lakefs_unity_export.names import same_location

_Found = TypeVar("_Found")


class TargetStorageError(ExportError):
    """The target path cannot be read or written."""


class NoSourceTableError(ExportError):
    """There is no Delta table at the source path, or none that can be read."""


class MovingSourceError(ExportError):
    """The table at the source path consists of files that are of no lakeFS commit, and can change after it."""


class CloneFailedError(ExportError):
    """Spark failed to clone, for a reason of its own."""


@dataclass(frozen=True, kw_only=True)
class CloneResult:
    """What was done. Versions are the target's Delta versions; `files` and `bytes` are what the clone refers to.

    These are not known where nothing was cloned and the newest version is not a clone's own. `reason` says what was
    found at the target that others had written, and is gone.
    """

    action: Action
    table: str
    commit_id: str
    version_before: int | None
    version: int
    files: int | None
    bytes: int | None
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
            *([] if self.files is None else [f"files          {self.files}"]),
            *([] if self.bytes is None else [f"bytes          {self.bytes}"]),
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
    action, reason = decide(request, before, lambda: _history(tables, request)), ""
    if before is None or action in (Action.CLONED, Action.CLONED_AGAIN):
        after = _cloned(tables, request, before, steps)
        if before and not is_ours(before):
            reason = f"{before.newest} was not ours"
    else:
        after = before.newest
        if action is Action.CURRENT and (commented := _comment_completed(tables, request, before)):
            after, action = commented, Action.COMMENTED
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


def _target(tables: DeltaTables, request: CloneRequest) -> TableState | None:
    with _target_errors(request, "read"):
        return target_of(tables, request)


def _history(tables: DeltaTables, request: CloneRequest) -> list[Commit]:
    with _target_errors(request, "read"):
        return list(tables.history(request.target_path))


def _source(tables: DeltaTables, request: CloneRequest) -> OpenTable:
    path = request.source_path
    try:
        found = tables.open(path)
    except Exception as error:
        raise _source_error(request, error) from error
    if found is not None and same_location(found.detail.location, path):
        return found
    what = (
        "there is no Delta table"
        if found is None
        else f"the Delta table {found.detail.location} encloses the path, none is"
    )
    raise NoSourceTableError(
        f"{what} at {path}: correct 'path: {request.path}' in the descriptor of {request.table}, "
        "or commit the table to that path"
    )


def _check_that_files_stay(source: OpenTable, request: CloneRequest) -> None:
    path = request.source_path
    try:
        files = source.data_files()
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
) -> Commit:
    """Make the clone, and give it the comment that it is to have; the clone's commit, as of the newest version."""
    source = _source(tables, request)
    _check_that_files_stay(source, request)
    # Looked at before, since a clone keeps the comment that the target has, or has none, by runtime.
    may_have_one = before and not source.detail.comment and not _is_clone_without_comment(before.newest)
    theirs = _target_detail(tables, request).comment if may_have_one else None
    try:
        with _origin(tables, request, source, steps) as origin:
            has_no_comment = not (source.detail.comment or theirs)
            _replace(tables, request, source.detail, before, origin, has_no_comment=has_no_comment)
    except ExportError:
        raise
    except Exception as error:
        raise _clone_error(request, error) from error
    made = _own_clone(tables, request, before)
    comment = _comment_to_write(tables, request, source.detail.comment, before, theirs)
    return made if comment is None else _commented(tables, request, made, comment)


def _comment_to_write(
    tables: DeltaTables, request: CloneRequest, ours: str | None, before: TableState | None, theirs: str | None
) -> str | None:
    """The comment that the clone is to be given; None where it has the right one.

    ours: the source's. theirs: the one that the target had before, where the source has none.
    """
    if before is None:
        return ours or None
    if not ours and provenance.is_own_comment(theirs, before.properties):
        # A log without a comment does not tell Unity Catalog that ours is gone; an empty one does.
        return ""
    # One that people gave the exported table stays where the source has none.
    wanted = ours or theirs
    return wanted if wanted and wanted != _target_detail(tables, request).comment else None


def _is_clone_without_comment(commit: Commit) -> bool:
    return commit.operation == CLONE and provenance.says_no_comment(commit.user_metadata)


def _replace(
    tables: DeltaTables,
    request: CloneRequest,
    source: TableDetail,
    before: TableState | None,
    origin: OpenTable,
    *,
    has_no_comment: bool,
) -> None:
    path, shown = request.target_path, request.provenance
    preparing = replaceable.user_metadata(request.commit_id)
    is_deep = request.method is CloneMethod.DEEP
    clone = partial(
        origin.clone,
        path,
        properties=shown.properties() | provenance.comment_properties(source.comment),
        user_metadata=shown.user_metadata(has_no_comment=has_no_comment),
        is_shallow=not is_deep,
    )
    if before is None and not is_deep:
        clone()
        return
    if before is None:
        # Files are copied before the commit that names them: those of a copy that fails are then inside our own table,
        # and do not look like somebody else's.
        properties = {**shown.properties(), **replaceable.mapping_properties(source)}
        tables.create(path, properties=properties, user_metadata=preparing)
    change = partial(tables.set_properties, path, user_metadata=preparing)
    replaceable.replaced(source, partial(_target_detail, tables, request), clone, change)


def _origin(
    tables: DeltaTables, request: CloneRequest, source: OpenTable, steps: StorageSteps | None
) -> AbstractContextManager[OpenTable]:
    """The table to clone to the target: the source itself, or a draft of it that names lakeFS's storage."""
    if request.method is not CloneMethod.STORAGE:
        return nullcontext(source)
    if steps is None:
        raise ValueError("a clone by the method storage needs its steps")
    return drafted_by_storage(
        tables, source, source_path=request.source_path, target_path=request.target_path, steps=steps
    )


def _own_clone(tables: DeltaTables, request: CloneRequest, before: TableState | None) -> Commit:
    """The commit that was made, also where others have committed since."""
    newest = _newest(tables, request)
    since = before.version if before else -1
    for commit in _newest_first(tables, request, newest):
        is_clone = commit.operation == CLONE and commit.version > since
        if is_clone and provenance.read_user_metadata(commit.user_metadata) == request.provenance:
            return commit
    raise CloneFailedError(
        f"the clone of {request.table} was made at {request.target_path} without its user metadata, and its newest "
        f"commit is {newest}: something else in this session set {USER_METADATA} meanwhile. Run again"
    )


def _newest_first(tables: DeltaTables, request: CloneRequest, newest: Commit) -> Iterator[Commit]:
    yield newest
    yield from _history(tables, request)


def _comment_completed(tables: DeltaTables, request: CloneRequest, before: TableState) -> Commit | None:
    """Cloning and commenting are two commits; an attempt may have ended between them. The second one, if it was made.

    A clone keeps the comment that the target has, or has none, by runtime.
    """
    if provenance.COMMENT not in before.properties or before.newest.operation != CLONE:
        return None
    if provenance.is_own_comment(_target_detail(tables, request).comment, before.properties):
        return None
    comment = _source(tables, request).detail.comment
    return _commented(tables, request, before.newest, comment) if comment else None


def _commented(tables: DeltaTables, request: CloneRequest, clone: Commit, comment: str) -> Commit:
    """Give the clone the comment. Its commit, as of the version that has the comment."""
    with _target_errors(request, "comment on"):
        tables.set_comment(request.target_path, comment, user_metadata=request.provenance.user_metadata())
    return replace(clone, version=_newest(tables, request).version)


def _newest(tables: DeltaTables, request: CloneRequest) -> Commit:
    with _target_errors(request, "read"):
        return _there(request, tables.newest(request.target_path))


def _target_detail(tables: DeltaTables, request: CloneRequest) -> TableDetail:
    with _target_errors(request, "read"):
        return _there(request, tables.open(request.target_path)).detail


def _there(request: CloneRequest, found: _Found | None) -> _Found:
    if found is None:
        raise TargetStorageError(
            f"the clone of {request.table} is gone from {request.target_path}; something else removed it: run again"
        )
    return found


@contextmanager
def _target_errors(request: CloneRequest, doing: str) -> Iterator[None]:
    try:
        yield
    except ExportError:
        raise
    except Exception as error:
        raise _storage_error(request, doing, error) from error


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
