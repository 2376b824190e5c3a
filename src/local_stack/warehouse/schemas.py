"""Statements about catalogs, schemas and grants."""

from typing import Any

from local_stack.warehouse.errors import StatementError, catalog_not_found, schema_not_found, unsupported
from local_stack.warehouse.grammar import ChangeGrants, ShowGrants
from local_stack.warehouse.names import CatalogNames, full_name_of
from local_stack.warehouse.relations import elements, simple_name
from local_stack.warehouse.result import Result, text_result
from local_stack.warehouse.tables import like
from local_stack.warehouse.tokens import quoted

# Keys under which Spark's parser keeps the clauses of CREATE SCHEMA beside DBPROPERTIES.
_COMMENT, _LOCATION = "comment", "location"


class SchemaStatements:
    """Runs the statements of one session that are about schemas, catalogs and grants."""

    def __init__(self, names: CatalogNames) -> None:
        self._names = names

    def create(self, plan: Any) -> Result:
        """CREATE SCHEMA [IF NOT EXISTS] name [COMMENT ..] [WITH DBPROPERTIES ..]."""
        full = self._names.full_schema(_parts(plan.name()))
        properties = _mapping(plan.properties())
        if _LOCATION in properties:
            raise unsupported("CREATE SCHEMA with a location")
        catalog = self._names.client.get("catalog", full[0])
        if catalog is None:
            raise catalog_not_found(full[0])
        if self._names.client.get("schema", *full) is not None:
            if plan.ifNotExists():
                return Result()
            raise StatementError(
                "SCHEMA_ALREADY_EXISTS", f"[SCHEMA_ALREADY_EXISTS] The schema {quoted(*full)} exists already."
            )
        comment = properties.pop(_COMMENT, None)
        body: dict[str, Any] = {"name": full[1], "catalog_name": catalog["name"], "properties": properties}
        self._names.client.create(
            "schema", body | ({"comment": comment} if comment else {}), unless_exists=bool(plan.ifNotExists())
        )
        return Result()

    def drop(self, plan: Any) -> Result:
        """DROP SCHEMA [IF EXISTS] name [CASCADE]."""
        full = self._names.full_schema(_parts(plan.namespace()))
        schema = self._names.client.get("schema", *full)
        if schema is None:
            if plan.ifExists():
                return Result()
            raise schema_not_found(full)
        catalog_name = str(schema.get("catalog_name") or full[0])
        tables = self._names.client.list_all("table", catalog_name=catalog_name, schema_name=schema["name"])
        if tables and not plan.cascade():
            raise StatementError(
                "SCHEMA_NOT_EMPTY",
                f"[SCHEMA_NOT_EMPTY] Cannot drop the schema {quoted(*full)}: it holds {len(tables)} tables. "
                "Drop them first, or add CASCADE.",
            )
        self._names.client.delete("schema", full_name_of(schema), force=bool(plan.cascade()))
        return Result()

    def set_properties(self, plan: Any) -> Result:
        """ALTER SCHEMA name SET DBPROPERTIES: adds to the properties that are there."""
        full = self._names.full_schema(_parts(plan.namespace()))
        schema = self._names.existing_schema(full)
        properties = (schema.get("properties") or {}) | _mapping(plan.properties())
        self._names.client.update("schema", full_name_of(schema), {"properties": properties})
        return Result()

    def describe(self, plan: Any) -> Result:
        """DESCRIBE SCHEMA [EXTENDED] name."""
        schema = self._names.existing_schema(self._names.full_schema(_parts(plan.namespace())))
        rows = [
            ("Catalog Name", schema.get("catalog_name")),
            ("Namespace Name", schema["name"]),
            ("Comment", schema.get("comment") or ""),
            ("Owner", schema.get("owner") or ""),
        ]
        if plan.extended():
            properties = schema.get("properties") or {}
            pairs = ", ".join(f"({key},{properties[key]})" for key in sorted(properties))
            rows.append(("Properties", f"({pairs})" if pairs else ""))
        return text_result(["database_description_item", "database_description_value"], rows)

    def show(self, plan: Any) -> Result:
        """SHOW SCHEMAS [IN catalog] [LIKE pattern]."""
        parts = _parts(plan.namespace())
        if len(parts) > 1:
            raise catalog_not_found(".".join(parts))
        catalog_name = parts[0] if parts else self._names.catalog
        catalog = self._names.client.get("catalog", catalog_name)
        if catalog is None:
            raise catalog_not_found(catalog_name)
        schemas = self._names.client.list_all("schema", catalog_name=catalog["name"])
        return text_result(["databaseName"], _matching(plan, schemas))

    def show_catalogs(self, plan: Any) -> Result:
        """SHOW CATALOGS [LIKE pattern]."""
        return text_result(["catalog"], _matching(plan, self._names.client.list_all("catalog")))

    def change_grants(self, statement: ChangeGrants) -> Result:
        """GRANT and REVOKE."""
        full_name = self._securable(statement.securable_type, statement.name)
        change = {"principal": statement.principal, "remove" if statement.revoke else "add": statement.privileges}
        self._names.client.change_grants(statement.securable_type, full_name, change)
        return Result()

    def show_grants(self, statement: ShowGrants) -> Result:
        """SHOW GRANTS [principal] ON securable; inherited privileges are left out."""
        full_name = self._securable(statement.securable_type, statement.name)
        assignments = self._names.client.grants(statement.securable_type, full_name, statement.principal)
        object_type = statement.securable_type.upper()
        rows = [
            (assignment["principal"], str(privilege).replace("_", " "), object_type, full_name)
            for assignment in assignments
            for privilege in assignment.get("privileges") or []
        ]
        return text_result(["Principal", "ActionType", "ObjectType", "ObjectKey"], rows)

    def _securable(self, securable_type: str, name: tuple[str, ...]) -> str:
        if securable_type == "table":
            return full_name_of(self._names.existing_table(self._names.full_table(name)))
        if securable_type == "schema":
            return full_name_of(self._names.existing_schema(self._names.full_schema(name)))
        return ".".join(name)


def _matching(plan: Any, securables: list[dict[str, Any]]) -> list[tuple[str]]:
    pattern = plan.pattern()
    names = [str(securable["name"]) for securable in securables]
    return [(name,) for name in names if not pattern.isDefined() or like(pattern.get(), name)]


def _parts(node: Any) -> tuple[str, ...]:
    if simple_name(node) == "CurrentNamespace$":
        return ()
    if simple_name(node) == "UnresolvedIdentifier":
        return tuple(elements(node.nameParts()))
    return tuple(elements(node.multipartIdentifier()))


def _mapping(java_map: Any) -> dict[str, str]:
    return {pair._1(): pair._2() for pair in elements(java_map.toSeq())}
