"""Questions to a lakeFS server of which nothing is known yet: it may be another, or none."""

import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import (
    HTTPError,
    NewConnectionError,
    ProtocolError,
    SSLError,
    TimeoutError,  # noqa: A004, urllib3's own
)

from lakefs_unity_export.access.lakefs_connection import API_PATH, Credentials, check_endpoint, short_reason
from lakefs_unity_export.setup_ports import Answered, Trouble, Unanswered

# A person waits for it, and an export's own client waits longer.
CONNECT_TIMEOUT_SECONDS = 10
READ_TIMEOUT_SECONDS = 20
# Innermost first: a failed connection is a time-out to the older urllib3.
_TROUBLES: tuple[tuple[type[BaseException], Trouble], ...] = (
    (socket.gaierror, Trouble.NAME),
    (SSLError, Trouble.TLS),
    (NewConnectionError, Trouble.CONNECTION),
    (TimeoutError, Trouble.TIME),
    (ProtocolError, Trouble.CLOSED),
)
# What urllib3 1 says of a name instead of handing its cause on.
_UNKNOWN_NAME = "Name or service not known"


class LakeFSServerClient:
    """The server at an endpoint. Raises SettingsError where that is no URL of a server.

    credentials: gives the key, asked for once a question is to be asked with it.
    """

    def __init__(self, *, endpoint: str, credentials: Callable[[], Credentials]) -> None:
        self._endpoint = check_endpoint(endpoint)
        self._credentials = credentials
        self._pool = urllib3.PoolManager(
            retries=False,  # nor is a redirect followed
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=READ_TIMEOUT_SECONDS),
            cert_reqs="CERT_REQUIRED",  # not the default of urllib3 1
        )

    def ask(self, path: str, *, with_key: bool, **query: str) -> Answered | Unanswered:
        """What the server answers a GET below its API's path, once and without following it elsewhere."""
        url = f"{self._endpoint}{API_PATH}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Authorization": self._credentials().authorization} if with_key else {}
        try:
            answer = self._pool.request("GET", url, headers=headers)
        except (HTTPError, OSError) as error:
            return Unanswered(trouble=_trouble(error), words=short_reason(error))
        return Answered(status=answer.status, body=bytes(answer.data))


def _trouble(error: BaseException) -> Trouble:
    causes = list(_causes(error))
    if any(_UNKNOWN_NAME in str(cause) for cause in causes):
        return Trouble.NAME
    for kind, trouble in _TROUBLES:
        if any(isinstance(cause, kind) for cause in causes):
            return trouble
    return Trouble.CONNECTION


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        reason = getattr(error, "reason", None)
        error = reason if isinstance(reason, BaseException) else error.__cause__ or error.__context__
