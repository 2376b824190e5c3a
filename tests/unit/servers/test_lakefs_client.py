"""The lakeFS client against a server on the loopback interface: what it asks, reads, retries and reports."""

import logging
import socket
from collections.abc import Callable, Iterator

import pytest
import urllib3
from loopback_server import Answer, Asked, LoopbackServer, loopback_server

from lakefs_unity_export.access import lakefs_http
from lakefs_unity_export.access.lakefs_connection import Credentials, check_endpoint
from lakefs_unity_export.errors import (
    LakeFSAccessError,
    LakeFSError,
    LakeFSGoneError,
    LakeFSNotFoundError,
    LakeFSUnavailableError,
    SettingsError,
)
from lakefs_unity_export.ports import Commit, DiffEntry, DiffPage, ObjectInfo
from lakefs_unity_export.servers import lakefs_client
from lakefs_unity_export.servers.lakefs_client import LakeFSClient

SECRET = "wJalrXUtnFEMI"
CREDENTIALS = Credentials(access_key_id="AKIAEXAMPLE", secret_access_key=SECRET)
SHORT, LONG = 0.15, 0.5
BRANCH = Answer.of_json({"id": "main", "commit_id": "c0ffee"})


@pytest.fixture(scope="module")
def running() -> Iterator[LoopbackServer]:
    with loopback_server() as server:
        yield server


@pytest.fixture
def server(running: LoopbackServer) -> LoopbackServer:
    """A server that has not been asked anything yet."""
    running.asked.clear()
    running.answers.clear()
    return running


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Retries that wait no time; the seconds that they would have waited."""
    waited: list[float] = []

    def sleep(retry: urllib3.Retry, response: urllib3.BaseHTTPResponse | None = None) -> None:
        asked = retry.get_retry_after(response) if response is not None else None
        waited.append(retry.get_backoff_time() if asked is None else asked)

    monkeypatch.setattr(urllib3.Retry, "sleep", sleep)
    return waited


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs that a test can wait for."""
    monkeypatch.setattr(lakefs_http, "READ_TIMEOUT_SECONDS", SHORT)


def _client(server: LoopbackServer, retries: int = 4) -> LakeFSClient:
    return LakeFSClient(endpoint=server.url + "/", repository="shop", credentials=CREDENTIALS, retries=retries)


def _page(*results: dict[str, object], has_more: bool = False) -> Answer:
    pagination = {"has_more": has_more, "next_offset": "", "results": len(results), "max_per_page": 1000}
    return Answer.of_json({"pagination": pagination, "results": list(results)})


def _object(path: str, size: int) -> dict[str, object]:
    common = {"physical_address": "s3://b/x", "checksum": "x", "mtime": 1}
    return {"path": path, "path_type": "object", "size_bytes": size, **common}


def _commit(commit_id: str, **fields: object) -> Answer:
    common = {"parents": [], "committer": "me", "message": "", "creation_date": 1, "meta_range_id": ""}
    return Answer.of_json({"id": commit_id, **common, **fields})


# What it asks and reads


def test_the_head_of_a_branch(server: LoopbackServer) -> None:
    server.answer_with(BRANCH)
    assert _client(server).branch_head("main") == "c0ffee"
    assert server.asked == [
        Asked(
            path="/api/v1/repositories/shop/branches/main",
            query={},
            authorization="Basic QUtJQUVYQU1QTEU6d0phbHJYVXRuRkVNSQ==",
        )
    ]


def test_every_page_of_branches_is_read(server: LoopbackServer) -> None:
    first, second = {"id": "dev", "commit_id": "c0ffee"}, {"id": "main", "commit_id": "decade"}
    server.answer_with(_page(first, has_more=True), _page(second))
    assert _client(server).branches() == {"dev": "c0ffee", "main": "decade"}
    assert {asked.path for asked in server.asked} == {"/api/v1/repositories/shop/branches"}
    assert [asked.query for asked in server.asked] == [{"after": after, "amount": "1000"} for after in ("", "dev")]


def test_a_repository_without_branches(server: LoopbackServer) -> None:
    server.answer_with(_page(has_more=True))
    assert _client(server).branches() == {}
    assert len(server.asked) == 1


