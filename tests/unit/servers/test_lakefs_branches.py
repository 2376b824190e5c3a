"""The client that makes branches, against a server on the loopback interface: what it asks, once, and reports."""

import json
from collections.abc import Callable, Iterator

import pytest
import urllib3
from loopback_server import Answer, LoopbackServer, loopback_server

from lakefs_unity_export.access.lakefs_connection import Credentials
from lakefs_unity_export.errors import (
    LakeFSAccessError,
    LakeFSError,
    LakeFSNotFoundError,
    LakeFSUnavailableError,
)
from lakefs_unity_export.servers import lakefs_branches
from lakefs_unity_export.servers.lakefs_branches import LakeFSBranchesClient

CREDENTIALS = Credentials(access_key_id="AKIAEXAMPLE", secret_access_key="wJalrXUtnFEMI")
HOME = "/api/v1/repositories/shop"
BASIC = CREDENTIALS.authorization
REFUSED = Answer.of_json({"message": "insufficient permissions"}, status=401)
# Changes, by what they are called with.
CREATE: Callable[[LakeFSBranchesClient], object] = lambda client: client.create("b", "c0ffee")  # noqa: E731
WRITE: Callable[[LakeFSBranchesClient], object] = lambda client: client.write("b", "t/ä b", b"\x00x")  # noqa: E731
DELETE: Callable[[LakeFSBranchesClient], object] = lambda client: client.delete("b")  # noqa: E731


@pytest.fixture(scope="module")
def running() -> Iterator[LoopbackServer]:
    with loopback_server() as server:
        yield server


@pytest.fixture
def server(running: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> LoopbackServer:
    """A server that has not been asked anything yet, and retries that wait no time."""
    monkeypatch.setattr(urllib3.Retry, "sleep", lambda *_: None)
    running.asked.clear()
    running.answers.clear()
    return running


def client(server: LoopbackServer) -> LakeFSBranchesClient:
    return LakeFSBranchesClient(endpoint=server.url, repository="shop", credentials=CREDENTIALS, retries=2)


def page(*results: dict[str, object], has_more: bool = False) -> Answer:
    return Answer.of_json({"pagination": {"has_more": has_more}, "results": list(results)})


def test_a_branch_is_made_at_a_commit(server: LoopbackServer) -> None:
    server.answer_with(Answer(status=201, body=b"c0ffee", content_type="text/plain"))
    CREATE(client(server))
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.authorization) == ("POST", f"{HOME}/branches", BASIC)
    assert (json.loads(asked.body), asked.content_type) == ({"name": "b", "source": "c0ffee"}, "application/json")


def test_an_object_is_written_as_it_is(server: LoopbackServer) -> None:
    server.answer_with(Answer.of_json({}, status=201))
    WRITE(client(server))
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.query) == ("POST", f"{HOME}/branches/b/objects", {"path": "t/ä b"})
    assert (asked.body, asked.content_type, asked.authorization) == (b"\x00x", "application/octet-stream", BASIC)


def test_a_branch_is_deleted(server: LoopbackServer) -> None:
    server.answer_with(Answer(status=204))
    DELETE(client(server))
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.body, asked.query) == ("DELETE", f"{HOME}/branches/b", b"", {})


def test_a_branch_that_is_gone_needs_no_deletion(server: LoopbackServer) -> None:
    server.answer_with(Answer.of_json({"message": "branch not found"}, status=404))
    DELETE(client(server))
    assert client(server).is_there("b") is False


def test_a_branch_that_is_there(server: LoopbackServer) -> None:
    server.answer_with(Answer.of_json({"id": "b", "commit_id": "c0ffee"}))
    assert client(server).is_there("b") is True


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (CREATE, "a new branch 'b'"),
        (WRITE, "a new object 't/ä b' on branch 'b'"),
        (DELETE, "the deletion of branch 'b'"),
    ],
)
def test_what_is_refused_is_told_and_not_tried_again(
    server: LoopbackServer, change: Callable[[LakeFSBranchesClient], object], what: str
) -> None:
    server.answer_with(REFUSED)
    with pytest.raises(LakeFSAccessError, match=rf"answered 401 \(insufficient permissions\) when asked for {what}"):
        change(client(server))
    assert len(server.asked) == 1


