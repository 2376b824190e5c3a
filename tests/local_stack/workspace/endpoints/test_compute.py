"""The warehouse's statements, clusters, and Unity Catalog behind the workspace."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from databricks.sdk.errors import NotFound, PermissionDenied
from databricks.sdk.errors.platform import InvalidParameterValue, ResourceDoesNotExist
from databricks.sdk.service.sql import (
    ExecuteStatementRequestOnWaitTimeout,
    State,
    StatementParameterListItem,
    StatementState,
)
from workspace_doubles import LocalWorkspace, running_workspace

from local_stack.unity_catalog import UnityCatalogServer
from local_stack.workspace.executors.notebook_and_sql import RUNNING_CLUSTER_ID


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalWorkspace]:
    with running_workspace(tmp_path) as running:
        yield running


def test_there_is_one_warehouse_and_one_cluster(local: LocalWorkspace) -> None:
    assert [one.id for one in local.client.warehouses.list()] == [local.workspace.warehouse_id]
    assert local.client.warehouses.get(local.workspace.warehouse_id).name == "Local Warehouse"
    with pytest.raises(NotFound):
        local.client.warehouses.get("other")
    assert [one.cluster_id for one in local.client.clusters.list()] == [RUNNING_CLUSTER_ID]
    assert local.client.clusters.get(RUNNING_CLUSTER_ID).node_type_id == local.client.clusters.select_node_type()
    with pytest.raises(ResourceDoesNotExist):
        local.client.clusters.get("other")
    assert [one.key for one in local.client.clusters.spark_versions().versions or []] == ["17.3.x-scala2.13"]


def test_a_statement_is_executed_with_parameters(local: LocalWorkspace) -> None:
    answer = local.client.statement_execution.execute_statement(
        "SELECT :a",
        local.workspace.warehouse_id,
        catalog="main",
        schema="dev",
        parameters=[StatementParameterListItem(name="a", value="x"), StatementParameterListItem(name="b")],
        wait_timeout="30s",
    )
    assert local.warehouse.calls == [("SELECT :a", {"a": "x", "b": None}, "main", "dev")]
    assert answer.status
    assert answer.status.state == StatementState.SUCCEEDED
    assert answer.result
    assert answer.result.data_array == [["1"], [None]]
    assert answer.manifest
    assert answer.manifest.schema
    columns = answer.manifest.schema.columns or []
    assert [(one.name, one.type_text) for one in columns] == [("n", "int")]


def test_a_statement_that_fails_says_why(local: LocalWorkspace) -> None:
    answer = local.client.statement_execution.execute_statement("SELECT * FROM missing", local.workspace.warehouse_id)
    assert answer.status
    assert answer.status.state == StatementState.FAILED
    assert answer.status.error
    assert answer.status.error.message == "[TABLE_OR_VIEW_NOT_FOUND] statement 1: the table missing cannot be found"


def test_a_statement_can_be_left_running_read_later_and_canceled(local: LocalWorkspace) -> None:
    api, warehouse = local.client.statement_execution, local.workspace.warehouse_id
    local.warehouse.slow = threading.Event()
    left = api.execute_statement("SELECT 1", warehouse, wait_timeout="0s").statement_id or ""
    canceled = api.execute_statement("SELECT 2", warehouse, wait_timeout="0s").statement_id or ""
    states = [api.get_statement(one).status.state for one in (left, canceled)]  # type: ignore[union-attr]
    assert states == [StatementState.RUNNING] * 2
    api.cancel_execution(canceled)
    dropped = api.execute_statement(
        "SELECT 3",
        warehouse,
        wait_timeout="5s",
        on_wait_timeout=ExecuteStatementRequestOnWaitTimeout.CANCEL,
    )
    assert dropped.status
    assert dropped.status.state == StatementState.CANCELED
    local.warehouse.slow.set()
    for _ in range(200):
        status = api.get_statement(left).status
        assert status
        if status.state != StatementState.RUNNING:
            break
        threading.Event().wait(0.05)
    assert status.state == StatementState.SUCCEEDED
    later = api.get_statement(canceled).status
    assert later
    assert later.state == StatementState.CANCELED


def test_statements_that_cannot_be_run_are_refused(local: LocalWorkspace) -> None:
    api, warehouse = local.client.statement_execution, local.workspace.warehouse_id
    with pytest.raises(NotFound, match="SQL warehouse other does not exist"):
        api.execute_statement("SELECT 1", "other")
    with pytest.raises(InvalidParameterValue, match="wait_timeout '60s'"):
        api.execute_statement("SELECT 1", warehouse, wait_timeout="60s")
    with pytest.raises(InvalidParameterValue, match="field 'row_limit'"):
        api.execute_statement("SELECT 1", warehouse, row_limit=5)
    with pytest.raises(InvalidParameterValue, match="'n' is not a STRING"):
        api.execute_statement(
            "SELECT 1", warehouse, parameters=[StatementParameterListItem(name="n", value="1", type="INT")]
        )
    with pytest.raises(NotFound):
        api.get_statement("none")
    assert local.warehouse.calls == []


def test_a_warehouse_is_used_by_whom_its_access_list_names(local: LocalWorkspace) -> None:
    warehouse = local.workspace.warehouse_id
    name = "other@local.invalid"
    other = local.client_of(local.workspace.create_principal(name, kind="user"))
    refused: list[Callable[[], object]] = [
        lambda: other.warehouses.get(warehouse),
        lambda: other.statement_execution.execute_statement("SELECT 1", warehouse),
        lambda: other.warehouses.start(warehouse),
        lambda: other.api_client.do("PATCH", f"/api/2.0/permissions/warehouses/{warehouse}", body=grant(name)),
    ]
    for call in refused:
        with pytest.raises(PermissionDenied, match="permission on SQL warehouse"):
            call()
    assert list(other.warehouses.list()) == []

    local.client.api_client.do("PATCH", f"/api/2.0/permissions/warehouses/{warehouse}", body=grant(name))

    assert [one.id for one in other.warehouses.list()] == [other.warehouses.get(warehouse).id]
    assert other.statement_execution.execute_statement("SELECT 1", warehouse).status
    with pytest.raises(PermissionDenied, match="IS_OWNER permission on SQL warehouse"):
        other.warehouses.stop(warehouse)
    with pytest.raises(InvalidParameterValue, match="CAN_VIEW, CAN_MONITOR, CAN_USE, IS_OWNER, CAN_MANAGE"):
        local.client.api_client.do(
            "PATCH", f"/api/2.0/permissions/warehouses/{warehouse}", body=grant(name, "CAN_MANAGE_RUN")
        )


def grant(name: str, level: str = "CAN_USE") -> dict[str, object]:
    return {"access_control_list": [{"user_name": name, "permission_level": level}]}


def test_a_warehouse_that_is_stopped_starts_with_the_next_statement(local: LocalWorkspace) -> None:
    warehouse = local.workspace.warehouse_id

    def state() -> State | None:
        return local.client.warehouses.get(warehouse).state

    assert state() == State.RUNNING
    local.client.warehouses.stop(warehouse).result()
    assert state() == State.STOPPED
    local.client.statement_execution.execute_statement("SELECT 1", warehouse)
    assert state() == State.RUNNING
    local.client.warehouses.stop(warehouse)
    local.client.warehouses.start(warehouse).result()
    assert state() == State.RUNNING


def test_unity_catalog_is_reached_through_the_workspace(tmp_path: Path) -> None:
    server = UnityCatalogServer(folder=tmp_path / "catalog")
    server.start()
    try:
        with running_workspace(
            tmp_path / "workspace", unity_catalog_url=server.url, unity_catalog_token=server.token
        ) as local:
            local.client.catalogs.create("main")
            made = local.client.schemas.create("feature-x", "main", properties={"a": "ä/%"})
            assert made.owner == local.workspace.owner
            assert local.client.schemas.get("main.feature-x").properties == {"a": "ä/%"}
            assert [one.name for one in local.client.schemas.list("main")] == ["feature-x"]
            with pytest.raises(NotFound):
                local.client.schemas.get("main.none")
            other = local.client_of(local.workspace.create_principal("app", kind="service_principal"))
            with pytest.raises(PermissionDenied, match="workspace-access"):
                other.schemas.get("main.feature-x")
    finally:
        server.stop()
