"""The job `check_setup`: what it says of the local stack, and of one that is broken and mended as its lines say."""

import os
import secrets

import pytest
from bundle_commands import BundleCommands
from deployed_exports import Exports
from remedies import Remedies
from setup_checks import SetupChecks
from table_repository import TableRepository
from waiting import wait_until

from lakefs_unity_export.checks.probe import PREFIX
from lakefs_unity_export.clones.methods import METHODS
from local_stack.cluster.clone_checks import DEEP_REFUSED, DRIVER_DISK_REFUSED, REFUSED, SECOND_REFUSED
from local_stack.stack import LocalStack
from local_stack.warehouse.limits import Limits

pytestmark = [
    pytest.mark.e2e,
    # Its lines would say so: the open-source server tells no effective permissions.
    pytest.mark.skipif("UNITY_CATALOG_URL" in os.environ, reason="UNITY_CATALOG_URL names a server of others"),
]

WRONG_SECRET = "wr0ng-S3cret-0f-s0mebody"


@pytest.fixture
def checks(exports: Exports) -> SetupChecks:
    return SetupChecks(exports.client)


@pytest.fixture
def described(repository: TableRepository) -> TableRepository:
    """A repository without a hook, whose table is described and not there: clones, which take time, are not tried.

    Nor can a table of the check's own be written.
    """
    repository.protect(f"{PREFIX}*")
    repository.describe("orders")
    repository.commit()
    return repository


def test_it_passes_on_the_local_stack(
    bundle: BundleCommands, checks: SetupChecks, repository: TableRepository, exports: Exports, stack: LocalStack
) -> None:
    repository.add("orders", ["o1"])
    repository.commit()
    parameters = (f"--repository={repository.name}", f"--branch={repository.branch}")
    bundle("run", "check_setup", "-t", "local", "--", *parameters)

    ended = checks.last()

    assert ended.state == "SUCCESS"
    assert ended.unwell("fail", "not tried") == set()
    # No hook was installed, nothing was exported, and the schedule is paused unless it is asked for. Neither the
    # warehouse nor serverless compute has settings of lakeFS.
    unread = {"warehouse_shallow_rows", "serverless_shallow_rows"}
    assert ended.unwell("warn") == {"hook_files", "reconcile_schedule", *unread}
    assert ended.unwell("not run") == {
        *("hook_valid", "hook_job", "hook_version", "hook_runs"),
        *("tables_listed", "warehouse_history", "warehouse_rows"),
    }
    assert ended.line("warehouse")["finding"] == "Local Warehouse is there, RUNNING"
    assert ended.line("dbutils")["finding"] == "by databricks.sdk.runtime.dbutils"
    claims = ended.report["claims"]
    untried = (
        # No table is exported yet.
        *("`tables.list` shows", "A query on a warehouse may read `(DESCRIBE HISTORY <table>"),
        # The local cluster tells no access mode, and lakeFS keeps files here.
        *("A classic cluster with `data_security_mode: SINGLE_USER`", "lakeFS names objects on Azure"),
    )
    assert [claim for claim in claims if claims[claim] != "confirmed here" and not claim.startswith(untried)] == []
    assert ended.report["recommended_clone_method"] == {"clusters": "shallow", "everybody": "storage"}
    assert ended.line("warehouse_listed")["finding"] == (
        "information_schema shows shallow as EXTERNAL, storage as EXTERNAL, deep as EXTERNAL"
    )
    # A deep clone's first copy goes over an empty table; the comment that the warehouse gives is a version too.
    versions = {"shallow": (1, 3), "storage": (1, 3), "deep": (2, 4)}
    for method, (before, after) in versions.items():
        assert ended.line(f"clone_{method}_registered")["finding"] == f"version {before}, then version {after}"
    assert ended.line("clone_comment")["finding"] == "clones by shallow, storage, deep kept it"
    assert ended.line("warehouse_grant_kept")["finding"].endswith("has SELECT on clones by shallow, storage, deep")
    own = f"{PREFIX}{checks.run_ids()[0]}"
    assert ended.line("own_table")["finding"] == (
        f"lakefs_unity_export_check/table was written to branch {own}_1, and with another row to {own}_2, "
        "without a commit"
    )
    assert ended.line("source_table")["finding"].startswith(f"the table s3a://{repository.name}/{own}_1/")
    for method in METHODS:
        assert ended.line(f"clone_{method}_again")["finding"].endswith("; 1 file, then 2")
    assert_nothing_is_left(checks, exports, stack, repository)
    assert stack.lakefs.secret_access_key not in ended.text


