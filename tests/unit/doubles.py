"""In-memory doubles of what an export asks of the outside: a lakeFS repository, Unity Catalog, task values.

They behave as lakeFS and Databricks were observed or are documented to, and count what is asked of them.
"""

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from nested_tasks import target_path

from lakefs_unity_export.clones import provenance
from lakefs_unity_export.clones.provenance import Provenance
from lakefs_unity_export.errors import (
    LakeFSError,
    LakeFSNotFoundError,
    WorkspaceError,
    WorkspaceNotFoundError,
    WorkspaceUnavailableError,
)
from lakefs_unity_export.ports import Commit, DiffEntry, DiffPage, DiffReader, ObjectInfo, RegisteredTable

SERVER_PAGE_SIZE = 1000
# Databricks documentation, "task values": the JSON of one value is at most 48 KiB.
TASK_VALUE_LIMIT_BYTES = 48 * 1024

Content = Mapping[str, bytes]


class DiffDouble:
    """Pages of the two_dot diff between two sets of objects, with the server's paging.

    With a delimiter the server goes on after `after` by skipping every key that begins with it, whether it is a
    folder or an object (`skips_beyond_after`). Without one, `after` is plainly exclusive.
    """

    def __init__(
        self, left: Content, right: Content, *, page_size: int = SERVER_PAGE_SIZE, skips_beyond_after: bool = True
    ) -> None:
        kinds = dict.fromkeys(left.keys() - right.keys(), "removed")
        kinds |= dict.fromkeys(right.keys() - left.keys(), "added")
        kinds |= {path: "changed" for path in left.keys() & right.keys() if left[path] != right[path]}
        self._kinds = kinds
        self._keys = sorted(path.encode() for path in kinds)
        self._page_size = page_size
        self._skips_beyond_after = skips_beyond_after
        self.calls: list[tuple[str, str, str]] = []

    def __call__(self, *, prefix: str, after: str, delimiter: str) -> DiffPage:
        """One page, as lakeFS answers it."""
        self.calls.append((prefix, after, delimiter))
        found = list(self._entries(prefix.encode(), after.encode(), delimiter.encode()))
        return DiffPage(entries=tuple(found[: self._page_size]), has_more=len(found) > self._page_size)

    def _entries(self, prefix: bytes, after: bytes, delimiter: bytes) -> Iterator[DiffEntry]:
        """The entries of one page, and one more where there are more."""
        position = bisect_left(self._keys, prefix)
        if after:
            beyond = bool(delimiter) and (self._skips_beyond_after or after.endswith(delimiter))
            position = max(position, bisect_right(self._keys, _last_with(after) if beyond else after))
        for _ in range(self._page_size + 1):
            if position >= len(self._keys) or not self._keys[position].startswith(prefix):
                return
            key = self._keys[position]
            end = key.find(delimiter, len(prefix)) if delimiter else -1
            if end < 0:
                yield DiffEntry(path=key.decode(), type=self._kinds[key.decode()], is_prefix=False)
                position += 1
            else:
                folder = key[: end + 1]
                yield DiffEntry(path=folder.decode(), type="prefix_changed", is_prefix=True)
                position = bisect_right(self._keys, _last_with(folder))


def _last_with(prefix: bytes) -> bytes:
    """A key after every key that begins with the prefix: no UTF-8 text holds the byte 0xFF."""
    return prefix + b"\xff"


@dataclass
class _StoredCommit:
    commit: Commit
    parents: tuple[str, ...]
    content: dict[str, bytes]


