"""The task check_report: what it makes of what the tasks before it left, or did not."""

import io
import json
from contextlib import suppress
from typing import Any

import pytest
from cluster_double import REFUSED, ClusterInMemory, SparkError
from doubles import TaskValuesDouble
from serverless_double import SessionDouble
from setup_double import Installation
from warehouse_double import WarehouseDouble, again_of, setup_of

from lakefs_unity_export.checks import serverless_checks, warehouse_again_checks
from lakefs_unity_export.checks.catalogue import CHECKS, LAKEFS_AND_CATALOG
from lakefs_unity_export.checks.handed_over import RegisteredClones
from lakefs_unity_export.checks.lines import lines_as_value
from lakefs_unity_export.checks.redaction import Redaction
from lakefs_unity_export.checks.report import JSON_MARK
from lakefs_unity_export.checks.runner import run_checks
from lakefs_unity_export.checks.serverless_checks import ServerlessSetup
from lakefs_unity_export.errors import SetupCheckError, WorkspaceError
from lakefs_unity_export.tasks import check_report as module
from lakefs_unity_export.tasks.check_report import check_report
from lakefs_unity_export.tasks.check_warehouse import check_warehouse

PLACE, OTHER, CLUSTER = "check_lakefs_and_catalog", "check_warehouse", "check_cluster"
SERVERLESS, CLUSTER_AGAIN, OTHER_AGAIN = "check_serverless", "check_cluster_again", "check_warehouse_again"
REMOVAL, OWN_REMOVAL = "check_removal", "check_own_table_removal"
SUCCESS = dict.fromkeys(
    (PLACE, CLUSTER, OTHER, SERVERLESS, CLUSTER_AGAIN, OTHER_AGAIN, "check_sql_file", REMOVAL, OWN_REMOVAL), "success"
)
# Without the settings of lakeFS.
UNREAD = ["warehouse_shallow_rows", "serverless_shallow_rows"]


def left_by_cluster(cluster: ClusterInMemory) -> dict[tuple[str, str], Any]:
    """What the tasks on the cluster leave of it."""
    cluster.check()
    return {
        (CLUSTER, "lines"): cluster.values.values["lines"],
        (CLUSTER_AGAIN, "lines"): cluster.values_again.values["lines"],
        (REMOVAL, "lines"): cluster.removal_values.values["lines"],
    }


def left_by_other() -> dict[tuple[str, str], Any]:
    """What the tasks on the warehouse, on serverless compute, on the cluster and after these leave of sound ones."""
    warehouse, values, installation = WarehouseDouble(), TaskValuesDouble(), Installation()
    installation.check()
    check_warehouse(setup_of(warehouse), values, io.StringIO())
    registered = RegisteredClones.of_json(values.values["registered"])
    again = run_checks(warehouse_again_checks.CHECKS, again_of(warehouse, registered), Redaction())
    session = SessionDouble(registered.tables, unread={"shallow": "403 Forbidden"})
    setup = ServerlessSetup(runtime="client.4.0", new_session=lambda: session, handed_over=lambda: registered)
    return {
        (OTHER, "lines"): values.values["lines"],
        (SERVERLESS, "lines"): lines_as_value(run_checks(serverless_checks.CHECKS, setup, Redaction())),
        (OTHER_AGAIN, "lines"): lines_as_value(again),
        (OWN_REMOVAL, "lines"): installation.removal_values.values["lines"],
        **left_by_cluster(ClusterInMemory()),
    }


def left(installation: Installation) -> TaskValuesDouble:
    """What the checking task leaves of the installation, for the task after it."""
    installation.check()
    return TaskValuesDouble({(PLACE, "lines"): installation.values.values["lines"], **left_by_other()})


