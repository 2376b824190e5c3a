"""Who may do what with jobs, directories and SQL warehouses, as the Permissions API keeps it.

Job levels, weakest first: CAN_VIEW, CAN_MANAGE_RUN, IS_OWNER, CAN_MANAGE (Databricks documentation, "Job ACLs":
viewing needs CAN_VIEW; running, cancelling and repairing CAN_MANAGE_RUN; editing the owner or CAN_MANAGE). Those of
warehouses are in "SQL warehouse ACLs": a statement needs CAN_USE, stopping one the owner or CAN_MANAGE.
"""

import threading
from collections.abc import Mapping
from typing import Any

from local_stack.workspace.errors import ApiError, denied, does_not_exist, invalid
from local_stack.workspace.identities.identities import Identities, Principal

LEVELS = {
    "jobs": ("CAN_VIEW", "CAN_MANAGE_RUN", "IS_OWNER", "CAN_MANAGE"),
    "directories": ("CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"),
    "warehouses": ("CAN_VIEW", "CAN_MONITOR", "CAN_USE", "IS_OWNER", "CAN_MANAGE"),
}
DESCRIPTIONS = {
    "CAN_VIEW": "Can view it and its runs.",
    "CAN_MANAGE_RUN": "Can view the job, and run and cancel it.",
    "CAN_MONITOR": "Can use the warehouse, and see the queries of others.",
    "CAN_USE": "Can run statements on the warehouse.",
    "IS_OWNER": "Is the owner.",
    "CAN_READ": "Can read the directory's content.",
    "CAN_RUN": "Can read and run the directory's content.",
    "CAN_EDIT": "Can edit the directory's content.",
    "CAN_MANAGE": "Can do everything, also change permissions.",
}
ADMIN_GROUP = "admins"
ALL_GROUP = "users"
PRINCIPAL_FIELDS = ("user_name", "service_principal_name", "group_name")


class Permissions:
    """The access lists of jobs and warehouses (by id) and directories (by path). Methods raise ApiError."""

    def __init__(self, identities: Identities) -> None:
        self._identities = identities
        self._lock = threading.RLock()
        self._lists: dict[tuple[str, str], dict[tuple[str, str], str]] = {}

    def replace(self, kind: str, thing: str, entries: list[dict[str, Any]]) -> None:
        """Set the whole access list; of a job, exactly one entry is the owner."""
        access = self._parsed(kind, entries)
        if kind == "jobs" and sum(level == "IS_OWNER" for level in access.values()) != 1:
            raise invalid("The job must have exactly one owner (IS_OWNER).")
        with self._lock:
            self._lists[kind, thing] = access

    def update(self, kind: str, thing: str, entries: list[dict[str, Any]]) -> None:
        """Add or change entries."""
        with self._lock:
            merged = {**self._lists.get((kind, thing), {}), **self._parsed(kind, entries)}
            if kind == "jobs" and sum(level == "IS_OWNER" for level in merged.values()) != 1:
                raise invalid("The job must have exactly one owner (IS_OWNER).")
            self._lists[kind, thing] = merged

    def set_owner(self, job_id: int, principal: Principal) -> None:
        """A new job belongs to its creator."""
        field = "user_name" if principal.kind == "user" else "service_principal_name"
        with self._lock:
            self._lists["jobs", str(job_id)] = {(field, principal.name): "IS_OWNER"}

    def forget(self, kind: str, thing: str) -> None:
        """The thing is gone."""
        with self._lock:
            self._lists.pop((kind, thing), None)

    def body(self, kind: str, thing: str, object_id: str, object_type: str) -> dict[str, Any]:
        """The answer of the Permissions API."""
        with self._lock:
            access = dict(self._lists.get((kind, thing), {}))
        entries = [
            {field: name, "all_permissions": [{"permission_level": level, "inherited": False}]}
            for (field, name), level in access.items()
        ]
        inherited = {"permission_level": "CAN_MANAGE", "inherited": True, "inherited_from_object": [f"/{kind}/"]}
        entries.append({"group_name": ADMIN_GROUP, "all_permissions": [inherited]})
        return {"object_id": object_id, "object_type": object_type, "access_control_list": entries}

    def levels(self, kind: str) -> list[dict[str, str]]:
        """The levels that the kind of thing has."""
        return [{"permission_level": level, "description": DESCRIPTIONS[level]} for level in LEVELS[kind]]

    def require_job(self, principal: Principal, job_id: int, needed: str) -> None:
        """Raise ApiError 403 unless the principal has at least this level on the job."""
        if not self.has(principal, "jobs", str(job_id), needed):
            raise denied(f"User {principal.name} does not have {needed} permission on job {job_id}.")

    def may_view_job(self, principal: Principal, job_id: int) -> bool:
        """Whether the principal sees the job in lists."""
        return self.has(principal, "jobs", str(job_id), "CAN_VIEW")

    def require_path(self, principal: Principal, path: str, needed: str) -> None:
        """Raise ApiError 403 unless the principal may use the path; one's own home folder is one's own."""
        home = f"/Users/{principal.name}"
        above = path
        while above:
            if above == home or self.has(principal, "directories", above, needed):
                return
            above = above.rpartition("/")[0]
        raise denied(f"User {principal.name} does not have {needed} permission on {path}.")

    def require_principal(self, name: str) -> None:
        """Raise ApiError 404 unless there is a principal of this name."""
        self._identities.get(name)

    def has(self, principal: Principal, kind: str, thing: str, needed: str) -> bool:
        """Whether the principal has at least this level on a thing of the kind; admins have all."""
        if principal.is_admin:
            return True
        levels = LEVELS[kind]
        with self._lock:
            access = self._lists.get((kind, thing), {})
        own = [level for (_field, name), level in access.items() if name in (principal.name, ALL_GROUP)]
        return any(levels.index(level) >= levels.index(needed) for level in own)

    def _parsed(self, kind: str, entries: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
        return dict(self._entry(kind, entry) for entry in entries)

    def _entry(self, kind: str, entry: Mapping[str, Any]) -> tuple[tuple[str, str], str]:
        named = [(field, str(entry[field])) for field in PRINCIPAL_FIELDS if entry.get(field)]
        level = str(entry.get("permission_level") or "")
        if len(named) != 1:
            raise invalid(f"An entry of the access list names exactly one of {', '.join(PRINCIPAL_FIELDS)}.")
        if level not in LEVELS[kind]:
            raise invalid(f"The permission_level '{level}' is none of {', '.join(LEVELS[kind])}.")
        self._check_principal(*named[0])
        return named[0], level

    def _check_principal(self, field: str, name: str) -> None:
        if field == "group_name":
            if name not in (ADMIN_GROUP, ALL_GROUP):
                raise does_not_exist(f"Principal: GroupName({name}) does not exist.")
            return
        kind = "user" if field == "user_name" else "service_principal"
        try:
            found = self._identities.get(name).kind == kind
        except ApiError:
            found = False
        if not found:
            title = "UserName" if field == "user_name" else "ServicePrincipalName"
            raise does_not_exist(f"Principal: {title}({name}) does not exist.")