def assert_nothing_is_left(
    checks: SetupChecks, exports: Exports, stack: LocalStack, repository: TableRepository
) -> None:
    assert repository.branches() == {repository.branch}
    assert not any(exports.has_schema(f"{PREFIX}{run}") for run in checks.run_ids())
    assert [*(stack.folder / "exports").glob(f"{PREFIX.rstrip('_')}*")] == []


def test_what_a_cluster_wrote_that_was_killed_is_removed_by_the_last_task(
    checks: SetupChecks, repository: TableRepository, exports: Exports, stack: LocalStack
) -> None:
    repository.add("orders", ["o1"])
    repository.commit()
    run_id = checks.start(repository)
    clone = f"{PREFIX.rstrip('_')}/{PREFIX}{run_id}/shallow/_delta_log/*.json"
    wait_until(lambda: [*(stack.folder / "exports").glob(clone)] != [], seconds=60)

    stack.cluster.kill()
    ended = checks.ended(run_id)

    assert (ended.state, ended.unwell("fail")) == ("FAILED", {"task_values"})
    assert ended.line("task_values")["finding"].startswith(
        "check_cluster ended failed, and what it left cannot be read"
    )
    removed = ("warehouse_schema", "target_removed", "own_table_removed")
    assert {ended.line(id_)["status"] for id_ in removed} == {"pass"}
    assert_nothing_is_left(checks, exports, stack, repository)


def test_a_key_that_may_read_only_makes_no_branch(
    checks: SetupChecks, repository: TableRepository, exports: Exports, stack: LocalStack
) -> None:
    if stack.lakefs.stand_in is None:
        pytest.skip("a server of others is told of no users")
    reader = stack.lakefs.stand_in.add_user(denied={"fs:CreateBranch", "fs:DeleteBranch", "fs:WriteObject"})
    scope = f"reader-{repository.name}"
    exports.client.secrets.create_scope(scope)
    for key, value in {"lakefs-access-key-id": reader.id, "lakefs-secret-access-key": reader.secret}.items():
        exports.client.secrets.put_secret(scope, key, string_value=value)
    repository.describe("orders")
    repository.commit()

    ended = checks.variant(secret_scope=scope).run(repository)

    assert (ended.state, ended.unwell("fail", "not tried")) == ("SUCCESS", set())
    line = ended.line("own_table")
    assert line["status"] == "not run"
    assert line["finding"].startswith("the key may not make branches and write to them (lakeFS at ")
    assert line["finding"].endswith("; a table that the descriptors name is cloned")
    # As without a table of the check's own.
    assert ended.line("source_table")["finding"] == "there is no Delta table at tables/orders at the head"
    assert ended.line("own_table_removed")["finding"] == "no branch was made"
    assert_nothing_is_left(checks, exports, stack, repository)


def test_grants_that_are_missing_are_told_and_given_by_the_statements_that_the_lines_have(
    checks: SetupChecks, described: TableRepository, exports: Exports, stack: LocalStack
) -> None:
    me = stack.workspace.owner
    exports.sql(f"REVOKE CREATE SCHEMA ON CATALOG `{exports.catalog}` FROM `{me}`")
    exports.sql(f"REVOKE READ FILES, WRITE FILES ON EXTERNAL LOCATION `exports` FROM `{me}`")

    broken = checks.run(described)
    lines = [broken.line("catalog_grants"), broken.line("external_location_grants")]
    for line in lines:
        exports.sql(line["remedy"])
    mended = checks.run(described)

    assert broken.state == "FAILED"
    assert broken.unwell("fail") == {line["id"] for line in lines}
    assert [line["finding"] for line in lines] == [
        f"{me} has no CREATE SCHEMA on CATALOG {exports.catalog}",
        f"{me} has no READ FILES, WRITE FILES on EXTERNAL LOCATION exports",
    ]
    assert "SetupCheckError: exports would fail: mend catalog_grants first" in broken.text
    assert (mended.state, mended.unwell("fail", "not tried")) == ("SUCCESS", set())


