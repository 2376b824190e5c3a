"""The embedded Unity Catalog server: routes, authentication and its life.

Speaks ``/api/2.1/unity-catalog/`` as the open-source Unity Catalog and Databricks do, for catalogs, schemas,
tables, external locations and permissions. Deliberately as on Databricks: names without regard to case, an update
that replaces the whole map of properties, columns as of registration until they are synced.
"""

import base64
import binascii
import hmac
import json
import secrets
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_stack.loopback_server import LoopbackServer
from local_stack.unity_catalog.errors import CatalogError, invalid
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
# Page lengths that Databricks documents for list calls; tables are the smallest.
MAXIMUM_PAGES = {"catalog": 1000, "schema": 1000, "table": 50, "external_location": 1000}

Endpoint = Callable[[Request], Awaitable[Response]]


class UnityCatalogServer:
    """A Unity Catalog of its own, kept in a folder: start it again there and it knows what it knew.

    Parameters: `folder` for ``unity_catalog.sqlite`` and the token; `port`, 0 for a free one, on 127.0.0.1.
    """

    def __init__(self, *, folder: Path, port: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._identity = _kept_identity(folder / "unity_catalog_identity.json")
        self._server = LoopbackServer(name="unity-catalog", port=port)
        self._store: CatalogStore | None = None

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
        self._server.start(_application(self._store, self._identity))

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


def _application(store: CatalogStore, identity: dict[str, str]) -> Starlette:
    securables = Securables(store, identity["metastore_id"])
    requests = _Requests(securables, Grants(store, securables), identity["metastore_id"])
    answered = _answering(identity["token"])
    routes = [
        Route(f"{API}/metastore_summary", answered(requests.metastore_summary), methods=["GET"]),
        Route(f"{API}/permissions/{{type}}/{{name}}", answered(requests.permissions), methods=["GET", "PATCH"]),
        Route(f"{API}/tables/{{name}}/exists", answered(requests.table_exists), methods=["GET"]),
        Route(f"{API}/{{collection}}", answered(requests.collection), methods=["GET", "POST"]),
        Route(f"{API}/{{collection}}/{{name}}", answered(requests.item), methods=["GET", "PATCH", "DELETE"]),
    ]
    return Starlette(routes=routes)


def _answering(token: str) -> Callable[[Callable[[Request, Any], dict[str, Any]]], Endpoint]:
    """Wrap a request's work: the token is checked, errors become bodies, SQLite stays off the event loop."""

    def wrap(work: Callable[[Request, Any], dict[str, Any]]) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            try:
                _check_token(request, token)
                body = await _json_body(request)
                return JSONResponse(await run_in_threadpool(work, request, body))
            except CatalogError as error:
                return JSONResponse({"error_code": error.error_code, "message": error.message}, error.status)

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

    def table_exists(self, request: Request, _body: Any) -> dict[str, Any]:
        return {"table_exists": self._securables.exists(request.path_params["name"])}

    def collection(self, request: Request, body: Any) -> dict[str, Any]:
        kind = _kind(request)
        if request.method == "POST":
            return self._securables.create(kind, body, _principal(request))
        return self._page(request, kind)

    def item(self, request: Request, body: Any) -> dict[str, Any]:
        kind, name = _kind(request), request.path_params["name"]
        if request.method == "PATCH":
            return self._securables.update(kind, name, body, _principal(request))
        if request.method == "DELETE":
            self._securables.delete(kind, name, force=request.query_params.get("force", "").lower() == "true")
            return {}
        return self._securables.get(kind, name)

    def _page(self, request: Request, kind: str) -> dict[str, Any]:
        limit = _page_length(request, MAXIMUM_PAGES[kind])
        after = _decoded_token(request.query_params.get("page_token", ""))
        bodies = self._securables.list(kind, _parent(request, kind), after, limit + 1 if limit > 0 else -1)
        page = bodies[:limit] if limit > 0 else bodies
        answer: dict[str, Any] = {request.path_params["collection"].replace("-", "_"): _trimmed(page, request)}
        if len(page) < len(bodies):
            answer["next_page_token"] = base64.urlsafe_b64encode(page[-1]["full_name"].encode()).decode()
        return answer


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
    """Without max_results everything is listed, as Databricks still does; 0 asks for the server's length."""
    text = request.query_params.get("max_results")
    if text is None:
        return -1
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
