"""What each schema of a branch lacks at a commit, from the diffs between it and what the schema's tables may show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from lakefs_unity_export.commit.changes import Changes, find_changes
from lakefs_unity_export.commit.descriptor_files import Contents, read_earlier
from lakefs_unity_export.commit.descriptors import DescriptorSet
from lakefs_unity_export.errors import LakeFSNotFoundError
from lakefs_unity_export.export import plan as export_plan
from lakefs_unity_export.export.plan import Delta, Difference, SchemaState, Snapshot
from lakefs_unity_export.export.request import NamedRequest
from lakefs_unity_export.export.told_pages import ToldPages
from lakefs_unity_export.ports import LakeFSReader


@dataclass(frozen=True, kw_only=True)
class DescribedCommit:
    """The commit to export, with its descriptors: as files, and as what they say.

    `since` are differences to earlier commits that are known already; where they are all that is asked for, there need
    be no files. Where `told`, they are those of one page alone, and of what is exported anew.
    """

    request: NamedRequest
    snapshot: Snapshot
    contents: Contents
    found: DescriptorSet
    since: Mapping[str, Difference] = field(default_factory=dict)
    told: ToldPages | None = None


@dataclass
class _Walks:
    """Schemas that show the same commits share one walk of the diff."""

    described: DescribedCommit
    lakefs: LakeFSReader
    known: dict[str, Difference | None]

    def since(self, base: str) -> Difference | None:
        """What changed since a commit, or None where lakeFS does not know that commit (any more)."""
        if base not in self.known:
            self.known[base] = self._walked(base)
        return self.known[base]

    def _walked(self, base: str) -> Difference | None:
        described, earlier = self.described, self.described.found.tables
        head, rules = described.snapshot.commit.id, described.request.rules
        if base == head:
            return Difference(changes=Changes(), earlier=earlier)
        paths = [descriptor.path for descriptor in earlier]
        try:
            reader = self.lakefs.diff_reader(base, head)
            changes = find_changes(reader, table_paths=paths, folder=rules.folder)
            if changes.of_descriptors:
                wanted = described.request.descriptor_names
                earlier = read_earlier(base, changes, described.contents, rules, wanted, self.lakefs)
        except LakeFSNotFoundError:
            return None
        return Difference(changes=changes, earlier=earlier)


def find_deltas(described: DescribedCommit, states: Sequence[SchemaState], lakefs: LakeFSReader) -> list[Delta]:
    """What each schema lacks; everything in full mode, or where it is not known what its tables show."""
    walks = _Walks(described=described, lakefs=lakefs, known=dict(described.since))
    deltas = [_delta(described, state, walks) for state in states]
    # A table that moves to another catalog keeps its target path, so all schemas follow one line.
    newest = max((delta.line for delta in deltas), default=0)
    return [replace(delta, line=newest) for delta in deltas]


def begins_anew(request: NamedRequest, state: SchemaState) -> bool:
    """Whether everything is exported to the schema, whatever changed."""
    # A run by another method may have cloned tables, and ended before Unity Catalog was told by which.
    by_other_method = any(method != request.clone_method for method in state.exports.methods)
    return request.mode == "full" or state.exports.is_unknown or by_other_method


def _delta(described: DescribedCommit, state: SchemaState, walks: _Walks) -> Delta:
    is_anew = begins_anew(described.request, state)
    walked = [] if is_anew else [walks.since(commit.id) for commit in state.exports.commits]
    differences = tuple(each for each in walked if each is not None)
    is_anew = is_anew or len(differences) < len(walked)
    return Delta(
        state=state,
        differences=None if is_anew else differences,
        line=export_plan.line_of(described.snapshot, state.exports, is_anew=is_anew),
    )
