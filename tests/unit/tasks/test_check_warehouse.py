"""The task check_warehouse: each thing broken in turn, told by its line, and mended as the line says."""

import io
import json
import shlex
from collections.abc import Callable, Mapping
from types import SimpleNamespace

import pytest
from doubles import TaskValuesDouble, UnityCatalogDouble
from warehouse_double import CLONES, PATTERNS, PRINCIPAL, WarehouseDouble, setup_of

from lakefs_unity_export.checks.catalogue import WAREHOUSE as CHECKS
from lakefs_unity_export.checks.model import Claim, Line, Status
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.errors import InvalidNameError, WorkspaceError
from lakefs_unity_export.setup_ports import Identity
from lakefs_unity_export.tasks import check_warehouse as module
from lakefs_unity_export.tasks.check_warehouse import check_warehouse


def check(warehouse: WarehouseDouble) -> dict[str, Line]:
    values, out = TaskValuesDouble(), io.StringIO()
    lines = check_warehouse(setup_of(warehouse), values, out)
    assert [Line.of_json(each) for each in values.values["lines"]] == lines
    assert [line.id in out.getvalue() for line in lines] == [True] * len(CHECKS)
    return {line.id: line for line in lines}


# What no warehouse reads is not its fault.
UNREAD = "warehouse_shallow_rows"


def unwell(lines: Mapping[str, Line]) -> set[str]:
    """The checks that do not pass, but for the one that passes nowhere."""
    return {id_ for id_, line in lines.items() if line.status is not Status.PASS} - {UNREAD}


def test_a_sound_warehouse_passes_every_check() -> None:
    warehouse = WarehouseDouble()
    lines = check(warehouse)
    assert unwell(lines) == set()
    assert (lines[UNREAD].status, lines[UNREAD].claim) == (Status.WARN, Claim.CONFIRMED)
    confirmed = {id_ for id_, line in lines.items() if line.claim is Claim.CONFIRMED}
    assert confirmed >= {check.id for check in CHECKS if check.claims}
    assert warehouse.statements[:3] == [
        "SELECT 1",
        "SELECT count(*) FROM `lake`.information_schema.schemata",
        "SELECT count(*) FROM `lake`.information_schema.tables",
    ]


def allow(warehouse: WarehouseDouble, remedy: str) -> None:
    *_, kind, warehouse_id, flag, body = shlex.split(remedy)
    assert (kind, warehouse_id, flag) == ("warehouses", "w1", "--json")
    (entry,) = json.loads(body)["access_control_list"]
    assert entry == {"service_principal_name": PRINCIPAL, "permission_level": "CAN_USE"}
    warehouse.may_use = True


def start(warehouse: WarehouseDouble, remedy: str) -> None:
    assert remedy == "databricks warehouses start w1"
    warehouse.starts = True


def grant(warehouse: WarehouseDouble, remedy: str) -> None:
    assert remedy == f"GRANT USE CATALOG ON CATALOG `lake` TO `{PRINCIPAL}`;"
    warehouse.may_see_catalog = True


def copy_files(warehouse: WarehouseDouble, remedy: str) -> None:
    assert remedy.startswith("set the bundle variable clone_method to deep")
    warehouse.method, warehouse.rows = CloneMethod.DEEP, [("a row",)]


def another(warehouse: WarehouseDouble, remedy: str) -> None:
    assert remedy.startswith("set the bundle variable warehouse_id to ")
    warehouse.is_there, warehouse.type = True, "PRO"


@pytest.mark.parametrize(
    ("broken", "id_", "status", "says", "mend"),
    [
        ({"is_there": False}, "warehouse", Status.FAIL, "has no SQL warehouse w1: gone", another),
        ({"may_use": False}, "warehouse", Status.FAIL, "may not use the SQL warehouse w1", allow),
        ({"type": "CLASSIC"}, "warehouse_type", Status.WARN, "it is of type CLASSIC", another),
        ({"starts": False}, "warehouse_runs", Status.FAIL, "it is stopped, and may not be started", start),
        ({"may_see_catalog": False}, "warehouse_catalog", Status.FAIL, "User does not have USE CATALOG", grant),
        (
            {"rows": "SQL warehouse w1 answered FAILED: 403", "method": CloneMethod.SHALLOW},
            "warehouse_rows",
            Status.WARN,
            "`lake`.`main`.`orders`, a clone by the method shallow, cannot be read: SQL warehouse w1 answered FAILED",
            copy_files,
        ),
    ],
)
def test_what_is_broken_is_told_hides_no_other_and_is_mended_as_its_line_says(
    broken: dict[str, object], id_: str, status: Status, says: str, mend: Callable[[WarehouseDouble, str], None]
) -> None:
    warehouse = WarehouseDouble(**broken)  # type: ignore[arg-type]
    lines = check(warehouse)
    line = lines[id_]
    assert (line.status, says in line.finding) == (status, True)
    for each in CHECKS:
        if each.id not in (id_, UNREAD):
            waits = any(not lines[needed].is_well for needed in each.needs)
            assert lines[each.id].status is (Status.NOT_RUN if waits else Status.PASS), lines[each.id]
    mend(warehouse, line.remedy)
    assert unwell(check(warehouse)) == set()


