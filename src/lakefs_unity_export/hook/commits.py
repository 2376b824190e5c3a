"""Commits what a hook's files change, so that the action files which lakeFS still goes by do no harm.

lakeFS keeps the action files of a branch for some seconds (recorded on 1.84: action-file/cached, 7 seconds). Those from
before a commit may run at it, with the scripts as the commit has them: a gate that is being removed refuses its own
removal, or fails because its script is gone.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, TextIO

from lakefs_unity_export.errors import (
    ExportError,
    HookError,
    LakeFSAccessError,
    LakeFSError,
    LakeFSHookError,
    LakeFSNotFoundError,
    LakeFSUnavailableError,
)
from lakefs_unity_export.hook import files as hook_files
from lakefs_unity_export.hook.changes import FileChange, find_changes

SHOWN_CHANGES = 5
# The key of the commit's metadata that says what the commit did.
METADATA_KEY = "lakefs_unity_export.hook"
# More than the 7 to 7.5 seconds that were measured.
SECONDS_KEPT = 10
SCRIPTS_DELETED = "Delete scripts of the former hook"


class HookBranch(Protocol):
    """A branch of a lakeFS repository that a hook is written to. Every method raises LakeFSError, by cause."""

    def head(self) -> str:
        """The id of the commit that the branch is at."""

    def server_version(self) -> str:
        """The version that the server says it is, or nothing."""

    def uncommitted(self, limit: int) -> list[str]:
        """Paths of objects that were changed and not committed, at most so many."""

    def folders(self, path: str) -> list[str]:
        """The folders in a folder of the branch, each with a `/` at its end; what is not committed counts."""

    def read(self, ref: str, path: str) -> str | None:
        """A file's text at the ref, None where it is not there."""

    def write(self, path: str, text: str) -> None:
        """Write a file, without committing it."""

    def delete(self, path: str) -> None:
        """Delete a file, without committing it."""

    def reset(self, path: str) -> None:
        """Take back what was written or deleted at the path and not committed."""

    def commit(self, message: str, metadata: Mapping[str, str]) -> str:
        """Commit what was written; the commit's id."""


