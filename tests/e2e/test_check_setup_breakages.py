"""Things broken at once on the local stack: `check_setup` names each on its own line, and what the line says mends it.

Each test breaks what has nothing to do with each other, so that a run shows as well that no line hides another. No
described table is there, and none of the check's own can be written: clones, which take time, are not tried.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import pyarrow
import pytest
from breakages import (
    GATEWAYS,
    HELD,
    HOOKS,
    OF_CATALOG,
    OF_LAKEFS,
    OF_TARGET,
    OF_WAREHOUSE,
    SERVERS,
    SETTINGS,
    WRONG_SECRET,
    assert_mended,
    assert_told,
)
from bundle_commands import BundleCommands
from databricks.sdk.service.jobs import JobAccessControlRequest
from databricks.sdk.service.sql import State
from deltalake import write_deltalake
from deployed_exports import Exports
from lakefs.exceptions import ServerException
from remedies import Remedies
from server_in_front import CLOSES, FAILS, PAGE, SILENT, WELL, server_in_front
from setup_checks import EndedCheck, SetupChecks
from table_repository import TableRepository, new_repository
from waiting import wait_until

from lakefs_unity_export.checks.probe import PREFIX
from lakefs_unity_export.clones.provenance import Provenance
from lakefs_unity_export.hook.files import LUA_ACTION, LUA_SCRIPT, HookKind, HookSettings, render
from local_stack.catalog_client import CatalogClient
from local_stack.lakefs.standin.hooks.action_cache import SECONDS_KEPT
from local_stack.loopback_server import free_port
from local_stack.stack import LocalStack

pytestmark = [
    pytest.mark.e2e,
    # Its lines would say so: the open-source server tells no effective permissions.
    pytest.mark.skipif("UNITY_CATALOG_URL" in os.environ, reason="UNITY_CATALOG_URL names a server of others"),
]

# One node, as the bundle has it, and an unreachable gateway told of soon.
ONE_NODE = {"spark.databricks.cluster.profile": "singleNode", "spark.master": "local[*]"}
SOON = {
    "spark.hadoop.fs.s3a.attempts.maximum": "1",
    "spark.hadoop.fs.s3a.retry.limit": "1",
    "spark.hadoop.fs.s3a.connection.establish.timeout": "5000",
}
# Those of check_setup, for a table of its own.
OWN_BRANCHES = f"{PREFIX}*"


@pytest.fixture
def checks(exports: Exports) -> SetupChecks:
    return SetupChecks(exports.client)


@pytest.fixture
def remedies(bundle: BundleCommands, exports: Exports, stack: LocalStack) -> Remedies:
    return Remedies(bundle=bundle, exports=exports, stack=stack)


@pytest.fixture
def others(stack: LocalStack) -> Iterator[CatalogClient]:
    """Unity Catalog as its owner, who is not the one that the job runs as."""
    with closing(CatalogClient(stack.catalog.url, stack.catalog.token)) as client:
        yield client


@pytest.fixture
def afterwards() -> Iterator[ExitStack]:
    """For what is to be removed again."""
    with ExitStack() as removals:
        yield removals


@pytest.fixture
def new_described(stack: LocalStack) -> Iterator[Callable[[], TableRepository]]:
    """Makes repositories without a hook, whose table is described and not there."""
    made: list[TableRepository] = []

    def make() -> TableRepository:
        made.append(new_repository(stack.lakefs))
        made[-1].protect(OWN_BRANCHES)
        made[-1].describe("orders")
        made[-1].commit()
        return made[-1]

    yield make
    for each in made:
        each.delete()


def test_settings_that_are_all_wrong(
    checks: SetupChecks,
    remedies: Remedies,
    new_described: Callable[[], TableRepository],
    others: CatalogClient,
    afterwards: ExitStack,
    stack: LocalStack,
    tmp_path: Path,
) -> None:
    described = new_described()
    scope, catalog = f"none-{described.name}", f"none_{described.branch}"
    target = (stack.plain_folder / f"beside-{described.name}").as_uri()
    kept = {"secret_scope": scope, "catalog": catalog, "target_base_location": target}
    wrong = {"lakefs_endpoint": f"http://127.0.0.1:{free_port()}", "warehouse_id": "0123456789abcdef"}

    broken = checks.variant(whole_spark_conf=ONE_NODE, **kept, **wrong).run(described)

    names = {"scope": scope, "catalog": catalog, "target": target, "repository": described.name}
    names |= {"me": stack.workspace.owner, "endpoint": wrong["lakefs_endpoint"]}
    passing = {"dbutils", "settings", "runs_listed", "job_permission", *OF_TARGET}
    assert_told(broken, SETTINGS, passing, secret=stack.lakefs.secret_access_key, **names)
    afterwards.callback(others.delete, "catalog", catalog, force=True)
    afterwards.callback(others.delete, "external-location", "lakefs_exports")
    afterwards.callback(stack.client().secrets.delete_scope, scope)
    for id_ in ("secrets", "catalogs", "external_location"):
        assert remedies.follow(broken.remedy(id_), where=["where there is no scope", "where a key is missing"])
    shown = remedies.bundle.command("warehouses", "list").splitlines()[-1].split()[0]
    right = {"lakefs_endpoint": stack.lakefs.endpoint_url, "warehouse_id": shown}
    conf = remedies.spark_conf(ONE_NODE, broken.remedy("cluster_settings"), folder=tmp_path / "edited")
    assert_mended(checks.variant(whole_spark_conf=conf, **kept, **right).run(described), SETTINGS)


def test_settings_of_the_gateway(
    checks: SetupChecks,
    remedies: Remedies,
    new_described: Callable[[], TableRepository],
    stack: LocalStack,
    tmp_path: Path,
) -> None:
    gateway = stack.lakefs.s3_endpoint_url
    repositories = [new_described() for _ in GATEWAYS]
    others, nobody, tls, key, page, fails = repositories
    with server_in_front(gateway, PAGE) as of_page, server_in_front(gateway, FAILS) as that_fails:
        of_that = block(fails, stack, endpoint=that_fails.url)
        conf = {
            **SOON,
            **block(nobody, stack, endpoint=f"http://127.0.0.1:{free_port()}"),
            **block(tls, stack, endpoint=gateway.replace("http://", "https://")),
            **block(key, stack, secret=WRONG_SECRET),
            **block(page, stack, endpoint=of_page.url),
        }
        broken = run_each(checks.variant(whole_spark_conf=ONE_NODE | conf | of_that), repositories)
        passing = OF_LAKEFS | OF_CATALOG | OF_TARGET | OF_WAREHOUSE
        for run, breakage, repository in zip(broken, GATEWAYS, repositories, strict=True):
            assert_told(run, [breakage], passing, secret=stack.lakefs.secret_access_key, repository=repository.name)

        that_fails.does = WELL
        of_others = broken[0].remedy("cluster_settings")
        blocks = [of_others.replace(others.name, each.name) for each in (others, nobody, tls, page)]
        assert len(remedies.follow(broken[3].remedy("gateway_listing"))) == 2
        blocks.append(broken[3].remedy("gateway_listing"))
        mended = remedies.spark_conf(ONE_NODE | of_that, *blocks, folder=tmp_path / "edited")
        for run in run_each(checks.variant(whole_spark_conf=mended), repositories):
            assert_mended(run, GATEWAYS)


def block(repository: TableRepository, stack: LocalStack, *, endpoint: str = "", secret: str = "") -> dict[str, str]:
    """The S3A settings of a repository, by the names that the bundle has."""
    values = {
        "endpoint": endpoint or stack.lakefs.s3_endpoint_url,
        "endpoint.region": "us-east-1",
        "path.style.access": "true",
        "access.key": stack.lakefs.access_key_id,
        "secret.key": secret or stack.lakefs.secret_access_key,
    }
    return {f"spark.hadoop.fs.s3a.bucket.{repository.name}.{name}": value for name, value in values.items()}


def run_each(checks: SetupChecks, repositories: Sequence[TableRepository]) -> list[EndedCheck]:
    """All at a time."""
    return [checks.ended(run_id) for run_id in [checks.start(each) for each in repositories]]


def test_servers_that_are_not_well_and_names_that_lakefs_does_not_know(
    checks: SetupChecks,
    remedies: Remedies,
    new_described: Callable[[], TableRepository],
    afterwards: ExitStack,
    stack: LocalStack,
) -> None:
    described, lakefs, scopes = new_described(), stack.lakefs, stack.client().secrets
    scope = f"old-{described.name}"
    scopes.create_scope(scope)
    afterwards.callback(scopes.delete_scope, scope)
    scopes.put_secret(scope, "lakefs-access-key-id", string_value="AKIAJDELETEDLONGAGO1")
    scopes.put_secret(scope, "lakefs-secret-access-key", string_value=WRONG_SECRET)
    fronts = {
        does: afterwards.enter_context(server_in_front(lakefs.endpoint_url, does))
        for does in (FAILS, CLOSES, SILENT, PAGE)
    }
    endpoints = {does: front.url for does, front in fronts.items()}
    endpoints["TLS"] = lakefs.endpoint_url.replace("http://", "https://")
    variants = {name: checks.variant(lakefs_endpoint=endpoint) for name, endpoint in endpoints.items()}
    variants["key"] = checks.variant(secret_scope=scope)
    right = checks.variant(lakefs_endpoint=lakefs.endpoint_url)
    started = {name: (variant, variant.start(described)) for name, variant in variants.items()}
    started["repository"] = right, right.start(described, repository="no-such-lake")
    started["branch"] = right, right.start(described, branch="no-such-branch")
    broken = {name: variant.ended(run_id) for name, (variant, run_id) in started.items()}
    passing = {"secrets"} | OF_CATALOG | OF_TARGET | OF_WAREHOUSE
    names = {"repository": described.name, "scope": scope, "secret": lakefs.secret_access_key}
    for name, breakage in SERVERS.items():
        assert_told(broken[name], [breakage], passing, endpoint=endpoints.get(name, ""), **names)

    for does in (FAILS, CLOSES, SILENT):
        fronts[does].does = WELL
    assert len(remedies.follow(broken["key"].remedy("lakefs_key"))) == 2
    # What the other lines say comes to the same settings and parameters.
    assert endpoints["TLS"].replace("https://", "http://") == lakefs.endpoint_url
    mended = [variants[name] for name in (FAILS, CLOSES, SILENT, "key")] + [right]
    for variant, run_id in [(variant, variant.start(described)) for variant in mended]:
        assert_mended(variant.ended(run_id), [*SERVERS.values()])


@pytest.fixture
def job_access(exports: Exports) -> Iterator[None]:
    """Puts the permissions of the job back."""
    jobs, job_id = exports.client.jobs, str(exports.job_id)
    before = jobs.get_permissions(job_id).access_control_list or []
    yield
    jobs.set_permissions(
        job_id,
        access_control_list=[
            JobAccessControlRequest(
                user_name=entry.user_name,
                service_principal_name=entry.service_principal_name,
                permission_level=held.permission_level,
            )
            for entry in before
            for held in entry.all_permissions or []
            if not held.inherited
        ],
    )


@pytest.mark.usefixtures("job_access")
def test_what_others_own_or_hold(
    checks: SetupChecks,
    remedies: Remedies,
    repository: TableRepository,
    exports: Exports,
    others: CatalogClient,
    afterwards: ExitStack,
    stack: LocalStack,
) -> None:
    """And a warehouse that is stopped, which is no fault: the first statement starts it."""
    client, branch = exports.client, repository.branch
    exported, elsewhere = (stack.plain_folder / f"{name}-{repository.name}" for name in ("exports-of", "elsewhere"))
    target = exported.as_uri()
    repository.protect(OWN_BRANCHES)
    for name in ("orders", "parts", "lines"):
        repository.describe(name)
    commit_files(repository, {"_lakefs_tables/bad.yaml": "name: bad\ntype: delta\n"})
    schema = f"{exports.catalog}.{branch}"
    others.create("schema", {"catalog_name": exports.catalog, "name": branch}, unless_exists=False)
    afterwards.callback(others.delete, "schema", schema, force=True)
    places = {"orders": elsewhere / "orders", "parts": exported / branch / "parts"}
    for name, place in places.items():
        write_deltalake(place, pyarrow.table({"word": ["theirs"]}))
        others.create("table", external_table(exports.catalog, branch, name, place.as_uri()), unless_exists=False)
    # Of an export that ran as somebody else.
    say_whose_clone_it_is(places["parts"], repository)
    lines = exported / branch / "lines"
    write_deltalake(lines, pyarrow.table({"word": ["of nobody's export"]}))
    client.external_locations.create("read_only_one", target, "a_credential", read_only=True)
    afterwards.callback(others.delete, "external-location", "read_only_one")
    stack.workspace.create_principal("a-hook-without-rights", kind="service_principal")
    settings = {"target_base_location": target, "hook_service_principal": "a-hook-without-rights"}
    remedies.bundle.command("warehouses", "stop", exports.warehouse_id)
    assert client.warehouses.get(exports.warehouse_id).state == State.STOPPED

    broken = checks.variant(**settings).run(repository)

    names = {"me": stack.workspace.owner, "schema": schema, "branch": branch, "target": target}
    names |= {"elsewhere": elsewhere.as_uri(), "catalog": exports.catalog}
    passing = OF_LAKEFS | (OF_CATALOG - {"external_location", "external_location_grants"}) | OF_TARGET | OF_WAREHOUSE
    assert_told(broken, HELD, passing, secret=stack.lakefs.secret_access_key, **names)
    assert client.warehouses.get(exports.warehouse_id).state == State.RUNNING
    for id_ in ("schema_grants", "table_grants", "external_location", "hook_permission"):
        assert len(remedies.follow(broken.remedy(id_))) == 1, id_
    lines.rename(elsewhere / "lines")
    repository.upload("_lakefs_tables/bad.yaml", "name: bad\ntype: delta\npath: tables/bad\n")
    repository.describe("sales", file="orders", path="tables/orders")
    repository.commit()
    in_force = checks.with_reconcile_in_force(f"reconcile beside {repository.name}")
    assert_mended(in_force.variant(**settings).run(repository), HELD)


def say_whose_clone_it_is(place: Path, repository: TableRepository) -> None:
    """Give the table the properties that a clone of the branch has."""
    origin = Provenance(
        repository=repository.name,
        branch=repository.branch,
        commit_id="c0ffee",
        commit_generation=1,
        path=f"tables/{place.name}",
        line=0,
    )
    log = place / "_delta_log" / f"{0:020}.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        if "metaData" in action:
            action["metaData"]["configuration"] = origin.properties()
    log.write_text("".join(f"{json.dumps(action)}\n" for action in actions))


def external_table(catalog: str, schema: str, name: str, place: str) -> dict[str, object]:
    return {
        "catalog_name": catalog,
        "schema_name": schema,
        "name": name,
        "table_type": "EXTERNAL",
        "data_source_format": "DELTA",
        "storage_location": place,
        "columns": [],
    }


@pytest.mark.skipif("LAKECTL_SERVER_ENDPOINT_URL" in os.environ, reason="its hooks do not have the stack's variables")
def test_hooks_that_are_missing_wrong_or_refused(
    checks: SetupChecks, remedies: Remedies, repository: TableRepository, exports: Exports, stack: LocalStack
) -> None:
    """And descriptors in a folder that the bundle does not know."""
    repository.protect(OWN_BRANCHES)
    commit_files(repository, {"_tables/orders.yaml": "name: orders\ntype: delta\npath: tables/orders\n"})
    wrong, refused = (repository.create_branch(f"{name}_{repository.branch}") for name in ("wrong", "refused"))
    files = render(HookSettings(kind=HookKind.LUA, host=stack.url, job_id="1").checked())
    commit_files(repository, files | {LUA_SCRIPT: f"{files[LUA_SCRIPT]}-- of an earlier version\n"}, branch=wrong)
    # lakeFS keeps the action files of the branch for a while now, so that the next commit goes in.
    commit_files(repository, {"a_note": "of nothing"}, branch=refused)
    kept_until = time.monotonic() + SECONDS_KEPT
    unknown = files[LUA_ACTION].replace("post-merge:", "post-merged:")
    commit_files(repository, files | {LUA_ACTION: unknown}, branch=refused)
    wait_until(lambda: repository.hook_runs(wrong) == ["failed"])
    variant = checks.variant()
    runs = {branch: variant.start(repository, branch=branch) for branch in (repository.branch, wrong, refused)}
    time.sleep(max(0, kept_until + 0.5 - time.monotonic()))
    with pytest.raises(ServerException):
        commit_files(repository, {"b_note": "no commit goes in"}, branch=refused)
    kept_until = time.monotonic() + SECONDS_KEPT
    repository.remove("b_note", branch=refused)

    broken = dict(zip(HOOKS, (variant.ended(run_id) for run_id in runs.values()), strict=True))

    passing = OF_LAKEFS | OF_CATALOG | OF_TARGET | OF_WAREHOUSE
    for branch, (name, run) in zip(runs, broken.items(), strict=True):
        names = {"repository": repository.name, "branch": branch, "job": exports.job_id}
        assert_told(run, HOOKS[name], passing, secret=stack.lakefs.secret_access_key, **names)
    assert broken["wrong"].remedy("hook_version") == broken["wrong"].remedy("hook_job")
    time.sleep(max(0, kept_until + 0.5 - time.monotonic()))
    for name, id_ in {"without": "hook_files", "wrong": "hook_job", "refused": "hook_valid"}.items():
        assert len(remedies.follow(broken[name].remedy(id_))) == 1
    for branch in runs:
        assert exports.run_of(repository, event="post-commit", branch=branch).state == "SUCCESS"
    mended = checks.variant(table_descriptors_path="_tables")
    for run_id in [mended.start(repository, branch=branch) for branch in runs]:
        assert_mended(mended.ended(run_id), [each for hooks in HOOKS.values() for each in hooks])


def commit_files(repository: TableRepository, files: Mapping[str, str], *, branch: str = "") -> None:
    for path, text in files.items():
        repository.upload(path, text, branch=branch)
    repository.commit(branch=branch)
