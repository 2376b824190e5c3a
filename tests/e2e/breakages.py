"""What is broken on the local stack, in groups that a run tells at once, and how its lines tell of it."""

from collections.abc import Sequence, Set
from dataclasses import dataclass

from server_in_front import CLOSES, FAILS, PAGE, SILENT
from setup_checks import EndedCheck

WRONG_SECRET = "an0ther-S3cret-0f-n0body"


@dataclass(frozen=True, kw_only=True)
class Breakage:
    """What is broken, and what its line says: texts with names of the installation in braces."""

    what: str
    id: str
    status: str = "fail"
    says: str
    remedy: str


# One run tells all of these.
SETTINGS = [
    Breakage(
        what="the secret scope",
        id="secrets",
        says="secret 'lakefs-access-key-id' of scope '{scope}' could not be read",
        remedy="databricks secrets create-scope {scope}\n",
    ),
    Breakage(
        what="no way to the server",
        id="lakefs_reachable",
        says="{endpoint}: no connection (",
        remedy="or correct lakefs_endpoint and deploy",
    ),
    Breakage(
        what="the catalog",
        id="catalogs",
        says="Unity Catalog has no catalog {catalog}",
        remedy="CREATE CATALOG `{catalog}`;\n",
    ),
    Breakage(
        what="the external location",
        id="external_location",
        says="no external location that {me} can see covers {target}",
        remedy="CREATE EXTERNAL LOCATION lakefs_exports URL '{target}' WITH",
    ),
    Breakage(
        what="the warehouse",
        id="warehouse",
        says="no SQL warehouse 0123456789abcdef",
        remedy="set the bundle variable warehouse_id to an id that `databricks warehouses list` shows",
    ),
    Breakage(
        what="all S3A settings",
        id="cluster_settings",
        says="the cluster has no spark.hadoop.fs.s3a.bucket.{repository}.endpoint, ",
        remedy="in databricks.yml, variable s3a_conf, put a block for {repository}, and deploy:\n",
    ),
]
# Each is told by a run of its own, for a repository of its own, on one cluster.
GATEWAYS = [
    Breakage(
        what="S3A settings of another repository",
        id="cluster_settings",
        says="; there are settings of lake-",
        remedy="put a block for {repository}, and deploy:\n",
    ),
    Breakage(
        what="the gateway: refused",
        id="gateway_listing",
        says="lakeFS's S3 gateway cannot be reached from the cluster (",
        remedy="check the spark_conf keys spark.hadoop.fs.s3a.bucket.{repository}.*",
    ),
    Breakage(
        what="the gateway: https for http",
        id="gateway_listing",
        says="no TLS connection to lakeFS's S3 gateway (",
        remedy="check http or https in the endpoint",
    ),
    Breakage(
        what="the gateway: wrong-secret",
        id="gateway_listing",
        says="lakeFS refused the cluster's credentials (403",
        remedy="let the block of {repository} refer to them, and deploy",
    ),
    Breakage(
        what="the gateway: a web page",
        id="gateway_listing",
        says=" is not lakeFS's S3 gateway",
        remedy="check the spark_conf keys spark.hadoop.fs.s3a.bucket.{repository}.*",
    ),
    Breakage(
        what="the gateway: 500",
        id="gateway_listing",
        says="lakeFS's S3 gateway is failing or limiting requests (500",
        remedy="run the job again when it is well",
    ),
]
# Each is told by a run of its own.
SERVERS = {
    FAILS: Breakage(
        what="a server that fails",
        id="lakefs_reachable",
        says="{endpoint} answered 500 (no database)",
        remedy="run check_setup again once it answers",
    ),
    CLOSES: Breakage(
        what="a connection that is closed",
        id="lakefs_reachable",
        says="{endpoint}: the connection was closed without an answer",
        remedy="look at what stands before the server",
    ),
    SILENT: Breakage(
        what="a server that is silent",
        id="lakefs_reachable",
        says="{endpoint}: no answer in time",
        remedy="a server that is overloaded shows in its own log",
    ),
    PAGE: Breakage(
        what="a web page",
        id="lakefs_reachable",
        says="{endpoint} answered 200, and not as lakeFS does: a web page",
        remedy="set the bundle variable lakefs_endpoint to the address of the lakeFS server",
    ),
    "TLS": Breakage(
        what="https for http",
        id="lakefs_reachable",
        says="{endpoint}: no agreement on TLS (",
        remedy="write http:// in the bundle variable lakefs_endpoint",
    ),
    "key": Breakage(
        what="a key pair that was deleted",
        id="lakefs_key",
        says="lakeFS answered 401",
        remedy="databricks secrets put-secret {scope} lakefs-access-key-id\n",
    ),
    "repository": Breakage(
        what="the repository",
        id="repository",
        says="lakeFS has no repository no-such-lake",
        remedy="the job parameter repository set to one that `lakectl repo list` shows",
    ),
    "branch": Breakage(
        what="the branch",
        id="branch",
        says="has no branch no-such-branch",
        remedy="the parameter branch set to one that `lakectl branch list lakefs://{repository}` shows",
    ),
}
# One run tells all of these.
HELD = [
    Breakage(
        what="a descriptor",
        id="descriptors",
        says="_lakefs_tables/bad.yaml: path: is missing; add it",
        remedy="mend them, and commit that",
    ),
    Breakage(
        what="a table of others that has the name",
        id="names_free",
        says="{schema}.orders is already registered at {elsewhere}/orders, not at {target}/{branch}/orders, and is "
        "left as it is; rename one of the two",
        remedy="rename as each line says, and commit that",
    ),
    Breakage(
        what="a target that holds something else",
        id="targets_free",
        says="the target path {target}/{branch}/lines of `{catalog}`.`{branch}`.`lines` holds a Delta table that this "
        "export did not make, and was left as it is",
        remedy="move away what lies there",
    ),
    Breakage(
        what="grants on a schema of others",
        id="schema_grants",
        says="{me} has no USE SCHEMA, CREATE TABLE, MANAGE on SCHEMA {schema}",
        remedy="GRANT USE SCHEMA, CREATE TABLE, MANAGE ON SCHEMA ",
    ),
    Breakage(
        what="grants on a table of others",
        id="table_grants",
        says="{me} has no SELECT, MODIFY on TABLE {schema}.parts",
        remedy="GRANT SELECT, MODIFY ON TABLE ",
    ),
    Breakage(
        what="an external location to read only",
        id="external_location",
        says="external location read_only_one ({target}) is read-only",
        remedy="databricks external-locations update read_only_one ",
    ),
    Breakage(
        what="the hook principal's permission",
        id="hook_permission",
        status="warn",
        says="principal a-hook-without-rights has no permission on job",
        remedy="databricks permissions update jobs ",
    ),
    Breakage(
        what="a schedule that is paused",
        id="reconcile_schedule",
        status="warn",
        says="the schedule of reconcile is paused",
        remedy="set the bundle variables reconcile_pause_status to UNPAUSED",
    ),
]
FOLDER = Breakage(
    what="the descriptor folder",
    id="descriptors",
    status="warn",
    says="no table is described in _lakefs_tables of the branch",
    remedy="where the folder has another name, set the bundle variable table_descriptors_path",
)
INSTALL = 'uvx --from "$(echo dist/*.whl)[hook]" install_hook --repository {repository} --branch {branch} '
# Of each branch one run tells all of its own.
HOOKS = {
    "without": [
        FOLDER,
        Breakage(what="no hook", id="hook_files", status="warn", says="the branch has no hook", remedy=INSTALL),
    ],
    "wrong": [
        FOLDER,
        Breakage(
            what="a wrong job id",
            id="hook_job",
            says="the hook starts job 1, and export_tables of this deployment is {job}",
            remedy=INSTALL,
        ),
        Breakage(
            what="a script of another version",
            id="hook_version",
            status="warn",
            says="not as this version writes them: scripts/unity_export.lua",
            remedy=INSTALL,
        ),
        Breakage(
            what="the hook's last run",
            id="hook_runs",
            status="warn",
            says=" failed: ",
            remedy="do what it says",
        ),
    ],
    "refused": [
        FOLDER,
        Breakage(
            what="an event that no lakeFS has",
            id="hook_valid",
            says="names the event post-merged, which lakeFS does not have",
            remedy=INSTALL,
        ),
    ],
}
ALL = [*SETTINGS, *GATEWAYS, *SERVERS.values(), *HELD, *(each for hooks in HOOKS.values() for each in hooks)]
OF_LAKEFS = {"secrets", "lakefs_reachable", "lakefs_key", "repository", "branch"}
OF_CATALOG = {"catalogs", "catalog_grants", "external_location", "external_location_grants", "schema_made"}
OF_TARGET = {"cluster", "target_written", "target_removed"}
OF_WAREHOUSE = {"warehouse", "warehouse_runs", "warehouse_catalog", "warehouse_schema", "sql_file"}


def assert_told(
    run: EndedCheck, broken: Sequence[Breakage], passing: Set[str], *, secret: str, **names: object
) -> None:
    """Each by its own line, and nothing else that this file knows of: what has nothing to do with them passes.

    secret: the right one, of which nothing is shown, as nothing is of the wrong one.
    """
    for each in broken:
        line = run.line(each.id)
        assert line["status"] == each.status, line
        assert each.says.format(**names) in line["finding"], line
        assert each.remedy.format(**names) in line["remedy"], line
    known = passing | {each.id for each in ALL}
    assert run.unwell("fail") & known == {each.id for each in broken if each.status == "fail"}
    assert run.state == ("FAILED" if any(each.status == "fail" for each in broken) else "SUCCESS")
    assert run.statuses(*passing) == dict.fromkeys(passing, "pass")
    assert run.unforeseen == []
    assert [each for each in (WRONG_SECRET, secret) if run.shows(each)] == []


def assert_mended(run: EndedCheck, broken: Sequence[Breakage]) -> None:
    ids = {each.id for each in broken}
    assert (run.state, run.unwell("fail")) == ("SUCCESS", set()), run.report["checks"]
    assert run.statuses(*ids) == dict.fromkeys(ids, "pass")
