"""Each thing of the cluster broken in turn: its own line tells, hides no other, and what the line says mends it."""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from cluster_double import (
    BASE,
    BUCKET,
    COMMIT,
    CONTENT,
    FILE,
    FOLDER,
    KEY_ID,
    REFUSED,
    SECRET_KEY,
    SOURCE,
    ClusterInMemory,
    SparkError,
    s3a_error,
)
from doubles import TaskValuesDouble
from remedy_words import unknown_in
from tables_in_memory import TableInMemory

from lakefs_unity_export.checks import clone_again_checks, clone_checks, removal_checks
from lakefs_unity_export.checks.model import Claim, Line, Status
from lakefs_unity_export.checks.redaction import PART_LENGTH
from lakefs_unity_export.clones.delta_tables import Commit
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.clones.provenance import Provenance
from lakefs_unity_export.errors import LakeFSUnavailableError, WorkspaceAccessError
from lakefs_unity_export.tasks.check_cluster_again import checked_again

# Of all tasks on the cluster.
CHECKS = (*clone_checks.CHECKS, *clone_again_checks.CHECKS, *removal_checks.CHECKS)
FAIL, WARN, NOT_RUN, NOT_TRIED, PASS = Status.FAIL, Status.WARN, Status.NOT_RUN, Status.NOT_TRIED, Status.PASS
AT_FILE = f"s3a://shop/{COMMIT}/{FILE}"
AT_FOLDER = f"s3a://shop/{COMMIT}/_lakefs_tables"
PUT_SECRETS = "databricks secrets put-secret lakefs lakefs-secret-access-key"
TARGET = f"{BASE}/main/orders"
OF_BRANCH = Provenance(
    repository="shop", branch="main", commit_id=COMMIT, commit_generation=4, path="tables/orders", line=0
)
REFUSAL = SparkError(REFUSED, "Shallow clone is only supported for the MANAGED table type.")


@dataclass(frozen=True, kw_only=True)
class Breakage:
    """What is broken, by which check it is told and how, and how its remedy is followed.

    mend: does what `remedy` says; it is given the line's remedy where it needs its text. also: other checks that
    rightly tell of the same.
    """

    what: str
    breaks: Callable[[ClusterInMemory], object]
    id: str
    status: Status = FAIL
    says: str
    remedy: str
    mend: Callable[[ClusterInMemory, dict[str, Line]], object]
    also: frozenset[str] = frozenset()


def fails_at_gateway(name: str) -> Callable[[ClusterInMemory], None]:
    def breaks(cluster: ClusterInMemory) -> None:
        cluster.delta.holds_files = _raise(s3a_error(name))  # type: ignore[method-assign]

    return breaks


def _raise(error: Exception) -> Callable[[str], bool]:
    def holds_files(path: str) -> bool:
        if path == AT_FOLDER:
            raise error
        return path == FOLDER

    return holds_files


def _at_target(error: Exception | None) -> Callable[[str], bool]:
    def holds_files(path: str) -> bool:
        if error and path == FOLDER:
            raise error
        return path == AT_FOLDER

    return holds_files


def gateway_is_well(cluster: ClusterInMemory, lines: object = None) -> None:
    cluster.delta.__dict__.pop("holds_files", None)
    cluster.gateway_fails.clear()
    cluster.gateway = {AT_FILE: CONTENT}
    cluster.delta.failures.clear()
    cluster.delta.files = {AT_FOLDER}


def refuses(kind: str, error: Exception) -> Callable[[ClusterInMemory], object]:
    return lambda cluster: cluster.delta.refuses.update({kind: error})


def in_access_mode(mode: str) -> Callable[..., None]:
    return lambda cluster, lines=None: setattr(cluster, "facts_", replace(cluster.facts_, access_mode=mode))


def another_repository(cluster: ClusterInMemory) -> None:
    cluster.names = {name.replace(f"{BUCKET}shop.", f"{BUCKET}example-repo.") for name in cluster.names}


def _mended_by_the_recommendation(cluster: ClusterInMemory, lines: dict[str, Line]) -> None:
    cluster.choose(lines)
    cluster.delta.refuses.clear()


