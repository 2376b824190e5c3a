"""How long texts may be in the open-source server's database; beyond it the request fails with 500 (seen, 0.7)."""

from collections.abc import Mapping

from local_stack.unity_catalog.errors import CatalogError, invalid

MAXIMUM_PROPERTY_LENGTH = 255


def check_length(column: str, text: str, maximum: int) -> None:
    """Raises INTERNAL for a text of more units of UTF-16, as the server counts."""
    length = len(text.encode("utf-16-le", "surrogatepass")) // 2
    if length > maximum:
        message = f'Value too long for column "{column} CHARACTER VARYING({maximum})": "{text[:80]}... ({length})"'
        raise CatalogError(500, "INTERNAL", f"could not execute statement [{message}]")


def check_properties(properties: object) -> None:
    """Raises INVALID_PARAMETER_VALUE for what is no map of texts, INTERNAL for a key or a value that is too long."""
    if properties is None:
        return
    if not isinstance(properties, Mapping) or not all(isinstance(value, str) for value in properties.values()):
        raise invalid("properties is a map of text to text.")
    for key, value in properties.items():
        check_length("PROPERTY_KEY", key, MAXIMUM_PROPERTY_LENGTH)
        check_length("PROPERTY_VALUE", value, MAXIMUM_PROPERTY_LENGTH)
