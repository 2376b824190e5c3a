"""The dbutils of a task, on runtimes that offer it in one way only, in none, or in a way that loses task values."""

import io
import sys
import types
from types import SimpleNamespace
from typing import Any

import pytest
from databricks.sdk.dbutils import RemoteDbUtils, _JobsUtil

from lakefs_unity_export.errors import WorkspaceError
from lakefs_unity_export.servers.task_dbutils import OUTSIDE, task_dbutils

# What Spark Connect raises where a classic context is asked for (databricks-sdk-py, issue 1463).
CONNECT_ERROR = RuntimeError("[CONTEXT_UNAVAILABLE_FOR_REMOTE_CLIENT] Remote client cannot create a SparkContext.")


class TaskValues:
    """Those of a run, or of none, as Databricks documents both."""

    def __init__(self, of_a_run: bool = True) -> None:
        self.of_a_run = of_a_run
        self.written: list[str] = []

    def set(self, key: str, value: Any) -> None:
        self.written.append(key)

    def get(self, taskKey: str, key: str, default: Any = None, debugValue: Any = None) -> Any:  # noqa: N803
        if self.of_a_run:
            raise ValueError(f"Task key does not exist in run: {taskKey}")
        raise TypeError("Must pass debugValue when calling get outside of a job context. debugValue cannot be None.")


def dbutils_with(task_values: object) -> SimpleNamespace:
    return SimpleNamespace(jobs=SimpleNamespace(taskValues=task_values))


def remote_dbutils() -> RemoteDbUtils:
    """One that was made without looking for a workspace."""
    remote = object.__new__(RemoteDbUtils)
    remote.jobs = _JobsUtil()
    return remote


class Runtime:
    """The modules that a runtime has. A way is given its dbutils, or the error that it raises."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "client.4.0")
        for name in ("databricks.sdk.runtime", "IPython", "pyspark.dbutils", "databricks.connect"):
            self._module(name, None)
        self.sessions: list[str] = []

    def _module(self, name: str, module: types.ModuleType | None) -> None:
        self._monkeypatch.setitem(sys.modules, name, module)

    def of_sdk(self, dbutils: object) -> None:
        def give(name: str) -> object:
            if name != "dbutils":
                raise AttributeError(name)
            if isinstance(dbutils, Exception):
                raise dbutils
            return dbutils

        module = types.ModuleType("databricks.sdk.runtime")
        module.__getattr__ = give  # type: ignore[method-assign]
        self._module("databricks.sdk.runtime", module)

    def of_ipython(self, user_ns: dict[str, object] | None) -> None:
        shell = None if user_ns is None else SimpleNamespace(user_ns=user_ns)
        module = types.ModuleType("IPython")
        module.get_ipython = lambda: shell  # type: ignore[attr-defined]
        self._module("IPython", module)

    def of_spark(self, dbutils: object, *, connect: bool) -> None:
        def made(spark: str) -> object:
            self.sessions.append(spark)
            return dbutils

        def builder(session: str) -> SimpleNamespace:
            return SimpleNamespace(builder=SimpleNamespace(getOrCreate=lambda: session))

        for name, attribute, value in (
            ("pyspark", "__path__", []),
            ("pyspark.dbutils", "DBUtils", made),
            ("pyspark.sql", "SparkSession", builder("of Spark")),
            *([("databricks.connect", "DatabricksSession", builder("of Databricks Connect"))] if connect else []),
        ):
            module = types.ModuleType(name)
            setattr(module, attribute, value)
            self._module(name, module)


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Runtime:
    return Runtime(monkeypatch)


def test_the_runtimes_namespace_goes_first(runtime: Runtime, out: io.StringIO) -> None:
    ours = dbutils_with(TaskValues())
    runtime.of_sdk(ours)
    runtime.of_ipython({"dbutils": dbutils_with(TaskValues())})
    assert task_dbutils(out) is ours
    assert out.getvalue() == "dbutils: databricks.sdk.runtime.dbutils\n"
    assert ours.jobs.taskValues.written == []


@pytest.mark.parametrize(
    "of_sdk",
    [CONNECT_ERROR, ValueError("default auth: cannot configure default credentials"), None, "remote", "of no run"],
    ids=str,
)
def test_ipythons_user_namespace_goes_second(runtime: Runtime, out: io.StringIO, of_sdk: object) -> None:
    made: dict[object, object] = {"remote": remote_dbutils(), "of no run": dbutils_with(TaskValues(of_a_run=False))}
    ours = dbutils_with(TaskValues())
    runtime.of_sdk(made.get(of_sdk, of_sdk))
    runtime.of_ipython({"dbutils": ours})
    runtime.of_spark(dbutils_with(TaskValues()), connect=True)
    assert task_dbutils(out) is ours
    assert out.getvalue() == "dbutils: dbutils of IPython's user namespace\n"
    assert runtime.sessions == []


@pytest.mark.parametrize(("connect", "session"), [(True, "of Databricks Connect"), (False, "of Spark")])
@pytest.mark.parametrize("user_ns", [None, {}], ids=["no shell", "no dbutils"])
def test_dbutils_of_a_session_go_third(
    runtime: Runtime, out: io.StringIO, user_ns: dict[str, object] | None, connect: bool, session: str
) -> None:
    ours = dbutils_with(TaskValues())
    runtime.of_ipython(user_ns)
    runtime.of_spark(ours, connect=connect)
    assert task_dbutils(out) is ours
    assert runtime.sessions == [session]
    assert out.getvalue() == "dbutils: pyspark.dbutils.DBUtils(spark)\n"


def test_where_no_way_gives_task_values_each_is_named_with_the_reason(runtime: Runtime, out: io.StringIO) -> None:
    runtime.of_sdk(CONNECT_ERROR)
    runtime.of_ipython({"dbutils": remote_dbutils()})
    # That of Databricks Connect has no jobs at all.
    runtime.of_spark(SimpleNamespace(secrets=None), connect=True)
    with pytest.raises(WorkspaceError) as raised:
        task_dbutils(out)
    assert str(raised.value) == (
        "this task's runtime gives it no dbutils with task values, through which the job's tasks hear from each other. "
        "Tried: databricks.sdk.runtime.dbutils: RuntimeError: [CONTEXT_UNAVAILABLE_FOR_REMOTE_CLIENT] Remote client "
        "cannot create a SparkContext.; "
        "dbutils of IPython's user namespace: LookupError: a RemoteDbUtils, whose task values are of no run; "
        "pyspark.dbutils.DBUtils(spark): LookupError: SimpleNamespace has no task values. "
        "Start it as a task of its job; where it was, run it on a classic cluster in dedicated access mode, as "
        "docs/overrides/private_network.yml does"
    )
    assert out.getvalue() == ""


def test_task_values_outside_a_run_are_refused_with_what_databricks_says(runtime: Runtime, out: io.StringIO) -> None:
    """Databricks documentation: there `set` does nothing, and `get` raises a TypeError."""
    outside = TaskValues(of_a_run=False)
    runtime.of_sdk(dbutils_with(outside))
    with pytest.raises(WorkspaceError, match="has task values of no run: TypeError: Must pass debugValue"):
        task_dbutils(out)
    assert outside.written == []


def test_a_remote_dbutils_that_would_answer_is_refused_too(
    runtime: Runtime, out: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later SDK may answer `get` otherwise, and lose what is `set` all the same."""
    remote = remote_dbutils()
    monkeypatch.setattr(remote.jobs, "taskValues", TaskValues())
    runtime.of_sdk(remote)
    with pytest.raises(WorkspaceError, match="a RemoteDbUtils, whose task values are of no run"):
        task_dbutils(out)


