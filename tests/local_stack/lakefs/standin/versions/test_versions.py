"""The stand-in's merges, reverts, resets and refusals beside the recorded inputs, where its rule is ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakefs_contract import Contract

    from local_stack.lakefs.server import LakeFS

pytest_plugins = ["lakefs_contract"]


@pytest.fixture
def contract(stand_in_contract: Contract) -> Contract:
    return stand_in_contract


@pytest.fixture(scope="module")
def read_only(stand_in: LakeFS) -> Iterator[Contract]:
    """One repository for tests that change nothing: two commits, then 101 objects that are not committed."""
    from lakefs_contract import contract_with  # once pytest has made it a plugin

    made = contract_with(stand_in)
    made.commit("main", "a")
    made.commit("main", "b")
    for number in range(101):
        made.s3.put_object(Bucket=made.name, Key=f"main/{number:03}", Body=b"0123456789")
    yield made
    made.repository.delete()


def ask(contract: Contract, method: str, path: str, expected: int, **options: Any) -> Any:
    """The answer's body, once its status is the expected one."""
    answer = contract.request(method, f"/repositories/{contract.name}{path}", **options)
    assert answer.status_code == expected, answer.text
    return answer.json() if answer.content and "json" in answer.headers["content-type"] else answer.text


def paths(contract: Contract, ref: str) -> list[str]:
    return [entry["path"] for entry in ask(contract, "GET", f"/refs/{ref}/objects/ls", 200)["results"]]


def revert(contract: Contract, ref: str, expected: int, **fields: Any) -> Any:
    return ask(contract, "POST", "/branches/main/revert", expected, json={"ref": ref, "parent_number": 0, **fields})


def pick(contract: Contract, ref: str, expected: int, **fields: Any) -> Any:
    return ask(contract, "POST", "/branches/main/cherry-pick", expected, json={"ref": ref, **fields})


def test_a_second_revert_that_changes_nothing_is_refused_unless_allowed(contract: Contract) -> None:
    contract.commit("main", "kept")
    changed = contract.commit("main", "a")
    revert(contract, changed, 204)

    assert revert(contract, changed, 400) == {"message": "update branch: no changes"}
    before = contract.raw_commit("main")
    revert(contract, changed, 204, allow_empty=True)

    assert contract.raw_commit("main").meta_range_id == before.meta_range_id
    assert contract.raw_commit("main").parents == [before.id]
    assert paths(contract, "main") == ["kept"]


def test_the_same_objects_have_the_same_meta_range_however_they_came(contract: Contract) -> None:
    contract.branch("dev")
    contract.commit("main", "a", "t/b")
    contract.commit("dev", "t/b")
    contract.commit("dev", "a")
    contract.commit("dev", "other")
    contract.repository.branch("dev").object("other").delete()
    contract.repository.branch("dev").commit("without the other")

    assert contract.raw_commit("main").meta_range_id == contract.raw_commit("dev").meta_range_id
    contract.commit("dev", "t/b", content=b"y")
    assert contract.raw_commit("main").meta_range_id != contract.raw_commit("dev").meta_range_id


def test_a_commit_that_changed_nothing_is_neither_picked_nor_reverted(contract: Contract) -> None:
    contract.commit("main", "a")
    made = ask(contract, "POST", "/branches/main/commits", 201, json={"message": "nothing", "allow_empty": True})
    contract.commit("main", "b")

    for refused in (revert(contract, made["id"], 400), pick(contract, made["id"], 400)):
        assert refused == {"message": "update branch: no changes"}


def test_an_empty_branch_brings_nothing_also_after_empty_commits(contract: Contract) -> None:
    contract.commit("main", "a")
    contract.branch("dev")
    ask(contract, "POST", "/branches/dev/commits", 201, json={"message": "nothing", "allow_empty": True})
    contract.commit("main", "b")

    assert ask(contract, "POST", "/refs/dev/merge/main", 400, json={}) == {"message": "update branch main: no changes"}
    ask(contract, "POST", "/refs/dev/merge/main", 200, json={"allow_empty": True})
    assert paths(contract, "main") == ["a", "b"]


