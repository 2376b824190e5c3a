"""Which tasks run, and how a job ends: the table of run_if, condition branches, leaf tasks."""

import pytest

from local_stack.workspace.jobs.conditions import holds
from local_stack.workspace.jobs.task_graph import (
    Dependency,
    Ended,
    Next,
    Result,
    Task,
    cycle_in,
    downstream_of,
    job_result,
    next_step,
)

SUCCESS, FAILED, EXCLUDED = Result.SUCCESS, Result.FAILED, Result.EXCLUDED
UPSTREAM_FAILED, CANCELED, TIMEDOUT = Result.UPSTREAM_FAILED, Result.CANCELED, Result.TIMEDOUT


def task_after(*keys: str, run_if: str = "ALL_SUCCESS") -> Task:
    return Task(key="it", depends_on=tuple(Dependency(task_key=key) for key in keys), run_if=run_if)


def step_after(run_if: str, *results: Result) -> Next | Result:
    keys = [f"task_{index}" for index in range(len(results))]
    ended = {key: Ended(result=result) for key, result in zip(keys, results, strict=True)}
    return next_step(task_after(*keys, run_if=run_if), ended)


@pytest.mark.parametrize(
    ("run_if", "results", "expected"),
    [
        ("ALL_SUCCESS", (SUCCESS, SUCCESS), Next.RUN),
        ("ALL_SUCCESS", (SUCCESS, EXCLUDED), Next.RUN),
        ("ALL_SUCCESS", (SUCCESS, FAILED), UPSTREAM_FAILED),
        ("ALL_SUCCESS", (SUCCESS, TIMEDOUT), UPSTREAM_FAILED),
        ("ALL_SUCCESS", (SUCCESS, UPSTREAM_FAILED), UPSTREAM_FAILED),
        ("ALL_SUCCESS", (SUCCESS, CANCELED), Result.UPSTREAM_CANCELED),
        ("ALL_SUCCESS", (FAILED, CANCELED), UPSTREAM_FAILED),
        ("AT_LEAST_ONE_SUCCESS", (SUCCESS, FAILED), Next.RUN),
        ("AT_LEAST_ONE_SUCCESS", (EXCLUDED, FAILED), Next.RUN),
        ("AT_LEAST_ONE_SUCCESS", (FAILED, TIMEDOUT), UPSTREAM_FAILED),
        ("NONE_FAILED", (SUCCESS, EXCLUDED), Next.RUN),
        ("NONE_FAILED", (SUCCESS, FAILED), UPSTREAM_FAILED),
        ("ALL_DONE", (FAILED, UPSTREAM_FAILED), Next.RUN),
        ("ALL_DONE", (SUCCESS, CANCELED), Next.RUN),
        ("AT_LEAST_ONE_FAILED", (SUCCESS, FAILED), Next.RUN),
        ("AT_LEAST_ONE_FAILED", (SUCCESS, CANCELED), Next.RUN),
        ("AT_LEAST_ONE_FAILED", (SUCCESS, EXCLUDED), EXCLUDED),
        ("ALL_FAILED", (FAILED, UPSTREAM_FAILED), Next.RUN),
        ("ALL_FAILED", (FAILED, EXCLUDED), EXCLUDED),
        ("ALL_FAILED", (FAILED, SUCCESS), EXCLUDED),
    ],
)
def test_run_if(run_if: str, results: tuple[Result, ...], expected: Next | Result) -> None:
    assert step_after(run_if, *results) == expected


@pytest.mark.parametrize(
    "run_if", ["ALL_SUCCESS", "AT_LEAST_ONE_SUCCESS", "NONE_FAILED", "ALL_DONE", "AT_LEAST_ONE_FAILED", "ALL_FAILED"]
)
def test_a_task_is_excluded_when_all_its_dependencies_are(run_if: str) -> None:
    assert step_after(run_if, EXCLUDED, EXCLUDED) == EXCLUDED


