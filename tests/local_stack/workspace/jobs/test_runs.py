"""Runs of whole jobs over scripted executors: order, values, iterations, retries, timeouts, cancelling, repair."""

import threading
import time
from collections.abc import Iterator

import pytest
from job_engine_doubles import (
    Engine,
    condition,
    for_each,
    item_of,
    iteration_results,
    results,
    wheel,
)

from local_stack.workspace.errors import ApiError
from local_stack.workspace.jobs.runs import JobRun, Phase, StopSignal, TaskOutput
from local_stack.workspace.jobs.task_graph import Result
from local_stack.workspace.jobs.task_runner import TaskWork
from local_stack.workspace.jobs.views import RunViews

VIEWS = RunViews(url="http://127.0.0.1:1", workspace_id=99)


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.jobs.stop()


def until_stopped(_work: TaskWork, stop: StopSignal) -> TaskOutput:
    stop.wait(20)
    return TaskOutput(error="stopped")


def test_tasks_run_in_the_order_of_their_dependencies(engine: Engine) -> None:
    run = engine.run(wheel("c", "a", "b"), wheel("b", "a"), wheel("a"))
    assert engine.executor.keys() == ["a", "b", "c"]
    assert run.result == Result.SUCCESS
    assert run.phase == Phase.TERMINATED


def test_tasks_that_do_not_depend_on_each_other_run_at_the_same_time(engine: Engine) -> None:
    meeting = threading.Barrier(2, timeout=10)
    for key in ("a", "b"):
        engine.on(key, lambda _work, _stop: TaskOutput(logs=str(meeting.wait())))
    assert engine.run(wheel("a"), wheel("b")).result == Result.SUCCESS


def test_a_failure_stops_what_depends_on_it_and_names_the_task(engine: Engine) -> None:
    engine.fails("a", message="no such table\nmore")
    run = engine.run(wheel("a"), wheel("b", "a"), wheel("side"), wheel("cleanup", "b", run_if="AT_LEAST_ONE_FAILED"))
    assert results(run) == {"a": "FAILED", "b": "UPSTREAM_FAILED", "side": "SUCCESS", "cleanup": "SUCCESS"}
    assert run.result == Result.SUCCESS_WITH_FAILURES
    assert engine.run(wheel("a"), wheel("b", "a")).message == (
        "Task a failed with message: Workload failed, see run output for details: no such table"
    )


def test_a_failed_job_ends_as_databricks_shows_it(engine: Engine) -> None:
    engine.fails("a")
    run = engine.run(wheel("a"))
    body = VIEWS.job_run(run)
    assert body["state"]["life_cycle_state"] == "INTERNAL_ERROR"
    assert body["state"]["result_state"] == "FAILED"
    assert body["status"]["state"] == "TERMINATED"
    assert body["status"]["termination_details"]["code"] == "RUN_EXECUTION_ERROR"
    task = body["tasks"][0]
    assert (task["state"]["life_cycle_state"], task["state"]["result_state"]) == ("TERMINATED", "FAILED")
    assert VIEWS.output(run, run.current("a"))["error"] == "boom"


def test_a_condition_chooses_the_branch(engine: Engine) -> None:
    engine.sets("list", count=0)
    run = engine.run(
        wheel("list"),
        condition("any", "{{tasks.list.values.count}}", "GREATER_THAN", "0", "list"),
        wheel("yes", {"task_key": "any", "outcome": "true"}),
        wheel("no", {"task_key": "any", "outcome": "false"}),
        wheel("after_yes", "yes"),
    )
    assert results(run) == {
        "list": "SUCCESS",
        "any": "SUCCESS",
        "yes": "EXCLUDED",
        "no": "SUCCESS",
        "after_yes": "EXCLUDED",
    }
    assert run.result == Result.SUCCESS
    shown = VIEWS.job_run(run)["tasks"][1]["condition_task"]
    assert shown == {"left": "0", "op": "GREATER_THAN", "right": "0", "outcome": "false"}


