"""What a workspace may refuse to a SQL warehouse and its identity, refused here where a test says so."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

# The catalog of Databricks' own tables.
SYSTEM = "system"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of one warehouse.

    refused_catalogs: those on which the identity has no USE CATALOG. Not every one has it on `system`, so it has not
        until told otherwise.
    reads_files_elsewhere: whether it can read files that a table's log names outside of the table's own location. Which
        credentials Unity Catalog lends for them is not documented: one public trial read them, another met 403.
    """

    refused_catalogs: tuple[str, ...] = (SYSTEM,)
    reads_files_elsewhere: bool = True

    def as_json(self) -> dict[str, Any]:
        """For the warehouse's process."""
        return asdict(self)

    @classmethod
    def of_json(cls, fields: Mapping[str, Any]) -> Self:
        """What `as_json` wrote."""
        return cls(**{**fields, "refused_catalogs": tuple(fields["refused_catalogs"])})
