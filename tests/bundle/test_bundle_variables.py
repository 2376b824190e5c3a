"""The variables of databricks.yml: all described, all used, and no more."""

import re
from typing import Any

import pytest
import yaml
from bundle_deployment import JOBS, OVERRIDES, ROOT

from local_stack.toolchain.databricks_cli import MINIMUM_VERSION

BUNDLE: dict[str, Any] = yaml.safe_load((ROOT / "databricks.yml").read_text())
TEXTS = [file.read_text() for file in (ROOT / "databricks.yml", *(ROOT / "resources").glob("*.yml"))]


@pytest.mark.parametrize("name", BUNDLE["variables"])
def test_a_variable_is_described_and_used(name: str) -> None:
    assert BUNDLE["variables"][name]["description"].endswith(".")
    assert any(f"${{var.{name}}}" in text for text in TEXTS)


def test_every_variable_that_is_used_is_declared() -> None:
    used = {name for text in TEXTS for name in re.findall(r"\$\{var\.(\w+)", text)}
    assert used == BUNDLE["variables"].keys()


def test_overrides_use_declared_variables() -> None:
    used = {name for file in OVERRIDES.glob("*.yml") for name in re.findall(r"\$\{var\.(\w+)", file.read_text())}
    assert used <= BUNDLE["variables"].keys()


def test_the_targets_are_local_dev_and_prod() -> None:
    modes = {name: (target.get("mode"), target.get("default", False)) for name, target in BUNDLE["targets"].items()}
    assert modes == {"local": (None, False), "dev": ("development", True), "prod": ("production", False)}


def test_the_toolchain_wants_the_version_that_the_bundle_wants() -> None:
    assert BUNDLE["bundle"]["databricks_cli_version"] == ">= " + ".".join(map(str, MINIMUM_VERSION))


def test_the_settings_of_the_wheel_have_the_names_of_the_variables() -> None:
    job = yaml.safe_load((ROOT / "resources/export_tables.job.yml").read_text())["resources"]["jobs"]["export_tables"]
    (task,) = [each for each in job["tasks"] if each["task_key"] == "list_changed_tables"]
    parameters = task["python_wheel_task"]["named_parameters"]
    of_the_run = {"job_id": "{{job.id}}", "run_id": "{{job.run_id}}"}
    settings = {name: value for name, value in parameters.items() if not value.startswith("{{job.parameters.")}
    assert settings == {name: f"${{var.{name}}}" for name in settings} | of_the_run
    assert {value for name, value in parameters.items() if name not in settings} == {
        f"{{{{job.parameters.{name}}}}}" for name in parameters if name not in settings
    }


def named_parameters() -> dict[str, dict[str, str]]:
    """What each wheel task of the jobs is given."""
    tasks = {}
    for name in JOBS:
        job = yaml.safe_load((ROOT / f"resources/{name}.job.yml").read_text())["resources"]["jobs"][name]
        tasks |= {task["task_key"]: task.get("python_wheel_task", {}).get("named_parameters") for task in job["tasks"]}
    return tasks


def test_check_setup_has_the_settings_of_the_listing() -> None:
    tasks = named_parameters()
    own = {
        "export_job_id": "${resources.jobs.export_tables.id}",
        "reconcile_job_id": "${resources.jobs.reconcile.id}",
        "hook_service_principal": "${var.hook_service_principal}",
        "job_id": "{{job.id}}",
        "run_id": "{{job.run_id}}",
        # A run's parameter goes before it in an export.
        "clone_method": "${var.clone_method}",
    }
    checked = tasks["check_lakefs_and_catalog"]
    assert own.items() <= checked.items()
    assert {name: value for name, value in checked.items() if name not in own}.items() <= tasks[
        "list_changed_tables"
    ].items()
    of_the_bundle = {name for name, value in tasks["list_changed_tables"].items() if value.startswith("${var.")}
    assert of_the_bundle <= checked.keys()


def test_the_cluster_is_checked_with_the_settings_of_the_listing() -> None:
    job = yaml.safe_load((ROOT / "resources/check_setup.job.yml").read_text())["resources"]["jobs"]["check_setup"]
    (task,) = [task for task in job["tasks"] if task["task_key"] == "check_cluster"]
    given = task["notebook_task"]["base_parameters"]
    assert given.items() <= named_parameters()["check_lakefs_and_catalog"].items()


def test_reconcile_has_the_settings_of_the_listing() -> None:
    tasks = named_parameters()
    own = {
        "repositories": "${var.reconcile_repositories}",
        "branches": "${var.reconcile_branches}",
        "export_job_id": "${resources.jobs.export_tables.id}",
    }
    assert own.items() <= tasks["reconcile"].items()
    shared = {name: value for name, value in tasks["reconcile"].items() if name not in own}
    assert shared.items() <= tasks["list_changed_tables"].items()
