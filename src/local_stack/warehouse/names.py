"""Names of Unity Catalog from a session's point of view: the current catalog and schema complete them."""

from collections.abc import Collection
from typing import Any

from local_stack.catalog_client import CatalogClient
from local_stack.warehouse.errors import (
    StatementError,
    catalog_not_found,
    may_not_use_catalog,
    schema_not_found,
    table_not_found,
)

DEFAULT_SCHEMA = "default"
# Spark reads these by path: delta.`s3://bucket/table`.
_PATH_FORMATS = {"delta", "parquet", "csv", "json", "text", "orc"}


class CatalogNames:
    """Where a session stands, and what its names mean.

    refused: catalogs on which the identity has no USE CATALOG: a name in one raises StatementError.
    """

    def __init__(
        self, client: CatalogClient, catalog: str | None, schema: str | None, *, refused: Collection[str]
    ) -> None:
        self.client = client
        self._refused = frozenset(name.lower() for name in refused)
        self._catalog = catalog
        self._schema = schema or DEFAULT_SCHEMA

    @property
    def catalog(self) -> str:
        """The current catalog; raises StatementError where the session has none."""
        if self._catalog is None:
            raise StatementError(
                "NO_CURRENT_CATALOG",
                "[NO_CURRENT_CATALOG] The session has no current catalog: write the name with its catalog, or run "
                "USE CATALOG first.",
            )
        return self._check_use(self._catalog)

    @property
    def schema(self) -> str:
        """The current schema."""
        return self._schema

    def use_catalog(self, name: str) -> None:
        """Make a catalog current, with its default schema. Raises StatementError for one that is missing."""
        self._check_use(name)
        if self.client.get("catalog", name) is None:
            raise catalog_not_found(name)
        self._catalog, self._schema = name, DEFAULT_SCHEMA

    def use_schema(self, parts: tuple[str, ...]) -> None:
        """Make a schema current, and its catalog if named. Raises StatementError for one that is missing."""
        full = self.full_schema(parts)
        self.existing_schema(full)
        self._catalog, self._schema = full

    def full_table(self, parts: tuple[str, ...]) -> tuple[str, str, str]:
        """Catalog, schema and name of a table. Raises StatementError for more than three parts."""
        if len(parts) == 3:
            return self._check_use(parts[0]), parts[1], parts[2]
        if len(parts) == 2:
            return self.catalog, parts[0], parts[1]
        if len(parts) == 1:
            return self.catalog, self._schema, parts[0]
        raise table_not_found(parts)

    def full_schema(self, parts: tuple[str, ...]) -> tuple[str, str]:
        """Catalog and name of a schema; no parts mean the current one."""
        if len(parts) > 2:
            raise schema_not_found(parts)
        if len(parts) == 2:
            return self._check_use(parts[0]), parts[1]
        return self.catalog, parts[0] if parts else self._schema

    def _check_use(self, catalog: str) -> str:
        if catalog.lower() in self._refused:
            raise may_not_use_catalog(catalog)
        return catalog

    def existing_schema(self, full: tuple[str, str]) -> dict[str, Any]:
        """The schema. Raises StatementError that says whether it or its catalog is missing."""
        schema = self.client.get("schema", *full)
        if schema is None:
            if self.client.get("catalog", full[0]) is None:
                raise catalog_not_found(full[0])
            raise schema_not_found(full)
        return schema

    def existing_table(self, full: tuple[str, str, str]) -> dict[str, Any]:
        """The table or view. Raises StatementError where it is missing."""
        table = self.client.get("table", *full)
        if table is None:
            raise table_not_found(full)
        return table


def is_path(parts: tuple[str, ...]) -> bool:
    """Whether the name is a format and a path, not a name of the catalog."""
    return len(parts) == 2 and parts[0].lower() in _PATH_FORMATS and "/" in parts[1]


def full_name_of(securable: dict[str, Any]) -> str:
    """The full name as the server spells it, for calls about the same securable."""
    if securable.get("full_name"):
        return str(securable["full_name"])
    parts = [securable.get("catalog_name"), securable.get("schema_name"), securable["name"]]
    return ".".join(part for part in parts if part)