class LakeFSDouble:
    """One lakeFS repository in memory; `calls` counts what a server would be asked, one for each page."""

    def __init__(self, *, repository: str = "shop", page_size: int = SERVER_PAGE_SIZE) -> None:
        self.repository = repository
        self.page_size = page_size
        self.namespace = "s3://lakefs-storage/shop"
        self.calls: Counter[str] = Counter()
        self.reads: list[tuple[str, str]] = []
        self.unreadable: dict[str, LakeFSError] = {}
        self._branches: dict[str, str] = {}
        self._commits: dict[str, _StoredCommit] = {}
        self._diffs: dict[tuple[str, str], DiffDouble] = {}
        self.branch("main", self._store({}, ()))

    def _store(self, content: dict[str, bytes], parents: tuple[str, ...]) -> str:
        number = str(len(self._commits)).encode()
        commit_id = hashlib.sha256(self.repository.encode() + b"\n" + number).hexdigest()
        generation = 1 + max((self._commits[parent].commit.generation for parent in parents), default=0)
        commit = Commit(id=commit_id, generation=generation)
        self._commits[commit_id] = _StoredCommit(commit=commit, parents=parents, content=content)
        return commit_id

    def branch(self, name: str, commit_id: str) -> None:
        """Create the branch at a commit, or hard-reset it to that commit."""
        self._branches[name] = commit_id

    def delete_branch(self, name: str) -> None:
        """Delete the branch; its commits stay."""
        del self._branches[name]

    def branch_names(self) -> list[str]:
        """Every branch, uncounted."""
        return list(self._branches)

    def branches(self) -> dict[str, str]:
        """As LakeFSReader."""
        self.calls["branches"] += 1
        return dict(self._branches)

    def put(self, changed: Content | None = None, removed: Iterable[str] = (), *, branch: str = "main") -> Commit:
        """Commit changed and removed objects to a branch."""
        parent = self._branches[branch]
        content = {**self._commits[parent].content, **(changed or {})}
        for path in removed:
            del content[path]
        self._branches[branch] = self._store(content, (parent,))
        return self._commits[self._branches[branch]].commit

    def commit_content(self, content: Content, *parents: str, branch: str) -> Commit:
        """A commit of whole content with any parents, as merges, reverts and cherry-picks make them."""
        self._branches[branch] = self._store(dict(content), parents)
        return self._commits[self._branches[branch]].commit

    def ancestors(self, commit_id: str) -> set[str]:
        """The commit and every commit that it descends from, uncounted."""
        reachable, todo = set[str](), [commit_id]
        while todo:
            current = todo.pop()
            if current not in reachable:
                reachable.add(current)
                todo += self._commits[current].parents
        return reachable

    def commit_ids(self) -> list[str]:
        """Every commit of the repository, the oldest first, uncounted."""
        return list(self._commits)

    def parents(self, commit_id: str) -> tuple[str, ...]:
        """The parents of a commit, uncounted."""
        return self._commits[commit_id].parents

    def head(self, branch: str = "main") -> Commit:
        """The commit at the head of a branch, uncounted."""
        return self._commits[self._branches[branch]].commit

    def content(self, commit_id: str) -> dict[str, bytes]:
        """Every object of a commit, uncounted."""
        return self._commits[commit_id].content

    def forget(self, commit_id: str) -> None:
        """Lose a commit, as a repository that was made anew under its old name has."""
        del self._commits[commit_id]

    def _stored(self, commit_id: str) -> _StoredCommit:
        if commit_id not in self._commits:
            raise LakeFSNotFoundError(f"commit {commit_id!r} not found")
        return self._commits[commit_id]

    def storage_namespace(self) -> str:
        """As LakeFSReader."""
        self.calls["storage_namespace"] += 1
        return self.namespace

    def branch_head(self, branch: str) -> str:
        """As LakeFSReader."""
        self.calls["branch_head"] += 1
        if branch not in self._branches:
            raise LakeFSNotFoundError(f"branch {branch!r} not found")
        return self._branches[branch]

    def commit(self, commit_id: str) -> Commit:
        """As LakeFSReader; a unique beginning of an id will do, as for the server."""
        self.calls["commit"] += 1
        matching = [known for known in self._commits if known.startswith(commit_id)]
        return self._stored(matching[0] if len(matching) == 1 else commit_id).commit

    def is_on_branch(self, commit_id: str, branch: str) -> bool:
        """As LakeFSReader."""
        self.calls["is_on_branch"] += 1
        reachable, todo = set(), [self._branches[branch]]
        while todo:
            current = todo.pop()
            if current not in reachable:
                reachable.add(current)
                todo += self._stored(current).parents
        return commit_id in reachable

    def list_objects(self, ref: str, prefix: str) -> Iterator[ObjectInfo]:
        """As LakeFSReader."""
        content = self._stored(ref).content
        found = sorted((path for path in content if path.startswith(prefix)), key=str.encode)
        for start in range(0, max(len(found), 1), self.page_size):
            self.calls["list_objects"] += 1
            for path in found[start : start + self.page_size]:
                yield ObjectInfo(path=path, size=len(content[path]))

    def read_objects(self, ref: str, paths: list[str]) -> dict[str, bytes | LakeFSError]:
        """As LakeFSReader; `unreadable` says which paths fail, and how."""
        content = self._stored(ref).content
        found: dict[str, bytes | LakeFSError] = {}
        for path in paths:
            self.calls["read_object"] += 1
            self.reads.append((ref, path))
            missing = LakeFSNotFoundError(f"object {path!r} not found")
            found[path] = self.unreadable.get(path) or content.get(path, missing)
        return found

    def diff_reader(self, left: str, right: str) -> DiffReader:
        """As LakeFSReader."""

        def read_page(*, prefix: str, after: str, delimiter: str) -> DiffPage:
            self.calls["diff"] += 1
            contents = self._stored(left).content, self._stored(right).content
            if (left, right) not in self._diffs:
                self._diffs[left, right] = DiffDouble(*contents, page_size=self.page_size)
            return self._diffs[left, right](prefix=prefix, after=after, delimiter=delimiter)

        return read_page