@dataclass(frozen=True, kw_only=True)
class HookCommits:
    """Commits to a branch. `place` is the branch for people, `kind` what the commits' metadata say was done.

    `message` is the user's, empty for the default of each commit; `sleep` waits for a number of seconds.
    """

    place: str
    branch: HookBranch
    kind: str
    message: str
    out: TextIO
    sleep: Callable[[float], None]

    def commit(self, changes: Sequence[FileChange], head: str, message: str) -> str:
        """Commit the changes to the branch, which has to be at the head still; the commit's id.

        Raises HookError where others work on the branch, and LakeFSError. The branch is then as before, or the message
        says what could not be taken back.
        """
        touched: list[str] = []
        try:
            for change in changes:
                _write(change, touched, self.branch)
            commit_id = self._commit_in_time(changes, head, message)
        except BaseException as error:
            left = _taken_back(touched, self.branch)
            if left:
                cause, kind = str(error) or "interrupted", type(error) if isinstance(error, ExportError) else HookError
                raise kind(f"{cause}\nnot committed, and not taken back either: {', '.join(left)}") from error
            raise
        print(f"committed {commit_id} to {self.place}", file=self.out)
        return commit_id

    def delete_later(self, scripts: Sequence[FileChange]) -> str | None:
        """Delete scripts whose action files are committed away, once lakeFS goes by those no more.

        The commit's id, None where others deleted them. Raises as `commit` does, with what is left.
        """
        paths = shown_paths(scripts)
        left = (
            f"the former hook is removed from {self.place}, but {paths}, which nothing asks for any more: run "
            "install_hook again with the same options to delete what is left"
        )
        print(f"waiting {SECONDS_KEPT} s until lakeFS asks for {paths} no more", file=self.out, flush=True)
        try:
            self.sleep(SECONDS_KEPT)
            return self._delete(scripts)
        except ExportError as error:
            raise type(error)(f"{error}\n{left}") from error
        except BaseException:
            print(left, file=self.out, flush=True)
            raise

    def _delete(self, scripts: Sequence[FileChange]) -> str | None:
        head = self.branch.head()
        for path in (hook_files.ACTIONS_BY_SCRIPT[script.path] for script in scripts):
            if self.branch.read(head, path) is not None:
                raise HookError(f"{self.place} has {path} again, which somebody committed meanwhile")
        paths = [script.path for script in scripts]
        changes = find_changes({}, paths, lambda path: self.branch.read(head, path)).files
        return self.commit(changes, head, SCRIPTS_DELETED) if changes else None

    def _commit_in_time(self, changes: Sequence[FileChange], head: str, message: str) -> str:
        """Commit, again and again while lakeFS asks the former hook: once it reads anew, it reads what is written."""
        waited = 0
        while True:
            self._check_others(changes, head)
            try:
                return self._commit_once(message)
            except LakeFSHookError as error:
                if waited == SECONDS_KEPT or not _is_of_former_hook(error, changes):
                    raise
                if not waited:
                    self._say_why(error)
                self.sleep(1)
                waited += 1

    def _check_others(self, changes: Sequence[FileChange], head: str) -> None:
        """Somebody may have worked on the branch while the user was asked, or lakeFS."""
        refuse(self.place, other_changes(self.branch, ours=[change.path for change in changes]))
        if self.branch.head() != head:
            raise HookError(f"{self.place} has a new commit since its files were compared; run install_hook again")

    def _commit_once(self, message: str) -> str:
        try:
            return self.branch.commit(self.message or message, {METADATA_KEY: self.kind})
        except LakeFSUnavailableError as error:
            raise LakeFSUnavailableError(
                f"{error}. It may have been committed all the same: run install_hook again, which then changes nothing"
            ) from error

    def _say_why(self, error: LakeFSHookError) -> None:
        print(str(error), file=self.out)
        print(
            f"waiting up to {SECONDS_KEPT} s: lakeFS may still go by the branch's former action files",
            file=self.out,
            flush=True,
        )


def shown_paths(changes: Sequence[FileChange]) -> str:
    """The paths of the files, for people."""
    return ", ".join(change.path for change in changes)


def other_changes(branch: HookBranch, ours: Collection[str] = ()) -> str:
    """Some paths of uncommitted changes besides ours, in words, or nothing."""
    found = [path for path in branch.uncommitted(SHOWN_CHANGES + 1 + len(ours)) if path not in ours]
    return ", ".join(found[:SHOWN_CHANGES]) + (", ..." if len(found) > SHOWN_CHANGES else "")


def refuse(place: str, others: str) -> None:
    """Raises HookError where there are uncommitted changes of others."""
    if others:
        raise HookError(
            f"{place} has uncommitted changes, which a commit of the hook would take along ({others}); commit or "
            "reset them first, or install the hook on a new branch and merge it"
        )


def _is_of_former_hook(error: LakeFSHookError, changes: Sequence[FileChange]) -> bool:
    """Whether what refuses may be a hook of ours that is changed here: it is named, or no hook of anybody's is."""
    former = {hook_files.hook_of(change.path) for change in changes if change.before is not None}
    told = str(error)
    return bool(former) and ("failed on action" not in told or any(f"hook '{hook}'" in told for hook in former))


def _write(change: FileChange, touched: list[str], branch: HookBranch) -> None:
    touched.append(change.path)
    try:
        if change.after is None:
            branch.delete(change.path)
        else:
            branch.write(change.path, change.after)
    except LakeFSAccessError:
        touched.pop()  # nothing was written, and on a protected branch nothing can be reset
        raise


def _taken_back(paths: Sequence[str], branch: HookBranch) -> list[str]:
    """Take back what was not committed; the paths where that failed."""
    left = []
    for path in paths:
        try:
            with suppress(LakeFSNotFoundError):  # nothing there to take back
                branch.reset(path)
        except LakeFSError:
            left.append(path)
    return left
