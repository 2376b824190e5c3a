"""A SQL warehouse in memory, for what `check_warehouse` asks of one."""

import re
from dataclasses import dataclass, field

from doubles import UnityCatalogDouble

from lakefs_unity_export.checks.handed_over import RegisteredClones, TriedClone, TriedClones
from lakefs_unity_export.checks.warehouse_again_checks import WarehouseAgain
from lakefs_unity_export.checks.warehouse_checks import WarehouseSetup
from lakefs_unity_export.checks.warehouse_probe import WarehouseProbe
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.clones.provenance import Provenance
from lakefs_unity_export.errors import WorkspaceAccessError, WorkspaceError, WorkspaceNotFoundError
from lakefs_unity_export.ports import RegisteredTable
from lakefs_unity_export.setup_ports import Identity, WarehouseInfo

PRINCIPAL = "0b1c2d3e-job"
PATTERNS = [("plain", "true"), ("a`b", "false"), ("a\x07", "false"), ("a\n", "false")]
Rows = list[tuple[str | None, ...]]
NOW = 1_800_000_000.0
PROBE = "lakefs_unity_export_check_4711"
EXPORTS = "s3://bucket/exports"
BASE = f"{EXPORTS}/lakefs_unity_export_check/{PROBE}"
CLONES = TriedClones(
    made={method: TriedClone(location=f"{BASE}/{method}", version=1) for method in CloneMethod},
    methods_in_use=frozenset({"shallow"}),
)
_CREATE_SCHEMA = re.compile(r"CREATE SCHEMA `lake`\.`(\w+)` WITH DBPROPERTIES \((.+)\)")
_CREATE_TABLE = re.compile(r'CREATE TABLE `lake`\.`(\w+)`\.`(\w+)` USING DELTA LOCATION "(.+)"')
_REPAIR = re.compile(r"REPAIR TABLE `lake`\.`(\w+)`\.`(\w+)` SYNC METADATA")
_DROP_TABLE = re.compile(r"DROP TABLE IF EXISTS `lake`\.`(\w+)`\.`(\w+)`")
_DROP_SCHEMA = re.compile(r"DROP SCHEMA IF EXISTS `lake`\.`(\w+)`")
_ROWS = re.compile(rf"SELECT \* FROM `lake`\.`{PROBE}`\.`(\w+)` LIMIT 1")
_VERSION = re.compile(rf"SELECT version FROM \(DESCRIBE HISTORY `lake`\.`{PROBE}`\.`(\w+)` LIMIT 1\)")
_PATH = re.compile(r"SELECT userMetadata FROM \(DESCRIBE HISTORY delta\.`(.+)` LIMIT 1\)")
_COMMENT = re.compile(r'COMMENT ON TABLE `lake`\.`(\w+)`\.`(\w+)` IS "(.+)"')
_GRANT = re.compile(r"GRANT SELECT ON TABLE `lake`\.`(\w+)`\.`(\w+)` TO `(.+)`")
_GRANTS = re.compile(rf"SHOW GRANTS `(.+)` ON TABLE `lake`\.`{PROBE}`\.`(\w+)`")
_LISTED = re.compile(r"SELECT table_name, table_type, storage_path, comment FROM .* WHERE table_schema = '(\w+)'")


