"""An embedded Unity Catalog: the open REST API over one SQLite file."""

from local_stack.unity_catalog.server import UnityCatalogServer

__all__ = ["UnityCatalogServer"]
