"""The stand-in's refusals: an HTTP status and the message that the body carries."""


class RequestError(Exception):
    """A request that is answered with an error. Parameters: HTTP status, message for the client."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def bad_request(message: str) -> RequestError:
    """400: the request itself is wrong."""
    return RequestError(400, message)


def not_found(what: str) -> RequestError:
    """404: there is no such repository, ref, object or run."""
    return RequestError(404, f"{what}: not found")


def gone(what: str) -> RequestError:
    """410: there was such an object, and garbage collection removed its bytes."""
    return RequestError(410, f"{what}: gone, removed by garbage collection")


def conflict(message: str) -> RequestError:
    """409: the request contradicts what is there."""
    return RequestError(409, message)


def precondition_failed(message: str) -> RequestError:
    """412: a condition that the client named, or a pre hook, does not hold."""
    return RequestError(412, message)