def test_what_overrides_a_picked_commit_replaces_its_message_and_metadata(contract: Contract) -> None:
    contract.branch("dev")
    contract.put("dev", "a")
    fields = {"message": "picked", "metadata": {"k": "v", "x": "y"}}
    picked = ask(contract, "POST", "/branches/dev/commits", 201, json=fields)["id"]
    origin = {"cherry-pick-origin": picked, "cherry-pick-committer": "admin"}

    made = pick(contract, picked, 201)
    assert (made["message"], made["metadata"]) == ("picked", {"k": "v", "x": "y", **origin})
    made = pick(contract, picked, 201, commit_overrides={"message": "mine", "metadata": {"k": "w"}})
    assert (made["message"], made["metadata"]) == ("mine", {"k": "w", **origin})


@pytest.mark.parametrize("number", [-1, 2, 3, 10**9])
def test_a_parent_that_a_commit_does_not_have_is_refused(contract: Contract, number: int) -> None:
    changed = contract.commit("main", "a")
    contract.commit("main", "b")
    wanted = {"message": f"given commit does not have the given parent number: parent {number}"}

    assert revert(contract, changed, 400, parent_number=number) == wanted
    assert pick(contract, changed, 400, parent_number=number) == wanted


def test_a_conflict_is_409_with_and_without_words(contract: Contract) -> None:
    contract.commit("main", "a", "b")
    contract.branch("dev")
    changed = contract.commit("dev", "a", content=b"dev")
    contract.repository.branch("main").object("a").delete()
    contract.repository.branch("main").commit("without a")

    assert ask(contract, "POST", "/refs/dev/merge/main", 409, json={}) == {"reference": ""}
    assert pick(contract, changed, 409) == {"message": "update branch: conflict found"}
    assert paths(contract, "main") == ["b"]


def test_a_hard_reset_keeps_what_is_written_changed_and_deleted(contract: Contract) -> None:
    first = contract.commit("main", "a", "b", "c")
    contract.commit("main", "a", content=b"2")
    contract.put("main", "new")
    contract.put("main", "b", content=b"3")
    contract.repository.branch("main").object("c").delete()

    ask(contract, "PUT", "/branches/main/hard_reset", 204, params={"ref": first})

    diff = ask(contract, "GET", "/branches/main/diff", 200)["results"]
    assert [(entry["type"], entry["path"]) for entry in diff] == [("changed", "b"), ("removed", "c"), ("added", "new")]
    assert contract.repository.branch("main").object("a").reader(mode="rb").read() == b"x"


def test_a_protected_branch_takes_merges_alone(contract: Contract) -> None:
    changed = contract.commit("main", "a")
    contract.branch("release-1")
    contract.branch("dev")
    contract.commit("dev", "b")
    ask(contract, "PUT", "/settings/branch_protection", 204, json=[{"pattern": "release-*"}])
    on = "/branches/release-1"

    refusals = [
        ask(contract, "POST", f"{on}/objects", 403, params={"path": "x"}, files={"content": b"x"}),
        ask(contract, "DELETE", f"{on}/objects", 403, params={"path": "a"}),
        ask(contract, "POST", f"{on}/objects/delete", 403, json={"paths": ["a"]}),
        ask(contract, "POST", f"{on}/commits", 403, json={"message": "m", "allow_empty": True}),
        ask(contract, "POST", f"{on}/revert", 403, json={"ref": changed, "parent_number": 0}),
        ask(contract, "POST", f"{on}/cherry-pick", 403, json={"ref": "dev"}),
        ask(contract, "PUT", f"{on}/hard_reset", 403, params={"ref": "main~1"}),
        ask(contract, "DELETE", on, 403),
    ]
    assert all(refused["message"].endswith("protected branch") for refused in refusals)
    ask(contract, "POST", "/refs/dev/merge/release-1", 200, json={})
    assert paths(contract, "release-1") == ["a", "b"]
    contract.commit("main", "c")


def test_the_place_of_a_deleted_repository_is_taken(contract: Contract) -> None:
    new = {"name": f"{contract.name}-2", "storage_namespace": f"local://{contract.name}-2/"}
    assert contract.request("POST", "/repositories", json=new).status_code == 201
    assert contract.request("DELETE", f"/repositories/{new['name']}").status_code == 204

    again = contract.request("POST", "/repositories", json={**new, "storage_namespace": f"local://{contract.name}-2"})

    assert again.status_code == 400
    assert again.json()["message"].endswith("storage namespace already in use")