@dataclass
class SchemaDouble:
    """A schema of the Unity Catalog double."""

    properties: dict[str, str] = field(default_factory=dict)
    tables: dict[str, RegisteredTable] = field(default_factory=dict)


class UnityCatalogDouble:
    """Catalogs and schemas in memory; `writes` lists the schemas whose properties were replaced."""

    def __init__(self, *catalogs: str) -> None:
        self.catalogs: dict[str, dict[str, SchemaDouble]] = {catalog: {} for catalog in catalogs}
        self.calls: Counter[str] = Counter()
        self.writes: list[tuple[str, dict[str, str]]] = []
        self.fail_next_write = False
        self.refuses_empty_maps = False

    def schema(self, catalog: str, schema: str) -> SchemaDouble:
        """The schema, created where it is not there yet; uncounted."""
        return self.catalogs[catalog].setdefault(schema, SchemaDouble())

    def register(self, items: Iterable[Mapping[str, Any]], clones: Mapping[str, Provenance]) -> None:
        """What the task register_tables does for the items: schema and external table, where they are missing.

        What is registered shows the properties of the clone at its location.
        """
        for item in items:
            catalog, schema, table = (part.strip("`") for part in item["table"].split("."))
            registered = RegisteredTable(name=table, table_type="EXTERNAL", storage_location=target_path(item))
            tables = self.schema(catalog, schema).tables
            shown = clones[target_path(item)].properties()
            tables[table] = replace(
                tables.get(table, registered),
                repository=shown[provenance.REPOSITORY],
                path=shown[provenance.PATH],
                clone_method=shown[provenance.CLONE_METHOD],
            )

    def unregister(self, items: Iterable[Mapping[str, Any]]) -> None:
        """What the task unregister_tables does for the items."""
        for item in items:
            catalog, schema, table = (part.strip("`") for part in item["table"].split("."))
            found = self.schema(catalog, schema).tables
            if table in found and found[table].storage_location == target_path(item):
                del found[table]

    def schema_properties(self, catalog: str, schema: str) -> dict[str, str] | None:
        """As the port."""
        self.calls["schema_properties"] += 1
        if catalog not in self.catalogs:
            raise WorkspaceNotFoundError(f"Unity Catalog has no catalog {catalog}")
        found = self.catalogs[catalog].get(schema)
        return None if found is None else dict(found.properties)

    def set_schema_properties(self, catalog: str, schema: str, properties: Mapping[str, str]) -> None:
        """As the port: replaces the whole map. Fails once after `fail_next_write`.

        An empty map changes nothing, as on the open-source server, or is refused as Databricks is reported to, where
        `refuses_empty_maps`. What is too long for the open-source server is refused too.
        """
        if self.fail_next_write:
            self.fail_next_write = False
            raise WorkspaceUnavailableError("Databricks did not answer")
        if not properties and self.refuses_empty_maps:
            raise WorkspaceError("Databricks refused what was asked: UpdateSchema Nothing to update")
        _check_lengths(properties)
        self.writes.append((f"{catalog}.{schema}", dict(properties)))
        if properties:
            self.catalogs[catalog][schema].properties = dict(properties)

    def tables(self, catalog: str, schema: str) -> list[RegisteredTable]:
        """As the port."""
        self.calls["tables"] += 1
        return list(self.catalogs[catalog][schema].tables.values())

    def schemas(self, catalog: str) -> dict[str, dict[str, str]]:
        """As the port."""
        self.calls["schemas"] += 1
        if catalog not in self.catalogs:
            raise WorkspaceNotFoundError(f"Unity Catalog has no catalog {catalog}")
        return {name: dict(schema.properties) for name, schema in self.catalogs[catalog].items()}

    def create_schema(self, catalog: str, schema: str, properties: Mapping[str, str]) -> None:
        """As the port."""
        _check_lengths(properties)
        if schema not in self.catalogs[catalog]:
            self.schema(catalog, schema).properties = dict(properties)

    def delete_schema(self, catalog: str, schema: str) -> None:
        """As the port: an empty one only."""
        if self.catalogs[catalog][schema].tables:
            raise WorkspaceError(f"Databricks refused what was asked: schema {schema} is not empty")
        del self.catalogs[catalog][schema]


