"""The REST API: routes, authentication, and refusals as answers."""

import logging
import re
from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route, Router
from starlette.types import Receive, Scope, Send

from local_stack.lakefs.standin.errors import RequestError, not_in_the_stand_in
from local_stack.lakefs.standin.rest import objects as api_objects
from local_stack.lakefs.standin.rest import repositories as api_repositories
from local_stack.lakefs.standin.rest import versions as api_versions
from local_stack.lakefs.standin.rest.call import ApiCall, Endpoint, answer, authenticated, refusal
from local_stack.lakefs.standin.versions.store import Store

OPEN_PATHS = frozenset({"/healthcheck", "/setup_lakefs"})
# Calls of lakeFS (paths as its published SDK has them) that nothing of ours makes.
NOT_HERE = re.compile(
    r"/(auth|sts|usage-report)/.+|/(statistics|setup_lakefs|setup_comm_prefs|config/garbage-collection)"
    r"|/repositories/[^/]+/(branch_protection|commits|dump|gc|metadata|pulls|restore|settings)(/.*)?"
    r"|/repositories/[^/]+/refs/(dump|restore|[^/]+/symlink|[^/]+/objects/underlyingProperties)"
    r"|/repositories/[^/]+/branches/[^/]+/(import|staging/.+|objects/stage_allowed)"
)
LOG = logging.getLogger(__name__)


class _ExactRoute(Route):
    """A path with one method; another method is no such path, as on a lakeFS server."""

    def __init__(self, path: str, endpoint: Callable[[Request], Awaitable[Response]], method: str) -> None:
        super().__init__(path, endpoint, methods=[method])
        self.methods = {method}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, inner = super().matches(scope)
        return (Match.NONE, {}) if match is Match.PARTIAL else (match, inner)


def rest_api(store: Store, endpoints: dict[tuple[str, str], Endpoint]) -> Router:
    """The application under /api/v1, with these endpoints besides those of versions, objects and repositories."""
    every = {**api_repositories.ENDPOINTS, **api_versions.ENDPOINTS, **api_objects.ENDPOINTS, **endpoints}
    routes = [
        _ExactRoute(path, _answering(store, endpoint, needs_key=path not in OPEN_PATHS), method)
        for (method, path), endpoint in every.items()
    ]
    return Router(routes=routes, redirect_slashes=False, default=_unknown_route)


async def _unknown_route(scope: Scope, receive: Receive, send: Send) -> None:
    if NOT_HERE.fullmatch(scope["path"]):
        refused = refusal(not_in_the_stand_in(f"{scope['method']} {scope['path']}"))
    else:
        refused = refusal(RequestError(404, "invalid API endpoint"))
    await refused(scope, receive, send)


def _answering(store: Store, endpoint: Endpoint, *, needs_key: bool) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        try:
            user = authenticated(request, store) if needs_key else None
            return await run_in_threadpool(endpoint, ApiCall(store, request, await request.body(), user))
        except RequestError as error:
            return refusal(error)
        except Exception:
            LOG.exception("%s %s failed", request.method, request.url.path)
            return answer({"message": "internal server error"}, 500)

    return respond