def foreign(**more: object) -> Callable[[ClusterInMemory], object]:
    """A Delta table at the target that is not ours; of properties, those of another export."""
    table = TableInMemory(location=TARGET, newest=Commit(version=3, operation="WRITE", user="etl"), **more)  # type: ignore[arg-type]
    return lambda cluster: cluster.delta.found.update({TARGET: table})


def moved_away(cluster: ClusterInMemory, lines: object = None) -> None:
    cluster.delta.found.pop(TARGET, None)
    cluster.files.content = {path: text for path, text in cluster.files.content.items() if not path.startswith(TARGET)}


BREAKAGES = [
    *(
        Breakage(
            what=f"a target that holds {what}",
            breaks=breaks,
            id="targets_free",
            says=f"the target path {TARGET} of `lake`.`main`.`orders` {says}, and was left as it is",
            remedy="move away what lies there",
            mend=moved_away,
        )
        for what, breaks, says in [
            ("a table of others", foreign(), "holds a Delta table that this export did not make"),
            (
                "another export",
                foreign(properties=replace(OF_BRANCH, branch="dev").properties()),
                "holds the export of branch 'dev' of the lakeFS repository 'shop'",
            ),
            (
                "files",
                lambda cluster: cluster.files.content.update({f"{TARGET}/part-0.csv": "a,b"}),
                "holds files that are no Delta table",
            ),
        ]
    ),
    Breakage(
        what="the access mode",
        breaks=in_access_mode("USER_ISOLATION"),
        id="cluster",
        status=WARN,
        says="runtime 17.3.x-scala2.13, Spark 4.0.0, access mode USER_ISOLATION, one node",
        remedy="set data_security_mode to SINGLE_USER",
        mend=in_access_mode("SINGLE_USER"),
    ),
    Breakage(
        what="all S3A settings",
        breaks=lambda cluster: cluster.names.clear(),
        id="cluster_settings",
        says=f"the cluster has no {BUCKET}shop.endpoint, {BUCKET}shop.access.key, {BUCKET}shop.secret.key",
        remedy="put a block for shop, and deploy",
        mend=lambda cluster, lines: cluster.put_settings(lines["cluster_settings"].remedy),
    ),
    Breakage(
        what="one S3A setting",
        breaks=lambda cluster: cluster.names.remove(f"{BUCKET}shop.secret.key"),
        id="cluster_settings",
        says=f"the cluster has no {BUCKET}shop.secret.key",
        remedy="put a block for shop, and deploy",
        mend=lambda cluster, lines: cluster.put_settings(lines["cluster_settings"].remedy),
    ),
    Breakage(
        what="S3A settings of another repository",
        breaks=another_repository,
        id="cluster_settings",
        says="; there are settings of example-repo",
        remedy="put a block for shop, and deploy",
        mend=lambda cluster, lines: cluster.put_settings(lines["cluster_settings"].remedy),
    ),
    *(
        Breakage(
            what=f"the gateway: {name}",
            breaks=fails_at_gateway(name),
            id="gateway_listing",
            says=says,
            remedy=remedy,
            mend=gateway_is_well,
        )
        for name, says, remedy in [
            ("unknown-host", "cannot be reached from the cluster (UnknownHostException)", "spark.hadoop.fs.s3a.bucket"),
            ("refused", "cannot be reached from the cluster", "check that lakeFS runs, the network"),
            ("timed-out", "cannot be reached from the cluster", "check that lakeFS runs, the network"),
            ("tls-not-trusted", "no TLS connection to lakeFS's S3 gateway", "check http or https in the endpoint"),
            (
                "web-page-of-all",
                "what answers there (NullPointerException) is not",
                "spark.hadoop.fs.s3a.bucket.shop.*",
            ),
            ("302", "is not lakeFS's S3 gateway", "spark.hadoop.fs.s3a.bucket.shop.*"),
            ("503", "failing or limiting requests (503 SlowDown)", "run the job again when it is well"),
            ("403", "refused the cluster's credentials (403)", PUT_SECRETS),
            ("wrong-secret", "refused the cluster's credentials", f'{BUCKET}shop.access.key: "{{{{secrets/'),
            ("no-keys", "has no lakeFS credentials", PUT_SECRETS),
            ("404-no-bucket-in-listing", "lakeFS knows no repository 'shop'", "check the job parameter repository"),
        ]
    ),
    Breakage(
        what="an external location over the repository's name",
        breaks=lambda cluster: setattr(
            cluster.delta,
            "holds_files",
            _raise(SparkError("INSUFFICIENT_PERMISSIONS", "User does not have READ FILES on External Location 'shop'")),
        ),
        id="gateway_listing",
        says=f"Unity Catalog refused {AT_FOLDER}",
        remedy="let it cover a folder of the bucket (such as s3://shop/exports)",
        mend=gateway_is_well,
    ),
    Breakage(
        what="the gateway of another server",
        breaks=lambda cluster: cluster.delta.files.clear(),
        id="gateway_listing",
        says=f"the gateway lists nothing under {AT_FOLDER}",
        remedy="set the bundle variable lakefs_s3_endpoint",
        mend=gateway_is_well,
    ),
    Breakage(
        what="the right to read objects",
        breaks=lambda cluster: cluster.gateway_fails.update({AT_FILE: s3a_error("403")}),
        id="gateway_reading",
        says="refused the cluster's credentials (403)",
        remedy=PUT_SECRETS,
        mend=gateway_is_well,
    ),
    Breakage(
        what="the content of another server",
        breaks=lambda cluster: cluster.gateway.update({AT_FILE: b"<html>"}),
        id="gateway_reading",
        says=f"the gateway gives 6 bytes for {AT_FILE}, and lakeFS's API says {len(CONTENT)}",
        remedy="set the bundle variable lakefs_s3_endpoint",
        mend=gateway_is_well,
    ),
    Breakage(
        what="the way to lakeFS's API",
        breaks=lambda cluster: setattr(
            cluster,
            "api",
            LakeFSUnavailableError("lakeFS at https://lakefs.example.com did not answer (x); check lakefs_endpoint"),
        ),
        id="cluster_lakefs_api",
        status=WARN,
        says="lakeFS at https://lakefs.example.com did not answer",
        remedy="nothing has to be done while no table is exported by the method storage; else check lakefs_endpoint",
        mend=lambda cluster, lines: setattr(cluster, "api", ClusterInMemory().api),
        also=frozenset({"clone_storage", "clone_storage_again", "clone_storage_rows"}),
    ),
    Breakage(
        what="the secrets",
        breaks=lambda cluster: setattr(
            cluster, "api", WorkspaceAccessError("secret 'k' of scope 'lakefs' could not be read (X); create it")
        ),
        id="cluster_lakefs_api",
        status=WARN,
        says="secret 'k' of scope 'lakefs' could not be read (X)",
        remedy="else create it",
        mend=lambda cluster, lines: setattr(cluster, "api", ClusterInMemory().api),
        also=frozenset({"clone_storage", "clone_storage_again", "clone_storage_rows"}),
    ),
    Breakage(
        what="the right to write at the target",
        breaks=lambda cluster: cluster.files.refuses.update(put=RuntimeError("PERMISSION_DENIED: no WRITE FILES")),
        id="target_written",
        says=f"{FOLDER} cannot be written: RuntimeError: PERMISSION_DENIED: no WRITE FILES",
        remedy="GRANT READ FILES, WRITE FILES ON EXTERNAL LOCATION `exports`",
        mend=lambda cluster, lines: cluster.grant(lines["target_written"].remedy),
    ),
    Breakage(
        what="the right to read at the target",
        breaks=lambda cluster: cluster.gateway_fails.update({f"{FOLDER}/probe.txt": RuntimeError("no READ FILES")}),
        id="target_written",
        says=f"{FOLDER} cannot be read: RuntimeError: no READ FILES",
        remedy="GRANT READ FILES, WRITE FILES ON EXTERNAL LOCATION `exports`",
        mend=gateway_is_well,
    ),
    Breakage(
        what="a target that gives something else back",
        breaks=lambda cluster: cluster.gateway.update({f"{FOLDER}/probe.txt": b"old"}),
        id="target_written",
        says="does not hold what was written to it",
        remedy="report this line",
        mend=gateway_is_well,
    ),
    Breakage(
        what="the right to list the target",
        breaks=lambda cluster: setattr(cluster.delta, "holds_files", _at_target(RuntimeError("no READ FILES"))),
        id="target_written",
        says=f"{FOLDER} cannot be listed: RuntimeError: no READ FILES",
        remedy="GRANT READ FILES, WRITE FILES ON EXTERNAL LOCATION `exports`",
        mend=gateway_is_well,
    ),
    Breakage(
        what="a target that is listed without what is there",
        breaks=lambda cluster: setattr(cluster.delta, "holds_files", _at_target(None)),
        id="target_written",
        says=f"{FOLDER} is listed without what was written to it",
        remedy="report this line",
        mend=gateway_is_well,
    ),
    Breakage(
        what="the target's form",
        breaks=lambda cluster: cluster.set(target_base_location="/Volumes/x"),
        id="target_written",
        status=NOT_TRIED,
        says="is a volume",
        remedy="",
        mend=lambda cluster, lines: cluster.set(target_base_location="s3://bucket/exports"),
        also=frozenset({"source_table"}),
    ),
    Breakage(
        what="the table's log",
        breaks=lambda cluster: cluster.delta.failures.update({SOURCE: s3a_error("403-of-the-log")}),
        id="source_table",
        says="refused the cluster's credentials (403 AccessDenied)",
        remedy=PUT_SECRETS,
        mend=gateway_is_well,
    ),
    Breakage(
        what="a table whose files Spark does not name",
        breaks=lambda cluster: cluster.delta.source_files.append("part-1.parquet"),
        id="source_table",
        says=f"the table {SOURCE} has 1 files, and Spark names 2 of them by absolute path",
        remedy="report this line",
        mend=lambda cluster, lines: cluster.delta.source_files.clear(),
    ),
    Breakage(
        what="shallow clones of a path",
        breaks=refuses("shallow", REFUSAL),
        id="clone_shallow",
        says=f"Databricks refused it: {REFUSED}",
        remedy="set the bundle variable clone_method to the one that is recommended at the report's end",
        mend=lambda cluster, lines: cluster.choose(lines),
        also=frozenset({"clone_storage"}),
    ),
    Breakage(
        what="shallow clones to the driver's disk",
        breaks=refuses("draft", REFUSAL),
        id="clone_storage",
        status=WARN,
        says=f"Databricks refused it: {REFUSED}",
        remedy="nothing has to be done while no table is exported by the method storage",
        mend=lambda cluster, lines: cluster.delta.refuses.clear(),
    ),
    Breakage(
        what="deep clones",
        breaks=refuses("deep", SparkError("DELTA_CLONE_UNSUPPORTED_SOURCE", "Unsupported deep clone source")),
        id="clone_deep",
        status=WARN,
        says="refused with DELTA_CLONE_UNSUPPORTED_SOURCE: cannot clone ",
        remedy="nothing has to be done while no table is exported by the method deep",
        mend=lambda cluster, lines: cluster.delta.refuses.clear(),
    ),
    *(
        Breakage(
            what=f"the history of a clone by {method}",
            breaks=lambda cluster: setattr(cluster.delta, "forgets", True),
            id=f"clone_{method}_again",
            status=status,
            says="does not have both clones with their user metadata",
            remedy="set the bundle variable clone_method to the one that is recommended",
            mend=lambda cluster, lines: setattr(cluster.delta, "forgets", False),
            also=frozenset(f"clone_{other}_{when}" for other in CloneMethod for when in ("again", "registered")),
        )
        for method, status in [("shallow", FAIL), ("storage", WARN), ("deep", WARN)]
    ),
    *(
        Breakage(
            what=f"a clone by {method} over a registered table",
            breaks=lambda cluster, kind=kind: setattr(cluster, "later", lambda: refuses(kind, REFUSAL)(cluster)),  # type: ignore[misc]
            id=f"clone_{method}_registered",
            status=status,
            says=f"Databricks refused it: {REFUSED}",
            remedy="set the bundle variable clone_method to the one that is recommended",
            mend=_mended_by_the_recommendation,
            also=frozenset(also),
        )
        for method, kind, status, also in [
            # A clone by storage is a shallow one of a draft.
            ("shallow", "shallow", FAIL, {"clone_storage_registered"}),
            ("storage", "draft", WARN, set()),
            ("deep", "deep", WARN, set()),
        ]
    ),
    Breakage(
        what="the comment of a table that is cloned over",
        breaks=lambda cluster: setattr(cluster.delta, "keeps_comment", False),
        id="clone_comment",
        status=WARN,
        says="clones by shallow, storage, deep lost it, and were given it again",
        remedy="nothing has to be done",
        mend=lambda cluster, lines: None,
    ),
    *(
        Breakage(
            what=f"reading a clone by {method}",
            breaks=lambda cluster, method=method: cluster.unreadable.update({method: s3a_error("403")}),  # type: ignore[misc]
            id=f"clone_{method}_rows",
            status=WARN,
            says="the cluster cannot read it: ",
            remedy=remedy,
            mend=lambda cluster, lines: cluster.unreadable.clear(),
        )
        for method, remedy in [
            ("shallow", "on a cluster with the settings of s3a_conf"),
            ("storage", "make an external location over lakeFS's storage namespace"),
            ("deep", "grant READ FILES on the external location of the target"),
        ]
    ),
    Breakage(
        what="what a clone says of itself",
        breaks=lambda cluster: setattr(cluster.delta, "look", _without_properties(cluster)),
        id="clone_provenance",
        says="clones by shallow, storage, deep lack the properties or the user metadata",
        remedy="report this line",
        mend=lambda cluster, lines: cluster.delta.__dict__.pop("look"),
    ),
    Breakage(
        what="the metrics of a clone",
        breaks=lambda cluster: setattr(cluster.delta, "look", _without_metrics(cluster)),
        id="clone_metrics",
        status=WARN,
        says="clones by shallow, storage, deep do not tell their files and bytes",
        remedy="report this line",
        mend=lambda cluster, lines: cluster.delta.__dict__.pop("look"),
    ),
    Breakage(
        what="the right to remove",
        breaks=lambda cluster: cluster.files.refuses.update(rm=RuntimeError("no WRITE FILES")),
        id="target_removed",
        status=WARN,
        says=f"{FOLDER} cannot be removed: RuntimeError: no WRITE FILES",
        remedy=f'in a notebook: dbutils.fs.rm("{FOLDER}", True)',
        mend=lambda cluster, lines: (cluster.files.refuses.clear(), cluster.files.rm(FOLDER, True)),
    ),
]


