"""In-memory double of a branch that a hook is written to."""

from collections.abc import Mapping

from lakefs_unity_export.errors import LakeFSHookError, LakeFSNotFoundError
from lakefs_unity_export.hook.files import hook_of


class BranchDouble:
    """A branch in memory: what is committed, and what was changed since. `refuses` fail, each with its error.

    Time is what was slept; `times` are when each commit was made. Until `forgets` (seconds) lakeFS goes by the `former`
    action files: a commit asks the script of each, which it must not delete, and fails where the action `says_no`.
    """

    def __init__(self, **files: str) -> None:
        self.committed = dict(files)
        self.staged: dict[str, str | None] = {}
        self.version = "1.84.0"
        self.messages: list[str] = []
        self.metadata: list[Mapping[str, str]] = []
        self.refuses: dict[str, BaseException] = {}
        self.action_folders: list[str] = []
        self.now = 0.0
        self.times: list[float] = []
        self.former: dict[str, str] = {}
        self.forgets = 0.0
        self.says_no: set[str] = set()

    def sleep(self, seconds: float) -> None:
        self._refuse("sleep")
        self.now += seconds

    def folders(self, path: str) -> list[str]:
        return [folder for folder in self.action_folders if folder.startswith(path)]

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
        for action, script in self.former.items() if self.now < self.forgets else ():
            if action in self.says_no or {**self.committed, **self.staged}.get(script) is None:
                raise LakeFSHookError(
                    f"hook aborted: failed on action 'x' hook '{hook_of(action)}': no, or no {script}"
                )
        self.times.append(self.now)
        self.metadata.append(metadata)
        self.committed = {path: text for path, text in {**self.committed, **self.staged}.items() if text is not None}
        self.staged.clear()
        self.messages.append(message)
        return f"commit-{len(self.messages)}"
