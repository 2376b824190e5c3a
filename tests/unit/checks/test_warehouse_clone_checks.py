"""What the warehouse makes of the cluster's clones: each thing broken in turn, and nothing left behind."""

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from doubles import TaskValuesDouble
from remedy_words import unknown_in
from warehouse_double import BASE, CLONES, NOW, PRINCIPAL, PROBE, WarehouseDouble, again_of, setup_of

from lakefs_unity_export.checks import warehouse_again_checks, warehouse_clone_checks
from lakefs_unity_export.checks.handed_over import RegisteredClones, TriedClones
from lakefs_unity_export.checks.model import Claim, Line, Status
from lakefs_unity_export.checks.probe import LEFT_AFTER_SECONDS, made_properties
from lakefs_unity_export.checks.redaction import Redaction
from lakefs_unity_export.checks.runner import run_for_report
from lakefs_unity_export.checks.warehouse_checks import WarehouseSetup
from lakefs_unity_export.checks.warehouse_probe import WarehouseProbe
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.errors import WorkspaceAccessError, WorkspaceError
from lakefs_unity_export.ports import RegisteredTable
from lakefs_unity_export.tasks.check_warehouse import check_warehouse

FAIL, WARN, NOT_RUN, NOT_TRIED, PASS = Status.FAIL, Status.WARN, Status.NOT_RUN, Status.NOT_TRIED, Status.PASS
REFUTED, CONFIRMED, OPEN = Claim.REFUTED, Claim.CONFIRMED, Claim.OPEN
CHECKS = (*warehouse_clone_checks.CHECKS, *warehouse_again_checks.CHECKS)
OWN = {check.id for check in CHECKS}
# What a check of the second task looks at, as the first left it.
GIVEN_BY = {
    "warehouse_refreshed_again": ("warehouse_schema",),
    "warehouse_comment_kept": ("warehouse_schema", "warehouse_comment"),
    "warehouse_grant_kept": ("warehouse_schema", "warehouse_grant"),
}
DENIED = "[PERMISSION_DENIED] User does not have what it takes"
ALL_READ: dict[str, str] = {}


def check(
    warehouse: WarehouseDouble,
    later: Callable[[WarehouseDouble], object] = lambda warehouse: None,
    setup: WarehouseSetup | None = None,
) -> dict[str, Line]:
    """The lines of both tasks. later: what happens between them."""
    values = TaskValuesDouble()
    found = check_warehouse(setup or setup_of(warehouse), values, io.StringIO())
    later(warehouse)
    again = again_of(warehouse, RegisteredClones.of_json(values.values["registered"]))
    found += run_for_report(warehouse_again_checks.CHECKS, again, Redaction(), TaskValuesDouble(), io.StringIO())
    lines = {line.id: line for line in found}
    assert {id_: line for id_, line in lines.items() if id_ not in OWN and line.status is not PASS} == {}
    return {id_: lines[id_] for id_ in lines if id_ in OWN}


def refuses(words: str, why: str) -> Callable[[WarehouseDouble], object]:
    return lambda warehouse: warehouse.refuses.update({words: why})


