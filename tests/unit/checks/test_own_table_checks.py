"""What the lines say of the table of check_setup's own: made, or why not; and removed."""

import pytest
from setup_double import Installation

from lakefs_unity_export.checks.handed_over import HandedOver
from lakefs_unity_export.checks.model import Line, Status
from lakefs_unity_export.checks.setup import Setup
from lakefs_unity_export.errors import LakeFSAccessError, LakeFSError, LakeFSUnavailableError
from lakefs_unity_export.tasks import check_lakefs_and_catalog

FIRST, SECOND = NAMES = ("lakefs_unity_export_check_4711_1", "lakefs_unity_export_check_4711_2")
INSTEAD = "; a table that the descriptors name is cloned"
EARLIER = "lakefs_unity_export_check_1_1"


@pytest.fixture
def installation() -> Installation:
    return Installation()


def line(installation: Installation) -> Line:
    """Of the check; no other line has become another."""
    lines = installation.check()
    assert {other.status for other in lines.values() if other.id != "own_table"} == {Status.PASS}
    return lines["own_table"]


def test_it_says_where_the_table_is(installation: Installation) -> None:
    assert line(installation) == Line(
        id="own_table",
        status=Status.PASS,
        finding=f"lakefs_unity_export_check/table was written to branch {FIRST}, and with another row to {SECOND}, "
        "without a commit",
    )


def test_it_says_what_it_deleted_of_earlier_runs(installation: Installation) -> None:
    installation.branches.left(EARLIER, "made_by_check_setup_at_1")
    assert line(installation).finding.endswith(f"without a commit; deleted: {EARLIER}, which earlier runs left")


@pytest.mark.parametrize("step", ["delete", "oldest_commit", "holds", "create", "write"])
def test_a_key_that_may_read_only_is_no_problem(installation: Installation, step: str) -> None:
    installation.branches.refuses[step] = LakeFSAccessError("lakeFS answered 401 (insufficient permissions); grant x")
    found = line(installation)
    told = "the key may not make branches and write to them (lakeFS answered 401 (insufficient permissions))"
    assert (found.status, found.finding, found.remedy) == (Status.NOT_RUN, told + INSTEAD, "")
    assert installation.lakefs.branch_names() == ["main"]


def test_protected_branches_are_no_problem(installation: Installation) -> None:
    installation.branches.protected = ["*"]
    found = line(installation)
    told = f"a rule protects branches * of the repository, and so {FIRST}"
    assert (found.status, found.finding, found.remedy) == (Status.NOT_RUN, told + INSTEAD, "")


def test_where_a_branch_would_run_hooks_none_is_made(installation: Installation) -> None:
    installation.branches.shown = 1
    found = line(installation)
    assert found.status is Status.NOT_RUN
    assert "has action files, and a branch that begins there would run them" in found.finding
    assert installation.branches.calls["create"] == 0


@pytest.mark.parametrize("error", [LakeFSUnavailableError("no answer; look at it"), LakeFSError("odd; look at it")])
def test_what_went_wrong_is_told_and_fails_nothing(installation: Installation, error: LakeFSError) -> None:
    installation.branches.refuses["write"] = error
    found = line(installation)
    finding = str(error).partition(";")[0]
    assert (found.status, found.finding, found.remedy) == (Status.NOT_TRIED, finding + INSTEAD, "look at it")


def test_the_cluster_is_told_of_no_table_that_was_not_made(installation: Installation) -> None:
    installation.branches.refuses["write"] = LakeFSAccessError("no")
    installation.check()
    assert installation.values.values["for_cluster"]["own_table"] == {"path": "", "branches": []}


def test_without_a_branch_to_look_at_nothing_is_made(installation: Installation) -> None:
    installation.set(branch="mian")
    lines = installation.check()
    assert (lines["own_table"].status, lines["own_table"].finding) == (Status.NOT_RUN, "needs branch")
    assert not installation.branches.calls


def test_what_was_made_is_deleted_where_the_run_is_stopped(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(setup: Setup) -> HandedOver:
        assert set(installation.lakefs.branch_names()) == {"main", *NAMES}
        raise KeyboardInterrupt

    monkeypatch.setattr(check_lakefs_and_catalog, "for_cluster", stopped)
    with pytest.raises(KeyboardInterrupt):
        installation.check()
    assert installation.lakefs.branch_names() == ["main"]


def test_they_are_deleted_at_the_end(installation: Installation) -> None:
    installation.check()
    (removed,) = map(Line.of_json, installation.removal_values.values["lines"])
    assert (removed.status, removed.finding) == (
        Status.PASS,
        f"{FIRST}, {SECOND} were deleted, with what was written there",
    )
    assert installation.lakefs.branch_names() == ["main"]


def test_where_none_was_made_lakefs_is_not_asked(installation: Installation) -> None:
    installation.branches.refuses["create"] = LakeFSAccessError("no")
    installation.check()
    asked = dict(installation.branches.calls)
    assert installation.remove().finding == "no branch was made"
    assert installation.branches.calls == asked


def test_a_branch_that_somebody_deleted_is_gone(installation: Installation) -> None:
    installation.check()
    again = installation.remove()
    assert (again.status, again.finding) == (Status.NOT_RUN, "no branch was made, or somebody deleted it")


def test_what_a_task_made_that_was_killed_is_found_by_its_name(installation: Installation) -> None:
    installation.check()
    installation.branches.left(SECOND, "x")
    installation.branches.left("lakefs_unity_export_check_47110_1", "x")
    installation.values.values.clear()
    assert installation.remove().finding == f"{SECOND} was deleted, with what was written there"
    assert set(installation.lakefs.branch_names()) == {"main", "lakefs_unity_export_check_47110_1"}


@pytest.mark.parametrize(
    ("refused", "says", "left"),
    [
        ("is_there", f"it cannot be seen whether branches {FIRST}, {SECOND} are there: no; look", NAMES),
        (f"delete {SECOND}", f"branch {SECOND} cannot be deleted: no; look", [SECOND]),
        ("delete ", f"branch {FIRST} cannot be deleted: no; look; branch {SECOND} cannot be deleted: no; look", NAMES),
    ],
)
def test_what_cannot_be_deleted_is_told_and_deleted_as_the_line_says(
    installation: Installation, refused: str, says: str, left: list[str]
) -> None:
    # A key that loses a right meanwhile.
    each = [refused + name for name in NAMES] if refused == "delete " else [refused]
    installation.branches.refuses = dict.fromkeys(each, LakeFSAccessError("no; look"))
    installation.check()
    (removed,) = map(Line.of_json, installation.removal_values.values["lines"])
    assert (removed.status, removed.finding) == (Status.WARN, says)
    assert removed.remedy.splitlines() == [f"lakectl branch delete lakefs://shop/{name} --yes" for name in left]
    installation.branches.follow(removed.remedy)
    assert installation.lakefs.branch_names() == ["main"]
    installation.branches.refuses.clear()
    assert installation.remove().status is Status.NOT_RUN
