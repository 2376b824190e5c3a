"""How lakeFS's API is reached, and what its answers mean: for every client of it, with its SDK or without."""

import base64
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

import urllib3

from lakefs_unity_export.errors import (
    LakeFSAccessError,
    LakeFSError,
    LakeFSGoneError,
    LakeFSNotFoundError,
    LakeFSUnavailableError,
    SettingsError,
)

CONNECT_TIMEOUT_SECONDS = 10
READ_TIMEOUT_SECONDS = 60
MAX_RETRY_AFTER_SECONDS = 60  # however long a server asks to wait
PAGE_SIZE = 1000  # the server's maximum
API_PATH = "/api/v1"
SHOWN_WORDS = 200  # characters of what a server says
# Recorded of lakeFS 1.84 (server/version-health, refs/forms): a call that it does not have, a ref that it cannot read.
NO_SUCH_CALL = "invalid API endpoint"
INVALID_VALUE = "validation error"
# How a server answers a user who signed in and lacks a permission: with 401, too (treeverse/lakeFS issue 7756).
LACKS_PERMISSION = "insufficient permissions"


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """An access key pair of lakeFS."""

    access_key_id: str
    secret_access_key: str

    @property
    def authorization(self) -> str:
        """The header of HTTP's Basic authentication."""
        pair = f"{self.access_key_id}:{self.secret_access_key}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"

    def __repr__(self) -> str:
        return f"Credentials(access_key_id={self.access_key_id!r}, secret_access_key=...)"


class BoundedRetry(urllib3.Retry):
    """Waits no longer than a bearable time, whatever a server's Retry-After asks for.

    urllib3's own `retry_after_max` is newer than the urllib3 of some Databricks environments.
    """

    def get_retry_after(self, response: urllib3.BaseHTTPResponse) -> float | None:
        asked = super().get_retry_after(response)
        return None if asked is None else min(asked, MAX_RETRY_AFTER_SECONDS)

    @classmethod
    def of_reads(cls, retries: int) -> "BoundedRetry":
        """For calls that change nothing: so many more tries where the server fails or limits requests."""
        return cls(
            total=retries,
            backoff_factor=0.5,
            status_forcelist=(429, 500, 502, 503, 504),
            allowed_methods=("GET",),
            raise_on_status=False,
        )


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What answers of one server about one repository mean."""

    endpoint: str
    repository: str

    def unanswered(self, what: str, error: Exception) -> LakeFSError:
        """The error of a server that was not reached, or fell silent, when asked for `what`."""
        return LakeFSUnavailableError(
            f"lakeFS at {self.endpoint} did not answer when asked for {what} of repository {self.repository!r} "
            f"({short_reason(error)}); check lakefs_endpoint, and that it can be reached from this task's compute"
        )

    def not_lakefs(self, what: str) -> LakeFSError:
        """The error of an answer that lakeFS does not give."""
        return LakeFSUnavailableError(
            f"{self.endpoint} answered something that is not lakeFS's when asked for {what}; check lakefs_endpoint"
        )

    def refused(self, status: int | None, what: str, words: str) -> LakeFSError:
        """The error of an answer with this status, in the server's `words`."""
        shown = f" ({' '.join(words.split())[:SHOWN_WORDS]})" if words else ""
        where = (
            f"lakeFS at {self.endpoint} answered {status}{shown} "
            f"when asked for {what} of repository {self.repository!r}"
        )
        # Neither says that something is not there: a caller would go on without it.
        if status == 404 and words == NO_SUCH_CALL:
            return LakeFSError(f"{where}; check lakefs_endpoint, and the version of the server")
        if status == 500 and INVALID_VALUE in words:
            return LakeFSError(f"{where}: it cannot read what was asked for; check the job's parameters")
        if status == 401 and LACKS_PERMISSION in words:
            return LakeFSAccessError(f"{where}{_PERMISSIONS}")
        if status in _REMEDIES:
            error, remedy = _REMEDIES[status]
            return error(f"{where}{remedy}")
        if status is not None and 300 <= status < 500:
            return LakeFSError(f"{where}; check lakefs_endpoint and the job's parameters")
        return LakeFSUnavailableError(f"{where}, also after retries; look at the server's log, then repair the run")


_PERMISSIONS = "; grant the access key's user read access to the repository (fs:Read*, fs:List*)"
_TOO_MANY = (LakeFSUnavailableError, ": too many requests, also after retries; run the job again later")
_REMEDIES: dict[int | None, tuple[type[LakeFSError], str]] = {
    401: (LakeFSAccessError, "; check the access key and the secret key in the secret scope (secret_scope)"),
    403: (LakeFSAccessError, _PERMISSIONS),
    404: (LakeFSNotFoundError, "; check that it exists, and the spelling"),
    409: (LakeFSError, "; look at the branch in lakeFS, and resolve the conflict there"),
    410: (LakeFSGoneError, ": its data was removed by garbage collection; export a newer commit"),
    420: _TOO_MANY,
    423: (LakeFSUnavailableError, ": others are writing to the branch; run the job again later"),
    429: _TOO_MANY,
}


def check_endpoint(endpoint: str) -> str:
    """The server's base URL, without a trailing `/` and without the API's path.

    Raises SettingsError where it is no http(s) URL.
    """
    bare = endpoint.rstrip("/").removesuffix(API_PATH)
    try:
        parts = urlsplit(bare)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
        with_credentials = "@" in parts.netloc
        _ = parts.port
    except ValueError:
        valid, with_credentials = False, "@" in bare
    if with_credentials:  # and so the message does not show it
        raise SettingsError("lakefs_endpoint holds a user name or a password; put the access key into the secret scope")
    if not valid or not bare.isprintable() or " " in bare:
        raise SettingsError(
            f"lakefs_endpoint {endpoint!r} is no URL of a server; use one such as https://lakefs.example.com"
        )
    return bare


def server_words(body: object) -> str:
    """What the server's error body says, or nothing.

    A merge that conflicts is answered without a message (recorded of lakeFS 1.84: 409, `{"reference": ""}`); the words
    are then ours.
    """
    try:
        fields = json.loads(str(body))
    except ValueError:
        return ""
    if not isinstance(fields, dict):
        return ""
    if fields == {"reference": ""}:
        return "a conflict: both sides changed the same objects"
    return str(fields.get("message", ""))


def short_reason(error: Exception) -> str:
    """The innermost cause, short: `MaxRetryError` and its like wrap what matters."""
    cause: BaseException = error
    while isinstance(inner := getattr(cause, "reason", None), BaseException):
        cause = inner
    text = str(cause).rpartition(": ")[2] or str(cause)
    return f"{type(cause).__name__}: {text}"[:200]