@dataclass
class WarehouseDouble:
    """A warehouse: whether it is there, may be used and runs, and what it answers to the statements of the checks.

    Of the clones that the cluster made: refuses, errors by the statement's first words, or those of a table's name;
    types and places, what information_schema shows of a table otherwise; unread, what is said where rows are asked for;
    comments and grants, what they were given.
    """

    is_there: bool = True
    may_use: bool = True
    may_see_catalog: bool = True
    type: str = "PRO"
    state: str = "RUNNING"
    starts: bool = True
    text: Rows | str = field(default_factory=lambda: [("a text in double quotes",)])
    patterns: Rows = field(default_factory=lambda: list(PATTERNS))
    table: str | None = "orders"
    place: str = "s3a://bucket/exports/main/orders/"
    method: CloneMethod | None = CloneMethod.DEEP
    history_fails: str = ""
    rows: Rows | str = field(default_factory=lambda: [("a row",)])
    statements: list[str] = field(default_factory=list)
    unity_catalog: UnityCatalogDouble = field(default_factory=lambda: UnityCatalogDouble("lake"))
    clones: TriedClones = CLONES
    refuses: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=lambda: {"shallow": "403 Forbidden"})
    comments: dict[str, str] = field(default_factory=dict)
    grants: dict[str, str] = field(default_factory=dict)
    loses_properties: bool = False
    writes_on_repair: bool = False
    path_history: str | None = None
    empty: bool = False

    def info(self) -> WarehouseInfo:
        """As the port."""
        if not self.is_there:
            raise WorkspaceNotFoundError("the workspace has no SQL warehouse w1: gone; set the bundle variable")
        if not self.may_use:
            raise WorkspaceAccessError("the job's identity may not use the SQL warehouse w1: no")
        return WarehouseInfo(name="Exports", type=self.type, state=self.state)

    def query(self, statement: str) -> Rows:
        """As the port."""
        self.statements.append(statement)
        if not self.starts:
            raise WorkspaceError("SQL warehouse w1 answered FAILED: it is stopped, and may not be started")
        if statement == "SELECT 1":
            return [("1",)]
        if (answer := self._of_probe(statement)) is not None:
            return answer
        if "DESCRIBE HISTORY" in statement:
            assert statement == "SELECT userMetadata FROM (DESCRIBE HISTORY `lake`.`main`.`orders` LIMIT 1)"
            if self.history_fails:
                raise WorkspaceError(self.history_fails)
            return [(user_metadata(self.method) if self.method else None,)]
        if statement.startswith("SELECT * FROM `lake`.`main`.`orders`"):
            if isinstance(self.rows, str):
                raise WorkspaceError(self.rows)
            return self.rows
        if "SELECT table_name" in statement:
            assert "WHERE table_schema = 'main'" in statement
            ours: Rows = [(self.table, self.place)] if self.table else []
            return [("of_others", f"{EXPORTS}/other/of_others"), *ours]
        if "information_schema" in statement:
            if not self.may_see_catalog:
                raise WorkspaceError("SQL warehouse w1 answered FAILED: User does not have USE CATALOG")
            return [("3",)]
        if statement.startswith("EXECUTE IMMEDIATE"):
            if isinstance(self.text, str):
                raise WorkspaceError(self.text)
            return self.text
        return self.patterns

    def _of_probe(self, statement: str) -> Rows | None:
        """The answer to a statement about the clones that the cluster made; None for any other."""
        text = statement.removeprefix("EXECUTE IMMEDIATE '").removesuffix("'")
        effects = (_CREATE_SCHEMA, _CREATE_TABLE, _REPAIR, _DROP_TABLE, _DROP_SCHEMA, _COMMENT, _GRANT)
        if found := next(filter(None, (pattern.fullmatch(text) for pattern in effects)), None):
            assert (text != statement) == (not text.startswith(("DROP", "COMMENT", "GRANT")))
            self._refuse(text)
            self._effect(found)
            return []
        if found := _ROWS.fullmatch(statement):
            if found[1] in self.unread:
                raise WorkspaceError(self.unread[found[1]])
            return [] if self.empty else [("a row",)]
        if found := _VERSION.fullmatch(statement):
            return [("2" if self.writes_on_repair else "1",)]
        if found := _PATH.fullmatch(statement):
            assert found[1] == next(iter(self.clones.made.values())).location
            self._refuse("SELECT userMetadata")
            return [(user_metadata(CloneMethod.SHALLOW) if self.path_history is None else self.path_history,)]
        if found := _LISTED.fullmatch(statement):
            tables = self.unity_catalog.catalogs["lake"][found[1]].tables.values()
            return [
                (name, each.table_type, self.places.get(name, each.storage_location), self.comments.get(name))
                for name, each in ((each.name, each) for each in tables)
            ]
        if found := _GRANTS.fullmatch(statement):
            # What it has by the catalog is shown too.
            own = [(found[1], "SELECT", "TABLE", "t")] if self.grants.get(found[2]) == found[1] else []
            return [(found[1], "SELECT", "CATALOG", "lake"), *own]
        return None

    def _refuse(self, text: str) -> None:
        for words, why in self.refuses.items():
            if text.startswith(words) or f"`{words}`" in text:
                raise WorkspaceError(why)

    def _effect(self, found: re.Match[str]) -> None:
        schemas = self.unity_catalog.catalogs["lake"]
        if found.re is _CREATE_SCHEMA:
            assert found[1] not in schemas, "SCHEMA_ALREADY_EXISTS"
            given = dict(re.findall(r'"([^"]+)" = "([^"]*)"', found[2]))
            self.unity_catalog.schema("lake", found[1]).properties = {} if self.loses_properties else given
        elif found.re is _CREATE_TABLE:
            kind = self.types.get(found[2], "EXTERNAL")
            table = RegisteredTable(name=found[2], table_type=kind, storage_location=found[3])
            schemas[found[1]].tables[found[2]] = table
        elif found.re is _COMMENT:
            self.comments[found[2]] = found[3]
        elif found.re is _GRANT:
            self.grants[found[2]] = found[3]
        elif found.re is _DROP_TABLE:
            del schemas[found[1]].tables[found[2]]
        elif found.re is _DROP_SCHEMA:
            if schemas[found[1]].tables:
                raise WorkspaceError("[SCHEMA_NOT_EMPTY] it holds tables")
            del schemas[found[1]]


def user_metadata(method: CloneMethod) -> str:
    """What a clone's commit says of itself."""
    origin = Provenance(
        repository="shop", branch="main", commit_id="c0ffee", commit_generation=2, path="t", line=1, method=method
    )
    return origin.user_metadata()


def again_of(warehouse: WarehouseDouble, registered: RegisteredClones) -> WarehouseAgain:
    """The same, once all that is registered was cloned again."""
    return WarehouseAgain(
        new_probe=lambda: WarehouseProbe(warehouse, warehouse.unity_catalog, "lake", "4711", clock=lambda: NOW),
        principal=lambda: PRINCIPAL,
        handed_over=lambda: registered,
        cloned_again=lambda: tuple(registered.tables),
    )


def setup_of(warehouse: WarehouseDouble) -> WarehouseSetup:
    """The warehouse as the task sees it."""
    return WarehouseSetup(
        warehouse_id="w1",
        catalog="lake",
        schema=lambda: "main",
        folder=lambda: f"{EXPORTS}/main",
        warehouse=warehouse,
        identity=lambda: Identity(name=PRINCIPAL),
        new_probe=lambda: WarehouseProbe(warehouse, warehouse.unity_catalog, "lake", "4711", clock=lambda: NOW),
        handed_over=lambda: warehouse.clones,
    )
