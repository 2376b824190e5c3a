"""The hook's one request: what it says for each event, and what the hook prints of the answer."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lakefs_hook_target import HookTarget

from lakefs_unity_export.events import COMMIT_EVENTS, idempotency_token

pytestmark = pytest.mark.lua

FIXTURES = Path(__file__).parents[2] / "fixtures"
CASES = json.loads((FIXTURES / "run_now_cases.json").read_text())["cases"]
EVENTS = json.loads((FIXTURES / "lakefs_events.json").read_text())["lua"]
TOKEN = "dapi-0123456789abcdef"
RunHook = Callable[..., Any]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_request_is_the_one_that_all_starts_share(
    case: dict[str, Any], run_hook: RunHook, workspace: HookTarget
) -> None:
    outcome = run_hook(case["action"], job_id=case["job_id"])

    assert outcome.error == ""
    assert outcome.printed == f"{workspace.url}/jobs/{case['job_id']}/runs/455644833"
    (request,) = workspace.received
    expected = case["request"]
    assert (request.method, request.path) == (expected["method"], expected["path"])
    assert json.loads(request.body) == expected["body"]
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_cases_hold_the_token_that_python_computes(case: dict[str, Any]) -> None:
    body = case["request"]["body"]
    assert body["idempotency_token"] == idempotency_token(**_token_fields(body["job_parameters"]))


def _token_fields(parameters: dict[str, str]) -> dict[str, str]:
    return {name: parameters[name] for name in ("repository", "branch", "commit_id", "event")}


def test_every_event_that_leaves_a_commit_has_a_case() -> None:
    assert {case["action"]["event_type"] for case in CASES} == set(COMMIT_EVENTS)


@pytest.mark.parametrize("event", sorted(EVENTS.keys() - set(COMMIT_EVENTS)))
def test_any_other_event_is_refused_before_a_request(event: str, run_hook: RunHook, workspace: HookTarget) -> None:
    outcome = run_hook(EVENTS[event]["action"])

    assert f"event {event} leaves no commit on a branch to export" in outcome.error
    assert "list only post-commit, post-merge, post-revert" in outcome.error
    assert workspace.received == []


def test_a_trailing_slash_after_the_host_makes_no_difference(run_hook: RunHook, workspace: HookTarget) -> None:
    outcome = run_hook(databricks_host=workspace.url + "//")

    assert outcome.printed == f"{workspace.url}/jobs/1041/runs/455644833"
    assert workspace.received[0].path == "/api/2.2/jobs/run-now"


def test_space_around_the_settings_is_forgiven(run_hook: RunHook, workspace: HookTarget) -> None:
    outcome = run_hook(databricks_host=f" {workspace.url}\n", databricks_token=f"{TOKEN}\n", job_id=" 1041 ")

    assert outcome.error == ""
    assert workspace.received[0].headers["Authorization"] == f"Bearer {TOKEN}"


def test_a_run_id_beyond_two_to_the_53_is_printed_digit_for_digit(run_hook: RunHook, workspace: HookTarget) -> None:
    workspace.body = b'{ "run_id" : 9223372036854775807, "number_in_job": 1 }'

    assert run_hook().printed == f"{workspace.url}/jobs/1041/runs/9223372036854775807"


def test_a_job_id_written_without_quotes_is_understood_while_it_is_exact(
    run_hook: RunHook, workspace: HookTarget
) -> None:
    assert run_hook(job_id=1041).error == ""
    assert b'"job_id":1041,' in workspace.received[0].body
