"""Every way in which the hook can fail says what is wrong, where, and what to do."""

import socket

import pytest
from lakefs_hook_target import HookTarget
from lua_hook import COMMIT, EVENTS, IN_ARGS, NOT_EXPORTED, RUN_NOW, TOKEN, Reply, RunHook, Workspace, run_against

pytestmark = pytest.mark.lua


@pytest.mark.parametrize("name", ["databricks_host", "databricks_token", "job_id"])
@pytest.mark.parametrize("value", ["", "  \n", True])
def test_an_empty_setting_is_named(name: str, value: object, run_hook: RunHook, workspace: HookTarget) -> None:
    outcome = run_hook(**{name: value})

    assert outcome.error == (
        f"unity_export: {name} is missing or empty {IN_ARGS}; "
        f"where it refers to {{{{ ENV.X }}}}, X must be set on the lakeFS server and begin with LAKEFS. {NOT_EXPORTED}"
    )
    assert workspace.received == []


@pytest.mark.parametrize("name", ["databricks_host", "job_id"])
def test_a_missing_setting_is_named(name: str, run_hook: RunHook, workspace: HookTarget) -> None:
    assert run_hook(**{name: None}).error.startswith(f"unity_export: {name} is missing or empty {IN_ARGS}; ")
    assert workspace.received == []


@pytest.mark.parametrize(
    "host",
    [
        "http://adb-1.2.azuredatabricks.net",
        "http://127.0.0.1.example.com",
        "http://localhost@example.com",
        "https://",
        "https://user:secret@example.com",
        "https://adb-1.2.azuredatabricks.net/?o=123",
        "https://adb-1.2.azuredatabricks.net/jobs",
        "adb-1.2.azuredatabricks.net",
        "ftp://example.com",
        "https://example.com x",
        TOKEN,
    ],
)
def test_a_host_that_is_no_workspace_url_is_refused_without_repeating_it(host: str, run_hook: RunHook) -> None:
    outcome = run_hook(databricks_host=host)

    assert f"databricks_host {IN_ARGS} is not the URL of a workspace" in outcome.error
    assert "give https:// and the host" in outcome.error
    assert "secret" not in outcome.error
    assert TOKEN not in outcome.error


@pytest.mark.parametrize("job_id", ["12a", "-5", "007", "1.5", "1e3", "99999999999999999999", 1e20, TOKEN])
def test_a_job_id_that_is_no_number_is_refused(job_id: object, run_hook: RunHook, workspace: HookTarget) -> None:
    outcome = run_hook(job_id=job_id)

    assert outcome.error == (
        f"unity_export: job_id {IN_ARGS} is not the number of a job; give its digits, in quotes. {NOT_EXPORTED}"
    )
    assert workspace.received == []


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "tab\tbed", "gr\u00f6\u00dfer-noch", "short"])
def test_a_token_that_cannot_stand_in_a_header_is_refused(token: str, run_hook: RunHook) -> None:
    outcome = run_hook(databricks_token=token)

    assert f"databricks_token {IN_ARGS} has characters that no token has" in outcome.error
    assert token not in outcome.error.replace("too short for one", "")


def test_without_net_http_the_other_ways_are_named() -> None:
    outcome = run_against(Workspace(), http_enabled=False)
    assert outcome.error == (
        "unity_export: net/http is off on this lakeFS server: set actions.lua.net_http_enabled=true, "
        f"or use the webhook trigger or reconcile. {NOT_EXPORTED}"
    )


def test_without_net_http_an_event_that_exports_nothing_succeeds() -> None:
    assert run_against(Workspace(), EVENTS["post-create-tag"]["action"], {}, http_enabled=False).error == ""


# Answers


REMEDIES = {
    300: "check databricks_host in",
    304: "check databricks_host in",
    400: "check job_id",
    401: "the token is wrong or has expired: put a valid one where databricks_token",
    403: "give the token's owner CAN MANAGE RUN on the job",
    404: "check databricks_host and job_id",
    418: "check databricks_host in",
    429: "the workspace has too many requests at the moment: start the job by hand",
    500: "the workspace, or something before it, is in trouble",
    503: "the workspace, or something before it, is in trouble",
    599: "the workspace, or something before it, is in trouble",
}
TWICE = (429, 500, 503, 599)


