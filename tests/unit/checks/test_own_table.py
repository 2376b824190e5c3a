"""A table of check_setup's own in lakeFS: where it is written, and that it never stays."""

import pytest
from branches_double import BranchesDouble
from doubles import LakeFSDouble

from lakefs_unity_export.checks.handed_over import HandedOver, OwnTable
from lakefs_unity_export.checks.own_table import PATH, NoPlaceError, OwnTableProbe, branch_names, delete_commands
from lakefs_unity_export.checks.tiny_table import tiny_table
from lakefs_unity_export.errors import LakeFSAccessError, LakeFSError, LakeFSUnavailableError

NOW = 1_800_000_000.0
FIRST, SECOND = NAMES = ("lakefs_unity_export_check_4711_1", "lakefs_unity_export_check_4711_2")
EARLIER = "lakefs_unity_export_check_1_1"
MARK = "made_by_check_setup_at_"
LONG_AGO, JUST_NOW = f"{MARK}{int(NOW) - 3601}", f"{MARK}{int(NOW) - 3600}"


@pytest.fixture
def branches() -> BranchesDouble:
    """Of a repository whose hook was committed after its first table."""
    lakefs = LakeFSDouble()
    lakefs.put({"tables/orders/a": b"x"})
    lakefs.put({"_lakefs_actions/unity_export.yaml": b"name: x"})
    return BranchesDouble(lakefs)


def probe(branches: BranchesDouble) -> OwnTableProbe:
    return OwnTableProbe(branches, "4711", clock=lambda: NOW)


def remaining(branches: BranchesDouble) -> set[str]:
    return set(branches.lakefs.branch_names()) - {"main"}


def test_the_second_branch_has_a_version_more_and_nothing_is_committed(branches: BranchesDouble) -> None:
    commits = branches.lakefs.commit_ids()
    assert probe(branches).make("main") == OwnTable(path=PATH, branches=NAMES)
    assert branches.lakefs.commit_ids() == commits
    first, second = (branches.staged[name] for name in NAMES)
    assert f"lakefs_unity_export_check/{MARK}{int(NOW)}" in first.keys() & second.keys()
    assert first.items() < second.items()
    for rows, files in enumerate((first, second), start=1):
        expected = tiny_table(rows=rows, table_id="", now=NOW)
        assert {path.removeprefix(f"{PATH}/") for path in files if path.startswith(PATH)} == expected.keys()


def test_the_branches_begin_where_no_hook_is(branches: BranchesDouble) -> None:
    probe(branches).make("main")
    first_commit = branches.lakefs.commit_ids()[0]
    assert {branches.lakefs.head(name).id for name in NAMES} == {first_commit}


def test_two_runs_write_two_tables(branches: BranchesDouble) -> None:
    probe(branches).make("main")
    metadata = [branches.staged[name][f"{PATH}/_delta_log/{0:020}.json"] for name in NAMES]
    branches.follow(delete_commands("shop", NAMES))
    probe(branches).make("main")
    again = branches.staged[FIRST][f"{PATH}/_delta_log/{0:020}.json"]
    assert metadata[0] == metadata[1] != again


def test_without_a_commit_before_the_hook_no_branch_is_made(branches: BranchesDouble) -> None:
    branches.shown = 1
    with pytest.raises(NoPlaceError, match=r"the oldest commit that the log of branch main shows \(.+\) has action"):
        probe(branches).make("main")
    assert branches.calls["create"] == 0


@pytest.mark.parametrize("pattern", ["*", "lakefs_*", "*_2"])
def test_a_rule_that_protects_such_branches_is_seen_before_one_is_made(branches: BranchesDouble, pattern: str) -> None:
    branches.protected = ["main", pattern]
    with pytest.raises(NoPlaceError) as raised:
        probe(branches).make("main")
    assert str(raised.value) == f"a rule protects branches {pattern} of the repository, and so {FIRST}"
    assert branches.calls["create"] == 0


def test_a_key_that_may_not_read_the_rules_may_make_the_branches(branches: BranchesDouble) -> None:
    branches.protected = ["main"]
    branches.refuses["protection"] = LakeFSAccessError("no")
    assert probe(branches).make("main").branches == NAMES


def test_a_key_that_may_not_delete_branches_makes_none(branches: BranchesDouble) -> None:
    branches.refuses["delete"] = LakeFSAccessError("no")
    with pytest.raises(LakeFSAccessError):
        probe(branches).make("main")
    assert branches.calls["create"] == 0


