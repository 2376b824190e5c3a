"""The ways in which a request is not served, each with the status and the line that is answered."""

from collections.abc import Mapping

RETRY_AFTER_SECONDS = 30


class Refusal(Exception):  # noqa: N818, it is raised to answer, not because something failed
    """A request ends here: the status, what is answered, and headers beside it. `detail` is for the log only."""

    def __init__(
        self, status: int, message: str, headers: Mapping[str, str] | None = None, *, detail: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})
        self.detail = detail


def closing(status: int, message: str) -> Refusal:
    """A refusal after which the connection ends: what follows on it is not to be read as another request."""
    return Refusal(status, message, {"Connection": "close"})


def later(message: str, detail: str = "") -> Refusal:
    """A refusal that may be another answer later."""
    return Refusal(503, message, {"Retry-After": str(RETRY_AFTER_SECONDS)}, detail=detail)
