"""Delta tables in memory for the clone task, with a request, its source, and what may be at its target."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lakefs_unity_export.clones.delta_tables import Commit, TableState
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
SOURCE = TableState(
    location=REQUEST.source_path, newest=Commit(version=9, operation="WRITE", user="etl"), files=3, bytes=300
)


@dataclass
class TablesInMemory:
    """Delta tables by path; `calls` are the effects, in order."""

    found: dict[str, TableState]
    failures: dict[str, Exception] = field(default_factory=dict)
    commits: list[Commit] = field(default_factory=list)
    source_files: list[str] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)

    def describe(self, path: str) -> TableState | None:
        self.reads.append(path)
        self._fail(path)
        return self.found.get(path)

    def history(self, path: str) -> Iterator[Commit]:
        self.reads.append(f"history of {path}")
        return iter([self.found[path].newest, *self.commits])

    def data_files(self, path: str) -> Sequence[str]:
        self._fail("files")
        return [f"{path}/part-0.parquet", *self.source_files]

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
        self.found[target] = replace(
            self.found[source],
            location=target,
            newest=Commit(version=before.version + 1 if before else 0, operation="CLONE", user_metadata=user_metadata),
            comment=None,
            properties=properties,
        )

    def set_comment(self, path: str, comment: str, *, user_metadata: str) -> None:
        self._fail("comment")
        self.calls.append(("comment", path, comment, user_metadata))
        state = self.found[path]
        newest = Commit(version=state.version + 1, operation="SET TBLPROPERTIES", user_metadata=user_metadata)
        self.found[path] = replace(state, newest=newest, comment=comment or None)

    def _fail(self, what: str) -> None:
        if what in self.failures:
            raise self.failures[what]


def target(**changes: Any) -> TableState:
    """The clone of an earlier commit, or what the changes make of it."""
    of_commit = {"commit_id": "b" * 64, "commit_generation": 4}
    of_commit |= {key: changes.pop(key) for key in list(changes) if key in vars(REQUEST.provenance)}
    shown = replace(REQUEST.provenance, **of_commit)
    newest = Commit(version=2, operation="CLONE", user_metadata=shown.user_metadata())
    state = TableState(location=REQUEST.target_path, newest=newest, properties=shown.properties(), files=1, bytes=100)
    return replace(state, **changes)


def tables(at_target: TableState | None = None, **more: Any) -> TablesInMemory:
    found = {REQUEST.source_path: SOURCE}
    if at_target is not None:
        found[REQUEST.target_path] = at_target
    return TablesInMemory(found, **more)