def test_a_condition_that_compares_no_numbers_fails(engine: Engine) -> None:
    engine.sets("list", count="many")
    run = engine.run(wheel("list"), condition("any", "{{tasks.list.values.count}}", "GREATER_THAN", "0", "list"))
    assert run.result == Result.FAILED
    assert "'many' is none" in (run.current("any").output.error or "")


def test_a_task_value_that_was_not_set_fails_the_task_that_reads_it(engine: Engine) -> None:
    run = engine.run(wheel("list"), wheel("read", "list", named={"x": "{{tasks.list.values.none}}"}))
    assert results(run) == {"list": "SUCCESS", "read": "FAILED"}
    assert "set no task value 'none'" in (run.current("read").output.error or "")
    assert engine.executor.keys() == ["list"]


def test_job_parameters_reach_tasks(engine: Engine) -> None:
    job_id = engine.create(
        wheel("a", named={"own": "{{job.parameters.branch}}/{{job.run_id}}"}),
        parameters=[{"name": "branch", "default": "main"}, {"name": "day", "default": "{{job.id}}"}],
    )
    run = engine.wait(engine.jobs.run_now(job_id, "me", {"branch": "{{job.id}}"}))
    named = engine.executor.works[0].task["python_wheel_task"]["named_parameters"]
    assert named == {"own": f"{{{{job.id}}}}/{run.run_id}", "branch": "{{job.id}}", "day": str(job_id)}


def test_iterations_get_their_item_and_run_at_most_so_many_at_once(engine: Engine) -> None:
    pair = threading.Barrier(2, timeout=10)
    engine.on("loop_one", lambda _work, _stop: TaskOutput(logs=str(pair.wait())))
    engine.sets("list", items=[{"t": name} for name in "abcdef"])
    task = for_each("loop", "{{tasks.list.values.items}}", "list", concurrency=2)
    run = engine.run(wheel("list"), task)
    assert iteration_results(run.current("loop")) == ["SUCCESS"] * 6
    assert engine.executor.most_at_once == 2
    assert sorted(item_of(work) for work in engine.executor.works[1:]) == [f'{{"t": "{name}"}}' for name in "abcdef"]


def test_iterations_run_one_by_one_unless_told_otherwise(engine: Engine) -> None:
    task = for_each("loop", '["a", "b", "c"]')
    del task["for_each_task"]["concurrency"]
    engine.on("loop_one", lambda _work, stop: TaskOutput(logs=str(stop.wait(0.02))))
    engine.run(task)
    assert engine.executor.most_at_once == 1
    assert [item_of(work) for work in engine.executor.works] == ["a", "b", "c"]


def test_an_empty_array_runs_nothing_and_succeeds(engine: Engine) -> None:
    run = engine.run(for_each("loop", "[]"), wheel("after", "loop"))
    assert results(run) == {"loop": "SUCCESS", "after": "SUCCESS"}
    assert engine.executor.keys() == ["after"]


def fail_item(name: str, message: str = "boom") -> object:
    return lambda work, _stop: TaskOutput(error=message) if item_of(work) == name else TaskOutput()


def test_one_failed_iteration_stops_that_one_only(engine: Engine) -> None:
    engine.on("loop_one", fail_item("b"))  # type: ignore[arg-type]
    run = engine.run(for_each("loop", '["a", "b", "c"]'), wheel("after", "loop"))
    loop = run.current("loop")
    assert iteration_results(loop) == ["SUCCESS", "FAILED", "SUCCESS"]
    assert results(run) == {"loop": "FAILED", "after": "UPSTREAM_FAILED"}
    assert "1 of 3 iterations failed" in loop.message
    body = VIEWS.task_run(run, loop)
    assert [iteration["state"]["result_state"] for iteration in body["iterations"]] == ["SUCCESS", "FAILED", "SUCCESS"]
    stats = body["tasks"][0]["for_each_task"]["stats"]
    assert stats["task_run_stats"]["failed_iterations"] == 1
    assert stats["task_run_stats"]["succeeded_iterations"] == 2
    assert stats["error_message_stats"][0]["count"] == 1