def test_a_task_that_needs_no_task_values_takes_a_remote_dbutils(runtime: Runtime, out: io.StringIO) -> None:
    remote = remote_dbutils()
    runtime.of_sdk(remote)
    assert task_dbutils(out, with_task_values=False) is remote


def test_where_there_is_no_dbutils_at_all_each_way_is_named(runtime: Runtime, out: io.StringIO) -> None:
    with pytest.raises(WorkspaceError) as raised:
        task_dbutils(out, with_task_values=False)
    assert str(raised.value).startswith("this task's runtime gives it no dbutils. Tried: databricks.sdk.runtime")
    assert str(raised.value).count("ModuleNotFoundError: import of ") == 3


def test_outside_databricks_there_is_no_task(monkeypatch: pytest.MonkeyPatch, out: io.StringIO) -> None:
    """Nothing is imported that would look for a workspace, and wait for it."""
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)
    monkeypatch.setitem(sys.modules, "databricks.sdk.runtime", None)
    monkeypatch.setattr("lakefs_unity_export.servers.task_dbutils._ways", lambda: pytest.fail("a way was tried"))
    with pytest.raises(WorkspaceError, match=f"^{OUTSIDE}$"):
        task_dbutils(out)


def test_a_runtime_is_known_by_its_own_package_too(
    monkeypatch: pytest.MonkeyPatch, runtime: Runtime, out: io.StringIO
) -> None:
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION")
    module = types.ModuleType("dbruntime")
    module.__spec__ = SimpleNamespace(name="dbruntime")  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, "dbruntime", module)
    ours = dbutils_with(TaskValues())
    runtime.of_sdk(ours)
    assert task_dbutils(out) is ours
