"""Users and service principals of the workspace, their tokens, and OAuth for machines."""

import base64
import binascii
import hmac
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Literal

from local_stack.workspace.errors import ApiError, does_not_exist, invalid
from local_stack.workspace.identifiers import new_identifier

PrincipalKind = Literal["user", "service_principal"]
# OAuth tokens of Databricks live one hour; tokens of tasks here live as long as a job may reasonably run.
OAUTH_LIFETIME_SECONDS = 3600
TASK_TOKEN_LIFETIME_SECONDS = 6 * 3600


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Who calls: `name` is a user's name or a service principal's application id.

    Without `has_workspace_access` (Databricks' entitlement ``workspace-access``) only access lists give rights.
    """

    name: str
    display_name: str
    kind: PrincipalKind
    is_admin: bool = False
    has_workspace_access: bool = True
    id: int = field(default_factory=new_identifier)


@dataclass(frozen=True, kw_only=True)
class Caller:
    """A principal as one token shows it; the token of a task names the task's run."""

    principal: Principal
    task_run_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class _Token:
    caller: Caller
    expires: float | None


class Identities:
    """All principals and tokens, in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._principals: dict[str, Principal] = {}
        self._tokens: dict[str, _Token] = {}
        self._client_secrets: dict[str, list[str]] = {}

    def create(
        self,
        name: str,
        *,
        kind: PrincipalKind,
        display_name: str = "",
        is_admin: bool = False,
        has_workspace_access: bool = True,
    ) -> Principal:
        """A new principal. Raises ApiError where the name is taken or empty."""
        if not name:
            raise invalid("A principal needs a name.")
        with self._lock:
            if name in self._principals:
                raise ApiError(409, "RESOURCE_ALREADY_EXISTS", f"There is already a principal named '{name}'.")
            principal = Principal(
                name=name,
                display_name=display_name or name,
                kind=kind,
                is_admin=is_admin,
                has_workspace_access=has_workspace_access,
            )
            self._principals[name] = principal
            return principal

    def get(self, name: str) -> Principal:
        """The principal of this name. Raises ApiError 404."""
        with self._lock:
            if name not in self._principals:
                raise does_not_exist(f"Principal '{name}' does not exist.")
            return self._principals[name]

    def by_id(self, principal_id: int) -> Principal:
        """The principal with this id. Raises ApiError 404."""
        for principal in self.all():
            if principal.id == principal_id:
                return principal
        raise does_not_exist(f"There is no principal with id {principal_id}.")

    def all(self, kind: PrincipalKind | None = None) -> list[Principal]:
        """Every principal, or those of one kind."""
        with self._lock:
            return [principal for principal in self._principals.values() if kind in (None, principal.kind)]

    def issue_token(
        self,
        principal: Principal,
        *,
        lifetime_seconds: float | None = None,
        task_run_id: int | None = None,
        token: str | None = None,
    ) -> str:
        """A bearer token that acts as the principal, a new one if not given; without a lifetime it stays valid."""
        token = token or f"dapi{secrets.token_hex(16)}"
        expires = None if lifetime_seconds is None else time.monotonic() + lifetime_seconds
        with self._lock:
            self._tokens[token] = _Token(caller=Caller(principal=principal, task_run_id=task_run_id), expires=expires)
        return token

    def revoke_token(self, token: str) -> None:
        """The token is no longer known."""
        with self._lock:
            self._tokens.pop(token, None)

    def caller(self, authorization: str) -> Caller:
        """Who an Authorization header stands for. Raises ApiError 401 without a token, 403 for an unknown one."""
        scheme, _, presented = authorization.partition(" ")
        if scheme.lower() != "bearer" or not presented.strip():
            raise ApiError(401, "UNAUTHENTICATED", "Credential was not sent: the request has no bearer token.")
        with self._lock:
            token = self._tokens.get(presented.strip())
        if token is None or (token.expires is not None and token.expires < time.monotonic()):
            raise ApiError(403, "PERMISSION_DENIED", "Invalid access token: it is unknown here, or has expired.")
        return token.caller

    def create_client_secret(self, name: str, secret: str = "") -> str:
        """A further OAuth secret of a service principal, a new one if not given. Raises ApiError."""
        principal = self.get(name)
        if principal.kind != "service_principal":
            raise invalid(f"'{name}' is no service principal, so it has no OAuth secrets.")
        secret = secret or f"dose{secrets.token_hex(16)}"
        with self._lock:
            self._client_secrets.setdefault(name, []).append(secret)
        return secret

    def exchange(self, authorization: str, form: dict[str, str]) -> tuple[str, int]:
        """The OAuth client-credentials grant: a token and its lifetime in seconds. Raises ApiError 400 or 401."""
        if form.get("grant_type") != "client_credentials":
            raise ApiError(400, "unsupported_grant_type", "Only grant_type=client_credentials is supported.")
        if form.get("scope") != "all-apis":
            raise ApiError(400, "invalid_scope", "Only scope=all-apis is supported.")
        client_id, secret = _basic_credentials(authorization)
        with self._lock:
            known = self._client_secrets.get(client_id, [])
        if not any(hmac.compare_digest(secret.encode(), one.encode()) for one in known):
            raise ApiError(401, "invalid_client", "Client authentication failed.")
        token = self.issue_token(self.get(client_id), lifetime_seconds=OAUTH_LIFETIME_SECONDS)
        return token, OAUTH_LIFETIME_SECONDS


def _basic_credentials(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        client_id, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeError):
        client_id, colon, secret = "", "", ""
    if scheme.lower() != "basic" or not colon:
        raise ApiError(401, "invalid_client", "Client authentication failed: send client id and secret as Basic.")
    return client_id, secret
