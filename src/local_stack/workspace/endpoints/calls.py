"""One call of the REST API: who calls, with what; and the table of endpoints."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from local_stack.workspace.errors import denied, invalid
from local_stack.workspace.identities.identities import Caller, Principal


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request that was authenticated and read."""

    method: str
    path: str
    caller: Caller
    query: Mapping[str, str]
    query_string: str
    raw_path: str
    body: dict[str, Any]
    raw_body: bytes
    headers: Mapping[str, str]
    path_parameters: Mapping[str, str]

    @property
    def principal(self) -> Principal:
        """Who calls."""
        return self.caller.principal

    def accept(self, *fields: str) -> None:
        """Refuse fields of the body or the query that are not among these. Raises ApiError that names them."""
        unknown = sorted((set(self.body) | set(self.query)) - set(fields))
        unknown = [field for field in unknown if self.value(field) not in (None, "", [], {}, False)]
        if unknown:
            raise invalid(
                f"The local workspace does not support the field {', '.join(map(repr, unknown))} of {self.path}."
            )

    def value(self, field: str) -> Any:
        """A field of the body, else of the query; None where it is in neither."""
        return self.body.get(field, self.query.get(field))

    def text(self, field: str, default: str | None = None) -> str:
        """A text field. Raises ApiError where it is missing and has no default."""
        value = self.value(field)
        if value is None or value == "":
            if default is None:
                raise invalid(f"The field '{field}' is missing in {self.path}.")
            return default
        if not isinstance(value, str):
            raise invalid(f"The field '{field}' of {self.path} is not a string.")
        return value

    def integer(self, field: str, default: int | None = None) -> int:
        """A 64-bit integer, also as text (JSON of protocol buffers allows both). Raises ApiError."""
        value = self.value(field)
        if value in (None, "") and default is not None:
            return default
        if isinstance(value, str) and value.lstrip("-").isdigit():
            return int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise invalid(f"The field '{field}' of {self.path} must be an integer, not {value!r}.")
        return value

    def flag(self, field: str, *, default: bool = False) -> bool:
        """A boolean, also as text."""
        value = self.value(field)
        if value is None or value == "":
            return default
        if isinstance(value, bool):
            return value
        return str(value).lower() == "true"

    def mapping(self, field: str) -> dict[str, Any]:
        """An object; empty where it is missing. Raises ApiError for anything else."""
        value = self.value(field)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise invalid(f"The field '{field}' of {self.path} is not an object.")
        return value

    def items(self, field: str) -> list[Any]:
        """A list; empty where it is missing. Raises ApiError for anything else."""
        value = self.value(field)
        if value is None:
            return []
        if not isinstance(value, list):
            raise invalid(f"The field '{field}' of {self.path} is not a list.")
        return value


Answer = dict[str, Any] | Response
Endpoint = Callable[[Call], Answer]
Endpoints = Mapping[tuple[str, str], Endpoint]


def with_workspace_access(endpoints: Endpoints) -> Endpoints:
    """The endpoints, for callers who may use the workspace itself and not only what an access list gives them."""
    return {route: _needing_access(endpoint) for route, endpoint in endpoints.items()}


def _needing_access(endpoint: Endpoint) -> Endpoint:
    def answer(call: Call) -> Answer:
        # A task was started by someone who may start it, and acts with the rights of the job.
        if not call.principal.has_workspace_access and call.caller.task_run_id is None:
            raise denied(f"{call.principal.name} has no workspace-access; {call.method} {call.path} needs it.")
        return endpoint(call)

    return answer


def decoded(text: str) -> bytes:
    """Base64 content of a request. Raises ApiError."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise invalid("The content is not valid base64.") from error
