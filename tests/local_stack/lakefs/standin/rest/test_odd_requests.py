"""Requests to the REST API that nobody means: each is answered, and none is a failure of the stand-in's own."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lakefs_recorded_answers import Answer
from lakefs_recorded_requests import Sent, send

from local_stack.lakefs.server import LakeFS, lakefs_of
from local_stack.lakefs.standin import LakeFSStandIn

if TYPE_CHECKING:
    from collections.abc import Iterator

LOG_NAME = "local_stack.lakefs.standin.rest.routes"
REPOSITORY = "/api/v1/repositories/odd"
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH")
REFS = [
    "main",
    "dev",
    "main~1",
    "main^2",
    "main@",
    "main$",
    "main~x",
    "main~99999999999",
    "dev^",
    "~1",
    "^",
    "@",
    "ü",
    "v1",
]
PLACES = ["a", "t/b", "none", "", "/", "//", "t/", "\0", "ü\U0001f600", "a b+c%20&d#e?", "x" * 2000]
PATHS = [
    "",
    "/branches",
    "/branches/{ref}",
    "/branches/{ref}/commits",
    "/branches/{ref}/diff",
    "/branches/{ref}/revert",
    "/branches/{ref}/cherry-pick",
    "/branches/{ref}/hard_reset",
    "/branches/{ref}/objects",
    "/branches/{ref}/objects/delete",
    "/branches/{ref}/objects/copy",
    "/branches/{ref}/objects/stat/user_metadata",
    "/branches/{ref}/staging/backing",
    "/tags",
    "/tags/{ref}",
    "/commits/{ref}",
    "/refs/{ref}/commits",
    "/refs/{ref}/objects",
    "/refs/{ref}/objects/ls",
    "/refs/{ref}/objects/stat",
    "/refs/{ref}/diff/{other}",
    "/refs/{ref}/merge/{other}",
    "/actions/runs",
    "/actions/runs/{ref}",
    "/actions/runs/{ref}/hooks",
    "/actions/runs/{ref}/hooks/{other}/output",
    "/settings/branch_protection",
]
PARAMETERS = ["path", "dest_path", "ref", "type", "prefix", "after", "delimiter", "amount", "first_parent", "objects"]
VALUES = [
    *PLACES[:10],
    "0",
    "-1",
    "1",
    "1000",
    "1001",
    "-2",
    "1.5",
    "9" * 30,
    "٣",
    "true",
    "two_dot",
    "three_dot",
    "main",
]
FIELDS = ["name", "source", "id", "ref", "message", "metadata", "date", "parent_number", "strategy", "type", "path"]
MORE_FIELDS = [
    "paths",
    "src_path",
    "src_ref",
    "set",
    "allow_empty",
    "squash_merge",
    "force",
    "commit_overrides",
    "pattern",
]
WORTHS: list[Any] = [
    "main",
    "dev",
    "new",
    "a",
    "",
    "reset",
    "object",
    "common_prefix",
    None,
    True,
    0,
    1,
    -1,
    10**30,
    1.5,
]
WORTHS += [{}, {"k": "v"}, {"k": 1}, [], ["a", 1], {"message": None}, "\ud800", "source-wins", 253402300800]
BODIES = [b"", b"{", b"[]", b"null", b"1", b'"x"', b"\xff", b"[" * 5000, b'{"message": NaN}', b"1" * 5000, b"{} {}"]
HEADERS = [
    {},
    {"Range": "bytes=0-1"},
    {"Range": "bytes=-"},
    {"Range": "bytes=" + "9" * 40 + "-"},
    {"Range": "bytes=0-0,1-1"},
    {"If-None-Match": "*"},
    {"If-None-Match": '"x"'},
    {"Content-Type": "text/plain"},
    {"Content-Type": "multipart/form-data"},
    {"Content-Type": 'multipart/form-data; boundary="'},
    {"x-lakefs-meta-": "x"},
]


@pytest.fixture(scope="module")
def server() -> Iterator[LakeFS]:
    """A stand-in with a repository that holds something."""
    standin = LakeFSStandIn()
    standin.start()
    yield lakefs_of(standin)
    standin.stop()


@pytest.fixture(scope="module")
def filled(server: LakeFS) -> LakeFS:
    """The server with two branches that differ, a tag, and changes that are not committed."""
    new = {"name": "odd", "storage_namespace": "local://odd"}
    ask(server, "POST", "/api/v1/repositories", body=json.dumps(new))
    for branch in ("main", "dev"):
        ask(server, "POST", f"{REPOSITORY}/branches", body=json.dumps({"name": "dev", "source": "main"}))
        for path in ("a", "t/b"):
            kind = {"Content-Type": "text/plain"}
            ask(server, "POST", f"{REPOSITORY}/branches/{branch}/objects?path={quote(path)}", kind, body=branch + path)
        ask(server, "POST", f"{REPOSITORY}/branches/{branch}/commits", body=json.dumps({"message": "m"}))
    ask(server, "POST", f"{REPOSITORY}/tags", body=json.dumps({"id": "v1", "ref": "main"}))
    ask(server, "DELETE", f"{REPOSITORY}/branches/dev/objects?path=a")
    return server


def ask(server: LakeFS, method: str, target: str, headers: dict[str, str] | None = None, body: str = "") -> Answer:
    """The answer to one request."""
    return send(server, Sent(method=method, target=target, headers=headers or {}, body=body))


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
queries = st.dictionaries(st.sampled_from(PARAMETERS), st.sampled_from(VALUES) | texts, max_size=5)
objects = st.dictionaries(st.sampled_from(FIELDS + MORE_FIELDS), st.sampled_from(WORTHS), max_size=5)
bodies = objects.map(json.dumps) | st.sampled_from(BODIES).map(lambda body: body.decode("latin-1"))


@settings(
    max_examples=600, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    method=st.sampled_from(METHODS),
    path=st.sampled_from(PATHS),
    ref=st.sampled_from(REFS) | texts.filter(bool),
    other=st.sampled_from(REFS),
    query=queries,
    headers=st.sampled_from(HEADERS),
    body=bodies,
)
def test_no_request_makes_the_stand_in_fail(
    filled: LakeFS,
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    ref: str,
    other: str,
    query: dict[str, str],
    headers: dict[str, str],
    body: str,
) -> None:
    if method == "DELETE" and path == "":
        return  # the repository stays
    target = REPOSITORY + path.format(ref=quote(ref, safe=""), other=quote(other, safe=""))
    pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    caplog.clear()
    with caplog.at_level(logging.WARNING, LOG_NAME):
        answer = ask(filled, method, f"{target}?{pairs}", headers, body)
    assert [record.getMessage() for record in caplog.records if record.name == LOG_NAME] == []
    if answer.status >= 400 and method != "HEAD":
        told = json.loads(answer.body)
        assert set(told) <= {"message", "reference"}
        assert told.get("message") != "internal server error"


@pytest.mark.parametrize(
    "key", ["Basic", "Basic \xe9", "Basic =", "Basic a", "basic ", "Bearer x.y.z", "\xe9", "Basic Og=="]
)
def test_odd_keys_are_refused_as_wrong_ones_are(filled: LakeFS, key: str) -> None:
    answer = send(filled, Sent(method="GET", target=REPOSITORY, authorization=key))
    assert (answer.status, json.loads(answer.body)) == (401, {"message": "error authenticating request"})