def _check_lengths(properties: Mapping[str, str]) -> None:
    if any(len(text.encode("utf-16-le")) > 2 * 255 for pair in properties.items() for text in pair):
        raise WorkspaceUnavailableError("Databricks did not answer: Value too long for column")


class ExportRunsDouble:
    """Runs that were started; the same token starts no second one."""

    def __init__(self) -> None:
        self.started: list[dict[str, str]] = []
        self.tokens: dict[str, int] = {}
        self.running: list[dict[str, str]] = []

    def start(self, parameters: Mapping[str, str], *, idempotency_token: str) -> int:
        """As the port."""
        if idempotency_token not in self.tokens:
            self.started.append(dict(parameters))
            self.tokens[idempotency_token] = len(self.started)
        return self.tokens[idempotency_token]

    def active(self) -> list[dict[str, str]]:
        """As the port."""
        return list(self.running)


class TaskValuesDouble:
    """The task values of a task, and those that tasks before it left, by task and key.

    Refuses what Databricks refuses: what is no JSON, what is larger than 48 KiB, and what nobody left.
    """

    def __init__(self, left: Mapping[tuple[str, str], Any] = MappingProxyType({})) -> None:
        self.left = left
        self.values: dict[str, Any] = {}

    def set(self, key: str, value: Any) -> None:
        """As the port."""
        text = json.dumps(value)
        if len(text.encode()) > TASK_VALUE_LIMIT_BYTES:
            raise ValueError(f"task value {key} is too large")
        self.values[key] = json.loads(text)

    def get(self, taskKey: str, key: str) -> Any:  # noqa: N803
        """As the port."""
        if taskKey not in {task for task, _ in self.left}:
            raise ValueError(f"Task key does not exist in run: {taskKey}")
        if (taskKey, key) not in self.left:
            raise ValueError(f"no value {key}")
        return self.left[taskKey, key]
