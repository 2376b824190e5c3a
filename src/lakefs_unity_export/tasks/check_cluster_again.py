"""Task `check_cluster_again`: clones again what `check_cluster` cloned, now that a warehouse registered it.

It leaves what it finds to the task `check_report`, which judges it, and to `check_warehouse_again` what it cloned.
"""

import sys
from typing import Any, TextIO

from lakefs_unity_export.checks import handed_over
from lakefs_unity_export.checks.clone_again_checks import CHECKS, ClusterAgain
from lakefs_unity_export.checks.cluster_setup import ClusterSetup
from lakefs_unity_export.checks.handed_over import RegisteredClones, TriedClones, or_nothing
from lakefs_unity_export.checks.model import Line
from lakefs_unity_export.checks.notebook_cluster import CloneTable, notebook_cluster
from lakefs_unity_export.checks.runner import run_for_report
from lakefs_unity_export.ports import TaskValues


def check_cluster_again(spark: Any, dbutils: Any, clone_table: CloneTable, *, output: TextIO | None = None) -> str:
    """Runs the checks in this session, prints their lines and leaves them to the report; the notebook's result.

    clone_table: the function of the task of this name.
    """
    cluster = notebook_cluster(spark, dbutils, clone_table)
    lines = checked_again(cluster, dbutils.jobs.taskValues, output or sys.stdout)
    return f"{len(lines)} lines for check_report"


def checked_again(cluster: ClusterSetup, task_values: TaskValues, out: TextIO) -> list[Line]:
    """Runs the checks, prints their lines and leaves them to the report, and what was cloned to the warehouse."""
    setup = _setup(cluster, task_values)
    lines = run_for_report(CHECKS, setup, cluster.redaction, task_values, out)
    task_values.set(handed_over.AGAIN_KEY, [str(method) for method in setup.done])
    return lines


def _setup(cluster: ClusterSetup, task_values: TaskValues) -> ClusterAgain:
    def made() -> TriedClones:
        return TriedClones.of_json(task_values.get(taskKey=handed_over.CLONES_TASK, key=handed_over.CLONES_KEY))

    def of_warehouse() -> RegisteredClones:
        value = task_values.get(taskKey=handed_over.REGISTERED_TASK, key=handed_over.REGISTERED_KEY)
        return RegisteredClones.of_json(value)

    tried, registered = or_nothing(made, TriedClones()), or_nothing(of_warehouse, RegisteredClones())
    cluster.source = tried.source
    return ClusterAgain(cluster=cluster, tried=tried, registered=registered)
