"""Checks of the SQL warehouse: that it is there and may be used, and that it takes what the SQL files are made of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from lakefs_unity_export import names
from lakefs_unity_export.checks.handed_over import RegisteredClones, TriedClones, or_nothing
from lakefs_unity_export.checks.model import (
    Check,
    Claim,
    Outcome,
    Severity,
    finding_and_remedy,
    not_run,
    not_tried,
    passed,
    problem,
)
from lakefs_unity_export.checks.permission_command import permission_command
from lakefs_unity_export.checks.reading import is_of_grants
from lakefs_unity_export.checks.warehouse_probe import ListedTable, WarehouseProbe
from lakefs_unity_export.clones import provenance
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.errors import WorkspaceAccessError, WorkspaceError, WorkspaceNotFoundError
from lakefs_unity_export.setup_ports import Identity, Warehouse

HERE = "check_warehouse"
# As the SQL files hold values to it: no backtick, no control character, and the end of the text at its end.
_PATTERNS = (
    r"SELECT given, given RLIKE r'^[^`\x00-\x1f]+\z' "
    "FROM (SELECT explode(array('plain', 'a`b', concat('a', chr(7)), concat('a', chr(10)))) AS given)"
)
_IMMEDIATE = """EXECUTE IMMEDIATE 'SELECT "a text in double quotes" AS answer'"""


@dataclass(frozen=True, kw_only=True)
class ExportedTable:
    """A table of the branch, quoted as SQL takes it, and the clone method that its newest version names, if it does."""

    quoted: str
    method: str


@dataclass(kw_only=True)
class WarehouseSetup:
    """The warehouse as the task sees it, and where the branch's tables are registered. identity: who the job runs as.

    schema: its name; folder: in which the clones of the branch's tables lie. Both raise what `names` raises where the
    settings give none. new_probe: a schema for the clones that
    `check_cluster` made; raises that too. handed_over: those clones; raises where the task left none. registered: the
    methods whose clones are; commented, granted: those of them that were given a comment, and a grant.
    """

    warehouse_id: str
    catalog: str
    schema: Callable[[], str]
    folder: Callable[[], str]
    warehouse: Warehouse
    identity: Callable[[], Identity]
    new_probe: Callable[[], WarehouseProbe]
    handed_over: Callable[[], TriedClones]
    registered: list[CloneMethod] = field(default_factory=list)
    commented: list[CloneMethod] = field(default_factory=list)
    granted: list[CloneMethod] = field(default_factory=list)
    _probe: WarehouseProbe | None = None

    @property
    def probe(self) -> WarehouseProbe:
        """This run's schema. Raises InvalidNameError."""
        self._probe = self._probe or self.new_probe()
        return self._probe

    @cached_property
    def clones(self) -> TriedClones:
        """What the cluster cloned, of which nothing is known where it cannot be read."""
        return or_nothing(self.handed_over, TriedClones())

    @property
    def methods_in_use(self) -> frozenset[str]:
        """The clone methods of exports of this branch."""
        return self.clones.methods_in_use

    @cached_property
    def listed(self) -> dict[str, ListedTable]:
        """What information_schema has of this run's schema, by the tables' names. Raises WorkspaceError."""
        return self.probe.listed()

    def for_later(self) -> RegisteredClones:
        """What the tasks after this one are told."""
        tables = {method: self.probe.table(method) for method in self.registered}
        return RegisteredClones(tables=tables, commented=tuple(self.commented), granted=tuple(self.granted))

    def clear(self) -> None:
        """Drop what was made, as far as that can be done."""
        if self._probe:
            self._probe.drop()

    @property
    def quoted_catalog(self) -> str:
        """The catalog as SQL takes it. Raises InvalidNameError where it is none."""
        return names.quoted(names.check_identifier("catalog", self.catalog))

    @cached_property
    def exported(self) -> ExportedTable | None:
        """The first external Delta table of the branch's schema that lies where exports put them; None without one.

        Raises WorkspaceError.
        """
        schema = names.check_identifier("schema", self.schema())
        found = self.warehouse.query(
            f"SELECT table_name, storage_path FROM {self.quoted_catalog}.information_schema.tables "  # noqa: S608, checked
            f"WHERE table_schema = '{schema}' AND upper(table_type) LIKE 'EXTERNAL%' "
            "AND upper(data_source_format) = 'DELTA' ORDER BY table_name"
        )
        # Of a table of others it would say nothing that its history cannot be read.
        ours = [str(name) for name, location in found if names.encloses(self.folder(), location or "none:")]
        if not ours:
            return None
        quoted = names.quoted(names.check_identifier("catalog", self.catalog), schema, ours[0])
        history = self.warehouse.query(f"SELECT userMetadata FROM (DESCRIBE HISTORY {quoted} LIMIT 1)")  # noqa: S608
        return ExportedTable(quoted=quoted, method=_method(history[0][0] if history else None))