def test_the_branches_of_a_repository_that_is_not_there(server: LoopbackServer) -> None:
    server.answer_with(Answer.of_json({"message": "repository not found"}, status=404))
    with pytest.raises(
        LakeFSNotFoundError, match=r"when asked for branches of repository 'shop'; check that it exists"
    ):
        _client(server).branches()


def test_a_commit_has_its_full_id_and_generation(server: LoopbackServer) -> None:
    server.answer_with(_commit("c0ffee00", generation=7))
    assert _client(server).commit("c0ffee") == Commit(id="c0ffee00", generation=7)
    assert server.asked[0].path == "/api/v1/repositories/shop/commits/c0ffee"


@pytest.mark.parametrize(("base", "on_branch"), [("c0ffee", True), ("dead", False)])
def test_a_commit_is_on_a_branch_where_it_is_their_merge_base(
    server: LoopbackServer, base: str, on_branch: bool
) -> None:
    content = {"source_commit_id": "c0ffee", "destination_commit_id": "head", "base_commit_id": base}
    server.answer_with(Answer.of_json(content))
    assert _client(server).is_on_branch("c0ffee", "main") is on_branch
    assert server.asked[0].path == "/api/v1/repositories/shop/refs/c0ffee/merge/main"


def test_a_commit_that_lakefs_does_not_know_is_on_no_branch(server: LoopbackServer) -> None:
    server.answer_with(Answer.of_json({"message": "not found"}, status=404))
    assert _client(server).is_on_branch("c0ffee", "main") is False


def test_objects_are_listed_page_by_page(server: LoopbackServer) -> None:
    server.answer_with(_page(_object("m/a", 1), _object("m/ü +#?", 2), has_more=True), _page(_object("m/z", 3)))
    found = list(_client(server).list_objects("c0ffee", "m/"))
    assert found == [ObjectInfo(path=path, size=size) for path, size in (("m/a", 1), ("m/ü +#?", 2), ("m/z", 3))]
    assert [asked.query for asked in server.asked] == [
        {"prefix": "m/", "after": after, "amount": "1000", "user_metadata": "false"} for after in ("", "m/ü +#?")
    ]


def test_an_empty_page_ends_a_listing_even_where_more_is_promised(server: LoopbackServer) -> None:
    server.answer_with(_page(has_more=True))
    assert list(_client(server).list_objects("c0ffee", "m/")) == []
    assert len(server.asked) == 1


def test_a_page_of_a_diff(server: LoopbackServer) -> None:
    entries = [
        {"path": "a/", "path_type": "common_prefix", "type": "prefix_changed"},
        {"path": "b", "path_type": "object", "type": "removed", "size_bytes": 1},
    ]
    server.answer_with(_page(*entries, has_more=True))
    page = _client(server).diff_reader("left", "right")(prefix="p/", after="p/ü\x00", delimiter="/")
    assert page == DiffPage(
        entries=(
            DiffEntry(path="a/", type="prefix_changed", is_prefix=True),
            DiffEntry(path="b", type="removed", is_prefix=False),
        ),
        has_more=True,
    )
    (asked,) = server.asked
    assert asked.path == "/api/v1/repositories/shop/refs/left/diff/right"
    assert asked.query == {"type": "two_dot", "prefix": "p/", "after": "p/ü\x00", "delimiter": "/", "amount": "1000"}


def test_uncommitted_changes_are_read_page_by_page_while_they_are_wanted(server: LoopbackServer) -> None:
    first, second = ({"path": path, "path_type": "object", "type": "added", "size_bytes": 1} for path in ("m/a", "m/b"))
    server.answer_with(_page(first, has_more=True), _page(second))
    changes = _client(server).uncommitted_changes("main", "m/")
    assert next(changes) == DiffEntry(path="m/a", type="added", is_prefix=False)
    assert len(server.asked) == 1
    assert [change.path for change in changes] == ["m/b"]
    assert {asked.path for asked in server.asked} == {"/api/v1/repositories/shop/branches/main/diff"}
    assert [asked.query for asked in server.asked] == [
        {"prefix": "m/", "after": after, "amount": "1000"} for after in ("", "m/a")
    ]


