"""Clusters, SQL warehouses and the statement execution API: one of each exists."""

import threading
import uuid
from collections.abc import Mapping
from typing import Any

from local_stack.workspace.endpoints.calls import Answer, Call, Endpoints
from local_stack.workspace.errors import does_not_exist, invalid
from local_stack.workspace.executors.notebook_and_sql import RUNNING_CLUSTER_ID, SqlWarehouse, sql_error_text
from local_stack.workspace.executors.warehouse_access import WarehouseAccess

SPARK_VERSION = "17.3.x-scala2.13"
NODE_TYPE = "local.2"
WAIT_LIMIT_SECONDS = 50


class ComputeEndpoints:
    """From HTTP to the running cluster and the warehouse."""

    def __init__(self, warehouse: SqlWarehouse, *, access: WarehouseAccess, owner: str) -> None:
        self._warehouse = warehouse
        self._access = access
        self._owner = owner
        self._lock = threading.Lock()
        self._statements: dict[str, _Statement] = {}

    def endpoints(self) -> Endpoints:
        """Method and path to the endpoint."""
        table: dict[tuple[str, str], Any] = {
            ("GET", "/api/2.0/sql/warehouses"): self.warehouses,
            ("GET", "/api/2.0/sql/warehouses/{id}"): self.warehouse,
            ("POST", "/api/2.0/sql/warehouses/{id}/start"): self.start,
            ("POST", "/api/2.0/sql/warehouses/{id}/stop"): self.stop,
            ("POST", "/api/2.0/sql/statements"): self.execute,
            ("GET", "/api/2.0/sql/statements/{id}"): self.statement,
            ("POST", "/api/2.0/sql/statements/{id}/cancel"): self.cancel,
        }
        for version in ("2.0", "2.1"):
            table["GET", f"/api/{version}/clusters/get"] = self.cluster
            table["GET", f"/api/{version}/clusters/list"] = self.clusters
            table["GET", f"/api/{version}/clusters/spark-versions"] = self.spark_versions
            table["GET", f"/api/{version}/clusters/list-node-types"] = self.node_types
        return table

    def warehouses(self, call: Call) -> Answer:
        """The only warehouse, where the caller may view it."""
        return {"warehouses": [self._warehouse_body()] if self._access.may_view(call.principal) else []}

    def warehouse(self, call: Call) -> Answer:
        """The warehouse with this id."""
        self._access.require(call.principal, call.path_parameters["id"], "CAN_VIEW")
        return self._warehouse_body()

    def start(self, call: Call) -> Answer:
        """Start it; it runs at once."""
        call.accept("id")
        self._access.use(call.principal, call.path_parameters["id"])
        return {}

    def stop(self, call: Call) -> Answer:
        """Stop it; the next statement starts it."""
        call.accept("id")
        self._access.stop(call.principal, call.path_parameters["id"])
        return {}

    def clusters(self, _call: Call) -> Answer:
        """The only running cluster."""
        return {"clusters": [self._cluster_body()]}

    def cluster(self, call: Call) -> Answer:
        """The cluster with this id."""
        if call.text("cluster_id") != RUNNING_CLUSTER_ID:
            raise invalid(f"Cluster {call.text('cluster_id')} does not exist.")
        return self._cluster_body()

    def spark_versions(self, _call: Call) -> Answer:
        """The runtime that the local cluster stands for."""
        return {"versions": [{"key": SPARK_VERSION, "name": "17.3 LTS (local)"}]}

    def node_types(self, _call: Call) -> Answer:
        """The only node type."""
        node = {"node_type_id": NODE_TYPE, "memory_mb": 2048, "num_cores": 2.0, "description": NODE_TYPE}
        return {"node_types": [{**node, "instance_type_id": NODE_TYPE, "category": "General Purpose"}]}

    def execute(self, call: Call) -> Answer:
        """Start a statement, and wait for it as long as the caller says."""
        call.accept(
            *("statement", "warehouse_id", "parameters", "catalog", "schema", "wait_timeout", "on_wait_timeout"),
            *("format", "disposition"),
        )
        self._access.use(call.principal, call.text("warehouse_id"))
        if call.text("format", "JSON_ARRAY") != "JSON_ARRAY" or call.text("disposition", "INLINE") != "INLINE":
            raise invalid("The local workspace returns results only as JSON_ARRAY, INLINE.")
        seconds = _seconds(call.text("wait_timeout", "10s"))
        statement = _Statement(
            self._warehouse,
            sql=call.text("statement"),
            parameters=_parameters(call.items("parameters")),
            catalog=call.text("catalog", "") or None,
            schema=call.text("schema", "") or None,
        )
        with self._lock:
            self._statements[statement.id] = statement
        statement.wait(seconds)
        if call.text("on_wait_timeout", "CONTINUE") == "CANCEL":
            statement.cancel()
        return statement.body()

    def statement(self, call: Call) -> Answer:
        """A statement's state and result."""
        return self._statement(call).body()

    def cancel(self, call: Call) -> Answer:
        """Cancel a statement."""
        self._statement(call).cancel()
        return {}

    def _statement(self, call: Call) -> "_Statement":
        with self._lock:
            found = self._statements.get(call.path_parameters["id"])
        if found is None:
            raise does_not_exist(f"The statement {call.path_parameters['id']} was not found.")
        return found

    def _warehouse_body(self) -> dict[str, Any]:
        return {
            "id": self._access.warehouse_id,
            "name": "Local Warehouse",
            "state": self._access.state,
            "cluster_size": "2X-Small",
            "warehouse_type": "PRO",
            "enable_serverless_compute": True,
            "creator_name": self._owner,
            "num_clusters": 1,
            "min_num_clusters": 1,
            "max_num_clusters": 1,
            "auto_stop_mins": 0,
        }

    def _cluster_body(self) -> dict[str, Any]:
        return {
            "cluster_id": RUNNING_CLUSTER_ID,
            "cluster_name": "Local Cluster",
            "state": "RUNNING",
            "spark_version": SPARK_VERSION,
            "node_type_id": NODE_TYPE,
            "num_workers": 0,
            "data_security_mode": "SINGLE_USER",
            "single_user_name": self._owner,
            "creator_user_name": self._owner,
            "cluster_source": "UI",
        }


