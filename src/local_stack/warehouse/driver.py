"""The warehouse inside its Spark process: answers `execute` with the results of a file's statements."""

from collections.abc import Mapping
from typing import Any

from pyspark.sql import SparkSession

from local_stack.catalog_client import CatalogClient
from local_stack.warehouse.errors import StatementError
from local_stack.warehouse.session import Session
from local_stack.warehouse.tokens import SqlTextError, Statement, split_statements


class WarehouseDriver:
    """Built in the Spark process with the address of Unity Catalog; its methods are called from outside."""

    def __init__(self, spark: SparkSession, *, unity_catalog_url: str, unity_catalog_token: str) -> None:
        self._spark = spark
        self._client = CatalogClient(unity_catalog_url, unity_catalog_token)

    def execute(
        self,
        *,
        sql: str,
        parameters: Mapping[str, str | None],
        catalog: str | None,
        schema: str | None,
        uses_system_catalog: bool,
    ) -> dict[str, Any]:
        """Run the statements of a text in a fresh session, in order, up to the first that fails.

        Returns {"results": [...]}, and {"error": {...}} beside them where one failed.
        """
        results: list[dict[str, Any]] = []
        try:
            statements = split_statements(sql)
        except SqlTextError as error:
            return {"results": [], "error": _error(str(error), "PARSE_SYNTAX_ERROR", 0, 0, None)}
        session = Session(self._spark, self._client, catalog, schema, uses_system_catalog=uses_system_catalog)
        for number, statement in enumerate(statements, start=1):
            try:
                result = session.run(statement.text, parameters)
            except StatementError as error:
                found = _error(error.message, error.error_class, number, len(statements), statement)
                return {"results": results, "error": found}
            results.append({"statement": statement.text, **result.as_json()})
        return {"results": results}


def _error(message: str, error_class: str, number: int, count: int, statement: Statement | None) -> dict[str, Any]:
    place = f"Statement {number} of {count} (line {statement.line}): " if statement else ""
    return {"message": f"{place}{message}", "error_class": error_class, "statement_number": number}
