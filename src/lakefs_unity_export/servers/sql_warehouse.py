"""A SQL warehouse, asked through the Databricks SDK: what it is, and statements with small answers."""

import time
from collections.abc import Callable

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.sql import ExecuteStatementRequestOnWaitTimeout, StatementResponse, StatementState

from lakefs_unity_export.errors import WorkspaceError, WorkspaceUnavailableError
from lakefs_unity_export.servers.workspace import translated
from lakefs_unity_export.setup_ports import WarehouseInfo

# A pro warehouse takes minutes to start.
LONGEST_SECONDS = 600
_WAIT = "30s"
_POLL_SECONDS = 2.0
_UNDER_WAY = (StatementState.PENDING, StatementState.RUNNING)
_OF_WAREHOUSES = {"place": "the workspace", "remedy": "set the bundle variable warehouse_id to one that is there"}


class SqlWarehouseClient:
    """One warehouse. Methods raise WorkspaceError, by cause."""

    def __init__(self, client: WorkspaceClient, warehouse_id: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._id = warehouse_id
        self._sleep = sleep

    def info(self) -> WarehouseInfo:
        """What the workspace tells of it."""
        with translated(f"SQL warehouse {self._id}", "CAN USE on the warehouse", **_OF_WAREHOUSES):
            found = self._client.warehouses.get(self._id)
        return WarehouseInfo(
            name=found.name or "",
            type=found.warehouse_type.value if found.warehouse_type else "",
            state=found.state.value if found.state else "",
        )

    def query(self, statement: str) -> list[tuple[str | None, ...]]:
        """The rows of a statement whose answer comes in one part. Raises WorkspaceError where it fails."""
        with translated(f"SQL warehouse {self._id}", "CAN USE on the warehouse", **_OF_WAREHOUSES):
            response = self._ended(statement)
        state = response.status.state if response.status else None
        if state is not StatementState.SUCCEEDED:
            error = response.status.error if response.status else None
            words = " ".join(((error.message if error else "") or "").split())[:400]
            raise WorkspaceError(f"SQL warehouse {self._id} answered {state.value if state else 'nothing'}: {words}")
        return [tuple(row) for row in (response.result.data_array if response.result else None) or []]

    def _ended(self, statement: str) -> StatementResponse:
        response = self._client.statement_execution.execute_statement(
            statement, self._id, wait_timeout=_WAIT, on_wait_timeout=ExecuteStatementRequestOnWaitTimeout.CONTINUE
        )
        waited = 0.0
        while response.status and response.status.state in _UNDER_WAY and response.statement_id:
            if waited >= LONGEST_SECONDS:
                self._client.statement_execution.cancel_execution(response.statement_id)
                raise WorkspaceUnavailableError(
                    f"SQL warehouse {self._id} did not answer within {LONGEST_SECONDS} s; look at its monitoring page"
                )
            self._sleep(_POLL_SECONDS)
            waited += _POLL_SECONDS
            response = self._client.statement_execution.get_statement(response.statement_id)
        return response
