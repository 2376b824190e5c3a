"""Task `check_own_table_removal`: deletes the lakeFS branches that hold the table of check_setup's own.

It comes after everything that reads them, and after a task before it that failed.
"""

import argparse
import sys
from typing import TextIO

from lakefs_unity_export.access.lakefs_connection import Credentials
from lakefs_unity_export.checks import handed_over
from lakefs_unity_export.checks.handed_over import HandedOver
from lakefs_unity_export.checks.model import RETRIES, Line
from lakefs_unity_export.checks.own_table_checks import REMOVAL_CHECKS, OwnTableRemoval
from lakefs_unity_export.checks.redaction import Redaction
from lakefs_unity_export.checks.runner import run_for_report
from lakefs_unity_export.errors import ExportError
from lakefs_unity_export.ports import TaskValues
from lakefs_unity_export.servers.lakefs_branches import LakeFSBranchesClient
from lakefs_unity_export.servers.workspace import TaskRuntime, task_runtime


def check_own_table_removal(
    setup: OwnTableRemoval, redaction: Redaction, task_values: TaskValues, out: TextIO
) -> list[Line]:
    """Deletes them, prints the lines and leaves them to the report."""
    return run_for_report(REMOVAL_CHECKS, setup, redaction, task_values, out)


def removal(given: argparse.Namespace, runtime: TaskRuntime, redaction: Redaction) -> OwnTableRemoval:
    """What the task's parameters name. No text shows the key once it is read."""

    def open_branches() -> LakeFSBranchesClient:
        key_id, secret_key = (
            runtime.secret(given.secret_scope, name) for name in (given.access_key_name, given.secret_key_name)
        )
        redaction.add_pair(key_id, secret_key)
        return LakeFSBranchesClient(
            endpoint=given.lakefs_endpoint,
            repository=given.repository,
            credentials=Credentials(access_key_id=key_id, secret_access_key=secret_key),
            retries=RETRIES,
        )

    def handed() -> HandedOver:
        return HandedOver.of_json(runtime.task_values.get(taskKey=handed_over.TASK, key=handed_over.KEY))

    return OwnTableRemoval(
        repository=given.repository, run_id=given.run_id, handed_over=handed, open_branches=open_branches
    )


def main() -> None:
    """The task's entry point. Exits with a message where the task can leave nothing."""
    parser = argparse.ArgumentParser(prog="check_own_table_removal", allow_abbrev=False)
    for name in ("repository", "branch", "lakefs_endpoint", "secret_scope", "access_key_name", "secret_key_name"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--run_id", default="")
    given, redaction = parser.parse_args(), Redaction()
    try:
        runtime = task_runtime(sys.stdout)
    except ExportError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    check_own_table_removal(removal(given, runtime, redaction), redaction, runtime.task_values, sys.stdout)
