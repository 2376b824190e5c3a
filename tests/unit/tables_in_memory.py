"""Delta tables in memory for the clone task, with a request, its source, and what may be at its target."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from lakefs_unity_export.clones.delta_tables import Commit, TableDetail, TableState
from lakefs_unity_export.clones.request import CloneRequest

REQUEST = CloneRequest(
    repository="lake",
    branch="main",
    commit_id="c" * 64,
    commit_generation=5,
    path="tables/orders",
    table="`unity`.`main`.`orders`",
    source_path=f"s3a://lake/{'c' * 64}/tables/orders",
    target_path="abfss://exports@account.dfs.core.windows.net/lake/main/orders",
)


@dataclass(frozen=True, kw_only=True)
class TableInMemory:
    """A Delta table at its newest version."""

    location: str
    newest: Commit
    comment: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    features: frozenset[str] = frozenset()
    files: int = 0
    bytes: int = 0

    @property
    def version(self) -> int:
        return self.newest.version

    @property
    def state(self) -> TableState:
        return TableState(location=self.location, newest=self.newest, properties=self.properties)

    @property
    def detail(self) -> TableDetail:
        of_detail = {each.name: getattr(self, each.name) for each in fields(TableDetail)}
        return TableDetail(**of_detail)


SOURCE = TableInMemory(
    location=REQUEST.source_path, newest=Commit(version=9, operation="WRITE", user="etl"), files=3, bytes=300
)


@dataclass
class TablesInMemory:
    """Delta tables by path; `calls` are the effects, and `reads` what was read, in order.

    keeps_comment: whether a table that a clone replaces keeps its comment, as it does in Delta's public source.
    drops_user_metadata: whether something else in the session takes the user metadata from the clone's commit.
    """

    found: dict[str, TableInMemory]
    keeps_comment: bool = True
    drops_user_metadata: bool = False
    failures: dict[str, Exception] = field(default_factory=dict)
    commits: list[Commit] = field(default_factory=list)
    source_files: list[str] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)

    def look(self, path: str) -> TableState | None:
        found = self._read(path, path)
        return found and found.state

    def open(self, path: str) -> "OpenTableInMemory | None":
        found = self._read(path, f"detail of {path}")
        return found and OpenTableInMemory(self, path, found.detail)

    def newest(self, path: str) -> Commit | None:
        found = self._read(path, f"newest of {path}")
        return found and found.newest

    def _read(self, path: str, what: str) -> TableInMemory | None:
        self.reads.append(what)
        self._fail(path)
        return self.found.get(path)

    def history(self, path: str) -> Iterator[Commit]:
        self.reads.append(f"history of {path}")
        return iter([self.found[path].newest, *self.commits])

    def holds_files(self, path: str) -> bool:
        return path in self.files

    def clone(
        self,
        source: str,
        target: str,
        *,
        properties: Mapping[str, str],
        user_metadata: str | None,
        is_shallow: bool = True,
    ) -> None:
        self._fail("clone")
        self.calls.append(("clone" if is_shallow else "deep clone", source, target, user_metadata or ""))
        before = self.found.get(target)
        of_source = self.found[source]
        newest = Commit(
            version=before.version + 1 if before else 0,
            operation="CLONE",
            user_metadata=None if self.drops_user_metadata else user_metadata,
            files=of_source.files,
            bytes=of_source.bytes,
        )
        self.found[target] = replace(
            of_source,
            location=target,
            newest=newest,
            comment=before.comment if before and self.keeps_comment else None,
            properties=properties,
        )

    def set_comment(self, path: str, comment: str, *, user_metadata: str) -> None:
        self._fail("comment")
        self.calls.append(("comment", path, comment, user_metadata))
        state = self.found[path]
        newest = Commit(version=state.version + 1, operation="SET TBLPROPERTIES", user_metadata=user_metadata)
        self.found[path] = replace(state, newest=newest, comment=comment or None)

    def create(self, path: str, *, properties: Mapping[str, str], user_metadata: str) -> None:
        self._fail("create")
        self.calls.append(("create", path, str(dict(properties)), user_metadata))
        newest = Commit(version=0, operation="CREATE TABLE", user_metadata=user_metadata)
        self.found[path] = TableInMemory(location=path, newest=newest, properties=properties)

    def set_properties(self, path: str, properties: Mapping[str, str], *, user_metadata: str) -> None:
        self._fail("properties")
        self.calls.append(("properties", path, str(dict(properties)), user_metadata))
        state = self.found[path]
        newest = Commit(version=state.version + 1, operation="SET TBLPROPERTIES", user_metadata=user_metadata)
        self.found[path] = replace(state, newest=newest, properties={**state.properties, **properties})

    def _fail(self, what: str) -> None:
        if what in self.failures:
            raise self.failures[what]


@dataclass(frozen=True)
class OpenTableInMemory:
    """A table that was read once."""

    tables: TablesInMemory
    path: str
    detail: TableDetail

    def data_files(self) -> Sequence[str]:
        self.tables._fail("files")
        return [f"{self.path}/part-0.parquet", *self.tables.source_files]

    def clone(self, target: str, **given: Any) -> None:
        self.tables.clone(self.path, target, **given)


def target(**changes: Any) -> TableInMemory:
    """The clone of an earlier commit, or what the changes make of it."""
    of_commit = {"commit_id": "b" * 64, "commit_generation": 4}
    of_commit |= {key: changes.pop(key) for key in list(changes) if key in vars(REQUEST.provenance)}
    shown = replace(REQUEST.provenance, **of_commit)
    newest = Commit(version=2, operation="CLONE", user_metadata=shown.user_metadata(), files=1, bytes=100)
    state = TableInMemory(
        location=REQUEST.target_path, newest=newest, properties=shown.properties(), files=1, bytes=100
    )
    return replace(state, **changes)


def tables(at_target: TableInMemory | None = None, **more: Any) -> TablesInMemory:
    found = {REQUEST.source_path: SOURCE}
    if at_target is not None:
        found[REQUEST.target_path] = at_target
    return TablesInMemory(found, **more)
