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

# What a privilege on a catalog or a schema conveys on what lies in it, by the kind of that.
_INHERITED = {
    "schema": PRIVILEGES
    - {"CREATE_EXTERNAL_TABLE", "CREATE_MANAGED_STORAGE", "CREATE_SCHEMA", "EXTERNAL_USE_LOCATION", "READ_FILES"}
    - {"USE_CATALOG", "WRITE_FILES"},
    "table": frozenset({"ALL_PRIVILEGES", "APPLY_TAG", "BROWSE", "MANAGE", "MODIFY", "SELECT"}),
}
# Documented: a page is of the server's own length, or of at least so many privileges.
_SHORTEST_PAGE = 150


class Grants:
    """Requests on the permissions of one securable."""

    def __init__(self, store: CatalogStore, securables: Securables) -> None:
        self._store = store
        self._securables = securables

    def get(self, securable_type: str, full_name: str, principal: str | None = None) -> dict[str, Any]:
        """Privilege assignments on a securable, of one principal if given; inherited ones are left out."""
        assignments = [
            {"principal": name, "privileges": granted}
            for name, granted in self._granted(*self._target(securable_type, full_name)).items()
            if principal is None or name == principal
        ]
        return {"privilege_assignments": assignments}

    def effective(
        self, securable_type: str, full_name: str, *, principal: str, page_token: str, max_results: str
    ) -> dict[str, Any]:
        """Privileges of each principal, those included that a schema or a catalog above conveys; not what owners have.

        A page has one principal, the least that Databricks documents for one.
        """
        if max_results not in ("", "0") and not (max_results.isdigit() and int(max_results) >= _SHORTEST_PAGE):
            raise invalid(f"max_results must be 0, or at least {_SHORTEST_PAGE}, not '{max_results}'.")
        kind, normal = self._target(securable_type, full_name)
        found = dict[str, list[dict[str, str]]]()
        for level, name in _levels(kind, normal):
            for holder, granted in self._granted(level, name).items():
                origin = {} if level == kind else {"inherited_from_type": level.upper(), "inherited_from_name": name}
                conveyed = granted if level == kind else [each for each in granted if each in _INHERITED[kind]]
                found.setdefault(holder, []).extend({"privilege": each, **origin} for each in conveyed)
        held = sorted(holder for holder in found if found[holder] and principal in ("", holder) and holder > page_token)
        page: dict[str, Any] = {
            "privilege_assignments": [{"principal": holder, "privileges": found[holder]} for holder in held[:1]]
        }
        return page | ({"next_page_token": held[0]} if len(held) > 1 else {})

    def _granted(self, kind: str, full_name: str) -> dict[str, list[str]]:
        with self._store.transaction() as store:
            return store.privileges(kind, full_name)

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


def _levels(kind: str, full_name: str) -> list[tuple[str, str]]:
    """The securable and those that it lies in, outermost first, each with its kind."""
    if kind not in ("catalog", "schema", "table"):
        return [(kind, full_name)]
    parts = full_name.split(".")
    kinds = ("catalog", "schema", "table")[: len(parts)]
    return [(level, ".".join(parts[: depth + 1])) for depth, level in enumerate(kinds)]


def _checked_change(change: Mapping[str, Any]) -> tuple[str, list[str], list[str]]:
    principal = change.get("principal")
    if not isinstance(principal, str) or not principal:
        raise invalid("A change of permissions needs a principal.")
    added, removed = list(change.get("add") or []), list(change.get("remove") or [])
    unknown = sorted({str(privilege) for privilege in added + removed} - PRIVILEGES)
    if unknown:
        raise invalid(f"Unknown privilege: {', '.join(unknown)}.")
    return principal, added, removed
