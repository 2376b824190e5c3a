"""SQL statements through the workspace's Statement Execution API."""

import time

from databricks.sdk.service.sql import (
    ExecuteStatementRequestOnWaitTimeout,
    ResultData,
    StatementExecutionAPI,
    StatementResponse,
    StatementState,
)

from local_stack.demo.comparison import Answer, Rows
from local_stack.demo.failure import DemoFailure

STATEMENT_SECONDS = 300

_WAIT = "30s"
_POLL_SECONDS = 0.2
_UNDER_WAY = {StatementState.PENDING, StatementState.RUNNING}


class SqlWarehouse:
    """Runs statements on one warehouse; may be called from several threads."""

    def __init__(self, api: StatementExecutionAPI, warehouse_id: str) -> None:
        self._api = api
        self._warehouse_id = warehouse_id

    def query(self, statement: str) -> Answer:
        """Run one statement and wait for all its rows. Raises DemoFailure with the statement where it fails."""
        response = self._ended(statement)
        state = response.status.state if response.status else None
        if state is not StatementState.SUCCEEDED:
            error = response.status.error if response.status else None
            raise DemoFailure(f"a statement ended {state}: {error.message if error else ''}\n  {statement}")
        schema = response.manifest.schema if response.manifest else None
        columns = (schema.columns if schema else None) or []
        return Answer(
            columns=tuple((column.name or "", (column.type_text or "").lower()) for column in columns),
            rows=self._rows(response),
        )

    def _ended(self, statement: str) -> StatementResponse:
        until = time.monotonic() + STATEMENT_SECONDS
        response = self._api.execute_statement(
            statement,
            self._warehouse_id,
            wait_timeout=_WAIT,
            on_wait_timeout=ExecuteStatementRequestOnWaitTimeout.CONTINUE,
        )
        while response.status and response.status.state in _UNDER_WAY and response.statement_id:
            if time.monotonic() > until:
                self._api.cancel_execution(response.statement_id)
                raise DemoFailure(f"a statement did not end within {STATEMENT_SECONDS} s:\n  {statement}")
            time.sleep(_POLL_SECONDS)
            response = self._api.get_statement(response.statement_id)
        return response

    def _rows(self, response: StatementResponse) -> Rows:
        rows: list[tuple[str | None, ...]] = []
        part: ResultData | None = response.result
        while part is not None:
            rows += [tuple(row) for row in part.data_array or []]
            if part.next_chunk_index is None or response.statement_id is None:
                break
            part = self._api.get_statement_result_chunk_n(response.statement_id, part.next_chunk_index)
        return tuple(rows)
