"""The REST API: routes, authentication, and refusals as answers."""

import logging
from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from local_stack.lakefs_standin import api_objects, api_repositories, api_versions
from local_stack.lakefs_standin.api_call import ApiCall, Endpoint, answer, check_basic_auth, refusal
from local_stack.lakefs_standin.errors import RequestError
from local_stack.lakefs_standin.store import Store

OPEN_PATHS = frozenset({"/healthcheck"})
LOG = logging.getLogger(__name__)


def rest_api(store: Store, endpoints: dict[tuple[str, str], Endpoint]) -> Router:
    """The application under /api/v1, with these endpoints besides those of versions, objects and repositories."""
    every = {**api_repositories.ENDPOINTS, **api_versions.ENDPOINTS, **api_objects.ENDPOINTS, **endpoints}
    routes = [
        Route(path, _answering(store, endpoint, needs_key=path not in OPEN_PATHS), methods=[method])
        for (method, path), endpoint in every.items()
    ]
    return Router(routes=routes, redirect_slashes=False, default=_unknown_route)


async def _unknown_route(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
    message = f"{scope['method']} {scope['path']}: the stand-in does not have this call"
    await answer({"message": message}, 404)(scope, receive, send)


def _answering(store: Store, endpoint: Endpoint, *, needs_key: bool) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        try:
            if needs_key:
                check_basic_auth(request, store.access_key)
            return await run_in_threadpool(endpoint, ApiCall(store, request, await request.body()))
        except RequestError as error:
            return refusal(error)
        except Exception:
            LOG.exception("%s %s failed", request.method, request.url.path)
            return answer({"message": "internal server error"}, 500)

    return respond
