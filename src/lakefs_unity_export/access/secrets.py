"""Secrets of the workspace, through the `dbutils` of a task."""

from typing import Any

from lakefs_unity_export.errors import SettingsError, WorkspaceAccessError


def read_secret(dbutils: Any, scope: str, key: str) -> str:
    """The secret's value.

    Raises WorkspaceAccessError where it cannot be read, SettingsError where it is empty.
    """
    try:
        value = str(dbutils.secrets.get(scope=scope, key=key))
    except Exception as error:  # dbutils documents no error types
        raise WorkspaceAccessError(
            f"secret {key!r} of scope {scope!r} could not be read ({type(error).__name__}); create it with "
            f"`databricks secrets put-secret {scope} {key}` and give the job's run_as identity READ on the scope"
        ) from error
    if not value:
        raise SettingsError(f"secret {key!r} of scope {scope!r} is empty; put the lakeFS key into it")
    return value
