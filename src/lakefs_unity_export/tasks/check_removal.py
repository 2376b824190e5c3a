"""Task `check_removal`: takes away what `check_cluster` wrote at the target, and what earlier runs left there.

It comes after the warehouse, which takes its registrations away first: Unity Catalog guards a path that is registered.
"""

import sys
from typing import Any, TextIO

from lakefs_unity_export.checks.cluster_settings import ClusterSettings
from lakefs_unity_export.checks.redaction import Redaction
from lakefs_unity_export.checks.removal_checks import CHECKS, RemovalSetup
from lakefs_unity_export.checks.runner import run_for_report
from lakefs_unity_export.checks.target_probe import TargetProbe


def check_removal(dbutils: Any, *, output: TextIO | None = None) -> str:
    """Removes it, prints the lines and leaves them to the report; the notebook's result."""
    own = {name: dbutils.widgets.get(name) for name in ("target_base_location", "run_id")}
    settings = ClusterSettings(**own)
    setup = RemovalSetup(probe=lambda: TargetProbe(dbutils.fs, settings.probes_folder, settings.probe_folder))
    # Nothing secret is read here.
    lines = run_for_report(CHECKS, setup, Redaction(), dbutils.jobs.taskValues, output or sys.stdout)
    return f"{len(lines)} lines for check_report"
