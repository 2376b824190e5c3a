"""`databricks.connect` for wheel tasks on serverless compute, as its Python has it: a session that runs queries.

Names follow the reference of Databricks Connect. What is not here raises an error that says so.
"""

import sys
import types
from typing import Any

from dbruntime.dbutils import WorkspaceCalls
from dbruntime.task_context import current_context


class QueryError(Exception):
    """What Spark says of a query that fails, as text alone, which is all that Spark Connect need give."""


class _Part:
    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{type(self).__name__.strip('_')}.{name} is not supported in the local workspace")


class _DataFrame(_Part):
    def __init__(self, query: str) -> None:
        self._query = query

    def collect(self) -> list[tuple[str | None, ...]]:
        """The query's rows, values as text. Raises QueryError."""
        context = current_context()
        workspace = WorkspaceCalls(context.host, context.token)
        answer = workspace.call("POST", "/local-stack/serverless-queries", {"query": self._query})
        if "error" in answer:
            raise QueryError(answer["error"])
        return [tuple(row) for row in answer["rows"]]


class _Session(_Part):
    def sql(self, query: str) -> _DataFrame:
        """A query, which runs once its rows are asked for."""
        return _DataFrame(query)


class _Builder(_Part):
    def getOrCreate(self) -> _Session:  # noqa: N802, Spark's
        """The task's session."""
        return _Session()


def offer_session() -> None:
    """Give this process the module."""
    module = types.ModuleType("databricks.connect")
    module.DatabricksSession = types.SimpleNamespace(builder=_Builder())  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