def _without_properties(cluster: ClusterInMemory) -> Callable[[str], object]:
    look = type(cluster.delta).look

    def stripped(path: str) -> object:
        state = look(cluster.delta, path)
        return state if state is None or cluster.is_cloning else replace(state, properties={})

    return stripped


def _without_metrics(cluster: ClusterInMemory) -> Callable[[str], object]:
    look = type(cluster.delta).look

    def stripped(path: str) -> object:
        state = look(cluster.delta, path)
        return state if state is None else replace(state, newest=replace(state.newest, files=None))

    return stripped


def test_a_sound_cluster_passes_every_check() -> None:
    cluster = ClusterInMemory()
    lines = cluster.check()
    assert [line.id for line in lines.values()] == [check.id for check in CHECKS]
    assert {id_: line for id_, line in lines.items() if line.status is not PASS} == {}
    assert {line.remedy for line in lines.values()} == {""}
    confirmed = {id_ for id_, line in lines.items() if line.claim is Claim.CONFIRMED}
    assert confirmed >= {check.id for check in CHECKS if check.claims} - {"cluster_lakefs_api"}  # of Azure
    left = [
        line
        for values in (cluster.values, cluster.values_again, cluster.removal_values)
        for line in values.values["lines"]
    ]
    assert [Line.of_json(each) for each in left] == list(lines.values())


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: f"{breakage.id}: {breakage.what}")
def test_it_is_told_by_its_line_hides_no_other_and_is_mended_by_what_the_line_says(breakage: Breakage) -> None:
    cluster = ClusterInMemory()
    breakage.breaks(cluster)

    found = cluster.check()

    line = found[breakage.id]
    assert (line.status, breakage.says in line.finding) == (breakage.status, True), line
    assert breakage.remedy in line.remedy
    assert {each.id: unknown for each in found.values() if (unknown := unknown_in(each.remedy))} == {}
    assert [other for other in breakage.also if found[other].status is PASS] == []
    for check in CHECKS:
        if check.id not in {breakage.id, *breakage.also}:
            # Of the task before.
            before = (check.id.removesuffix("_registered"),) if check.id.endswith("_registered") else ()
            needs = (*check.needs, *before)
            waits = any(needed in found and found[needed].status is not PASS for needed in needs)
            nothing = (
                check.id in {"clone_provenance", "clone_metrics", "clone_comment", "target_removed"}
                and found[check.id].status is NOT_RUN
            )
            assert nothing or found[check.id].status is (NOT_RUN if waits else PASS), found[check.id]
    told = cluster.out.getvalue() + str(cluster.values.values)
    assert not any(
        SECRET_KEY[start : start + PART_LENGTH] in told for start in range(len(SECRET_KEY) - PART_LENGTH + 1)
    )
    is_left = breakage.id == "target_removed"
    # What others have at the target stays.
    assert ({path for path in cluster.files.content if not path.startswith(TARGET)} != set()) == is_left

    breakage.mend(cluster, found)

    assert [line for line in cluster.check().values() if line.status in (FAIL, NOT_TRIED)] == []


