"""Command `install_hook`: puts the hook into a branch of a lakeFS repository, or takes it out, and commits that.

Shows every change before it makes it. lakeFS's address and key come from where `lakectl` has them: the variables
`LAKECTL_SERVER_ENDPOINT_URL`, `LAKECTL_CREDENTIALS_ACCESS_KEY_ID` and `LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY`, or
`~/.lakectl.yaml`.
"""

import argparse
import os
import sys
from collections.abc import Sequence

try:
    import lakefs  # noqa: F401
    import pydantic  # noqa: F401
    import yaml  # noqa: F401
except ModuleNotFoundError as missing:
    raise ImportError(
        f"install_hook needs {missing.name}: install the wheel with its extra, lakefs-unity-export[hook]"
    ) from missing

from lakefs_unity_export import events, names
from lakefs_unity_export.commit import descriptors
from lakefs_unity_export.commit.descriptor_gate import GateRules
from lakefs_unity_export.errors import ExportError, HookError, SettingsError
from lakefs_unity_export.hook import files as hook_files
from lakefs_unity_export.hook.branch import LakeFSHookBranch
from lakefs_unity_export.hook.files import Authentication, HookKind, HookSettings, Variables
from lakefs_unity_export.hook.installation import Order, carry_out


def parse_order(arguments: Sequence[str]) -> Order:
    """The order on a command line. Raises SettingsError, with every problem; exits as argparse does."""
    parser = _parser()
    parsed, unknown = parser.parse_known_args(arguments)
    if unknown:  # argparse would repeat their values, and one may be a secret
        options = [each.partition("=")[0] for each in unknown if each.startswith("--")]
        parser.error(f"unknown: {', '.join(options) or 'a value that belongs to no option'}; no option takes a secret")
    settings = None if parsed.uninstall else _settings(parsed)
    problems = _place_problems(parsed.repository, parsed.branch)
    if settings:
        if reason := names.unreadable_repository(parsed.repository):
            problems.append(f"--repository is {parsed.repository[:100]!r}, which cannot be exported, for {reason}")
        problems += settings.problems() + _unused(parsed, settings)
    if problems:
        raise hook_files.refusal(problems)
    return Order(
        repository=parsed.repository,
        branch=parsed.branch,
        settings=settings,
        message=parsed.message,
        dry_run=parsed.dry_run,
        yes=parsed.yes,
        all_events=bool(parsed.events),
    )


def _place_problems(repository: str, branch: str) -> list[str]:
    problems = []
    for option, check, value, rule in (
        ("--repository", names.check_repository, repository, "lower-case letters, digits and '-', 3 to 63 characters"),
        ("--branch", names.check_branch, branch, "letters, digits, '_' and '-'"),
    ):
        try:
            check(value)
        except SettingsError:
            problems.append(f"{option} is {value[:100]!r}; lakeFS's names are {rule}")
    return problems


def _unused(parsed: argparse.Namespace, settings: HookSettings) -> list[str]:
    """Options of the other trigger, which would do nothing."""
    if settings.kind is HookKind.LUA:
        return ["--webhook-url belongs to --trigger webhook"] if parsed.webhook_url else []
    return ["--job-id belongs to --trigger lua; the webhook service has its own"] if parsed.job_id else []


def _settings(parsed: argparse.Namespace) -> HookSettings:
    return HookSettings(
        kind=HookKind(parsed.trigger),
        host=parsed.databricks_host,
        job_id=parsed.job_id,
        authentication=Authentication(parsed.authentication),
        service=parsed.webhook_url,
        events=_listed(parsed.events) or events.COMMIT_EVENTS,
        branches=_listed(parsed.branches),
        variables=Variables(
            client_id=parsed.client_id_variable,
            client_secret=parsed.client_secret_variable,
            token=parsed.token_variable,
            webhook_secret=parsed.webhook_secret_variable,
        ),
        gate=parsed.gate,
        rules=GateRules(
            catalog=parsed.catalog,
            schema_template=parsed.schema_template,
            folder=parsed.table_descriptors_path.strip("/"),
            table_defs=_listed(parsed.table_defs),
        ),
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry.strip() for entry in text.split(",") if entry.strip()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="install_hook",
        allow_abbrev=False,
        description="Put the export's hook into a branch of a lakeFS repository, or take it out, and commit that.",
    )
    parser.add_argument("--repository", required=True)
    parser.add_argument("--branch", required=True, help="the branch to commit to; branches made from it have it too")
    parser.add_argument("--uninstall", action="store_true", help="remove the hook and the gate")
    parser.add_argument("--trigger", choices=list(HookKind), default=HookKind.LUA, help="default lua")
    lua = parser.add_argument_group("the Lua hook")
    lua.add_argument("--databricks-host", default=os.environ.get("DATABRICKS_HOST", ""), help="https://...")
    lua.add_argument("--job-id", default="", help="of the deployed job export_tables")
    ways = "how it signs in, default oauth"
    lua.add_argument("--authentication", choices=list(Authentication), default=Authentication.OAUTH, help=ways)
    parser.add_argument("--webhook-url", default="", help="the webhook service's address, without a path")
    parser.add_argument("--events", default="", help="with commas; default: every event that leaves a new commit")
    parser.add_argument("--branches", default="", help="patterns of branches to export, with commas; default all")
    gate = parser.add_argument_group("the gate, which refuses commits and merges with invalid table descriptors")
    gate.add_argument("--gate", action="store_true", help="install it too; the options below are the Lua gate's")
    gate.add_argument("--catalog", default="", help="the job's catalog")
    gate.add_argument("--schema-template", default=names.DEFAULT_SCHEMA_TEMPLATE)
    gate.add_argument("--table-descriptors-path", default=descriptors.DEFAULT_FOLDER)
    gate.add_argument("--table-defs", default="")
    secret = parser.add_argument_group("names of the lakeFS server's variables that hold secrets, never their values")
    for name, variable in vars(Variables()).items():
        secret.add_argument(
            f"--{name.replace('_', '-')}-variable", metavar="NAME", default=variable, help=f"default {variable}"
        )
    parser.add_argument("--message", default="", help="of the commit")
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def _ask(question: str) -> bool:
    if not sys.stdin.isatty():
        raise HookError("there is no terminal to ask on; add --yes to commit this, or --dry-run to see it alone")
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def main() -> None:
    """The command's entry point. Exits with the message of an ExportError."""
    try:
        order = parse_order(sys.argv[1:])
        branch = LakeFSHookBranch(repository=order.repository, branch=order.branch)
        carry_out(order, branch, sys.stdout, _ask)
    except ExportError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
