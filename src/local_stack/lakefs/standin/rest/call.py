"""One request to the REST API, with its parameters read and checked."""

import base64
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local_stack.lakefs.standin.checks import parameter_error, read_body, read_flag
from local_stack.lakefs.standin.errors import RequestError, bad_request
from local_stack.lakefs.standin.versions.listings import DEFAULT_AMOUNT, Window, checked_amount, page_body
from local_stack.lakefs.standin.versions.repository import Repository
from local_stack.lakefs.standin.versions.store import Store, User


@dataclass(frozen=True)
class ApiCall:
    """A request whose body has been read, the store that it is about, and who asks: None where anybody may."""

    store: Store
    request: Request
    body: bytes
    user: User | None

    @property
    def repository(self) -> Repository:
        """The repository in the path. Raises RequestError 404."""
        return self.store.repository(self.path("repository"))

    def check_allowed(self, action: str) -> None:
        """Raise RequestError 401 where the user may not do this (lakeFS's issue 7756 shows status and message)."""
        if self.user is None or action in self.user.denied:
            raise RequestError(401, "insufficient permissions")

    def path(self, name: str) -> str:
        """A part of the URL's path."""
        return str(self.request.path_params[name])

    def query(self, name: str, default: str = "") -> str:
        """A query parameter."""
        return self.request.query_params.get(name, default)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A query parameter that is true or false. Raises RequestError 400."""
        text = self.request.query_params.get(name)
        return default if text is None else read_flag(name, text)

    def required_query(self, name: str) -> str:
        """A query parameter that must be there. Raises RequestError 400."""
        value = self.request.query_params.get(name)
        if not value:
            reason = "value is required but missing" if value is None else "empty value is not allowed"
            raise parameter_error(name, reason)
        return value

    def amount(self) -> int:
        """How many results a page holds. Raises RequestError 400 beyond the maximum."""
        return checked_amount(self.query("amount", str(DEFAULT_AMOUNT)))

    def window(self) -> Window:
        """The part of a listing that is asked for."""
        return Window(
            prefix=self.query("prefix"),
            after=self.query("after"),
            delimiter=self.query("delimiter"),
            amount=self.amount(),
        )

    def fields(self, schema: str, *, required: bool = True) -> Any:
        """The body, as the named schema has it. Raises RequestError 400."""
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and (self.body or required):
            raise bad_request(f"request body has an error: header Content-Type has unexpected value {json.dumps(kind)}")
        return read_body(self.body, schema, required=required)


Endpoint = Callable[[ApiCall], Response]


def empty() -> Response:
    """The answer without a body."""
    return Response(status_code=204)


def answer(body: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return JSONResponse(body, status_code=status)


def refusal(error: RequestError) -> Response:
    """The answer to a request that cannot be served."""
    return JSONResponse(dict(error.body), status_code=error.status)


def page(results: Sequence[Mapping[str, Any]], *, has_more: bool, next_offset: str) -> Response:
    """A page of results. `next_offset` is empty in the answer where nothing follows."""
    return JSONResponse(page_body(results, has_more=has_more, next_offset=next_offset))


def page_by_name(call: ApiCall, named: Mapping[str, Mapping[str, Any]]) -> Response:
    """A page of named things, by `prefix`, `after` and `amount`."""
    prefix, after, amount = call.query("prefix"), call.query("after"), call.amount()
    names = [name for name in sorted(named) if name.startswith(prefix) and name > after]
    shown = names[:amount]
    offset = shown[-1] if shown else ""
    return page([named[name] for name in shown], has_more=len(names) > amount, next_offset=offset)


def authenticated(request: Request, store: Store) -> User:
    """The user whose key pair the request carries. Raises RequestError 401 where there is none."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        presented = base64.b64decode(encoded) if scheme.lower() == "basic" else b""
    except ValueError:
        presented = b""
    key_id, _, secret = presented.decode(errors="replace").partition(":")
    user = store.user(key_id)
    if user is None or not hmac.compare_digest(secret.encode(), user.access_key.secret.encode()):
        raise RequestError(401, "error authenticating request")
    return user
