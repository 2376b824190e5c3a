"""Checks of Unity Catalog: the tables' names, the catalog, the identity's grants, and where clones are to lie."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from lakefs_unity_export import names
from lakefs_unity_export.checks.lakefs_checks import HERE
from lakefs_unity_export.checks.model import Check, Outcome, finding_and_remedy, not_run, passed, problem, warned
from lakefs_unity_export.checks.setup import Setup
from lakefs_unity_export.errors import WatermarkConflictError, WorkspaceAccessError, WorkspaceNotFoundError
from lakefs_unity_export.export.plan import Delta, SchemaState, Snapshot, plan_tables, registered_at_target
from lakefs_unity_export.setup_ports import ExternalLocation

ON_CATALOG = ("USE CATALOG", "CREATE SCHEMA")
ON_SCHEMA = ("USE SCHEMA", "CREATE TABLE", "MANAGE")
ON_TABLE = ("SELECT", "MODIFY")
ON_LOCATION = ("CREATE EXTERNAL TABLE", "READ FILES", "WRITE FILES")
# What ALL PRIVILEGES leaves out (Databricks documentation, "Unity Catalog privileges and securable objects").
_NOT_IN_ALL = frozenset({"MANAGE"})
_TABLES_LOOKED_AT = 20
_SHOWN = 5


def _descriptors(setup: Setup) -> Outcome:
    found, folder = setup.described, setup.request.rules.folder
    if found.problems:
        told = "\n".join(str(each) for each in found.problems)
        return problem(f"{len(found.problems)} problems in {folder} at the head:\n{told}", "mend them, and commit that")
    if not found.tables:
        notes = "".join(f"\n{note}" for note in found.notes)
        return warned(
            f"no table is described in {folder} of the branch{notes}",
            f"commit a file such as {folder}/orders.yaml with the lines `name: orders`, `type: delta` and "
            "`path: tables/orders`; where the folder has another name, set the bundle variable table_descriptors_path",
        )
    notes = f"; {len(found.notes)} notes: {_some(found.notes)}" if found.notes else ""
    return passed(f"{len(found.tables)} tables are described{notes}")


def _catalogs(setup: Setup) -> Outcome:
    for catalog in setup.catalogs:
        try:
            setup.workspace.owner("catalog", catalog)
        except WorkspaceNotFoundError as error:
            own = "the bundle variable catalog" if catalog == setup.request.rules.catalog else "its descriptors"
            return problem(finding_and_remedy(error)[0], f"CREATE CATALOG {names.quoted(catalog)};\nor correct {own}")
        except WorkspaceAccessError as error:
            return problem(str(error), grant(["USE CATALOG"], "CATALOG", names.quoted(catalog), setup))
    return passed(f"there: {', '.join(setup.catalogs)}")


def _names_free(setup: Setup) -> Outcome:
    asked = setup.request
    try:
        states = setup.schemas
    except WatermarkConflictError as error:
        finding, remedy = finding_and_remedy(error)
        return problem(finding, remedy or "set the bundle variable schema_template so that each branch has its schema")
    head = Snapshot(
        repository=asked.repository, branch=asked.branch, commit=setup.head, is_head=True, continues=False, time=0
    )
    deltas = [Delta(state=state, differences=None, line=0) for state in states]
    planned = plan_tables(
        head, setup.described.tables, deltas, asked.target_base_location, clone_method=asked.clone_method
    )
    if refused := planned.refused:
        told = "\n".join(str(each) for each in refused)
        return problem(
            f"{len(refused)} tables cannot be registered:\n{told}", "rename as each line says, and commit that"
        )
    return passed(f"{len(planned.items)} names are free, or are tables of this export")


def _catalog_grants(setup: Setup) -> Outcome:
    missing = []
    for catalog in setup.catalogs:
        missing += _lacking("catalog", catalog, setup.workspace.owner("catalog", catalog), ON_CATALOG, setup)
    return _of_grants(missing, "on the catalog", setup)


def _schema_grants(setup: Setup) -> Outcome:
    there = _existing(setup)
    if not there:
        return passed("the schema is not there yet: the first export makes it, and owns it then")
    missing = []
    for state in there:
        owner = setup.workspace.owner("schema", state.full_name)
        missing += _lacking("schema", state.full_name, owner, ON_SCHEMA, setup)
    return _of_grants(missing, f"on {', '.join(state.full_name for state in there)}", setup)


def _table_grants(setup: Setup) -> Outcome:
    tables = [f"{state.full_name}.{name}" for state in _existing(setup) for name in _ours(state, setup)]
    if not tables:
        return passed("no table of this export is registered yet")
    missing = []
    for state in _existing(setup):
        owners = setup.workspace.table_owners(state.catalog, state.schema)
        for name in list(_ours(state, setup))[:_TABLES_LOOKED_AT]:
            full_name = f"{state.full_name}.{name}"
            missing += _lacking("table", full_name, owners.get(name, ""), ON_TABLE, setup)
    looked = (
        f" (the first {_TABLES_LOOKED_AT} of each schema were looked at)" if len(tables) > _TABLES_LOOKED_AT else ""
    )
    return _of_grants(missing, f"on {len(tables)} registered tables{looked}", setup)


def _existing(setup: Setup) -> list[SchemaState]:
    return [state for state in setup.schemas if state.properties is not None]


def _ours(state: SchemaState, setup: Setup) -> list[str]:
    """The names that descriptors ask for and that are registered at the export's own places: no table of others."""
    asked = setup.request
    at_target = registered_at_target(state, branch=asked.branch, target_base_location=asked.target_base_location)
    wanted = {table.name.table for table in setup.described.tables if table.name.catalog == state.catalog}
    return sorted(wanted & {name for name, _ in at_target})


