"""The tables that a commit describes, known without reading its descriptors.

Beside the watermark a schema keeps a digest of the tables that the watermark's commit describes, and the names of the
registrations that are left over. Each registered table says from which path, and by which method, it was cloned. Where
all of them but those left over give that digest, they are what was described, and only the descriptor files that
changed since have to be read. Some tables may show the commit that is being exported already, as where this is a
further page, or its run is repeated: those whose descriptors changed are then taken as their files were.

Whatever does not fit leads to every descriptor being read: an export of another commit that did not end, a
registration that is lost, a property that somebody edited, a descriptor that is or was invalid or worth a note, another
setting, another version of this package.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from lakefs_unity_export import names, property_values
from lakefs_unity_export.clones.methods import FIRST_METHOD, METHODS, CloneMethod
from lakefs_unity_export.commit import descriptors
from lakefs_unity_export.commit.changes import Changes, find_changes
from lakefs_unity_export.commit.descriptor_files import read_some
from lakefs_unity_export.commit.descriptors import Descriptor, DescriptorSet
from lakefs_unity_export.errors import LakeFSNotFoundError
from lakefs_unity_export.export.differences import DescribedCommit
from lakefs_unity_export.export.plan import Difference, RemovedItem, SchemaState, Snapshot, registered_at_target
from lakefs_unity_export.export.request import NamedRequest
from lakefs_unity_export.ports import LakeFSReader, RegisteredTable

_DIGEST_LENGTH = 32
# Of what is kept: room for the names of some dozens of registrations that are left over.
MAX_KEPT_LENGTH = 2_000


def kept_of(
    request: NamedRequest, found: DescriptorSet, states: Sequence[SchemaState], removed: Iterable[RemovedItem]
) -> str:
    """What is kept of a commit: the digest of its tables, then each registration that is left over once it is exported.

    Empty where registered tables could not tell all that its files say. `removed` are registrations to be dropped.
    """
    if found.problems or found.notes or request.descriptor_names:
        return ""
    described = {each.name.full_name for each in found.tables}
    gone = {item.name for item in removed}
    left = {each.name.full_name for each in registered_tables(request, states)} - described - gone
    kept = " ".join([digest(request, found.tables), *sorted(left)])
    # No name is spread over two properties.
    fits = len(kept) <= MAX_KEPT_LENGTH and all(names.java_length(name) <= property_values.MAX_LENGTH for name in left)
    return kept if fits else ""


def digest(request: NamedRequest, tables: Iterable[Descriptor], *more: str | int) -> str:
    """Of the names, paths and methods of tables, of the settings that they follow from, and of what `more` is given."""
    rules = request.rules
    settings = [_version(), rules.catalog, rules.schema, rules.folder, request.clone_method]
    facts = sorted((each.name.full_name, each.path, each.clone_method or request.clone_method) for each in tables)
    return hashlib.sha256(json.dumps([settings, facts, *more]).encode()).hexdigest()[:_DIGEST_LENGTH]


@cache
def _version() -> str:
    """That of this package: another one may read something else in the same descriptor."""
    try:
        return version("lakefs-unity-export")
    except PackageNotFoundError:  # not installed, but lying on the path
        return ""


def known_commit(
    request: NamedRequest, snapshot: Snapshot, states: Sequence[SchemaState], lakefs: LakeFSReader
) -> DescribedCommit | None:
    """What the commit describes, from the registered tables and the descriptor files that changed since the watermark.

    None where they cannot tell. `states` are the schemas of every catalog that had tables of the branch, the job's own
    first. Raises what `lakefs` raises, but for a watermark that it does not know.
    """
    base = _settled_at(states, snapshot.commit.id)
    if base is None or request.mode == "full" or request.descriptor_names:
        return None
    described, *left_over = states[0].exports.described.split(" ")
    registered = tuple(each for each in registered_tables(request, states) if each.name.full_name not in left_over)
    is_begun = any(state.exports.attempts for state in states)
    if not is_begun and digest(request, registered) != described:
        return None
    try:
        changes = _changes(request, base, snapshot.commit.id, registered, lakefs)
        replaced = _read(request, base, changes.of_descriptors, lakefs)
        new = _read(request, snapshot.commit.id, changes.descriptor_files, lakefs)
    except LakeFSNotFoundError:
        return None
    if replaced is None or new is None:
        return None
    kept = _without(registered, (*replaced, *new))
    earlier, tables = (*kept, *replaced), (*kept, *new)
    catalogs = {state.catalog for state in states}
    fits = (
        digest(request, earlier) == described
        # Paths that were described together lie apart: the walk met no other one around that of a table.
        and _paths(registered) <= _paths((*earlier, *tables))
        and descriptors.stand_together(tables)
        and all(each.name.catalog in catalogs for each in new)
    )
    if not fits:
        return None
    return DescribedCommit(
        request=request,
        snapshot=snapshot,
        contents={},
        found=DescriptorSet(tables=tables),
        since={base: Difference(changes=changes, earlier=earlier)},
    )


def _settled_at(states: Sequence[SchemaState], commit_id: str) -> str | None:
    """The watermark of all these schemas, where no export but of this commit began since and they keep one digest."""
    own = states[0].exports
    settled = own.described and all(
        not each.exports.is_unknown
        and all(attempt.id == commit_id for attempt in each.exports.attempts)
        and (each.exports.watermark, each.exports.described) == (own.watermark, own.described)
        for each in states
    )
    return own.watermark.id if settled and own.watermark else None


def registered_tables(request: NamedRequest, states: Sequence[SchemaState]) -> tuple[Descriptor, ...]:
    """What the tables at the branch's target paths say was described."""
    return tuple(
        _told(request, state, name, table)
        for state in states
        for name, table in registered_at_target(
            state, branch=request.branch, target_base_location=request.target_base_location
        )
    )


def _told(request: NamedRequest, state: SchemaState, name: str, table: RegisteredTable) -> Descriptor:
    """The descriptor of a table, by its provenance. One without a path is that of no commit."""
    method = table.clone_method or FIRST_METHOD
    is_ours = table.repository == request.repository and method in METHODS
    return Descriptor(
        file="",
        path=table.path if is_ours else "",
        name=names.TableName(catalog=state.catalog, schema=state.schema, table=name),
        clone_method=CloneMethod(method) if is_ours else None,
    )


def _changes(
    request: NamedRequest, base: str, head: str, registered: Iterable[Descriptor], lakefs: LakeFSReader
) -> Changes:
    """What changed of the registered tables, and of the descriptors; the tables of new ones are exported anyway."""
    if base == head:
        return Changes()
    return find_changes(lakefs.diff_reader(base, head), table_paths=_paths(registered), folder=request.rules.folder)


def _paths(tables: Iterable[Descriptor]) -> frozenset[str]:
    return frozenset(each.path for each in tables)


def _read(
    request: NamedRequest, commit_id: str, files: Collection[str], lakefs: LakeFSReader
) -> tuple[Descriptor, ...] | None:
    """What these files describe at the commit, None where something is to be said of one."""
    if not files:
        return ()
    contents, notes = read_some(commit_id, files, request.rules, (), lakefs)
    found = descriptors.read_descriptors(contents, request.rules)
    return None if found.problems or found.notes or notes else found.tables


def _without(tables: Iterable[Descriptor], others: Iterable[Descriptor]) -> tuple[Descriptor, ...]:
    gone = {each.name for each in others}
    return tuple(each for each in tables if each.name not in gone)