def test_a_sound_installation_has_a_report_that_says_so() -> None:
    values, out = left(Installation()), io.StringIO()
    report = check_report(SUCCESS, values, out)
    assert report.verdict == f"nothing that was found stands in the way of exports ({len(CHECKS) - 2} pass, 2 warn)"
    assert [line.id for line in report.lines if line.status.value == "warn"] == UNREAD
    *_, as_json = out.getvalue().splitlines()
    assert json.loads(as_json.removeprefix(JSON_MARK)) == values.values["report"] == report.as_json()
    assert [line["id"] for line in values.values["report"]["checks"]] == [check.id for check in CHECKS]
    claims = values.values["report"]["claims"]
    # They are on S3.
    assert claims.pop("lakeFS names objects on Azure as") == "could not be tried"
    others = {claim for check in CHECKS for claim in check.claims} - {"lakeFS names objects on Azure as"}
    assert values.values["report"]["recommended_clone_method"] == {"clusters": "shallow", "everybody": "storage"}
    assert claims == dict.fromkeys(others, "confirmed here")
    assert "A wheel task has task values" in claims


def test_it_fails_where_exports_would_and_says_which_lines_and_what_to_do() -> None:
    installation = Installation()
    installation.workspace.grants.clear()
    values, out = left(installation), io.StringIO()
    with pytest.raises(SetupCheckError) as raised:
        check_report(SUCCESS, values, out)
    first, *lines = str(raised.value).splitlines()
    assert first.startswith("exports would fail: mend catalog_grants first, then run check_setup again (")
    assert lines == [
        "  catalog_grants: 0b1c2d3e-job has no USE CATALOG, CREATE SCHEMA on CATALOG lake; "
        "do: GRANT USE CATALOG, CREATE SCHEMA ON CATALOG `lake` TO `0b1c2d3e-job`;",
        "  external_location_grants: 0b1c2d3e-job has no CREATE EXTERNAL TABLE, READ FILES, WRITE FILES "
        "on EXTERNAL LOCATION exports; do: GRANT CREATE EXTERNAL TABLE, READ FILES, WRITE FILES "
        "ON EXTERNAL LOCATION `exports` TO `0b1c2d3e-job`;",
    ]
    assert values.values["report"]["exports_would_fail"] is True
    assert "verdict: exports would fail" in out.getvalue()


def test_a_workspace_that_refuses_shallow_clones_is_told_which_method_to_set() -> None:
    cluster = ClusterInMemory()
    cluster.delta.refuses["shallow"] = SparkError(REFUSED, "Shallow clone is only supported for ...")
    values, out = left(Installation()), io.StringIO()
    values = TaskValuesDouble({**dict(values.left), **left_by_cluster(cluster)})
    with pytest.raises(SetupCheckError, match="exports would fail: mend clone_shallow first") as raised:
        check_report(SUCCESS, values, out)
    assert f"clone_shallow: Databricks refused it: {REFUSED}; do: set the bundle variable clone_method to" in str(
        raised.value
    )
    assert "recommended clone_method: deep, whoever reads\nverdict: exports would fail" in out.getvalue()


def test_a_warning_alone_does_not_fail_it() -> None:
    installation = Installation()
    installation.workspace.schedules["88"] = "PAUSED"
    report = check_report(SUCCESS, left(installation), io.StringIO())
    assert [line.id for line in report.lines if line.status.value == "warn"] == ["reconcile_schedule", *UNREAD]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, f"{PLACE} ended failed, and what it left cannot be read (ValueError: Task key does not exist"),
        ({(PLACE, "other"): 1}, "(ValueError: no value lines)"),
        ({(PLACE, "lines"): None}, "(TypeError: "),
        ({(PLACE, "lines"): [{"id": "settings", "status": "odd", "finding": ""}]}, "(ValueError: 'odd' is not a valid"),
        ({(PLACE, "lines"): [{"id": "settings"}]}, "(KeyError: 'status')"),
    ],
)
def test_a_task_that_left_nothing_is_told_and_so_are_its_lines(values: dict[Any, Any], says: str) -> None:
    out = io.StringIO()
    with pytest.raises(SetupCheckError, match="mend task_values first"):
        check_report({**SUCCESS, PLACE: "failed"}, TaskValuesDouble(values | left_by_other()), out)
    assert says in out.getvalue()
    assert out.getvalue().count("\nNOT RUN") == len(LAKEFS_AND_CATALOG) - 1  # the first line has none before it


