"""Branches of a lakeFS repository in memory, as check_setup makes them for a while."""

from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from doubles import LakeFSDouble

from lakefs_unity_export.errors import LakeFSAccessError, LakeFSError, LakeFSNotFoundError


@dataclass
class BranchesDouble:
    """Branches of the repository, with what is written to them and not committed.

    refuses: errors by the method, or by the method and the branch, raised instead of an answer; `is_done_anyway` says
    that what was asked for is done all the same. shown: how many commits the log of a branch shows. calls: by method.
    """

    lakefs: LakeFSDouble
    staged: dict[str, dict[str, bytes]] = field(default_factory=dict)
    protected: list[str] = field(default_factory=list)
    refuses: dict[str, BaseException] = field(default_factory=dict)
    is_done_anyway: bool = False
    shown: int = 1000
    calls: Counter[str] = field(default_factory=Counter)

    def _refuse(self, method: str, name: str = "") -> None:
        self.calls[method] += 1
        for key in (method, f"{method} {name}"):
            if key in self.refuses:
                raise self.refuses[key]

    def named(self, prefix: str) -> list[str]:
        self._refuse("named")
        return [name for name in self.lakefs.branch_names() if name.startswith(prefix)]

    def protection(self) -> list[str]:
        self._refuse("protection")
        return list(self.protected)

    def oldest_commit(self, branch: str) -> str:
        self._refuse("oldest_commit")
        commit_id = self.lakefs.head(branch).id
        for _ in range(self.shown - 1):
            if not (parents := self.lakefs.parents(commit_id)):
                break
            commit_id = parents[0]
        return commit_id

    def holds(self, commit_id: str, prefix: str) -> bool:
        self._refuse("holds")
        return any(path.startswith(prefix) for path in self.lakefs.content(commit_id))

    def create(self, name: str, commit_id: str) -> None:
        if self.is_done_anyway:
            self.lakefs.branch(name, commit_id)
        self._refuse("create", name)
        if name in self.lakefs.branch_names():
            raise LakeFSError("lakeFS answered 409 (branch already exists: not unique); look at the branch in lakeFS")
        self.lakefs.branch(name, commit_id)

    def write(self, name: str, path: str, content: bytes) -> None:
        self._refuse("write", name)
        if any(fnmatchcase(name, pattern) for pattern in self.protected):
            raise LakeFSAccessError("lakeFS answered 403 (cannot write to protected branch); grant the user x")
        assert content
        self.staged.setdefault(name, {})[path] = content

    def uncommitted(self, name: str, prefix: str) -> list[str]:
        self._refuse("uncommitted", name)
        return [path for path in self.staged.get(name, {}) if path.startswith(prefix)]

    def is_there(self, name: str) -> bool:
        self._refuse("is_there", name)
        return name in self.lakefs.branch_names()

    def delete(self, name: str) -> None:
        self._refuse("delete", name)
        try:
            self.lakefs.delete_branch(name)
        except KeyError:
            return
        self.staged.pop(name, None)

    # What a person or another run does

    def left(self, name: str, mark: str) -> None:
        """A branch of this name that an earlier run left with this mark."""
        self.lakefs.branch(name, self.lakefs.commit_ids()[0])
        self.staged[name] = {f"lakefs_unity_export_check/{mark}": b"x"}

    def follow(self, remedy: str) -> None:
        """What `lakectl branch delete` does, a command a line."""
        for line in remedy.splitlines():
            command, _, uri = line.removesuffix(" --yes").rpartition(" ")
            assert command == "lakectl branch delete"
            repository, _, name = uri.removeprefix("lakefs://").partition("/")
            assert repository == self.lakefs.repository
            if name not in self.lakefs.branch_names():
                raise LakeFSNotFoundError(name)
            self.lakefs.delete_branch(name)
