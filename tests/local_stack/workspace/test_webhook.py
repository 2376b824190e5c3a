"""The webhook's service principal in a workspace: it may run the job, once for an event, and no other job."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lakefs_hook_target import HookTarget
from webhook_double import make_settings
from workspace_doubles import LocalWorkspace, runnable_job, running_workspace

from lakefs_unity_export.errors import WorkspaceAccessError, WorkspaceError, WorkspaceUnavailableError
from lakefs_unity_export.events import Event, RunStart, decide
from lakefs_unity_export.servers.workspace import WorkspaceAccess
from lakefs_unity_export.webhook import job_starts
from lakefs_unity_export.webhook.job_starts import WorkspaceRuns

PRINCIPAL = "export-webhook"
PARAMETERS = ("repository", "branch", "commit_id", "event")


def _start(branch: str) -> RunStart:
    event = Event(event_type="post-commit", repository_id="shop", branch_id=branch, commit_id="c0ffee" * 8)
    decided = decide(event)
    assert isinstance(decided, RunStart)
    return decided


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalWorkspace]:
    """A workspace with the webhook's principal."""
    with running_workspace(tmp_path) as running:
        running.workspace.create_principal(PRINCIPAL, kind="service_principal")
        yield running


def _runs(local: LocalWorkspace, job_id: str, secret: str) -> WorkspaceRuns:
    access = WorkspaceAccess(host=local.workspace.url, client_id=PRINCIPAL, client_secret=secret)
    return WorkspaceRuns(make_settings(workspace=access, job_id=job_id))


def test_a_principal_that_may_run_the_job_starts_one_run_for_an_event(local: LocalWorkspace) -> None:
    job_id = runnable_job(local, PRINCIPAL)
    runs = _runs(local, job_id, local.workspace.create_client_secret(PRINCIPAL))
    wanted, other = _start("main"), _start("dev")
    first, again = (runs.start(wanted.job_parameters, idempotency_token=wanted.idempotency_token) for _ in range(2))
    second = runs.start(other.job_parameters, idempotency_token=other.idempotency_token)
    assert first == again != second
    started = local.client.jobs.get_run(first)
    assert {parameter.name: parameter.value for parameter in started.job_parameters or []} == wanted.job_parameters


def test_a_job_that_the_principal_may_not_run_is_refused(local: LocalWorkspace) -> None:
    runs = _runs(local, runnable_job(local, PRINCIPAL, may_run=False), local.workspace.create_client_secret(PRINCIPAL))
    with pytest.raises(WorkspaceError):
        runs.start(_start("main").job_parameters, idempotency_token="a" * 64)


def test_a_wrong_secret_is_refused_and_not_shown(local: LocalWorkspace) -> None:
    local.workspace.create_client_secret(PRINCIPAL)
    runs = _runs(local, runnable_job(local, PRINCIPAL), "dose-wrong-secret")
    with pytest.raises(WorkspaceAccessError) as raised:
        runs.start(_start("main").job_parameters, idempotency_token="a" * 64)
    assert "dose-wrong-secret" not in str(raised.value)


def test_too_many_requests_are_tried_again_with_the_same_token_and_not_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(job_starts, "RETRY_TIMEOUT_SECONDS", 3)
    with HookTarget() as workspace:
        workspace.answer_json(429, error_code="RESOURCE_EXHAUSTED", message="too many")
        runs = WorkspaceRuns(make_settings(workspace=WorkspaceAccess(host=workspace.url, token="dapi0")))
        with pytest.raises(WorkspaceUnavailableError):
            runs.start(_start("main").job_parameters, idempotency_token="a" * 64)
        assert len(workspace.received) > 1
        assert {request.body for request in workspace.received} == {workspace.received[0].body}
        workspace.answer_json(200, run_id=7)
        assert runs.start(_start("main").job_parameters, idempotency_token="a" * 64) == 7


def test_a_workspace_that_does_not_answer_holds_up_the_first_event_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_starts, "RETRY_TIMEOUT_SECONDS", 1)
    access = WorkspaceAccess(host="http://127.0.0.1:9", client_id=PRINCIPAL, client_secret="dose-secret")
    runs = WorkspaceRuns(make_settings(workspace=access))
    seconds, said = [], set()
    for _ in range(3):
        started = time.monotonic()
        with pytest.raises(WorkspaceError) as raised:
            runs.start(_start("main").job_parameters, idempotency_token="a" * 64)
        seconds.append(time.monotonic() - started)
        said.add(str(raised.value))
    assert seconds[0] > max(seconds[1:])
    assert sum(seconds[1:]) < 0.5
    (text,) = said
    assert "dose-secret" not in text