def test_the_changes_to_merge_are_the_three_dot_diff(server: LoopbackServer) -> None:
    server.answer_with(_page({"path": "m/a", "path_type": "object", "type": "conflict"}))
    changes = list(_client(server).changes_to_merge("main", "c0ffee", "m/"))
    assert changes == [DiffEntry(path="m/a", type="conflict", is_prefix=False)]
    (asked,) = server.asked
    assert asked.path == "/api/v1/repositories/shop/refs/main/diff/c0ffee"
    assert asked.query == {"type": "three_dot", "prefix": "m/", "after": "", "amount": "1000"}


def test_a_caller_may_be_more_impatient_than_a_job() -> None:
    with loopback_server([Answer(delay=LONG)]) as slow:
        client = LakeFSClient(
            endpoint=slow.url, repository="shop", credentials=CREDENTIALS, retries=0, timeouts=(SHORT, SHORT)
        )
        with pytest.raises(LakeFSUnavailableError, match="did not answer when asked for branch 'main'"):
            client.branch_head("main")


def test_objects_are_read_as_bytes(server: LoopbackServer) -> None:
    server.answer_with(Answer(body=b"name: \xff\x00", content_type="application/octet-stream"))
    assert _client(server).read_objects("c0ffee", ["m/a b+ü#.yaml"]) == {"m/a b+ü#.yaml": b"name: \xff\x00"}
    (asked,) = server.asked
    assert (asked.path, asked.query["path"]) == ("/api/v1/repositories/shop/refs/c0ffee/objects", "m/a b+ü#.yaml")


def test_many_objects_are_read_at_once_and_kept_apart(server: LoopbackServer) -> None:
    server.answer_with(Answer(body=b"x", delay=0.02))
    server.most_at_once = 0
    paths = [f"m/{number}" for number in range(40)]
    assert _client(server).read_objects("c0ffee", paths) == dict.fromkeys(paths, b"x")
    assert 1 < server.most_at_once <= lakefs_client.PARALLEL_READS
    assert sorted(asked.query["path"] for asked in server.asked) == sorted(paths)


def test_an_empty_object_and_no_object_are_read(server: LoopbackServer) -> None:
    server.answer_with(Answer(body=b""))
    assert _client(server).read_objects("c0ffee", ["m/a"]) == {"m/a": b""}
    assert _client(server).read_objects("c0ffee", []) == {}


@pytest.mark.parametrize(("status", "error"), [(404, LakeFSNotFoundError), (410, LakeFSGoneError)])
def test_an_object_that_is_gone_is_told_apart_from_the_others(
    server: LoopbackServer, status: int, error: type[LakeFSError]
) -> None:
    server.answer_with(Answer(status=status))
    found = _client(server).read_objects("c0ffee", ["m/a"])["m/a"]
    assert isinstance(found, error)
    assert "object 'm/a' at 'c0ffee'" in str(found)


@pytest.mark.parametrize(
    ("status", "error"), [(401, LakeFSAccessError), (403, LakeFSAccessError), (500, LakeFSUnavailableError)]
)
def test_what_is_not_about_one_object_ends_the_reading(
    server: LoopbackServer, status: int, error: type[LakeFSError]
) -> None:
    server.answer_with(Answer(status=status))
    with pytest.raises(error):
        _client(server, retries=0).read_objects("c0ffee", [f"m/{number}" for number in range(20)])


# What it retries


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_failure_is_retried(server: LoopbackServer, waits: list[float], status: int) -> None:
    server.answer_with(Answer(status=status), Answer(status=status), BRANCH)
    assert _client(server).branch_head("main") == "c0ffee"
    assert len(server.asked) == 3
    assert waits == [0, 1.0]


@pytest.mark.parametrize(("asked", "waited"), [("2", 2.0), ("86400", 60.0)])
def test_a_wait_that_the_server_asks_for_is_kept_within_bounds(
    server: LoopbackServer, waits: list[float], asked: str, waited: float
) -> None:
    server.answer_with(Answer(status=429, headers=(("Retry-After", asked),)), _commit("abc", generation=7))
    assert _client(server).commit("abc").generation == 7
    assert waits == [waited]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("broken", [Answer(delay=LONG), Answer(body=b'{"id": ', missing_bytes=5)])
