"""A tiny Delta table of check_setup's own, in lakeFS branches that are made for a run and deleted after it.

Nothing is committed: no commit stays behind, and no hook on commits runs. The branches begin at a commit without action
files, since a branch that begins at one with our own is exported.
"""

import time
import uuid
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase

from lakefs_unity_export.checks.handed_over import OwnTable
from lakefs_unity_export.checks.probe import MARK, PREFIX, is_left_by
from lakefs_unity_export.checks.tiny_table import tiny_table
from lakefs_unity_export.errors import LakeFSError, LakeFSUnavailableError
from lakefs_unity_export.hook.action_folders import ACTION_FOLDER
from lakefs_unity_export.setup_ports import LakeFSBranches

# Where it lies on its branches. The folder is no one's else: the branches begin long before tables do.
FOLDER = PREFIX.removesuffix("_")
PATH = f"{FOLDER}/table"
_VERSIONS = (1, 2)
_TEXT = b"a table of check_setup, which deletes this branch"

Clock = Callable[[], float]


class NoPlaceError(LakeFSError):
    """The repository has no commit, or no name of a branch, that can be used for it."""


def branch_names(run_id: str) -> tuple[str, ...]:
    """The branches of a run: the table in the second has one change more than in the first."""
    return tuple(f"{PREFIX}{run_id}_{version}" for version in _VERSIONS)


def delete_commands(repository: str, names: Iterable[str]) -> str:
    """How a person deletes branches."""
    return "\n".join(f"lakectl branch delete lakefs://{repository}/{name} --yes" for name in names)


def delete(branches: LakeFSBranches, names: Iterable[str]) -> dict[str, str]:
    """Delete the branches; for each that cannot be, why. Raises nothing."""
    left = dict[str, str]()
    for name in names:
        try:
            branches.delete(name)
        except LakeFSError as error:
            left[name] = str(error)
    return left


class OwnTableProbe:
    """The table of one run. left: branches that were made and cannot be deleted, with why, after `make` has failed.

    clock gives Unix time in seconds.
    """

    def __init__(self, branches: LakeFSBranches, run_id: str, clock: Clock = time.time) -> None:
        self._branches, self._clock = branches, clock
        self._names, self._never_made = branch_names(run_id), f"{PREFIX}{run_id}_0"
        self._made: list[str] = []
        self.left: dict[str, str] = {}

    def sweep(self) -> tuple[str, ...]:
        """Delete what earlier runs left that were killed; the branches' names. Raises nothing: the next run comes."""
        try:
            left = [name for name in self._branches.named(PREFIX) if name not in self._names and self._is_left(name)]
        except LakeFSError:  # the key may not list branches
            return ()
        kept = delete(self._branches, left)
        return tuple(name for name in left if name not in kept)

    def _is_left(self, name: str) -> bool:
        # A mark that somebody committed is no mark: the branch has become theirs.
        marks = self._branches.uncommitted(name, f"{FOLDER}/{MARK}")
        return any(is_left_by(mark.removeprefix(f"{FOLDER}/"), self._clock()) for mark in marks)

    def make(self, branch: str) -> OwnTable:
        """Write the table to branches that begin where the log of this branch does.

        Raises NoPlaceError where they cannot, and LakeFSError; what was made is deleted again then.
        """
        source = self._place(branch)
        table_id, now = str(uuid.uuid4()), self._clock()
        try:
            for name, version in zip(self._names, _VERSIONS, strict=True):
                self._make_branch(name, source)
                self._branches.write(name, f"{FOLDER}/{MARK}{int(now)}", _TEXT)
                for path, content in tiny_table(rows=version, table_id=table_id, now=now).items():
                    self._branches.write(name, f"{PATH}/{path}", content)
        except BaseException:
            self.remove()
            raise
        return OwnTable(path=PATH, branches=self._names)

    def remove(self) -> None:
        """Delete the branches that were made, as far as that can be done."""
        self.left = delete(self._branches, self._made)
        self._made = [name for name in self._made if name in self.left]

    def _place(self, branch: str) -> str:
        """The commit to begin at: the oldest that can be found, which commonly holds nothing."""
        self._check_protection()
        # Of no branch: a key that may not delete any is refused, and any other finds none.
        self._branches.delete(self._never_made)
        oldest = self._branches.oldest_commit(branch)
        if self._branches.holds(oldest, ACTION_FOLDER):
            raise NoPlaceError(
                f"the oldest commit that the log of branch {branch} shows ({oldest}) has action files, and a branch "
                "that begins there would run them"
            )
        return oldest

    def _check_protection(self) -> None:
        """Such a branch could be made, and neither written to nor, by some servers, deleted."""
        try:
            patterns = self._branches.protection()
        except LakeFSError:  # what may be done with a branch does not say that its rules may be read
            return
        if found := [pattern for pattern in patterns if any(fnmatchcase(name, pattern) for name in self._names)]:
            raise NoPlaceError(f"a rule protects branches {found[0]} of the repository, and so {self._names[0]}")

    def _make_branch(self, name: str, source: str) -> None:
        self._made.append(name)  # it may be there, too, where no answer comes
        try:
            self._branches.create(name, source)
        except LakeFSUnavailableError:
            raise
        except LakeFSError:
            self._made.remove(name)
            raise
