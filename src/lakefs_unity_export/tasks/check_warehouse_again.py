"""Task `check_warehouse_again`: what lasted of what was given to registered tables; then they and their schema go.

It leaves what it finds to the task `check_report`, which judges it. It always runs, so that what `check_warehouse`
registered is taken away also where a task between them failed.
"""

import argparse
import sys

from lakefs_unity_export.checks import handed_over
from lakefs_unity_export.checks.handed_over import RegisteredClones
from lakefs_unity_export.checks.redaction import Redaction
from lakefs_unity_export.checks.runner import run_for_report
from lakefs_unity_export.checks.warehouse_again_checks import CHECKS, WarehouseAgain
from lakefs_unity_export.checks.warehouse_probe import WarehouseProbe
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.errors import ExportError
from lakefs_unity_export.servers.sql_warehouse import SqlWarehouseClient
from lakefs_unity_export.servers.workspace import task_runtime
from lakefs_unity_export.servers.workspace_setup import WorkspaceSetupClient


def main() -> None:
    """The task's entry point. Exits with a message where the task can leave nothing."""
    parser = argparse.ArgumentParser(prog="check_warehouse_again", allow_abbrev=False)
    for name in ("warehouse_id", "catalog", "run_id"):
        parser.add_argument(f"--{name}", default="")
    # Databricks adds every job parameter to a task's named parameters; none of them is read here.
    given, _ = parser.parse_known_args()
    try:
        runtime = task_runtime(sys.stdout)
    except ExportError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    values = runtime.task_values
    warehouse = SqlWarehouseClient(runtime.client, given.warehouse_id)
    setup = WarehouseAgain(
        new_probe=lambda: WarehouseProbe(warehouse, runtime.unity_catalog, given.catalog, given.run_id),
        principal=lambda: WorkspaceSetupClient(runtime.client).identity().name,
        handed_over=lambda: RegisteredClones.of_json(
            values.get(taskKey=handed_over.REGISTERED_TASK, key=handed_over.REGISTERED_KEY)
        ),
        cloned_again=lambda: tuple(
            map(CloneMethod, values.get(taskKey=handed_over.AGAIN_TASK, key=handed_over.AGAIN_KEY))
        ),
    )
    # Nothing secret is read here.
    run_for_report(CHECKS, setup, Redaction(), values, sys.stdout)
