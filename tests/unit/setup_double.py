"""An installation in memory that has nothing wrong with it, to be broken in one place and mended as a line says."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from branches_double import BranchesDouble
from doubles import ExportRunsDouble, LakeFSDouble, TaskValuesDouble, UnityCatalogDouble
from export_story import table

from lakefs_unity_export.access.lakefs_connection import Credentials
from lakefs_unity_export.checks.handed_over import HandedOver
from lakefs_unity_export.checks.model import Line
from lakefs_unity_export.checks.own_table_checks import OwnTableRemoval
from lakefs_unity_export.checks.redaction import Redaction
from lakefs_unity_export.checks.settings import CheckSettings
from lakefs_unity_export.checks.setup import Setup
from lakefs_unity_export.errors import WorkspaceAccessError, WorkspaceNotFoundError
from lakefs_unity_export.export.schema_properties import CREATED_BY
from lakefs_unity_export.hook import files as hook_files
from lakefs_unity_export.hook.files import HookKind, HookSettings
from lakefs_unity_export.ports import RegisteredTable
from lakefs_unity_export.setup_ports import Answered, ExternalLocation, Identity, Unanswered
from lakefs_unity_export.tasks.check_lakefs_and_catalog import check_lakefs_and_catalog
from lakefs_unity_export.tasks.check_own_table_removal import check_own_table_removal

PRINCIPAL = "0b1c2d3e-job"
HOOK_PRINCIPAL = "4c5d6e7f-hook"
HOST = "https://adb-1.2.azuredatabricks.net"
KEY_ID, SECRET_KEY = "AKIAJ7QXN2", "zW9/x+Kq3Vb7Tn5Yp1Rg"
SETTINGS = CheckSettings(
    repository="shop",
    branch="main",
    lakefs_endpoint="https://lakefs.example.com",
    secret_scope="lakefs",
    access_key_name="lakefs-access-key-id",
    secret_key_name="lakefs-secret-access-key",
    catalog="lake",
    schema_template="{branch}",
    target_base_location="s3://bucket/exports",
    table_descriptors_path="_lakefs_tables",
    clone_method="shallow",
    on_removed="keep",
    export_job_id="77",
    reconcile_job_id="88",
    hook_service_principal=HOOK_PRINCIPAL,
    job_id="99",
    run_id="4711",
)
HOOK = HookSettings(kind=HookKind.LUA, host=HOST, job_id="77")
_GRANT = re.compile(r"GRANT (?P<privileges>[A-Z ,]+) ON (?P<kind>[A-Z ]+?) (?P<name>`.+`) TO `(?P<principal>.+)`;")


@dataclass
class LakeFSServerDouble:
    """A lakeFS server: `answers` go before its own, by path; `trouble` before all of them."""

    lakefs: LakeFSDouble
    key: tuple[str, str] = (KEY_ID, SECRET_KEY)
    version: str = "1.84.0"
    trouble: Unanswered | None = None
    answers: dict[str, Answered] = field(default_factory=dict)
    everything: Answered | None = None
    runs: list[dict[str, str]] = field(default_factory=list)
    output: str = ""
    credentials: Callable[[], Credentials] = lambda: Credentials(access_key_id="", secret_access_key="")

    def ask(self, path: str, *, with_key: bool, **query: str) -> Answered | Unanswered:
        if self.trouble or self.everything:
            return self.trouble or self.everything or Answered(status=0, body=b"")
        if path in self.answers:
            return self.answers[path]
        if path == "/healthcheck":
            return Answered(status=204, body=b"")
        given = self.credentials()
        if not with_key or (given.access_key_id, given.secret_access_key) != self.key:
            return _json({"message": "error authenticating request"}, 401)
        return self._known(path, query)

    def _known(self, path: str, query: dict[str, str]) -> Answered:
        home = f"/repositories/{self.lakefs.repository}"
        if path == "/config":
            return _json({"version_config": {"version": self.version}})
        if path == home:
            return _json({"id": self.lakefs.repository, "storage_namespace": self.lakefs.namespace})
        if path == f"{home}/actions/runs":
            return _json({"results": [run for run in self.runs if run["branch"] == query["branch"]]})
        if path.endswith("/hooks"):
            (run,) = [run for run in self.runs if f"/{run['run_id']}/" in path]
            ours = {"hook_id": "unity_export", "hook_run_id": "h1", "status": run["status"]}
            return _json({"results": [{"hook_id": "of_others", "hook_run_id": "h0", "status": "failed"}, ours]})
        if path.endswith("/output"):
            return Answered(status=200, body=self.output.encode())
        return _json({"message": "repository not found"}, 404)


def _json(body: object, status: int = 200) -> Answered:
    return Answered(status=status, body=json.dumps(body).encode())


@dataclass
class WorkspaceSetupDouble:
    """What a workspace allows. `refuses`: errors by method, raised instead of an answer."""

    unity_catalog: UnityCatalogDouble
    me: Identity = field(default_factory=lambda: Identity(name=PRINCIPAL, groups=frozenset({"data"})))
    url: str = HOST
    owners: dict[str, str] = field(default_factory=dict)
    grants: dict[tuple[str, str], dict[str, set[str]]] = field(default_factory=dict)
    locations: list[ExternalLocation] = field(default_factory=list)
    levels: dict[str, dict[str, frozenset[str]]] = field(default_factory=dict)
    schedules: dict[str, str] = field(default_factory=dict)
    refuses: dict[str, Exception] = field(default_factory=dict)

    def _refuse(self, method: str) -> None:
        if method in self.refuses:
            raise self.refuses[method]

    def identity(self) -> Identity:
        self._refuse("identity")
        return self.me

    def owner(self, kind: str, full_name: str) -> str:
        self._refuse(f"owner of {kind}")
        catalog, _, schema = full_name.partition(".")
        if catalog not in self.unity_catalog.catalogs or (
            schema and schema not in self.unity_catalog.catalogs[catalog]
        ):
            raise WorkspaceNotFoundError(f"Unity Catalog has no {kind} {full_name}: gone; create it")
        return self.owners.get(full_name, "somebody")

    def table_owners(self, catalog: str, schema: str) -> dict[str, str]:
        tables = self.unity_catalog.catalogs[catalog][schema].tables
        return {name: self.owners.get(f"{catalog}.{schema}.{name}", "somebody") for name in tables}

    def privileges(self, kind: str, full_name: str, identity: Identity) -> frozenset[str]:
        self._refuse("privileges")
        granted = self.grants.get((kind, full_name), {})
        return frozenset(
            privilege for principal, held in granted.items() if identity.is_or_is_in(principal) for privilege in held
        )

    def external_locations(self) -> list[ExternalLocation]:
        self._refuse("external_locations")
        return list(self.locations)

    def job_levels(self, job_id: str) -> dict[str, frozenset[str]]:
        self._refuse("job_levels")
        if job_id not in self.levels:
            raise WorkspaceNotFoundError(f"the workspace has no job {job_id}; deploy the bundle anew")
        return self.levels[job_id]

    def pause_status(self, job_id: str) -> str:
        self._refuse("pause_status")
        return self.schedules[job_id]

    def grant(self, statement: str) -> None:
        """What a GRANT does. Fails for any other text."""
        found = _GRANT.fullmatch(statement)
        assert found, statement
        name = found["name"].strip("`").replace("`.`", ".")
        kind = found["kind"].lower().replace(" ", "_")
        held = self.grants.setdefault((kind, name), {}).setdefault(found["principal"], set())
        held.update(found["privileges"].split(", "))


class Installation:
    """Everything that `check_lakefs_and_catalog` looks at, sound at first."""

    def __init__(self) -> None:
        self.settings = SETTINGS
        self.runs_shown = 1
        self.lakefs = LakeFSDouble()
        self.lakefs.put({**table("orders"), **table("parts")})
        self.lakefs.put({path: text.encode() for path, text in hook_files.render(HOOK).items()})
        self.branches = BranchesDouble(self.lakefs)
        self.unity_catalog = UnityCatalogDouble("lake")
        self.register("orders", "parts")
        self.server = LakeFSServerDouble(self.lakefs)
        self.secrets = {"lakefs-access-key-id": KEY_ID, "lakefs-secret-access-key": SECRET_KEY}
        self.workspace = WorkspaceSetupDouble(self.unity_catalog)
        self.workspace.owners = dict.fromkeys(("lake.main", "lake.main.orders", "lake.main.parts"), PRINCIPAL)
        self.workspace.grant(f"GRANT USE CATALOG, CREATE SCHEMA ON CATALOG `lake` TO `{PRINCIPAL}`;")
        self.workspace.grant(
            f"GRANT CREATE EXTERNAL TABLE, READ FILES, WRITE FILES ON EXTERNAL LOCATION `exports` TO `{PRINCIPAL}`;"
        )
        self.workspace.locations = [
            ExternalLocation(name="exports", url="s3://bucket/exports", owner="somebody", read_only=False)
        ]
        manage_run = frozenset({"CAN_MANAGE_RUN"})
        self.workspace.levels = {"77": {PRINCIPAL: manage_run, HOOK_PRINCIPAL: manage_run}}
        self.workspace.schedules = {"88": "UNPAUSED"}
        self.ran("completed")

    def register(self, *tables: str) -> None:
        """An export registered these tables, and made their schema where it was missing."""
        schema = self.unity_catalog.schema("lake", "main")
        schema.properties = dict([CREATED_BY])
        for name in tables:
            location = f"{SETTINGS.target_base_location}/main/{name}"
            schema.tables[name] = RegisteredTable(
                name=name, table_type="EXTERNAL", storage_location=location, repository="shop", path=f"tables/{name}"
            )

    def ran(self, status: str, output: str = "") -> None:
        """The hook's last run on the branch ended so."""
        run = {"run_id": "r1", "branch": "main", "event_type": "post-commit", "commit_id": self.lakefs.head().id}
        self.server.runs = [{**run, "status": status}]
        self.server.output = output

    def set(self, **settings: str) -> None:
        """Deploy with other bundle variables, or run with other job parameters."""
        self.settings = replace(self.settings, **settings)

    def secret(self, scope: str, key: str) -> str:
        """As the port."""
        if key not in self.secrets:
            raise WorkspaceAccessError(f"secret {key!r} of scope {scope!r} could not be read (X); create it with `y`")
        return self.secrets[key]

    def check(self) -> dict[str, Line]:
        """The line of every check of the task, by id. What the task makes in lakeFS is `staged`, and removed again."""
        self.out, self.values = io.StringIO(), TaskValuesDouble()
        lines = check_lakefs_and_catalog(self.setup(), self.values, self.out)
        self.staged = dict(self.branches.staged)
        self.remove()
        return {line.id: line for line in lines}

    def remove(self) -> Line:
        """The line of the task that removes it."""
        left, self.removal_values = self.values.values, TaskValuesDouble()
        removal = OwnTableRemoval(
            repository=self.settings.repository,
            run_id=self.settings.run_id,
            handed_over=lambda: HandedOver.of_json(left["for_cluster"]),
            open_branches=lambda: self.branches,
        )
        (line,) = check_own_table_removal(removal, Redaction(), self.removal_values, self.out)
        return line

    def setup(self) -> Setup:
        """The installation as the task sees it."""
        return Setup(
            settings=self.settings,
            dbutils_way="databricks.sdk.runtime.dbutils",
            secret=self.secret,
            open_server=self._open_server,
            open_repository=self._open_repository,
            open_branches=self._open_branches,
            unity_catalog=self.unity_catalog,
            own_runs=self._own_runs(),
            workspace=self.workspace,
        )

    def _own_runs(self) -> ExportRunsDouble:
        runs = ExportRunsDouble()
        runs.running = [{"repository": self.settings.repository, "branch": self.settings.branch}][: self.runs_shown]
        return runs

    def _open_server(self, endpoint: str, credentials: Callable[[], Credentials]) -> LakeFSServerDouble:
        self.server.credentials = credentials
        return self.server

    def _open_repository(self, endpoint: str, repository: str, credentials: Credentials) -> LakeFSDouble:
        assert repository == self.lakefs.repository
        return self.lakefs

    def _open_branches(self, endpoint: str, repository: str, credentials: Credentials) -> BranchesDouble:
        assert (credentials.access_key_id, repository) == (KEY_ID, self.lakefs.repository)
        return self.branches
