"""Dynamic value references in a job's settings: ``{{job.parameters.branch}}``, ``{{tasks.x.values.y}}``. Pure.

From the Databricks documentation, jobs/dynamic-value-references: the text between the braces is no expression; a
name with other characters than letters, digits and underscores stands in backticks; what replaces a reference is
not searched for references again. Stricter than Databricks on purpose: there a reference outside the known
namespaces stays as it is written, here every unknown reference is an error, because in a job it is a mistake.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local_stack.workspace.jobs.task_graph import Result

REFERENCE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
NAME = re.compile(r"\s*(?:`([^`]+)`|([A-Za-z0-9_]+))\s*(?:\.|$)")
START_TIME_FIELDS: dict[str, Callable[[datetime], str]] = {
    "iso_date": lambda time: time.strftime("%Y-%m-%d"),
    "iso_datetime": lambda time: time.strftime("%Y-%m-%dT%H:%M:%S.%f"),
    "timestamp_ms": lambda time: str(int(time.timestamp() * 1000)),
    "year": lambda time: str(time.year),
    "month": lambda time: str(time.month),
    "day": lambda time: str(time.day),
    "hour": lambda time: str(time.hour),
    "minute": lambda time: str(time.minute),
    "second": lambda time: str(time.second),
    "iso_weekday": lambda time: str(time.isoweekday()),
    "is_weekday": lambda time: str(time.isoweekday() <= 5).lower(),
}
FIXED = frozenset(
    {
        *(("job", name) for name in ("id", "name", "run_id", "repair_count")),
        *(("job", "start_time", name) for name in START_TIME_FIELDS),
        *(("task", name) for name in ("name", "run_id", "execution_count")),
        ("job", "trigger", "type"),
        ("workspace", "id"),
        ("workspace", "url"),
    }
)
NO_INPUT = object()


class UnknownReferenceError(ValueError):
    """A reference that does not exist or has no value; the message names it."""


@dataclass(frozen=True, kw_only=True)
class UpstreamTask:
    """What is known of a task that ended before."""

    run_id: int
    result: Result
    execution_count: int = 1
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ReferenceScope:
    """All that references can speak of, at the moment one task (or iteration) starts."""

    job_id: int
    job_name: str
    job_run_id: int
    started: int  # milliseconds since the epoch
    trigger: str
    workspace_id: int
    workspace_url: str
    repair_count: int = 0
    parameters: Mapping[str, str] = field(default_factory=dict)
    task_key: str | None = None
    task_run_id: int | None = None
    execution_count: int = 1
    upstream: Mapping[str, UpstreamTask] = field(default_factory=dict)
    input: Any = NO_INPUT


def references_in(text: str) -> list[tuple[str, ...]]:
    """The references of a text, each as its names: ``("job", "parameters", "branch")``."""
    return [_names(found.group(1)) for found in REFERENCE.finditer(text)]


def resolved(value: Any, scope: ReferenceScope) -> Any:
    """The value with every reference in it replaced, in strings, lists and maps. Raises UnknownReferenceError."""
    if isinstance(value, str):
        return REFERENCE.sub(lambda found: _text(_value(_names(found.group(1)), scope)), value)
    if isinstance(value, list):
        return [resolved(item, scope) for item in value]
    if isinstance(value, dict):
        return {key: resolved(item, scope) for key, item in value.items()}
    return value


def check_references(value: Any, *, parameters: set[str], upstream: set[str], has_input: bool) -> Iterator[str]:
    """What is wrong with the references of a setting, before anything runs; one sentence for each."""
    for text in _strings(value):
        try:
            found = references_in(text)
        except UnknownReferenceError as problem:
            yield str(problem)
            continue
        for names in found:
            sentence = _problem(names, parameters, upstream, has_input)
            if sentence:
                yield sentence


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)


def _names(inside: str) -> tuple[str, ...]:
    names: list[str] = []
    position = 0
    while position < len(inside):
        found = NAME.match(inside, position)
        if found is None:
            break
        names.append(found.group(1) or found.group(2))
        position = found.end()
    if not names or position < len(inside) or inside.rstrip().endswith("."):
        raise UnknownReferenceError(
            f"{{{{{inside}}}}} is no dynamic value reference: names joined by dots are expected"
        )
    return tuple(names)


def _written(names: tuple[str, ...]) -> str:
    return "{{" + ".".join(names) + "}}"


def _problem(names: tuple[str, ...], parameters: set[str], upstream: set[str], has_input: bool) -> str | None:
    match names:
        case ("job", "parameters", name):
            wrong = "" if name in parameters else f"the job has no parameter '{name}'"
        case ("tasks", key, "values", _) | ("tasks", key, "run_id" | "result_state" | "execution_count"):
            wrong = "" if key in upstream else f"the task does not depend on a task '{key}'"
        case ("input",) | ("input", _):
            wrong = "" if has_input else "only the nested task of a for_each_task has an input"
        case _:
            wrong = "" if names in FIXED else "the local workspace knows no such dynamic value reference"
    return f"{_written(names)}: {wrong}" if wrong else None


def _value(names: tuple[str, ...], scope: ReferenceScope) -> Any:
    match names:
        case ("job", "parameters", name):
            found = _found(names, scope.parameters, name)
        case ("job", "start_time", name) if name in START_TIME_FIELDS:
            found = START_TIME_FIELDS[name](datetime.fromtimestamp(scope.started / 1000, UTC))
        case ("job", *rest):
            found = _found(names, _job_values(scope), ".".join(rest))
        case ("workspace", name):
            found = _found(names, {"id": scope.workspace_id, "url": scope.workspace_url}, name)
        case ("task", name) if scope.task_key is not None:
            found = _found(names, _task_values(scope), name)
        case ("tasks", key, *rest):
            found = _upstream_value(names, scope, key, rest)
        case ("input", *rest) if scope.input is not NO_INPUT and len(rest) <= 1:
            found = _input_value(names, scope.input, rest)
        case _:
            raise UnknownReferenceError(f"{_written(names)} is unknown here")
    return found


def _job_values(scope: ReferenceScope) -> dict[str, Any]:
    return {
        "id": scope.job_id,
        "name": scope.job_name,
        "run_id": scope.job_run_id,
        "repair_count": scope.repair_count,
        "trigger.type": scope.trigger,
    }


def _task_values(scope: ReferenceScope) -> dict[str, Any]:
    return {"name": scope.task_key, "run_id": scope.task_run_id, "execution_count": scope.execution_count}


def _found(names: tuple[str, ...], values: Mapping[str, Any], name: str) -> Any:
    if name not in values:
        raise UnknownReferenceError(f"{_written(names)} is unknown here")
    return values[name]


def _upstream_value(names: tuple[str, ...], scope: ReferenceScope, key: str, rest: list[str]) -> Any:
    task = scope.upstream.get(key)
    if task is None:
        raise UnknownReferenceError(f"{_written(names)}: the task '{key}' has not run before this one")
    if len(rest) == 2 and rest[0] == "values":
        if rest[1] not in task.values:
            raise UnknownReferenceError(f"{_written(names)}: the task '{key}' set no task value '{rest[1]}'")
        return task.values[rest[1]]
    fields = {
        "run_id": task.run_id,
        "result_state": task.result.lower(),
        "execution_count": task.execution_count,
    }
    return _found(names, fields, ".".join(rest))


def _input_value(names: tuple[str, ...], item: Any, rest: list[str]) -> Any:
    if not rest:
        return item
    if not isinstance(item, dict) or rest[0] not in item:
        raise UnknownReferenceError(f"{_written(names)}: the input of this iteration has no key '{rest[0]}'")
    return item[rest[0]]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
