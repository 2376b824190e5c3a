"""What an iteration of a for-each task of the job is given: the parameters that stand there, references replaced."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from lakefs_unity_export import names
from lakefs_unity_export.clones.request import CloneRequest
from local_stack.workspace.jobs.parameters import pushed_down
from local_stack.workspace.jobs.references import ReferenceScope, UpstreamTask, resolved
from local_stack.workspace.jobs.task_graph import Result

JOB_FILE = Path(__file__).parents[2] / "resources" / "export_tables.job.yml"
LIST = "list_changed_tables"


@cache
def _nested_tasks() -> dict[str, dict[str, Any]]:
    tasks = yaml.safe_load(JOB_FILE.read_text())["resources"]["jobs"]["export_tables"]["tasks"]
    nested = [task["for_each_task"]["task"] for task in tasks if "for_each_task" in task]
    return {task["task_key"]: task for task in nested}


def parameters_of(
    task_key: str, item: Any, values: Mapping[str, Any], job_parameters: Mapping[str, str]
) -> dict[str, str]:
    """The parameters of the notebook or SQL file in the iteration for an item, given the values of the list task."""
    scope = ReferenceScope(
        job_id=1,
        job_name="export_tables",
        job_run_id=1,
        started=0,
        trigger="manual",
        workspace_id=1,
        workspace_url="https://workspace.example.com",
        parameters=job_parameters,
        upstream={LIST: UpstreamTask(run_id=1, result=Result.SUCCESS, values=values)},
        input=item,
    )
    task = pushed_down(resolved(_nested_tasks()[task_key], scope), job_parameters)
    found: dict[str, str] = (task.get("notebook_task") or task["sql_task"]).get("base_parameters") or task["sql_task"][
        "parameters"
    ]
    return found


def clone_request(item: Any, values: Mapping[str, Any], job_parameters: Mapping[str, str]) -> CloneRequest:
    """What the notebook makes of its widgets."""
    return CloneRequest.from_widgets(parameters_of("clone_table", item, values, job_parameters).__getitem__)


def target_path(parameters: Mapping[str, str]) -> str:
    """Where the SQL files look for the clone; a test of theirs holds them to the rule."""
    return names.target_path(
        target_base_location=parameters["target_base_location"],
        branch=parameters["branch"],
        table=names.read_quoted(parameters["table"]).table,
    )
