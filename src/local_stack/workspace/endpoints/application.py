"""The workspace as a Starlette application: authentication, errors as bodies, and what is not supported."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from local_stack.workspace.endpoints.calls import Answer, Call, Endpoint, Endpoints
from local_stack.workspace.errors import ApiError
from local_stack.workspace.identities.identities import Identities

ORGANIZATION_HEADER = "X-Databricks-Org-Id"
REQUEST_ERRORS = {404: "ENDPOINT_NOT_FOUND", 405: "ENDPOINT_NOT_FOUND"}

logger = logging.getLogger(__name__)


class WorkspaceApplication:
    """Puts endpoints behind HTTP.

    Parameters: `endpoints` need a bearer token, `unsupported` collects "METHOD path" of every call that is none of
    them, `url` answers the workspace's address.
    """

    def __init__(
        self,
        *,
        identities: Identities,
        endpoints: Endpoints,
        workspace_id: int,
        account_id: str,
        url: Callable[[], str],
        unsupported: list[str],
    ) -> None:
        self._identities = identities
        self._workspace_id = workspace_id
        self._account_id = account_id
        self._url = url
        self._unsupported = unsupported
        routes = [
            Route("/.well-known/databricks-config", self._host_metadata, methods=["GET"]),
            Route("/oidc/.well-known/oauth-authorization-server", self._oauth_metadata, methods=["GET"]),
            Route("/oidc/v1/token", self._token, methods=["POST"]),
            Route("/", self._front_page, methods=["GET"]),
            Route("/jobs/{job_id:int}/runs/{run_id:int}", self._run_page, methods=["GET"]),
            *(
                Route(path, self._authenticated(endpoint), methods=[method])
                for (method, path), endpoint in endpoints.items()
            ),
        ]
        handlers: Mapping[Any, Any] = {ApiError: self._api_error, HTTPException: self._unknown, Exception: self._bug}
        self.starlette = Starlette(routes=routes, exception_handlers=handlers)

    async def _host_metadata(self, _request: Request) -> Response:
        return self._answer(
            {
                "oidc_endpoint": f"{self._url()}/oidc",
                "account_id": self._account_id,
                "workspace_id": str(self._workspace_id),
                "host_type": "WORKSPACE_HOST",
            }
        )

    async def _oauth_metadata(self, _request: Request) -> Response:
        url = f"{self._url()}/oidc"
        return self._answer(
            {
                "issuer": url,
                "token_endpoint": f"{url}/v1/token",
                "authorization_endpoint": f"{url}/v1/authorize",
                "grant_types_supported": ["client_credentials"],
            }
        )

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        try:
            token, lifetime = self._identities.exchange(request.headers.get("Authorization", ""), form)
        except ApiError as error:
            body = {"error": error.error_code, "error_description": error.message}
            return JSONResponse(body, error.status, headers=self._headers())
        return self._answer(
            {"access_token": token, "token_type": "Bearer", "expires_in": lifetime, "scope": "all-apis"}
        )

    async def _front_page(self, _request: Request) -> Response:
        text = f"Local Databricks workspace {self._workspace_id}. It has a REST API and no pages; use the CLI or SDK.\n"
        return PlainTextResponse(text, headers=self._headers())

    async def _run_page(self, request: Request) -> Response:
        """What a person finds who opens the address that the CLI prints."""
        run_id = request.path_params["run_id"]
        text = f"The local workspace has no pages. Show this run with: databricks jobs get-run {run_id}\n"
        return PlainTextResponse(text, headers=self._headers())

    def _authenticated(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            caller = self._identities.caller(request.headers.get("Authorization", ""))
            content = await request.body()
            call = Call(
                method=request.method,
                path=request.url.path,
                caller=caller,
                query=dict(request.query_params),
                query_string=request.url.query,
                raw_path=request.scope["raw_path"].decode("ascii"),
                body=_body(request, content),
                raw_body=content,
                headers=dict(request.headers),
                path_parameters=request.path_params,
            )
            return self._answer(await run_in_threadpool(endpoint, call))

        return answer

    def _answer(self, answer: Answer) -> Response:
        response = answer if isinstance(answer, Response) else JSONResponse(answer)
        response.headers.update(self._headers())
        return response

    def _headers(self) -> dict[str, str]:
        return {ORGANIZATION_HEADER: str(self._workspace_id)}

    async def _api_error(self, request: Request, error: ApiError) -> Response:
        body = {"error_code": error.error_code, "message": error.message}
        if error.status == 501:
            self._note(request)
        return JSONResponse(body, error.status, headers=self._headers())

    async def _unknown(self, request: Request, error: HTTPException) -> Response:
        self._note(request)
        message = f"The local workspace does not support {request.method} {request.url.path}."
        body = {"error_code": REQUEST_ERRORS.get(error.status_code, "BAD_REQUEST"), "message": message}
        return JSONResponse(body, 404, headers=self._headers())

    async def _bug(self, request: Request, error: Exception) -> Response:
        logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
        body = {"error_code": "INTERNAL_ERROR", "message": f"{type(error).__name__}: {error}"}
        return JSONResponse(body, 500, headers=self._headers())

    def _note(self, request: Request) -> None:
        called = f"{request.method} {request.url.path}"
        self._unsupported.append(called)
        logger.warning("Unsupported call: %s", called)


def _body(request: Request, content: bytes) -> dict[str, Any]:
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        return _form(kind, content)
    if not content or "/workspace-files/" in request.url.path:
        return {}
    try:
        body = json.loads(content)
    except ValueError as error:
        raise ApiError(400, "MALFORMED_REQUEST", f"The body of {request.url.path} is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise ApiError(400, "MALFORMED_REQUEST", f"The body of {request.url.path} is not a JSON object.")
    return body


def _form(kind: str, content: bytes) -> dict[str, Any]:
    """The fields of a form, as the SDK's upload sends it: files as bytes, the others as text."""
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + content)
    fields: dict[str, Any] = {}
    for part in message.iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        value = part.get_payload(decode=True)
        assert isinstance(value, bytes)
        fields[name] = value if part.get_filename() else value.decode()
    return fields
