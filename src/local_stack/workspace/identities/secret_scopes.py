"""Secret scopes with their secrets and access lists."""

import re
import threading
from dataclasses import dataclass, field

from local_stack.workspace.errors import ApiError, already_exists, denied, does_not_exist, invalid
from local_stack.workspace.identities.identities import Principal
from local_stack.workspace.jobs.runs import now

LEVELS = ("READ", "WRITE", "MANAGE")
# https://docs.databricks.com/api/workspace/secrets: letters, digits, dashes, underscores and periods, up to 128.
NAME = re.compile(r"[\w.@/ -]{1,128}", re.ASCII)
KEY = re.compile(r"[\w.-]{1,128}", re.ASCII)
MAXIMUM_SECRET_BYTES = 128 * 1024
SECRET_REFERENCE = re.compile(r"\{\{secrets/([^/{}]+)/([^/{}]+)\}\}")


@dataclass(kw_only=True)
class _Scope:
    secrets: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    access: dict[str, str] = field(default_factory=dict)


class SecretScopes:
    """All scopes, in memory. Methods raise ApiError; workspace admins may do everything."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._scopes: dict[str, _Scope] = {}

    def create(self, name: str, caller: Principal, initial_manage_principal: str = "") -> None:
        """A new scope that its creator manages (or, where so asked, all users)."""
        if not NAME.fullmatch(name):
            raise invalid(f"The scope name '{name}' is not valid.")
        with self._lock:
            if name in self._scopes:
                raise already_exists(f"Scope {name} already exists!")
            self._scopes[name] = _Scope(access={initial_manage_principal or caller.name: "MANAGE"})

    def names(self, caller: Principal) -> list[str]:
        """The scopes that the caller can see."""
        with self._lock:
            return sorted(name for name, scope in self._scopes.items() if _level(scope, caller) is not None)

    def delete(self, name: str, caller: Principal) -> None:
        """Delete a scope with its secrets."""
        with self._lock:
            self._scope(name, caller, "MANAGE")
            del self._scopes[name]

    def put(self, scope: str, key: str, value: bytes, caller: Principal) -> None:
        """Store a secret."""
        if not KEY.fullmatch(key):
            raise invalid(f"The secret key '{key}' is not valid.")
        if len(value) > MAXIMUM_SECRET_BYTES:
            raise invalid(f"The secret '{key}' is larger than 128 KB.")
        with self._lock:
            self._scope(scope, caller, "WRITE").secrets[key] = (value, now())

    def get(self, scope: str, key: str, caller: Principal) -> bytes:
        """Read a secret; needs READ."""
        with self._lock:
            secrets = self._scope(scope, caller, "READ").secrets
            if key not in secrets:
                raise does_not_exist(f"Failed to get secret {key} for scope {scope}: there is no such secret.")
            return secrets[key][0]

    def keys(self, scope: str, caller: Principal) -> list[tuple[str, int]]:
        """The keys of a scope with the time of their last change in milliseconds."""
        with self._lock:
            secrets = self._scope(scope, caller, "READ").secrets
            return sorted((key, changed) for key, (_value, changed) in secrets.items())

    def delete_secret(self, scope: str, key: str, caller: Principal) -> None:
        """Delete one secret."""
        with self._lock:
            if self._scope(scope, caller, "WRITE").secrets.pop(key, None) is None:
                raise does_not_exist(f"Secret {key} does not exist in scope {scope}.")

    def put_access(self, scope: str, principal: str, level: str, caller: Principal) -> None:
        """Give a principal READ, WRITE or MANAGE."""
        if level not in LEVELS:
            raise invalid(f"The permission '{level}' is none of {', '.join(LEVELS)}.")
        with self._lock:
            self._scope(scope, caller, "MANAGE").access[principal] = level

    def delete_access(self, scope: str, principal: str, caller: Principal) -> None:
        """Take a principal's access away."""
        with self._lock:
            if self._scope(scope, caller, "MANAGE").access.pop(principal, None) is None:
                raise does_not_exist(f"{principal} has no access to scope {scope}.")

    def access(self, scope: str, caller: Principal) -> dict[str, str]:
        """Who has which access to a scope."""
        with self._lock:
            return dict(self._scope(scope, caller, "MANAGE").access)

    def resolved(self, spark_conf: dict[str, str], reader: Principal) -> dict[str, str]:
        """A Spark configuration with its ``{{secrets/scope/key}}`` values replaced, as the reader may read them."""
        return {name: self._resolved_value(name, value, reader) for name, value in spark_conf.items()}

    def _resolved_value(self, name: str, value: str, reader: Principal) -> str:
        if "{{secrets/" not in value:
            return value
        found = SECRET_REFERENCE.fullmatch(value.strip())
        if found is None:
            raise invalid(
                f"spark_conf '{name}': a secret reference must be the whole value, written {{{{secrets/scope/key}}}}."
            )
        try:
            return self.get(found.group(1), found.group(2), reader).decode()
        except ApiError as error:
            raise ApiError(error.status, error.error_code, f"spark_conf '{name}': {error.message}") from error

    def _scope(self, name: str, caller: Principal, needed: str) -> _Scope:
        scope = self._scopes.get(name)
        if scope is None:
            raise does_not_exist(f"Scope {name} does not exist!")
        level = _level(scope, caller)
        if level is None or LEVELS.index(level) < LEVELS.index(needed):
            raise denied(f"User {caller.name} does not have {needed} permission on scope {name}.")
        return scope


def _level(scope: _Scope, caller: Principal) -> str | None:
    if caller.is_admin:
        return "MANAGE"
    levels = [scope.access[name] for name in (caller.name, "users") if name in scope.access]
    return max(levels, key=LEVELS.index, default=None)