def covering(setup: Setup) -> ExternalLocation | None:
    """The innermost external location that covers the target: that one's grants count."""
    target = setup.request.target_base_location
    found = [each for each in setup.external_locations if names.encloses(each.url, target)]
    return max(found, key=lambda each: len(each.url), default=None)


def _location(setup: Setup) -> Outcome:
    target, location = setup.request.target_base_location, covering(setup)
    if location is None:
        return problem(
            f"no external location that {setup.identity.name} can see covers {target}",
            f"CREATE EXTERNAL LOCATION lakefs_exports URL '{target}' WITH (STORAGE CREDENTIAL <of this storage>);\n"
            f"{grant(ON_LOCATION, 'EXTERNAL LOCATION', names.quoted('lakefs_exports'), setup)}\n"
            "where there is one already, the GRANT alone, on it",
        )
    if location.read_only:
        return problem(
            f"external location {location.name} ({location.url}) is read-only",
            # As JSON: `--read-only=false` sends nothing (seen with version 1.10).
            f"databricks external-locations update {location.name} --json '{{\"read_only\": false}}'",
        )
    return passed(f"external location {location.name} ({location.url}) covers {target}")


def _location_grants(setup: Setup) -> Outcome:
    location = covering(setup)
    if location is None:
        return not_run("there is no external location")
    missing = _lacking("external_location", location.name, location.owner, ON_LOCATION, setup)
    return _of_grants(missing, f"on external location {location.name}", setup)


@dataclass(frozen=True, kw_only=True)
class _Lack:
    """Privileges that the identity lacks on one securable, and the statement that grants them."""

    finding: str
    grant: str


def _lacking(kind: str, full_name: str, owner: str, wanted: Iterable[str], setup: Setup) -> list[_Lack]:
    if setup.identity.is_or_is_in(owner):
        return []
    held = setup.workspace.privileges(kind, full_name, setup.identity)
    covered = held | (frozenset(wanted) - _NOT_IN_ALL if "ALL PRIVILEGES" in held else frozenset())
    lacking = [privilege for privilege in wanted if privilege not in covered]
    if not lacking:
        return []
    title = kind.upper().replace("_", " ")
    quoted = names.quoted(*([full_name] if kind == "external_location" else full_name.split(".")))
    finding = f"no {', '.join(lacking)} on {title} {full_name}"
    return [_Lack(finding=finding, grant=grant(lacking, title, quoted, setup))]


