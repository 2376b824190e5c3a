"""Checks of the hook: its files on the branch, what lakeFS made of them, and what its principal may do."""

import re
from typing import Any

from lakefs_unity_export import events
from lakefs_unity_export.checks.install_command import install_command
from lakefs_unity_export.checks.installed_hook import InstalledHook, read_hooks
from lakefs_unity_export.checks.lakefs_checks import HERE
from lakefs_unity_export.checks.model import (
    Check,
    Outcome,
    Severity,
    not_run,
    not_tried,
    passed,
    problem,
    warned,
)
from lakefs_unity_export.checks.permission_command import permission_command
from lakefs_unity_export.checks.setup import Setup, json_of
from lakefs_unity_export.errors import WorkspaceAccessError, WorkspaceNotFoundError
from lakefs_unity_export.hook.action_folders import ACTION_FOLDER, remedy
from lakefs_unity_export.hook.files import events_for, starts_at_once
from lakefs_unity_export.setup_ports import Answered, Unanswered

_HOOK = "unity_export"
_RUNS_LISTED, _RUNS_OPENED = 100, 5
_SHOWN_OUTPUT = 400
_MAY_START = frozenset({"CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"})
_NO_HOOK = "the branch has no hook"


def _hooks(setup: Setup) -> list[InstalledHook]:
    found = read_hooks(setup.hook_files)
    for hook in found:
        setup.redaction.add(*hook.written_out.values())
    return found


def _files(setup: Setup) -> Outcome:
    found = _hooks(setup)
    if not found:
        return problem(
            f"{_NO_HOOK}: neither action file of ours is at its head",
            f"{install_command(setup)}\nor leave exports to the job reconcile: set reconcile_pause_status to UNPAUSED",
        )
    needed = ", ".join(dict.fromkeys(name for hook in found for name in hook.variables)) or "no variable"
    listed = ", ".join(hook.path for hook in found)
    if len(found) > 1:
        command = install_command(setup, found[0])
        return problem(f"{listed}: both kinds are there, and each event asks twice", command)
    settings = found[0].settings
    if settings and not starts_at_once(settings, setup.request.branch):
        told = "its `on` has no post-commit for it, or leaves this branch out by `branches`"
        command = install_command(setup, found[0], every_branch=True)
        return problem(f"{listed}: commits to this branch do not fire it: {told}", command)
    return passed(f"{listed}; the lakeFS server has to have in its environment: {needed}")


def _valid(setup: Setup) -> Outcome:
    if not (found := _hooks(setup)):
        return not_run(_NO_HOOK)
    problems = [each for hook in found for each in hook.problems]
    if folders := _folders(setup):
        return problem(f"commits on this branch are refused: {remedy(folders)}", "move them, and commit that")
    unknown = events_for(setup.server_version, [event for hook in found for event in hook.events])[1]
    problems += [f"lakeFS {setup.server_version} does not know the event {event}" for event in unknown]
    if problems:
        return problem("; ".join(problems), install_command(setup, found[0]))
    return passed("lakeFS can read the action file, and knows its events")


def _folders(setup: Setup) -> list[str]:
    inside = (entry.path for entry in setup.lakefs.list_objects(setup.head.id, ACTION_FOLDER))
    below = (path.removeprefix(ACTION_FOLDER) for path in inside)
    return sorted({f"{ACTION_FOLDER}{path.partition('/')[0]}/" for path in below if "/" in path})


def _job(setup: Setup) -> Outcome:
    if not (found := _hooks(setup)):
        return not_run(_NO_HOOK)
    written = {hook.job_id for hook in found if hook.job_id}
    named = [job_id for job_id in written if "{{" not in job_id]
    if other := [job_id for job_id in named if job_id != setup.settings.export_job_id]:
        return problem(
            f"the hook starts job {other[0]}, and export_tables of this deployment is {setup.settings.export_job_id}",
            install_command(setup, found[0]),
        )
    if named:
        return passed(f"the hook starts job {setup.settings.export_job_id}, which is this deployment's")
    return passed(f"the hook does not write out its job: {', '.join(written) or 'the webhook service has it'}")


