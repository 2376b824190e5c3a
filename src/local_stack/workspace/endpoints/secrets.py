"""The Secrets API."""

import base64

from local_stack.workspace.endpoints.calls import Answer, Call, Endpoints, decoded
from local_stack.workspace.errors import invalid
from local_stack.workspace.identities.secret_scopes import SecretScopes


class SecretEndpoints:
    """From HTTP to the secret scopes."""

    def __init__(self, scopes: SecretScopes) -> None:
        self._scopes = scopes

    def endpoints(self) -> Endpoints:
        """Method and path to the endpoint."""
        table = {
            ("POST", "scopes/create"): self.create_scope,
            ("POST", "scopes/delete"): self.delete_scope,
            ("GET", "scopes/list"): self.list_scopes,
            ("POST", "put"): self.put,
            ("GET", "get"): self.get,
            ("GET", "list"): self.list,
            ("POST", "delete"): self.delete,
            ("POST", "acls/put"): self.put_acl,
            ("POST", "acls/delete"): self.delete_acl,
            ("GET", "acls/get"): self.get_acl,
            ("GET", "acls/list"): self.list_acls,
        }
        return {(method, f"/api/2.0/secrets/{name}"): endpoint for (method, name), endpoint in table.items()}

    def create_scope(self, call: Call) -> Answer:
        """A new scope."""
        call.accept("scope", "initial_manage_principal", "scope_backend_type")
        if call.text("scope_backend_type", "DATABRICKS") != "DATABRICKS":
            raise invalid("Only scopes backed by Databricks are supported by the local workspace.")
        self._scopes.create(call.text("scope"), call.principal, call.text("initial_manage_principal", ""))
        return {}

    def delete_scope(self, call: Call) -> Answer:
        """Delete a scope."""
        call.accept("scope")
        self._scopes.delete(call.text("scope"), call.principal)
        return {}

    def list_scopes(self, call: Call) -> Answer:
        """The scopes."""
        names = self._scopes.names(call.principal)
        return {"scopes": [{"name": name, "backend_type": "DATABRICKS"} for name in names]}

    def put(self, call: Call) -> Answer:
        """Store a secret, given as text or as base64."""
        call.accept("scope", "key", "string_value", "bytes_value")
        encoded = call.text("bytes_value", "")
        value = decoded(encoded) if encoded else call.text("string_value").encode()
        self._scopes.put(call.text("scope"), call.text("key"), value, call.principal)
        return {}

    def get(self, call: Call) -> Answer:
        """A secret's value, as base64."""
        call.accept("scope", "key")
        value = self._scopes.get(call.text("scope"), call.text("key"), call.principal)
        return {"key": call.text("key"), "value": base64.b64encode(value).decode()}

    def list(self, call: Call) -> Answer:
        """The keys of a scope, never the values."""
        call.accept("scope")
        keys = self._scopes.keys(call.text("scope"), call.principal)
        return {"secrets": [{"key": key, "last_updated_timestamp": changed} for key, changed in keys]}

    def delete(self, call: Call) -> Answer:
        """Delete a secret."""
        call.accept("scope", "key")
        self._scopes.delete_secret(call.text("scope"), call.text("key"), call.principal)
        return {}

    def put_acl(self, call: Call) -> Answer:
        """Give access to a scope."""
        call.accept("scope", "principal", "permission")
        self._scopes.put_access(call.text("scope"), call.text("principal"), call.text("permission"), call.principal)
        return {}

    def delete_acl(self, call: Call) -> Answer:
        """Take access to a scope away."""
        call.accept("scope", "principal")
        self._scopes.delete_access(call.text("scope"), call.text("principal"), call.principal)
        return {}

    def get_acl(self, call: Call) -> Answer:
        """One principal's access."""
        call.accept("scope", "principal")
        access = self._scopes.access(call.text("scope"), call.principal)
        principal = call.text("principal")
        if principal not in access:
            raise invalid(f"{principal} has no access to scope {call.text('scope')}.")
        return {"principal": principal, "permission": access[principal]}

    def list_acls(self, call: Call) -> Answer:
        """Everyone's access."""
        call.accept("scope")
        access = self._scopes.access(call.text("scope"), call.principal)
        return {"items": [{"principal": name, "permission": level} for name, level in sorted(access.items())]}
