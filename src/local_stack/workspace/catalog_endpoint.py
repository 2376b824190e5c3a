"""Unity Catalog, handed on to the server that holds it."""

import httpx
from starlette.responses import Response

from local_stack.workspace.calls import Answer, Call, Endpoints
from local_stack.workspace.errors import ApiError

PREFIX = "/api/2.1/unity-catalog/"
TIMEOUT_SECONDS = 60.0
PRINCIPAL_HEADER = "X-Principal"


class CatalogEndpoint:
    """Hands calls on with the server's own token; the caller's name goes along."""

    def __init__(self, *, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._token = token
        # A proxy of the environment is not for a server on this machine.
        self._client = httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False)

    def endpoints(self) -> Endpoints:
        """Method and path to the endpoint."""
        return {(method, PREFIX + "{rest:path}"): self.hand_on for method in ("GET", "POST", "PUT", "PATCH", "DELETE")}

    def hand_on(self, call: Call) -> Answer:
        """One call. Raises ApiError 503 where the server does not answer."""
        headers = {
            "Authorization": f"Bearer {self._token}",
            PRINCIPAL_HEADER: call.principal.name,
            "Content-Type": call.headers.get("content-type", "application/json"),
        }
        address = f"{self._url}{call.raw_path}" + (f"?{call.query_string}" if call.query_string else "")
        try:
            answer = self._client.request(call.method, address, content=call.raw_body, headers=headers)
        except httpx.HTTPError as error:
            raise ApiError(
                503, "TEMPORARILY_UNAVAILABLE", f"Unity Catalog at {self._url} does not answer: {error}"
            ) from error
        return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
