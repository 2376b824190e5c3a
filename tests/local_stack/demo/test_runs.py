"""What the demo reads from the Jobs API: which run a commit started, how it goes, and why it failed."""

from typing import Any

import pytest
from databricks.sdk.errors import NotFound
from databricks.sdk.service.jobs import Run, RunOutput

from local_stack.demo import runs
from local_stack.demo.failure import DemoFailure
from local_stack.demo.runs import TaskState, Trigger, failures, find_run, follow_run, notebook_results

TRIGGER = Trigger(branch="main", commit_id="c1", event="post-commit")


class Jobs:
    """Answers like databricks-sdk's JobsAPI, from bodies of the REST API."""

    def __init__(self, *, listed: list[dict[str, Any]] | None = None, outputs: dict[int, Any] | None = None) -> None:
        self.listed = listed or []
        self.outputs = outputs or {}
        self.states: dict[int, list[dict[str, Any]]] = {}

    def list_runs(self, *, job_id: int) -> list[Any]:
        assert job_id == 7
        return [Run.from_dict(run) for run in self.listed]

    def get_run(self, run_id: int, *, include_resolved_values: bool = False) -> Run:
        bodies = self.states[run_id]
        return Run.from_dict(bodies.pop(0) if len(bodies) > 1 else bodies[0])

    def get_run_output(self, run_id: int) -> RunOutput:
        if run_id not in self.outputs:
            raise NotFound("no output")
        return RunOutput.from_dict(self.outputs[run_id])


def started_with(run_id: int, **parameters: str) -> dict[str, Any]:
    return {"run_id": run_id, "job_parameters": [{"name": name, "value": value} for name, value in parameters.items()]}


def test_the_run_of_a_commit_is_found_by_all_its_parameters() -> None:
    jobs = Jobs(
        listed=[
            started_with(1, repository="tpch", branch="main", commit_id="c1", event="post-merge"),
            started_with(2, repository="tpch", branch="other", commit_id="c1", event="post-commit"),
            started_with(3, repository="else", branch="main", commit_id="c1", event="post-commit"),
            started_with(4, repository="tpch", branch="main", commit_id="c2", event="post-commit"),
            started_with(5, repository="tpch", branch="main", commit_id="c1", event="post-commit"),
        ]
    )
    assert find_run(jobs, 7, "tpch", TRIGGER) == 5  # type: ignore[arg-type]
    assert find_run(jobs, 7, "nothing", TRIGGER) is None  # type: ignore[arg-type]


def task(key: str, run_id: int, result: str | None, life_cycle: str = "TERMINATED", **more: Any) -> dict[str, Any]:
    state = {"life_cycle_state": life_cycle, **({"result_state": result} if result else {}), **more.pop("state", {})}
    return {"task_key": key, "run_id": run_id, "start_time": 1_000, "end_time": 3_500, "state": state, **more}


def iteration(table: str, run_id: int, result: str | None, **more: Any) -> dict[str, Any]:
    resolved = {"resolved_values": {"notebook_task": {"base_parameters": {"table": table}}}}
    return task("clone_table", run_id, result, **resolved, **more)


LOOP = {"for_each_task": {"inputs": "[]", "task": {"task_key": "clone_table"}}}


def run_body(*tasks: dict[str, Any], result: str | None, life_cycle: str = "TERMINATED") -> dict[str, Any]:
    return {
        "run_id": 1,
        "start_time": 1_000,
        "end_time": 11_000,
        "state": {"life_cycle_state": life_cycle, **({"result_state": result} if result else {})},
        "tasks": list(tasks),
    }


def test_a_run_is_read_with_the_iterations_of_its_loops() -> None:
    jobs = Jobs()
    jobs.states = {
        1: [
            run_body(
                task("list_changed_tables", 2, "SUCCESS"), task("clone_tables", 3, "SUCCESS", **LOOP), result="SUCCESS"
            )
        ],
        3: [{"iterations": [iteration("`main`.`b-1`.`t`", 4, "SUCCESS"), iteration("`main`.`b-1`.`u`", 5, "SUCCESS")]}],
    }
    run = runs.read_run(jobs, 1)  # type: ignore[arg-type]
    assert run.has_ended
    assert run.has_succeeded
    assert run.seconds == 10
    assert [each.title for each in run.tasks] == ["list_changed_tables", "clone_tables"]
    assert [each.title for each in run.task("clone_tables").iterations] == ["main.b-1.t", "main.b-1.u"]
    assert run.task("list_changed_tables").seconds == 2.5
    with pytest.raises(KeyError):
        run.task("register_tables")


def test_loops_that_wait_are_not_asked_for_iterations() -> None:
    jobs = Jobs()
    waiting = task("clone_tables", 3, None, life_cycle="BLOCKED", **LOOP)
    jobs.states = {1: [run_body(waiting, result=None, life_cycle="RUNNING")]}
    run = runs.read_run(jobs, 1)  # type: ignore[arg-type]
    assert not run.has_ended
    assert run.state == "RUNNING"
    assert run.task("clone_tables") == TaskState(title="clone_tables", state="BLOCKED", seconds=2.5, run_id=3)


def test_only_the_last_attempt_of_a_task_counts() -> None:
    attempts = [task("record_export", 3, "SUCCESS", attempt_number=1), task("record_export", 2, "FAILED")]
    run = runs.run_state(Run.from_dict(run_body(*attempts, result="SUCCESS")), {})
    assert [(each.title, each.state) for each in run.tasks] == [("record_export (attempt 2)", "SUCCESS")]
    assert run.task("record_export") == run.tasks[0]


