"""Command `install_hook`: puts the hook into a branch of a lakeFS repository, or takes it out, in one commit.

Shows every change before it makes it. lakeFS's address and key come from where `lakectl` has them: the variables
`LAKECTL_SERVER_ENDPOINT_URL`, `LAKECTL_CREDENTIALS_ACCESS_KEY_ID` and `LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY`, or
`~/.lakectl.yaml`.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TextIO

from lakefs_unity_export import descriptors, events, hook_files, names
from lakefs_unity_export.descriptor_gate import GateRules
from lakefs_unity_export.errors import ExportError, HookError
from lakefs_unity_export.hook_branch import LakeFSHookBranch
from lakefs_unity_export.hook_files import Authentication, FileChange, HookKind, HookSettings

SHOWN_CHANGES = 5


class HookBranch(Protocol):
    """A branch of a lakeFS repository that a hook is written to. Every method raises LakeFSError, by cause."""

    def server_version(self) -> str:
        """The version that the server says it is, or nothing."""

    def uncommitted(self, limit: int) -> list[str]:
        """Paths of objects that were changed and not committed, at most so many."""

    def read(self, path: str) -> str | None:
        """A file's text, None where it is not there."""

    def write(self, path: str, text: str) -> None:
        """Write a file, without committing it."""

    def delete(self, path: str) -> None:
        """Delete a file, without committing it."""

    def reset(self, path: str) -> None:
        """Take back what was written or deleted at the path and not committed."""

    def commit(self, message: str) -> str:
        """Commit what was written; the commit's id."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to do with a branch: to install a hook, or without `settings` to remove ours."""

    repository: str
    branch: str
    settings: HookSettings | None
    message: str = ""
    dry_run: bool = False
    yes: bool = False
    all_events: bool = False


def install_hook(order: Order, branch: HookBranch, out: TextIO, ask: Callable[[str], bool]) -> str | None:
    """Makes the branch have the hook, or not have it, in one commit; the commit's id, None where nothing changed.

    `ask` is asked whether to go on. Raises HookError where the branch has other uncommitted changes, which the commit
    would take along, or a file of others is in the way; LakeFSError where lakeFS refuses. The branch is then as before.
    """
    settings = order.settings and _for_server(order, order.settings, branch, out)
    wanted = hook_files.render(settings) if settings else {}
    deleted = hook_files.unwanted(settings.kind) if settings else tuple(hook_files.MARKS)
    changes = hook_files.find_changes(wanted, deleted, branch.read)
    if not changes:
        print("nothing to change: the branch is as it should be", file=out)
        return None
    for change in changes:
        print(change.diff(), end="", file=out)
    if order.dry_run:
        print("nothing was changed (--dry-run)", file=out)
        return None
    _refuse_other_changes(order, branch)
    if not (order.yes or ask(f"Commit this to {order.repository}/{order.branch}?")):
        print("nothing was changed", file=out)
        return None
    commit_id = _committed(changes, order.message or _message(order), branch)
    print(f"committed {commit_id} to {order.repository}/{order.branch}", file=out)
    if settings:
        _say_what_is_next(settings, out)
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
    print(f"lakeFS {version or 'of an unknown version'}; events: {', '.join(known)}", file=out)
    return replace(settings, events=known)


def _refuse_other_changes(order: Order, branch: HookBranch) -> None:
    others = branch.uncommitted(SHOWN_CHANGES)
    if others:
        raise HookError(
            f"{order.repository}/{order.branch} has uncommitted changes, which a commit of the hook would take along "
            f"({', '.join(others)}{', ...' if len(others) == SHOWN_CHANGES else ''}); commit or reset them first, or "
            "install the hook on a new branch and merge it"
        )


def _committed(changes: Sequence[FileChange], message: str, branch: HookBranch) -> str:
    touched: list[str] = []
    try:
        for change in changes:
            touched.append(change.path)
            if change.after is None:
                branch.delete(change.path)
            else:
                branch.write(change.path, change.after)
        return branch.commit(message)
    except BaseException:
        for path in touched:
            branch.reset(path)
        raise


