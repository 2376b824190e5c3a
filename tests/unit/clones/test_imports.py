"""The cluster that clones installs the wheel alone: what the tasks on it import is in every runtime."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[3] / "src"
# The last only inside functions: a runtime has it, the task does not need it to start.
OF_EVERY_RUNTIME = {"pyspark", "delta", "urllib3"}
# What the method `storage` imports once it is chosen.
LATER = {"access/lakefs_addresses.py", "access/lakefs_http.py", "access/lakefs_connection.py"}
IMPORT = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
importlib.import_module(f"lakefs_unity_export.tasks.{sys.argv[2]}")
import lakefs_unity_export.clones as clones
for module in pkgutil.iter_modules(clones.__path__, "lakefs_unity_export.clones."):
    importlib.import_module(module.name)
print(*sys.modules)
"""


def files_of(task: str) -> set[Path]:
    """The module of the task, and every module of this package that its import loads."""
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", IMPORT, str(SOURCES), task], capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    own = [name for name in run.stdout.split() if name.startswith("lakefs_unity_export.")]
    paths = [SOURCES / name.replace(".", "/") for name in own]
    return {path / "__init__.py" if path.is_dir() else path.with_suffix(".py") for path in paths}


def imported(file: Path) -> Iterator[str]:
    """The top-level names of all that a file imports, also inside its functions."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield str(node.module).partition(".")[0]


@pytest.mark.parametrize(
    ("task", "among_them"),
    [
        ("clone_table", {"clone_table.py", "request.py", "delta_tables.py", "errors.py"}),
        ("check_cluster", {"check_cluster.py", "clone_checks.py", "spark_cluster.py", "lines.py", "spark_tables.py"}),
        ("check_removal", {"check_removal.py", "removal_checks.py", "target_probe.py"}),
    ],
)
def test_a_task_on_the_cluster_is_imported_with_the_standard_library_alone(task: str, among_them: set[str]) -> None:
    """`-S` leaves out the environment's packages, pyspark and delta among them."""
    assert among_them <= {path.name for path in files_of(task)}


@pytest.mark.parametrize("task", ["clone_table", "check_cluster", "check_removal"])
def test_what_it_imports_later_is_in_every_runtime(task: str) -> None:
    later = {SOURCES / "lakefs_unity_export" / name for name in LATER}
    found = {name: file.name for file in files_of(task) | later for name in imported(file)}
    foreign = found.keys() - sys.stdlib_module_names - {"lakefs_unity_export"}
    assert foreign <= OF_EVERY_RUNTIME
    assert foreign >= {"pyspark", "delta", "urllib3"}
