"""Make one table of a lakeFS commit readable in Databricks: a shallow clone at its target path.

A target path belongs to one table of one branch of one repository. Nothing else there is ever touched.
"""

import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, TextIO

from lakefs_unity_export import provenance
from lakefs_unity_export.delta_tables import DeltaTables, SparkDeltaTables, TableState
from lakefs_unity_export.errors import ExportError, SettingsError
from lakefs_unity_export.names import same_location
from lakefs_unity_export.provenance import Provenance
from lakefs_unity_export.s3a_errors import exception_texts, first_line, lakefs_error

# Paths end up in SQL text between backticks.
_NOT_IN_VALUES = re.compile(r"""[\x00-\x1f\x7f\\'"]""")
_BACKTICK_ALLOWED = {"table"}
# A job parameter takes the place of a widget of its name (Databricks documentation, "Job parameters"), and the job
# parameter commit_id is empty where a run exports the head.
_WIDGETS = {"commit_id": "source_commit_id"}


class TargetTakenError(ExportError):
    """The target path holds something that is not this table's own clone."""


class TargetStorageError(ExportError):
    """The target path cannot be read or written."""


class NoSourceTableError(ExportError):
    """There is no Delta table at the source path."""


class Action(StrEnum):
    """What was done with a target."""

    CLONED = "cloned"
    COMMENTED = "comment completed"
    CURRENT = "already at this commit"
    SUPERSEDED = "superseded by a newer commit"


@dataclass(frozen=True, kw_only=True)
class CloneRequest:
    """One table at one commit, and where its clone goes.

    A target that follows a later `line` of commits, or shows a commit of the same line with a higher generation,
    was written by a later run, and is left as it is.
    """

    repository: str
    branch: str
    commit_id: str
    commit_generation: int
    path: str
    table: str
    source_path: str
    target_path: str
    line: int = 0

    @classmethod
    def from_widgets(cls, value_of: Callable[[str], str]) -> "CloneRequest":
        """From the notebook's widgets, given as a function of their name.

        Raises SettingsError for a value that is empty, holds quotes, backslashes or control characters, or is
        no number where one is needed.
        """
        values: dict[str, Any] = {
            each.name: _checked(widget, value_of(widget))
            for each in fields(cls)
            for widget in [_WIDGETS.get(each.name, each.name)]
        }
        for name in ("commit_generation", "line"):
            values[name] = _number(name, values[name])
        return cls(**values)

    @property
    def provenance(self) -> Provenance:
        """What the clone says about where it comes from."""
        return Provenance(
            repository=self.repository,
            branch=self.branch,
            commit_id=self.commit_id,
            commit_generation=self.commit_generation,
            path=self.path,
            line=self.line,
        )


@dataclass(frozen=True, kw_only=True)
class CloneResult:
    """What was done. Versions are the target's Delta versions; `files` and `bytes` are what the clone refers to."""

    action: Action
    table: str
    commit_id: str
    version_before: int | None
    version: int
    files: int
    bytes: int
    seconds: float

    def to_json(self) -> str:
        """For the notebook's result."""
        return json.dumps(asdict(self))

    def lines(self) -> list[str]:
        """For a person who reads the task's output."""
        before = "no table" if self.version_before is None else f"version {self.version_before}"
        return [
            f"table          {self.table}",
            f"action         {self.action}",
            f"lakeFS commit  {self.commit_id}",
            f"Delta version  {before} -> version {self.version}",
            f"files          {self.files}",
            f"bytes          {self.bytes}",
            f"seconds        {self.seconds:.1f}",
        ]


def clone_table(spark: Any, request: CloneRequest, *, output: TextIO | None = None) -> CloneResult:
    """Clone the table through this Spark session, and print what was done to `output` (standard output).

    Raises TargetTakenError, TargetStorageError, NoSourceTableError or a LakeFSError; the target is then as before.
    """
    result = clone(SparkDeltaTables(spark), request)
    print("\n".join(result.lines()), file=output or sys.stdout)
    return result


def clone(tables: DeltaTables, request: CloneRequest, *, clock: Callable[[], float] = time.monotonic) -> CloneResult:
    """Bring the target to the request's commit, unless it is there or further already. See clone_table."""
    started = clock()
    before = _target(tables, request)
    action = decide(request, before)
    after = before
    if action is Action.CLONED:
        source = _source(tables, request)
        after = _cloned(tables, request, source, before)
    elif before is not None and action is Action.CURRENT and before.comment is None:
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
    )


def decide(request: CloneRequest, target: TableState | None) -> Action:
    """What to do with a target in this state. Raises TargetTakenError where it is not this table's clone."""
    if target is None:
        return Action.CLONED
    shown = _own_provenance(request, target)
    if shown.properties() == request.provenance.properties():
        return Action.CURRENT
    is_newer = (shown.line, shown.commit_generation) > (request.line, request.commit_generation)
    return Action.SUPERSEDED if is_newer else Action.CLONED


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


def _cloned(tables: DeltaTables, request: CloneRequest, source: TableState, before: TableState | None) -> TableState:
    shown = request.provenance
    try:
        tables.clone(
            request.source_path,
            request.target_path,
            properties=shown.properties(),
            user_metadata=shown.user_metadata(),
        )
    except Exception as error:
        raise _clone_error(request, error) from error
    after = _described_target(tables, request)
    # A comment that people gave the exported table stays where the source has none.
    comment = source.comment or (before.comment if before else None)
    return _commented(tables, request, comment) if comment and comment != after.comment else after


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
    known = lakefs_error(exception_texts(error), repository=request.repository, source_path=request.source_path)
    return known or NoSourceTableError(
        f"the Delta table at {request.source_path} cannot be read: {first_line(error)}; "
        f"check the table at 'path: {request.path}' of the descriptor of {request.table}"
    )


def _clone_error(request: CloneRequest, error: Exception) -> ExportError:
    # Only what mentions the source is about lakeFS: the target may lie in a store that S3A reads too.
    texts = [text for text in exception_texts(error) if request.source_path in text]
    known = lakefs_error(texts, repository=request.repository, source_path=request.source_path)
    return known or _storage_error(request, "clone to", error)


def _storage_error(request: CloneRequest, doing: str, error: Exception) -> TargetStorageError:
    return TargetStorageError(
        f"cannot {doing} the target path {request.target_path} of {request.table}: {first_line(error)}; "
        "check that its external location exists and that the job's identity may read and write files there"
    )


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise SettingsError(f"widget {name} is {value!r}, not a whole number; run this task from the job export_tables")
    return int(value)


def _checked(name: str, value: str) -> str:
    if not value:
        raise SettingsError(f"widget {name} is empty; run this task from the job export_tables")
    found = _NOT_IN_VALUES.search(value) or (name not in _BACKTICK_ALLOWED and re.search("`", value))
    if found:
        raise SettingsError(f"widget {name} is {value!r}, which holds {found.group()!r}; use a name without it")
    return value
