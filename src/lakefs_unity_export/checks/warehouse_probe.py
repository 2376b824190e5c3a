"""A schema in which a warehouse registers the clones of `check_cluster`, and which is dropped again.

Statements go through EXECUTE IMMEDIATE, as in the SQL files.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from lakefs_unity_export import names
from lakefs_unity_export.checks.probe import PREFIX, is_left, is_ours, made_properties
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.errors import WorkspaceError
from lakefs_unity_export.ports import UnityCatalog
from lakefs_unity_export.setup_ports import Warehouse

COMMENT = "a comment that check_setup gave this table"

Clock = Callable[[], float]


@dataclass(frozen=True, kw_only=True)
class ListedTable:
    """A table as the catalog's information_schema shows it."""

    type: str
    location: str
    comment: str = ""


class WarehouseProbe:
    """This run's schema in the catalog. Methods raise WorkspaceError, by cause.

    clock gives Unix time in seconds. Raises InvalidNameError where the catalog's name is none.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        unity_catalog: UnityCatalog,
        catalog: str,
        run_id: str,
        clock: Clock = time.time,
    ) -> None:
        self._warehouse, self._unity_catalog, self._clock = warehouse, unity_catalog, clock
        self._catalog = names.check_identifier("catalog", catalog)
        self._schema = PREFIX + run_id

    @property
    def full_name(self) -> str:
        """The schema as SQL takes it."""
        return names.quoted(self._catalog, self._schema)

    def make(self) -> bool:
        """Make it; whether its properties are read back as they were given."""
        # What the first attempt of a run left that is repaired.
        self._dropped(self._schema)
        wanted = made_properties(self._clock())
        given = ", ".join(f'"{key}" = "{value}"' for key, value in wanted.items())
        self._execute(f"CREATE SCHEMA {self.full_name} WITH DBPROPERTIES ({given})")
        return self._unity_catalog.schema_properties(self._catalog, self._schema) == wanted

    def register(self, method: CloneMethod, location: str) -> None:
        """Register the method's clone as an external table."""
        self._execute(f'CREATE TABLE {self.table(method)} USING DELTA LOCATION "{location}"')

    def refresh(self, method: CloneMethod) -> None:
        """Have Unity Catalog read its log anew."""
        self._execute(f"REPAIR TABLE {self.table(method)} SYNC METADATA")

    def listed(self) -> dict[str, ListedTable]:
        """What information_schema has of the schema, by the tables' names."""
        catalog = names.quoted(self._catalog)
        found = self._warehouse.query(
            f"SELECT table_name, table_type, storage_path, comment FROM {catalog}.information_schema.tables "  # noqa: S608, quoted
            f"WHERE table_schema = '{self._schema}'"
        )
        return {
            str(name): ListedTable(type=kind or "", location=location or "", comment=comment or "")
            for name, kind, location, comment in found
        }

    def version(self, method: CloneMethod) -> int:
        """The table's newest version."""
        found = self._warehouse.query(f"SELECT version FROM (DESCRIBE HISTORY {self.table(method)} LIMIT 1)")  # noqa: S608, quoted
        return int(found[0][0] or -1) if found else -1

    def user_metadata(self, location: str) -> str:
        """That of the newest version of the Delta table at the location, registered or not."""
        found = self._warehouse.query(f"SELECT userMetadata FROM (DESCRIBE HISTORY delta.`{location}` LIMIT 1)")  # noqa: S608, a target's
        return (found[0][0] if found else "") or ""

    def comment(self, method: CloneMethod) -> None:
        """Give the table a comment, as a person does."""
        self._warehouse.query(f'COMMENT ON TABLE {self.table(method)} IS "{COMMENT}"')

    def grant(self, method: CloneMethod, principal: str) -> None:
        """Give the principal SELECT on the table."""
        self._warehouse.query(f"GRANT SELECT ON TABLE {self.table(method)} TO {names.quoted(principal)}")

    def is_granted(self, method: CloneMethod, principal: str) -> bool:
        """Whether the principal has SELECT on the table itself."""
        shown = self._warehouse.query(f"SHOW GRANTS {names.quoted(principal)} ON TABLE {self.table(method)}")
        return any(action == "SELECT" and (kind or "").upper() == "TABLE" for _, action, kind, *_ in shown)

    def has_rows(self, method: CloneMethod) -> bool:
        """Whether a row can be had, for which a file is opened."""
        return bool(self._warehouse.query(f"SELECT * FROM {self.table(method)} LIMIT 1"))  # noqa: S608, quoted

    def drop(self) -> str:
        """Drop the schema and what is registered in it; why that cannot be, or nothing. Files stay.

        Also where another task made it; does nothing where there is none.
        """
        return self._dropped(self._schema)

    def sweep(self) -> tuple[str, ...]:
        """Drop the schemas of earlier runs that were killed; their names. Raises nothing: the next run comes."""
        try:
            listed, now = self._unity_catalog.schemas(self._catalog), self._clock()
        except WorkspaceError:
            return ()
        left = [name for name, properties in listed.items() if is_left(name, properties, now)]
        return tuple(name for name in left if not self._dropped(name))

    def table(self, method: CloneMethod) -> str:
        """The method's table as SQL takes it."""
        return names.quoted(self._catalog, self._schema, method)

    def _dropped(self, schema: str) -> str:
        """Never one of others, nor a table that is not external, whose files would go with it."""
        try:
            properties = self._unity_catalog.schema_properties(self._catalog, schema)
            if properties is None or not is_ours(schema, properties):
                return ""
            for table in self._unity_catalog.tables(self._catalog, schema):
                if table.table_type.upper().startswith("EXTERNAL"):
                    self._warehouse.query(f"DROP TABLE IF EXISTS {names.quoted(self._catalog, schema, table.name)}")
            self._warehouse.query(f"DROP SCHEMA IF EXISTS {names.quoted(self._catalog, schema)}")
        except WorkspaceError as error:
            return str(error)
        return ""

    def _execute(self, statement: str) -> None:
        # No name and no location can hold a single quote.
        self._warehouse.query(f"EXECUTE IMMEDIATE '{statement}'")
