"""The stand-in's refusals: an HTTP status and the message that the body carries."""

from collections.abc import Mapping
from typing import Any


class RequestError(Exception):
    """A request that is answered with an error.

    Parameters: HTTP status, message for the client, and the body where it is another than one with the message.
    """

    def __init__(self, status: int, message: str, body: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.body = {"message": message} if body is None else body


def bad_request(message: str) -> RequestError:
    """400: the request itself is wrong."""
    return RequestError(400, message)


def forbidden(message: str) -> RequestError:
    """403: a setting of the repository does not allow it."""
    return RequestError(403, message)


def not_found(what: str = "") -> RequestError:
    """404: there is no such repository, ref, object or run."""
    return RequestError(404, f"{what}: not found" if what else "not found")


def gone() -> RequestError:
    """410: there is such an object, and its bytes were removed."""
    return RequestError(410, "No data")


def conflict(message: str) -> RequestError:
    """409: the request contradicts what is there."""
    return RequestError(409, message)


def precondition_failed(message: str) -> RequestError:
    """412: a condition that the client named, or a pre hook, does not hold."""
    return RequestError(412, message)


def invalid_value(message: str) -> RequestError:
    """500: what a lakeFS server answers where it finds a value wrong only once it uses it."""
    return RequestError(500, message)


def not_in_the_stand_in(what: str) -> RequestError:
    """501: a lakeFS server has this, and the stand-in does not, since nothing of ours uses it."""
    return RequestError(501, f"{what}: the stand-in of lakeFS does not have this")
