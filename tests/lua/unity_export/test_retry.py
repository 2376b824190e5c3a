"""The one retry: when it is made, after how long, and that it can start no second run."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lakefs_hook_target import HookTarget
from lua_hook import (
    GRANTED,
    RUN_NOW,
    STARTED,
    TOKEN_PATH,
    WITH_OAUTH,
    WITH_TOKEN,
    Reply,
    RunHook,
    Workspace,
    run_against,
)

pytestmark = pytest.mark.lua

BUSY = Reply.of_json(429, message="too many requests")
DOWN = Reply.of_json(503, message="down")
TIMED_OUT = "context deadline exceeded"


@pytest.mark.parametrize("first", [BUSY, DOWN, Reply(status=500, body=b"<html>"), TIMED_OUT, "no such host"])
def test_a_second_request_may_succeed_and_is_the_same(first: Reply | str) -> None:
    workspace = Workspace(first, STARTED)
    outcome = run_against(workspace)

    assert (outcome.printed.rpartition("/")[2], outcome.error) == ("455644833", "")
    one, other = workspace.requests
    assert one == other
    assert len(json.loads(one.body)["idempotency_token"]) == 64
    assert outcome.waits == [2.0]


@pytest.mark.parametrize("status", [300, 400, 401, 403, 404, 405, 409, 422])
def test_what_does_not_pass_by_itself_is_not_asked_again(status: int) -> None:
    workspace = Workspace(Reply(status=status), STARTED)
    outcome = run_against(workspace)

    assert outcome.error != ""
    assert (workspace.paths, outcome.waits) == ([RUN_NOW], [])


@pytest.mark.parametrize("body", [b"<html>", b"{}"])
def test_an_answer_that_is_of_no_use_is_not_asked_for_again(body: bytes) -> None:
    workspace = Workspace(Reply(body=body), STARTED)
    assert run_against(workspace).error != ""
    assert workspace.paths == [RUN_NOW]


def test_the_second_failure_is_the_one_that_is_told() -> None:
    outcome = run_against(Workspace(TIMED_OUT, Reply.of_json(403, message="no")))
    assert f"{RUN_NOW} answered 403 (no); give the token's owner" in outcome.error


def test_both_requests_of_oauth_share_the_one_retry() -> None:
    workspace = Workspace(DOWN, GRANTED, DOWN)
    outcome = run_against(workspace, arguments=WITH_OAUTH)

    assert f"{RUN_NOW} answered 503 (down), and the one retry is used up; " in outcome.error
    assert workspace.paths == [TOKEN_PATH, TOKEN_PATH, RUN_NOW]
    assert outcome.waits == [2.0]


def test_the_retry_of_oauth_may_be_the_second_request_s() -> None:
    workspace = Workspace(GRANTED, DOWN, STARTED)
    outcome = run_against(workspace, arguments=WITH_OAUTH)

    assert outcome.error == ""
    assert workspace.paths == [TOKEN_PATH, RUN_NOW, RUN_NOW]


ANY_REPLY = st.sampled_from([STARTED, GRANTED, BUSY, DOWN, TIMED_OUT, Reply(status=403), Reply(body=b"<html>")])


@settings(deadline=None)
@given(st.lists(ANY_REPLY, min_size=4, max_size=4), st.sampled_from([WITH_TOKEN, WITH_OAUTH]))
def test_whatever_is_answered_the_hook_asks_at_most_once_more_and_for_one_run(
    replies: list[Reply | str], arguments: dict[str, str]
) -> None:
    workspace = Workspace(*replies)
    outcome = run_against(workspace, arguments=arguments)

    started = [request.body for request in workspace.requests if request.url.endswith(RUN_NOW)]
    assert len(workspace.requests) <= (2 if arguments is WITH_TOKEN else 3)
    assert len(set(started)) <= 1
    assert len(outcome.waits) <= 1
    assert bool(outcome.printed) != bool(outcome.error)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5.0),
        ("0", 0.0),
        ("10", 10.0),
        ("11", 10.0),
        ("999999999", 10.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 2.0),
        ("-1", 2.0),
        ("1e1", 2.0),
        ("9" * 400, 2.0),
        ("", 2.0),
        (["3", "4"], 3.0),
        ([], 2.0),
        ({"a": "b"}, 2.0),
        (7, 2.0),
        (True, 2.0),
        (None, 2.0),
    ],
)
def test_the_workspace_may_say_how_long_to_wait_up_to_ten_seconds(value: Any, seconds: float) -> None:
    """A header that comes twice is a list, as a lakeFS server gives it; one of no value is text."""
    busy = Reply(status=429, headers={"Retry-After": value})
    assert sum(run_against(Workspace(busy, STARTED)).waits) == seconds


def test_the_wait_that_the_workspace_asks_for_is_read_over_http(run_hook: RunHook, workspace: HookTarget) -> None:
    workspace.status, workspace.headers = 429, {"Retry-After": "4"}

    assert run_hook().waits == [4.0]
    assert len({request.body for request in workspace.received}) == 1
    assert len(workspace.received) == 2
