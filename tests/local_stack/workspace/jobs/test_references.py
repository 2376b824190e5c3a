"""Dynamic value references, job parameters, and the inputs of for_each tasks."""

from dataclasses import replace
from typing import Any

import pytest

from local_stack.workspace.jobs.iterations import (
    MAXIMUM_INPUT_BYTES,
    InputsError,
    check_literal,
    items_of,
    iterations_to_run,
)
from local_stack.workspace.jobs.parameters import UnknownParameterError, merged, pushed_down
from local_stack.workspace.jobs.references import (
    NO_INPUT,
    ReferenceScope,
    UnknownReferenceError,
    UpstreamTask,
    check_references,
    resolved,
)
from local_stack.workspace.jobs.task_graph import Result

SCOPE = ReferenceScope(
    job_id=7,
    job_name="export",
    job_run_id=2**53 + 1,
    started=1_700_000_000_000,
    trigger="one_time",
    workspace_id=99,
    workspace_url="http://127.0.0.1:1",
    parameters={"branch": "main", "odd-name": "x"},
    task_key="clone",
    task_run_id=12,
    upstream={
        "list": UpstreamTask(
            run_id=11,
            result=Result.UPSTREAM_FAILED,
            values={"tables": [{"t": "ä"}], "count": 3, "name": "n", "b": True},
        )
    },
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{job.id}}", "7"),
        ("{{ job.run_id }}", str(2**53 + 1)),
        ("{{job.name}}/{{job.parameters.branch}}", "export/main"),
        ("{{job.parameters.`odd-name`}}", "x"),
        ("{{job.trigger.type}}", "one_time"),
        ("{{job.start_time.iso_date}}", "2023-11-14"),
        ("{{job.repair_count}}", "0"),
        ("{{task.name}} {{task.run_id}} {{task.execution_count}}", "clone 12 1"),
        ("{{tasks.list.values.tables}}", '[{"t": "ä"}]'),
        ("{{tasks.list.values.count}}", "3"),
        ("{{tasks.list.values.name}}", "n"),
        ("{{tasks.list.values.b}}", "true"),
        ("{{tasks.list.result_state}}", "upstream_failed"),
        ("{{tasks.list.run_id}}", "11"),
        ("{{workspace.id}} {{workspace.url}}", "99 http://127.0.0.1:1"),
        ("no reference", "no reference"),
        ("{job.id}", "{job.id}"),
    ],
)
def test_references(text: str, expected: str) -> None:
    assert resolved(text, SCOPE) == expected


def test_references_in_lists_and_maps() -> None:
    value = {"a": ["{{job.id}}", 1], "b": {"c": "{{task.name}}"}, "d": None}
    assert resolved(value, SCOPE) == {"a": ["7", 1], "b": {"c": "clone"}, "d": None}


def test_what_replaces_a_reference_is_not_searched_again() -> None:
    scope = replace(SCOPE, parameters={"branch": "{{job.id}}"})
    assert resolved("{{job.parameters.branch}}", scope) == "{{job.id}}"


@pytest.mark.parametrize(
    ("item", "text", "expected"),
    [
        ("x", "{{input}}", "x"),
        (3, "{{input}}", "3"),
        ({"a": 1}, "{{input}}", '{"a": 1}'),
        ({"table": "`main`.`x`", "n": 2}, "{{input.table}}-{{input.n}}", "`main`.`x`-2"),
        ({"deep": {"er": 1}}, "{{input.deep}}", '{"er": 1}'),
    ],
)
def test_the_input_of_an_iteration(item: Any, text: str, expected: str) -> None:
    assert resolved(text, replace(SCOPE, input=item)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{{job.notebook_url}}",
        "{{job.parameters.none}}",
        "{{tasks.list.values.none}}",
        "{{tasks.other.values.tables}}",
        "{{tasks.list.values}}",
        "{{something.else}}",
        "{{input.x}}",
        "{{input}}",
        "{{job.id + 1}}",
        "{{job.parameters.odd-name}}",
        "{{}}",
        "{{job.}}",
    ],
)
def test_an_unknown_reference_is_an_error_that_names_it(text: str) -> None:
    assert SCOPE.input is NO_INPUT
    with pytest.raises(UnknownReferenceError, match=r"\{\{"):
        resolved(text, SCOPE)


