"""Who may ask, and which requests are plain enough to be read."""

import hashlib
import hmac

from starlette.requests import Request

from lakefs_unity_export.webhook.refusals import Refusal, closing
from lakefs_unity_export.webhook.settings import Settings

SCHEME = "bearer"
# Headers on which a proxy and this server must agree, or one reads the end of a body where the other reads a request.
_SINGLE = ("authorization", "content-length", "content-type", "host", "transfer-encoding")


def check_plain(request: Request) -> None:
    """Raises Refusal for a request that two readers could understand differently."""
    for name in _SINGLE:
        if len(request.headers.getlist(name)) > 1:
            raise closing(400, f"the header {name} is there more than once")
    if "content-length" in request.headers and "transfer-encoding" in request.headers:
        raise closing(400, "Content-Length and Transfer-Encoding exclude each other")


def check_secret(request: Request, settings: Settings) -> None:
    """Raises Refusal where the request does not carry one of the secrets. Takes as long for a nearly right one."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    digest = _digest(given.strip())
    matches = [hmac.compare_digest(digest, _digest(secret)) for secret in settings.secrets]
    if scheme.lower() != SCHEME or not any(matches):
        raise Refusal(
            401,
            "the secret is missing or wrong: send `Authorization: Bearer ...` with the value of WEBHOOK_SECRET, "
            "from a variable of the lakeFS server whose name begins with LAKEFSACTION_",
            {"WWW-Authenticate": "Bearer", "Connection": "close"},
        )


def _digest(value: str) -> bytes:
    """Of one length for all values, so that comparing tells nothing about theirs."""
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).digest()