@pytest.mark.parametrize("status", sorted(REMEDIES))
def test_an_error_answer_is_told_with_its_cause_and_remedy(status: int) -> None:
    workspace = Workspace(Reply.of_json(status, error_code="THE_CODE", message=f"The words about {TOKEN}."))
    outcome = run_against(workspace)

    used_up = ", and the one retry is used up" if status in TWICE else ""
    assert f"{RUN_NOW} answered {status} (THE_CODE: The words about ***.){used_up}; " in outcome.error
    assert REMEDIES[status] in outcome.error
    assert outcome.error.startswith("unity_export: https://")
    assert outcome.error.endswith(NOT_EXPORTED)
    assert outcome.printed == ""
    assert workspace.paths == [RUN_NOW] * (2 if status in TWICE else 1)


@pytest.mark.parametrize("body", [b"", b"no JSON", b"[1]", b'{"message": 7}', b'"text"', b"null", b"\xff\xfe"])
def test_an_error_answer_without_databricks_words_is_told_all_the_same(
    body: bytes, run_hook: RunHook, workspace: HookTarget
) -> None:
    workspace.status, workspace.body = 403, body

    assert f"{RUN_NOW} answered 403; give the token's owner" in run_hook().error


def test_a_long_explanation_is_cut_and_put_on_one_line() -> None:
    outcome = run_against(Workspace(Reply.of_json(400, message="x\r\n\x1b\x7f" * 5000)))

    assert 300 < len(outcome.error) < 1000
    assert outcome.error.isprintable()


@pytest.mark.parametrize(
    "page", [b"<!DOCTYPE html><html>Sign in</html>", b"\n <HTML></HTML>", b"<?xml version='1.0'?>"]
)
def test_a_web_page_instead_of_json_is_recognised(page: bytes, run_hook: RunHook, workspace: HookTarget) -> None:
    workspace.body = page
    assert "answered with a web page instead of JSON; databricks_host" in run_hook().error

    for status in (403, 407, 502):
        workspace.status = status
        assert f"{RUN_NOW} answered {status} with a web page" in run_hook().error


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"",
        b"no JSON",
        b'OK "run_id": 7',
        b'{"run_id": "abc"}',
        b'{"number_in_job": 5}',
        b'{"run_id": null}',
        b'{"told": "\\"run_id\\": 7"}',
    ],
)
def test_an_answer_without_a_run_id_is_a_failure(body: bytes, run_hook: RunHook, workspace: HookTarget) -> None:
    workspace.body = body

    outcome = run_hook()

    assert "answered 200 without a run_id; check that databricks_host" in outcome.error
    assert outcome.error.endswith(NOT_EXPORTED)
    assert outcome.printed == ""


@pytest.mark.parametrize(("status", "method"), [(302, "GET"), (307, "POST")])
def test_a_redirect_to_a_page_for_signing_in_is_told_as_a_web_page(
    status: int, method: str, run_hook: RunHook, workspace: HookTarget
) -> None:
    with HookTarget(body=b"<html>Sign in</html>", answers_get=True) as elsewhere:
        workspace.status, workspace.headers = status, {"Location": f"{elsewhere.url}/login"}
        outcome = run_hook()

    assert "answered with a web page instead of JSON; databricks_host" in outcome.error
    assert [(request.method, request.path) for request in elsewhere.received] == [(method, "/login")]
    assert outcome.printed == ""


def test_a_redirect_without_end_is_told(run_hook: RunHook, workspace: HookTarget) -> None:
    workspace.status, workspace.headers = 307, {"Location": "/again"}

    outcome = run_hook()

    assert f"unity_export: no answer from {workspace.url}{RUN_NOW} (" in outcome.error
    assert outcome.error.endswith(NOT_EXPORTED)


# No answer


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_refused_connection_is_told(run_hook: RunHook) -> None:
    host = f"http://127.0.0.1:{_free_port()}"

    outcome = run_hook(databricks_host=host)

    assert outcome.error.startswith(f"unity_export: no answer from {host}{RUN_NOW} (")
    assert "refused" in outcome.error
    assert "), and the one retry is used up; check databricks_host in" in outcome.error
    assert "that the lakeFS server can reach it" in outcome.error
    assert outcome.error.endswith(NOT_EXPORTED)


def test_a_host_that_has_no_address_is_told(run_hook: RunHook) -> None:
    outcome = run_hook(databricks_host="https://adb-1.2.invalid")

    assert outcome.error.startswith(f"unity_export: no answer from https://adb-1.2.invalid{RUN_NOW} (")
    assert outcome.error.endswith(NOT_EXPORTED)


def test_a_time_out_is_told(run_hook: RunHook, workspace: HookTarget) -> None:
    workspace.delay_seconds = 0.5

    outcome = run_hook(timeout_seconds=0.1)

    assert outcome.error.startswith(f"unity_export: no answer from {workspace.url}{RUN_NOW} (")
    assert "context deadline exceeded" in outcome.error
    assert COMMIT["commit_id"] in outcome.error
