"""Every check, in the order in which they are run and told."""

from typing import Any

from lakefs_unity_export.checks import (
    catalog_checks,
    clone_again_checks,
    clone_checks,
    cluster_checks,
    hook_checks,
    lakefs_checks,
    own_table_checks,
    probe_checks,
    removal_checks,
    report_checks,
    serverless_checks,
    warehouse_again_checks,
    warehouse_checks,
    warehouse_clone_checks,
)
from lakefs_unity_export.checks.model import Check
from lakefs_unity_export.checks.setup import Setup
from lakefs_unity_export.checks.warehouse_checks import WarehouseSetup

# Those that look from the task `check_lakefs_and_catalog`.
LAKEFS_AND_CATALOG: tuple[Check[Setup], ...] = (
    *lakefs_checks.CHECKS,
    *hook_checks.CHECKS,
    *catalog_checks.CHECKS,
    *probe_checks.CHECKS,
    # Last, so that its branches are there as short a time as can be.
    *own_table_checks.CHECKS,
)
# Those from the task `check_warehouse`.
WAREHOUSE: tuple[Check[WarehouseSetup], ...] = (*warehouse_checks.CHECKS, *warehouse_clone_checks.CHECKS)
# The checking tasks, by their keys: the report takes the task values of each.
PLACES: dict[str, tuple[Check[Any], ...]] = {
    lakefs_checks.HERE: LAKEFS_AND_CATALOG,
    cluster_checks.HERE: clone_checks.CHECKS,
    warehouse_checks.HERE: WAREHOUSE,
    serverless_checks.HERE: serverless_checks.CHECKS,
    clone_again_checks.HERE: clone_again_checks.CHECKS,
    warehouse_again_checks.HERE: warehouse_again_checks.CHECKS,
    removal_checks.HERE: removal_checks.CHECKS,
    own_table_checks.REMOVED_HERE: own_table_checks.REMOVAL_CHECKS,
}
CHECKS: tuple[Check[Any], ...] = (*(check for checks in PLACES.values() for check in checks), *report_checks.CHECKS)