def test_a_slow_or_broken_answer_is_retried(server: LoopbackServer, broken: Answer) -> None:
    server.answer_with(broken, BRANCH)
    assert _client(server).branch_head("main") == "c0ffee"
    assert len(server.asked) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_final_answer_is_not_retried(server: LoopbackServer, status: int) -> None:
    server.answer_with(Answer(status=status))
    with pytest.raises(LakeFSError):
        _client(server).branch_head("main")
    assert len(server.asked) == 1


# What it reports


@pytest.mark.parametrize(
    ("status", "error", "remedy"),
    [
        (401, LakeFSAccessError, "; check the access key and the secret key in the secret scope (secret_scope)"),
        (403, LakeFSAccessError, "; grant the access key's user read access to the repository (fs:Read*, fs:List*)"),
        (404, LakeFSNotFoundError, "; check that it exists, and the spelling"),
        (409, LakeFSError, "; look at the branch in lakeFS, and resolve the conflict there"),
        (410, LakeFSGoneError, ": its data was removed by garbage collection; export a newer commit"),
        (420, LakeFSUnavailableError, ": too many requests, also after retries; run the job again later"),
        (423, LakeFSUnavailableError, ": others are writing to the branch; run the job again later"),
        (429, LakeFSUnavailableError, ": too many requests, also after retries; run the job again later"),
        (500, LakeFSUnavailableError, ", also after retries; look at the server's log, then repair the run"),
        (503, LakeFSUnavailableError, ", also after retries; look at the server's log, then repair the run"),
        (400, LakeFSError, "; check lakefs_endpoint and the job's parameters"),
    ],
)
def test_an_answer_of_failure_names_thing_place_and_remedy(
    server: LoopbackServer, status: int, error: type[LakeFSError], remedy: str
) -> None:
    server.answer_with(Answer.of_json({"message": "this\n  is why"}, status=status))
    with pytest.raises(LakeFSError) as raised:
        _client(server).branch_head("main")
    assert type(raised.value) is error
    assert str(raised.value) == (
        f"lakeFS at {server.url} answered {status} (this is why) "
        f"when asked for branch 'main' of repository 'shop'{remedy}"
    )


def test_a_conflict_without_a_message_is_told_as_one(server: LoopbackServer) -> None:
    server.answer_with(Answer.of_json({"reference": ""}, status=409))  # as recorded: merge/conflict
    with pytest.raises(LakeFSError, match=r"409 \(a conflict: both sides changed the same objects\) .*resolve"):
        _client(server).branch_head("main")


@pytest.mark.parametrize(
    "words",
    [
        "ref: invalid value: validation error",
        "could not parse modifier ~x: ref: invalid value: validation error",
        "ref: invalid value: validation error: should point to a commit",
    ],
)
def test_a_ref_that_lakefs_cannot_read_is_no_failure_of_the_server(server: LoopbackServer, words: str) -> None:
    server.answer_with(Answer.of_json({"message": words}, status=500))  # as recorded: refs/forms
    with pytest.raises(LakeFSError, match="cannot read what was asked for; check the job's parameters") as raised:
        _client(server, retries=0).commit("main~x")
    assert not isinstance(raised.value, LakeFSUnavailableError)


def test_a_call_that_the_server_does_not_have_is_not_a_missing_object(server: LoopbackServer) -> None:
    server.answer_with(Answer.of_json({"message": "invalid API endpoint"}, status=404))  # server/version-health
    for ask in (
        lambda: _client(server).is_on_branch("c0ffee", "main"),
        lambda: _client(server).read_objects("c0ffee", ["m/a"]),
    ):
        with pytest.raises(LakeFSError, match="check lakefs_endpoint, and the version of the server") as raised:
            ask()
        assert not isinstance(raised.value, LakeFSNotFoundError)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"text"', b'{"error": 1}', b"null"])
def test_a_failure_without_a_message_is_reported_too(server: LoopbackServer, body: bytes) -> None:
    server.answer_with(Answer(status=500, body=body, content_type="text/html"))
    with pytest.raises(LakeFSUnavailableError, match="answered 500 when asked for branch 'main'"):
        _client(server, retries=0).branch_head("main")