@pytest.mark.parametrize("error", [LakeFSAccessError("no"), LakeFSUnavailableError("no"), KeyboardInterrupt("stop")])
@pytest.mark.parametrize("step", [f"create {FIRST}", f"write {FIRST}", f"create {SECOND}", f"write {SECOND}"])
def test_what_was_made_is_deleted_after_a_failure(branches: BranchesDouble, step: str, error: BaseException) -> None:
    branches.refuses[step] = error
    table = probe(branches)
    with pytest.raises(type(error)):
        table.make("main")
    assert (remaining(branches), table.left) == (set(), {})


@pytest.mark.parametrize("error", [LakeFSUnavailableError("no answer"), KeyboardInterrupt("stop")])
def test_a_branch_that_may_have_been_made_unheard_is_deleted_too(
    branches: BranchesDouble, error: BaseException
) -> None:
    branches.refuses["create"], branches.is_done_anyway = error, True
    with pytest.raises(type(error)):
        probe(branches).make("main")
    assert remaining(branches) == set()


def test_a_branch_of_the_name_that_is_there_already_is_not_deleted(branches: BranchesDouble) -> None:
    branches.lakefs.branch(FIRST, branches.lakefs.head().id)
    with pytest.raises(LakeFSError, match="409"):
        probe(branches).make("main")
    assert remaining(branches) == {FIRST}


def test_what_cannot_be_deleted_after_a_failure_is_told(branches: BranchesDouble) -> None:
    branches.refuses |= {f"write {SECOND}": LakeFSAccessError("no"), f"delete {FIRST}": LakeFSAccessError("not this")}
    table = probe(branches)
    with pytest.raises(LakeFSAccessError):
        table.make("main")
    assert (remaining(branches), table.left) == ({FIRST}, {FIRST: "not this"})


def test_the_commands_delete_them(branches: BranchesDouble) -> None:
    probe(branches).make("main")
    branches.follow(delete_commands("shop", NAMES))
    assert remaining(branches) == set()


def test_what_earlier_runs_left_is_deleted_after_an_hour(branches: BranchesDouble) -> None:
    branches.left(EARLIER, LONG_AGO)
    branches.left("lakefs_unity_export_check_2_1", JUST_NOW)
    assert probe(branches).sweep() == (EARLIER,)
    assert remaining(branches) == {"lakefs_unity_export_check_2_1"}


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        (EARLIER, "some-file"),
        (EARLIER, f"{MARK}x"),
        (EARLIER, MARK),
        (EARLIER, f"x{LONG_AGO}"),
        ("of_others", LONG_AGO),
        (FIRST, LONG_AGO),
    ],
)
def test_no_other_branch_is_ever_deleted(branches: BranchesDouble, name: str, mark: str) -> None:
    branches.left(name, mark)
    assert probe(branches).sweep() == ()
    assert remaining(branches) == {name}


def test_a_branch_that_somebody_committed_to_has_become_theirs(branches: BranchesDouble) -> None:
    branches.left(EARLIER, LONG_AGO)
    branches.lakefs.put(branches.staged.pop(EARLIER), branch=EARLIER)
    assert probe(branches).sweep() == ()
    assert remaining(branches) == {EARLIER}


@pytest.mark.parametrize("method", ["named", "uncommitted", "delete"])
def test_a_sweep_that_is_refused_is_left_to_the_next_run(branches: BranchesDouble, method: str) -> None:
    branches.left(EARLIER, LONG_AGO)
    branches.refuses[method] = LakeFSAccessError("no")
    assert probe(branches).sweep() == ()
    branches.refuses.clear()
    assert probe(branches).sweep() == (EARLIER,)


def test_a_path_is_read_at_the_branch_that_has_it() -> None:
    own = OwnTable(path=PATH, branches=branch_names("4711"))
    handed = HandedOver(commit_id="c" * 64, tables=("tables/orders",), own_table=own)
    assert handed.sources == (PATH, "tables/orders")
    assert [handed.ref_of(PATH, line=line) for line in range(3)] == [FIRST, SECOND, SECOND]
    assert handed.ref_of(f"{PATH}/part-1.parquet") == FIRST
    assert handed.ref_of("tables/orders", line=1) == handed.ref_of(f"{PATH}2") == "c" * 64
    assert HandedOver(commit_id="c" * 64, tables=("tables/orders",)).ref_of("") == "c" * 64