def test_every_check_is_broken_by_something() -> None:
    assert {breakage.id for breakage in BREAKAGES} == {check.id for check in CHECKS}


def test_a_method_that_a_descriptor_names_is_in_use() -> None:
    cluster = ClusterInMemory()
    cluster.handed = replace(cluster.handed, methods=("storage",))
    cluster.api = LakeFSUnavailableError("no answer; look at it")
    line = cluster.check()["cluster_lakefs_api"]
    assert (line.status, line.finding, line.remedy) == (FAIL, "no answer", "look at it")


def test_a_claim_is_refuted_by_databricks_own_refusal_only() -> None:
    cluster = ClusterInMemory()
    cluster.delta.refuses["shallow"] = REFUSAL
    assert cluster.check()["clone_shallow"].claim is Claim.REFUTED
    cluster.delta.refuses["shallow"] = s3a_error("503")
    assert cluster.check()["clone_shallow"].claim is Claim.OPEN


def test_a_secret_in_an_error_is_taken_out() -> None:
    cluster = ClusterInMemory()
    cluster.delta.refuses["deep"] = RuntimeError(f"cannot sign in as {KEY_ID} with {SECRET_KEY[:12]}")
    line = cluster.check()["clone_deep"]
    assert "[secret]" in line.finding
    assert SECRET_KEY[:6] not in cluster.out.getvalue() + str(cluster.values.values)