def test_an_input_without_the_key_is_an_error() -> None:
    for item in ({"a": 1}, "text"):
        with pytest.raises(UnknownReferenceError, match="no key 'x'"):
            resolved("{{input.x}}", replace(SCOPE, input=item))


def test_references_are_checked_before_anything_runs() -> None:
    value = {
        "good": "{{job.parameters.a}} {{tasks.up.values.any}} {{job.id}} {{task.run_id}}",
        "bad": ["{{job.parameters.b}}", "{{tasks.side.values.v}}", "{{input.k}}", "{{job.idd}}"],
    }
    problems = list(check_references(value, parameters={"a"}, upstream={"up"}, has_input=False))
    assert problems == [
        "{{job.parameters.b}}: the job has no parameter 'b'",
        "{{tasks.side.values.v}}: the task does not depend on a task 'side'",
        "{{input.k}}: only the nested task of a for_each_task has an input",
        "{{job.idd}}: the local workspace knows no such dynamic value reference",
    ]
    assert list(check_references("{{input.k}}", parameters=set(), upstream=set(), has_input=True)) == []


def test_job_parameters_have_defaults_and_overrides() -> None:
    assert merged({"a": "1", "b": ""}, {"b": "2"}) == {"a": "1", "b": "2"}
    with pytest.raises(UnknownParameterError, match="'c'"):
        merged({"a": "1"}, {"c": "2"})
    with pytest.raises(ValueError, match="'a' is not a string"):
        merged({"a": "1"}, {"a": 2})


def test_job_parameters_override_task_parameters_where_a_task_takes_names() -> None:
    job = {"branch": "main"}
    notebook = pushed_down({"notebook_task": {"base_parameters": {"branch": "own", "t": "x"}}}, job)
    assert notebook["notebook_task"]["base_parameters"] == {"branch": "main", "t": "x"}
    assert pushed_down({"sql_task": {"warehouse_id": "w"}}, job)["sql_task"]["parameters"] == job
    wheel = pushed_down({"python_wheel_task": {"named_parameters": {"x": "1"}}}, job)
    assert wheel["python_wheel_task"]["named_parameters"] == {"x": "1", "branch": "main"}
    positional = {"python_wheel_task": {"parameters": ["a"]}}
    assert pushed_down(positional, job) == positional


def test_inputs_are_arrays_within_the_limits() -> None:
    assert items_of("[]") == []
    assert items_of('["a", {"b": 1}]') == ["a", {"b": 1}]
    for text, problem in [("{}", "not a JSON array"), ("[", "not JSON"), ("", "not JSON")]:
        with pytest.raises(InputsError, match=problem):
            items_of(text)


def test_resolved_inputs_have_at_most_48_kilobytes() -> None:
    fits = '["' + "x" * (MAXIMUM_INPUT_BYTES - 4) + '"]'
    assert len(items_of(fits)) == 1
    with pytest.raises(InputsError, match="49153 bytes"):
        items_of(fits[:-2] + 'x"]')


def test_literal_inputs_have_at_most_5000_characters() -> None:
    check_literal('["' + "x" * 4996 + '"]')
    check_literal("{{tasks.x.values.y}}")
    with pytest.raises(InputsError, match="5001 characters"):
        check_literal('["' + "x" * 4997 + '"]')
    with pytest.raises(InputsError, match="not a JSON array"):
        check_literal('"text"')


def test_a_repair_runs_only_iterations_that_did_not_succeed() -> None:
    assert iterations_to_run([1, 2, 3], None, {}) == [0, 1, 2]
    assert iterations_to_run([1, 2, 3], [1, 2, 3], {0: True, 2: True}) == [1]
    assert iterations_to_run([1, 2, 4], [1, 2, 3], {0: True, 2: True}) == [0, 1, 2]
    assert iterations_to_run([1, 2], [1, 2], {0: True, 1: True}) == [0, 1]