@pytest.mark.parametrize(
    ("broken", "id_", "status", "claim", "says", "remedy"),
    [
        (
            refuses("CREATE SCHEMA", DENIED),
            *("warehouse_schema", FAIL, OPEN, DENIED),
            f"GRANT USE CATALOG, CREATE SCHEMA ON CATALOG `lake` TO `{PRINCIPAL}`;",
        ),
        (
            lambda warehouse: setattr(warehouse, "loses_properties", True),
            *("warehouse_schema", FAIL, REFUTED, "has other properties than it was made with"),
            "report this line",
        ),
        (
            refuses("SELECT userMetadata", DENIED),
            *("warehouse_path_history", FAIL, OPEN, DENIED),
            "do what the line external_location_grants says",
        ),
        (
            refuses("SELECT userMetadata", "[PARSE_SYNTAX_ERROR] at DESCRIBE"),
            *("warehouse_path_history", FAIL, REFUTED, "[PARSE_SYNTAX_ERROR]"),
            "report this line",
        ),
        (
            lambda warehouse: setattr(warehouse, "path_history", ""),
            *("warehouse_path_history", FAIL, REFUTED, f"the history of {BASE}/shallow has no user metadata"),
            "report this line",
        ),
        (
            refuses("shallow", "[CANNOT_SHALLOW_CLONE] no"),
            *("warehouse_shallow", FAIL, REFUTED, "refused: [CANNOT_SHALLOW_CLONE] no"),
            "set the bundle variable clone_method to the one that is recommended",
        ),
        (
            refuses("storage", "[CANNOT_SHALLOW_CLONE] no"),
            *("warehouse_storage", WARN, REFUTED, "refused: [CANNOT_SHALLOW_CLONE] no"),
            "nothing has to be done while no table is exported by the method storage",
        ),
        (
            refuses("deep", DENIED),
            *("warehouse_deep", FAIL, OPEN, DENIED),
            "do what the line external_location_grants says",
        ),
        (
            lambda warehouse: warehouse.types.update(deep="MANAGED"),
            *(
                "warehouse_listed",
                FAIL,
                REFUTED,
                "shows shallow as EXTERNAL, storage as EXTERNAL, deep as MANAGED, and",
            ),
            "report this line",
        ),
        (
            lambda warehouse: warehouse.places.update(deep="s3://elsewhere/deep"),
            *("warehouse_locations", FAIL, REFUTED, f"{BASE}/deep is shown as s3://elsewhere/deep"),
            "report this line",
        ),
        (
            lambda warehouse: warehouse.places.update(deep=""),
            *("warehouse_locations", FAIL, REFUTED, f"{BASE}/deep is shown as nothing"),
            "report this line",
        ),
        (
            refuses("REPAIR TABLE", "[PARSE_SYNTAX_ERROR] at REPAIR"),
            *("warehouse_refreshed", FAIL, OPEN, "[PARSE_SYNTAX_ERROR] at REPAIR"),
            "report this line",
        ),
        (
            lambda warehouse: setattr(warehouse, "writes_on_repair", True),
            *("warehouse_refreshed", FAIL, REFUTED, "the clone by shallow was at version 1, and is at 2 now"),
            "report this line",
        ),
        (
            lambda warehouse: warehouse.unread.update(storage="403 Forbidden"),
            *("warehouse_storage_rows", WARN, OPEN, "it cannot be read: 403 Forbidden"),
            "make an external location over lakeFS's storage namespace",
        ),
        (
            lambda warehouse: warehouse.unread.update(deep=DENIED),
            *("warehouse_deep_rows", WARN, OPEN, f"it may not be read: {DENIED}"),
            "do what the line external_location_grants says",
        ),
        (
            refuses("COMMENT", "[PARSE_SYNTAX_ERROR] at COMMENT"),
            *("warehouse_comment", WARN, OPEN, f"`lake`.`{PROBE}`.`shallow` cannot be given a comment: [PARSE_SYNTAX"),
            "report this line",
        ),
        (
            refuses("GRANT", DENIED),
            *("warehouse_grant", WARN, OPEN, f"`shallow` cannot be given SELECT for {PRINCIPAL}: {DENIED}"),
            "report this line",
        ),
        (
            refuses("DROP SCHEMA", DENIED),
            *("warehouse_dropped", WARN, OPEN, f"`lake`.`{PROBE}` cannot be dropped: {DENIED}"),
            f"look at what it holds, then DROP SCHEMA `lake`.`{PROBE}` CASCADE;",
        ),
    ],
)
def test_what_is_broken_is_told_by_its_line_and_hides_no_other(
    broken: Callable[[WarehouseDouble], object], id_: str, status: Status, claim: Claim, says: str, remedy: str
) -> None:
    warehouse = WarehouseDouble(unread=dict(ALL_READ))
    broken(warehouse)
    # Of which the second task would tell too.
    lines = check(warehouse, later=lambda warehouse: warehouse.refuses.pop("REPAIR TABLE", None))
    line = lines[id_]
    assert (line.status, line.claim, says in line.finding, remedy in line.remedy) == (status, claim, True, True), line
    assert {each.id: unknown for each in lines.values() if (unknown := unknown_in(each.remedy))} == {}
    for each in CHECKS:
        # A table that is not external is not dropped, and its schema stays.
        if each.id != id_ and not (warehouse.types and each.id == "warehouse_dropped"):
            needed = {*each.needs, *GIVEN_BY.get(each.id, ())} & OWN
            waits = any(lines[id_].status is not PASS for id_ in needed)
            assert lines[each.id].status is (NOT_RUN if waits else PASS), lines[each.id]