def _method(user_metadata: str | None) -> str:
    """The clone method in the user metadata of a commit; empty where it is none of an export."""
    origin = provenance.read_user_metadata(user_metadata)
    return origin.method if origin else ""


def _may_use(setup: WarehouseSetup) -> str:
    return permission_command("warehouses", setup.warehouse_id, setup.identity().name, "CAN_USE")


def _there(setup: WarehouseSetup) -> Outcome:
    try:
        found = setup.warehouse.info()
    except WorkspaceNotFoundError as error:
        return problem(
            finding_and_remedy(error)[0],
            "set the bundle variable warehouse_id to an id that `databricks warehouses list` shows, and deploy",
        )
    except WorkspaceAccessError as error:
        return problem(str(error), _may_use(setup))
    return passed(f"{found.name or setup.warehouse_id} is there, {found.state or 'in a state that is not told'}")


def _type(setup: WarehouseSetup) -> Outcome:
    found = setup.warehouse.info()
    if found.type == "PRO":
        return passed("it is a pro warehouse, serverless or not")
    return problem(
        f"it is of type {found.type or 'unknown'}",
        "set the bundle variable warehouse_id to a serverless or pro warehouse, and deploy",
    )


def _runs(setup: WarehouseSetup) -> Outcome:
    try:
        rows = setup.warehouse.query("SELECT 1")
    except WorkspaceAccessError as error:
        return problem(str(error), _may_use(setup))
    except WorkspaceError as error:
        return problem(str(error), f"databricks warehouses start {setup.warehouse_id}")
    return passed("it runs statements") if rows == [("1",)] else problem(f"SELECT 1 gave {rows}", "report this line")


def _catalog(setup: WarehouseSetup) -> Outcome:
    quoted = setup.quoted_catalog
    try:
        for view in ("schemata", "tables"):
            setup.warehouse.query(f"SELECT count(*) FROM {quoted}.information_schema.{view}")  # noqa: S608, quoted
    except WorkspaceError as error:
        return problem(str(error), f"GRANT USE CATALOG ON CATALOG {quoted} TO `{setup.identity().name}`;")
    return passed(f"{quoted}.information_schema can be read")


def _immediate(setup: WarehouseSetup) -> Outcome:
    return _settled(setup, _IMMEDIATE, [("a text in double quotes",)])


def _patterns(setup: WarehouseSetup) -> Outcome:
    expected: list[tuple[str | None, ...]] = [
        ("plain", "true"),
        ("a`b", "false"),
        ("a\x07", "false"),
        ("a\n", "false"),
    ]
    return _settled(setup, _PATTERNS, expected)


def _history(setup: WarehouseSetup) -> Outcome:
    try:
        exported = setup.exported
    except WorkspaceAccessError:
        raise
    except WorkspaceError as error:
        if is_of_grants(error):
            return not_tried(str(error), "the table may be one of others; see the line table_grants")
        return problem(str(error), "report this line, with the type of the warehouse", claim=Claim.REFUTED)
    if exported is None:
        return not_run("no table of the branch is registered yet")
    told = f"a clone by the method {exported.method}" if exported.method else "no commit of an export"
    return passed(f"the newest version of {exported.quoted} is {told}", claim=Claim.CONFIRMED)