def test_a_long_message_of_the_server_is_cut(server: LoopbackServer) -> None:
    server.answer_with(Answer.of_json({"message": "x" * 9999}, status=500))
    with pytest.raises(LakeFSUnavailableError) as raised:
        _client(server, retries=0).branch_head("main")
    assert len(str(raised.value)) < 500


CALLS: dict[str, Callable[[LakeFSClient], object]] = {
    "branch 'main'": lambda client: client.branch_head("main"),
    "commit 'c0ffee'": lambda client: client.commit("c0ffee"),
    "merge base of commit 'c0ffee' and branch 'main'": lambda client: client.is_on_branch("c0ffee", "main"),
    "objects under 'm/' at 'c0ffee'": lambda client: list(client.list_objects("c0ffee", "m/")),
    "diff of 'a' and 'b' under 'p/'": lambda client: client.diff_reader("a", "b")(prefix="p/", after="", delimiter="/"),
}


@pytest.mark.parametrize("what", CALLS)
@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"[]", b"{}", b"null", b"5", b'"x"', b"{", b"\xff", b""])
def test_an_answer_that_is_not_lakefs_is_reported(server: LoopbackServer, what: str, body: bytes) -> None:
    content_type = "text/html" if body.startswith(b"<") else "application/json"
    server.answer_with(Answer(body=body, content_type=content_type))
    with pytest.raises(LakeFSUnavailableError) as raised:
        CALLS[what](_client(server))
    assert str(raised.value) == (
        f"{server.url} answered something that is not lakeFS's when asked for {what}; check lakefs_endpoint"
    )


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("branch 'main'", {"commit_id": 5}),
        ("branch 'main'", {"commit_id": "\ud800"}),
        ("commit 'c0ffee'", {"id": "c0ffee", "generation": "7"}),
        ("objects under 'm/' at 'c0ffee'", {"results": {}, "pagination": {"has_more": False}}),
        ("objects under 'm/' at 'c0ffee'", {"results": [], "pagination": {"has_more": "no"}}),
        ("objects under 'm/' at 'c0ffee'", {"results": [{"path": None}], "pagination": {"has_more": False}}),
        (
            "diff of 'a' and 'b' under 'p/'",
            {"results": [{"path": "x", "type": "added", "path_type": "tree"}], "pagination": {"has_more": False}},
        ),
    ],
)
def test_a_part_of_another_kind_is_not_lakefs(server: LoopbackServer, what: str, content: object) -> None:
    server.answer_with(Answer.of_json(content))
    with pytest.raises(LakeFSUnavailableError, match=f"not lakeFS's when asked for {what}"):
        CALLS[what](_client(server))


def test_an_answer_without_content_is_not_lakefs(server: LoopbackServer) -> None:
    server.answer_with(Answer(status=204))
    with pytest.raises(LakeFSUnavailableError, match="answered something that is not lakeFS's"):
        _client(server).branch_head("main")


def test_a_sign_in_page_behind_a_redirect_is_not_lakefs(server: LoopbackServer) -> None:
    redirect = Answer(status=302, headers=(("Location", "/login"),))
    server.answer_with(redirect, Answer(body=b"<html>", content_type="text/html"))
    with pytest.raises(LakeFSUnavailableError, match="answered something that is not lakeFS's"):
        _client(server).branch_head("main")


def test_a_redirect_to_another_server_takes_no_key_along(server: LoopbackServer) -> None:
    with loopback_server([BRANCH]) as other:
        server.answer_with(Answer(status=302, headers=(("Location", other.url),)))
        assert _client(server).branch_head("main") == "c0ffee"
    assert [asked.authorization for asked in other.asked] == [""]


@pytest.mark.parametrize("what", CALLS)
def test_a_failing_server_is_reported_for_every_call(server: LoopbackServer, what: str) -> None:
    server.answer_with(Answer(status=503))
    with pytest.raises(LakeFSUnavailableError) as raised:
        CALLS[what](_client(server))
    assert str(raised.value).startswith(
        f"lakeFS at {server.url} answered 503 when asked for {what} of repository 'shop'"
    )
    assert len(server.asked) == 5


