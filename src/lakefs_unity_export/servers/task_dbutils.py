"""The `dbutils` of the task that this process runs, whichever way its runtime offers it.

Databricks documents more than one way to it, and none of them works on every runtime: where Spark is Spark Connect,
`databricks.sdk.runtime` cannot be imported, or gives a `RemoteDbUtils`. That one reads secrets, but its task values are
of no task: `set` does nothing, and says nothing.
"""

import importlib.util
import os
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from lakefs_unity_export.errors import WorkspaceError

OUTSIDE = "this is not a Databricks task: start it as a task of its job"
# Asked for of a task that no job has, to see whether there is a run to look for it in.
_NO_TASK = "no_task_of_this_name"


def task_dbutils(out: TextIO, *, with_task_values: bool = True) -> Any:
    """The first `dbutils` that can be had, and whose task values are those of a running task; says which on `out`.

    with_task_values: whether they are needed; without, a `dbutils` that only reads secrets will do.
    Raises WorkspaceError outside a task, and where no way leads to one, with each way and why it does not.
    """
    if importlib.util.find_spec("dbruntime") is None and "DATABRICKS_RUNTIME_VERSION" not in os.environ:
        raise WorkspaceError(OUTSIDE)
    failures = []
    for way, find in _ways():
        try:
            dbutils = find()
            if with_task_values:
                _require_task_values(dbutils)
        except Exception as error:  # a runtime that lacks a way says so in any of many manners
            failures.append(f"{way}: {_line(error)}")
        else:
            print(f"dbutils: {way}", file=out)
            return dbutils
    wanted = "dbutils"
    if with_task_values:
        wanted += " with task values, through which the job's tasks hear from each other"
    raise WorkspaceError(
        f"this task's runtime gives it no {wanted}. Tried: {'; '.join(failures)}. Start it as a task of its job; where "
        "it was, run it on a classic cluster in dedicated access mode, as docs/overrides/private_network.yml does"
    )


def _ways() -> Iterator[tuple[str, Callable[[], Any]]]:
    yield "databricks.sdk.runtime.dbutils", _of_runtime
    yield "dbutils of IPython's user namespace", _of_ipython
    yield "pyspark.dbutils.DBUtils(spark)", _of_spark


def _of_runtime() -> Any:
    from databricks.sdk.runtime import dbutils

    return dbutils


def _of_ipython() -> Any:
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        raise LookupError("no IPython runs here")
    if "dbutils" not in shell.user_ns:
        raise LookupError("its user namespace has none")
    return shell.user_ns["dbutils"]


def _of_spark() -> Any:
    from pyspark.dbutils import DBUtils

    return DBUtils(task_spark())


def task_spark() -> Any:
    """The task's Spark session: serverless compute documents Databricks Connect's way to it, clusters Spark's own.

    Raises ImportError where there is no Spark, and what its making raises.
    """
    try:
        from databricks.connect import DatabricksSession
    except ImportError:
        from pyspark.sql import SparkSession

        return SparkSession.builder.getOrCreate()
    return DatabricksSession.builder.getOrCreate()


def _require_task_values(dbutils: Any) -> None:
    """Raises LookupError where `dbutils` has no task values, or is not in a run of a job.

    `set` does nothing outside a run, and gives no sign; `get` raises TypeError there, and inside a run ValueError for
    a task that is not known (Databricks documentation of `taskValues`).
    """
    from databricks.sdk.dbutils import RemoteDbUtils

    if isinstance(dbutils, RemoteDbUtils):
        raise LookupError("a RemoteDbUtils, whose task values are of no run")
    task_values: Any = getattr(getattr(dbutils, "jobs", None), "taskValues", None)
    if task_values is None:
        raise LookupError(f"{type(dbutils).__name__} has no task values")
    try:
        task_values.get(taskKey=_NO_TASK, key=_NO_TASK)
    except TypeError as error:
        raise LookupError(f"{type(dbutils).__name__} has task values of no run: {_line(error)}") from error
    except Exception:  # the run was asked, and has no such task
        return


def _line(error: BaseException) -> str:
    """The error's class, and the first of what it says."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}".removesuffix(": ")