@pytest.mark.parametrize("change", [CREATE, WRITE, DELETE])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_change_is_asked_for_once(
    server: LoopbackServer, change: Callable[[LakeFSBranchesClient], object], status: int
) -> None:
    server.answer_with(Answer(status=status))
    with pytest.raises(LakeFSUnavailableError):
        change(client(server))
    assert len(server.asked) == 1


@pytest.mark.parametrize("change", [CREATE, WRITE, DELETE])
def test_a_change_is_not_followed_elsewhere(
    server: LoopbackServer, change: Callable[[LakeFSBranchesClient], object]
) -> None:
    server.answer_with(Answer(status=307, headers=(("Location", f"{server.url}/elsewhere"),)), Answer(status=201))
    with pytest.raises(LakeFSError, match="answered 307"):
        change(client(server))
    assert len(server.asked) == 1


@pytest.mark.parametrize("change", [CREATE, WRITE, DELETE])
def test_another_answer_of_success_is_not_lakefs(
    server: LoopbackServer, change: Callable[[LakeFSBranchesClient], object]
) -> None:
    server.answer_with(Answer(status=200, body=b"<html>sign in</html>"))
    with pytest.raises(LakeFSUnavailableError, match="answered something that is not lakeFS's"):
        change(client(server))


def test_a_name_that_is_taken_is_an_error(server: LoopbackServer) -> None:
    server.answer_with(Answer.of_json({"message": "branch already exists: not unique"}, status=409))
    with pytest.raises(LakeFSError, match="409"):
        CREATE(client(server))


def test_reads_are_tried_again(server: LoopbackServer) -> None:
    server.answer_with(Answer(status=503), Answer(status=503), page({"id": "check_1"}))
    assert client(server).named("check_") == ["check_1"]
    assert server.asked[-1].query["prefix"] == "check_"


def test_the_log_is_read_to_its_end_by_first_parents(server: LoopbackServer) -> None:
    server.answer_with(page({"id": "c9"}, {"id": "c8"}, has_more=True), page({"id": "c2"}, {"id": "c1"}))
    assert client(server).oldest_commit("main") == "c1"
    first = {"amount": "1000", "first_parent": "true"}
    assert [asked.query for asked in server.asked] == [first, {**first, "after": "c8"}]
    assert {asked.path for asked in server.asked} == {f"{HOME}/refs/main/commits"}


def test_a_very_long_log_is_read_so_far(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lakefs_branches, "MOST_LOG_PAGES", 3)
    server.answer_with(*(page({"id": f"c{number}"}, has_more=True) for number in (9, 8, 7, 6)))
    assert client(server).oldest_commit("main") == "c7"
    assert len(server.asked) == 3


def test_a_log_without_a_commit_is_not_lakefs(server: LoopbackServer) -> None:
    server.answer_with(page())
    with pytest.raises(LakeFSUnavailableError, match="not lakeFS's when asked for the log of branch 'main'"):
        client(server).oldest_commit("main")


def test_the_log_of_a_branch_that_is_not_there(server: LoopbackServer) -> None:
    server.answer_with(Answer.of_json({"message": "ref: not found"}, status=404))
    with pytest.raises(LakeFSNotFoundError):
        client(server).oldest_commit("main")


@pytest.mark.parametrize("found", [[], [{"path": "_lakefs_actions/a.yaml"}]])
def test_whether_a_commit_holds_something(server: LoopbackServer, found: list[dict[str, object]]) -> None:
    server.answer_with(page(*found))
    assert client(server).holds("c1", "_lakefs_actions/") is bool(found)
    (asked,) = server.asked
    assert (asked.path, asked.query["prefix"]) == (f"{HOME}/refs/c1/objects/ls", "_lakefs_actions/")


def test_protection_rules(server: LoopbackServer) -> None:
    server.answer_with(Answer.of_json([{"pattern": "main"}, {"pattern": "release-*", "x": 1}]))
    assert client(server).protection() == ["main", "release-*"]
    assert server.asked[0].path == f"{HOME}/settings/branch_protection"


def test_uncommitted_changes(server: LoopbackServer) -> None:
    server.answer_with(page({"path": "f/a", "type": "added", "path_type": "object"}))
    assert client(server).uncommitted("b", "f/") == ["f/a"]
    assert (server.asked[0].path, server.asked[0].query["prefix"]) == (f"{HOME}/branches/b/diff", "f/")