def _message(order: Order) -> str:
    return "Export every commit to Unity Catalog" if order.settings else "Stop exporting to Unity Catalog"


def _say_what_is_next(settings: HookSettings, out: TextIO) -> None:
    print("The lakeFS server needs in its environment:", file=out)
    for variable in hook_files.variables(settings):
        print(f"  {variable}", file=out)
    if settings.kind is HookKind.LUA:
        print("and actions.lua.net_http_enabled=true in its configuration.", file=out)
    print("This commit starts the job already, where its event is among those above: see the Actions tab.", file=out)


def parse_order(arguments: Sequence[str]) -> Order:
    """The order on a command line. Raises SettingsError, with every problem; exits as argparse does."""
    parsed = _parser().parse_args(arguments)
    names.check_repository(parsed.repository)
    names.check_branch(parsed.branch)
    settings = None if parsed.uninstall else _settings(parsed).checked()
    return Order(
        repository=parsed.repository,
        branch=parsed.branch,
        settings=settings,
        message=parsed.message,
        dry_run=parsed.dry_run,
        yes=parsed.yes,
        all_events=bool(parsed.events),
    )


def _settings(parsed: argparse.Namespace) -> HookSettings:
    return HookSettings(
        kind=HookKind(parsed.trigger),
        host=parsed.databricks_host,
        job_id=parsed.job_id,
        authentication=Authentication(parsed.authentication),
        service=parsed.webhook_url,
        events=_listed(parsed.events) or events.COMMIT_EVENTS,
        branches=_listed(parsed.branches),
        gate=parsed.gate,
        rules=GateRules(
            catalog=parsed.catalog,
            schema_template=parsed.schema_template,
            folder=parsed.table_descriptors_path.strip("/"),
            table_defs=_listed(parsed.table_defs),
        ),
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in text.split(",") if entry.strip())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="install_hook",
        allow_abbrev=False,
        description="Put the export's hook into a branch of a lakeFS repository, or take it out, in one commit.",
    )
    parser.add_argument("--repository", required=True)
    parser.add_argument("--branch", required=True, help="the branch to commit to; branches made from it have it too")
    parser.add_argument("--uninstall", action="store_true", help="remove the hook and the gate")
    parser.add_argument("--trigger", choices=list(HookKind), default=HookKind.LUA, help="default lua")
    lua = parser.add_argument_group("the Lua hook")
    lua.add_argument("--databricks-host", default=os.environ.get("DATABRICKS_HOST", ""), help="https://...")
    lua.add_argument("--job-id", default="", help="of the deployed job export_tables")
    lua.add_argument("--authentication", choices=list(Authentication), default=Authentication.OAUTH)
    parser.add_argument("--webhook-url", default="", help="the webhook service's address, without a path")
    parser.add_argument("--events", default="", help="with commas; default: every event that leaves a new commit")
    parser.add_argument("--branches", default="", help="patterns of branches to export, with commas; default all")
    gate = parser.add_argument_group("the gate, which refuses commits and merges with invalid table descriptors")
    gate.add_argument("--gate", action="store_true", help="install it too; the options below are the Lua gate's")
    gate.add_argument("--catalog", default="", help="the job's catalog")
    gate.add_argument("--schema-template", default=names.DEFAULT_SCHEMA_TEMPLATE)
    gate.add_argument("--table-descriptors-path", default=descriptors.DEFAULT_FOLDER)
    gate.add_argument("--table-defs", default="")
    parser.add_argument("--message", default="", help="of the commit")
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def _ask(question: str) -> bool:
    if not sys.stdin.isatty():
        raise HookError("there is no terminal to ask on; add --yes to commit this, or --dry-run to see it alone")
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def main() -> None:
    """The command's entry point. Exits with the message of an ExportError."""
    try:
        order = parse_order(sys.argv[1:])
        branch = LakeFSHookBranch(repository=order.repository, branch=order.branch)
        install_hook(order, branch, sys.stdout, _ask)
    except ExportError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
