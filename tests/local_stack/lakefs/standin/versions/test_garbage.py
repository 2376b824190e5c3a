"""What garbage collection leaves of an old commit.

On the stand-in alone: a server collects by a job of its own, after days of retention, and cannot be told to do it now.
What is asserted is what a server was recorded to answer about a stored file that is gone (`objects/file-gone`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from lakefs_contract import Contract, contract_with

from local_stack.lakefs.server import lakefs_of
from local_stack.lakefs.standin import LakeFSStandIn
from local_stack.lakefs.standin.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def collector() -> Iterator[LakeFSStandIn]:
    """The server's object in this process."""
    server = LakeFSStandIn()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def contract(collector: LakeFSStandIn) -> Iterator[Contract]:
    """A repository of its own on that server."""
    made = contract_with(lakefs_of(collector))
    yield made
    made.repository.delete()


def read(contract: Contract, ref: str, path: str) -> bytes:
    """The object through the gateway."""
    content: bytes = contract.s3.get_object(Bucket=contract.name, Key=f"{ref}/{path}")["Body"].read()
    return content


def assert_gone(contract: Contract, ref: str, path: str) -> None:
    """Neither API reads the object, whole or in part; both go on to tell of it."""
    for options in ({}, {"Range": "bytes=0-0"}):
        with pytest.raises(ClientError) as error:
            contract.s3.get_object(Bucket=contract.name, Key=f"{ref}/{path}", **options)
        answer = error.value.response
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 404
        assert answer["Error"]["Code"] == "NoSuchVersion"
        url = f"/repositories/{contract.name}/refs/{ref}/objects"
        assert contract.request("GET", url, params={"path": path}, headers=options).status_code == 410
    head = contract.s3.head_object(Bucket=contract.name, Key=f"{ref}/{path}")
    assert head["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_an_object_that_no_branch_shows_is_gone_at_its_old_commit(contract: Contract, collector: LakeFSStandIn) -> None:
    old = contract.commit("main", "t/kept", "t/changed", "t/deleted", content=b"old")
    contract.repository.tag("release").create(old)
    contract.repository.branch("main").object("t/deleted").delete()
    head = contract.commit("main", "t/changed", content=b"new")

    assert collector.collect_garbage(contract.name) == 2

    for ref in (old, "release", "main~1"):
        assert_gone(contract, ref, "t/changed")
        assert_gone(contract, ref, "t/deleted")
        assert read(contract, ref, "t/kept") == b"old"
    assert (read(contract, head, "t/changed"), read(contract, "main", "t/kept")) == (b"new", b"old")
    assert collector.collect_garbage(contract.name) == 0


def test_a_collected_commit_keeps_its_listings_and_what_they_say(contract: Contract, collector: LakeFSStandIn) -> None:
    old = contract.commit("main", "t/a", content=b"old")
    before = contract.api.objects_api.stat_object(contract.name, old, "t/a").to_dict()
    head = contract.commit("main", "t/a", content=b"newer")

    collector.collect_garbage(contract.name)

    page = contract.s3.list_objects_v2(Bucket=contract.name, Prefix=f"{old}/t/")
    assert [(each["Key"], each["Size"]) for each in page["Contents"]] == [(f"{old}/t/a", 3)]
    assert contract.s3.head_object(Bucket=contract.name, Key=f"{old}/t/a")["ContentLength"] == 3
    assert contract.api.objects_api.stat_object(contract.name, old, "t/a").to_dict() == before
    assert contract.raw_commit(old).id == old
    assert [(each.path, each.type) for each in contract.diff(old, head).results] == [("t/a", "changed")]


def test_what_any_branch_shows_is_kept(contract: Contract, collector: LakeFSStandIn) -> None:
    first = contract.commit("main", "a", content=b"1")
    contract.branch("old-reports", source=first)
    contract.put("old-reports", "not-committed", content=b"2")
    other = contract_with(contract.server)
    contract.commit("main", "copied", content=b"3")
    other.s3.copy_object(Bucket=other.name, Key="main/copy", CopySource={"Bucket": contract.name, "Key": "main/copied"})
    contract.repository.branch("main").object("copied").delete()
    contract.commit("main", "a", content=b"4")

    assert collector.collect_garbage(contract.name) == 1  # what was copied, whose copy has bytes of its own

    assert read(contract, first, "a") == b"1"
    assert read(contract, "old-reports", "not-committed") == b"2"
    assert read(other, "main", "copy") == b"3"
    other.repository.delete()


def test_what_is_gone_cannot_be_copied_either(contract: Contract, collector: LakeFSStandIn) -> None:
    old = contract.commit("main", "a", content=b"old")
    contract.commit("main", "a", content=b"new")
    collector.collect_garbage(contract.name)

    with pytest.raises(ClientError) as error:
        contract.s3.copy_object(
            Bucket=contract.name, Key="main/b", CopySource={"Bucket": contract.name, "Key": f"{old}/a"}
        )
    answer = error.value.response
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]) == (400, "InvalidRequest")
    assert "no such file" in answer["Error"]["Message"]
    url = f"/repositories/{contract.name}/branches/main/objects/copy"
    body = {"src_path": "a", "src_ref": old}
    assert contract.request("POST", url, params={"dest_path": "b"}, json=body).status_code == 500


def test_a_repository_that_is_not_there_and_a_server_that_does_not_run_are_refused(collector: LakeFSStandIn) -> None:
    with pytest.raises(RequestError, match="repository not found"):
        collector.collect_garbage("no-such-repository")
    with pytest.raises(RuntimeError, match="start it"):
        LakeFSStandIn().collect_garbage("any")
