"""The service's HTTP side: routes, and what every answer has in common."""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from lakefs_unity_export.webhook.access import check_plain, check_secret
from lakefs_unity_export.webhook.event_body import EventBody, read_event
from lakefs_unity_export.webhook.job_starts import Runs, WorkspaceRuns
from lakefs_unity_export.webhook.metrics import Metrics
from lakefs_unity_export.webhook.refusals import Refusal, later
from lakefs_unity_export.webhook.request_log import trace_of
from lakefs_unity_export.webhook.service import OpenRepository, Service, lakefs_repositories
from lakefs_unity_export.webhook.settings import Settings

Endpoint = Callable[[Request], Awaitable[Response]]
Action = Callable[..., Awaitable[tuple[str, str]]]

_PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_COMMON_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def create_app(
    settings: Settings, *, runs: Runs | None = None, open_repository: OpenRepository | None = None
) -> Starlette:
    """The service as an ASGI application.

    `runs` and `open_repository` take the places of the workspace and of lakeFS. Where the server runs no lifespan,
    call `app.state.service.close()` at the end.
    """
    if open_repository is None and settings.gate is not None:
        open_repository = lakefs_repositories(settings.gate)
    service = Service(settings, runs or WorkspaceRuns(settings), open_repository)
    application = _Application(service)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        application.log.write(logging.INFO, "started")
        yield
        await asyncio.to_thread(service.close)
        application.log.write(logging.INFO, "stopped")

    app = Starlette(
        routes=application.routes(),
        lifespan=lifespan,
        exception_handlers={404: application.not_there, 405: application.not_there},
    )
    app.router.redirect_slashes = False
    app.state.service = service
    return app


class _Application:
    def __init__(self, service: Service) -> None:
        self._service = service
        self._settings = service.settings
        self.log = service.log
        self._metrics = Metrics(waiting=lambda: service.accepted_calls)
        self._open = 0

    def routes(self) -> list[Route]:
        return [
            self._route("/events", "POST", self._told(self._service.export)),
            self._route("/validate", "POST", self._told(self._service.validate)),
            self._route("/healthz", "GET", self._health),
            self._route("/readyz", "GET", self._readiness),
            self._route("/metrics", "GET", self._counters),
        ]

    def _route(self, path: str, method: str, endpoint: Endpoint) -> Route:
        async def answer(request: Request) -> Response:
            return await self._answer(request, path, endpoint)

        return Route(path, answer, methods=[method])

    async def not_there(self, request: Request, error: Exception) -> Response:
        """The answer where no route takes the path or the method."""
        status = error.status_code if isinstance(error, HTTPException) else 404

        async def refuse(_: Request) -> Response:
            what = "there is nothing at this path" if status == 404 else "this path takes another method"
            raise Refusal(status, f"{what}; events go to POST /events, the gate is POST /validate")

        return await self._answer(request, "other", refuse)

    async def _answer(self, request: Request, path: str, endpoint: Endpoint) -> Response:
        """The endpoint's answer or what it refuses with, logged and counted."""
        started = time.monotonic()
        request.state.request_id = uuid.uuid4().hex
        request.state.log = {}
        try:
            check_plain(request)
            response = await endpoint(request)
        except Refusal as refusal:
            request.state.log |= {"refusal": refusal.message, "detail": refusal.detail}
            response = PlainTextResponse(refusal.message + "\n", refusal.status, headers=refusal.headers)
        except Exception as error:  # whatever it is, its text is not for the outside
            request.state.log |= {"error": trace_of(error)}
            text = f"the service failed; its log says why under request id {request.state.request_id}\n"
            response = PlainTextResponse(text, 500)
        response.headers.update({**_COMMON_HEADERS, "X-Request-Id": request.state.request_id})
        self._record(request, path, response.status_code, time.monotonic() - started)
        return response

    def _record(self, request: Request, path: str, status: int, seconds: float) -> None:
        self._metrics.answered(path, status, seconds)
        if request.state.log or status >= 400:
            self.log.write(
                logging.ERROR if status >= 500 else logging.WARNING if status >= 400 else logging.INFO,
                "answered",
                request_id=request.state.request_id,
                path=path,
                status=status,
                seconds=round(seconds, 3),
                **request.state.log,
            )

    def _told(self, action: Action) -> Endpoint:
        """An endpoint that is told of an event: who may ask is checked before anything is read."""

        async def endpoint(request: Request) -> Response:
            ends = time.monotonic() + self._settings.answer_seconds
            check_secret(request, self._settings)
            if self._open >= self._settings.concurrency + self._settings.queue:
                raise later("too many events at once; try later, or let reconcile export what is missed")
            self._open += 1
            try:
                body = await read_event(request, seconds=self._settings.body_seconds)
                request.state.log |= _told_of(body)
                return await self._acted(request, body, action, ends - time.monotonic())
            finally:
                self._open -= 1

        return endpoint

    async def _acted(self, request: Request, body: EventBody, action: Action, seconds: float) -> Response:
        try:
            outcome, text = await action(body, seconds=seconds)
        except Refusal as refusal:
            self._metrics.told(body.event_type, f"refused with {refusal.status}")
            raise
        self._metrics.told(body.event_type, outcome)
        request.state.log |= {"outcome": outcome, "answer": text}
        return PlainTextResponse(text + "\n")

    async def _health(self, _: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def _readiness(self, _: Request) -> Response:
        if not self._service.is_ready:
            raise later("too many events wait, or the service is stopping")
        return PlainTextResponse("ready\n")

    async def _counters(self, _: Request) -> Response:
        return Response(self._metrics.text(), headers={"Content-Type": _PROMETHEUS_TEXT})


def _told_of(body: EventBody) -> dict[str, str]:
    return {
        "event": body.event_type,
        "repository": body.repository_id,
        "branch": body.branch_id,
        "commit": body.commit_id,
    }