@pytest.mark.parametrize(
    ("later", "id_", "status", "claim", "says"),
    [
        (
            refuses("REPAIR TABLE", "[PARSE_SYNTAX_ERROR] at REPAIR"),
            *("warehouse_refreshed_again", FAIL, OPEN, f"`lake`.`{PROBE}`.`shallow`: [PARSE_SYNTAX_ERROR] at REPAIR"),
        ),
        (
            lambda warehouse: warehouse.comments.pop("storage"),
            *("warehouse_comment_kept", WARN, OPEN, "clones by storage lost the comment that somebody gave them"),
        ),
        (
            lambda warehouse: warehouse.comments.update(deep="another one"),
            *("warehouse_comment_kept", WARN, OPEN, "clones by deep lost the comment that somebody gave them"),
        ),
        (
            lambda warehouse: warehouse.grants.pop("deep"),
            *("warehouse_grant_kept", WARN, REFUTED, f"{PRINCIPAL} lost SELECT on clones by deep"),
        ),
    ],
)
def test_what_a_second_clone_takes_from_people_is_told(
    later: Callable[[WarehouseDouble], object], id_: str, status: Status, claim: Claim, says: str
) -> None:
    lines = check(WarehouseDouble(unread=dict(ALL_READ)), later)
    assert (lines[id_].status, lines[id_].claim, lines[id_].finding) == (status, claim, says)
    assert {line.status for other, line in lines.items() if other != id_} == {PASS}


def test_what_lasts_confirms_that_cloning_again_leaves_grants() -> None:
    lines = check(WarehouseDouble())
    assert (lines["warehouse_grant_kept"].status, lines["warehouse_grant_kept"].claim) == (PASS, CONFIRMED)
    assert lines["warehouse_comment_kept"].finding == "clones by shallow, storage, deep have it"


def test_without_a_word_of_the_tasks_before_the_schema_goes_all_the_same() -> None:
    warehouse = WarehouseDouble()
    check_warehouse(setup_of(warehouse), TaskValuesDouble(), io.StringIO())

    def silent() -> RegisteredClones:
        raise ValueError("Task key does not exist in run")

    again = replace(again_of(warehouse, RegisteredClones()), handed_over=silent, cloned_again=silent)
    lines = run_for_report(warehouse_again_checks.CHECKS, again, Redaction(), TaskValuesDouble(), io.StringIO())
    assert [line.status for line in lines] == [NOT_RUN, NOT_RUN, NOT_RUN, PASS]
    assert warehouse.unity_catalog.catalogs == {"lake": {}}


