"""Makes a branch of a lakeFS repository have a hook, or not have it, and tells what it does.

Whatever goes wrong, the branch is as it was before, or what is not is told.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol, TextIO

from lakefs_unity_export import hook_files
from lakefs_unity_export.errors import (
    ExportError,
    HookError,
    LakeFSAccessError,
    LakeFSError,
    LakeFSNotFoundError,
    LakeFSUnavailableError,
)
from lakefs_unity_export.hook_changes import Changes, FileChange, find_changes
from lakefs_unity_export.hook_files import HookKind, HookSettings

SHOWN_CHANGES = 5
# The key of the commit's metadata that says what the commit did.
METADATA_KEY = "lakefs_unity_export.hook"


class HookBranch(Protocol):
    """A branch of a lakeFS repository that a hook is written to. Every method raises LakeFSError, by cause."""

    def head(self) -> str:
        """The id of the commit that the branch is at."""

    def server_version(self) -> str:
        """The version that the server says it is, or nothing."""

    def uncommitted(self, limit: int) -> list[str]:
        """Paths of objects that were changed and not committed, at most so many."""

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
class Order:
    """What to do with a branch: to install a hook, or without `settings` to remove ours.

    With `all_events` an event that the server does not know is refused instead of left out.
    """

    repository: str
    branch: str
    settings: HookSettings | None
    message: str = ""
    dry_run: bool = False
    yes: bool = False
    all_events: bool = False

    @property
    def place(self) -> str:
        """The branch, for people."""
        return f"{self.repository}/{self.branch}"


def carry_out(order: Order, branch: HookBranch, out: TextIO, ask: Callable[[str], bool]) -> str | None:
    """Makes the branch have the hook, or not have it, in one commit; the commit's id, None where nothing changed.

    `ask` is asked whether to go on. Raises HookError where the branch has other uncommitted changes, which the commit
    would take along, and LakeFSError where lakeFS refuses. The branch is then as before.
    """
    head = branch.head()
    settings = order.settings and _for_server(order, order.settings, branch, out)
    wanted = hook_files.render(settings) if settings else {}
    deleted = hook_files.unwanted(settings.kind) if settings else tuple(hook_files.MARKS)
    changes = find_changes(wanted, deleted, lambda path: branch.read(head, path))
    _show(changes, out)
    if not changes.files:
        print("nothing to change: the branch is as it should be", file=out)
        return None
    if settings:
        _say_what_is_needed(settings, out)
    others = _other_changes(branch)
    if order.dry_run:
        if others:
            print(
                f"{order.place} has uncommitted changes ({others}): as long as it has, nothing is committed", file=out
            )
        print("nothing was changed (--dry-run)", file=out)
        return None
    _refuse(order, others)
    if not (order.yes or ask(f"Commit this to {order.place}?")):
        print("nothing was changed", file=out)
        return None
    commit_id = _committed(order, changes.files, head, branch)
    print(f"committed {commit_id} to {order.place}", file=out)
    if settings:
        _say_what_is_next(order, settings, out)
    return commit_id


def _for_server(order: Order, settings: HookSettings, branch: HookBranch, out: TextIO) -> HookSettings:
    """The settings without events that the server does not know: with one of them, every commit would fail."""
    version = branch.server_version()
    known, unknown = hook_files.events_for(version, settings.events)
    if unknown and order.all_events:
        raise HookError(
            f"lakeFS {version} does not know {', '.join(unknown)}, and would refuse every commit on the branch; leave "
            "them out of --events, or upgrade lakeFS (post-revert needs 1.52, post-cherry-pick 1.65)"
        )
    if unknown:
        print(f"left out: {', '.join(unknown)}, which lakeFS {version} does not know", file=out)
    if not hook_files.is_version(version):
        print(
            f"lakeFS does not say its version{f' ({version})' if version else ''}: no event is left out. Before "
            "1.65 not all of them are known, and every commit on the branch would fail: choose them with --events",
            file=out,
        )
    print(f"lakeFS {version or 'of an unknown version'}; events: {', '.join(known)}", file=out)
    return replace(settings, events=known)


def _show(changes: Changes, out: TextIO) -> None:
    for change in changes.files:
        if change.replaces_others:
            print(f"{change.path} is there, and is not a file of this hook: it would be replaced", file=out)
        print(change.diff(), end="", file=out)
    for path in changes.kept:
        print(f"{path} stays: it is not a file of this hook", file=out)


def _other_changes(branch: HookBranch, ours: Collection[str] = ()) -> str:
    """Some paths of uncommitted changes besides ours, in words, or nothing."""
    found = [path for path in branch.uncommitted(SHOWN_CHANGES + 1 + len(ours)) if path not in ours]
    return ", ".join(found[:SHOWN_CHANGES]) + (", ..." if len(found) > SHOWN_CHANGES else "")


def _refuse(order: Order, others: str) -> None:
    if others:
        raise HookError(
            f"{order.place} has uncommitted changes, which a commit of the hook would take along ({others}); commit or "
            "reset them first, or install the hook on a new branch and merge it"
        )


def _committed(order: Order, changes: Sequence[FileChange], head: str, branch: HookBranch) -> str:
    touched: list[str] = []
    try:
        for change in changes:
            _write(change, touched, branch)
        # Somebody may have worked on the branch while the user was asked.
        _refuse(order, _other_changes(branch, ours=touched))
        if branch.head() != head:
            raise HookError(f"{order.place} has a new commit since its files were compared; run install_hook again")
        return _commit(order, branch)
    except BaseException as error:
        left = _taken_back(touched, branch)
        if left:
            cause, kind = str(error) or "interrupted", type(error) if isinstance(error, ExportError) else HookError
            raise kind(f"{cause}\nnot committed, and not taken back either: {', '.join(left)}") from error
        raise


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


def _commit(order: Order, branch: HookBranch) -> str:
    default = "Export every commit to Unity Catalog" if order.settings else "Stop exporting to Unity Catalog"
    done = order.settings.kind.value if order.settings else "removed"
    try:
        return branch.commit(order.message or default, {METADATA_KEY: done})
    except LakeFSUnavailableError as error:
        raise LakeFSUnavailableError(
            f"{error}. It may have been committed all the same: run install_hook again, which then changes nothing"
        ) from error


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


def _say_what_is_needed(settings: HookSettings, out: TextIO) -> None:
    if needed := hook_files.variables(settings):
        print("Before you go on, the lakeFS server must have in its environment:", file=out)
        for variable in needed:
            print(f"  {variable}", file=out)
    if settings.kind is HookKind.LUA:
        print("and actions.lua.net_http_enabled=true in its configuration.", file=out)
    elif settings.gate:
        print("Without it, or while the service does not run, the gate has every commit refused.", file=out)


def _say_what_is_next(order: Order, settings: HookSettings, out: TextIO) -> None:
    if hook_files.starts_at_once(settings, order.branch):
        print("This commit starts the job already: the run of the hook is in the repository's Actions tab.", file=out)
        print("Where there is none, the lakeFS server lacks one of the variables above.", file=out)
    else:
        print("This commit does not start the job; the next event on one of the hook's branches does.", file=out)
