"""Task `check_cluster`: the cluster that clones, seen from a notebook on it, with the product's own clone code.

It leaves what it finds to the task `check_report`, which judges it, and the clones that it made to
`check_warehouse` and `check_cluster_again`.
What it wrote at the target the task `check_removal` removes.
"""

import sys
from typing import Any, TextIO

from lakefs_unity_export.checks import handed_over
from lakefs_unity_export.checks.clone_checks import CHECKS
from lakefs_unity_export.checks.cluster_setup import ClusterSetup
from lakefs_unity_export.checks.model import Line
from lakefs_unity_export.checks.notebook_cluster import CloneTable, notebook_cluster
from lakefs_unity_export.checks.runner import run_for_report
from lakefs_unity_export.ports import TaskValues


def check_cluster(spark: Any, dbutils: Any, clone_table: CloneTable, *, output: TextIO | None = None) -> str:
    """Runs the checks in this session, prints their lines and leaves them to the report; the notebook's result.

    clone_table: the function of the task of this name.
    """
    setup = notebook_cluster(spark, dbutils, clone_table)
    lines = checked(setup, dbutils.jobs.taskValues, output or sys.stdout)
    return f"{len(lines)} lines for check_report"


def checked(setup: ClusterSetup, task_values: TaskValues, out: TextIO) -> list[Line]:
    """Runs the checks, prints their lines and leaves them to the report, and the clones to those after it."""
    try:
        lines = run_for_report(CHECKS, setup, setup.redaction, task_values, out)
        task_values.set(handed_over.CLONES_KEY, setup.tried().as_json())
    except BaseException:
        setup.clear()  # a run that is stopped here may have no task after it
        raise
    return lines