def test_every_method_s_rows_say_who_can_read() -> None:
    lines = check(WarehouseDouble())
    assert (lines["warehouse_shallow_rows"].status, lines["warehouse_shallow_rows"].claim) == (WARN, CONFIRMED)
    assert "recommended for warehouses" in lines["warehouse_shallow_rows"].remedy
    assert (lines["warehouse_storage_rows"].status, lines["warehouse_storage_rows"].claim) == (PASS, CONFIRMED)
    # A warehouse with the settings of lakeFS.
    lines = check(WarehouseDouble(unread=dict(ALL_READ)))
    assert (lines["warehouse_shallow_rows"].status, lines["warehouse_shallow_rows"].claim) == (PASS, REFUTED)
    # A refusal for want of a grant says nothing of what the warehouse can do.
    lines = check(WarehouseDouble(unread={"shallow": DENIED}))
    assert (lines["warehouse_shallow_rows"].status, lines["warehouse_shallow_rows"].claim) == (WARN, OPEN)
    # Nor does a table without rows.
    lines = check(WarehouseDouble(unread=dict(ALL_READ), empty=True))
    assert {
        (lines[f"warehouse_{method}_rows"].status, lines[f"warehouse_{method}_rows"].claim) for method in CloneMethod
    } == {(NOT_TRIED, OPEN)}


def test_only_what_was_cloned_is_registered() -> None:
    made = {CloneMethod.DEEP: CLONES.made[CloneMethod.DEEP]}
    warehouse = WarehouseDouble(clones=replace(CLONES, made=made))
    lines = check(warehouse)
    assert {id_ for id_, line in lines.items() if line.status is NOT_RUN} == {
        *("warehouse_shallow", "warehouse_shallow_rows", "warehouse_storage", "warehouse_storage_rows")
    }
    assert lines["warehouse_shallow"].finding == "needs clone_shallow"
    assert [text for text in warehouse.statements if "CREATE TABLE" in text] == [
        f"EXECUTE IMMEDIATE 'CREATE TABLE `lake`.`{PROBE}`.`deep` USING DELTA LOCATION \"{BASE}/deep\"'"
    ]


def test_without_clones_the_schema_is_tried_all_the_same() -> None:
    warehouse = WarehouseDouble()
    setup = setup_of(warehouse)

    def silent() -> TriedClones:
        raise ValueError("Task key does not exist in run")

    setup.handed_over = silent
    lines = check(warehouse, setup=setup)
    assert {id_ for id_ in OWN if lines[id_].status is PASS} == {"warehouse_schema", "warehouse_dropped"}
    assert {lines[id_].status for id_ in OWN} == {PASS, NOT_RUN}
    assert warehouse.unity_catalog.catalogs == {"lake": {}}


@pytest.mark.parametrize("error", [WorkspaceAccessError("may not use the warehouse"), KeyError("a fault")])
def test_a_schema_of_which_nothing_is_known_is_dropped(error: Exception) -> None:
    """The statement that made it may have had its effect."""
    warehouse = WarehouseDouble()
    query = warehouse.query

    def fails_afterwards(statement: str) -> object:
        answer = query(statement)
        if "CREATE SCHEMA" in statement:
            raise error
        return answer

    warehouse.query = fails_afterwards  # type: ignore[method-assign, assignment]
    assert check(warehouse)["warehouse_schema"].status is NOT_TRIED
    assert warehouse.unity_catalog.catalogs == {"lake": {}}


def test_nothing_is_left_where_the_run_is_stopped() -> None:
    class Stopped(BaseException):
        pass

    warehouse = WarehouseDouble()
    query = warehouse.query

    def stopped(statement: str) -> object:
        if "REPAIR" in statement:
            raise Stopped
        return query(statement)

    warehouse.query = stopped  # type: ignore[method-assign, assignment]
    with pytest.raises(Stopped):
        check(warehouse)
    assert warehouse.unity_catalog.catalogs == {"lake": {}}


def external(name: str) -> RegisteredTable:
    return RegisteredTable(name=name, table_type="EXTERNAL_SHALLOW_CLONE", storage_location=f"s3://bucket/{name}")