def test_without_what_the_task_before_hands_over_the_cluster_and_the_target_are_looked_at() -> None:
    cluster = ClusterInMemory()
    setup = cluster.setup

    def silent() -> object:
        raise ValueError("Task key does not exist in run")

    cluster.setup = lambda: replace_handed(setup(), silent)  # type: ignore[method-assign]
    lines = cluster.check()
    assert {id_ for id_, line in lines.items() if line.status is PASS} == {
        *("cluster", "cluster_settings", "target_written", "target_removed")
    }
    assert {line.status for line in lines.values()} == {PASS, NOT_RUN}
    assert "handed no commit of the branch over" in lines["gateway_listing"].finding


def replace_handed(setup: object, handed: object) -> object:
    setup.handed_over = handed  # type: ignore[attr-defined]
    return setup


def test_a_branch_without_a_table_has_no_clone_to_try() -> None:
    cluster = ClusterInMemory()
    cluster.delta.found.clear()
    lines = cluster.check()
    assert lines["source_table"].status is NOT_RUN
    assert lines["source_table"].finding == "there is no Delta table at tables/orders at the head"
    assert {line.status for line in lines.values()} == {PASS, NOT_RUN}


def test_the_first_table_that_can_be_opened_is_cloned() -> None:
    cluster = ClusterInMemory()
    cluster.handed = replace(cluster.handed, tables=("tables/gone", "tables/broken", "tables/orders"))
    cluster.delta.failures[f"s3a://shop/{COMMIT}/tables/broken"] = s3a_error("404-no-version")
    assert {line.status for line in cluster.check().values()} == {PASS}
    assert {request.path for request in cluster.requests} == {"tables/orders"}


