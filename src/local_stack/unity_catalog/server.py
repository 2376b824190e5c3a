"""The embedded Unity Catalog server: routes, authentication and its life.

Speaks ``/api/2.1/unity-catalog/`` as the open-source Unity Catalog (0.7) does, for catalogs, schemas, tables, external
locations and permissions, and takes changes of a table below ``/delta/v1``. The contract tests hold it to that server.

It differs from it on purpose, because Databricks is documented or reported to:
- names are found without regard to case and kept in lower case, and may hold any character but period, space, slash
  and control characters, where the open-source server takes letters, digits, ``_``, ``-`` and ``@``;
- codes of errors are those of Databricks (``SCHEMA_DOES_NOT_EXIST``), the statuses are the same;
- a catalog, a schema and a table have an owner, and a catalog or a schema can be given another one;
- effective permissions are told, as Databricks documents them;
- locations of tables may not overlap; tables come in pages of 50;
- an update that changes nothing is refused, where `refuses_empty_updates`.
It is kinder in two things: privileges may be given to principals that no directory knows, and an external location
needs no credential. Both are for setting up tests; no export depends on them. Everything else is as strict or stricter.
"""

import base64
import binascii
import hmac
import json
import secrets
import uuid
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from local_stack.loopback_server import LoopbackServer
from local_stack.unity_catalog.delta_tables import loaded
from local_stack.unity_catalog.errors import CatalogError, delta_body, invalid
from local_stack.unity_catalog.grants import Grants
from local_stack.unity_catalog.securables import Securables
from local_stack.unity_catalog.store import CatalogStore

API = "/api/2.1/unity-catalog"
OWNER = "metastore-admin"
COLLECTIONS = {
    "catalogs": "catalog",
    "schemas": "schema",
    "tables": "table",
    "external-locations": "external_location",
}
# The open-source server's pages, and those of tables as Databricks documents them, which are the smallest.
MAXIMUM_PAGES = {"catalog": 100, "schema": 100, "table": 50, "external_location": 100}

Endpoint = Callable[[Request], Awaitable[Response]]


class UnityCatalogServer:
    """A Unity Catalog of its own, kept in a folder: start it again there and it knows what it knew.

    Parameters: `folder` for ``unity_catalog.sqlite`` and the token; `port`, 0 for a free one, on 127.0.0.1; whether a
    PATCH that changes nothing is refused, as Databricks is reported to do, or answered, as the open-source server does.
    """

    def __init__(self, *, folder: Path, port: int = 0, refuses_empty_updates: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._identity = _kept_identity(folder / "unity_catalog_identity.json")
        self._server = LoopbackServer(name="unity-catalog", port=port)
        self._store: CatalogStore | None = None
        self._refuses_empty_updates = refuses_empty_updates

    @property
    def token(self) -> str:
        """The bearer token of the server; who holds it acts as the metastore's owner."""
        return self._identity["token"]

    @property
    def url(self) -> str:
        """Address without the API's path; known once started, or before that with a fixed port."""
        return self._server.url

    def start(self) -> None:
        """Open the file and serve; returns once requests are answered. Raises OSError where the port is taken."""
        if self._server.is_running:
            return
        self._store = CatalogStore(self._folder / "unity_catalog.sqlite")
        securables = Securables(
            self._store, self._identity["metastore_id"], refuses_empty_updates=self._refuses_empty_updates
        )
        self._server.start(_application(securables, Grants(self._store, securables), self._identity))

    def stop(self) -> None:
        """Stop serving and close the file; a second call does nothing."""
        self._server.stop()
        store, self._store = self._store, None
        if store is not None:
            store.close()


def _kept_identity(file: Path) -> dict[str, str]:
    if file.exists():
        return dict(json.loads(file.read_text()))
    identity = {"token": f"uc-{secrets.token_hex(16)}", "metastore_id": str(uuid.uuid4())}
    file.touch(mode=0o600)
    file.write_text(json.dumps(identity))
    return identity


def _application(securables: Securables, grants: Grants, identity: dict[str, str]) -> Starlette:
    requests = _Requests(securables, grants, identity["metastore_id"])
    answered = _answering(identity["token"])
    table = "catalogs/{catalog}/schemas/{schema}/tables/{table}"
    routes = [
        Route(f"{API}/metastore_summary", answered(requests.metastore_summary), methods=["GET"]),
        Route(f"{API}/permissions/{{type}}/{{name}}", answered(requests.permissions), methods=["GET", "PATCH"]),
        Route(f"{API}/effective-permissions/{{type}}/{{name}}", answered(requests.effective), methods=["GET"]),
        Route(f"{API}/delta/v1/{table}", answered(requests.updated_table, errors=delta_body), methods=["POST"]),
        Route(f"{API}/{{collection}}", answered(requests.collection), methods=["GET", "POST"]),
        Route(f"{API}/{{collection}}/{{name}}", answered(requests.item), methods=["GET", "PATCH", "DELETE"]),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _no_route})


