"""When the demo's second act kills Spark, what it takes for a fault that showed, and what it does not pass with."""

import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow
import pytest
from databricks.sdk.service.jobs import JobPermissions
from deltalake import DeltaTable, write_deltalake
from rich.console import Console

from lakefs_unity_export.events import idempotency_token
from local_stack.demo.exports import ExportedTable
from local_stack.demo.failure import DemoFailure
from local_stack.demo.faults import (
    Fault,
    ForeignTable,
    SparkCrashes,
    error_line,
    failed_clones,
    fault_table,
    stale_tables,
    without_right_to_run,
)
from local_stack.demo.runs import RunState, TaskState, Trigger
from local_stack.demo.tables import table_named

SPARK_ENDED = "SparkProcessEndedError: Spark process cluster ended during the call"


def clone(table: str, run_id: int, state: str = "RUNNING", seconds: float = 1.0) -> TaskState:
    return TaskState(title=f"main.main.{table}", state=state, seconds=seconds, run_id=run_id)


def run_with(*clones: TaskState, state: str = "RUNNING", attempt: str = "") -> RunState:
    loop = TaskState(title=f"clone_tables{attempt}", state=state, seconds=1, run_id=2, iterations=clones)
    return RunState(run_id=1, state=state, seconds=1, has_ended=state != "RUNNING", message="", tasks=(loop,))


class Kills:
    """Counts the kills."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def jobs_with(errors: dict[int, str | None]) -> Any:
    return SimpleNamespace(get_run_output=lambda run_id: SimpleNamespace(error=errors[run_id]))


def test_spark_is_killed_once_and_only_in_the_middle_of_a_clone() -> None:
    kills = Kills()
    crashes = SparkCrashes(kills)
    crashes.see(run_with())
    crashes.see(run_with(clone("part", 3, "PENDING"), clone("nation", 4, seconds=0.05)))
    assert kills.count == 0
    crashes.see(run_with(clone("part", 3), clone("nation", 4, "SUCCESS")))
    crashes.see(run_with(clone("part", 5, "WAITING_FOR_RETRY")))
    crashes.see(run_with(clone("part", 5)))
    assert kills.count == 1
    assert crashes.errors(jobs_with({3: SPARK_ENDED})) == [f"main.main.part: {SPARK_ENDED}"]


def test_a_kill_that_came_too_late_is_made_again_at_the_next_clone() -> None:
    kills = Kills()
    crashes = SparkCrashes(kills)
    crashes.see(run_with(clone("part", 3)))
    crashes.see(run_with(clone("part", 3, "SUCCESS"), clone("nation", 4)))
    assert kills.count == 2
    assert crashes.hit == {4: "main.main.nation"}


def test_spark_is_killed_at_every_attempt_where_that_is_asked_for() -> None:
    kills = Kills()
    crashes = SparkCrashes(kills, again=True)
    for run_id in (3, 4, 5):
        crashes.see(run_with(replace(clone("part", run_id, seconds=0), title="main.main.part (attempt 2)")))
    assert kills.count == 3
    errors = crashes.errors(jobs_with(dict.fromkeys((3, 4, 5), SPARK_ENDED)))
    assert errors == [f"main.main.part: {SPARK_ENDED}"] * 3


def test_a_kill_that_hit_nothing_does_not_pass() -> None:
    crashes = SparkCrashes(Kills())
    crashes.see(run_with(clone("part", 3)))
    crashes.see(run_with(clone("part", 3, "SUCCESS"), state="SUCCESS"))
    with pytest.raises(DemoFailure, match=r"a fault did not bite.* the kill came too late"):
        crashes.errors(jobs_with({}))


def test_a_kill_that_nobody_tells_of_does_not_pass() -> None:
    crashes = SparkCrashes(Kills())
    crashes.see(run_with(clone("part", 3)))
    with pytest.raises(DemoFailure, match=r"Spark was killed, and run 3 of main\.main\.part tells no error"):
        crashes.errors(jobs_with({3: None}))


def test_a_run_has_to_fail_for_the_expected_tables() -> None:
    clones = (
        clone("nation", 3, "SUCCESS"),
        replace(clone("region", 4, "FAILED"), title="main.main.region (attempt 3)"),
    )
    run = run_with(*clones, state="FAILED", attempt=" (attempt 2)")
    assert failed_clones(run, {"region"}) == {"region": clones[1]}
    with pytest.raises(DemoFailure, match=r"run 1 ended FAILED, its clones failed for region, and should for nation"):
        failed_clones(run, {"nation"})
    with pytest.raises(
        DemoFailure, match=r"run 1 ended SUCCESS, its clones failed for no table, and should for region"
    ):
        failed_clones(run_with(clones[0], state="SUCCESS"), {"region"})


def exported(table: str, *differences: str) -> ExportedTable:
    return ExportedTable(
        branch="main", table=table_named(table), commit_id="c1", version=1, seconds=1, differences=differences
    )


def test_the_expected_tables_have_to_be_stale() -> None:
    tables = [exported("nation"), exported("part", "`part` <> delta.`s3a://r/c/part`: 2 rows differ; it has 1", "more")]
    assert stale_tables(tables, {"part"}) == {"part": "2 rows differ; it has 1"}
    with pytest.raises(DemoFailure, match=r"part differ from the branch's head, and nation, part should"):
        stale_tables(tables, ["nation", "part"])
    with pytest.raises(DemoFailure, match=r"no table differ from the branch's head, and part should"):
        stale_tables(tables[:1], ["part"])


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            "Traceback:\n  File x\nTargetTakenError: it is theirs\n26/11/23 06:15:24 ERROR log",
            "TargetTakenError: it is theirs",
        ),
        ("no type here\nbut words", "but words"),
        ("", ""),
        (None, ""),
    ],
)
def test_the_line_of_an_error_that_names_its_type_is_found(error: str | None, line: str) -> None:
    assert error_line(error) == line


def test_a_foreign_table_is_left_alone_or_the_demo_fails(tmp_path: Path) -> None:
    path = tmp_path / "main" / "region"
    ForeignTable(path).put()
    assert DeltaTable(str(path)).version() == 0
    ForeignTable(path).take_away()
    assert not path.exists()
    ForeignTable(path).put()
    write_deltalake(str(path), pyarrow.table({"note": ["an export"]}), mode="append")
    with pytest.raises(DemoFailure, match=r"the table of somebody else at .*region was changed"):
        ForeignTable(path).take_away()


def permission(level: str, *, inherited: bool = False, **who: str) -> dict[str, Any]:
    return {**who, "all_permissions": [{"permission_level": level, "inherited": inherited}]}


class Permissions:
    """The Permissions API of one job, as databricks-sdk's JobsAPI has it."""

    def __init__(self) -> None:
        self.lists: list[list[dict[str, Any]]] = []

    def get_permissions(self, job_id: str) -> JobPermissions:
        assert job_id == "7"
        entries = [
            permission("IS_OWNER", user_name="owner"),
            permission("CAN_MANAGE_RUN", service_principal_name="hook"),
            permission("CAN_VIEW", service_principal_name="other"),
            permission("CAN_MANAGE", inherited=True, group_name="admins"),
        ]
        return JobPermissions.from_dict({"access_control_list": entries})

    def set_permissions(self, job_id: str, *, access_control_list: list[Any]) -> None:
        assert job_id == "7"
        self.lists.append([entry.as_dict() for entry in access_control_list])


