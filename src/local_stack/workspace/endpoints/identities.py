"""SCIM and the Permissions API: who there is, and who may do what."""

import uuid
from typing import Any

from local_stack.workspace.endpoints.calls import Answer, Call, Endpoints
from local_stack.workspace.errors import denied, does_not_exist, invalid
from local_stack.workspace.executors.warehouse_access import WarehouseAccess
from local_stack.workspace.files import WorkspaceFiles
from local_stack.workspace.identities.identities import Identities, Principal
from local_stack.workspace.identities.permissions import ADMIN_GROUP, ALL_GROUP, Permissions
from local_stack.workspace.jobs.jobs import Jobs

SCIM = "/api/2.0/preview/scim/v2"


class IdentityEndpoints:
    """From HTTP to principals and access lists."""

    def __init__(
        self,
        identities: Identities,
        permissions: Permissions,
        jobs: Jobs,
        files: WorkspaceFiles,
        warehouse: WarehouseAccess,
    ) -> None:
        self._identities = identities
        self._permissions = permissions
        self._jobs = jobs
        self._files = files
        self._warehouse = warehouse

    def endpoints(self) -> Endpoints:
        """Method and path to the endpoint."""
        table: dict[tuple[str, str], Any] = {
            ("GET", f"{SCIM}/Me"): self.me,
            ("GET", f"{SCIM}/Users"): self.users,
            ("GET", f"{SCIM}/ServicePrincipals"): self.service_principals,
            ("POST", f"{SCIM}/ServicePrincipals"): self.create_service_principal,
            ("GET", f"{SCIM}/ServicePrincipals/{{id}}"): self.service_principal,
            ("POST", "/api/2.0/accounts/servicePrincipals/{id}/credentials/secrets"): self.create_secret,
        }
        for method, endpoint in (("GET", self.permissions), ("PUT", self.replace), ("PATCH", self.update)):
            table[method, "/api/2.0/permissions/{kind}/{id}"] = endpoint
        table["GET", "/api/2.0/permissions/{kind}/{id}/permissionLevels"] = self.levels
        return table

    def me(self, call: Call) -> Answer:
        """The caller."""
        return _scim_body(call.principal)

    def users(self, call: Call) -> Answer:
        """The users."""
        call.accept("startIndex", "count", "attributes", "excludedAttributes")
        return _listed(call, self._identities.all("user"))

    def service_principals(self, call: Call) -> Answer:
        """The service principals, or those of a filter ``field eq "value"``."""
        call.accept("startIndex", "count", "filter", "attributes", "excludedAttributes")
        found = self._identities.all("service_principal")
        if call.text("filter", ""):
            field, operator, value = [*call.text("filter").split(" ", 2), "", ""][:3]
            if operator != "eq" or field not in ("applicationId", "displayName"):
                raise invalid(f"The filter '{call.text('filter')}' is not supported by the local workspace.")
            found = [one for one in found if _scim_body(one)[field] == value.strip('"')]
        return _listed(call, found)

    def create_service_principal(self, call: Call) -> Answer:
        """A new service principal; needs a workspace admin."""
        call.accept("displayName", "active", "applicationId", "schemas", "entitlements")
        _require_admin(call)
        entitlements = {entry.get("value") for entry in call.items("entitlements")}
        # Databricks makes the application id up, but on Azure it comes from Entra ID.
        created = self._identities.create(
            call.text("applicationId", str(uuid.uuid4())),
            kind="service_principal",
            display_name=call.text("displayName", ""),
            has_workspace_access="workspace-access" in entitlements,
        )
        return _scim_body(created)

    def service_principal(self, call: Call) -> Answer:
        """One service principal."""
        return _scim_body(self._identities.by_id(_identifier(call.path_parameters["id"])))

    def create_secret(self, call: Call) -> Answer:
        """An OAuth secret for a service principal; needs a workspace admin."""
        call.accept("lifetime")
        _require_admin(call)
        principal = self._identities.by_id(_identifier(call.path_parameters["id"]))
        return {
            "id": str(principal.id),
            "secret": self._identities.create_client_secret(principal.name),
            "status": "ACTIVE",
        }

    def permissions(self, call: Call) -> Answer:
        """The access list of a job, a directory or a warehouse."""
        kind, thing, identifier = self._thing(call, "CAN_VIEW", "CAN_READ")
        return self._body(kind, thing, identifier)

    def replace(self, call: Call) -> Answer:
        """Replace the access list."""
        call.accept("access_control_list")
        kind, thing, identifier = self._thing(call, "IS_OWNER", "CAN_MANAGE")
        self._permissions.replace(kind, thing, call.items("access_control_list"))
        return self._body(kind, thing, identifier)

    def update(self, call: Call) -> Answer:
        """Change entries of the access list."""
        call.accept("access_control_list")
        kind, thing, identifier = self._thing(call, "IS_OWNER", "CAN_MANAGE")
        self._permissions.update(kind, thing, call.items("access_control_list"))
        return self._body(kind, thing, identifier)

    def levels(self, call: Call) -> Answer:
        """The levels there are."""
        kind, _thing, _identifier = self._thing(call, "CAN_VIEW", "CAN_READ")
        return {"permission_levels": self._permissions.levels(kind)}

    def _body(self, kind: str, thing: str, identifier: str) -> dict[str, Any]:
        object_type = {"jobs": "job", "warehouses": "warehouses"}.get(kind, "directory")
        return self._permissions.body(kind, thing, f"/{kind}/{identifier}", object_type)

    def _thing(self, call: Call, job_level: str, directory_level: str) -> tuple[str, str, str]:
        """Kind, key in the access lists, and id as the caller wrote it."""
        kind, identifier = call.path_parameters["kind"], call.path_parameters["id"]
        if kind == "jobs":
            job = self._jobs.get(_identifier(identifier))
            self._permissions.require_job(call.principal, job.id, job_level)
            return kind, str(job.id), identifier
        if kind == "directories":
            path = self._files.path_of(_identifier(identifier))
            self._permissions.require_path(call.principal, path, directory_level)
            return kind, path, identifier
        if kind == "warehouses":
            self._warehouse.require(call.principal, identifier, job_level)
            return kind, identifier, identifier
        raise invalid(
            f"Permissions of '{kind}' are not supported by the local workspace, only jobs, directories and warehouses."
        )


def _require_admin(call: Call) -> None:
    if not call.principal.is_admin:
        raise denied(f"User {call.principal.name} is no workspace admin.")


def _identifier(text: str) -> int:
    if not text.isdigit():
        raise does_not_exist(f"There is nothing with id '{text}'.")
    return int(text)


def _listed(call: Call, found: list[Principal]) -> dict[str, Any]:
    start = max(1, call.integer("startIndex", 1))
    page = found[start - 1 : start - 1 + call.integer("count", 100)]
    return {
        "totalResults": len(found),
        "startIndex": start,
        "itemsPerPage": len(page),
        "Resources": [_scim_body(principal) for principal in page],
    }


def _scim_body(principal: Principal) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": str(principal.id),
        "displayName": principal.display_name,
        "active": True,
        "groups": [{"display": group} for group in ([ADMIN_GROUP] if principal.is_admin else []) + [ALL_GROUP]],
    }
    if principal.kind == "user":
        return {**body, "userName": principal.name, "emails": [{"value": principal.name, "primary": True}]}
    # Me answers a service principal's application id as userName; clients rely on it.
    return {**body, "userName": principal.name, "applicationId": principal.name}
