"""Checks of serverless compute: whether it reads the rows of registered clones."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lakefs_unity_export.checks.handed_over import RegisteredClones, or_nothing
from lakefs_unity_export.checks.model import Check, Outcome, Severity, not_run, not_tried, passed
from lakefs_unity_export.checks.reading import read, unread
from lakefs_unity_export.clones.methods import METHODS, CloneMethod
from lakefs_unity_export.clones.spark_errors import described

HERE = "check_serverless"
# How the version of a serverless environment begins, in DATABRICKS_RUNTIME_VERSION.
SERVERLESS = "client."


@dataclass(kw_only=True)
class ServerlessSetup:
    """What the task runs on.

    runtime: its version, as Databricks sets it. new_session: its Spark. handed_over: what the warehouse registered;
    raises where that task left nothing.
    """

    runtime: str
    new_session: Callable[[], Any]
    handed_over: Callable[[], RegisteredClones]

    @cached_property
    def session(self) -> Any:
        """The task's Spark session. Raises what getting it raises."""
        return self.new_session()

    @cached_property
    def registered(self) -> RegisteredClones:
        """What was registered, of which nothing is known where it cannot be read."""
        return or_nothing(self.handed_over, RegisteredClones())


def _serverless(setup: ServerlessSetup) -> Outcome:
    if not setup.runtime.startswith(SERVERLESS):
        return not_run(f"this task runs on a cluster, with runtime {setup.runtime or '(not told)'}")
    try:
        _ = setup.session
    except Exception as error:
        return not_tried(f"the task has no Spark session: {described(error)}", "report this line, with the runtime")
    return passed(f"runtime {setup.runtime}")


def _rows(method: CloneMethod) -> Callable[[ServerlessSetup], Outcome]:
    def look(setup: ServerlessSetup) -> Outcome:
        table = setup.registered.tables.get(method)
        if table is None:
            return not_run(f"needs warehouse_{method}")
        try:
            rows = setup.session.sql(f"SELECT * FROM {table} LIMIT 1").collect()  # noqa: S608, quoted by who made it
        except Exception as error:
            return unread(method, error, described(error))
        return read(method, has_rows=bool(rows), by="serverless compute")

    return look


_CLAIMS = {
    CloneMethod.SHALLOW: ("Serverless compute cannot read the rows of a shallow clone",),
    CloneMethod.STORAGE: ("Serverless compute reads files that a Delta log names by absolute path",),
}

CHECKS: tuple[Check[ServerlessSetup], ...] = (
    Check(
        id="serverless",
        place=HERE,
        asks="Has a task on serverless compute a Spark session?",
        means="it is not known who reads rows there",
        remedy="report the line",
        look=_serverless,
        severity=Severity.WARNING,
    ),
    *(
        Check(
            id=f"serverless_{method}_rows",
            place=HERE,
            asks="Does serverless compute read its rows?",
            means=f"who reads tables of the method {method} needs a cluster like the one that clones",
            remedy="choose another clone method, or give readers the right on the files",
            look=_rows(method),
            severity=Severity.WARNING,
            needs=("serverless",),
            claims=_CLAIMS.get(method, ()),
        )
        for method in METHODS
    ),
)