def test_iterations_come_in_pages(engine: Engine) -> None:
    run = engine.run(for_each("loop", str(list(range(130))), concurrency=20))
    loop = run.current("loop")
    first = VIEWS.task_run(run, loop)
    second = VIEWS.task_run(run, loop, offset=int(first["next_page_token"]))
    assert (len(first["iterations"]), len(second["iterations"])) == (100, 30)
    assert "next_page_token" not in second


def test_a_task_is_retried_as_often_as_it_may_be(engine: Engine) -> None:
    engine.fails("a", times=2)
    run = engine.run(wheel("a", max_retries=2), wheel("b", "a"))
    assert run.result == Result.SUCCESS
    assert engine.executor.keys() == ["a", "a", "a", "b"]
    assert [attempt.attempt_number for attempt in run.attempts["a"]] == [0, 1, 2]
    assert len({attempt.run_id for attempt in run.attempts["a"]}) == 3
    engine.fails("a", times=2)
    assert engine.run(wheel("a", max_retries=1)).result == Result.FAILED


def test_a_retry_waits_for_the_interval(engine: Engine) -> None:
    engine.fails("a", times=1)
    run = engine.run(wheel("a", max_retries=1, min_retry_interval_millis=150))
    first, second = run.attempts["a"]
    assert second.started - first.ended >= 140


def test_only_the_failed_iteration_is_retried(engine: Engine) -> None:
    failures = iter(["once"])
    engine.on(
        "loop_one",
        lambda work, _stop: TaskOutput(error="x") if item_of(work) == "b" and next(failures, "") else TaskOutput(),
    )
    run = engine.run(for_each("loop", '["a", "b"]', max_retries=1))
    assert run.result == Result.SUCCESS
    assert sorted(item_of(work) for work in engine.executor.works) == ["a", "b", "b"]


def test_a_task_that_takes_too_long_times_out(engine: Engine) -> None:
    engine.on("a", until_stopped)
    run = engine.run(wheel("a", timeout_seconds=1, max_retries=3), wheel("b", "a"))
    assert results(run) == {"a": "TIMEDOUT", "b": "UPSTREAM_FAILED"}
    assert run.current("a").message == "Run timed out after 1 seconds."
    assert len(run.attempts["a"]) == 1


def test_a_timeout_is_retried_only_on_request(engine: Engine) -> None:
    waits = iter([20.0])
    engine.on("a", lambda _work, stop: TaskOutput(logs=str(stop.wait(next(waits, 0)))))
    run = engine.run(wheel("a", timeout_seconds=1, max_retries=1, retry_on_timeout=True))
    assert run.result == Result.SUCCESS


def test_a_job_that_takes_too_long_times_out(engine: Engine) -> None:
    engine.on("a", until_stopped)
    run = engine.run(wheel("a"), wheel("b", "a"), timeout_seconds=1)
    assert run.result == Result.TIMEDOUT
    assert results(run) == {"a": "TIMEDOUT", "b": "CANCELED"}
    assert VIEWS.job_run(run)["state"]["user_cancelled_or_timedout"] is True


def test_the_timeout_of_the_job_leaves_no_time_for_retries(engine: Engine) -> None:
    engine.on("a", until_stopped)
    run = engine.run(wheel("a", max_retries=3, retry_on_timeout=True), timeout_seconds=1)
    assert run.result == Result.TIMEDOUT
    assert len(run.attempts["a"]) == 1