def _version(setup: Setup) -> Outcome:
    if not (found := _hooks(setup)):
        return not_run(_NO_HOOK)
    if held := [name for hook in found for name in hook.written_out]:
        return problem(
            f"the action file holds a value for {', '.join(held)} itself, which everybody reads who reads the branch",
            "make that credential void, put a new one into a variable of the lakeFS server, then:\n"
            + install_command(setup, found[0]),
        )
    differing = [path for hook in found for path in hook.differences(setup.hook_files)]
    if differing:
        return problem(f"not as this version writes them: {', '.join(differing)}", install_command(setup, found[0]))
    return passed("the files are those of this version")


def _runs(setup: Setup) -> Outcome:
    if not _hooks(setup):
        return not_run(_NO_HOOK)
    repository, branch = setup.request.repository, setup.request.branch
    answer = setup.server.ask(
        f"/repositories/{repository}/actions/runs", with_key=True, branch=branch, amount=str(_RUNS_LISTED)
    )
    if not isinstance(answer, Answered) or answer.status != 200:
        return _no_list(answer)
    runs = [run for run in _results(answer) if run.get("event_type") in events.COMMIT_EVENTS]
    for run in runs[:_RUNS_OPENED]:
        if ours := _our_hook(setup, run):
            return _ended(setup, run, ours)
    return problem(
        "lakeFS shows no run of the hook for an event of this branch",
        "commit something to the branch. Where no run shows in its Actions tab then, the lakeFS server lacks a "
        "variable that the line hook_files names: set it, and restart the server",
    )


def _our_hook(setup: Setup, run: dict[str, Any]) -> dict[str, Any] | None:
    """What the run says of our hook: other actions of the repository run for the same events."""
    hooks = setup.server.ask(_hooks_of(setup, run), with_key=True)
    found = _results(hooks) if isinstance(hooks, Answered) else []
    return next((hook for hook in found if hook.get("hook_id") == _HOOK), None)


def _hooks_of(setup: Setup, run: dict[str, Any]) -> str:
    return f"/repositories/{setup.request.repository}/actions/runs/{run.get('run_id')}/hooks"


def _ended(setup: Setup, run: dict[str, Any], hook: dict[str, Any]) -> Outcome:
    what = f"{run.get('event_type')} of commit {str(run.get('commit_id'))[:12]}"
    if hook.get("status") != "failed":
        return passed(f"its last run, for {what}, ended {hook.get('status')}")
    return problem(
        f"its last run, for {what}, failed: {_output(setup, run, hook)}",
        "do what it says; docs/lua_hook.md and docs/webhook/README.md explain each failure. Then commit something",
    )


def _no_list(answer: Answered | Unanswered) -> Outcome:
    if isinstance(answer, Unanswered):
        return not_tried(str(answer))
    return not_tried(
        f"lakeFS answered {answer.status} when asked for runs of the hook", "give the key's user ci:ReadAction"
    )


def _results(answer: Answered) -> list[dict[str, Any]]:
    found = json_of(answer).get("results")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _output(setup: Setup, run: dict[str, Any], hook: dict[str, Any]) -> str:
    """The end of what the hook wrote: that is where it says why it failed."""
    output = setup.server.ask(f"{_hooks_of(setup, run)}/{hook.get('hook_run_id')}/output", with_key=True)
    if not isinstance(output, Answered) or output.status != 200:
        return "its output cannot be read"
    text = re.sub(r"\s+", " ", output.body.decode("utf-8", "replace")).strip()
    return text[-_SHOWN_OUTPUT:] or "it wrote nothing"


def _permission(setup: Setup) -> Outcome:
    principal = setup.settings.hook_service_principal
    grant = permission_command("jobs", setup.settings.export_job_id, principal, "CAN_MANAGE_RUN")
    levels = _levels(setup)
    if isinstance(levels, Outcome):
        return levels
    held = levels.get(principal, frozenset())
    if not held & _MAY_START:
        how = f"has {', '.join(sorted(held))} only" if held else "has no permission"
        return problem(f"the hook's principal {principal} {how} on job {setup.settings.export_job_id}", grant)
    if more := sorted(held - {"CAN_MANAGE_RUN", "CAN_VIEW"}):
        return warned(
            f"the hook's principal {principal} has {', '.join(more)} on the job, which is more than it needs",
            f"take it away: in the job's Permissions, leave {principal} CAN MANAGE RUN",
        )
    return passed(f"the hook's principal {principal} has CAN_MANAGE_RUN on job {setup.settings.export_job_id}")


