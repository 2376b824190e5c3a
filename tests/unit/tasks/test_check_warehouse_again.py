"""The tasks after check_warehouse: what the tasks before them left reaches their checks, through their own clients."""

import io
from types import SimpleNamespace

import pytest
from doubles import TaskValuesDouble
from serverless_double import SessionDouble
from warehouse_double import PRINCIPAL, WarehouseDouble, setup_of

from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.errors import WorkspaceError
from lakefs_unity_export.setup_ports import Identity
from lakefs_unity_export.tasks import check_serverless, check_warehouse_again
from lakefs_unity_export.tasks.check_warehouse import check_warehouse


@pytest.fixture
def warehouse() -> WarehouseDouble:
    return WarehouseDouble()


@pytest.fixture
def values(warehouse: WarehouseDouble) -> TaskValuesDouble:
    """What the tasks before left."""
    values = TaskValuesDouble()
    check_warehouse(setup_of(warehouse), values, io.StringIO())
    cloned = [str(method) for method in CloneMethod]
    return TaskValuesDouble(
        {
            ("check_warehouse", "registered"): values.values["registered"],
            ("check_cluster_again", "cloned_again"): cloned,
        }
    )


def test_what_lasted_is_told_and_the_schema_goes(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    warehouse: WarehouseDouble,
    values: TaskValuesDouble,
) -> None:
    runtime = SimpleNamespace(client="the client", task_values=values, unity_catalog=warehouse.unity_catalog)
    identity = SimpleNamespace(identity=lambda: Identity(name=PRINCIPAL))
    monkeypatch.setattr(check_warehouse_again, "task_runtime", lambda out: runtime)
    monkeypatch.setattr(check_warehouse_again, "SqlWarehouseClient", lambda client, id_: warehouse)
    monkeypatch.setattr(check_warehouse_again, "WorkspaceSetupClient", lambda client: identity)
    # As Databricks adds job parameters.
    given = ["--warehouse_id=w1", "--catalog=lake", "--run_id=4711", "--repository=shop", "--branch=main"]
    monkeypatch.setattr("sys.argv", ["check_warehouse_again", *given])
    check_warehouse_again.main()
    assert {line["status"] for line in values.values["lines"]} == {"pass"}
    assert warehouse.unity_catalog.catalogs == {"lake": {}}
    assert "PASS       warehouse_grant_kept" in capsys.readouterr().out


def test_what_is_registered_is_read_on_serverless_compute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], values: TaskValuesDouble
) -> None:
    tables = values.left["check_warehouse", "registered"]["tables"]
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "client.4.0")
    monkeypatch.setattr(check_serverless, "task_runtime", lambda out: SimpleNamespace(task_values=values))
    monkeypatch.setattr(check_serverless, "task_spark", lambda: SessionDouble(tables))
    monkeypatch.setattr("sys.argv", ["check_serverless", "--repository=shop", "--branch=main"])
    check_serverless.main()
    assert [line["status"] for line in values.values["lines"]] == ["pass"] * 4
    assert "PASS       serverless_deep_rows" in capsys.readouterr().out


@pytest.mark.parametrize("task", [check_serverless, check_warehouse_again], ids=lambda task: task.__name__)
def test_without_dbutils_they_say_so(monkeypatch: pytest.MonkeyPatch, task: object) -> None:
    def refuse(out: object) -> None:
        raise WorkspaceError("no dbutils")

    monkeypatch.setattr(task, "task_runtime", refuse)
    monkeypatch.setattr("sys.argv", ["task"])
    with pytest.raises(SystemExit, match="WorkspaceError: no dbutils"):
        task.main()  # type: ignore[attr-defined]