def left_by_others(warehouse: WarehouseDouble) -> None:
    """Schemas of a killed run, of one that goes on, of an export, and one that only has such a name."""
    now, long_ago = made_properties(NOW - 60), made_properties(NOW - LEFT_AFTER_SECONDS - 1)
    for name, properties in {
        "lakefs_unity_export_check_1": long_ago,
        "lakefs_unity_export_check_2": now,
        "main": long_ago,
        "lakefs_unity_export_check_3": {},
    }.items():
        schema = warehouse.unity_catalog.schema("lake", name)
        schema.properties = dict(properties)
        schema.tables["deep"] = external("deep")


def test_what_a_killed_run_left_is_dropped_and_nothing_else() -> None:
    warehouse = WarehouseDouble()
    left_by_others(warehouse)
    line = check(warehouse)["warehouse_dropped"]
    assert line.finding.endswith("; so was lakefs_unity_export_check_1, which earlier runs left")
    assert warehouse.unity_catalog.catalogs["lake"].keys() == {
        *("lakefs_unity_export_check_2", "main", "lakefs_unity_export_check_3")
    }
    assert all(schema.tables for schema in warehouse.unity_catalog.catalogs["lake"].values())


def test_a_table_that_has_its_own_files_is_never_dropped() -> None:
    warehouse = WarehouseDouble()
    left_by_others(warehouse)
    tables = warehouse.unity_catalog.catalogs["lake"]["lakefs_unity_export_check_1"].tables
    tables["of_somebody"] = replace(external("of_somebody"), table_type="MANAGED")
    line = check(warehouse)["warehouse_dropped"]
    assert (line.status, "earlier runs" in line.finding) == (PASS, False)
    assert tables.keys() == {"of_somebody"}


def test_a_run_that_is_repaired_drops_what_its_first_attempt_left() -> None:
    warehouse = WarehouseDouble()
    schema = warehouse.unity_catalog.schema("lake", PROBE)
    schema.properties, schema.tables["deep"] = made_properties(NOW - 60), external("deep")
    assert check(warehouse)["warehouse_schema"].status is PASS
    assert warehouse.unity_catalog.catalogs == {"lake": {}}


def test_a_schema_of_others_with_its_name_is_left() -> None:
    warehouse = WarehouseDouble()
    schema = warehouse.unity_catalog.schema("lake", PROBE)
    schema.tables["deep"] = external("deep")
    probe = WarehouseProbe(warehouse, warehouse.unity_catalog, "lake", "4711", clock=lambda: NOW)
    with pytest.raises(AssertionError, match="SCHEMA_ALREADY_EXISTS"):
        probe.make()
    assert probe.drop() == ""
    assert schema.tables.keys() == {"deep"}


def test_a_catalog_that_cannot_be_listed_is_not_swept() -> None:
    warehouse = WarehouseDouble()

    def refuse(catalog: str) -> object:
        raise WorkspaceError("no")

    warehouse.unity_catalog.schemas = refuse  # type: ignore[method-assign, assignment]
    assert check(warehouse)["warehouse_dropped"].status is PASS


@pytest.mark.parametrize(
    "broken", [{}, {"made": {"odd": {}}, "methods_in_use": []}, {"made": {}}, {"made": {"deep": {}}}]
)
def test_anything_else_than_clones_is_no_such_value(broken: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        TriedClones.of_json(broken)


def test_clones_survive_a_task_value() -> None:
    values = TaskValuesDouble()
    values.set("clones", CLONES.as_json())
    assert TriedClones.of_json(values.values["clones"]) == CLONES


def test_what_is_registered_survives_a_task_value() -> None:
    values = TaskValuesDouble()
    check_warehouse(setup_of(WarehouseDouble()), values, io.StringIO())
    registered = RegisteredClones.of_json(values.values["registered"])
    assert registered.tables == {method: f"`lake`.`{PROBE}`.`{method}`" for method in CloneMethod}
    assert registered.commented == registered.granted == tuple(registered.tables)
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        RegisteredClones.of_json({"tables": []})
