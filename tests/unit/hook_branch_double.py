"""In-memory double of a branch that a hook is written to."""

from collections.abc import Mapping

from lakefs_unity_export.errors import LakeFSNotFoundError


class BranchDouble:
    """A branch in memory: what is committed, and what was changed since. `refuses` fail, each with its error."""

    def __init__(self, **files: str) -> None:
        self.committed = dict(files)
        self.staged: dict[str, str | None] = {}
        self.version = "1.84.0"
        self.messages: list[str] = []
        self.metadata: list[Mapping[str, str]] = []
        self.refuses: dict[str, BaseException] = {}

    def head(self) -> str:
        self._refuse("head")
        return f"commit-{len(self.messages)}"

    def server_version(self) -> str:
        return self.version

    def uncommitted(self, limit: int) -> list[str]:
        return sorted(self.staged)[:limit]

    def read(self, ref: str, path: str) -> str | None:
        assert ref == self.head()
        return self.committed.get(path)

    def write(self, path: str, text: str) -> None:
        self._refuse(path)
        self.staged[path] = text

    def delete(self, path: str) -> None:
        self._refuse(path)
        self.staged[path] = None

    def reset(self, path: str) -> None:
        self._refuse("reset")
        if path not in self.staged:
            raise LakeFSNotFoundError(path)
        del self.staged[path]

    def _refuse(self, what: str) -> None:
        if what in self.refuses:
            raise self.refuses[what]

    def commit(self, message: str, metadata: Mapping[str, str]) -> str:
        self._refuse("commit")
        self.metadata.append(metadata)
        self.committed = {path: text for path, text in {**self.committed, **self.staged}.items() if text is not None}
        self.staged.clear()
        self.messages.append(message)
        return f"commit-{len(self.messages)}"
