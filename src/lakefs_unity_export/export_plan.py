"""What one run exports: decided from facts that were read before, without reading or writing anything."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from lakefs_unity_export import names
from lakefs_unity_export.changes import Changes
from lakefs_unity_export.descriptors import Descriptor, Problem
from lakefs_unity_export.ports import Commit, RegisteredTable
from lakefs_unity_export.watermark import Watermark

# Higher than any generation, for a branch that starts anew: what the targets hold says nothing about its commits.
ANY_GENERATION = 2**53 - 1


@dataclass(frozen=True, kw_only=True)
class SchemaState:
    """A schema that a branch is exported to: None where it does not exist yet, and what is registered in it."""

    catalog: str
    schema: str
    properties: Mapping[str, str] | None
    watermark: Watermark | None
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
    """The commit to export, and whether it is the head of its branch."""

    repository: str
    branch: str
    commit: Commit
    is_head: bool


@dataclass(frozen=True, kw_only=True)
class Item:
    """One table of one run, as the tasks after the list read it and as a person reads it in the Jobs UI."""

    table: str
    schema: str
    source_path: str
    target_path: str
    commit_id: str
    commit_generation: int
    replaces_generation: int
    path: str

    def as_json(self) -> dict[str, Any]:
        """The item as a task value's element."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Delta:
    """What one schema lacks: everything (`changes` is None), or what changed since its watermark.

    `earlier` are the tables that were described at the watermark.
    """

    state: SchemaState
    changes: Changes | None
    replaces_generation: int
    earlier: tuple[Descriptor, ...]

    @cached_property
    def _exported_before(self) -> frozenset[Descriptor]:
        return frozenset(self.earlier)

    def concerns(self, descriptor: Descriptor) -> bool:
        """Whether the table is to be exported: it or its descriptor changed, or it could not be exported before."""
        return (
            self.changes is None
            or descriptor.path in self.changes.table_paths
            or descriptor.file in self.changes.descriptor_files
            or descriptor not in self._exported_before
            or descriptor.name.table not in self.state.registered
        )


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The tables to export, and those that are refused because their name is taken."""

    items: tuple[Item, ...]
    refused: tuple[Problem, ...]


def is_passed(snapshot: Snapshot, watermark: Watermark | None) -> bool:
    """Whether a newer commit of the branch is exported already. Never so for the head, which may have been reset."""
    return (
        not snapshot.is_head
        and watermark is not None
        and watermark.commit_id != snapshot.commit.id
        and (watermark.commit_generation or 0) >= snapshot.commit.generation
    )


def replaced_generation(snapshot: Snapshot, watermark: Watermark | None, *, starts_anew: bool) -> int:
    """The highest generation that a target may hold and still be replaced.

    Commonly the commit's own: a target that holds a newer one was written by a later run. Where the head was
    reset, the watermark's, since what lies beyond the head is no longer on the branch; where the branch starts
    anew (full mode, or a watermark that lakeFS does not know), any.
    """
    own = snapshot.commit.generation
    if not snapshot.is_head:
        return own
    if starts_anew:
        return ANY_GENERATION
    if watermark is None:
        return own
    return max(own, ANY_GENERATION if watermark.commit_generation is None else watermark.commit_generation)


def plan_tables(
    snapshot: Snapshot, descriptors: Iterable[Descriptor], deltas: Sequence[Delta], target_base_location: str
) -> Tables:
    """The items of the tables that their schema lacks, in the order of their names.

    A name that Unity Catalog has for anything but an external table at our target path is refused.
    """
    by_catalog = {delta.state.catalog: delta for delta in deltas}
    items, refused = [], []
    for descriptor in sorted(descriptors, key=lambda each: each.name.full_name):
        delta = by_catalog.get(descriptor.name.catalog)
        if delta is None or not delta.concerns(descriptor):
            continue
        item = _item(snapshot, descriptor, delta, target_base_location)
        taken = _taken(delta.state.registered.get(descriptor.name.table), item.target_path)
        if taken:
            message = f"{descriptor.name.full_name} is {taken}, and is left as it is; rename one of the two"
            refused.append(Problem(file=descriptor.file, field="name", message=message))
        else:
            items.append(item)
    return Tables(items=tuple(items), refused=tuple(refused))


def _item(snapshot: Snapshot, descriptor: Descriptor, delta: Delta, target_base_location: str) -> Item:
    name, commit = descriptor.name, snapshot.commit
    return Item(
        table=name.quoted,
        schema=name.quoted_schema,
        source_path=names.source_path(repository=snapshot.repository, commit_id=commit.id, path=descriptor.path),
        target_path=names.target_path(
            target_base_location=target_base_location, branch=snapshot.branch, table=name.table
        ),
        commit_id=commit.id,
        commit_generation=commit.generation,
        replaces_generation=delta.replaces_generation,
        path=descriptor.path,
    )


def _taken(registered: RegisteredTable | None, target_path: str) -> str:
    """What else has the name, in words, or nothing."""
    if registered is None:
        return ""
    if registered.table_type != "EXTERNAL":
        return f"already the name of something of type {registered.table_type or 'unknown'}"
    if not names.same_location(registered.storage_location, target_path):
        return f"already registered at {registered.storage_location}, not at {target_path}"
    return ""


def first_seen(problems: Iterable[Problem], deltas: Sequence[Delta]) -> tuple[Problem, ...]:
    """The problems that no earlier run can have met: of a file that changed, or was a table, at every watermark.

    A catalog that is not there says nothing about the watermark: such a problem is new with its file only.
    """
    return tuple(problem for problem in problems if all(_is_new(problem, delta) for delta in deltas))


def _is_new(problem: Problem, delta: Delta) -> bool:
    if delta.changes is None or problem.file in delta.changes.descriptor_files:
        return True
    return problem.field != "catalog" and any(problem.file == descriptor.file for descriptor in delta.earlier)
