"""The task check_warehouse: each thing broken in turn, told by its line, and mended as the line says."""

import io
import json
import shlex
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from doubles import TaskValuesDouble
from warehouse_double import PATTERNS, PRINCIPAL, WarehouseDouble, setup_of

from lakefs_unity_export.checks.model import Claim, Line, Status
from lakefs_unity_export.checks.warehouse_checks import CHECKS
from lakefs_unity_export.errors import WorkspaceError
from lakefs_unity_export.setup_ports import Identity
from lakefs_unity_export.tasks import check_warehouse as module
from lakefs_unity_export.tasks.check_warehouse import check_warehouse


def check(warehouse: WarehouseDouble) -> dict[str, Line]:
    values, out = TaskValuesDouble(), io.StringIO()
    lines = check_warehouse(setup_of(warehouse), values, out)
    assert [Line.of_json(each) for each in values.values["lines"]] == lines
    assert [line.id in out.getvalue() for line in lines] == [True] * len(CHECKS)
    return {line.id: line for line in lines}


def test_a_sound_warehouse_passes_every_check() -> None:
    warehouse = WarehouseDouble()
    lines = check(warehouse)
    assert {line.status for line in lines.values()} == {Status.PASS}
    assert {id_ for id_, line in lines.items() if line.claim is Claim.CONFIRMED} == {
        "warehouse_text",
        "warehouse_patterns",
    }
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
        if each.id != id_:
            waits = any(not lines[needed].is_well for needed in each.needs)
            assert lines[each.id].status is (Status.NOT_RUN if waits else Status.PASS), lines[each.id]
    mend(warehouse, line.remedy)
    assert {found.status for found in check(warehouse).values()} == {Status.PASS}


@pytest.mark.parametrize(
    ("broken", "id_", "says"),
    [
        ({"text": "[UNRESOLVED_COLUMN] a text in double quotes"}, "warehouse_text", "[UNRESOLVED_COLUMN]"),
        ({"text": [("other",)]}, "warehouse_text", "it answered [('other',)] to EXECUTE IMMEDIATE"),
        ({"patterns": [*PATTERNS[:-1], ("a\n", "true")]}, "warehouse_patterns", r"it answered [('plain', 'true')"),
        ({"patterns": []}, "warehouse_patterns", "it answered []"),
    ],
)
def test_what_the_sql_files_rely_on_is_refuted_where_it_is_otherwise(
    broken: dict[str, object], id_: str, says: str
) -> None:
    line = check(WarehouseDouble(**broken))[id_]  # type: ignore[arg-type]
    assert (line.status, line.claim, says in line.finding) == (Status.FAIL, Claim.REFUTED, True)
    assert line.remedy


def test_the_task_s_own_clients_are_used(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    values, opened = TaskValuesDouble(), []

    def open_warehouse(client: object, warehouse_id: str) -> WarehouseDouble:
        opened.append((client, warehouse_id))
        return WarehouseDouble()

    runtime = SimpleNamespace(client="the client", task_values=values)
    identity = SimpleNamespace(identity=lambda: Identity(name=PRINCIPAL))
    monkeypatch.setattr(module, "task_runtime", lambda out: runtime)
    monkeypatch.setattr(module, "SqlWarehouseClient", open_warehouse)
    monkeypatch.setattr(module, "WorkspaceSetupClient", lambda client: identity)
    given = ["--warehouse_id=w1", "--catalog=lake", "--repository=shop", "--branch=main"]
    monkeypatch.setattr("sys.argv", ["check_warehouse", *given])
    module.main()
    assert opened == [("the client", "w1")]
    assert {line["status"] for line in values.values["lines"]} == {"pass"}
    assert "PASS       warehouse_patterns" in capsys.readouterr().out


def test_without_dbutils_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(out: object) -> None:
        raise WorkspaceError("no dbutils")

    monkeypatch.setattr(module, "task_runtime", refuse)
    monkeypatch.setattr("sys.argv", ["check_warehouse"])
    with pytest.raises(SystemExit, match="WorkspaceError: no dbutils"):
        module.main()