def test_a_task_without_dependencies_runs() -> None:
    assert next_step(task_after(), {}) == Next.RUN


def test_a_task_waits_until_every_dependency_has_ended() -> None:
    assert next_step(task_after("one", "two"), {"one": Ended(result=FAILED)}) == Next.WAIT


@pytest.mark.parametrize(("outcome", "expected"), [("true", Next.RUN), ("false", EXCLUDED)])
def test_the_other_branch_of_a_condition_is_excluded(outcome: str, expected: Next | Result) -> None:
    on_true = Task(key="it", depends_on=(Dependency(task_key="check", outcome="true"),))
    assert next_step(on_true, {"check": Ended(result=SUCCESS, outcome=outcome)}) == expected


def test_a_condition_that_failed_fails_both_branches() -> None:
    on_true = Task(key="it", depends_on=(Dependency(task_key="check", outcome="true"),))
    assert next_step(on_true, {"check": Ended(result=FAILED)}) == UPSTREAM_FAILED


def test_a_condition_that_holds_counts_as_success_beside_a_failed_task() -> None:
    """The export relies on it: some clones may fail, the others are registered all the same."""
    register = Task(
        key="register",
        depends_on=(Dependency(task_key="any", outcome="true"), Dependency(task_key="clone")),
        run_if="AT_LEAST_ONE_SUCCESS",
    )
    any_true, any_false = Ended(result=SUCCESS, outcome="true"), Ended(result=SUCCESS, outcome="false")
    assert next_step(register, {"any": any_true, "clone": Ended(result=FAILED)}) == Next.RUN
    assert next_step(register, {"any": any_false, "clone": Ended(result=EXCLUDED)}) == EXCLUDED


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (SUCCESS, SUCCESS, SUCCESS),
        (SUCCESS, EXCLUDED, SUCCESS),
        (FAILED, SUCCESS, Result.SUCCESS_WITH_FAILURES),
        (FAILED, EXCLUDED, Result.SUCCESS_WITH_FAILURES),
        (FAILED, UPSTREAM_FAILED, FAILED),
        (SUCCESS, FAILED, FAILED),
        (SUCCESS, TIMEDOUT, FAILED),
    ],
)
def test_a_job_ends_by_its_leaf_tasks(first: Result, last: Result, expected: Result) -> None:
    tasks = [Task(key="first"), Task(key="last", depends_on=(Dependency(task_key="first"),))]
    assert job_result(tasks, {"first": Ended(result=first), "last": Ended(result=last)}) == expected


def test_downstream_and_cycles() -> None:
    a, b = Task(key="a"), Task(key="b", depends_on=(Dependency(task_key="a"),))
    c = Task(key="c", depends_on=(Dependency(task_key="b"),))
    assert downstream_of([a, b, c], ["a"]) == {"b", "c"}
    assert downstream_of([a, b, c], ["c"]) == set()
    assert cycle_in([a, b, c]) == []
    back = Task(key="a", depends_on=(Dependency(task_key="c"),))
    assert cycle_in([back, b, c]) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("left", "operator", "right", "expected"),
    [
        ("12.0", "EQUAL_TO", "12", False),
        ("12.0", "NOT_EQUAL", "12", True),
        ("12.0", "GREATER_THAN_OR_EQUAL", "12", True),
        ("10.0", "GREATER_THAN_OR_EQUAL", "12", False),
        ("9", "GREATER_THAN", "10", False),
        ("9", "LESS_THAN", "10", True),
        ("10", "LESS_THAN_OR_EQUAL", "10", True),
    ],
)
def test_condition_operators(left: str, operator: str, right: str, expected: bool) -> None:
    assert holds(operator, left, right) is expected


@pytest.mark.parametrize("text", ["", "many", "nan", "inf"])
def test_a_numeric_operator_refuses_what_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="compares numbers"):
        holds("GREATER_THAN", text, "0")