def test_the_right_to_run_is_taken_from_one_and_given_back_after_an_error_too() -> None:
    jobs = Permissions()
    with pytest.raises(DemoFailure), without_right_to_run(jobs, 7, "hook"):  # type: ignore[arg-type]
        raise DemoFailure("within")
    owner = {"user_name": "owner", "permission_level": "IS_OWNER"}
    hook = {"service_principal_name": "hook", "permission_level": "CAN_MANAGE_RUN"}
    other = {"service_principal_name": "other", "permission_level": "CAN_VIEW"}
    assert jobs.lists == [[owner, other], [owner, hook, other]]


def test_a_second_delivery_has_the_token_of_the_first() -> None:
    trigger = Trigger(branch="main", commit_id="c1", event="post-commit")
    assert str(trigger) == "post-commit on main at c1"
    token = idempotency_token(repository="tpch", branch="main", commit_id="c1", event="post-commit")
    assert trigger.idempotency_token("tpch") == token


def test_the_table_at_the_end_says_what_mended_each_fault() -> None:
    console = Console(file=io.StringIO(), width=100)
    console.print(fault_table([Fault(fault="event lost", seen="no run", mended_by="job reconcile", seconds=12.7)]))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert ["event lost", "no run", "job reconcile", "13"] in [
        [cell.strip() for cell in line.strip("│").split("│")] for line in shown.splitlines()
    ]
