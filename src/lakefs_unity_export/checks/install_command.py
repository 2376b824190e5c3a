"""The command that installs the hook as a line of the report names it: what is installed keeps its options."""

import shlex
from dataclasses import fields

from lakefs_unity_export.checks.installed_hook import InstalledHook
from lakefs_unity_export.checks.setup import Setup
from lakefs_unity_export.hook.files import (
    LUA_GATE_ACTION,
    WEBHOOK_GATE_ACTION,
    Authentication,
    HookKind,
    HookSettings,
    Variables,
)


def install_command(setup: Setup, hook: InstalledHook | None = None, *, every_branch: bool = False) -> str:
    """The command for the branch; `hook` is the one that is there. every_branch: whether its patterns are left out."""
    asked, settings = setup.request, hook.settings if hook else None
    options = ["--repository", asked.repository, "--branch", asked.branch]
    if settings and settings.kind is HookKind.WEBHOOK:
        options += ["--trigger", "webhook", "--webhook-url", settings.service]
    else:
        options += ["--databricks-host", setup.workspace.url, "--job-id", setup.settings.export_job_id]
    options += _kept(settings, every_branch=every_branch) if settings else []
    return f'uvx --from "$(echo dist/*.whl)[hook]" install_hook {shlex.join(options + _gate(setup))}'


def _kept(settings: HookSettings, *, every_branch: bool) -> list[str]:
    options = []
    if settings.authentication is Authentication.TOKEN:
        options += ["--authentication", settings.authentication.value]
    if settings.branches and not every_branch:
        options += ["--branches", ",".join(settings.branches)]
    for each in fields(Variables):
        if (name := getattr(settings.variables, each.name)) != each.default:
            options += [f"--{each.name.replace('_', '-')}-variable", name]
    return options


def _gate(setup: Setup) -> list[str]:
    """What installs the gate again where there is one, by the job's own rules."""
    if WEBHOOK_GATE_ACTION in setup.hook_files:
        return ["--gate"]
    if LUA_GATE_ACTION not in setup.hook_files:
        return []
    asked = setup.settings.request()
    rules = {
        "--catalog": asked.catalog,
        "--schema-template": asked.schema_template,
        "--table-descriptors-path": asked.table_descriptors_path,
        "--table-defs": asked.table_defs,
    }
    return ["--gate", *(part for option, value in rules.items() if value for part in (option, value))]
