"""The warehouse inside its Spark process: answers `execute` with the results of a file's statements."""

from collections.abc import Mapping
from typing import Any

from pyspark.sql import SparkSession

from local_stack.catalog_client import CatalogClient
from local_stack.warehouse.delta import read_delta_metadata
from local_stack.warehouse.errors import StatementError
from local_stack.warehouse.limits import Limits
from local_stack.warehouse.session import Session
from local_stack.warehouse.tokens import SqlTextError, Statement, quoted, split_statements

# Variables, a history, the information schema and a query.
_WARMING = """
DECLARE warm_text STRING;
SET VARIABLE warm_text = (
  SELECT 'SELECT max(v["a"]) FROM (SELECT from_json(userMetadata, "MAP<STRING, STRING>") AS v FROM (DESCRIBE HISTORY '
    || :table || ' LIMIT 1))' || CASE WHEN count_if(storage_path RLIKE :table) > 0 THEN '' ELSE ' WHERE TRUE' END
  FROM IDENTIFIER(:tables) WHERE table_name = lower(:table)
);
EXECUTE IMMEDIATE warm_text INTO warm_text;
SELECT count(*) AS rows FROM IDENTIFIER(:table)
"""


class WarehouseDriver:
    """Built in the Spark process with the address of Unity Catalog; its methods are called from outside."""

    def __init__(
        self, spark: SparkSession, *, unity_catalog_url: str, unity_catalog_token: str, principal: str = ""
    ) -> None:
        self._spark = spark
        self._client = CatalogClient(unity_catalog_url, unity_catalog_token, principal=principal)

    def execute(
        self,
        *,
        sql: str,
        parameters: Mapping[str, str | None],
        catalog: str | None,
        schema: str | None,
        limits: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Run the statements of a text in a fresh session, in order, up to the first that fails.

        limits: `Limits.as_json()`.
        Returns {"results": [...]}, and {"error": {...}} beside them where one failed.
        """
        results: list[dict[str, Any]] = []
        try:
            statements = split_statements(sql)
        except SqlTextError as error:
            return {"results": [], "error": _error(str(error), "PARSE_SYNTAX_ERROR", 0, 0, None)}
        session = Session(self._spark, self._client, catalog, schema, limits=Limits.of_json(limits))
        for number, statement in enumerate(statements, start=1):
            try:
                result = session.run(statement.text, parameters)
            except StatementError as error:
                found = _error(error.message, error.error_class, number, len(statements), statement)
                return {"results": results, "error": found}
            results.append({"statement": statement.text, **result.as_json()})
        return {"results": results}

    def warm(self, *, location: str) -> None:
        """Run one statement of each kind that exports have, on an empty Delta table that is made at the location.

        Unity Catalog is only read. Raises RuntimeError where a statement fails.
        """
        table = f"delta.{quoted(location)}"
        self._spark.sql(f"CREATE TABLE IF NOT EXISTS {table} (id BIGINT) USING delta")
        read_delta_metadata(self._spark, location)
        for catalog in self._client.list_all("catalog")[:1]:
            tables = quoted(catalog["name"], "information_schema", "tables")
            answer = self.execute(
                sql=_WARMING,
                parameters={"table": table, "tables": tables},
                catalog=None,
                schema=None,
                limits=Limits().as_json(),
            )
            if "error" in answer:
                raise RuntimeError(answer["error"]["message"])


def _error(message: str, error_class: str, number: int, count: int, statement: Statement | None) -> dict[str, Any]:
    place = f"Statement {number} of {count} (line {statement.line}): " if statement else ""
    return {"message": f"{place}{message}", "error_class": error_class, "statement_number": number}
