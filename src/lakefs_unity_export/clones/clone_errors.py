"""Clones that Databricks refuses for what they are, and not for what they read or write."""

from collections.abc import Sequence

from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.clones.spark_errors import Cause
from lakefs_unity_export.errors import ExportError

# Reported by users; Databricks documents neither the error class nor which compute raises it.
_REFUSED = "CANNOT_SHALLOW_CLONE_NON_UC_MANAGED_TABLE_AS_SOURCE_OR_TARGET"


class ShallowCloneRefusedError(ExportError):
    """This workspace's compute makes no shallow clone of a path."""


def refused_clone(chain: Sequence[Cause], *, table: str, method: CloneMethod) -> ShallowCloneRefusedError | None:
    """The error that tells of a refused kind of clone; None where the exceptions tell of no such refusal.

    method: by which the table was to be cloned, and which is then no remedy.
    """
    if not any(cause.condition == _REFUSED for cause in chain):
        return None
    by_storage = "or to storage, where this cluster makes shallow clones to its driver's disk; "
    return ShallowCloneRefusedError(
        f"Databricks refused the shallow clone of {table} with {_REFUSED}: on this cluster, Unity Catalog lets shallow "
        "clones be made of its managed tables only, and an export clones from a path to a path. Set clone_method to "
        f"deep, which copies the data; {'' if method is CloneMethod.STORAGE else by_storage}or give the job's cluster "
        "another access mode (data_security_mode)"
    )
