"""Checks of the warehouse with the clones that the cluster made: registered, refreshed, read, and given a comment."""

from collections.abc import Callable
from dataclasses import replace

from lakefs_unity_export import names
from lakefs_unity_export.checks.methods_in_use import ANOTHER, in_use
from lakefs_unity_export.checks.model import Check, Claim, Outcome, Severity, not_run, passed, problem
from lakefs_unity_export.checks.reading import LOCATION_GRANTS, is_of_grants, read, unread
from lakefs_unity_export.checks.warehouse_checks import HERE, WarehouseSetup
from lakefs_unity_export.checks.warehouse_probe import WarehouseProbe
from lakefs_unity_export.clones.methods import METHODS, CloneMethod
from lakefs_unity_export.clones.provenance import read_user_metadata
from lakefs_unity_export.errors import WorkspaceAccessError, WorkspaceError

_REPORT = "report this line, with the type of the warehouse"
_NO_CLONE = "task check_cluster made no clone; see its lines"
_NONE_REGISTERED = "no clone was registered"


def _made(setup: WarehouseSetup) -> Outcome:
    schema = setup.probe.full_name
    try:
        is_as_given = setup.probe.make()
    except WorkspaceAccessError:
        raise
    except WorkspaceError as error:
        return problem(
            str(error),
            f"GRANT USE CATALOG, CREATE SCHEMA ON CATALOG {setup.quoted_catalog} TO `{setup.identity().name}`;",
        )
    if not is_as_given:
        return problem(f"{schema} has other properties than it was made with", _REPORT, claim=Claim.REFUTED)
    return passed(f"{schema} was made with its properties", claim=Claim.CONFIRMED)


def _path_history(setup: WarehouseSetup) -> Outcome:
    if not setup.clones.made:
        return not_run(_NO_CLONE)
    location = next(iter(setup.clones.made.values())).location
    try:
        told = setup.probe.user_metadata(location)
    except WorkspaceAccessError:
        raise
    except WorkspaceError as error:
        if is_of_grants(error):
            return problem(str(error), LOCATION_GRANTS)
        return problem(str(error), _REPORT, claim=Claim.REFUTED)
    if read_user_metadata(told) is None:
        return problem(f"the history of {location} has no user metadata of a clone", _REPORT, claim=Claim.REFUTED)
    return passed(f"it tells whose clone {location} is", claim=Claim.CONFIRMED)


def _registered(method: CloneMethod) -> Callable[[WarehouseSetup], Outcome]:
    def look(setup: WarehouseSetup) -> Outcome:
        clone = setup.clones.made.get(method)
        if clone is None:
            return not_run(f"needs clone_{method}")
        try:
            setup.probe.register(method, clone.location)
        except WorkspaceAccessError:
            raise
        except WorkspaceError as error:
            if is_of_grants(error):
                return problem(str(error), LOCATION_GRANTS)
            return replace(in_use(setup, method, f"refused: {error}", ANOTHER), claim=Claim.REFUTED)
        setup.registered.append(method)
        return passed(f"registered as {setup.probe.table(method)}", claim=Claim.CONFIRMED)

    return look


def _listed(setup: WarehouseSetup) -> Outcome:
    if not setup.registered:
        return not_run(_NONE_REGISTERED)
    found = setup.listed
    told = ", ".join(f"{method} as {found[method].type}" for method in setup.registered if method in found)
    wrong = [method for method in setup.registered if method not in found or not _is_external(found[method].type)]
    if wrong:
        finding = f"information_schema shows {told or 'none of them'}, and {', '.join(wrong)} not as external"
        return problem(finding, _REPORT, claim=Claim.REFUTED)
    return passed(f"information_schema shows {told}", claim=Claim.CONFIRMED)


def _is_external(table_type: str) -> bool:
    return table_type.upper().startswith("EXTERNAL")


def _located(setup: WarehouseSetup) -> Outcome:
    if not setup.registered:
        return not_run(_NONE_REGISTERED)
    found = setup.listed
    given = {method: setup.clones.made[method].location for method in setup.registered}
    for method, location in given.items():
        shown = found[method].location
        if not names.same_location(shown or "none:", location):
            return problem(f"{location} is shown as {shown or 'nothing'}", _REPORT, claim=Claim.REFUTED)
    return passed(f"the locations of {', '.join(given)} are those that were given", claim=Claim.CONFIRMED)


def refused_refresh(probe: WarehouseProbe, method: CloneMethod) -> Outcome | None:
    """Have Unity Catalog read the method's clone anew; why it does not. Raises WorkspaceAccessError."""
    try:
        probe.refresh(method)
    except WorkspaceAccessError:
        raise
    except WorkspaceError as error:
        return problem(f"{probe.table(method)}: {error}", _REPORT)
    return None


def _refreshed(setup: WarehouseSetup) -> Outcome:
    """That they may be, and that neither this nor their registration wrote a version into the table."""
    if not setup.registered:
        return not_run(_NONE_REGISTERED)
    for method in setup.registered:
        if refused := refused_refresh(setup.probe, method):
            return refused
        before, after = setup.clones.made[method].version, setup.probe.version(method)
        if before != after:
            finding = f"the clone by {method} was at version {before}, and is at {after} now"
            return problem(finding, _REPORT, claim=Claim.REFUTED)
    return passed(f"those by {', '.join(setup.registered)} are, at the versions they had", claim=Claim.CONFIRMED)


