"""Queries of tasks on serverless compute, between their session and Spark; no part of Databricks' public API."""

from local_stack.workspace.endpoints.calls import Answer, Call, Endpoints
from local_stack.workspace.errors import denied, invalid
from local_stack.workspace.executors.notebook_and_sql import SqlWarehouse, sql_error_text
from local_stack.workspace.jobs.runs import RunStore


class ServerlessEndpoints:
    """Runs queries of tasks. The token says which task asks, and its settings where it runs."""

    def __init__(self, runs: RunStore, warehouse: SqlWarehouse) -> None:
        self._runs = runs
        self._warehouse = warehouse

    def endpoints(self) -> Endpoints:
        """Method and path to the endpoint."""
        return {("POST", "/local-stack/serverless-queries"): self.query}

    def query(self, call: Call) -> Answer:
        """The rows of the query, or what Spark said where it failed."""
        run_id = call.caller.task_run_id
        task_run = self._runs.find(run_id)[1] if run_id is not None else None
        if task_run is None or not task_run.settings.get("environment_key"):
            raise denied("A session of serverless compute is for tasks on it; this token is of none.")
        query = call.text("query")
        if not query.upper().startswith("SELECT "):
            raise invalid("The local workspace runs queries on serverless compute, and no other statements.")
        try:
            (result,) = self._warehouse.query_on_serverless(query)
        except Exception as error:  # whatever Spark says is the query's error
            return {"error": sql_error_text(error)}
        return {"rows": [list(row) for row in result.rows]}
