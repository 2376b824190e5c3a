"""A lakeFS repository in memory with uncommitted objects, as the gate sees them, and descriptors to put there."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from doubles import LakeFSDouble

from lakefs_unity_export.errors import LakeFSError, LakeFSNotFoundError
from lakefs_unity_export.ports import DiffEntry, ObjectInfo

FOLDER = "_lakefs_tables"


class StagedDouble(LakeFSDouble):
    """A repository whose branches also have uncommitted objects, which only their name shows."""

    def __init__(self) -> None:
        super().__init__()
        self.staged: dict[str, dict[str, bytes]] = {}

    def stage(self, changed: Mapping[str, bytes], removed: tuple[str, ...] = (), *, branch: str = "main") -> None:
        """Change objects without a commit."""
        content = {**self.content(self.head(branch).id), **self.staged.get(branch, {}), **changed}
        self.staged[branch] = {path: content[path] for path in content if path not in removed}

    def _head(self, branch: str) -> str:
        if branch not in self._branches:
            raise LakeFSNotFoundError(f"branch {branch!r} not found")
        return self._branches[branch]

    def _seen(self, ref: str) -> dict[str, bytes]:
        return self.staged[ref] if ref in self.staged else self.content(self._branches.get(ref, ref))

    def list_objects(self, ref: str, prefix: str) -> Iterator[ObjectInfo]:
        """As the port; a branch's name shows its uncommitted objects too."""
        self.calls["list_objects"] += 1
        for path, content in sorted(self._seen(ref).items()):
            if path.startswith(prefix):
                yield ObjectInfo(path=path, size=len(content))

    def read_objects(self, ref: str, paths: list[str]) -> dict[str, bytes | LakeFSError]:
        """As the port."""
        self.calls["read_object"] += len(paths)
        content = self._seen(ref)
        return {path: content.get(path, LakeFSNotFoundError(f"object {path!r} not found")) for path in paths}

    def uncommitted_changes(self, branch: str, prefix: str) -> Iterator[DiffEntry]:
        """As the port."""
        self.calls["diff"] += 1
        yield from _differences(self.content(self._head(branch)), self._seen(branch), prefix)

    def changes_to_merge(self, destination: str, source: str, prefix: str) -> Iterator[DiffEntry]:
        """As the port: what the source changed since the newest commit that both have."""
        self.calls["diff"] += 1
        left = self._head(destination)
        self._stored(source)
        common = self.ancestors(left) & self.ancestors(source)
        base = self.content(max(common, key=lambda commit_id: self._stored(commit_id).commit.generation))
        ours, theirs = self.content(left), self.content(source)
        on_left = {change.path for change in _differences(base, ours, prefix)}
        for change in _differences(base, theirs, prefix):
            if change.path not in on_left:
                yield change
            elif ours.get(change.path) != theirs.get(change.path):
                yield replace(change, type="conflict")


def _differences(left: Mapping[str, bytes], right: Mapping[str, bytes], prefix: str) -> Iterator[DiffEntry]:
    for path in sorted(left.keys() | right.keys()):
        if path.startswith(prefix) and left.get(path) != right.get(path):
            kind = "removed" if path not in right else "added" if path not in left else "changed"
            yield DiffEntry(path=path, type=kind, is_prefix=False)


def described(name: str, *, file: str = "", path: str = "") -> dict[str, bytes]:
    content = f"name: {name}\ntype: delta\npath: {path or 'tables/' + name}\n"
    return {f"{FOLDER}/{file or name}.yaml": content.encode()}
