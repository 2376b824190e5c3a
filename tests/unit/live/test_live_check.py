"""What the live story makes of the report of `check_setup`: what it shows, and the clone method that it takes."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from live_check import CheckedSetup, SetupReport, checked_setup
from live_settings import Readers

from lakefs_unity_export.checks.report import JSON_MARK
from lakefs_unity_export.clones.methods import CloneMethod

PLACE = "https://workspace.example.com/jobs/1/runs/2"
SHALLOW, STORAGE, DEEP = CloneMethod.SHALLOW, CloneMethod.STORAGE, CloneMethod.DEEP


def report(*failed: str, **recommended: str) -> SetupReport:
    """A report in which these checks failed, and that recommends these methods to these readers."""
    verdict = f"exports would fail: mend {failed[0]} first" if failed else "nothing stands in the way of exports"
    checks = [{"id": id_, "status": "fail", "finding": "not well"} for id_ in failed]
    found: dict[str, Any] = {"verdict": verdict, "checks": [*checks, {"id": "other", "status": "pass"}]}
    if recommended:
        found["recommended_clone_method"] = recommended
    output = f"dbutils: some way\nPASS  other\n\nverdict: {verdict}\n{JSON_MARK}{json.dumps(found)}\n"
    return SetupReport.of_run(has_succeeded=not failed, place=PLACE, output=output, errors="its error")


def checked(
    reports: Sequence[SetupReport], *, deployed: CloneMethod = SHALLOW, readers: Readers = Readers.CLUSTERS
) -> tuple[CheckedSetup, list[CloneMethod]]:
    """What comes of these runs, all of which are needed, and what was deployed."""
    left, deployments = list(reports), list[CloneMethod]()
    found = checked_setup(lambda: left.pop(0), deployments.append, deployed=deployed, readers=readers)
    assert left == []
    return found, deployments


def test_what_a_person_reads_is_shown_with_its_place_and_without_what_programs_read() -> None:
    found, _ = checked([report(clusters="shallow", everybody="deep")])
    place, *shown = str(found).splitlines()
    assert place == f"check_setup: {PLACE}"
    assert shown[:2] == ["dbutils: some way", "PASS  other"]
    assert shown[-1] == "the story is told with clone_method shallow, recommended for clusters"
    assert '"verdict"' not in str(found)


@pytest.mark.parametrize(
    "output",
    [
        "",
        "no report in it\n",
        f"cut\n{JSON_MARK}" + '{"verdict": "cut in the mid',
        f'{JSON_MARK}{{"verdict": "first line"}}',
    ],
    ids=["empty", "other", "cut", "without its table"],
)
@pytest.mark.parametrize("has_succeeded", [True, False])
def test_without_a_report_the_state_of_the_run_counts_and_its_errors_are_shown(
    output: str, has_succeeded: bool
) -> None:
    unread = SetupReport.of_run(has_succeeded=has_succeeded, place=PLACE, output=output, errors="it said why")
    found, deployments = checked([unread], deployed=DEEP)
    assert deployments == []
    assert f"has no report to read: see {PLACE}\nit said why" in str(found)
    ends = str(found).splitlines()[-1]
    if has_succeeded:
        assert ends == "the story is told with clone_method deep, the bundle's own: nothing is recommended for clusters"
    else:
        assert ends == "the story is not told: the run failed"


@pytest.mark.parametrize(
    ("readers", "method"), [(Readers.CLUSTERS, STORAGE), (Readers.EVERYBODY, DEEP)], ids=["clusters", "everybody"]
)
def test_another_method_is_deployed_where_it_is_recommended_for_the_readers(
    readers: Readers, method: CloneMethod
) -> None:
    found, deployments = checked([report(clusters="storage", everybody="deep")], readers=readers)
    assert (found.method, deployments) == (method, [method])


def test_the_method_that_is_deployed_already_is_not_deployed_again() -> None:
    found, deployments = checked([report(clusters="shallow", everybody="deep")])
    assert (found.method, deployments) == (SHALLOW, [])


@pytest.mark.parametrize("recommended", [{}, {"clusters": "", "everybody": ""}, {"clusters": "of another version"}])
def test_without_a_recommendation_the_bundle_keeps_its_own(recommended: dict[str, str]) -> None:
    found, deployments = checked([report(**recommended)], deployed=DEEP)
    assert (found.method, deployments) == (DEEP, [])
    assert "the bundle's own" in found.why


@pytest.mark.parametrize(
    "failed", [["clone_shallow"], ["clone_shallow_again", "warehouse_shallow"], ["cluster_lakefs_api"]]
)
def test_a_report_that_fails_for_the_method_alone_is_made_anew_with_the_recommended_one(failed: list[str]) -> None:
    found, deployments = checked([report(*failed, clusters="deep", everybody="deep"), report(clusters="deep")])
    assert (found.method, deployments) == (DEEP, [DEEP])
    assert found.report.has_succeeded


def test_one_that_fails_again_ends_the_story() -> None:
    again = report("clone_deep", clusters="storage")
    found, deployments = checked([report("clone_shallow", clusters="deep"), again])
    assert (found.report, deployments) == (again, [DEEP])
    assert str(found).endswith("the story is not told: exports would fail: mend clone_deep first")


def test_what_else_fails_is_shown_at_once() -> None:
    found, deployments = checked([report("catalog_grants", "clone_shallow", clusters="deep", everybody="deep")])
    assert (found.method, deployments) == (SHALLOW, [])
    assert str(found).endswith("the story is not told: exports would fail: mend catalog_grants first")


@pytest.mark.parametrize(
    ("method", "everybody", "expected"),
    [(SHALLOW, "deep", False), (STORAGE, "deep", False), (STORAGE, "storage", True), (DEEP, "", True)],
)
def test_warehouses_read_a_deep_clone_and_what_is_recommended_for_them(
    method: CloneMethod, everybody: str, expected: bool
) -> None:
    found, _ = checked([report(clusters=method.value, everybody=everybody)], deployed=method)
    assert found.is_read_by_everybody is expected