def test_it_clones_to_its_own_folder_only() -> None:
    cluster = ClusterInMemory()
    cluster.check()
    assert [(request.method, request.line) for request in cluster.requests] == [
        *((method, line) for method in ("shallow", "storage", "deep") for line in (0, 1)),
        *((method, 2) for method in ("shallow", "storage", "deep")),
    ]
    assert {request.target_path for request in cluster.requests} == {
        f"{FOLDER}/{method}" for method in ("shallow", "storage", "deep")
    }
    assert cluster.requests[0].table == "`lake`.`lakefs_unity_export_check_4711`.`shallow`"


def test_the_export_s_own_clone_is_no_obstacle() -> None:
    cluster = ClusterInMemory()
    foreign(properties=OF_BRANCH.properties())(cluster)
    line = cluster.check()["targets_free"]
    assert (line.status, line.finding) == (
        PASS,
        "the targets of 1 tables are free, or hold this export's own clones",
    )


def test_a_target_that_cannot_be_looked_at_is_told_as_such() -> None:
    cluster = ClusterInMemory()
    cluster.delta.failures[TARGET] = RuntimeError("PERMISSION_DENIED: no SELECT on Table lake.main.orders")
    line = cluster.check()["targets_free"]
    assert line.status is NOT_TRIED
    assert f"{TARGET} of `lake`.`main`.`orders` cannot be looked at: " in line.finding
    assert line.remedy == "do what the lines table_grants and external_location_grants say"


