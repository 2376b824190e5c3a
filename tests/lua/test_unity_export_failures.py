"""Every way in which the hook can fail says what is wrong, where, and what to do, and never shows the token."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from lakefs_hook_target import HookTarget

pytestmark = pytest.mark.lua

TOKEN = "dapi-0123456789abcdef"
NOT_EXPORTED = (
    "Not exported: repository evs, branch main, "
    "commit ca0877e0d3195d19931084864c6c04ba81514b7a31446cab1109e87b5c36820f; "
    "to export it, run the job with these parameters"
)
RunHook = Callable[..., Any]


@pytest.mark.parametrize("name", ["databricks_host", "databricks_token", "job_id"])
@pytest.mark.parametrize("value", [None, "", "  \n", True])
def test_a_missing_or_empty_setting_is_named(
    name: str, value: object, run_hook: RunHook, workspace: HookTarget
) -> None:
    outcome = run_hook(**{name: value})

    assert outcome.error == (
        f"unity_export: {name} is missing or empty in the args of _lakefs_actions/unity_export.yaml; "
        "where it refers to {{ ENV.X }}, X must be set on the lakeFS server and begin with LAKEFS"
    )
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

    assert (
        "databricks_host in the args of _lakefs_actions/unity_export.yaml is not the URL of a workspace"
        in outcome.error
    )
    assert "give https:// and the host" in outcome.error
    assert "secret" not in outcome.error
    assert TOKEN not in outcome.error


@pytest.mark.parametrize("job_id", ["12a", "-5", "007", "1.5", "1e3", "99999999999999999999", 1e20, TOKEN])
def test_a_job_id_that_is_no_number_is_refused(job_id: object, run_hook: RunHook, workspace: HookTarget) -> None:
    outcome = run_hook(job_id=job_id)

    assert outcome.error == (
        "unity_export: job_id in the args of _lakefs_actions/unity_export.yaml is not the number of a job; "
        "give its digits, in quotes"
    )
    assert workspace.received == []


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "tab\tbed", "größe"])
def test_a_token_that_cannot_stand_in_a_header_is_refused(token: str, run_hook: RunHook) -> None:
    outcome = run_hook(databricks_token=token)

    assert (
        "databricks_token in the args of _lakefs_actions/unity_export.yaml has characters that no token has"
        in outcome.error
    )
    assert token not in outcome.error


REMEDIES = {
    400: "check job_id",
    401: "the token is wrong or has expired: put a valid one where databricks_token",
    403: "give the token's owner CAN MANAGE RUN on the job",
    404: "check databricks_host and job_id",
    418: "check databricks_host in",
    429: "the workspace has too many requests at the moment: start the job by hand",
    500: "the workspace, or something before it, is in trouble",
    503: "the workspace, or something before it, is in trouble",
}


@pytest.mark.parametrize("status", sorted(REMEDIES))
def test_an_error_answer_is_told_with_its_cause_and_remedy(
    status: int, run_hook: RunHook, workspace: HookTarget
) -> None:
    workspace.answer_json(status, error_code="THE_CODE", message=f"The words about {TOKEN}.")

    outcome = run_hook()

    assert outcome.error.startswith(
        f"unity_export: {workspace.url} answered {status} (THE_CODE: The words about ***.); "
    )
    assert REMEDIES[status] in outcome.error
    assert outcome.error.endswith(NOT_EXPORTED)
    assert outcome.printed == ""
    assert len(workspace.received) == 1


@pytest.mark.parametrize("body", [b"", b"no JSON", b"[1]", b'{"message": 7}', b'"text"', b"null", b"\xff\xfe"])
def test_an_error_answer_without_databricks_words_is_told_all_the_same(
    body: bytes, run_hook: RunHook, workspace: HookTarget
) -> None:
    workspace.status, workspace.body = 403, body

    assert run_hook().error.startswith(f"unity_export: {workspace.url} answered 403; give the token's owner")


def test_a_long_explanation_is_cut(run_hook: RunHook, workspace: HookTarget) -> None:
    workspace.answer_json(500, message="x" * 5000)

    assert 300 < len(run_hook().error) < 900


@pytest.mark.parametrize(
    "page", [b"<!DOCTYPE html><html>Sign in</html>", b"\n <HTML></HTML>", b"<?xml version='1.0'?>"]
)
def test_a_web_page_instead_of_json_is_recognised(page: bytes, run_hook: RunHook, workspace: HookTarget) -> None:
    workspace.body = page
    assert "answered with a web page instead of JSON; databricks_host" in run_hook().error

    workspace.status = 403
    assert f"{workspace.url} answered 403 with a web page; " in run_hook().error


@pytest.mark.parametrize("body", [b"{}", b"", b'{"run_id": "abc"}', b'{"number_in_job": 5}', b'{"run_id": null}'])
def test_an_answer_without_a_run_id_is_a_failure(body: bytes, run_hook: RunHook, workspace: HookTarget) -> None:
    workspace.body = body

    outcome = run_hook()

    assert "answered 200 without a run_id; check that databricks_host" in outcome.error
    assert outcome.error.endswith(NOT_EXPORTED)
    assert outcome.printed == ""


def test_a_refused_connection_is_told(run_hook: RunHook) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = f"http://127.0.0.1:{listener.getsockname()[1]}"

    outcome = run_hook(databricks_host=host)

    assert outcome.error.startswith(f"unity_export: no answer from {host} (")
    assert "refused" in outcome.error
    assert "that the lakeFS server can reach it" in outcome.error
    assert outcome.error.endswith(NOT_EXPORTED)


def test_a_time_out_is_told(run_hook: RunHook, workspace: HookTarget) -> None:
    workspace.delay_seconds = 1.0

    outcome = run_hook(timeout_seconds=0.2)

    assert outcome.error.startswith(f"unity_export: no answer from {workspace.url} (")
    assert "context deadline exceeded" in outcome.error
    assert TOKEN not in outcome.error


def test_neither_success_nor_any_failure_shows_the_token(run_hook: RunHook, workspace: HookTarget) -> None:
    outcomes = [run_hook()]
    for status in (200, 401, 500):
        workspace.status, workspace.body = status, f'{{"message": "Bearer {TOKEN}"}}'.encode()
        outcomes.append(run_hook())

    assert [TOKEN in outcome.printed + outcome.error for outcome in outcomes] == [False] * 4
