"""The lakeFS contract: commits, refs, diffs and objects, as exports rely on them.

Runs against the stand-in, and against a real server where LAKECTL_SERVER_ENDPOINT_URL and the key variables are set.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from lakefs.exceptions import BadRequestException, ConflictException, NotFoundException
from lakefs_sdk.exceptions import ApiException

if TYPE_CHECKING:
    from lakefs_contract import Contract

pytest_plugins = ["lakefs_contract"]


def lines(page: Any) -> list[tuple[str, str, str]]:
    return [(entry.type, entry.path_type, entry.path) for entry in page.results]


def test_a_new_repository_has_one_commit_without_parents(contract: Contract) -> None:
    (commit,) = contract.repository.branch("main").log()

    assert commit.parents == []
    assert commit.message == "Repository created"
    assert contract.repository.properties.default_branch == "main"
    listed = contract.api.repositories_api.list_repositories(prefix=contract.name).results
    assert [repository.id for repository in listed] == [contract.name]


def test_a_commit_says_what_it_is(contract: Contract) -> None:
    first = contract.repository.branch("main").get_commit()
    contract.put("main", "a")
    contract.repository.branch("main").commit("second", metadata={"k": "v"})

    commit = contract.raw_commit("main")
    assert re.fullmatch(r"[0-9a-f]{64}", commit.id)
    assert (commit.parents, commit.message, commit.metadata) == ([first.id], "second", {"k": "v"})
    assert commit.generation == contract.raw_commit(first.id).generation + 1
    assert contract.raw_commit(commit.id[:20]).id == commit.id


def test_a_commit_without_changes_is_refused(contract: Contract) -> None:
    with pytest.raises(BadRequestException):
        contract.repository.branch("main").commit("nothing")


def test_the_log_goes_back_to_the_first_commit_in_pages(contract: Contract) -> None:
    ids = [contract.commit("main", f"a{number}") for number in range(3)]

    page = contract.api.refs_api.log_commits(contract.name, "main", amount=2)
    rest = contract.api.refs_api.log_commits(contract.name, "main", amount=5, after=page.pagination.next_offset)

    assert [commit.id for commit in page.results] == [ids[2], ids[1]]
    assert page.pagination.has_more
    assert [commit.message for commit in rest.results] == ["a commit", "Repository created"]
    assert not rest.pagination.has_more


def test_two_dot_compares_ends_and_three_dot_starts_at_the_merge_base(contract: Contract) -> None:
    base = contract.commit("main", "shared", "gone")
    contract.branch("dev")
    contract.repository.branch("dev").object("gone").delete()
    dev = contract.commit("dev", "from-dev")
    main = contract.commit("main", "from-main")

    assert lines(contract.diff(main, dev, type="two_dot")) == [
        ("added", "object", "from-dev"),
        ("removed", "object", "from-main"),
        ("removed", "object", "gone"),
    ]
    three_dot = [("added", "object", "from-dev"), ("removed", "object", "gone")]
    assert lines(contract.diff(main, dev, type="three_dot")) == three_dot
    assert lines(contract.diff(main, dev)) == three_dot
    assert lines(contract.diff(base, dev, type="two_dot")) == three_dot


def test_a_diff_tells_changes_and_sizes_of_committed_objects(contract: Contract) -> None:
    before = contract.commit("main", "a", content=b"one")
    after = contract.commit("main", "a", content=b"three")
    contract.put("main", "uncommitted")

    (entry,) = contract.diff(before, after, type="two_dot").results
    assert (entry.type, entry.path, entry.size_bytes) == ("changed", "a", 5)
    assert lines(contract.diff(before, "main", type="two_dot")) == [("changed", "object", "a")]
    assert lines(contract.diff("main", "main", type="two_dot")) == []


def test_a_delimiter_folds_what_lies_below_a_changed_prefix(contract: Contract) -> None:
    before = contract.repository.branch("main").get_commit().id
    contract.commit("main", "t/a/1", "t/a/2", "t/b/x/1", "t/c", "u/1")

    assert lines(contract.diff(before, "main", type="two_dot", delimiter="/")) == [
        ("prefix_changed", "common_prefix", "t/"),
        ("prefix_changed", "common_prefix", "u/"),
    ]
    assert lines(contract.diff(before, "main", type="two_dot", delimiter="/", prefix="t/")) == [
        ("prefix_changed", "common_prefix", "t/a/"),
        ("prefix_changed", "common_prefix", "t/b/"),
        ("added", "object", "t/c"),
    ]


def test_pages_of_a_folded_diff_go_on_after_a_prefix(contract: Contract) -> None:
    before = contract.repository.branch("main").get_commit().id
    contract.commit("main", "t/a/1", "t/a/2", "t/b/1", "t/c/1")

    first = contract.diff(before, "main", type="two_dot", delimiter="/", prefix="t/", amount=2)
    offset = first.pagination.next_offset
    second = contract.diff(before, "main", type="two_dot", delimiter="/", prefix="t/", amount=2, after=offset)

    assert [entry.path for entry in first.results] == ["t/a/", "t/b/"]
    assert (first.pagination.has_more, offset) == (True, "t/b/")
    assert [entry.path for entry in second.results] == ["t/c/"]
    assert not second.pagination.has_more


def test_a_folded_page_that_ends_on_an_object_hides_longer_names_from_the_next(contract: Contract) -> None:
    before = contract.repository.branch("main").get_commit().id
    contract.commit("main", "x/1", "x/10", "x/2")

    def rest(after: str, **options: Any) -> list[str]:
        page = contract.diff(before, "main", type="two_dot", prefix="x/", after=after, **options)
        return [entry.path for entry in page.results]

    assert rest("x/1", delimiter="/") == ["x/2"]
    assert rest("x/1\x00", delimiter="/") == ["x/10", "x/2"]
    assert rest("x/1") == ["x/10", "x/2"]


def test_a_prefix_is_text_and_paths_are_in_byte_order(contract: Contract) -> None:
    before = contract.repository.branch("main").get_commit().id
    paths = ["foo!", "foo.bar/1", "foo/1", "foo0", "foobar/1", "fooä", "foo日"]
    contract.commit("main", *paths)

    page = contract.diff(before, "main", type="two_dot", prefix="foo")
    assert [entry.path for entry in page.results] == paths
    folded = contract.diff(before, "main", type="two_dot", prefix="foo", delimiter="/")
    assert [entry.path for entry in folded.results][:5] == ["foo!", "foo.bar/", "foo/", "foo0", "foobar/"]


def test_a_diff_of_many_objects_comes_in_pages_of_a_hundred(contract: Contract) -> None:
    before = contract.repository.branch("main").get_commit().id
    for number in range(101):
        contract.s3.put_object(Bucket=contract.name, Key=f"main/{number:03}", Body=b"")
    contract.repository.branch("main").commit("many")

    assert len(contract.diff(before, "main", type="two_dot").results) == 100
    assert len(contract.diff(before, "main", type="two_dot", amount=1000).results) == 101


def test_the_merge_base_is_the_last_common_commit(contract: Contract) -> None:
    base = contract.commit("main", "a")
    contract.branch("dev")
    dev, main = contract.commit("dev", "b"), contract.commit("main", "c")

    found = contract.api.refs_api.find_merge_base(contract.name, dev, "main")

    # A lakeFS server was recorded to call them the other way round.
    assert (found.source_commit_id, found.destination_commit_id, found.base_commit_id) == (main, dev, base)
    assert contract.api.refs_api.find_merge_base(contract.name, base, "main").base_commit_id == base


def test_a_merge_has_both_parents_and_a_squash_one(contract: Contract) -> None:
    contract.branch("dev")
    dev, main = contract.commit("dev", "d", "d2"), contract.commit("main", "m", "m2")

    merged = contract.raw_commit(contract.repository.branch("dev").merge_into("main"))
    assert merged.parents == [main, dev]
    assert merged.message == "Merge 'dev' into 'main'"
    assert merged.metadata == {".lakefs.merge.strategy": "default"}
    assert merged.generation == 1 + contract.raw_commit(main).generation
    assert [stat.path for stat in contract.repository.branch("main").objects()] == ["d", "d2", "m", "m2"]

    contract.commit("dev", "later")
    squashed = contract.raw_commit(contract.repository.branch("dev").merge_into("main", squash_merge=True))
    assert squashed.parents == [merged.id]


def test_conflicts_stop_a_merge_unless_a_side_wins(contract: Contract) -> None:
    contract.branch("dev")
    contract.commit("dev", "a", content=b"dev")
    head = contract.commit("main", "a", content=b"main")
    assert lines(contract.diff("main", "dev")) == [("conflict", "object", "a")]

    with pytest.raises(ConflictException):
        contract.repository.branch("dev").merge_into("main")
    assert contract.repository.branch("main").get_commit().id == head

    contract.repository.branch("dev").merge_into("main", strategy="source-wins")
    assert contract.repository.branch("main").object("a").reader(mode="rb").read() == b"dev"


def test_revert_and_cherry_pick_make_commits(contract: Contract) -> None:
    contract.branch("dev")
    reverted = contract.commit("main", "a")
    contract.repository.branch("main").revert(reverted)

    commit = contract.raw_commit("main")
    assert (commit.message, commit.parents) == (f"Revert {reverted}", [reverted])
    assert list(contract.repository.branch("main").objects()) == []

    picked = contract.commit("dev", "b", message="pick me")
    contract.repository.branch("main").cherry_pick(picked)
    commit = contract.raw_commit("main")
    assert commit.message == "pick me"
    assert commit.metadata["cherry-pick-origin"] == picked
    assert [stat.path for stat in contract.repository.branch("main").objects()] == ["b"]


def test_a_hard_reset_moves_the_branch(contract: Contract) -> None:
    first = contract.commit("main", "a")
    second = contract.commit("main", "b")

    contract.api.experimental_api.hard_reset_branch(contract.name, "main", first)

    assert contract.repository.branch("main").get_commit().id == first
    assert contract.raw_commit(second).parents == [first]


def test_uncommitted_changes_are_seen_and_taken_back(contract: Contract) -> None:
    contract.commit("main", "a", "b")
    branch = contract.repository.branch("main")
    contract.put("main", "c")
    branch.object("a").delete()

    assert [(change.type, change.path) for change in branch.uncommitted()] == [("removed", "a"), ("added", "c")]
    branch.reset_changes()
    assert list(branch.uncommitted()) == []
    assert [stat.path for stat in branch.objects()] == ["a", "b"]


def test_tags_and_branches_name_commits(contract: Contract) -> None:
    first = contract.commit("main", "a")
    contract.repository.tag("v1").create(first)
    contract.branch("feature-x_1", first)
    contract.commit("main", "b")

    assert contract.repository.ref("v1").get_commit().id == first
    assert [tag.id for tag in contract.repository.tags()] == ["v1"]
    assert [branch.id for branch in contract.repository.branches()] == ["feature-x_1", "main"]
    assert contract.repository.ref("main~1").get_commit().id == first
    contract.repository.tag("v1").delete()
    contract.repository.branch("feature-x_1").delete()
    assert list(contract.repository.tags()) == []
    assert [branch.id for branch in contract.repository.branches()] == ["main"]


def test_objects_are_described_listed_and_read_in_parts(contract: Contract) -> None:
    contract.put("main", "t/a", content=b"0123456789")
    contract.put("main", "t/b/1", "u")
    objects = contract.api.objects_api

    stat = objects.stat_object(contract.name, "main", "t/a")
    assert (stat.path, stat.path_type, stat.size_bytes) == ("t/a", "object", 10)
    assert bytes(objects.get_object(contract.name, "main", "t/a", range="bytes=2-4")) == b"234"
    listed = objects.list_objects(contract.name, "main", prefix="t/", delimiter="/").results
    assert [(entry.path_type, entry.path) for entry in listed] == [("object", "t/a"), ("common_prefix", "t/b/")]
    page = objects.list_objects(contract.name, "main", amount=1)
    assert (page.pagination.has_more, page.pagination.next_offset) == (True, "t/a")


def test_objects_are_uploaded_as_forms_and_deleted_in_bulk(contract: Contract) -> None:
    objects = contract.api.objects_api
    content = bytes(range(256)) + b"\r\n--x\r\n"
    objects.upload_object(contract.name, "main", "a", content=content)
    contract.put("main", "b", "c")

    assert bytes(objects.get_object(contract.name, "main", "a")) == content
    headers = objects.head_object_with_http_info(contract.name, "main", "a").headers
    assert headers["Content-Length"] == str(len(content))
    contract.repository.branch("main").delete_objects(["a", "b"])
    assert [stat.path for stat in contract.repository.branch("main").objects()] == ["c"]


def test_a_merge_is_reverted_and_picked_against_the_parent_that_is_named(contract: Contract) -> None:
    contract.branch("dev")
    contract.branch("other")
    contract.commit("dev", "d")
    contract.commit("main", "m")
    merged = contract.repository.branch("dev").merge_into("main")

    with pytest.raises(ConflictException):
        contract.repository.branch("main").revert(merged)
    contract.repository.branch("main").revert(merged, parent_number=1)
    contract.repository.branch("other").cherry_pick(merged, parent_number=2)

    assert [stat.path for stat in contract.repository.branch("main").objects()] == ["m"]
    assert [stat.path for stat in contract.repository.branch("other").objects()] == ["m"]


@pytest.mark.parametrize(
    "path",
    [
        "/repositories/{name}x",
        "/repositories/{name}/branches/none",
        f"/repositories/{{name}}/commits/{'0' * 64}",
        "/repositories/{name}/refs/main/objects?path=none",
        "/repositories/{name}/refs/none/objects/ls",
        "/repositories/{name}/refs/main/diff/none",
        "/repositories/{name}/actions/runs/none",
    ],
)
def test_what_is_not_there_is_a_404_with_a_message(path: str, contract: Contract) -> None:
    answer = contract.request("GET", path.format(name=contract.name))

    assert answer.status_code == 404
    assert isinstance(answer.json()["message"], str)


@pytest.mark.parametrize("auth", [None, ("AKIAUNKNOWN", "x"), "wrong secret"])
def test_without_the_right_keys_every_call_is_a_401(auth: Any, contract: Contract) -> None:
    pair = (contract.server.access_key_id, "wrong") if auth == "wrong secret" else auth

    answer = contract.request("GET", f"/repositories/{contract.name}", auth=pair)

    assert answer.status_code == 401
    assert isinstance(answer.json()["message"], str)


def test_the_health_check_needs_no_keys(contract: Contract) -> None:
    assert httpx.get(f"{contract.server.endpoint_url}/api/v1/healthcheck").status_code == 204
    assert contract.client.version


def test_names_are_checked_and_unique(contract: Contract) -> None:
    with pytest.raises(ApiException) as taken:
        contract.api.branches_api.create_branch(contract.name, {"name": "main", "source": "main"})
    assert taken.value.status == 409
    with pytest.raises(ApiException) as invalid:
        contract.api.branches_api.create_branch(contract.name, {"name": "a/b", "source": "main"})
    assert invalid.value.status == 400
    with pytest.raises(NotFoundException):
        contract.branch("dev", "none")