def _no_route(_request: Request, error: Exception) -> Response:
    """A path or a method that no route has, as the open-source server answers it."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    return PlainTextResponse(f"Status: {status.value}\nDescription: {status.phrase}\n", status.value)


def _error_body(error: CatalogError) -> dict[str, object]:
    return {"error_code": error.error_code, "message": error.message}


def _answering(token: str) -> Callable[..., Endpoint]:
    """Wrap a request's work: the token is checked, errors become bodies, SQLite stays off the event loop."""

    def wrap(
        work: Callable[[Request, Any], dict[str, Any] | None],
        errors: Callable[[CatalogError], dict[str, object]] = _error_body,
    ) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            try:
                _check_token(request, token)
                body = await _json_body(request)
                answer = await run_in_threadpool(work, request, body)
            except CatalogError as error:
                return JSONResponse(errors(error), error.status)
            # The open-source server answers a DELETE with a text.
            return PlainTextResponse("200 OK") if answer is None else JSONResponse(answer)

        return endpoint

    return wrap


def _check_token(request: Request, token: str) -> None:
    scheme, _, presented = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(presented.strip().encode(), token.encode()):
        raise CatalogError(401, "UNAUTHENTICATED", "The request carries no valid bearer token of this server.")


async def _json_body(request: Request) -> Any:
    content = await request.body()
    if not content:
        return {}
    try:
        body = json.loads(content)
    except ValueError as error:
        raise CatalogError(400, "MALFORMED_REQUEST", f"The body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise CatalogError(400, "MALFORMED_REQUEST", "The body is not a JSON object.")
    return body


class _Requests:
    """From HTTP to the catalog's own calls, one method for each route."""

    def __init__(self, securables: Securables, grants: Grants, metastore_id: str) -> None:
        self._securables = securables
        self._grants = grants
        self._metastore_id = metastore_id

    def metastore_summary(self, _request: Request, _body: Any) -> dict[str, Any]:
        return {"metastore_id": self._metastore_id, "name": "local", "owner": OWNER, "cloud": "local"}

    def permissions(self, request: Request, body: Any) -> dict[str, Any]:
        securable_type, name = request.path_params["type"], request.path_params["name"]
        if request.method == "PATCH":
            return self._grants.update(securable_type, name, list(body.get("changes") or []))
        return self._grants.get(securable_type, name, request.query_params.get("principal"))

    def effective(self, request: Request, _body: Any) -> dict[str, Any]:
        given = {name: request.query_params.get(name, "") for name in ("principal", "page_token", "max_results")}
        return self._grants.effective(request.path_params["type"], request.path_params["name"], **given)

    def updated_table(self, request: Request, body: Any) -> dict[str, Any]:
        name = ".".join(request.path_params[part] for part in ("catalog", "schema", "table"))
        return loaded(self._securables.update_table(name, body, _principal(request)))

    def collection(self, request: Request, body: Any) -> dict[str, Any]:
        kind = _kind(request)
        if request.method == "POST":
            return self._securables.create(kind, body, _principal(request))
        return self._page(request, kind)

    def item(self, request: Request, body: Any) -> dict[str, Any] | None:
        kind, name = _kind(request), request.path_params["name"]
        if request.method == "PATCH":
            if kind == "table":
                raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED)
            return self._securables.update(kind, name, body, _principal(request))
        if request.method == "DELETE":
            self._securables.delete(kind, name, force=request.query_params.get("force", "").lower() == "true")
            return None
        return self._securables.get(kind, name)

    def _page(self, request: Request, kind: str) -> dict[str, Any]:
        limit = _page_length(request, MAXIMUM_PAGES[kind])
        after = _decoded_token(request.query_params.get("page_token", ""))
        page = self._securables.list(kind, _parent(request, kind), after, limit)
        # A full page has a token also where nothing comes after it.
        token = base64.urlsafe_b64encode(page[-1]["full_name"].encode()).decode() if len(page) == limit else None
        return {request.path_params["collection"].replace("-", "_"): _trimmed(page, request), "next_page_token": token}


def _kind(request: Request) -> str:
    collection = request.path_params["collection"]
    if collection not in COLLECTIONS:
        raise CatalogError(404, "ENDPOINT_NOT_FOUND", f"This server has no route '{API}/{collection}'.")
    return COLLECTIONS[collection]


def _principal(request: Request) -> str:
    return request.headers.get("X-Principal") or OWNER


def _parent(request: Request, kind: str) -> str:
    parameters = {"schema": ["catalog_name"], "table": ["catalog_name", "schema_name"]}.get(kind, [])
    names = [request.query_params.get(parameter, "") for parameter in parameters]
    if not all(names):
        raise invalid(f"A list of {kind}s needs {' and '.join(parameters)}.")
    return ".".join(names)


def _page_length(request: Request, maximum: int) -> int:
    """Without max_results, and for 0, the server's own length."""
    text = request.query_params.get("max_results", "0")
    try:
        length = int(text)
    except ValueError:
        length = -1
    if length < 0:
        raise invalid(f"max_results '{text}' is not a whole number of at least 0.")
    return min(length or maximum, maximum)


def _decoded_token(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise invalid("The page_token is not one of this server's.") from error


def _trimmed(page: list[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    left_out = {
        field for field in ("columns", "properties") if request.query_params.get(f"omit_{field}", "").lower() == "true"
    }
    return [{field: value for field, value in body.items() if field not in left_out} for body in page]
