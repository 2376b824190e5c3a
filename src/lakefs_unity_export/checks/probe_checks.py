"""Checks that try what no list of grants tells: a schema of their own, and what lists show of schemas, tables, runs."""

from lakefs_unity_export import names
from lakefs_unity_export.checks.catalog_checks import ON_CATALOG, grant
from lakefs_unity_export.checks.lakefs_checks import HERE
from lakefs_unity_export.checks.model import (
    Check,
    Claim,
    Outcome,
    Severity,
    not_run,
    not_tried,
    passed,
    problem,
    warned,
)
from lakefs_unity_export.checks.permission_command import permission_command
from lakefs_unity_export.checks.probe import and_swept
from lakefs_unity_export.checks.setup import Setup
from lakefs_unity_export.errors import WorkspaceAccessError
from lakefs_unity_export.export.plan import registered_at_target
from lakefs_unity_export.property_values import MAX_LENGTH


def _schema_made(setup: Setup) -> Outcome:
    try:
        probe = setup.probe
    except WorkspaceAccessError as error:
        catalog = names.quoted(setup.request.rules.catalog)
        return problem(str(error), grant(ON_CATALOG, "CATALOG", catalog, setup))
    if probe.left:
        dropped = names.quoted(*probe.full_name.split("."))
        return warned(f"{probe.full_name} was made and cannot be removed: {probe.left}", f"DROP SCHEMA {dropped};")
    if probe.properties != probe.wanted:
        return problem(
            f"properties of {probe.full_name} are not as they were written, one of which has a key and a value of "
            f"{MAX_LENGTH} characters",
            "report this line: the export cannot remember here what it did",
            claim=Claim.REFUTED,
        )
    return passed(
        f"{probe.full_name} was made, given properties and removed{and_swept(probe.swept)}", claim=Claim.CONFIRMED
    )


def _schema_listed(setup: Setup) -> Outcome:
    probe = setup.probe
    if probe.listed == probe.wanted:
        return passed("the list of schemas shows their properties", claim=Claim.CONFIRMED)
    lack = "does not have" if probe.listed is None else "shows other properties, or none, of"
    return problem(
        f"the list of schemas {lack} {probe.full_name}",
        "do not rely on the job reconcile here, and report this line",
        claim=Claim.REFUTED,
    )


def _tables_listed(setup: Setup) -> Outcome:
    asked = setup.request
    ours = [
        table
        for state in setup.schemas
        for _, table in registered_at_target(
            state, branch=asked.branch, target_base_location=asked.target_base_location
        )
    ]
    if not ours:
        return not_run("no table of this export is registered yet")
    shown = sum(table.repository == asked.repository for table in ours)
    if shown:
        return passed(f"the list of tables shows the properties of {shown} of {len(ours)}", claim=Claim.CONFIRMED)
    return problem(
        f"the list of tables shows no property lakefs.repository of {len(ours)} exported tables",
        "nothing has to be done: every descriptor is read in every run then",
        claim=Claim.REFUTED,
    )


def _runs_listed(setup: Setup) -> Outcome:
    try:
        active = setup.own_runs.active()
    except WorkspaceAccessError as error:
        command = permission_command("jobs", setup.settings.job_id, setup.identity.name, "CAN_VIEW")
        return not_tried(str(error), command)
    own = {"repository": setup.settings.repository, "branch": setup.settings.branch}
    if any(own.items() <= parameters.items() for parameters in active):
        return passed("the list of runs shows the job parameters of this one", claim=Claim.CONFIRMED)
    return problem(
        "the list of active runs does not show this one's job parameters",
        "nothing has to be done: a run that reconcile starts for a branch that has one waiting finds nothing to do",
        claim=Claim.REFUTED,
    )


CHECKS: tuple[Check[Setup], ...] = (
    Check(
        id="schema_made",
        place=HERE,
        asks="Can the identity make a schema in the catalog, change its properties, and remove it?",
        means="new branches cannot be exported, or the export cannot remember what it did",
        remedy=f"GRANT {', '.join(ON_CATALOG)} ON CATALOG",
        look=_schema_made,
        needs=("catalogs",),
        claims=("A property of a schema or a table takes keys and values of 255 characters",),
    ),
    Check(
        id="schema_listed",
        place=HERE,
        asks="Does the list of schemas show their properties?",
        means="reconcile takes every branch for one that is not exported yet",
        remedy="do not rely on reconcile",
        look=_schema_listed,
        severity=Severity.WARNING,
        needs=("schema_made",),
        claims=("`schemas.list` shows the properties of schemas",),
    ),
    Check(
        id="tables_listed",
        place=HERE,
        asks="Does the list of tables show the properties of exported tables?",
        means="every descriptor is read in every run",
        remedy="nothing has to be done",
        look=_tables_listed,
        severity=Severity.WARNING,
        needs=("branch", "catalogs"),
        claims=("`tables.list` shows the properties of a Delta table",),
    ),
    Check(
        id="runs_listed",
        place=HERE,
        asks="Does the list of active runs show their job parameters?",
        means="reconcile may start a run for a branch that has one waiting",
        remedy="nothing has to be done",
        look=_runs_listed,
        severity=Severity.WARNING,
        needs=("settings",),
        claims=("`jobs/runs/list` shows the job parameters of active runs",),
    ),
)
