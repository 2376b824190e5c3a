"""Grants on securables: who has which privilege on what.

Privileges are kept and shown, not enforced: the server knows one token, and its callers decide whom they serve.
"""

from collections.abc import Mapping
from typing import Any

from local_stack.unity_catalog.errors import invalid
from local_stack.unity_catalog.securables import DEPTHS, Securables
from local_stack.unity_catalog.store import CatalogStore

# Privileges of the kinds kept here (Databricks documentation, "Unity Catalog privileges and securable objects").
PRIVILEGES = frozenset(
    {
        "ALL_PRIVILEGES",
        "APPLY_TAG",
        "BROWSE",
        "CREATE_EXTERNAL_TABLE",
        "CREATE_FUNCTION",
        "CREATE_MANAGED_STORAGE",
        "CREATE_MATERIALIZED_VIEW",
        "CREATE_MODEL",
        "CREATE_SCHEMA",
        "CREATE_TABLE",
        "CREATE_VOLUME",
        "EXECUTE",
        "EXTERNAL_USE_LOCATION",
        "EXTERNAL_USE_SCHEMA",
        "MANAGE",
        "MODIFY",
        "READ_FILES",
        "READ_VOLUME",
        "REFRESH",
        "SELECT",
        "USE_CATALOG",
        "USE_SCHEMA",
        "WRITE_FILES",
        "WRITE_VOLUME",
    }
)


class Grants:
    """Requests on the permissions of one securable."""

    def __init__(self, store: CatalogStore, securables: Securables) -> None:
        self._store = store
        self._securables = securables

    def get(self, securable_type: str, full_name: str, principal: str | None = None) -> dict[str, Any]:
        """Privilege assignments on a securable, of one principal if given; inherited ones are left out."""
        kind, normal = self._target(securable_type, full_name)
        with self._store.transaction() as store:
            privileges = store.privileges(kind, normal)
        assignments = [
            {"principal": name, "privileges": granted}
            for name, granted in privileges.items()
            if principal is None or name == principal
        ]
        return {"privilege_assignments": assignments}

    def update(self, securable_type: str, full_name: str, changes: list[Mapping[str, Any]]) -> dict[str, Any]:
        """Add and remove privileges, all or none; returns the assignments afterwards."""
        kind, normal = self._target(securable_type, full_name)
        checked = [_checked_change(change) for change in changes]
        with self._store.transaction() as store:
            for principal, added, removed in checked:
                for privilege in added:
                    store.grant(kind, normal, principal, privilege)
                for privilege in removed:
                    store.revoke(kind, normal, principal, privilege)
        return self.get(securable_type, full_name)

    def _target(self, securable_type: str, full_name: str) -> tuple[str, str]:
        kind = securable_type.lower()
        if kind not in DEPTHS:
            raise invalid(f"This server keeps no permissions on the securable type '{securable_type}'.")
        self._securables.get(kind, full_name)
        return kind, full_name.lower()


def _checked_change(change: Mapping[str, Any]) -> tuple[str, list[str], list[str]]:
    principal = change.get("principal")
    if not isinstance(principal, str) or not principal:
        raise invalid("A change of permissions needs a principal.")
    added, removed = list(change.get("add") or []), list(change.get("remove") or [])
    unknown = sorted({str(privilege) for privilege in added + removed} - PRIVILEGES)
    if unknown:
        raise invalid(f"Unknown privilege: {', '.join(unknown)}.")
    return principal, added, removed
