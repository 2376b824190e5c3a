"""What the wheel's extras name is what its entry points import, and the clone task imports nothing."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from local_stack.named_packages import OWN_PACKAGES, PackageError, hidden_modules
from local_stack.stack import PRELOADED

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / "src/local_stack/cluster/runtime"
EXTRAS: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
OF_TASKS = "lakefs-unity-export[tasks]"
TASKS = [
    "lakefs_unity_export.tasks." + name
    for name in (
        "list_changed_tables",
        "record_export",
        "reconcile",
        "check_lakefs_and_catalog",
        "check_own_table_removal",
        "check_report",
        "check_serverless",
        "check_warehouse",
        "check_warehouse_again",
    )
]
IMPORT = """
import json, sys
from dbruntime.hidden_modules import hide
hidden, modules = json.loads(sys.argv[1])
hide(hidden)
for module in modules:
    __import__(module)
"""


def importing(modules: list[str], requirements: list[str]) -> subprocess.CompletedProcess[str]:
    """A Python that finds the product, and of the local environment only what these requirements name."""
    hidden = sorted(hidden_modules(requirements) - {"lakefs_unity_export"})
    return subprocess.run(
        [sys.executable, "-P", "-c", IMPORT, json.dumps([hidden, modules])],
        env={"PYTHONPATH": f"{RUNTIME}:{ROOT / 'src'}"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("extra", "modules"),
    [
        ("tasks", TASKS),
        ("hook", ["lakefs_unity_export.hook.install_hook"]),
        ("webhook", ["lakefs_unity_export.webhook", "uvicorn"]),
    ],
)
def test_an_extra_names_what_its_entry_points_import(extra: str, modules: list[str]) -> None:
    requirements = [line for each in EXTRAS[extra] for line in (EXTRAS["tasks"] if each == OF_TASKS else [each])]
    assert importing(modules, requirements).stderr == ""


@pytest.mark.parametrize(
    ("modules", "said"),
    [
        (TASKS[1:2], "ModuleNotFoundError: No module named 'pydantic'"),
        (["lakefs_unity_export.servers"], "ImportError: databricks is missing: the wheel brings no other package."),
        (
            ["lakefs_unity_export.hook.install_hook"],
            "ImportError: install_hook needs lakefs: install the wheel with its extra",
        ),
        (["lakefs_unity_export.webhook"], "ImportError: the webhook needs prometheus_client: install the wheel with"),
    ],
)
def test_without_its_extra_nothing_but_the_clone_task_is_imported(modules: list[str], said: str) -> None:
    assert importing(["lakefs_unity_export.tasks.clone_table"], []).stderr == ""
    assert said in importing(modules, []).stderr


def test_forks_have_nothing_loaded_that_is_hidden_from_the_products_tasks() -> None:
    """Else each of its tasks would start a Python of its own."""
    assert not hidden_modules(EXTRAS["tasks"]) & {name.partition(".")[0] for name in PRELOADED}


def test_what_a_package_needs_comes_with_it_and_its_extras_only_where_they_are_named() -> None:
    hidden = hidden_modules(["moto"])
    assert not hidden & {"moto", "boto3", "botocore", "requests"}
    assert {"flask", "py_partiql_parser"} <= hidden
    assert "py_partiql_parser" not in hidden_modules(["moto[s3]"])
    assert hidden >= OWN_PACKAGES


def test_what_is_for_another_python_is_not_needed() -> None:
    assert hidden_modules(["no-such-package; python_version < '3'"]) == hidden_modules([])


@pytest.mark.parametrize("line", ["no-such-package", "pydantic<1", "two words", "../dist/x.txt"])
def test_what_pip_would_not_install_is_an_error(line: str) -> None:
    with pytest.raises(PackageError):
        hidden_modules([line])
