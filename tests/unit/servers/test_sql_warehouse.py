"""A SQL warehouse behind the real SDK: what it is, statements that end and those that do not, and refusals as ours."""

from collections.abc import Iterator
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from loopback_server import Answer, LoopbackServer, loopback_server

from lakefs_unity_export.errors import (
    WorkspaceAccessError,
    WorkspaceError,
    WorkspaceNotFoundError,
    WorkspaceUnavailableError,
)
from lakefs_unity_export.servers import sql_warehouse
from lakefs_unity_export.servers.sql_warehouse import SqlWarehouseClient
from lakefs_unity_export.setup_ports import WarehouseInfo


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[LoopbackServer, WorkspaceClient]]:
    """A server, and the real SDK for it. Its client asks for the host's own metadata when it is made."""
    with loopback_server([Answer(status=404, body=b"{}")]) as server:
        config = Config(host=server.url, token="dapi0", auth_type="pat", retry_timeout_seconds=1)
        yield server, WorkspaceClient(config=config)


@pytest.fixture
def server(running: tuple[LoopbackServer, WorkspaceClient]) -> LoopbackServer:
    running[0].asked.clear()
    return running[0]


@pytest.fixture
def warehouse(running: tuple[LoopbackServer, WorkspaceClient]) -> SqlWarehouseClient:
    return SqlWarehouseClient(running[1], "w1", sleep=lambda _: None)


def answer(state: str, rows: list[list[str | None]] | None = None, error: str = "") -> Answer:
    status: dict[str, Any] = {"state": state, **({"error": {"message": error}} if error else {})}
    return Answer.of_json(
        {"statement_id": "s1", "status": status, **({"result": {"data_array": rows}} if rows else {})}
    )


def test_what_a_warehouse_is(server: LoopbackServer, warehouse: SqlWarehouseClient) -> None:
    server.answer_with(Answer.of_json({"id": "w1", "name": "Exports", "warehouse_type": "PRO", "state": "STOPPED"}))
    assert warehouse.info() == WarehouseInfo(name="Exports", type="PRO", state="STOPPED")
    assert server.asked[0].path == "/api/2.0/sql/warehouses/w1"


def test_a_statement_is_waited_for_while_the_warehouse_starts(
    server: LoopbackServer, warehouse: SqlWarehouseClient
) -> None:
    server.answer_with(answer("PENDING"), answer("RUNNING"), answer("SUCCEEDED", [["1", None]]))
    assert warehouse.query("SELECT 1, NULL") == [("1", None)]
    assert [(asked.method, asked.path.rstrip("/")) for asked in server.asked] == [
        ("POST", "/api/2.0/sql/statements"),
        ("GET", "/api/2.0/sql/statements/s1"),
        ("GET", "/api/2.0/sql/statements/s1"),
    ]


def test_a_statement_without_rows(server: LoopbackServer, warehouse: SqlWarehouseClient) -> None:
    server.answer_with(answer("SUCCEEDED"))
    assert warehouse.query("SELECT 1 WHERE false") == []


@pytest.mark.parametrize("state", ["FAILED", "CANCELED", "CLOSED"])
def test_a_statement_that_fails_says_why(server: LoopbackServer, warehouse: SqlWarehouseClient, state: str) -> None:
    server.answer_with(answer(state, error="[NO_SUCH]\n thing"))
    with pytest.raises(WorkspaceError, match=rf"SQL warehouse w1 answered {state}: \[NO_SUCH\] thing"):
        warehouse.query("SELECT thing")


def test_a_warehouse_that_does_not_start_is_given_up_and_the_statement_is_cancelled(
    server: LoopbackServer, warehouse: SqlWarehouseClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_warehouse, "LONGEST_SECONDS", 3)
    server.answer_with(answer("PENDING"))
    with pytest.raises(WorkspaceUnavailableError, match="did not answer within 3 s"):
        warehouse.query("SELECT 1")
    assert server.asked[-1].path == "/api/2.0/sql/statements/s1/cancel"


@pytest.mark.parametrize(
    ("status", "code", "ours"),
    [
        (403, "PERMISSION_DENIED", WorkspaceAccessError),
        (404, "RESOURCE_DOES_NOT_EXIST", WorkspaceNotFoundError),
        (400, "INVALID_PARAMETER_VALUE", WorkspaceError),
    ],
)
def test_refusals_name_the_warehouse(
    server: LoopbackServer, warehouse: SqlWarehouseClient, status: int, code: str, ours: type[WorkspaceError]
) -> None:
    server.answer_with(Answer.of_json({"error_code": code, "message": "the reason"}, status=status))
    for call in (warehouse.info, lambda: warehouse.query("SELECT 1")):
        with pytest.raises(WorkspaceError, match="SQL warehouse w1: the reason") as raised:
            call()
        assert type(raised.value) is ours
