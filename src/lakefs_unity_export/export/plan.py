"""What one run exports: decided from facts that were read before, without reading or writing anything."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from lakefs_unity_export import names
from lakefs_unity_export.clones.methods import FIRST_METHOD, CloneMethod, with_method
from lakefs_unity_export.commit.changes import Changes
from lakefs_unity_export.commit.descriptors import Descriptor, Problem
from lakefs_unity_export.export.state import ExportState
from lakefs_unity_export.ports import Commit, RegisteredTable


@dataclass(frozen=True, kw_only=True)
class SchemaState:
    """A schema that a branch is exported to: None where it does not exist yet, and what is registered in it.

    The one in the job's own catalog (`is_own`) is always made, since it says which other catalogs have tables.
    """

    catalog: str
    schema: str
    is_own: bool
    properties: Mapping[str, str] | None
    exports: ExportState
    registered: Mapping[str, RegisteredTable]

    @property
    def full_name(self) -> str:
        """As the Unity Catalog REST API takes it."""
        return f"{self.catalog}.{self.schema}"

    @property
    def quoted(self) -> str:
        """As SQL takes it, and as the items name it."""
        return names.quoted(self.catalog, self.schema)


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The commit to export, and whether it is the head of its branch.

    `continues` where this is a later page of an export; `time` of the listing is Unix time in milliseconds.
    """

    repository: str
    branch: str
    commit: Commit
    is_head: bool
    continues: bool
    time: int


@dataclass(frozen=True, kw_only=True)
class _Registration:
    """Something to do for one registered name."""

    table: str

    @property
    def name(self) -> str:
        """The full name, without backticks; items come in its order."""
        return self.table.replace("`", "")

    @property
    def schema(self) -> str:
        """The schema as SQL takes it."""
        return self.table.rpartition(".")[0]

    @property
    def table_name(self) -> str:
        """The last part of the name."""
        return self.name.rpartition(".")[2]

    def as_json(self) -> dict[str, str]:
        """The item as a task value's element: what a person reads of it in the Jobs UI."""
        return {"table": self.table}


@dataclass(frozen=True, kw_only=True)
class Item(_Registration):
    """One table of one run: what tells it from the others; the rest is equal for the run, or follows by rule.

    `method` is the clone method that its descriptor names, None where it is the run's.
    """

    path: str
    method: CloneMethod | None = None

    def as_json(self) -> dict[str, str]:
        """As above, with the path in the repository, before which a method of its own stands."""
        return {**super().as_json(), "path": with_method(self.path, self.method)}


@dataclass(frozen=True, kw_only=True)
class RemovedItem(_Registration):
    """One registration to drop."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What changed since a commit that tables may show, and the tables that were described at that commit."""

    changes: Changes
    earlier: tuple[Descriptor, ...]

    @cached_property
    def _exported_before(self) -> frozenset[Descriptor]:
        return frozenset(self.earlier)

    def concerns(self, descriptor: Descriptor) -> bool:
        """Whether the table or its descriptor changed, or could not be exported at the commit."""
        return (
            descriptor.path in self.changes.table_paths
            or descriptor.file in self.changes.descriptor_files
            or descriptor not in self._exported_before
        )


@dataclass(frozen=True, kw_only=True)
class Delta:
    """What one schema lacks: everything (`differences` is None), or what changed since each commit it may show.

    The first difference is that since the watermark.
    """

    state: SchemaState
    differences: tuple[Difference, ...] | None
    line: int

    def concerns(self, descriptor: Descriptor) -> bool:
        """Whether the table is to be exported."""
        return (
            self.differences is None
            or descriptor.name.table not in self.state.registered
            or any(difference.concerns(descriptor) for difference in self.differences)
        )


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The tables to export, and those that are refused because their name is taken."""

    items: tuple[Item, ...]
    refused: tuple[Problem, ...]


def is_passed(snapshot: Snapshot, state: ExportState) -> Commit | None:
    """The newer commit of the branch that is exported already or is being exported. None for the head.

    The head may have been reset, so that what has a higher generation is no longer on the branch.
    """
    if snapshot.is_head:
        return None
    return next((known for known in state.commits if _goes_beyond(known, snapshot.commit)), None)


def _goes_beyond(known: Commit, commit: Commit) -> bool:
    return known.id != commit.id and known.generation >= commit.generation


def line_of(snapshot: Snapshot, state: ExportState, *, is_anew: bool) -> int:
    """The line of commits that an export of this commit follows; of two lines, the later one wins a table.

    A new one begins where the branch is exported anew, since it is not known which commits the tables show, and
    where they may show a commit that the head does not go beyond: the head was reset.
    """
    is_newest = snapshot.is_head or snapshot.continues
    is_reset = snapshot.is_head and any(_goes_beyond(known, snapshot.commit) for known in state.commits)
    begins = is_reset or (is_anew and is_newest)
    return max(snapshot.time, state.line + 1) if begins else state.line


def plan_tables(
    snapshot: Snapshot,
    descriptors: Iterable[Descriptor],
    deltas: Sequence[Delta],
    target_base_location: str,
    removed: Iterable[RemovedItem] = (),
    *,
    clone_method: CloneMethod = FIRST_METHOD,
) -> Tables:
    """The items of the tables that their schema lacks, or has by another clone method, in the order of their names.

    `clone_method` is that of descriptors that name none.

    A name that Unity Catalog has for anything but an external table at our target path is refused, and so is a
    target path that it has under a name in another catalog, unless that registration is `removed`.
    """
    dropped = {item.name for item in removed}
    by_catalog = {delta.state.catalog: delta for delta in deltas}
    items, refused = [], []
    for descriptor in sorted(descriptors, key=lambda each: each.name.full_name):
        delta = by_catalog.get(descriptor.name.catalog)
        if delta is None:
            continue
        target_path = names.target_path(
            target_base_location=target_base_location, branch=snapshot.branch, table=descriptor.name.table
        )
        registered = delta.state.registered.get(descriptor.name.table)
        method = descriptor.clone_method or clone_method
        if not (delta.concerns(descriptor) or _is_of_another_method(snapshot, registered, target_path, method)):
            continue
        taken = _taken(registered, target_path) or _elsewhere(descriptor, target_path, deltas, dropped)
        if taken:
            message = f"{descriptor.name.full_name} is {taken}"
            refused.append(Problem(file=descriptor.file, field="name", message=message))
        else:
            own_method = None if method == clone_method else method
            items.append(Item(table=descriptor.name.quoted, path=descriptor.path, method=own_method))
    return Tables(items=tuple(items), refused=tuple(refused))


def _is_of_another_method(
    snapshot: Snapshot, registered: RegisteredTable | None, target_path: str, method: CloneMethod
) -> bool:
    """Whether the branch's own clone of the table is registered, made by another method than this one."""
    if registered is None or not is_registered_at(registered, target_path):
        return False
    is_ours = registered.repository == snapshot.repository
    return is_ours and (registered.clone_method or FIRST_METHOD) != method


