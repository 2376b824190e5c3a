"""Task `check_lakefs_and_catalog`: what of an installation can be seen from where exports are listed and recorded.

It leaves what it finds to the task `check_report`, which judges it. It fails only where it cannot leave anything.
"""

import io
import sys
from typing import TextIO

from lakefs_unity_export.access.lakefs_connection import Credentials
from lakefs_unity_export.checks import handed_over
from lakefs_unity_export.checks.catalogue import LAKEFS_AND_CATALOG
from lakefs_unity_export.checks.for_cluster import for_cluster
from lakefs_unity_export.checks.lines import print_lines
from lakefs_unity_export.checks.model import RETRIES, Line, problem
from lakefs_unity_export.checks.redaction import Redaction
from lakefs_unity_export.checks.runner import line_of, lines_of_none, run_for_report
from lakefs_unity_export.checks.settings import CheckSettings, parse_settings
from lakefs_unity_export.checks.setup import Setup
from lakefs_unity_export.errors import ExportError
from lakefs_unity_export.ports import TaskValues
from lakefs_unity_export.servers.lakefs_branches import LakeFSBranchesClient
from lakefs_unity_export.servers.lakefs_client import LakeFSClient
from lakefs_unity_export.servers.lakefs_server import LakeFSServerClient
from lakefs_unity_export.servers.workspace import TaskRuntime, task_runtime
from lakefs_unity_export.servers.workspace_setup import WorkspaceSetupClient


def check_lakefs_and_catalog(setup: Setup, task_values: TaskValues, out: TextIO) -> list[Line]:
    """Runs the checks, prints their lines and leaves them to the report; leaves `check_cluster` what it needs."""
    try:
        lines = run_for_report(LAKEFS_AND_CATALOG, setup, setup.redaction, task_values, out)
        task_values.set(handed_over.KEY, for_cluster(setup).as_json())
    except BaseException:
        setup.clear()  # a run that is stopped here may have no task after it
        raise
    return lines


def without_dbutils(error: ExportError, out: TextIO) -> None:
    """Prints the lines of a task that has no dbutils, and so can read no secret and leave no value."""
    first, *others = LAKEFS_AND_CATALOG
    redaction = Redaction()
    lines = [line_of(first, problem(str(error), first.remedy), redaction)]
    lines += lines_of_none(others, f"needs {first.id}", redaction)
    print_lines(LAKEFS_AND_CATALOG, lines, out)


def _setup(settings: CheckSettings, runtime: TaskRuntime, way: str) -> Setup:
    return Setup(
        settings=settings,
        dbutils_way=way,
        secret=runtime.secret,
        open_server=lambda endpoint, key: LakeFSServerClient(endpoint=endpoint, credentials=key),
        open_repository=_open_repository,
        open_branches=_open_branches,
        unity_catalog=runtime.unity_catalog,
        own_runs=runtime.export_runs(settings.job_id),
        workspace=WorkspaceSetupClient(runtime.client),
    )


def _open_repository(endpoint: str, repository: str, credentials: Credentials) -> LakeFSClient:
    return LakeFSClient(endpoint=endpoint, repository=repository, credentials=credentials, retries=RETRIES)


def _open_branches(endpoint: str, repository: str, credentials: Credentials) -> LakeFSBranchesClient:
    return LakeFSBranchesClient(endpoint=endpoint, repository=repository, credentials=credentials, retries=RETRIES)


def main() -> None:
    """The task's entry point. Exits with a message where the task can leave nothing."""
    settings = parse_settings(sys.argv[1:])
    told = io.StringIO()
    try:
        runtime = task_runtime(told)
    except ExportError as error:
        without_dbutils(error, sys.stdout)
        sys.exit(f"{type(error).__name__}: {error}")
    way = told.getvalue().strip().removeprefix("dbutils: ")
    check_lakefs_and_catalog(_setup(settings, runtime, way), runtime.task_values, sys.stdout)