@pytest.mark.parametrize(
    ("state", "may_see_catalog", "status", "claim", "says"),
    [
        ("failed", True, "fail", "refuted here", "task check_sql_file failed, on a warehouse that runs statements"),
        ("failed", False, "not run", "could not be tried", "needs warehouse_catalog"),
        ("timedout", True, "not tried", "could not be tried", "task check_sql_file ended timedout"),
        ("", True, "not tried", "could not be tried", "task check_sql_file ended in a state that is not known"),
        ("success", False, "pass", "confirmed here", "a SQL file ran on the warehouse as those of exports do"),
    ],
)
def test_a_sql_file_says_something_of_a_warehouse_that_runs_statements(
    state: str, may_see_catalog: bool, status: str, claim: str, says: str
) -> None:
    of_warehouse = TaskValuesDouble()
    check_warehouse(setup_of(WarehouseDouble(may_see_catalog=may_see_catalog)), of_warehouse, io.StringIO())
    values = TaskValuesDouble({**left(Installation()).left, (OTHER, "lines"): of_warehouse.values["lines"]})
    with suppress(SetupCheckError):
        check_report({**SUCCESS, "check_sql_file": state}, values, io.StringIO())
    report = values.values["report"]
    (line,) = [line for line in report["checks"] if line["id"] == "sql_file"]
    assert (line["status"], says in line["finding"]) == (status, True), line
    assert report["claims"]["Session variables last from statement to statement"] == claim


def test_a_task_that_was_killed_takes_no_other_s_lines_with_it() -> None:
    installation = Installation()
    installation.check()
    others = left_by_cluster(ClusterInMemory())
    values = TaskValuesDouble({(PLACE, "lines"): installation.values.values["lines"], **others})
    with pytest.raises(SetupCheckError, match="mend task_values first") as raised:
        check_report({**SUCCESS, OTHER: "timedout"}, values, io.StringIO())
    assert f"{OTHER} ended timedout" in str(raised.value)
    by_id = {line["id"]: line["status"] for line in values.values["report"]["checks"]}
    assert (by_id["branch"], by_id["warehouse"]) == ("pass", "not run")


def test_a_line_that_is_missing_or_of_another_version_is_no_error() -> None:
    values = [{"id": "settings", "status": "pass", "finding": "x"}, {"id": "older", "status": "pass", "finding": "x"}]
    report = check_report(SUCCESS, TaskValuesDouble({(PLACE, "lines"): values, **left_by_other()}), io.StringIO())
    lines = {line.id: line for line in report.lines}
    assert lines["settings"].finding == "x"
    assert (lines["branch"].status.value, lines["branch"].finding) == ("not run", f"task {PLACE} left no line of it")
    assert "older" not in lines


def test_the_entry_point_reads_the_states_and_exits_with_the_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = type("Runtime", (), {"task_values": TaskValuesDouble()})
    monkeypatch.setattr(module, "task_runtime", lambda out: runtime)
    monkeypatch.setattr("sys.argv", ["check_report", f"--{PLACE}=timedout", "--repository=shop", "--branch=main"])
    with pytest.raises(SystemExit, match="SetupCheckError: exports would fail: mend task_values first"):
        module.main()
    assert f"{PLACE} ended timedout" in capsys.readouterr().out


def test_without_dbutils_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(out: object) -> None:
        raise WorkspaceError("no dbutils")

    monkeypatch.setattr(module, "task_runtime", start)
    monkeypatch.setattr("sys.argv", ["check_report"])
    with pytest.raises(SystemExit, match="WorkspaceError: no dbutils"):
        module.main()
