"""Errors of statements, in the words and classes of a Databricks SQL warehouse."""

from collections.abc import Iterator
from typing import Any

from local_stack.warehouse.tokens import quoted


class StatementError(Exception):
    """One statement failed. `error_class` is Spark's or Databricks' error condition."""

    def __init__(self, error_class: str, message: str) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.message = message


def table_not_found(name: tuple[str, ...]) -> StatementError:
    """A table or view that Unity Catalog does not have."""
    return StatementError(
        "TABLE_OR_VIEW_NOT_FOUND",
        f"[TABLE_OR_VIEW_NOT_FOUND] The table or view {quoted(*name)} cannot be found in Unity Catalog. "
        "Check its spelling, its schema and its catalog.",
    )


def schema_not_found(name: tuple[str, ...]) -> StatementError:
    """A schema that Unity Catalog does not have."""
    return StatementError(
        "SCHEMA_NOT_FOUND",
        f"[SCHEMA_NOT_FOUND] The schema {quoted(*name)} cannot be found in Unity Catalog. Create it first.",
    )


def catalog_not_found(name: str) -> StatementError:
    """A catalog that Unity Catalog does not have."""
    return StatementError(
        "NO_SUCH_CATALOG_EXCEPTION",
        f"[NO_SUCH_CATALOG_EXCEPTION] The catalog {quoted(name)} does not exist in Unity Catalog. "
        "Create it first, or correct its name.",
    )


def may_not_use_catalog(name: str) -> StatementError:
    """A catalog that the identity may not use, in the words of a warehouse (dbt-databricks, issue 838)."""
    return StatementError(
        "INSUFFICIENT_PERMISSIONS",
        "[INSUFFICIENT_PERMISSIONS] Insufficient privileges:\n"
        f"User does not have USE CATALOG on Catalog '{name}'. SQLSTATE: 42501",
    )


def unsupported(statement: str, remedy: str = "") -> StatementError:
    """A statement that the local warehouse does not run."""
    return StatementError(
        "UNSUPPORTED_STATEMENT",
        f"[UNSUPPORTED_STATEMENT] The local SQL warehouse does not support {statement}.{' ' if remedy else ''}{remedy}",
    )


def spark_failure(error: Any) -> StatementError:
    """What Spark raised, from its Python wrapper: the first cause with an error class, else the innermost one."""
    java_error = getattr(error, "_origin", None) or getattr(error, "java_exception", None)
    if java_error is None:
        return StatementError(type(error).__name__, str(error).strip())
    causes = list(_causes(java_error))
    classed = [(cause, condition) for cause in causes if (condition := _condition(cause))]
    cause, condition = classed[0] if classed else (causes[-1], str(causes[-1].getClass().getSimpleName()))
    return StatementError(condition, str(cause.getMessage()).strip())


def _causes(java_error: Any) -> Iterator[Any]:
    while java_error is not None:
        yield java_error
        java_error = java_error.getCause()


def _condition(java_error: Any) -> str | None:
    """The error class of a SparkThrowable; other exceptions of Java have none."""
    methods = {method.getName() for method in java_error.getClass().getMethods()}
    return java_error.getCondition() if "getCondition" in methods else None
