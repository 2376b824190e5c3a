"""Clones of the table of check_setup's own: the second one is of another branch, and shows the change."""

from dataclasses import replace

import pytest
from cluster_double import COMMIT, OWN_TABLE, SOURCE, ClusterInMemory, s3a_error

from lakefs_unity_export.checks.handed_over import HandedOver
from lakefs_unity_export.checks.model import Claim, Status
from lakefs_unity_export.clones.methods import METHODS

FIRST, SECOND = OWN_TABLE.branches


@pytest.fixture
def cluster() -> ClusterInMemory:
    made = ClusterInMemory()
    made.own_table()
    return made


def test_every_check_passes_and_the_second_clone_shows_the_change(cluster: ClusterInMemory) -> None:
    lines = cluster.check()
    assert {line.status for line in lines.values()} == {Status.PASS}
    assert f"s3a://shop/{FIRST}/{OWN_TABLE.path} has 1 files" in lines["source_table"].finding
    assert lines["clone_shallow_again"].finding == "version 0, then version 1; 1 file, then 2"
    for method in METHODS:
        assert lines[f"clone_{method}_again"].finding.endswith("; 1 file, then 2")
        assert lines[f"clone_{method}_again"].claim is Claim.CONFIRMED


def test_the_first_clones_are_of_the_first_branch_and_later_ones_of_the_second(cluster: ClusterInMemory) -> None:
    cluster.check()
    assert [(request.line, request.source_path, request.commit_id) for request in cluster.requests] == [
        (line, f"s3a://shop/{branch}/{OWN_TABLE.path}", branch)
        # The third clones come once all are registered.
        for line, branch in [*list(enumerate(OWN_TABLE.branches)) * len(METHODS), *[(2, SECOND)] * len(METHODS)]
    ]


def test_a_table_that_the_descriptors_name_does_not_change_between_clones() -> None:
    line = ClusterInMemory().check()["clone_shallow_again"]
    assert (line.status, line.finding) == (Status.PASS, "version 0, then version 1")


def test_a_second_clone_that_does_not_show_the_change_is_told(cluster: ClusterInMemory) -> None:
    cluster.delta.found[f"s3a://shop/{SECOND}/{OWN_TABLE.path}"] = replace(
        cluster.delta.found[f"s3a://shop/{SECOND}/{OWN_TABLE.path}"], files=1
    )
    line = cluster.check()["clone_shallow_again"]
    assert (line.status, line.claim) == (Status.FAIL, Claim.REFUTED)
    assert line.finding == "the table has a file more than before, and the second clone refers to 1 after 1"


def test_where_its_commits_do_not_tell_their_files_nothing_is_said_of_them(cluster: ClusterInMemory) -> None:
    clone = cluster.clone
    cluster.clone = lambda request: replace(clone(request), files=None)  # type: ignore[method-assign, type-var]
    line = cluster.check()["clone_deep_again"]
    assert (line.status, line.finding) == (Status.PASS, "version 1, then version 2")


def test_without_any_descriptor_clones_are_tried(cluster: ClusterInMemory) -> None:
    cluster.handed = replace(cluster.handed, tables=())
    del cluster.delta.found[SOURCE]
    assert {line.status for line in cluster.check().values()} == {Status.PASS}
    assert {request.path for request in cluster.requests} == {OWN_TABLE.path}


def test_where_the_gateway_does_not_give_it_a_described_table_is_cloned(cluster: ClusterInMemory) -> None:
    cluster.delta.failures[f"s3a://shop/{FIRST}/{OWN_TABLE.path}"] = s3a_error("403")
    lines = cluster.check()
    assert lines["source_table"].finding.startswith(f"the table {SOURCE} has 1 files")
    assert {request.source_path for request in cluster.requests} == {SOURCE}
    assert {request.commit_id for request in cluster.requests} == {COMMIT}


def test_what_the_gateway_does_not_give_of_it_is_no_failure_of_exports(cluster: ClusterInMemory) -> None:
    cluster.delta.failures[f"s3a://shop/{FIRST}/{OWN_TABLE.path}"] = s3a_error("403")
    cluster.handed = replace(cluster.handed, tables=())
    lines = cluster.check()
    assert lines["source_table"].status is Status.NOT_TRIED
    assert f"{FIRST}/{OWN_TABLE.path}" in lines["source_table"].finding
    assert lines["source_table"].remedy
    assert Status.FAIL not in {line.status for line in lines.values()}
    assert not cluster.requests
    # But what the gateway does not give of a table that is exported is.
    cluster.handed = replace(cluster.handed, tables=("tables/orders",))
    cluster.delta.failures[SOURCE] = s3a_error("403")
    line = cluster.check()["source_table"]
    assert (line.status, SOURCE in line.finding) == (Status.FAIL, True)


def test_where_neither_is_there_both_are_told(cluster: ClusterInMemory) -> None:
    cluster.delta.found.clear()
    line = cluster.check()["source_table"]
    assert line.status is Status.NOT_RUN
    told = f"there is no Delta table at {OWN_TABLE.path}, tables/orders at the head, or at its branch"
    assert line.finding == told


def test_where_neither_was_handed_over_that_is_told() -> None:
    cluster = ClusterInMemory()
    cluster.handed = replace(cluster.handed, tables=())
    line = cluster.check()["source_table"]
    assert line.finding == "no descriptor of the branch names a table, and there is none of the check's own"


def test_of_an_empty_branch_its_file_is_listed_read_and_found_in_storage(cluster: ClusterInMemory) -> None:
    file = f"{OWN_TABLE.path}/part-1.parquet"
    cluster.handed = HandedOver(
        commit_id=COMMIT, commit_generation=1, file=file, file_bytes=3, own_table=OWN_TABLE, identity="x"
    )
    cluster.gateway = {f"s3a://shop/{FIRST}/{file}": b"abc"}
    cluster.delta.files = {f"s3a://shop/{FIRST}/{OWN_TABLE.path}"}
    lines = cluster.check()
    assert {id_ for id_, line in lines.items() if line.status is not Status.PASS} == {"targets_free"}
    assert lines["targets_free"].status is Status.NOT_RUN
    assert lines["gateway_reading"].finding == f"the gateway gives s3a://shop/{FIRST}/{file}"
    assert cluster.asked_of_api == [(FIRST, OWN_TABLE.path)]
