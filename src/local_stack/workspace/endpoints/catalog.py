"""Unity Catalog, handed on to the server that holds it.

What stands in the way of that server is told at once: databricks-sdk asks again for minutes where it is answered with
503 or 429, and then says "Timed out" alone. So such answers become a 502 that names the cause.
"""

import json
from http import HTTPStatus

import httpx
from starlette.responses import Response

from local_stack.workspace.endpoints.calls import Answer, Call, Endpoints
from local_stack.workspace.errors import ApiError

PREFIX = "/api/2.1/unity-catalog/"
# Less than the 60 seconds that databricks-sdk waits for an answer, so that a server that hangs is named too.
TIMEOUT_SECONDS = 30.0
PRINCIPAL_HEADER = "X-Principal"
_RETRIED = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class CatalogEndpoint:
    """Hands calls on with the server's own token, where it has one; the caller's name goes along."""

    def __init__(self, *, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        # A server without authorization has no token, and a header without one is none.
        self._authorization = {"Authorization": f"Bearer {token}"} if token else {}
        # A proxy of the environment is not for a server on this machine.
        self._client = httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False)

    def endpoints(self) -> Endpoints:
        """Method and path to the endpoint."""
        return {(method, PREFIX + "{rest:path}"): self.hand_on for method in ("GET", "POST", "PUT", "PATCH", "DELETE")}

    def hand_on(self, call: Call) -> Answer:
        """One call. Raises ApiError where the server does not answer, refuses the token, or is no Unity Catalog."""
        headers = self._authorization | {
            PRINCIPAL_HEADER: call.principal.name,
            "Content-Type": call.headers.get("content-type", "application/json"),
        }
        address = f"{self._url}{call.raw_path}" + (f"?{call.query_string}" if call.query_string else "")
        try:
            answer = self._client.request(call.method, address, content=call.raw_body, headers=headers)
        except httpx.HTTPError as error:
            raise self._error(f"does not answer: {error or type(error).__name__}") from error
        if answer.status_code in _RETRIED:
            raise self._error(f"answered {answer.status_code}: {_message(answer)}")
        if answer.status_code in _REFUSED:
            what = "UNITY_CATALOG_TOKEN" if self._authorization else "a call without a token: set UNITY_CATALOG_TOKEN"
            raise ApiError(
                answer.status_code,
                "UNAUTHENTICATED" if answer.status_code == HTTPStatus.UNAUTHORIZED else "PERMISSION_DENIED",
                f"Unity Catalog at {self._url} refused {what} ({answer.status_code}): {_message(answer)}",
            )
        if call.method == "GET" and not _is_json_object(answer):
            raise self._error(
                f"answered GET {call.raw_path} with {answer.status_code} and no JSON object: is it a Unity Catalog?"
            )
        return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))

    def _error(self, what: str) -> ApiError:
        return ApiError(502, "BAD_GATEWAY", f"Unity Catalog at {self._url} {what}")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _message(answer: httpx.Response) -> str:
    body = answer.json() if _is_json_object(answer) else {}
    return str(body.get("message") or answer.text[:200])


def _is_json_object(answer: httpx.Response) -> bool:
    try:
        return isinstance(json.loads(answer.content), dict)
    except ValueError:
        return False
