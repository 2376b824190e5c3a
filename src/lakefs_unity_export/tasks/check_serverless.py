"""Task `check_serverless`: whether serverless compute reads the rows of the clones that a warehouse registered.

It leaves what it finds to the task `check_report`, which judges it. It fails only where it cannot leave anything.
"""

import argparse
import os
import sys

from lakefs_unity_export.checks.handed_over import REGISTERED_KEY, REGISTERED_TASK, RegisteredClones
from lakefs_unity_export.checks.redaction import Redaction
from lakefs_unity_export.checks.runner import run_for_report
from lakefs_unity_export.checks.serverless_checks import CHECKS, ServerlessSetup
from lakefs_unity_export.errors import ExportError
from lakefs_unity_export.servers.task_dbutils import task_spark
from lakefs_unity_export.servers.workspace import task_runtime


def main() -> None:
    """The task's entry point. Exits with a message where the task can leave nothing."""
    # Databricks adds every job parameter to a task's parameters; none of them is read here.
    argparse.ArgumentParser(prog="check_serverless", allow_abbrev=False).parse_known_args()
    try:
        task_values = task_runtime(sys.stdout).task_values
    except ExportError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    setup = ServerlessSetup(
        runtime=os.environ.get("DATABRICKS_RUNTIME_VERSION", ""),
        new_session=task_spark,
        handed_over=lambda: RegisteredClones.of_json(task_values.get(taskKey=REGISTERED_TASK, key=REGISTERED_KEY)),
    )
    # Nothing secret is read here.
    run_for_report(CHECKS, setup, Redaction(), task_values, sys.stdout)