def test_a_wrong_secret_is_told_and_not_shown(
    checks: SetupChecks, described: TableRepository, exports: Exports, stack: LocalStack
) -> None:
    scopes = exports.client.secrets
    scope = f"wrong-{described.name}"
    scopes.create_scope(scope)
    right = {"lakefs-access-key-id": stack.lakefs.access_key_id, "lakefs-secret-access-key": WRONG_SECRET}
    for key, value in right.items():
        scopes.put_secret(scope, key, string_value=value)
    variant = checks.variant(secret_scope=scope)

    broken = variant.run(described)
    line = broken.line("lakefs_key")
    right["lakefs-secret-access-key"] = stack.lakefs.secret_access_key
    for command in line["remedy"].splitlines()[:2]:
        assert command.startswith(f"databricks secrets put-secret {scope} ")
        key = command.rpartition(" ")[2]
        scopes.put_secret(scope, key, string_value=right[key])
    mended = variant.run(described)

    assert (broken.state, broken.unwell("fail")) == ("FAILED", {"lakefs_key"})
    assert "answered 401" in line["finding"]
    assert not any(WRONG_SECRET[start : start + 6] in broken.text for start in range(len(WRONG_SECRET) - 5))
    assert broken.line("catalog_grants")["status"] == "pass"
    assert (mended.state, mended.unwell("fail", "not tried")) == ("SUCCESS", set())


def test_an_identity_without_any_right_gets_them_by_the_commands_that_the_lines_have(
    bundle: BundleCommands, checks: SetupChecks, described: TableRepository, exports: Exports, stack: LocalStack
) -> None:
    """As in target prod, whose service principal owns no job."""
    identity = f"0f0f0f0f-0000-4000-8000-{secrets.token_hex(6)}"
    stack.workspace.create_principal(identity, kind="service_principal")
    variant = checks.variant(run_as=identity)
    remedies = Remedies(bundle=bundle, exports=exports, stack=stack)

    first = variant.run(described)
    # What cannot be reached without the first right shows once it is given.
    run, followed = first, list[str]()
    for _ in range(3):
        for line in run.report["checks"]:
            if line["status"] in ("fail", "not tried"):
                followed += remedies.follow(line["remedy"])
        run = variant.run(described)
        if run.state == "SUCCESS":
            break

    # A cluster whose settings name secrets that its identity may not read does not start.
    assert first.unwell("fail") == {"secrets", "catalog_grants", "external_location_grants", "warehouse", "task_values"}
    assert first.line("task_values")["finding"].startswith(
        "check_cluster ended failed, and what it left cannot be read"
    )
    assert {line.split(" ON ")[0] for line in followed if line.startswith("GRANT")} == {
        "GRANT USE CATALOG, CREATE SCHEMA",
        "GRANT CREATE EXTERNAL TABLE, READ FILES, WRITE FILES",
    }
    assert f"databricks secrets put-acl lakefs {identity} READ" in followed
    assert any("permissions update warehouses" in line and '"permission_level": "CAN_USE"' in line for line in followed)
    assert (run.state, run.unwell("fail", "not tried")) == ("SUCCESS", set())


def test_a_warehouse_that_is_not_there_is_told_and_hides_nothing(
    checks: SetupChecks, described: TableRepository, exports: Exports, stack: LocalStack
) -> None:
    broken = checks.variant(warehouse_id="0123456789abcdef").run(described)
    assert (broken.state, broken.unwell("fail")) == ("FAILED", {"warehouse"})
    assert "no SQL warehouse 0123456789abcdef" in broken.line("warehouse")["finding"]
    assert broken.line("branch")["status"] == broken.line("external_location_grants")["status"] == "pass"
    assert broken.line("target_removed")["status"] == "pass"
    assert_nothing_is_left(checks, exports, stack, described)