@pytest.mark.parametrize(
    ("ref", "status"),
    [
        ("main~0", 200),
        ("main^1", 200),
        ("main~^", 200),
        ("main~1~1", 200),
        ("main@~1", 200),
        ("main~3", 404),
        ("main~999999999", 404),
        ("main~9999999999", 500),
        ("main~2^", 500),
        ("main^3", 500),
        ("main~1x", 500),
        ("main@x", 500),
        ("main$~1", 500),
        ("none~x", 500),
        ("none~1", 404),
        ("g0", 404),
        ("~1", 404),
    ],
)
def test_refs_are_read_or_refused(read_only: Contract, ref: str, status: int) -> None:
    ask(read_only, "GET", f"/commits/{ref.replace('^', '%5E')}", status)


def test_a_beginning_that_two_commits_share_names_neither(contract: Contract) -> None:
    ids: list[str] = []
    while len({each[:2] for each in ids}) == len(ids):
        made = ask(contract, "POST", "/branches/main/commits", 201, json={"message": "m", "allow_empty": True})
        ids.append(made["id"])
    shared, whole = ids[-1][:2], ids[-1]

    assert ask(contract, "GET", f"/commits/{shared}", 404) == {"message": "commit not found"}
    assert ask(contract, "GET", f"/commits/{whole[:40]}", 200)["id"] == whole
    ask(contract, "GET", f"/commits/{whole[:1]}", 404)


@pytest.mark.parametrize(
    ("path", "body", "place", "reason"),
    [
        ("/branches", {"name": 1, "source": "main"}, "/name", "value must be a string"),
        ("/branches", {"name": "dev"}, "/source", 'property "source" is missing'),
        ("/tags", {"id": "v1", "ref": None}, "/ref", "Value is not nullable"),
        ("/branches/main/commits", {"message": "m", "allow_empty": "yes"}, "/allow_empty", "value must be a boolean"),
        ("/branches/main/commits", {"message": "m", "metadata": ["k"]}, "/metadata", "value must be an object"),
        ("/branches/main/commits", {"message": "m", "date": 1.5}, "/date", "value must be an integer"),
        ("/branches/main/revert", {"ref": "main"}, "/parent_number", 'property "parent_number" is missing'),
        ("/branches/main/cherry-pick", {"ref": "main", "parent_number": True}, "/parent_number", "must be an integer"),
        ("/branches/main/objects/delete", {"paths": ["a", 1]}, "/paths/1", "value must be a string"),
        ("/refs/main/merge/main", {"metadata": {"k": None}}, "/metadata/k", "Value is not nullable"),
        ("/refs/main/merge/main", {"squash_merge": 1}, "/squash_merge", "value must be a boolean"),
    ],
)
def test_a_body_of_the_wrong_types_is_refused_with_the_place(
    read_only: Contract, path: str, body: Any, place: str, reason: str
) -> None:
    message = ask(read_only, "POST", path, 400, json=body)["message"]
    assert message.startswith("request body has an error: doesn't match schema #/components/schemas/")
    assert f'Error at "{place}": ' in message
    assert f"{reason}\nSchema:\n  " in message


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "value is required but missing"),
        (b'{"message": ', "failed to decode request body: unexpected EOF"),
        (b"{'message'}", 'failed to decode request body: invalid character "\'"'),
        (b"[]", "doesn't match schema #/components/schemas/CommitCreation: value must be an object"),
        (b'{"message": NaN}', "failed to decode request body: invalid character 'N'"),
    ],
)
def test_a_body_that_is_no_object_is_refused(read_only: Contract, body: bytes, reason: str) -> None:
    kind = {"Content-Type": "application/json"}
    message = ask(read_only, "POST", "/branches/main/commits", 400, content=body, headers=kind)["message"]
    assert message.startswith(f"request body has an error: {reason}")


def test_a_body_that_is_not_said_to_be_json_is_refused(read_only: Contract) -> None:
    kind = {"Content-Type": "text/plain"}
    answer = ask(read_only, "POST", "/branches/main/commits", 400, content=b'{"message": "m"}', headers=kind)
    assert answer == {"message": 'request body has an error: header Content-Type has unexpected value "text/plain"'}


