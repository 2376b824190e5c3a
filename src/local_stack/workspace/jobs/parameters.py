"""Job parameters: defaults, overrides, and how they reach the tasks. Pure.

From the Databricks documentation, jobs/job-parameters: job parameters reach notebook tasks, SQL tasks and Python
wheel tasks with named parameters by themselves, and override a task parameter of the same name.
"""

import re
from collections.abc import Mapping
from typing import Any

PARAMETER_NAME = re.compile(r"[A-Za-z0-9_.\-]+")


class UnknownParameterError(ValueError):
    """A run was started with a parameter that the job does not declare."""


def defaults_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """The job's parameters with their defaults."""
    return {parameter["name"]: parameter["default"] for parameter in settings.get("parameters") or []}


def merged(defaults: Mapping[str, str], overrides: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of a run. Raises UnknownParameterError, or ValueError for a value that is no string."""
    unknown = sorted(set(overrides) - set(defaults))
    if unknown:
        raise UnknownParameterError(
            f"The job has no parameter {', '.join(map(repr, unknown))}; it has {', '.join(defaults) or 'none'}."
        )
    for name, value in overrides.items():
        if not isinstance(value, str):
            raise ValueError(f"The value of the job parameter '{name}' is not a string.")
    return {**defaults, **overrides}


def pushed_down(task: Mapping[str, Any], job_parameters: Mapping[str, str]) -> dict[str, Any]:
    """The task's settings with the job parameters added where its kind takes key-value parameters."""
    changed = dict(task)
    if notebook := task.get("notebook_task"):
        changed["notebook_task"] = {**notebook, "base_parameters": _over(notebook, "base_parameters", job_parameters)}
    if sql := task.get("sql_task"):
        changed["sql_task"] = {**sql, "parameters": _over(sql, "parameters", job_parameters)}
    wheel = task.get("python_wheel_task")
    if wheel and wheel.get("named_parameters") is not None:
        changed["python_wheel_task"] = {**wheel, "named_parameters": _over(wheel, "named_parameters", job_parameters)}
    return changed


def _over(task: Mapping[str, Any], field: str, job_parameters: Mapping[str, str]) -> dict[str, str]:
    return {**(task.get(field) or {}), **job_parameters}