def _rows(method: CloneMethod) -> Callable[[WarehouseSetup], Outcome]:
    def look(setup: WarehouseSetup) -> Outcome:
        if method not in setup.registered:
            return not_run(f"needs warehouse_{method}")
        try:
            has_rows = setup.probe.has_rows(method)
        except WorkspaceAccessError:
            raise
        except WorkspaceError as error:
            return unread(method, error, str(error))
        return read(method, has_rows=has_rows, by="the warehouse")

    return look


def _commented(setup: WarehouseSetup) -> Outcome:
    return _given(setup, "a comment", setup.probe.comment, setup.commented)


def _granted(setup: WarehouseSetup) -> Outcome:
    principal = setup.identity().name
    return _given(setup, f"SELECT for {principal}", lambda method: setup.probe.grant(method, principal), setup.granted)


def _given(setup: WarehouseSetup, what: str, give: Callable[[CloneMethod], None], given: list[CloneMethod]) -> Outcome:
    """For `check_warehouse_again`, which sees whether it lasts."""
    if not setup.registered:
        return not_run(_NONE_REGISTERED)
    for method in setup.registered:
        try:
            give(method)
        except WorkspaceAccessError:
            raise
        except WorkspaceError as error:
            return problem(f"{setup.probe.table(method)} cannot be given {what}: {error}", _REPORT)
        given.append(method)
    return passed(f"those by {', '.join(given)} were given {what}")


_CLAIMS_OF_ROWS = {
    CloneMethod.SHALLOW: ("SQL warehouses cannot read the rows of a shallow clone",),
    CloneMethod.STORAGE: ("A SQL warehouse reads files that a Delta log names by absolute path",),
}
_CLAIMS_OF_REGISTERED = {
    CloneMethod.SHALLOW: ("A shallow clone of a path may be registered as an external table",),
}


def _to_register(method: CloneMethod) -> Check[WarehouseSetup]:
    return Check(
        id=f"warehouse_{method}",
        place=HERE,
        asks=f"May a clone by the method {method} be registered as an external table?",
        means=f"tables that are exported by the method {method} are cloned and not registered",
        remedy="choose another clone method",
        look=_registered(method),
        needs=("warehouse_schema",),
        claims=_CLAIMS_OF_REGISTERED.get(method, ()),
    )


def _to_read(method: CloneMethod) -> Check[WarehouseSetup]:
    return Check(
        id=f"warehouse_{method}_rows",
        place=HERE,
        asks="Can the warehouse read its rows?",
        means=f"who reads tables of the method {method} needs a cluster like the one that clones",
        remedy="choose another clone method, or give readers the right on the files",
        look=_rows(method),
        severity=Severity.WARNING,
        needs=(f"warehouse_{method}",),
        claims=_CLAIMS_OF_ROWS.get(method, ()),
    )


CHECKS: tuple[Check[WarehouseSetup], ...] = (
    Check(
        id="warehouse_path_history",
        place=HERE,
        asks="Can a query read whose clone lies at a path that is not registered?",
        means="tables are cloned and not registered",
        remedy="report the line",
        look=_path_history,
        needs=("warehouse_runs",),
        claims=("A query on a warehouse may read `(DESCRIBE HISTORY delta.<path> LIMIT <n>)`",),
    ),
    Check(
        id="warehouse_schema",
        place=HERE,
        asks="Can it make a schema with properties, in a statement that another one executes?",
        means="tables of new branches are cloned and not registered",
        remedy="GRANT USE CATALOG, CREATE SCHEMA ON CATALOG",
        look=_made,
        needs=("warehouse_catalog",),
        claims=("`CREATE SCHEMA ... WITH DBPROPERTIES`",),
    ),
    *(_to_register(method) for method in METHODS),
    Check(
        id="warehouse_listed",
        place=HERE,
        asks="Does information_schema show them at once, by a type that begins with EXTERNAL?",
        means="tables that are exported a second time are refused",
        remedy="report the line",
        look=_listed,
        needs=("warehouse_schema",),
        claims=("A catalog's own `information_schema` shows a table as soon as it is registered",),
    ),
    Check(
        id="warehouse_locations",
        place=HERE,
        asks="Does it show the locations that were given?",
        means="tables that are exported a second time are refused",
        remedy="report the line",
        look=_located,
        needs=("warehouse_listed",),
        claims=("`information_schema.tables.storage_path` of a catalog is the location that was given",),
    ),
    Check(
        id="warehouse_refreshed",
        place=HERE,
        asks="May they be refreshed, and is no version written into them by that?",
        means="Unity Catalog does not show what a second export changed",
        remedy="report the line",
        look=_refreshed,
        needs=("warehouse_schema",),
        claims=("Registering a table and `SYNC METADATA` write no version",),
    ),
    *(_to_read(method) for method in METHODS),
    Check(
        id="warehouse_comment",
        place=HERE,
        asks="Can their owner give them a comment?",
        means="it is not known whether comments last that people give to tables",
        remedy="report the line",
        look=_commented,
        severity=Severity.WARNING,
        # Which looks at their versions, and a comment may be one.
        needs=("warehouse_refreshed",),
    ),
    Check(
        id="warehouse_grant",
        place=HERE,
        asks="Can their owner grant what their readers need?",
        means="it is not known whether grants on tables last",
        remedy="report the line",
        look=_granted,
        severity=Severity.WARNING,
        needs=("warehouse_schema",),
    ),
)