@pytest.mark.parametrize(
    "path",
    [
        "/branches",
        "/tags",
        "/branches/main/diff",
        "/refs/main/diff/main",
        "/refs/main/objects/ls",
        "/refs/main/commits",
    ],
)
@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        ("1001", "number must be at most 1000"),
        ("-2", "number must be at least -1"),
        ("", "empty value is not allowed"),
        ("1.5", "value 1.5: an invalid integer: invalid syntax"),
        ("٣", "value ٣: an invalid integer: invalid syntax"),
        ("9" * 19, f"value {'9' * 19}: an invalid integer: value out of range"),
        ("9" * 9999, f"value {'9' * 9999}: an invalid integer: value out of range"),
    ],
)
def test_an_amount_is_checked_wherever_there_is_one(read_only: Contract, path: str, amount: str, reason: str) -> None:
    message = ask(read_only, "GET", path, 400, params={"amount": amount})["message"]
    assert message.startswith(f'parameter "amount" in query has an error: {reason}')


@pytest.mark.parametrize("amount", ["0", "-1", "100", "+100"])
def test_no_amount_is_a_hundred(read_only: Contract, amount: str) -> None:
    page = ask(read_only, "GET", "/refs/main/objects/ls", 200, params={"amount": amount})
    assert (len(page["results"]), page["pagination"]["next_offset"]) == (100, "099")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/branches/main/import", 501),
        ("PUT", "/branches/main/staging/backing", 501),
        ("GET", "/pulls", 501),
        ("GET", "/gc/rules", 501),
        ("POST", "/commits", 501),
        ("GET", "/no-such-thing", 404),
        ("POST", "/branches/main", 404),
        ("GET", "/branches/", 404),
    ],
)
def test_a_call_of_lakefs_that_is_not_here_is_told_from_no_call(
    read_only: Contract, method: str, path: str, status: int
) -> None:
    message = ask(read_only, method, path, status)["message"]
    assert (
        message == "invalid API endpoint" if status == 404 else "the stand-in of lakeFS does not have this" in message
    )


def test_a_log_tells_which_commits_changed_an_object_or_a_prefix(contract: Contract) -> None:
    first = contract.commit("main", "a", "t/1")
    contract.commit("main", "b")
    last = contract.commit("main", "t/2")

    def ids(**options: str) -> list[str]:
        return [commit["id"] for commit in ask(contract, "GET", "/refs/main/commits", 200, params=options)["results"]]

    assert ids(objects="a") == [first]
    assert ids(prefixes="t/") == [last, first]
    assert ids(objects="b", prefixes="none") == ids(objects="b")
    assert ids(prefixes="t/", after=last) == [first]
    assert ids(objects="none") == []
    ask(contract, "GET", "/refs/main/commits", 501, params={"stop_at": first})
    ask(contract, "GET", "/refs/main/commits", 501, params={"after": ""})


def test_user_metadata_is_listed_where_there_is_some_unless_it_is_not_wanted(contract: Contract) -> None:
    contract.put("main", "a", "b")
    on = "/branches/main/objects/stat/user_metadata"
    ask(contract, "PUT", on, 204, params={"path": "a"}, json={"set": {"k": "v"}})
    ask(contract, "PUT", on, 404, params={"path": "none"}, json={"set": {}})

    def listed(**options: str) -> list[Any]:
        page = ask(contract, "GET", "/refs/main/objects/ls", 200, params=options)
        return [entry.get("metadata") for entry in page["results"]]

    assert listed() == [{"k": "v"}, None]
    assert listed(user_metadata="false") == [None, None]


@pytest.mark.parametrize("asked", ["bytes=-", "bytes=3-1", "bytes=0-1,2-3", "bytes=" + "9" * 30 + "-", "bytes="])
def test_a_range_that_the_gateway_passes_over_is_refused(read_only: Contract, asked: str) -> None:
    expected = 400 if asked == "bytes=" else 416
    ask(read_only, "GET", "/refs/main/objects", expected, params={"path": "000"}, headers={"Range": asked})
