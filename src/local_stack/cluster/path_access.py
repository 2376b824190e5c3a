"""What Unity Catalog refuses of a path, refused here: for tests of what a job's identity is told then.

Where a table is registered, access by path is judged by the table's own grants, and a path that encloses registered
tables is refused (Databricks documentation, "Path rules and access", and the pages on external locations). The errors
have the words that people reported: `INSUFFICIENT_PERMISSIONS` for reading (dbt-databricks, issue 838, of a catalog),
`PERMISSION_DENIED` of an `UnauthorizedAccessException` for writing, `LOCATION_OVERLAP` (elementary, issue 1635, of a
table to be created; `CheckPathAccess` of managed storage). Which of them a runtime gives for which access is not known,
and not whether it refuses Delta the look for a log in the folder above a path, so that is a choice here.
"""

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from delta.tables import DeltaTable
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrameReader, SparkSession

_BY_PATH = re.compile(r"delta\.`([^`]+)`", re.IGNORECASE)
_READING = {"SELECT", "DESCRIBE", "DESC", "SHOW", "WITH"}
_OWN_SPELLINGS = {"s3a": "s3", "s3n": "s3"}


@dataclass(frozen=True, kw_only=True)
class RegisteredTable:
    """A table of Unity Catalog. `grants` are the privileges on it by identity."""

    name: str
    location: str
    owner: str
    grants: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def allows(self, identity: str, privilege: str) -> bool:
        """Whether the identity owns the table or was given the privilege."""
        return identity == self.owner or privilege in self.grants.get(identity, frozenset())


class PathRefusedError(AnalysisException):  # type: ignore[misc]
    """A refusal while a statement is analysed."""

    def __init__(self, message: str, condition: str | None = None) -> None:
        super().__init__(message)
        self._refusal = condition

    def getCondition(self) -> str | None:  # noqa: N802, PySpark's
        """The error condition."""
        return self._refusal


class UnauthorizedAccessError(Exception):
    """A refusal while files are written, as it reaches Python: the text of an exception of the runtime's own."""


@contextmanager
def registered(
    spark: SparkSession, tables: Iterable[RegisteredTable], *, identity: str, refuses_looks_above: bool = False
) -> Iterator[None]:
    """Within the block this process reaches paths as the identity may, with these tables registered.

    refuses_looks_above: whether `isDeltaTable` fails where it finds no table and the folder above encloses some.
    """
    paths = _Paths(tuple(tables), identity)
    is_delta_table = paths.before(DeltaTable.isDeltaTable, paths.read, at=1)

    def with_looks_above(spark: SparkSession, path: str) -> bool:
        found: bool = is_delta_table(spark, path)
        if not found and refuses_looks_above:
            paths.outside(paths.read, path.rpartition("/")[0])
        return found

    with (
        mock.patch.object(DeltaTable, "isDeltaTable", with_looks_above),
        mock.patch.object(DeltaTable, "forPath", paths.before(DeltaTable.forPath, paths.read, at=1)),
        mock.patch.object(DeltaTable, "clone", paths.before(DeltaTable.clone, paths.write, at=1)),
        mock.patch.object(DataFrameReader, "load", paths.before(DataFrameReader.load, paths.read, at=1)),
        mock.patch.object(type(spark), "sql", paths.before(type(spark).sql, paths.run, at=1)),
    ):
        yield


class _Paths:
    """What one identity may do with which path."""

    def __init__(self, tables: tuple[RegisteredTable, ...], identity: str) -> None:
        self._tables = tables
        self._identity = identity
        self._called = threading.local()

    def before(self, call: Callable[..., Any], check: Callable[[str], None], *, at: int) -> Callable[..., Any]:
        """The call, with its argument at this place checked first. What it calls itself is not."""

        def checked(*arguments: Any, **named: Any) -> Any:
            subject = arguments[at] if len(arguments) > at else named.get("target") or named.get("path")
            if isinstance(subject, str):
                self.outside(check, subject)
            before, self._called.is_within = getattr(self._called, "is_within", False), True
            try:
                return call(*arguments, **named)
            finally:
                self._called.is_within = before

        return checked

    def outside(self, check: Callable[[str], None], path: str) -> None:
        """The check, unless a call that was checked already comes to this path itself."""
        if not getattr(self._called, "is_within", False):
            check(path)

    def read(self, path: str) -> None:
        """Raises PathRefusedError where the identity may not read there."""
        for table in self._judging(path):
            if not table.allows(self._identity, "SELECT"):
                raise PathRefusedError(
                    f"Insufficient privileges:\nUser does not have SELECT on Table '{table.name}'. SQLSTATE: 42501",
                    "INSUFFICIENT_PERMISSIONS",
                )

    def write(self, path: str) -> None:
        """Raises UnauthorizedAccessError, or PathRefusedError, where the identity may not write there."""
        for table in self._judging(path):
            if not table.allows(self._identity, "MODIFY"):
                raise UnauthorizedAccessError(
                    "com.databricks.sql.managedcatalog.acl.UnauthorizedAccessException: "
                    f"PERMISSION_DENIED: User does not have MODIFY on Table '{table.name}'."
                )

    def run(self, statement: str) -> None:
        """Checks the paths that a statement names as Delta tables."""
        check = self.read if statement.split(maxsplit=1)[0].upper() in _READING else self.write
        for path in _BY_PATH.findall(statement):
            check(path)

    def _judging(self, path: str) -> list[RegisteredTable]:
        """The tables whose grants decide about the path. Raises PathRefusedError where it encloses some."""
        judging = [table for table in self._tables if _lies_in(path, table.location)]
        within = [table for table in self._tables if table not in judging and _lies_in(table.location, path)]
        if within:
            raise PathRefusedError(
                "[RequestId=00000000-0000-0000-0000-000000000000 ErrorClass=INVALID_PARAMETER_VALUE.LOCATION_OVERLAP] "
                f"Input path url '{path}' overlaps with other external tables or volumes within 'CheckPathAccess' "
                f"call. Conflicting tables/volumes: {', '.join(table.name for table in within)}."
            )
        return judging


def _lies_in(path: str, folder: str) -> bool:
    """Whether a path is this folder, or something in it."""
    return f"{_spelled(path)}/".startswith(f"{_spelled(folder)}/")


def _spelled(location: str) -> str:
    scheme, _, rest = location.partition(":")
    scheme = _OWN_SPELLINGS.get(scheme.lower(), scheme.lower())
    return f"{scheme}:/{rest.strip('/')}"
