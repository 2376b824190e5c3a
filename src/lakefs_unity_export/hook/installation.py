"""Makes a branch of a lakeFS repository have a hook, or not have it, and tells what it does.

Whatever goes wrong, the branch is as it was before, or what is not is told.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TextIO

from lakefs_unity_export.errors import HookError
from lakefs_unity_export.hook import files as hook_files
from lakefs_unity_export.hook.action_folders import ACTION_FOLDER, remedy
from lakefs_unity_export.hook.changes import Changes, find_changes
from lakefs_unity_export.hook.commits import SECONDS_KEPT, HookBranch, HookCommits, other_changes, refuse, shown_paths
from lakefs_unity_export.hook.files import HookKind, HookSettings

INSTALLED = "Export every commit to Unity Catalog"
REMOVED = "Stop exporting to Unity Catalog"


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


def carry_out(
    order: Order,
    branch: HookBranch,
    out: TextIO,
    ask: Callable[[str], bool],
    sleep: Callable[[float], None] = time.sleep,
) -> str | None:
    """Makes the branch have the hook, or not have it; the last commit's id, None where nothing changed.

    That is one commit, and where scripts go a second one for them, once lakeFS goes no more by the action files that
    ask for them. `ask` is asked whether to go on, `sleep` waits for a number of seconds. Raises HookError where the
    branch has other uncommitted changes, which the commit would take along, or a folder among the action files, and
    LakeFSError where lakeFS refuses. The branch is then as before, or the message says what is left.
    """
    head = branch.head()
    if folders := branch.folders(ACTION_FOLDER):
        raise HookError(f"nothing was done: {order.place} has {remedy(folders)}")
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
    if not _is_wanted(order, other_changes(branch), out, ask):
        return None
    kind = settings.kind.value if settings else "removed"
    commits = HookCommits(place=order.place, branch=branch, kind=kind, message=order.message, out=out, sleep=sleep)
    commit_id = commits.commit(changes.at_once, head, INSTALLED if settings else REMOVED)
    if settings:
        _say_what_is_next(order, settings, out)
    if changes.scripts_left:
        return commits.delete_later(changes.scripts_left) or commit_id
    print(f"For {SECONDS_KEPT} s, branches made of {order.branch} may still have its former action files.", file=out)
    return commit_id


def _is_wanted(order: Order, others: str, out: TextIO, ask: Callable[[str], bool]) -> bool:
    """Whether to commit. Raises HookError where others have uncommitted changes on the branch."""
    if order.dry_run:
        if others:
            print(
                f"{order.place} has uncommitted changes ({others}): as long as it has, nothing is committed", file=out
            )
        print("nothing was changed (--dry-run)", file=out)
        return False
    refuse(order.place, others)
    if not (order.yes or ask(f"Commit this to {order.place}?")):
        print("nothing was changed", file=out)
        return False
    return True


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
    if changes.scripts_left:
        print(
            f"In two commits: {shown_paths(changes.scripts_left)} {SECONDS_KEPT} s after the rest, since lakeFS may go "
            "by the former action files until then, which ask for it",
            file=out,
        )


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