def registered_at_target(
    state: SchemaState, *, branch: str, target_base_location: str
) -> Iterator[tuple[str, RegisteredTable]]:
    """Names and registrations of the schema's tables that are at the branch's own target paths."""
    for name, table in state.registered.items():
        path = names.target_path(target_base_location=target_base_location, branch=branch, table=name)
        if names.is_identifier(name) and is_registered_at(table, path):
            yield name, table


def is_registered_at(table: RegisteredTable, location: str) -> bool:
    """Whether this is an external table at the location: what an export registers. The SQL files have the same rule.

    Unity Catalog lists some clones by a type of their own, EXTERNAL_SHALLOW_CLONE.
    """
    return _is_external(table) and names.same_location(table.storage_location, location)


def _is_external(table: RegisteredTable) -> bool:
    return table.table_type.upper().startswith("EXTERNAL")


def _taken(registered: RegisteredTable | None, target_path: str) -> str:
    """What else has the name, in words, or nothing."""
    if registered is None or is_registered_at(registered, target_path):
        return ""
    if not _is_external(registered):
        kind = registered.table_type or "unknown"
        return f"already the name of something of type {kind}, and is left as it is; rename one of the two"
    at = registered.storage_location
    return f"already registered at {at}, not at {target_path}, and is left as it is; rename one of the two"


def _elsewhere(descriptor: Descriptor, target_path: str, deltas: Sequence[Delta], dropped: set[str]) -> str:
    """In which other catalog the target path is registered, in words, or nothing."""
    for delta in deltas:
        name = f"{delta.state.full_name}.{descriptor.name.table}"
        registered = delta.state.registered.get(descriptor.name.table)
        if delta.state.catalog == descriptor.name.catalog or registered is None or name in dropped:
            continue
        if names.same_location(registered.storage_location, target_path):
            return f"registered as {name} at {target_path}; drop that registration, or set on_removed to drop"
    return ""


def plan_removals(
    states: Iterable[SchemaState],
    described: Iterable[names.TableName],
    *,
    repository: str,
    branch: str,
    target_base_location: str,
) -> tuple[RemovedItem, ...]:
    """The registrations that no descriptor asks for any more, in the order of their names.

    Only external tables at the branch's own target path, and none that says it comes from another repository.
    """
    wanted = {name.full_name for name in described}
    removed = []
    for state in states:
        for name, table in registered_at_target(state, branch=branch, target_base_location=target_base_location):
            if table.repository in ("", repository) and f"{state.full_name}.{name}" not in wanted:
                removed.append(RemovedItem(table=names.quoted(state.catalog, state.schema, name)))
    return tuple(sorted(removed, key=lambda item: item.name))


def first_seen(problems: Iterable[Problem], deltas: Sequence[Delta]) -> tuple[Problem, ...]:
    """The problems that no earlier run can have met: of a file that changed, or was a table, at every watermark.

    A catalog that is not there says nothing about the watermark: such a problem is new with its file only.
    """
    return tuple(problem for problem in problems if all(_is_new(problem, delta) for delta in deltas))


def _is_new(problem: Problem, delta: Delta) -> bool:
    if not delta.differences or problem.file in delta.differences[0].changes.descriptor_files:
        return True
    earlier = delta.differences[0].earlier
    return problem.field != "catalog" and any(problem.file == descriptor.file for descriptor in earlier)