class _Statement:
    """One statement, run in a thread."""

    def __init__(
        self,
        warehouse: SqlWarehouse,
        *,
        sql: str,
        parameters: Mapping[str, str | None],
        catalog: str | None,
        schema: str | None,
    ) -> None:
        self.id = str(uuid.uuid4())
        self._done = threading.Event()
        self._state = "RUNNING"
        self._result: dict[str, Any] = {}
        self._lock = threading.Lock()

        def run() -> None:
            try:
                results = warehouse.execute(sql, parameters, catalog=catalog, schema=schema)
                self._end("SUCCEEDED", _result_body(results[-1]) if results else {})
            except Exception as error:
                self._end("FAILED", {"error": {"error_code": "BAD_REQUEST", "message": sql_error_text(error)}})

        threading.Thread(target=run, name=f"statement-{self.id}", daemon=True).start()

    def wait(self, seconds: float) -> None:
        self._done.wait(seconds)

    def cancel(self) -> None:
        self._end("CANCELED", {})

    def body(self) -> dict[str, Any]:
        with self._lock:
            status: dict[str, Any] = {"state": self._state}
            result = dict(self._result)
        if "error" in result:
            status["error"] = result.pop("error")
        return {"statement_id": self.id, "status": status, **result}

    def _end(self, state: str, result: dict[str, Any]) -> None:
        """Only the first end counts: a statement that was canceled keeps no late result."""
        with self._lock:
            if self._state == "RUNNING":
                self._state, self._result = state, result
        self._done.set()


def _parameters(entries: list[dict[str, Any]]) -> dict[str, str | None]:
    for entry in entries:
        if set(entry) - {"name", "value", "type"} or (entry.get("type") or "STRING").upper() != "STRING":
            raise invalid(f"The parameter '{entry.get('name')}' is not a STRING; the local workspace takes no other.")
    return {str(entry["name"]): entry.get("value") for entry in entries}


def _seconds(text: str) -> float:
    number = text.removesuffix("s")
    if not number.isdigit() or not (int(number) == 0 or 5 <= int(number) <= WAIT_LIMIT_SECONDS):
        raise invalid(f"wait_timeout '{text}' is neither 0s nor between 5s and {WAIT_LIMIT_SECONDS}s.")
    return float(number)


def _result_body(result: Any) -> dict[str, Any]:
    columns = [
        {"name": name, "type_text": text, "type_name": text.split("(")[0].split("<")[0].upper(), "position": position}
        for position, (name, text) in enumerate(result.columns)
    ]
    rows = [list(row) for row in result.rows]
    return {
        "manifest": {
            "format": "JSON_ARRAY",
            "schema": {"column_count": len(columns), "columns": columns},
            "total_row_count": len(rows),
            "total_chunk_count": 1,
            "truncated": bool(getattr(result, "truncated", False)),
            "chunks": [{"chunk_index": 0, "row_offset": 0, "row_count": len(rows)}],
        },
        "result": {"chunk_index": 0, "row_offset": 0, "row_count": len(rows), "data_array": rows},
    }
