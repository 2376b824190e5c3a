"""The branches that check_setup makes for a while, on a server: what it is told, and what becomes of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lakefs_unity_export.access.lakefs_addresses import LakeFSAddresses
from lakefs_unity_export.access.lakefs_connection import Credentials
from lakefs_unity_export.checks.own_table import FOLDER, PATH, NoPlaceError, OwnTableProbe, branch_names, delete
from lakefs_unity_export.checks.tiny_table import row
from lakefs_unity_export.errors import LakeFSAccessError, LakeFSError, LakeFSNotFoundError
from lakefs_unity_export.servers import lakefs_branches
from lakefs_unity_export.servers.lakefs_branches import LakeFSBranchesClient
from local_stack.lakefs.server import lakefs_of
from local_stack.lakefs.standin import LakeFSStandIn

if TYPE_CHECKING:
    from lakefs_contract import Contract

pytest_plugins = ["lakefs_contract"]

FIRST, SECOND = NAMES = branch_names("4711")
NOW = time.time()


def client(contract: Contract, **keys: str) -> LakeFSBranchesClient:
    own = {
        "access_key_id": contract.server.access_key_id,
        "secret_access_key": contract.server.secret_access_key,
    }
    return LakeFSBranchesClient(
        endpoint=contract.server.endpoint_url,
        repository=contract.name,
        credentials=Credentials(**(own | keys)),
        retries=0,
    )


def first_commit(contract: Contract) -> str:
    return str([*contract.repository.branch("main").log()][-1].id)


def branch_ids(contract: Contract) -> set[str]:
    return {str(branch.id) for branch in contract.repository.branches()}


# The client


def test_the_oldest_commit_is_that_in_which_the_repository_was_made(
    contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = first_commit(contract)
    for number in range(3):
        contract.commit("main", f"a{number}")
    contract.branch("dev", first)
    contract.commit("dev", "b")
    contract.repository.branch("dev").merge_into("main")
    monkeypatch.setattr(lakefs_branches, "PAGE_SIZE", 2)
    assert client(contract).oldest_commit("main") == first
    monkeypatch.setattr(lakefs_branches, "MOST_LOG_PAGES", 1)
    assert client(contract).oldest_commit("main") == contract.raw_commit("main~1").id


def test_the_log_of_no_branch(contract: Contract) -> None:
    with pytest.raises(LakeFSNotFoundError):
        client(contract).oldest_commit("none")


def test_a_branch_is_made_once_and_deleted_with_what_is_not_committed(contract: Contract) -> None:
    branches, first = client(contract), first_commit(contract)
    contract.commit("main", "a")
    branches.create(FIRST, first)
    with pytest.raises(LakeFSError, match=r"409 \(branch already exists"):
        branches.create(FIRST, first)
    branches.write(FIRST, "folder/a", b"\x00\xff\r\n")
    branches.write(FIRST, "folder/b", b"x")
    assert branches.named("lakefs_unity") == [FIRST]
    assert branches.named("x") == []
    assert branches.uncommitted(FIRST, "folder/a") == ["folder/a"]
    read = contract.s3.get_object(Bucket=contract.name, Key=f"{FIRST}/folder/a")["Body"].read()
    assert read == b"\x00\xff\r\n"
    assert branches.is_there(FIRST)
    branches.delete(FIRST)
    branches.delete(FIRST)
    assert not branches.is_there(FIRST)
    assert branch_ids(contract) == {"main"}


def test_a_branch_of_no_commit_and_an_object_of_no_branch(contract: Contract) -> None:
    with pytest.raises(LakeFSNotFoundError):
        client(contract).create(FIRST, "d" * 64)
    with pytest.raises(LakeFSNotFoundError):
        client(contract).write(FIRST, "a", b"x")


def test_whether_a_commit_holds_action_files(contract: Contract) -> None:
    branches, first = client(contract), first_commit(contract)
    contract.put_action("main", {"name": "x", "on": {"post-commit": None}, "hooks": []})
    head = str(contract.repository.branch("main").commit("x").get_commit().id)
    assert [branches.holds(commit, "_lakefs_actions/") for commit in (first, head)] == [False, True]


def test_the_rules_that_protect_branches(contract: Contract) -> None:
    branches = client(contract)
    assert branches.protection() == []
    rules = [{"pattern": "release-*"}]
    url = f"/repositories/{contract.name}/settings/branch_protection"
    assert contract.request("PUT", url, json=rules).status_code == 204
    assert branches.protection() == ["release-*"]


# The table


def test_it_is_seen_through_the_gateway_and_its_files_in_storage(contract: Contract) -> None:
    contract.commit("main", "a")
    made = OwnTableProbe(client(contract), "4711").make("main")
    assert made.branches == NAMES
    listed = contract.s3.list_objects_v2(Bucket=contract.name, Prefix=f"{SECOND}/{PATH}/")["Contents"]
    logs = [f"{SECOND}/{PATH}/_delta_log/{version:020}.json" for version in range(2)]
    assert [each["Key"] for each in listed] == [*logs, *(f"{SECOND}/{PATH}/part-{number}.parquet" for number in (1, 2))]
    addresses = LakeFSAddresses(
        endpoint=contract.server.endpoint_url,
        repository=contract.name,
        credentials=Credentials(
            access_key_id=contract.server.access_key_id, secret_access_key=contract.server.secret_access_key
        ),
    ).of_folder(FIRST, PATH, but="_delta_log")
    (address,) = addresses.values()
    if address.startswith("local:"):
        assert Path(address.removeprefix("local://")).read_bytes() == row(1)


def test_no_commit_is_made_and_none_stays(contract: Contract) -> None:
    contract.commit("main", "a")
    branches = client(contract)
    probe = OwnTableProbe(branches, "4711")
    probe.make("main")
    assert {contract.raw_commit(name).id for name in NAMES} == {first_commit(contract)}
    probe.remove()
    assert (probe.left, branch_ids(contract)) == ({}, {"main"})


def test_no_hook_of_the_branch_runs(stand_in_contract: Contract) -> None:
    contract = stand_in_contract
    on = dict.fromkeys(("pre-create-branch", "post-create-branch", "pre-delete-branch", "post-delete-branch"))
    hook = {"id": "hook", "type": "lua", "properties": {"script": "print('ran')"}}
    contract.put_action("main", {"name": "x", "on": on, "hooks": [hook]})
    contract.repository.branch("main").commit("x")
    probe = OwnTableProbe(client(contract), "4711")
    probe.make("main")
    probe.remove()
    assert contract.runs(seconds=0.5) == []
    contract.branch("dev")  # as any branch that begins at its head
    assert {run.event_type for run in contract.runs(2)} == {"pre-create-branch", "post-create-branch"}


def test_a_repository_whose_first_commits_have_hooks_gets_no_branch(
    contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract.put_action("main", {"name": "x", "on": {"post-create-branch": None}, "hooks": []})
    contract.repository.branch("main").commit("x")
    monkeypatch.setattr(lakefs_branches, "MOST_LOG_PAGES", 1)
    monkeypatch.setattr(lakefs_branches, "PAGE_SIZE", 1)
    with pytest.raises(NoPlaceError, match="has action files"):
        OwnTableProbe(client(contract), "4711").make("main")
    assert branch_ids(contract) == {"main"}


def test_what_an_earlier_run_left_is_deleted_after_an_hour(contract: Contract) -> None:
    contract.commit("main", "a")
    OwnTableProbe(client(contract), "1", clock=lambda: NOW - 7200).make("main")
    OwnTableProbe(client(contract), "2", clock=lambda: NOW - 60).make("main")
    contract.branch("lakefs_unity_export_check_3_1")  # of others
    theirs = "lakefs_unity_export_check_1_2"
    contract.repository.branch(theirs).commit("somebody's")
    swept = OwnTableProbe(client(contract), "4711", clock=lambda: NOW).sweep()
    assert swept == ("lakefs_unity_export_check_1_1",)
    assert branch_ids(contract) == {"main", "lakefs_unity_export_check_3_1", theirs, *branch_names("2")}


# Keys that may not do everything


@pytest.fixture(scope="module")
def standin() -> Iterator[LakeFSStandIn]:
    server = LakeFSStandIn()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def of_users(stand_in_contract: Contract, standin: LakeFSStandIn) -> Iterator[Contract]:
    """A repository of a server that knows several users."""
    from lakefs_contract import contract_with

    made = contract_with(lakefs_of(standin))
    made.commit("main", "a")
    yield made
    made.repository.delete()


@pytest.mark.parametrize(
    ("denied", "says"),
    [
        ("fs:CreateBranch", f"a new branch '{FIRST}'"),
        ("fs:WriteObject", f"a new object '{FOLDER}/made_by_check_setup_at_"),
        ("fs:DeleteBranch", "the deletion of branch 'lakefs_unity_export_check_4711_0'"),
    ],
)
def test_a_key_that_may_not_is_told_and_leaves_nothing(
    of_users: Contract, standin: LakeFSStandIn, denied: str, says: str
) -> None:
    key = standin.add_user(denied={denied})
    probe = OwnTableProbe(client(of_users, access_key_id=key.id, secret_access_key=key.secret), "4711")
    with pytest.raises(LakeFSAccessError, match=r"answered 401 \(insufficient permissions\)") as raised:
        probe.make("main")
    assert f"when asked for {says}" in str(raised.value)
    assert (probe.left, branch_ids(of_users)) == ({}, {"main"})


def test_what_a_key_may_not_delete_is_told(of_users: Contract, standin: LakeFSStandIn) -> None:
    OwnTableProbe(client(of_users), "4711").make("main")
    key = standin.add_user(denied={"fs:DeleteBranch"})
    left = delete(client(of_users, access_key_id=key.id, secret_access_key=key.secret), NAMES)
    assert left.keys() == branch_ids(of_users) - {"main"} == set(NAMES)
    assert all("insufficient permissions" in why for why in left.values())


def test_a_key_that_may_not_list_branches_sweeps_nothing(of_users: Contract, standin: LakeFSStandIn) -> None:
    OwnTableProbe(client(of_users), "1", clock=lambda: NOW - 7200).make("main")
    key = standin.add_user(denied={"fs:ListBranches"})
    assert OwnTableProbe(client(of_users, access_key_id=key.id, secret_access_key=key.secret), "4711").sweep() == ()


def test_a_rule_that_covers_such_branches(stand_in_contract: Contract) -> None:
    contract = stand_in_contract
    url = f"/repositories/{contract.name}/settings/branch_protection"
    assert contract.request("PUT", url, json=[{"pattern": "*"}]).status_code == 204
    with pytest.raises(NoPlaceError, match="a rule protects branches \\*"):
        OwnTableProbe(client(contract), "4711").make("main")
    assert branch_ids(contract) == {"main"}