@pytest.mark.parametrize(
    ("broken", "id_", "says"),
    [
        ({"text": "[UNRESOLVED_COLUMN] a text in double quotes"}, "warehouse_text", "[UNRESOLVED_COLUMN]"),
        ({"text": [("other",)]}, "warehouse_text", "it answered [('other',)] to EXECUTE IMMEDIATE"),
        ({"patterns": [*PATTERNS[:-1], ("a\n", "true")]}, "warehouse_patterns", r"it answered [('plain', 'true')"),
        ({"patterns": []}, "warehouse_patterns", "it answered []"),
        ({"history_fails": "[PARSE_SYNTAX_ERROR] at DESCRIBE"}, "warehouse_history", "[PARSE_SYNTAX_ERROR]"),
    ],
)
def test_what_the_sql_files_rely_on_is_refuted_where_it_is_otherwise(
    broken: dict[str, object], id_: str, says: str
) -> None:
    line = check(WarehouseDouble(**broken))[id_]  # type: ignore[arg-type]
    assert (line.status, line.claim, says in line.finding) == (Status.FAIL, Claim.REFUTED, True)
    assert line.remedy


def test_before_the_first_export_there_is_nothing_to_read() -> None:
    lines = check(WarehouseDouble(table=None))
    assert unwell(lines) == {"warehouse_history", "warehouse_rows"}
    assert lines["warehouse_history"].status is Status.NOT_RUN


@pytest.mark.parametrize(
    ("method", "rows", "status"),
    [
        (CloneMethod.SHALLOW, [("a row",)], Status.PASS),
        (CloneMethod.SHALLOW, [], Status.PASS),
        (CloneMethod.SHALLOW, "403 Forbidden", Status.WARN),
        (CloneMethod.STORAGE, [("a row",)], Status.PASS),
        (CloneMethod.STORAGE, "403 Forbidden", Status.WARN),
        (None, [("a row",)], Status.NOT_RUN),
    ],
)
def test_who_can_read_an_exported_table_is_told(method: CloneMethod | None, rows: object, status: Status) -> None:
    line = check(WarehouseDouble(method=method, rows=rows))["warehouse_rows"]  # type: ignore[arg-type]
    assert line.status is status


def test_a_table_of_others_that_may_not_be_looked_at_is_no_failure() -> None:
    line = check(WarehouseDouble(history_fails="[INSUFFICIENT_PERMISSIONS] no SELECT"))["warehouse_history"]
    assert (line.status, line.claim, bool(line.remedy)) == (Status.NOT_TRIED, Claim.OPEN, True)


def test_a_table_that_others_put_elsewhere_is_not_looked_at() -> None:
    warehouse = WarehouseDouble(place="s3://bucket/others/orders", history_fails="[DELTA_LOG_IS_BROKEN] at version 3")
    lines = check(warehouse)
    assert unwell(lines) == {"warehouse_history", "warehouse_rows"}
    assert (lines["warehouse_history"].status, lines["warehouse_history"].claim) == (Status.NOT_RUN, Claim.OPEN)
    assert lines["warehouse_history"].finding == "no table of the branch is registered yet"


def test_a_schema_that_is_no_name_hides_nothing() -> None:
    def refuse() -> str:
        raise InvalidNameError("schema is empty; give it a name")

    setup = setup_of(WarehouseDouble())
    setup.schema = refuse
    lines = {line.id: line for line in check_warehouse(setup, TaskValuesDouble(), io.StringIO())}
    assert lines["warehouse_history"].finding == "InvalidNameError: schema is empty; give it a name"
    assert lines["warehouse_patterns"].status is Status.PASS


def test_the_task_s_own_clients_are_used(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    values, opened = TaskValuesDouble({("check_cluster", "clones"): CLONES.as_json()}), []

    def open_warehouse(client: object, warehouse_id: str) -> WarehouseDouble:
        opened.append((client, warehouse_id))
        return WarehouseDouble(unity_catalog=catalog)

    catalog = UnityCatalogDouble("lake")
    runtime = SimpleNamespace(client="the client", task_values=values, unity_catalog=catalog)
    identity = SimpleNamespace(identity=lambda: Identity(name=PRINCIPAL))
    monkeypatch.setattr(module, "task_runtime", lambda out: runtime)
    monkeypatch.setattr(module, "SqlWarehouseClient", open_warehouse)
    monkeypatch.setattr(module, "WorkspaceSetupClient", lambda client: identity)
    given = ["--warehouse_id=w1", "--catalog=lake", "--schema_template={branch}", "--repository=shop", "--branch=main"]
    given += ["--target_base_location=s3://bucket/exports", "--run_id=4711"]
    monkeypatch.setattr("sys.argv", ["check_warehouse", *given])
    module.main()
    assert opened == [("the client", "w1")]
    assert {line["id"] for line in values.values["lines"] if line["status"] != "pass"} == {UNREAD}
    # The tasks after it use what is registered, and take it away.
    (schema,) = catalog.catalogs["lake"].values()
    assert schema.tables.keys() == values.values["registered"]["tables"].keys() == {*CloneMethod}
    assert "PASS       warehouse_patterns" in capsys.readouterr().out


def test_without_dbutils_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(out: object) -> None:
        raise WorkspaceError("no dbutils")

    monkeypatch.setattr(module, "task_runtime", refuse)
    monkeypatch.setattr("sys.argv", ["check_warehouse"])
    with pytest.raises(SystemExit, match="WorkspaceError: no dbutils"):
        module.main()
