"""A SQL warehouse: statements of Databricks SQL over Unity Catalog and Delta, run by one Spark process of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_stack.spark.process import SparkProcess
from local_stack.warehouse.limits import Limits

DRIVER = "local_stack.warehouse.driver:WarehouseDriver"


class WarehouseError(Exception):
    """A statement failed. The message names its number and line; `statement_number` counts from 1 (0: the text)."""

    def __init__(self, message: str, *, error_class: str, statement_number: int) -> None:
        super().__init__(message)
        self.message = message
        self.error_class = error_class
        self.statement_number = statement_number


@dataclass(frozen=True, kw_only=True)
class StatementResult:
    """What one statement returned: columns as (name, type), rows as text or None."""

    statement: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str | None, ...], ...]
    truncated: bool


class Warehouse:
    """The warehouse and its Spark process.

    Parameters: address and token of a Unity Catalog server; Spark configuration over the local stack's own; a
    folder for the process's log and files; as whom it makes tables, which that principal owns then.
    `limits` says what it is refused, and may be changed while it runs; `serverless_limits` likewise of serverless
    compute, whose queries its Spark runs too.
    """

    def __init__(
        self,
        *,
        unity_catalog_url: str,
        unity_catalog_token: str,
        spark_conf: Mapping[str, str],
        folder: Path,
        principal: str = "",
    ) -> None:
        self.limits = self.serverless_limits = Limits()
        self._folder = folder
        self._spark = SparkProcess(
            name="warehouse",
            driver=DRIVER,
            spark_conf=spark_conf,
            folder=folder,
            driver_options={
                "unity_catalog_url": unity_catalog_url,
                "unity_catalog_token": unity_catalog_token,
                "principal": principal,
            },
        )

    def start(self) -> None:
        """Start the Spark process; returns once it takes statements."""
        self._spark.start()

    def warm(self) -> None:
        """Have the started Spark load what its first statements need, which takes it many times as long as later ones.

        May be called from a thread of its own, while others run statements. Unity Catalog is only read. Raises
        SparkCallError where the process is gone.
        """
        self._spark.call("warm", location=(self._folder.absolute() / "warm").as_uri())

    def stop(self) -> None:
        """Stop the Spark process; a second call does nothing."""
        self._spark.stop()

    def execute(
        self,
        sql: str,
        parameters: Mapping[str, str | None],
        *,
        catalog: str | None = None,
        schema: str | None = None,
    ) -> list[StatementResult]:
        """Run the statements of a text in order, in a fresh session; parameters bind markers ``:name`` as text.

        `catalog` and `schema` are current at the start. May be called from several threads. Raises WarehouseError
        for the first statement that fails: those before it keep their effect.
        """
        return self._execute(sql, self.limits, parameters=dict(parameters), catalog=catalog, schema=schema)

    def query_on_serverless(self, query: str) -> list[StatementResult]:
        """Run a query in a fresh session, as serverless compute would. Raises WarehouseError where it fails."""
        return self._execute(query, self.serverless_limits, parameters={}, catalog=None, schema=None)

    def _execute(self, sql: str, limits: Limits, **given: Any) -> list[StatementResult]:
        answer = self._spark.call("execute", sql=sql, limits=limits.as_json(), **given)
        error = answer.get("error")
        if error:
            raise WarehouseError(
                error["message"], error_class=error["error_class"], statement_number=error["statement_number"]
            )
        return [_result(result) for result in answer["results"]]


def _result(answer: Mapping[str, object]) -> StatementResult:
    columns, rows = answer["columns"], answer["rows"]
    assert isinstance(columns, list)
    assert isinstance(rows, list)
    return StatementResult(
        statement=str(answer["statement"]),
        columns=tuple((name, kind) for name, kind in columns),
        rows=tuple(tuple(row) for row in rows),
        truncated=bool(answer["truncated"]),
    )
