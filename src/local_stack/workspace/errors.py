"""Errors of the workspace's REST API, as Databricks answers them: ``{"error_code", "message"}`` and a status."""


class ApiError(Exception):
    """One refused request: HTTP status, error code and a message for the caller."""

    def __init__(self, status: int, error_code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code
        self.message = message


def does_not_exist(message: str) -> ApiError:
    """404: the thing named is not there."""
    return ApiError(404, "RESOURCE_DOES_NOT_EXIST", message)


def already_exists(message: str) -> ApiError:
    """400 (409 for files): the name is taken."""
    return ApiError(400, "RESOURCE_ALREADY_EXISTS", message)


def invalid(message: str) -> ApiError:
    """400: the request carries something not allowed."""
    return ApiError(400, "INVALID_PARAMETER_VALUE", message)


def denied(message: str) -> ApiError:
    """403: the caller may not do that."""
    return ApiError(403, "PERMISSION_DENIED", message)


def unsupported(message: str) -> ApiError:
    """501: Databricks knows this, the local workspace does not."""
    return ApiError(501, "NOT_IMPLEMENTED", f"The local workspace does not support {message}.")
