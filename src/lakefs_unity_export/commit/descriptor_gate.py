"""The gate before a commit or a merge: refuses table descriptors that an export could not use.

Same rules and same words as the exporter's, by the same code. Reads only the descriptor folder, and only once a
descriptor changed: until then it costs one call to lakeFS.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from lakefs_unity_export import names
from lakefs_unity_export.commit import descriptors
from lakefs_unity_export.commit.descriptor_files import Contents, DescriptorReader, read_files, read_merged
from lakefs_unity_export.commit.descriptors import NamingRules, Problem
from lakefs_unity_export.errors import InvalidEventError, InvalidNameError, SettingsError
from lakefs_unity_export.ports import DiffEntry

COMMIT, MERGE = "pre-commit", "pre-merge"
GATED_EVENTS = (COMMIT, MERGE)
# lakeFS documentation, "Merge": the strategies by which one side wins where both changed an object.
DESTINATION_WINS = "dest-wins"


class GateReader(DescriptorReader, Protocol):
    """One repository of a lakeFS server. Every method raises LakeFSError, by cause."""

    def branch_head(self, branch: str) -> str:
        """The id of the commit that the branch is at."""

    def uncommitted_changes(self, branch: str, prefix: str) -> Iterator[DiffEntry]:
        """The objects under the prefix that differ between the branch and its last commit."""

    def changes_to_merge(self, destination: str, source: str, prefix: str) -> Iterator[DiffEntry]:
        """The objects under the prefix that the source changed since it left the destination."""


@dataclass(frozen=True, kw_only=True)
class GateRules:
    """The settings of the job that decide what a valid descriptor is."""

    catalog: str
    schema_template: str = names.DEFAULT_SCHEMA_TEMPLATE
    folder: str = descriptors.DEFAULT_FOLDER
    table_defs: tuple[str, ...] = ()

    def naming(self, repository: str, branch: str) -> NamingRules:
        """The rules for one branch. Raises InvalidNameError where its schema would have no valid name."""
        schema = names.schema_name(self.schema_template, repository=repository, branch=branch)
        return NamingRules(catalog=self.catalog, schema=schema, folder=self.folder)


@dataclass(frozen=True, kw_only=True)
class GateRequest:
    """What a hook is told before a commit or a merge. `strategy` is the merge's, empty for lakeFS's default.

    Raises InvalidEventError where a part of it is not what lakeFS sends.
    """

    event_type: str
    repository: str
    branch: str
    source_ref: str
    strategy: str = ""

    def __post_init__(self) -> None:
        try:
            names.check_repository(self.repository)
            names.check_branch(self.branch)
        except SettingsError as error:
            raise InvalidEventError(f"event {self.event_type}: {_without_advice(error)}") from error
        if self.event_type == MERGE and not names.is_commit_id(self.source_ref):
            raise InvalidEventError(f"event {self.event_type}: source_ref is missing or not a commit's id")


def _without_advice(error: SettingsError) -> str:
    return str(error).removeprefix("job parameter ").partition("; run the job")[0]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is wrong with the table descriptors that a commit or merge would leave, and what else is to be told."""

    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


def judge(request: GateRequest, rules: GateRules, lakefs: GateReader) -> Verdict:
    """What is to be said of the table descriptors that the commit or merge would leave; nothing where it changes none.

    A file that is no descriptor for its ending alone is noted where the commit or merge brings it, and no reason to
    refuse: the export does without it. Raises LakeFSError where lakeFS does not answer as it should.
    """
    try:
        naming = rules.naming(request.repository, request.branch)
    except InvalidNameError as error:
        return Verdict(problems=(Problem(file=f"branch {request.branch}", field="", message=str(error)),))
    changes = _changes(request, naming, lakefs)
    paths = [change.path for change in changes if change.type != "removed"]
    notes = tuple(descriptors.notes_on_endings(paths, naming.folder, rules.table_defs))
    if not descriptors.select_files(paths, naming.folder, rules.table_defs)[0]:
        return Verdict(notes=notes)
    if request.event_type == COMMIT:
        contents = read_files(request.branch, naming, rules.table_defs, lakefs)[0]
    else:
        contents = _merged(request, changes, naming, rules.table_defs, lakefs)
    return Verdict(problems=descriptors.read_descriptors(contents, naming).problems, notes=notes)


def _changes(request: GateRequest, naming: NamingRules, lakefs: GateReader) -> list[DiffEntry]:
    """What the commit or merge changes in the descriptor folder."""
    if request.event_type == COMMIT:
        return list(lakefs.uncommitted_changes(request.branch, naming.folder + "/"))
    return [
        change
        for change in lakefs.changes_to_merge(request.branch, request.source_ref, naming.folder + "/")
        if not (change.type == "conflict" and request.strategy == DESTINATION_WINS)
    ]


def _merged(
    request: GateRequest, changes: list[DiffEntry], naming: NamingRules, wanted: tuple[str, ...], lakefs: GateReader
) -> Contents:
    """The files that the merge leaves."""
    from_source = {change.path for change in changes}
    head = lakefs.branch_head(request.branch)
    return read_merged(head, request.source_ref, from_source, naming, wanted, lakefs)