def test_cancelling_stops_tasks_and_iterations(engine: Engine) -> None:
    engine.on("loop_one", until_stopped)
    job_id = engine.create(for_each("loop", '["a", "b", "c"]', concurrency=2), wheel("after", "loop"))
    run = engine.jobs.run_now(job_id, "me", {})
    engine.until(lambda: len(engine.executor.works) == 2)
    engine.jobs.cancel(run.run_id)
    engine.wait(run)
    assert run.result == Result.CANCELED
    assert iteration_results(run.current("loop")) == ["CANCELED"] * 3
    assert results(run) == {"loop": "CANCELED", "after": "CANCELED"}
    assert len(engine.executor.works) == 2
    engine.jobs.cancel(run.run_id)
    assert run.result == Result.CANCELED


def test_an_executor_that_raises_fails_the_task_with_its_trace(engine: Engine) -> None:
    def broken(_work: TaskWork, _stop: StopSignal) -> TaskOutput:
        raise RuntimeError("lost")

    engine.on("a", broken)
    output = engine.run(wheel("a")).current("a").output
    assert output.error == "RuntimeError: lost"
    assert "in broken" in (output.trace or "")


def test_a_mistake_in_the_engine_ends_the_run(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr("local_stack.workspace.jobs.task_runner.TaskRunner.run", broken)
    run = engine.run(wheel("a"), wheel("b", "a"))
    assert results(run) == {"a": "FAILED", "b": "UPSTREAM_FAILED"}
    assert "RuntimeError: bug" in run.message


class Gate:
    """Holds the runs of a task until they are let go, one by one."""

    def __init__(self, engine: Engine, key: str) -> None:
        self.permits = threading.Semaphore(0)
        engine.on(key, self._wait)

    def _wait(self, _work: TaskWork, stop: StopSignal) -> TaskOutput:
        while not self.permits.acquire(timeout=0.02):
            if stop.reason:
                return TaskOutput(error="stopped")
        return TaskOutput()


def test_runs_beyond_the_limit_wait_in_the_order_they_came(engine: Engine) -> None:
    gate = Gate(engine, "a")
    job_id = engine.create(wheel("a"), queue={"enabled": True}, max_concurrent_runs=1)
    runs = [engine.jobs.run_now(job_id, "me", {}) for _ in range(4)]
    assert [run.phase for run in runs] == [Phase.RUNNING, Phase.QUEUED, Phase.QUEUED, Phase.QUEUED]
    assert VIEWS.job_run(runs[1])["status"]["queue_details"]["code"] == "MAX_CONCURRENT_RUNS_REACHED"
    engine.jobs.cancel(runs[2].run_id)
    assert results(runs[2]) == {"a": "CANCELED"}
    for run in (runs[0], runs[1], runs[3]):
        engine.until(lambda run=run: run.phase == Phase.RUNNING)
        gate.permits.release()
        engine.wait(run)
    assert [run.result for run in runs] == [Result.SUCCESS, Result.SUCCESS, Result.CANCELED, Result.SUCCESS]
    started = [work.run_id for work in engine.executor.works]
    assert started == [runs[0].run_id, runs[1].run_id, runs[3].run_id]


def test_a_new_run_does_not_overtake_the_queue(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(engine, "a")
    job_id = engine.create(wheel("a"), queue={"enabled": True})
    # As in the moment between the end of a run and the start of the next one.
    monkeypatch.setattr(engine.jobs, "_on_ended", lambda _run: None)
    first, second = (engine.jobs.run_now(job_id, "me", {}) for _ in range(2))
    gate.permits.release()
    engine.wait(first)
    assert second.phase == Phase.QUEUED
    assert engine.jobs.run_now(job_id, "me", {}).phase == Phase.QUEUED


def test_without_a_queue_a_run_beyond_the_limit_is_skipped(engine: Engine) -> None:
    gate = Gate(engine, "a")
    job_id = engine.create(wheel("a"))
    first, second = (engine.jobs.run_now(job_id, "me", {}) for _ in range(2))
    assert second.phase == Phase.SKIPPED
    body = VIEWS.job_run(second)
    assert body["state"]["result_state"] == "MAXIMUM_CONCURRENT_RUNS_REACHED"
    assert body["status"]["termination_details"]["code"] == "MAX_CONCURRENT_RUNS_EXCEEDED"
    gate.permits.release()
    assert engine.wait(first).result == Result.SUCCESS


def test_several_runs_go_at_once_where_the_job_allows_it(engine: Engine) -> None:
    meeting = threading.Barrier(2, timeout=10)
    engine.on("a", lambda _work, _stop: TaskOutput(logs=str(meeting.wait())))
    job_id = engine.create(wheel("a"), max_concurrent_runs=2)
    runs = [engine.jobs.run_now(job_id, "me", {}) for _ in range(2)]
    assert [engine.wait(run).result for run in runs] == [Result.SUCCESS] * 2


def test_the_same_token_is_the_same_run(engine: Engine) -> None:
    job_id = engine.create(wheel("a"), max_concurrent_runs=5)
    first = engine.jobs.run_now(job_id, "me", {}, token="t" * 64)
    assert engine.jobs.run_now(job_id, "me", {}, token="t" * 64) is first
    assert engine.jobs.run_now(job_id, "me", {}, token="other") is not first
    assert engine.jobs.run_now(job_id, "me", {}) is not engine.jobs.run_now(job_id, "me", {})
    with pytest.raises(ApiError, match="65 characters"):
        engine.jobs.run_now(job_id, "me", {}, token="t" * 65)
    engine.wait(first)
    engine.jobs.delete_run(first.run_id)
    with pytest.raises(ApiError, match="has been deleted"):
        engine.jobs.run_now(job_id, "me", {}, token="t" * 64)


def test_an_unknown_job_parameter_starts_no_run(engine: Engine) -> None:
    job_id = engine.create(wheel("a"), parameters=[{"name": "branch", "default": ""}])
    with pytest.raises(ApiError, match="'brunch'; it has branch") as refused:
        engine.jobs.run_now(job_id, "me", {"brunch": "x"})
    assert (refused.value.status, refused.value.error_code) == (400, "INVALID_PARAMETER_VALUE")
    assert engine.jobs.runs_of(job_id) == []


def repair(engine: Engine, run: JobRun, **options: object) -> int:
    chosen: dict[str, object] = {
        "rerun_tasks": [],
        "rerun_all_failed_tasks": False,
        "rerun_dependent_tasks": False,
        "latest_repair_id": None,
        "overrides": {},
        **options,
    }
    repair_id = engine.jobs.repair(run.run_id, **chosen)  # type: ignore[arg-type]
    engine.wait(run)
    return repair_id


def test_a_repair_runs_only_the_failed_iterations_again(engine: Engine) -> None:
    engine.on("loop_one", fail_item("b"))  # type: ignore[arg-type]
    run = engine.run(wheel("list"), for_each("loop", '["a", "b", "c"]', "list"), wheel("after", "loop"))
    assert run.result == Result.FAILED
    kept = run.current("loop").iterations[0][-1].run_id
    engine.executor.scripts.clear()
    engine.executor.works.clear()
    repair_id = repair(engine, run, rerun_all_failed_tasks=True)
    assert run.result == Result.SUCCESS
    assert [(work.task_key) for work in engine.executor.works] == ["loop_one", "after"]
    assert item_of(engine.executor.works[0]) == "b"
    assert iteration_results(run.current("loop")) == ["SUCCESS"] * 3
    assert run.current("loop").iterations[0][-1].run_id == kept
    body = VIEWS.job_run(run, history=True)
    assert [item["id"] for item in body["repair_history"]] == [repair_id]
    shown = [(task["task_key"], task["attempt_number"], task["state"]["result_state"]) for task in body["tasks"]]
    assert shown == [
        ("list", 0, "SUCCESS"),
        ("loop", 0, "FAILED"),
        ("loop", 1, "SUCCESS"),
        ("after", 0, "UPSTREAM_FAILED"),
        ("after", 1, "SUCCESS"),
    ]


def test_a_repair_keeps_the_values_of_tasks_that_do_not_run_again(engine: Engine) -> None:
    engine.sets("list", items=["a"])
    engine.fails("loop_one", times=1)
    run = engine.run(wheel("list"), for_each("loop", "{{tasks.list.values.items}}", "list"))
    repair(engine, run, rerun_all_failed_tasks=True)
    assert run.result == Result.SUCCESS
    assert engine.executor.keys() == ["list", "loop_one", "loop_one"]


def test_a_repair_names_tasks_and_may_take_those_downstream_along(engine: Engine) -> None:
    run = engine.run(wheel("a"), wheel("b", "a"), wheel("c", "b"))
    engine.executor.works.clear()
    first = repair(engine, run, rerun_tasks=["b"])
    assert engine.executor.keys() == ["b"]
    with pytest.raises(ApiError, match=f"must be {first}"):
        repair(engine, run, rerun_tasks=["b"])
    engine.executor.works.clear()
    repair(engine, run, rerun_tasks=["b"], rerun_dependent_tasks=True, latest_repair_id=first)
    assert engine.executor.keys() == ["b", "c"]
    assert run.result == Result.SUCCESS


def test_a_repair_uses_the_job_as_it_is_now_and_new_parameters(engine: Engine) -> None:
    engine.fails("a", times=1)
    parameters = [{"name": "branch", "default": "main"}]
    job_id = engine.create(wheel("a"), parameters=parameters)
    run = engine.wait(engine.jobs.run_now(job_id, "me", {}))
    fixed = {**engine.jobs.get(job_id).settings, "tasks": [wheel("a", named={"fixed": "yes"})]}
    engine.jobs.reset(job_id, fixed)
    repair(engine, run, rerun_all_failed_tasks=True, overrides={"branch": "dev"})
    named = engine.executor.works[-1].task["python_wheel_task"]["named_parameters"]
    assert named == {"fixed": "yes", "branch": "dev"}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"rerun_tasks": ["none"]}, "no task 'none'"),
        ({}, "nothing to repair"),
        ({"rerun_all_failed_tasks": True}, "nothing to repair"),
        ({"rerun_all_failed_tasks": True, "rerun_tasks": ["a"]}, "Only one of"),
    ],
)
def test_a_repair_that_makes_no_sense_is_refused(engine: Engine, options: dict[str, object], problem: str) -> None:
    run = engine.run(wheel("a"))
    with pytest.raises(ApiError, match=problem):
        repair(engine, run, **options)


def test_an_active_run_cannot_be_repaired(engine: Engine) -> None:
    engine.on("a", until_stopped)
    run = engine.jobs.run_now(engine.create(wheel("a")), "me", {})
    with pytest.raises(ApiError, match="still active"):
        repair(engine, run, rerun_tasks=["a"])


def test_some_identifiers_are_lost_as_floating_point_numbers(engine: Engine) -> None:
    runs = [engine.run(wheel("a")) for _ in range(4)]
    identifiers = [run.run_id for run in runs] + [run.current("a").run_id for run in runs]
    assert any(int(float(number)) != number for number in identifiers)
    assert all(0 < number < 2**63 for number in identifiers)


def test_stopping_ends_what_runs_within_seconds(engine: Engine) -> None:
    engine.on("a", until_stopped)
    run = engine.jobs.run_now(engine.create(wheel("a")), "me", {})
    began = time.monotonic()
    engine.jobs.stop()
    assert run.result == Result.CANCELED
    assert time.monotonic() - began < 5
    with pytest.raises(ApiError, match="stopping"):
        engine.jobs.run_now(run.job_id, "me", {})
