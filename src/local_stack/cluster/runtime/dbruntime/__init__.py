"""The runtime of tasks in the local workspace, found where Databricks' own lies.

`databricks.sdk.runtime` imports this module where it exists: ``UserNamespaceInitializer`` gives it the objects of the
user's namespace, ``sdk_credential_provider`` the task's credentials. Only ``dbutils`` is provided.
"""

from dbruntime.dbutils import CurrentDBUtils, DBUtils, NotebookExit
from dbruntime.dbutils_ways import require_namespace

__all__ = ["DBUtils", "NotebookExit", "UserNamespaceInitializer"]


class UserNamespaceInitializer:
    """Gives out the namespace, under the name that `databricks.sdk.runtime` asks for."""

    _instance: "UserNamespaceInitializer | None" = None

    @classmethod
    def getOrCreate(cls) -> "UserNamespaceInitializer":  # noqa: N802
        """The only instance."""
        if cls._instance is None:
            cls._instance = cls()
        return cls._instance

    def get_namespace_globals(self) -> dict[str, object]:
        """The objects of a task's namespace. Raises RuntimeError where a test wants another way to dbutils."""
        require_namespace()
        return {"dbutils": CurrentDBUtils()}