def _own_permission(setup: Setup) -> Outcome:
    levels = _levels(setup)
    if isinstance(levels, Outcome):
        return levels
    mine = {level for name, held in levels.items() if setup.identity.is_or_is_in(name) for level in held}
    if mine & _MAY_START:
        return passed(f"{setup.identity.name} may start job {setup.settings.export_job_id}")
    return problem(
        f"{setup.identity.name} may not start job {setup.settings.export_job_id}, as whom it runs", _may_start(setup)
    )


def _may_start(setup: Setup) -> str:
    return permission_command("jobs", setup.settings.export_job_id, setup.identity.name, "CAN_MANAGE_RUN")


def _levels(setup: Setup) -> dict[str, frozenset[str]] | Outcome:
    try:
        return setup.workspace.job_levels(setup.settings.export_job_id)
    except WorkspaceAccessError as error:
        return not_tried(str(error), _may_start(setup))
    except WorkspaceNotFoundError as error:
        return problem(str(error), "databricks bundle deploy")


def _schedule(setup: Setup) -> Outcome:
    job_id = setup.settings.reconcile_job_id
    try:
        status = setup.workspace.pause_status(job_id)
    except WorkspaceAccessError as error:
        return not_tried(str(error), permission_command("jobs", job_id, setup.identity.name, "CAN_VIEW"))
    if status == "UNPAUSED":
        return passed("the schedule of reconcile is in force")
    return problem(
        "the schedule of reconcile is paused" if status else "the job reconcile has no schedule",
        "set the bundle variables reconcile_pause_status to UNPAUSED and reconcile_repositories to the repositories, "
        "and deploy (a target of mode development pauses every schedule)",
    )


CHECKS: tuple[Check[Setup], ...] = (
    Check(
        id="hook_files",
        place=HERE,
        asks="Has the branch a hook that starts exports, and which variables does the lakeFS server need for it?",
        means="commits on this branch start no export; those that a person or reconcile starts go on",
        remedy="install the hook with install_hook, or let reconcile run on its schedule",
        look=_files,
        severity=Severity.WARNING,
        needs=("branch",),
    ),
    Check(
        id="hook_valid",
        place=HERE,
        asks="Can lakeFS read and run the hook's action file?",
        means="lakeFS refuses every commit on the branch, or the hook fails at each event",
        remedy="install the hook anew with install_hook",
        look=_valid,
        needs=("hook_files",),
    ),
    Check(
        id="hook_job",
        place=HERE,
        asks="Does the hook start the job of this deployment?",
        means="commits start another job, or none",
        remedy="install the hook anew with install_hook, with this job's id",
        look=_job,
        needs=("hook_valid",),
    ),
    Check(
        id="hook_version",
        place=HERE,
        asks="Are the hook's files those of this version, without a secret in them?",
        means="the hook works as another version does, or shows a credential to everybody who reads the branch",
        remedy="install the hook anew with install_hook",
        look=_version,
        severity=Severity.WARNING,
        needs=("hook_valid",),
    ),
    Check(
        id="hook_runs",
        place=HERE,
        asks="How did the last run of the hook on this branch end?",
        means="the last event started no export",
        remedy="do what the hook's output says",
        look=_runs,
        severity=Severity.WARNING,
        needs=("hook_files",),
    ),
    Check(
        id="hook_permission",
        place=HERE,
        asks="May the hook's principal start the job, and do no more with it?",
        means="the hook is refused, and commits start no export",
        remedy="give the principal CAN MANAGE RUN on the job",
        look=_permission,
        severity=Severity.WARNING,
    ),
    Check(
        id="job_permission",
        place=HERE,
        asks="May the job's identity start the job, for the next page of a large export?",
        means="an export of more tables than one run takes ends after its first page",
        remedy="give the identity CAN MANAGE RUN on the job",
        look=_own_permission,
        severity=Severity.WARNING,
    ),
    Check(
        id="reconcile_schedule",
        place=HERE,
        asks="Is the schedule of reconcile in force?",
        means="what an event that was lost would have exported waits for the branch's next run",
        remedy="set reconcile_pause_status to UNPAUSED",
        look=_schedule,
        severity=Severity.WARNING,
    ),
)
