"""Errors of the Unity Catalog REST API, as Databricks answers them.

Every error body is ``{"error_code", "message"}``. The codes and statuses are those that databricks-sdk maps to
its typed errors (``databricks.sdk.errors``).
"""


class CatalogError(Exception):
    """One refused request: HTTP status, error code and a message for the caller."""

    def __init__(self, status: int, error_code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code
        self.message = message


KIND_TITLES = {
    "catalog": "Catalog",
    "schema": "Schema",
    "table": "Table",
    "external_location": "External location",
}


def does_not_exist(kind: str, full_name: str) -> CatalogError:
    """The 404 for a securable that is not there."""
    return CatalogError(404, f"{kind.upper()}_DOES_NOT_EXIST", f"{KIND_TITLES[kind]} '{full_name}' does not exist.")


def already_exists(kind: str, full_name: str) -> CatalogError:
    """The answer to creating what is there. Databricks sends 400 with an ``*_ALREADY_EXISTS`` code for these."""
    return CatalogError(400, f"{kind.upper()}_ALREADY_EXISTS", f"{KIND_TITLES[kind]} '{full_name}' already exists")


def invalid(message: str) -> CatalogError:
    """The 400 for a request that names or carries something not allowed."""
    return CatalogError(400, "INVALID_PARAMETER_VALUE", message)


# Types of the errors of the routes below /delta, for our codes (the open-source server, 0.7).
_DELTA_TYPES = {
    "CATALOG_DOES_NOT_EXIST": "NoSuchCatalogException",
    "SCHEMA_DOES_NOT_EXIST": "NoSuchSchemaException",
    "TABLE_DOES_NOT_EXIST": "NoSuchTableException",
    "UNAUTHENTICATED": "NotAuthorizedException",
    "UPDATE_REQUIREMENT_CONFLICT": "UpdateRequirementConflictException",
    "UNSUPPORTED_TABLE_FORMAT": "UnsupportedTableFormatException",
    "INTERNAL": "InternalServerErrorException",
}


def delta_body(error: CatalogError) -> dict[str, object]:
    """The error as the routes below /delta answer it."""
    kind = _DELTA_TYPES.get(error.error_code, "InvalidParameterValueException")
    return {"error": {"message": error.message, "type": kind, "code": error.status, "stack": None}}


def not_empty(kind: str, full_name: str, child_kind: str) -> CatalogError:
    """The refusal to delete what still holds something, without ``force``."""
    children = {"schema": "schemas", "table": "tables"}[child_kind]
    title = KIND_TITLES[kind]
    return CatalogError(
        400,
        "INVALID_STATE",
        f"Cannot delete {title.lower()} '{full_name}': it still has {children}. Delete them first, or use force.",
    )