@pytest.mark.usefixtures("impatient")
def test_a_server_that_does_not_answer_in_time_is_reported(server: LoopbackServer) -> None:
    server.answer_with(Answer(delay=LONG))
    with pytest.raises(LakeFSUnavailableError) as raised:
        _client(server, retries=1).branch_head("main")
    assert len(server.asked) == 2
    assert str(raised.value) == (
        f"lakeFS at {server.url} did not answer when asked for branch 'main' of repository 'shop' (ReadTimeoutError: "
        f"Read timed out. (read timeout={SHORT})); check lakefs_endpoint, "
        "and that it can be reached from this task's compute"
    )


def test_an_answer_that_breaks_off_is_reported(server: LoopbackServer) -> None:
    server.answer_with(Answer(body=b"{", missing_bytes=9))
    with pytest.raises(LakeFSUnavailableError, match="did not answer when asked for object 'm/a' at 'c0ffee'"):
        _client(server).read_objects("c0ffee", ["m/a"])
    assert len(server.asked) == 5


def test_a_port_where_nobody_listens_is_reported() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        client = LakeFSClient(endpoint=url, repository="shop", credentials=CREDENTIALS)
        with pytest.raises(LakeFSUnavailableError) as raised:
            client.branch_head("main")
    assert str(raised.value).startswith(f"lakeFS at {url} did not answer when asked for branch 'main' of repository")
    assert "Connection refused" in str(raised.value)


@pytest.mark.usefixtures("impatient")
def test_no_error_and_no_log_shows_the_secret(server: LoopbackServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    texts = [repr(CREDENTIALS), str(CREDENTIALS)]
    for answer in (
        *(Answer(status=status) for status in (401, 403, 404, 500)),
        Answer(body=b"<html>"),
        Answer(delay=LONG),
    ):
        server.answer_with(answer)
        with pytest.raises(LakeFSError) as raised:
            _client(server, retries=1).branch_head("main")
        texts += [str(raised.value), repr(raised.value), str(raised.value.__cause__)]
    assert SECRET not in " ".join(texts) + caplog.text
    assert "QUtJQUVYQU1QTEU6" not in " ".join(texts) + caplog.text


def test_time_outs_are_set() -> None:
    assert 0 < lakefs_http.CONNECT_TIMEOUT_SECONDS <= 30


# The endpoint


@pytest.mark.parametrize(
    ("endpoint", "base"),
    [
        ("https://lakefs.example.com", "https://lakefs.example.com"),
        ("https://lakefs.example.com/", "https://lakefs.example.com"),
        ("https://lakefs.example.com/api/v1", "https://lakefs.example.com"),
        ("https://lakefs.example.com/api/v1/", "https://lakefs.example.com"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000/lakefs", "http://[::1]:8000/lakefs"),
    ],
)
def test_an_endpoint_is_the_base_of_the_api(endpoint: str, base: str) -> None:
    assert check_endpoint(endpoint) == base


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "lakefs.example.com",
        "lakefs:8000",
        "ftp://lakefs",
        "http://",
        "https:///x",
        "http://[::1",
        "http://h:x",
        "http://h/ b",
        "http://h:99999",
        "http://h\x00",
        "http://h\n",
        "http://h?x=1",
        "http://h#x",
        "s3://bucket",
    ],
)
def test_an_endpoint_that_is_no_url_is_refused(endpoint: str) -> None:
    with pytest.raises(SettingsError) as raised:
        LakeFSClient(endpoint=endpoint, repository="shop", credentials=CREDENTIALS)
    assert str(raised.value) == (
        f"lakefs_endpoint {endpoint!r} is no URL of a server; use one such as https://lakefs.example.com"
    )


@pytest.mark.parametrize("endpoint", [f"https://AKIA:{SECRET}@h", f"https://{SECRET}@h:99999", f"https://{SECRET}@[h"])
def test_an_endpoint_with_credentials_is_refused_and_not_shown(endpoint: str) -> None:
    with pytest.raises(SettingsError, match=r"^lakefs_endpoint holds a user name or a password; put ") as raised:
        check_endpoint(endpoint)
    assert SECRET not in str(raised.value)
