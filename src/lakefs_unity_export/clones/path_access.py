"""What Unity Catalog says where the job's identity may not use a path, and what helps.

A path at or under the location of a registered table is judged by that table's grants and not by those of the external
location; a path that encloses such locations is refused (Databricks documentation, "Path rules and access").
"""

import re
from collections.abc import Sequence

from lakefs_unity_export.clones.spark_errors import Cause

_OVERLAP = re.compile(r"(INVALID_PARAMETER_VALUE\.)?LOCATION_OVERLAP")
_REFUSALS = re.compile(
    r"INSUFFICIENT_PERMISSIONS(_.*)?|PERMISSION_DENIED(\..*)?|NO_PARENT_EXTERNAL_LOCATION_FOR_PATH"
    rf"|UC_CLOUD_STORAGE_ACCESS_FAILURE|{_OVERLAP.pattern}"
)
# What the classic runtimes raise, some without an error condition.
_REFUSAL_CLASSES = {"UnauthorizedAccessException"}
_ON_TABLE = re.compile(
    r"(?:\[[A-Z_.]+\] )?(?:Insufficient privileges:\s+|PERMISSION_DENIED: )"
    r"User does not have [A-Z ,]+ on Table '([^']+)'"
)


def is_refusal(chain: Sequence[Cause]) -> bool:
    """Whether Unity Catalog refused the job's identity a path."""
    return any(
        cause.name in _REFUSAL_CLASSES or (cause.condition and _REFUSALS.fullmatch(cause.condition)) for cause in chain
    )


def remedy(chain: Sequence[Cause], *, table: str) -> str:
    """What to do where a target path cannot be used.

    table: the name under which the export registers it, each part in backticks.
    """
    if any(cause.condition and _OVERLAP.fullmatch(cause.condition) for cause in chain):
        return (
            "a path that encloses the locations of registered tables cannot be used: drop the registrations that the "
            "error names, or export to another target_base_location"
        )
    for cause in chain:
        if found := _ON_TABLE.match(cause.message):
            registered = table if table.replace("`", "") == found[1] else found[1]
            return (
                "a registered table lies there, and its own grants decide, not those of the external location: let its "
                f"owner run GRANT SELECT, MODIFY ON TABLE {registered} TO `<the identity that the job runs as>`"
            )
    return (
        "check that its external location exists and that the job's identity may read and write files there, and has "
        f"SELECT and MODIFY on {table} where that is registered and others own it"
    )
