"""Task `check_warehouse`: the SQL warehouse that registers tables, asked as the identity that registers them.

It leaves what it finds to the task `check_report`, which judges it. It fails only where it cannot leave anything. What
it registers in Unity Catalog stays for the tasks after it; the last of them, `check_warehouse_again`, takes it away.
"""

import argparse
import sys
from typing import TextIO

from lakefs_unity_export import names
from lakefs_unity_export.checks.catalogue import WAREHOUSE
from lakefs_unity_export.checks.handed_over import CLONES_KEY, CLONES_TASK, REGISTERED_KEY, TriedClones
from lakefs_unity_export.checks.model import Line
from lakefs_unity_export.checks.redaction import Redaction
from lakefs_unity_export.checks.runner import run_for_report
from lakefs_unity_export.checks.warehouse_checks import WarehouseSetup
from lakefs_unity_export.checks.warehouse_probe import WarehouseProbe
from lakefs_unity_export.errors import ExportError
from lakefs_unity_export.ports import TaskValues
from lakefs_unity_export.servers.sql_warehouse import SqlWarehouseClient
from lakefs_unity_export.servers.workspace import task_runtime
from lakefs_unity_export.servers.workspace_setup import WorkspaceSetupClient


def check_warehouse(setup: WarehouseSetup, task_values: TaskValues, out: TextIO) -> list[Line]:
    """Runs the checks, prints their lines and leaves them to the report, and what it registered to later tasks."""
    try:
        # Nothing secret is read here.
        lines = run_for_report(WAREHOUSE, setup, Redaction(), task_values, out)
        task_values.set(REGISTERED_KEY, setup.for_later().as_json())
    except BaseException:
        setup.clear()  # a run that is stopped here may have no task after it
        raise
    return lines


def main() -> None:
    """The task's entry point. Exits with a message where the task can leave nothing."""
    parser = argparse.ArgumentParser(prog="check_warehouse", allow_abbrev=False)
    for name in (
        *("warehouse_id", "catalog", "schema_template", "target_base_location"),
        *("repository", "branch", "run_id"),
    ):
        parser.add_argument(f"--{name}", default="")
    given = parser.parse_args()
    try:
        runtime = task_runtime(sys.stdout)
    except ExportError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    warehouse = SqlWarehouseClient(runtime.client, given.warehouse_id)
    setup = WarehouseSetup(
        warehouse_id=given.warehouse_id,
        catalog=given.catalog,
        schema=lambda: names.schema_name(given.schema_template, repository=given.repository, branch=given.branch),
        folder=lambda: f"{names.target_base(given.target_base_location)}/{given.branch}",
        warehouse=warehouse,
        identity=WorkspaceSetupClient(runtime.client).identity,
        new_probe=lambda: WarehouseProbe(warehouse, runtime.unity_catalog, given.catalog, given.run_id),
        handed_over=lambda: TriedClones.of_json(runtime.task_values.get(taskKey=CLONES_TASK, key=CLONES_KEY)),
    )
    check_warehouse(setup, runtime.task_values, sys.stdout)
