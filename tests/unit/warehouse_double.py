"""A SQL warehouse in memory, for what `check_warehouse` asks of one."""

from dataclasses import dataclass, field

from lakefs_unity_export.checks.warehouse_checks import WarehouseSetup
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.clones.provenance import Provenance
from lakefs_unity_export.errors import WorkspaceAccessError, WorkspaceError, WorkspaceNotFoundError
from lakefs_unity_export.setup_ports import Identity, WarehouseInfo

PRINCIPAL = "0b1c2d3e-job"
PATTERNS = [("plain", "true"), ("a`b", "false"), ("a\x07", "false"), ("a\n", "false")]
Rows = list[tuple[str | None, ...]]


@dataclass
class WarehouseDouble:
    """A warehouse: whether it is there, may be used and runs, and what it answers to the statements of the checks."""

    is_there: bool = True
    may_use: bool = True
    may_see_catalog: bool = True
    type: str = "PRO"
    state: str = "RUNNING"
    starts: bool = True
    text: Rows | str = field(default_factory=lambda: [("a text in double quotes",)])
    patterns: Rows = field(default_factory=lambda: list(PATTERNS))
    table: str | None = "orders"
    method: CloneMethod | None = CloneMethod.DEEP
    history_fails: str = ""
    rows: Rows | str = field(default_factory=lambda: [("a row",)])
    statements: list[str] = field(default_factory=list)

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
            return [(self.table,)] if self.table else []
        if "information_schema" in statement:
            if not self.may_see_catalog:
                raise WorkspaceError("SQL warehouse w1 answered FAILED: User does not have USE CATALOG")
            return [("3",)]
        if statement.startswith("EXECUTE IMMEDIATE"):
            if isinstance(self.text, str):
                raise WorkspaceError(self.text)
            return self.text
        return self.patterns


def user_metadata(method: CloneMethod) -> str:
    """What a clone's commit says of itself."""
    origin = Provenance(
        repository="shop", branch="main", commit_id="c0ffee", commit_generation=2, path="t", line=1, method=method
    )
    return origin.user_metadata()


def setup_of(warehouse: WarehouseDouble) -> WarehouseSetup:
    """The warehouse as the task sees it."""
    return WarehouseSetup(
        warehouse_id="w1",
        catalog="lake",
        schema=lambda: "main",
        warehouse=warehouse,
        identity=lambda: Identity(name=PRINCIPAL),
    )
