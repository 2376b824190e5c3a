"""A job's tasks, those inside a for-each included, and what they refer to."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bundle_deployment import ROOT

# What list_changed_tables sets.
TASK_VALUES = {
    *("tables", "table_count", "removed", "removed_count"),
    *("commit_id", "commit_generation", "line", "target_base_location", "method", "record"),
}

_TASK_VALUE = re.compile(r"\{\{tasks\.(\w+)\.values\.(\w+)\}\}")
_JOB_PARAMETER = re.compile(r"\{\{job\.parameters\.(\w+)\}\}")
_INPUT = re.compile(r"\{\{input\.(\w+)\}\}")


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task, and the for-each task around it if there is one."""

    settings: Mapping[str, Any]
    outer: Mapping[str, Any] | None = None

    @property
    def key(self) -> str:
        """Its task key."""
        key: str = self.settings["task_key"]
        return key

    @property
    def top_key(self) -> str:
        """The key that other tasks depend on."""
        key: str = (self.outer or self.settings)["task_key"]
        return key

    @property
    def parameters(self) -> Mapping[str, str]:
        """The parameters it passes to its notebook, SQL file or entry point."""
        found: Mapping[str, str] = (
            self.settings.get("notebook_task", {}).get("base_parameters")
            or self.settings.get("sql_task", {}).get("parameters")
            or self.settings.get("python_wheel_task", {}).get("named_parameters")
            or {}
        )
        return found

    @property
    def task_values(self) -> set[tuple[str, str]]:
        """The task values it reads, as (task, value), those of a nested task not included."""
        return set(_TASK_VALUE.findall(self._text))

    @property
    def job_parameters(self) -> set[str]:
        """The job parameters it reads."""
        return set(_JOB_PARAMETER.findall(self._text))

    @property
    def input_fields(self) -> set[str]:
        """The fields of the for-each's item that it reads."""
        return set(_INPUT.findall(self._text))

    @property
    def _text(self) -> str:
        own = dict(self.settings)
        if "for_each_task" in own:
            own["for_each_task"] = {key: value for key, value in own["for_each_task"].items() if key != "task"}
        return json.dumps(own)


def task_requirements() -> list[str]:
    """What the wheel tasks import, as the project's extra `tasks` names it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements: list[str] = project["optional-dependencies"]["tasks"]
    return requirements


def all_tasks(job: Mapping[str, Any]) -> Iterator[Task]:
    """Every task of a job, nested ones after the one around them."""
    for settings in job["tasks"]:
        yield Task(settings=settings)
        if "for_each_task" in settings:
            yield Task(settings=settings["for_each_task"]["task"], outer=settings)


def dependencies(job: Mapping[str, Any]) -> dict[str, set[str]]:
    """The keys that each top task depends on directly."""
    return {task["task_key"]: {each["task_key"] for each in task.get("depends_on", [])} for task in job["tasks"]}


def upstream(job: Mapping[str, Any], key: str) -> set[str]:
    """The keys that a top task depends on, directly or through others."""
    direct = dependencies(job)
    found: set[str] = set()
    waiting = list(direct[key])
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting.extend(direct.get(each, ()))
    return found