def test_without_a_described_table_no_target_is_looked_at() -> None:
    cluster = ClusterInMemory()
    cluster.handed = replace(cluster.handed, targets={})
    assert cluster.check()["targets_free"].status is NOT_RUN


def test_a_clone_that_no_warehouse_registered_is_not_cloned_again() -> None:
    cluster = ClusterInMemory()
    cluster.unregistered = {CloneMethod.STORAGE}
    line = cluster.check()["clone_storage_registered"]
    assert (line.status, line.finding) == (NOT_RUN, "needs warehouse_storage")
    assert cluster.values_again.values["cloned_again"] == ["shallow", "deep"]


def test_without_a_word_of_the_warehouse_nothing_is_cloned_again() -> None:
    cluster = ClusterInMemory()
    values = TaskValuesDouble()
    lines = checked_again(cluster.setup(), values, io.StringIO())
    assert {line.status for line in lines} == {NOT_RUN}
    assert (cluster.requests, values.values["cloned_again"]) == ([], [])


@pytest.mark.parametrize(
    ("comment", "keeps", "claim"),
    [("of somebody", True, Claim.CONFIRMED), ("of somebody", False, Claim.REFUTED), ("", True, Claim.OPEN)],
)
def test_a_comment_says_whether_clones_keep_it(comment: str, keeps: bool, claim: Claim) -> None:
    cluster = ClusterInMemory()
    cluster.comment, cluster.delta.keeps_comment = comment, keeps
    assert cluster.check()["clone_comment"].claim is claim


def test_what_was_written_is_removed_where_the_run_is_stopped() -> None:
    class Stopped(BaseException):
        pass

    cluster = ClusterInMemory()
    cluster.has_rows = _raise_stopped(Stopped())  # type: ignore[method-assign]
    with pytest.raises(Stopped):
        cluster.check()
    assert cluster.files.content == {}


def _raise_stopped(error: BaseException) -> Callable[[str], bool]:
    def raising(path: str) -> bool:
        raise error

    return raising
