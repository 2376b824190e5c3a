"""What tasks pass, against what their notebook, SQL file and entry points read."""

import io
import re
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import yaml
from bundle_deployment import JOB, JOBS, ROOT
from job_tasks import TASK_VALUES, Task, all_tasks

from lakefs_unity_export.checks.cluster_settings import ClusterSettings
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.clones.request import CloneRequest
from lakefs_unity_export.export.plan import Item, RemovedItem
from lakefs_unity_export.tasks import (
    check_lakefs_and_catalog,
    check_own_table_removal,
    check_report,
    check_serverless,
    check_warehouse,
    check_warehouse_again,
    list_changed_tables,
    reconcile,
    record_export,
)

RESOURCES = ROOT / "resources"
SETTINGS: dict[str, dict[str, Any]] = {
    job: yaml.safe_load((RESOURCES / f"{job}.job.yml").read_text())["resources"]["jobs"][job] for job in JOBS
}
TASKS: dict[str, Task] = {task.key: task for job in JOBS for task in all_tasks(SETTINGS[job])}
NAME = "`lake`.`main`.`orders`"
ITEMS = {"tables": Item(table=NAME, path="p", method=CloneMethod.DEEP), "removed": RemovedItem(table=NAME)}

_SQL_COMMENT_OR_TEXT = re.compile(r"--[^\n]*|/\*.*?\*/|r'[^']*'|'(?:\\.|[^'\\])*'|`[^`]*`", re.DOTALL)
_SQL_PARAMETER = re.compile(r"(?<![:\w]):([A-Za-z_]\w*)")


def test_item_fields_are_read_inside_a_for_each_only_and_exist() -> None:
    for task in TASKS.values():
        assert task.input_fields <= (item_of(task).as_json().keys() if task.outer else set())


@pytest.mark.parametrize("item", ITEMS.values(), ids=ITEMS.keys())
def test_every_field_of_an_item_is_read(item: Item | RemovedItem) -> None:
    read = {name for task in TASKS.values() if task.outer and item_of(task) is item for name in task.input_fields}
    assert read == item.as_json().keys()


def item_of(task: Task) -> Item | RemovedItem:
    """An element of what a for-each goes over."""
    assert task.outer is not None
    (name,) = re.findall(r"values\.(\w+)", task.outer["for_each_task"]["inputs"])
    return ITEMS[name]


def test_task_values_that_are_read_are_set() -> None:
    given: dict[str, object] = {}

    class Recorder:
        def set(self, key: str, value: object) -> None:
            given[key] = value

    list_changed_tables.hand_over(None, Recorder(), None, None, io.StringIO())
    read = {value for task in TASKS.values() for _, value in task.task_values}
    assert read <= given.keys()
    assert given.keys() == TASK_VALUES


@pytest.mark.parametrize(
    "module",
    [
        list_changed_tables,
        record_export,
        reconcile,
        check_lakefs_and_catalog,
        check_own_table_removal,
        check_report,
        check_serverless,
        check_warehouse,
        check_warehouse_again,
    ],
    ids=lambda module: module.__name__,
)
def test_an_entry_point_gets_the_options_it_takes(
    module: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = TASKS[module.__name__.rpartition(".")[2]]
    assert task.settings["python_wheel_task"]["package_name"] == "lakefs_unity_export"
    assert task.settings["python_wheel_task"]["entry_point"] == task.key
    assert task.parameters.keys() == options(module.main, capsys, monkeypatch)


def test_the_notebook_gets_the_widgets_it_reads() -> None:
    task = TASKS["clone_table"]
    notebook = RESOURCES / task.settings["notebook_task"]["notebook_path"]
    text = notebook.read_text()
    assert text.startswith("# Databricks notebook source\n")
    assert "CloneRequest.from_widgets(dbutils.widgets.get)" in text
    read = []

    def value_of(name: str) -> str:
        read.append(name)
        return {"table": NAME, "method": "shallow"}.get(name, "1")

    CloneRequest.from_widgets(value_of)
    assert task.parameters.keys() == set(read)


@pytest.mark.parametrize("key", ["check_cluster", "check_cluster_again"])
def test_a_notebook_of_the_checks_gets_the_widgets_it_reads(key: str) -> None:
    task = TASKS[key]
    notebook = RESOURCES / task.settings["notebook_task"]["notebook_path"]
    assert notebook.read_text().startswith("# Databricks notebook source\n")
    read = set[str]()
    ClusterSettings.from_widgets(lambda name: read.add(name) or "")
    assert task.parameters.keys() == read
    # The same folder is removed that is written to.
    assert TASKS["check_removal"].parameters.keys() == {"target_base_location", "run_id"}
    assert TASKS["check_removal"].parameters.items() <= task.parameters.items()


@pytest.mark.parametrize("key", ["register_table", "unregister_table", "check_sql_file"])
def test_the_sql_file_gets_the_parameters_it_reads(key: str) -> None:
    task = TASKS[key]
    text = (RESOURCES / task.settings["sql_task"]["file"]["path"]).read_text()
    code = _SQL_COMMENT_OR_TEXT.sub("''", text)
    assert task.parameters.keys() == set(_SQL_PARAMETER.findall(code))


def options(main: Callable[[], None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The options that an entry point's own help shows."""
    monkeypatch.setattr(sys, "argv", ["entry-point", "--help"])
    with pytest.raises(SystemExit):
        main()
    return set(re.findall(r"--([a-z_]+)\b", capsys.readouterr().out)) - {"help"}


def test_one_run_at_a_time_is_not_left_to_the_defaults_of_the_cli() -> None:
    assert {job["max_concurrent_runs"] for job in SETTINGS.values()} == {1}
    assert SETTINGS[JOB]["queue"] == {"enabled": True}
    assert SETTINGS["reconcile"]["queue"] == {"enabled": False}
