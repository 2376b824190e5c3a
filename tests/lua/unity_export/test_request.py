"""The hook's request over HTTP, what it prints of the answer, and what it forgives in its args."""

import pytest
from lakefs_hook_target import HookTarget
from lua_hook import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, RUN_NOW, TOKEN, TOKEN_PATH, RunHook

pytestmark = pytest.mark.lua


def test_a_trailing_slash_after_the_host_makes_no_difference(run_hook: RunHook, workspace: HookTarget) -> None:
    outcome = run_hook(databricks_host=workspace.url + "//")

    assert outcome.printed == f"{workspace.url}/jobs/1041/runs/455644833"
    assert workspace.received[0].path == RUN_NOW


def test_space_around_the_settings_is_forgiven(run_hook: RunHook, workspace: HookTarget) -> None:
    outcome = run_hook(databricks_host=f" {workspace.url}\n", databricks_token=f"{TOKEN}\n", job_id=" 1041 ")

    assert outcome.error == ""
    assert workspace.received[0].headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("run_id", ["9223372036854775807", "9007199254740993", "1" * 30])
def test_a_run_id_beyond_two_to_the_53_is_printed_digit_for_digit(
    run_id: str, run_hook: RunHook, workspace: HookTarget
) -> None:
    workspace.body = b'{ "run_id" : %s, "number_in_job": 1 }' % run_id.encode()

    assert run_hook().printed == f"{workspace.url}/jobs/1041/runs/{run_id}"


def test_a_job_id_beyond_two_to_the_53_is_sent_digit_for_digit(run_hook: RunHook, workspace: HookTarget) -> None:
    run_hook(job_id="9007199254740993")
    assert b'"job_id":9007199254740993,' in workspace.received[0].body


def test_a_job_id_written_without_quotes_is_understood_while_it_is_exact(
    run_hook: RunHook, workspace: HookTarget
) -> None:
    assert run_hook(job_id=1041).error == ""
    assert b'"job_id":1041,' in workspace.received[0].body


def test_as_a_service_principal_the_hook_asks_for_a_token_first(run_hook: RunHook, workspace: HookTarget) -> None:
    workspace.answer_json(200, access_token=ACCESS_TOKEN, run_id=7)

    outcome = run_hook(databricks_token=None, databricks_client_id=CLIENT_ID, databricks_client_secret=CLIENT_SECRET)

    assert (outcome.printed, outcome.error) == (f"{workspace.url}/jobs/1041/runs/7", "")
    assert [request.path for request in workspace.received] == [TOKEN_PATH, RUN_NOW]