def test_a_workspace_that_refuses_shallow_clones_is_told_the_method_that_it_allows(
    checks: SetupChecks, repository: TableRepository, exports: Exports, stack: LocalStack
) -> None:
    """Before there is a table to export: nothing was ever committed to the repository."""
    refusing = checks.variant(spark_conf={REFUSED: "true"})

    broken = refusing.run(repository)
    recommended = broken.report["recommended_clone_method"]
    mended = refusing.variant(clone_method=recommended["clusters"]).run(repository)

    assert (broken.state, broken.unwell("fail")) == ("FAILED", {"clone_shallow"})
    line = broken.line("clone_shallow")
    assert line["finding"] == ("Databricks refused it: CANNOT_SHALLOW_CLONE_NON_UC_MANAGED_TABLE_AS_SOURCE_OR_TARGET")
    assert "the one that is recommended at the report's end" in line["remedy"]
    assert recommended == {"clusters": "deep", "everybody": "deep"}
    of_paths = "A shallow clone from `s3a://` to a path of an external location is allowed"
    assert broken.report["claims"][of_paths] == "refuted here"
    assert (mended.state, mended.unwell("fail", "not tried")) == ("SUCCESS", set())
    # The methods that nobody uses are warned of.
    assert {"clone_shallow", "clone_storage"} <= mended.unwell("warn")
    of_deep = ("clone_deep", "clone_deep_again", "clone_deep_rows", "warehouse_deep", "warehouse_deep_rows")
    assert {mended.line(id_)["status"] for id_ in of_deep} == {"pass"}
    assert_nothing_is_left(checks, exports, stack, repository)


def test_what_else_a_workspace_may_refuse_is_told_on_its_own_line(
    checks: SetupChecks, repository: TableRepository, stack: LocalStack
) -> None:
    """With a table that a descriptor names, since no other can be written."""
    repository.protect(f"{PREFIX}*")
    repository.add("orders", ["o1"])
    repository.commit()

    other_methods = checks.variant(spark_conf={DRIVER_DISK_REFUSED: "true", DEEP_REFUSED: "true"}).run(repository)
    stack.warehouse.limits = stack.warehouse.serverless_limits = Limits(reads_files_elsewhere=False)
    try:
        second_clones = checks.variant(spark_conf={SECOND_REFUSED: "true"}).run(repository)
    finally:
        stack.warehouse.limits = stack.warehouse.serverless_limits = Limits()

    assert other_methods.state == "SUCCESS"
    rule = f"a rule protects branches {PREFIX}* of the repository"
    assert other_methods.line("own_table")["finding"].startswith(rule)
    assert other_methods.line("source_table")["finding"].endswith("/tables/orders has 1 files")
    assert other_methods.line("clone_shallow_again")["status"] == "pass"
    assert {"clone_storage", "clone_deep"} <= other_methods.unwell("warn")
    assert "UC_COMMAND_NOT_SUPPORTED" in other_methods.line("clone_deep")["finding"]
    assert other_methods.report["recommended_clone_method"] == {"clusters": "shallow", "everybody": ""}
    again = {"clone_shallow_again", "clone_shallow_registered"}
    assert (second_clones.state, second_clones.unwell("fail")) == ("FAILED", again)
    # A deep clone's first copy goes over an empty table.
    assert {"clone_storage_again", "clone_deep"} <= second_clones.unwell("warn")
    assert "UC_COMMAND_NOT_SUPPORTED" in second_clones.line("clone_shallow_again")["finding"]
    assert second_clones.report["recommended_clone_method"] == {"clusters": "", "everybody": ""}
    for place in ("warehouse", "serverless"):
        line = second_clones.line(f"{place}_storage_rows")
        assert (line["status"], "FAILED_READ_FILE" in line["finding"]) == ("warn", True)


def test_an_exported_table_that_the_warehouse_cannot_read_is_told(
    checks: SetupChecks, repository: TableRepository, exports: Exports
) -> None:
    """That another clone method mends it: test_readers.py."""
    repository.add("orders", ["o1"])
    repository.commit()
    assert exports.run(repository, clone_method="shallow").state == "SUCCESS"
    # No clone is tried then.
    repository.protect(f"{PREFIX}*")
    repository.remove(f"tables/orders/_delta_log/{0:020}.json")
    repository.commit()

    ended = checks.run(repository)

    assert (ended.state, ended.unwell("fail", "not tried")) == ("SUCCESS", set())
    line = ended.line("warehouse_rows")
    assert line["status"] == "warn"
    assert "a clone by the method shallow, cannot be read: " in line["finding"]
    assert line["remedy"].startswith("set the bundle variable clone_method to deep")
    # What the export registered is its own.
    assert {ended.line(id_)["status"] for id_ in ("names_free", "table_grants", "tables_listed")} == {"pass"}