def _of_grants(missing: Collection[_Lack], where: str, setup: Setup) -> Outcome:
    if not missing:
        return passed(f"{setup.identity.name} has what an export needs {where}")
    told = "; ".join(lack.finding for lack in missing)
    return problem(f"{setup.identity.name} has {told}", "\n".join(lack.grant for lack in missing))


def grant(privileges: Iterable[str], title: str, quoted: str, setup: Setup) -> str:
    """The statement that gives the identity these privileges on a securable, whose kind SQL calls `title`."""
    return f"GRANT {', '.join(privileges)} ON {title} {quoted} TO `{setup.identity.name}`;"


def _some(texts: Collection[str]) -> str:
    shown = list(texts)[:_SHOWN]
    return "; ".join(shown) + (f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else "")


CHECKS: tuple[Check[Setup], ...] = (
    Check(
        id="descriptors",
        place=HERE,
        asks="Are there table descriptors at the branch's head, and are all of them valid?",
        means="tables that are not described, or not validly, are not exported; the run that first sees one fails",
        remedy="mend the descriptors, and commit that",
        look=_descriptors,
        needs=("branch",),
    ),
    Check(
        id="catalogs",
        place=HERE,
        asks="Are the catalogs there that tables go to, and may the identity use them?",
        means="every export ends in its first task",
        remedy="create the catalog, or correct the bundle variable catalog, or grant USE CATALOG",
        look=_catalogs,
        needs=("settings",),
    ),
    Check(
        id="names_free",
        place=HERE,
        asks="Are the tables' names and places free, or taken by this export's own tables?",
        means="those tables are refused, and what has the name stays as it is",
        remedy="rename the table or what has its name",
        look=_names_free,
        needs=("branch", "catalogs"),
    ),
    Check(
        id="catalog_grants",
        place=HERE,
        asks=f"Has the identity {' and '.join(ON_CATALOG)} on the catalog?",
        means="every export ends in its first task",
        remedy=f"GRANT {', '.join(ON_CATALOG)} ON CATALOG",
        look=_catalog_grants,
        needs=("catalogs",),
    ),
    Check(
        id="schema_grants",
        place=HERE,
        asks=f"Where the branch's schema is there: does the identity own it, or have {', '.join(ON_SCHEMA)}?",
        means="tables cannot be registered, or the watermark cannot be written",
        remedy=f"GRANT {', '.join(ON_SCHEMA)} ON SCHEMA",
        look=_schema_grants,
        needs=("catalogs",),
    ),
    Check(
        id="table_grants",
        place=HERE,
        asks=f"Of registered tables that others own: has the identity {' and '.join(ON_TABLE)}?",
        means="Unity Catalog judges the path of a registered table by that table's grants: its next clone is refused",
        remedy=f"GRANT {', '.join(ON_TABLE)} ON TABLE",
        look=_table_grants,
        needs=("branch", "catalogs"),
    ),
    Check(
        id="external_location",
        place=HERE,
        asks="Does an external location that can be written to cover target_base_location?",
        means="clones cannot be written, or not be registered",
        remedy="create an external location, or choose a target_base_location under one",
        look=_location,
        needs=("settings",),
    ),
    Check(
        id="external_location_grants",
        place=HERE,
        asks=f"Has the identity {', '.join(ON_LOCATION)} on that external location?",
        means="clones cannot be written, or not be registered",
        remedy=f"GRANT {', '.join(ON_LOCATION)} ON EXTERNAL LOCATION",
        look=_location_grants,
        needs=("external_location",),
    ),
)