def _rows(setup: WarehouseSetup) -> Outcome:
    exported = setup.exported
    if exported is None or not exported.method:
        return not_run("no table of the branch is registered yet whose newest version is a clone")
    told = f"{exported.quoted}, a clone by the method {exported.method},"
    try:
        rows = setup.warehouse.query(f"SELECT * FROM {exported.quoted} LIMIT 1")  # noqa: S608, quoted
    except WorkspaceAccessError:
        raise
    except WorkspaceError as error:
        remedy = "set the bundle variable clone_method to deep, or to storage where this workspace reads it, and deploy"
        return problem(f"{told} cannot be read: {error}", remedy)
    return passed(f"{told} can be read" if rows else f"{told} has no rows")


def _settled(setup: WarehouseSetup, statement: str, expected: list[tuple[str | None, ...]]) -> Outcome:
    try:
        rows = setup.warehouse.query(statement)
    except WorkspaceAccessError:
        raise
    except WorkspaceError as error:
        rows, why = [], str(error)
    else:
        why = f"it answered {rows}"
    if sorted(rows, key=str) == sorted(expected, key=str):
        return passed("it answers as the SQL files need it", claim=Claim.CONFIRMED)
    return problem(f"{why} to {statement}", "report this line, with the type of the warehouse", claim=Claim.REFUTED)


CHECKS: tuple[Check[WarehouseSetup], ...] = (
    Check(
        id="warehouse",
        place=HERE,
        asks="Is the SQL warehouse there, and may the identity see it?",
        means="tables are cloned and not registered",
        remedy="set warehouse_id, or give the identity CAN USE on the warehouse",
        look=_there,
    ),
    Check(
        id="warehouse_type",
        place=HERE,
        asks="Is it a serverless or pro warehouse?",
        means="the SQL files are written for these, and were never run on another",
        remedy="set warehouse_id to a serverless or pro warehouse",
        look=_type,
        severity=Severity.WARNING,
        needs=("warehouse",),
    ),
    Check(
        id="warehouse_runs",
        place=HERE,
        asks="Does it run a statement of the identity, started where it was stopped?",
        means="tables are cloned and not registered",
        remedy="start it, or give the identity CAN USE on it",
        look=_runs,
        needs=("warehouse",),
    ),
    Check(
        id="warehouse_catalog",
        place=HERE,
        asks="Can the catalog's information_schema be read with it?",
        means="tables are cloned and not registered",
        remedy="GRANT USE CATALOG ON CATALOG",
        look=_catalog,
        needs=("warehouse_runs",),
    ),
    Check(
        id="warehouse_text",
        place=HERE,
        asks="Is what stands in double quotes a text, in a statement that another one executes?",
        means="tables are cloned and not registered",
        remedy="report the line",
        look=_immediate,
        needs=("warehouse_runs",),
        claims=("Strings in double quotes are strings in what `EXECUTE IMMEDIATE` runs on a warehouse",),
    ),
    Check(
        id="warehouse_patterns",
        place=HERE,
        asks="Do raw texts and \\x.. mean in RLIKE what the SQL files take them for?",
        means="the SQL files refuse names that are valid, or take some that are not",
        remedy="report the line",
        look=_patterns,
        needs=("warehouse_runs",),
        claims=("Raw strings and `\\x..` in `RLIKE` mean the same with Photon",),
    ),
    Check(
        id="warehouse_history",
        place=HERE,
        asks="Can a query read the history of an exported table, with its user metadata?",
        means="tables are cloned and not registered",
        remedy="report the line",
        look=_history,
        needs=("warehouse_catalog",),
        claims=("A query on a warehouse may read `(DESCRIBE HISTORY <table> LIMIT <n>)`",),
    ),
    Check(
        id="warehouse_rows",
        place=HERE,
        asks="Can the warehouse read the rows of an exported table?",
        means="readers of such tables need a cluster with the S3A settings of the repository",
        remedy="choose another clone method",
        look=_rows,
        severity=Severity.WARNING,
        needs=("warehouse_history",),
    ),
)
