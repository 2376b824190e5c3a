"""Each thing broken in turn: its own line tells, hides no other, and what the line says to do mends it.

The remedies are followed as they are written: grants and commands by `followed_remedies`, settings as they name them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pytest
from doubles import UnityCatalogDouble
from export_story import BASE, descriptor
from followed_remedies import follow
from remedy_words import unknown_in
from setup_double import HOOK, HOOK_PRINCIPAL, PRINCIPAL, SECRET_KEY, Installation

from lakefs_unity_export.checks.catalogue import LAKEFS_AND_CATALOG
from lakefs_unity_export.checks.model import Line, Status
from lakefs_unity_export.errors import LakeFSUnavailableError, WorkspaceAccessError
from lakefs_unity_export.hook import files as hook_files
from lakefs_unity_export.hook.files import LUA_ACTION, LUA_SCRIPT
from lakefs_unity_export.ports import RegisteredTable
from lakefs_unity_export.setup_ports import Answered, Trouble, Unanswered

FAIL, WARN, NOT_TRIED = Status.FAIL, Status.WARN, Status.NOT_TRIED
OWN_BRANCH = "lakefs_unity_export_check_4711_1"


@dataclass(frozen=True, kw_only=True)
class Breakage:
    """What is broken, by which check it is told and how, and how its remedy is followed.

    mend: does what the remedy says where that is no grant and no command; it gets the installation alone, since the
    texts in `remedy` are what it does. also: other checks that rightly tell of the same.
    """

    what: str
    breaks: Callable[[Installation], object]
    id: str
    status: Status = FAIL
    says: str
    remedy: str = ""
    mend: Callable[[Installation], object] | None = None
    also: frozenset[str] = frozenset()


def _unanswered(trouble: Trouble, words: str) -> Callable[[Installation], None]:
    def breaks(installation: Installation) -> None:
        installation.server.trouble = Unanswered(trouble=trouble, words=words)

    return breaks


def _answers(status: int, body: bytes) -> Callable[[Installation], None]:
    def breaks(installation: Installation) -> None:
        installation.server.everything = Answered(status=status, body=body)

    return breaks


def _right_server(installation: Installation) -> None:
    installation.server.trouble = installation.server.everything = None


def _put(installation: Installation, **files: str) -> None:
    installation.lakefs.put({path: text.encode() for path, text in files.items()})


def _edit(path: str, old: str, new: str) -> Callable[[Installation], None]:
    def breaks(installation: Installation) -> None:
        text = installation.lakefs.content(installation.lakefs.head().id)[path].decode()
        assert old in text
        _put(installation, **{path: text.replace(old, new)})

    return breaks


def _revoke(kind: str, name: str) -> Callable[[Installation], None]:
    return lambda installation: installation.workspace.grants.pop((kind, name))


def _of_others(full_name: str) -> Callable[[Installation], object]:
    return lambda installation: installation.workspace.owners.pop(full_name)


def _view(installation: Installation) -> None:
    schema = installation.unity_catalog.schema("lake", "main")
    schema.tables["orders"] = RegisteredTable(name="orders", table_type="VIEW", storage_location="")


def _foreign_table(installation: Installation) -> None:
    """No grant on it is asked for: no export is to write there."""
    tables = installation.unity_catalog.schema("lake", "main").tables
    tables["orders"] = replace(tables["orders"], storage_location="s3://bucket/others/orders")
    installation.workspace.owners.pop("lake.main.orders")


def _no_properties_shown(installation: Installation) -> None:
    schema = installation.unity_catalog.schema("lake", "main")
    schema.tables = {name: replace(table, repository="") for name, table in schema.tables.items()}


def _refuses_schemas(installation: Installation) -> None:
    installation.unity_catalog = RefusingCatalog(installation.unity_catalog)  # type: ignore[assignment]


def _falls_silent(installation: Installation) -> None:
    silence = LakeFSUnavailableError("no answer; look at the server")
    installation.branches.refuses = dict.fromkeys(("write", f"delete {OWN_BRANCH}"), silence)


def _deleted_by_a_person(installation: Installation) -> None:
    assert follow(installation, f"lakectl branch delete lakefs://shop/{OWN_BRANCH} --yes")
    installation.branches.refuses.clear()


class RefusingCatalog:
    """A catalog in which no schema can be made until the identity has the grant for it."""

    def __init__(self, unity_catalog: UnityCatalogDouble) -> None:
        self._real = unity_catalog
        self.grants = list[str]()

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def create_schema(self, catalog: str, schema: str, properties: Mapping[str, str]) -> None:
        if not self.grants:
            raise WorkspaceAccessError(f"the job's identity may not use the schema {catalog}.{schema}")
        self._real.create_schema(catalog, schema, properties)


def _unlisted(installation: Installation) -> None:
    installation.unity_catalog.schemas = lambda catalog: {}  # type: ignore[method-assign]


def _listed(installation: Installation) -> None:
    del installation.unity_catalog.schemas  # type: ignore[method-assign]


def _deploy(**settings: str) -> Callable[[Installation], None]:
    return lambda installation: installation.set(**settings)


def _commit(**files: bytes) -> Callable[[Installation], object]:
    return lambda installation: installation.lakefs.put(files)


def _location(**changed: object) -> Callable[[Installation], None]:
    def change(installation: Installation) -> None:
        (location,) = installation.workspace.locations
        installation.workspace.locations = [replace(location, **changed)]  # type: ignore[arg-type]

    return change


def _without_hook(installation: Installation) -> None:
    installation.lakefs.put(removed=hook_files.render(HOOK))


BREAKAGES = [
    Breakage(
        what="the host's name",
        breaks=_unanswered(Trouble.NAME, "gaierror: Name or service not known"),
        id="lakefs_reachable",
        says="its name cannot be resolved (gaierror",
        remedy="correct the host in the bundle variable lakefs_endpoint",
        mend=_right_server,
    ),
    Breakage(
        what="no way to the server",
        breaks=_unanswered(Trouble.CONNECTION, "ConnectionRefusedError"),
        id="lakefs_reachable",
        says="no connection (ConnectionRefusedError)",
        remedy="start the server",
        mend=_right_server,
    ),
    Breakage(
        what="a firewall that drops",
        breaks=_unanswered(Trouble.TIME, "timed out"),
        id="lakefs_reachable",
        says="no answer in time",
        remedy="open the way from this compute to it",
        mend=_right_server,
    ),
    Breakage(
        what="the certificate",
        breaks=_unanswered(Trouble.TLS, "certificate verify failed"),
        id="lakefs_reachable",
        says="no agreement on TLS (certificate verify failed)",
        remedy="give the server a certificate",
        mend=_right_server,
    ),
    Breakage(
        what="a connection that is closed",
        breaks=_unanswered(Trouble.CLOSED, "RemoteDisconnected"),
        id="lakefs_reachable",
        says="closed without an answer",
        remedy="look at what stands before the server",
        mend=_right_server,
    ),
    Breakage(
        what="a server that fails",
        breaks=_answers(500, b'{"message": "no database"}'),
        id="lakefs_reachable",
        says="answered 500 (no database)",
        remedy="look at the server's log",
        mend=_right_server,
    ),
    Breakage(
        what="a web page",
        breaks=_answers(200, b"<!doctype html><html>Sign in</html>"),
        id="lakefs_reachable",
        says="answered 200, and not as lakeFS does: a web page",
        remedy="set the bundle variable lakefs_endpoint",
        mend=_right_server,
    ),
    Breakage(
        what="a page to sign in",
        breaks=_answers(302, b""),
        id="lakefs_reachable",
        says="it sends elsewhere",
        remedy="set the bundle variable lakefs_endpoint",
        mend=_right_server,
    ),
    Breakage(
        what="a parameter",
        breaks=_deploy(repository=""),
        id="settings",
        says="repository is empty",
        remedy="set the job parameter",
        mend=_deploy(repository="shop"),
    ),
    Breakage(
        what="the target's form",
        breaks=_deploy(target_base_location="/Volumes/lake/x"),
        id="settings",
        says="is a volume",
        remedy="use a path under an external location",
        mend=_deploy(target_base_location=BASE),
    ),
    Breakage(
        what="an endpoint without a scheme",
        breaks=_deploy(lakefs_endpoint="lakefs.example.com"),
        id="settings",
        says="lakefs_endpoint 'lakefs.example.com' is no URL of a server",
        remedy="use one such as https://",
        mend=_deploy(lakefs_endpoint="https://lakefs.example.com"),
    ),
    Breakage(
        what="a key pair in the endpoint",
        breaks=_deploy(lakefs_endpoint=f"https://id:{SECRET_KEY}@lakefs.example.com"),
        id="settings",
        says="lakefs_endpoint holds a user name or a password",
        remedy="put the access key into the secret scope",
        mend=_deploy(lakefs_endpoint="https://lakefs.example.com"),
    ),
    Breakage(
        what="a secret that is missing",
        breaks=lambda installation: installation.secrets.pop("lakefs-secret-access-key"),
        id="secrets",
        says="secret 'lakefs-secret-access-key' of scope 'lakefs' could not be read",
    ),
    Breakage(
        what="the secret scope",
        breaks=lambda installation: installation.secrets.clear(),
        id="secrets",
        says="secret 'lakefs-access-key-id' of scope 'lakefs' could not be read (X); "
        "secret 'lakefs-secret-access-key' of scope 'lakefs' could not be read (X)",
    ),
    Breakage(
        what="a wrong secret",
        breaks=lambda installation: installation.secrets.update({"lakefs-secret-access-key": "wrong-and-long-enough"}),
        id="lakefs_key",
        says="answered 401 (error authenticating request): it does not know the key pair of scope lakefs",
    ),
    Breakage(
        what="the rights of the key's user",
        breaks=lambda installation: installation.server.answers.update(
            {"/repositories/shop": Answered(status=401, body=b'{"message": "insufficient permissions"}')}
        ),
        id="repository",
        says="answered 401 (insufficient permissions)",
        remedy="give the key's user in lakeFS a policy for repository shop with fs:ReadRepository",
        mend=lambda installation: installation.server.answers.clear(),
    ),
    Breakage(
        what="the repository",
        breaks=_deploy(repository="shoop"),
        id="repository",
        says="no repository shoop",
        remedy="run the job with the job parameter repository set",
        mend=_deploy(repository="shop"),
    ),
    Breakage(
        what="the branch",
        breaks=_deploy(branch="mian"),
        id="branch",
        says="has no branch mian",
        remedy="run the job with the parameter branch set",
        mend=_deploy(branch="main"),
    ),
    Breakage(
        what="an old server",
        breaks=lambda installation: setattr(installation.server, "version", "1.60.0"),
        id="lakefs_version",
        status=WARN,
        says="1.60.0 does not know post-cherry-pick",
        remedy="upgrade lakeFS to 1.65",
        mend=lambda installation: setattr(installation.server, "version", "1.65.0"),
        also=frozenset({"hook_valid"}),
    ),
    Breakage(
        what="a target among lakeFS's objects",
        breaks=_deploy(target_base_location="s3://lakefs-storage/shop/data/exports"),
        id="target_and_storage",
        says="lies among lakeFS's own objects",
        remedy="set the bundle variable target_base_location",
        mend=_deploy(target_base_location=BASE),
        also=frozenset({"external_location", "names_free", "tables_listed"}),
    ),
    Breakage(
        what="no hook",
        breaks=_without_hook,
        id="hook_files",
        status=WARN,
        says="the branch has no hook",
        also=frozenset({"hook_valid", "hook_job", "hook_version", "hook_runs"}),
    ),
    Breakage(
        what="a hook for other branches",
        breaks=_edit(LUA_ACTION, "  post-commit:\n", '  post-commit:\n    branches: ["release-*"]\n'),
        id="hook_files",
        status=WARN,
        says="commits to this branch do not fire it",
        also=frozenset({"hook_version"}),
    ),
    Breakage(
        what="an event that no lakeFS has",
        breaks=_edit(LUA_ACTION, "  post-merge:\n", "  post-merged:\n"),
        id="hook_valid",
        says="names the event post-merged, which lakeFS does not have",
    ),
    Breakage(
        what="an action file that is no YAML",
        breaks=_edit(LUA_ACTION, "hooks:\n", "hooks: [\n"),
        id="hook_valid",
        says="unity_export.yaml is no YAML at line",
    ),
    Breakage(
        what="the hook's script",
        breaks=lambda installation: installation.lakefs.put(removed=[LUA_SCRIPT]),
        id="hook_valid",
        says="scripts/unity_export.lua, which _lakefs_actions/unity_export.yaml runs, is not on the branch",
    ),
    Breakage(
        what="a folder among the action files",
        breaks=_commit(**{"_lakefs_actions/old/x.yaml": b"name: x"}),
        id="hook_valid",
        says="_lakefs_actions/old/: a folder below _lakefs_actions/ makes lakeFS refuse every commit",
        remedy="move them, and commit that",
        mend=lambda installation: installation.lakefs.put(removed=["_lakefs_actions/old/x.yaml"]),
    ),
    Breakage(
        what="a wrong job id",
        breaks=_edit(LUA_ACTION, 'job_id: "77"', 'job_id: "78"'),
        id="hook_job",
        says="the hook starts job 78, and export_tables of this deployment is 77",
    ),
    Breakage(
        what="a script of another version",
        breaks=_edit(LUA_SCRIPT, "unity_export", "unity_exporter"),
        id="hook_version",
        status=WARN,
        says="not as this version writes them: scripts/unity_export.lua",
    ),
    Breakage(
        what="a secret in the action file",
        breaks=_edit(LUA_ACTION, "{{ ENV.LAKEFSACTION_DATABRICKS_CLIENT_SECRET }}", "dose0123456789"),
        id="hook_version",
        status=WARN,
        says="holds a value for databricks_client_secret itself",
    ),
    Breakage(
        what="the hook's last run",
        breaks=lambda installation: installation.ran("failed", "Error: refused\nunity_export: Databricks answered 403"),
        id="hook_runs",
        status=WARN,
        says="failed: Error: refused unity_export: Databricks answered 403",
        remedy="do what it says",
        mend=lambda installation: installation.ran("completed"),
    ),
    Breakage(
        what="a variable of the lakeFS server",
        breaks=lambda installation: installation.server.runs.clear(),
        id="hook_runs",
        status=WARN,
        says="lakeFS shows no run of the hook for an event of this branch",
        remedy="commit something to the branch",
        mend=lambda installation: installation.ran("completed"),
    ),
    Breakage(
        what="the hook principal's permission",
        breaks=lambda installation: installation.workspace.levels["77"].pop(HOOK_PRINCIPAL),
        id="hook_permission",
        status=WARN,
        says=f"principal {HOOK_PRINCIPAL} has no permission on job 77",
    ),
    Breakage(
        what="the job's permission on itself",
        breaks=lambda installation: installation.workspace.levels["77"].pop(PRINCIPAL),
        id="job_permission",
        status=WARN,
        says=f"{PRINCIPAL} may not start job 77",
    ),
    Breakage(
        what="a schedule that is paused",
        breaks=lambda installation: installation.workspace.schedules.update({"88": "PAUSED"}),
        id="reconcile_schedule",
        status=WARN,
        says="the schedule of reconcile is paused",
        remedy="set the bundle variables reconcile_pause_status to UNPAUSED",
        mend=lambda installation: installation.workspace.schedules.update({"88": "UNPAUSED"}),
    ),
    Breakage(
        what="a schedule that may not be seen",
        breaks=lambda installation: installation.workspace.refuses.update({"pause_status": WorkspaceAccessError("no")}),
        id="reconcile_schedule",
        status=NOT_TRIED,
        says="no",
        remedy="databricks permissions update jobs 88 --json ",
        mend=lambda installation: installation.workspace.refuses.clear(),
    ),
    Breakage(
        what="a descriptor",
        breaks=_commit(**{"_lakefs_tables/bad.yaml": b"name: x\ntype: delta\n"}),
        id="descriptors",
        says="1 problems in _lakefs_tables at the head:\n_lakefs_tables/bad.yaml: path: is missing; add it",
        remedy="mend them, and commit that",
        mend=_commit(**{"_lakefs_tables/bad.yaml": descriptor("x")}),
    ),
    Breakage(
        what="the descriptor folder",
        breaks=_deploy(table_descriptors_path="_tables"),
        id="descriptors",
        status=WARN,
        says="no table is described in _tables of the branch",
        remedy="set the bundle variable table_descriptors_path",
        mend=_deploy(table_descriptors_path="_lakefs_tables"),
    ),
    Breakage(
        what="the catalog",
        breaks=_deploy(catalog="lakehouse"),
        id="catalogs",
        says="Unity Catalog has no catalog lakehouse",
        remedy="or correct the bundle variable catalog",
        mend=_deploy(catalog="lake"),
    ),
    Breakage(
        what="a descriptor's catalog",
        breaks=_commit(**{"_lakefs_tables/orders.yaml": descriptor("orders", catalog="lost")}),
        id="catalogs",
        says="Unity Catalog has no catalog lost",
        remedy="CREATE CATALOG `lost`;\nor correct its descriptors",
        mend=_commit(**{"_lakefs_tables/orders.yaml": descriptor("orders")}),
    ),
    Breakage(
        what="a target that holds something else",
        breaks=_view,
        id="names_free",
        says="lake.main.orders is already the name of something of type VIEW",
        remedy="rename as each line says",
        mend=_commit(**{"_lakefs_tables/orders.yaml": descriptor("sales", path="tables/orders")}),
    ),
    Breakage(
        what="a table of others that has the name",
        breaks=_foreign_table,
        id="names_free",
        says="lake.main.orders is already registered at s3://bucket/others/orders, not at",
        remedy="rename as each line says",
        mend=_commit(**{"_lakefs_tables/orders.yaml": descriptor("sales", path="tables/orders")}),
    ),
    Breakage(
        what="grants on the catalog", breaks=_revoke("catalog", "lake"), id="catalog_grants", says="CREATE SCHEMA on"
    ),
    Breakage(
        what="grants on a schema of others",
        breaks=_of_others("lake.main"),
        id="schema_grants",
        says="MANAGE on SCHEMA lake.main",
    ),
    Breakage(
        what="grants on a table of others",
        breaks=_of_others("lake.main.orders"),
        id="table_grants",
        says="no SELECT, MODIFY on TABLE lake.main.orders",
    ),
    Breakage(
        what="the external location",
        breaks=lambda installation: installation.workspace.locations.clear(),
        id="external_location",
        says=f"no external location that {PRINCIPAL} can see covers s3://bucket/exports",
    ),
    Breakage(
        what="an external location beside the target",
        breaks=_location(url="s3://bucket/export"),
        id="external_location",
        says="no external location",
    ),
    Breakage(
        what="an external location to read only",
        breaks=_location(read_only=True),
        id="external_location",
        says="is read-only",
    ),
    Breakage(
        what="grants on the external location",
        breaks=_revoke("external_location", "exports"),
        id="external_location_grants",
        says="no CREATE EXTERNAL TABLE, READ FILES, WRITE FILES on EXTERNAL LOCATION exports",
    ),
    Breakage(
        what="the right to make a schema",
        breaks=_refuses_schemas,
        id="schema_made",
        says="may not use the schema lake.lakefs_unity_export_check_4711",
        remedy=f"GRANT USE CATALOG, CREATE SCHEMA ON CATALOG `lake` TO `{PRINCIPAL}`;",
        mend=lambda installation: installation.unity_catalog.grants.append("CREATE SCHEMA"),  # type: ignore[attr-defined]
    ),
    Breakage(
        what="what the list of schemas shows",
        breaks=_unlisted,
        id="schema_listed",
        status=WARN,
        says="the list of schemas does not have lake.lakefs_unity_export_check_4711",
        remedy="do not rely on the job reconcile",
        mend=_listed,
    ),
    Breakage(
        what="what the list of tables shows",
        breaks=_no_properties_shown,
        id="tables_listed",
        status=WARN,
        says="shows no property lakefs.repository of 2 exported tables",
        remedy="nothing has to be done",
        mend=lambda installation: installation.register("orders", "parts"),
    ),
    Breakage(
        what="what the list of runs shows",
        breaks=lambda installation: setattr(installation, "runs_shown", 0),
        id="runs_listed",
        status=WARN,
        says="does not show this one's job parameters",
        remedy="nothing has to be done",
        mend=lambda installation: setattr(installation, "runs_shown", 1),
    ),
    Breakage(
        what="a server that falls silent while branches are made",
        breaks=_falls_silent,
        id="own_table",
        status=WARN,
        says=f"branch {OWN_BRANCH} was made and cannot be deleted: no answer; look",
        remedy=f"lakectl branch delete lakefs://shop/{OWN_BRANCH} --yes",
        mend=_deleted_by_a_person,
    ),
]


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: f"{breakage.id}: {breakage.what}")
def test_it_is_told_by_its_line_hides_no_other_and_is_mended_by_what_the_line_says(breakage: Breakage) -> None:
    installation = Installation()
    before = installation.check()
    assert {line.status for line in before.values()} == {Status.PASS}
    breakage.breaks(installation)

    found = installation.check()

    line = found[breakage.id]
    assert line.status is breakage.status
    assert breakage.says in line.finding
    assert line.remedy
    assert {each.id: unknown for each in found.values() if (unknown := unknown_in(each.remedy))} == {}
    broken = {breakage.id, *breakage.also}
    assert [found[other] for other in breakage.also if found[other].status is Status.PASS] == []
    for check in LAKEFS_AND_CATALOG:
        if check.id not in broken:
            waits = any(not found[needed].is_well for needed in check.needs)
            assert found[check.id].status is (Status.NOT_RUN if waits else Status.PASS), found[check.id]
    assert SECRET_KEY not in installation.out.getvalue()

    _mend(installation, breakage, line)

    assert {line.id: line for line in installation.check().values() if line.status is not Status.PASS} == {}


def _mend(installation: Installation, breakage: Breakage, line: Line) -> None:
    if breakage.mend is None:
        assert follow(installation, line.remedy), line.remedy
    else:
        assert breakage.remedy
        assert breakage.remedy in line.remedy
        breakage.mend(installation)


def test_every_check_is_broken_by_something() -> None:
    # Whether there is a dbutils is known before the checks run: test_check_lakefs_and_catalog.py.
    assert {breakage.id for breakage in BREAKAGES} == {check.id for check in LAKEFS_AND_CATALOG} - {"dbutils"}