@pytest.mark.parametrize(
    ("tried_again", "explained", "told"),
    [
        ([], [], []),
        ([iteration("main.main.part", 21, "SUCCESS", attempt_number=1)], [], ["main.main.part"]),
        ([iteration("main.main.part", 21, "SUCCESS", attempt_number=1)], ["part"], []),
        ([iteration("main.main.part", 21, "SUCCESS", attempt_number=1)], ["part_supp", "main"], ["main.main.part"]),
        ([iteration("main.main.part", 21, "FAILED", attempt_number=2)], [], ["main.main.part"]),
        ([iteration("main.`a-b`.part", 21, "SUCCESS", attempt_number=1)], [], ["main.a-b.part"]),
    ],
)
def test_attempts_that_no_fault_explains_are_found(
    tried_again: list[dict[str, Any]], explained: list[str], told: list[str]
) -> None:
    first = iteration("main.main.nation", 20, "SUCCESS")
    loop = task("clone_tables", 2, "SUCCESS", **LOOP)
    body = run_body(loop, task("record_export", 3, "SUCCESS"), result="SUCCESS")
    state = runs.run_state(Run.from_dict(body), {2: Run.from_dict({"iterations": [first, *tried_again]})})
    assert [attempt.name for attempt in runs.unexplained_attempts(state, explained)] == told


def test_a_task_that_was_tried_again_is_found() -> None:
    body = run_body(task("record_export", 3, "SUCCESS", attempt_number=1), result="SUCCESS")
    state = runs.run_state(Run.from_dict(body), {})
    assert [attempt.title for attempt in runs.unexplained_attempts(state, ["part"])] == ["record_export (attempt 2)"]


def test_a_run_is_followed_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "POLL_SECONDS", 0)
    jobs = Jobs()
    jobs.states = {1: [run_body(result=None, life_cycle="RUNNING"), run_body(result="SUCCESS")]}
    seen = []
    run = follow_run(jobs, 1, seen.append)  # type: ignore[arg-type]
    assert [state.state for state in seen] == ["RUNNING", "SUCCESS"]
    assert run == seen[-1]


def test_a_run_without_end_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "RUN_SECONDS", 0.02)
    monkeypatch.setattr(runs, "POLL_SECONDS", 0.01)
    jobs = Jobs()
    jobs.states = {1: [run_body(result=None, life_cycle="RUNNING")]}
    with pytest.raises(DemoFailure, match=r"run 1 has not ended after 0\.02 s"):
        follow_run(jobs, 1, lambda _: None)  # type: ignore[arg-type]


def test_a_failed_run_tells_each_failed_tasks_error_and_the_end_of_its_log() -> None:
    many = "\n".join(f"line {number}" for number in range(100))
    jobs = Jobs(outputs={5: {"error": "NoSourceTableError: there is none", "logs": many}})
    jobs.states = {
        1: [
            run_body(
                task("clone_tables", 3, "FAILED", **LOOP),
                task("record_export", 6, "UPSTREAM_FAILED"),
                result="FAILED",
            )
        ],
        3: [
            {
                "iterations": [
                    iteration("t", 4, "SUCCESS"),
                    iteration("u", 5, "FAILED", state={"state_message": "ended"}),
                ]
            }
        ],
    }
    told = failures(jobs, runs.read_run(jobs, 1))  # type: ignore[arg-type]
    assert told.splitlines()[:3] == ["run 1 ended FAILED", "u: FAILED ended", "  | NoSourceTableError: there is none"]
    assert told.splitlines()[-1] == "  | line 99"
    assert "line 74" not in told
    assert "record_export" not in told


def test_an_output_that_cannot_be_read_does_not_hide_the_failure() -> None:
    jobs = Jobs()
    jobs.states = {1: [run_body(task("list_changed_tables", 2, "FAILED"), result="FAILED")]}
    told = failures(jobs, runs.read_run(jobs, 1))  # type: ignore[arg-type]
    assert told == "run 1 ended FAILED\nlist_changed_tables: FAILED\n  | (its output cannot be read: no output)"


def loop_of(*iterations: TaskState) -> TaskState:
    return TaskState(title="clone_tables", state="SUCCESS", seconds=1, run_id=3, iterations=iterations)


def test_the_results_of_notebooks_are_those_of_successful_iterations() -> None:
    jobs = Jobs(outputs={4: {"notebook_output": {"result": '{"action": "cloned"}'}}})
    loop = loop_of(
        TaskState(title="t", state="FAILED", seconds=1, run_id=5),
        TaskState(title="t", state="SUCCESS", seconds=1, run_id=4),
    )
    assert notebook_results(jobs, loop) == [{"action": "cloned"}]  # type: ignore[arg-type]


def test_a_notebook_without_result_is_a_failure() -> None:
    jobs = Jobs(outputs={4: {}})
    loop = loop_of(TaskState(title="t", state="SUCCESS", seconds=1, run_id=4))
    with pytest.raises(DemoFailure, match=r"the notebook of t \(run 4\) returned nothing"):
        notebook_results(jobs, loop)  # type: ignore[arg-type]


def test_tasks_come_after_what_they_depend_on_even_where_that_is_missing() -> None:
    def after(*needed: str) -> dict[str, Any]:
        return {"depends_on": [{"task_key": key} for key in needed]}

    body = run_body(
        task("a_last", 2, "SUCCESS", **after("b_second", "c_first")),
        task("b_second", 3, "SUCCESS", **after("c_first")),
        task("c_first", 4, "SUCCESS"),
        task("d_orphan", 5, "SUCCESS", **after("elsewhere")),
        result="SUCCESS",
    )
    ordered = runs.run_state(Run.from_dict(body), {})
    assert [each.title for each in ordered.tasks] == ["c_first", "b_second", "a_last", "d_orphan"]
