"""The Lua hook's service principal in a workspace: it may run the job, once for an event, and no other job."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from workspace_doubles import LocalWorkspace, runnable_job, running_workspace

from local_stack.lakefs.standin.lua.runtime import LuaError, run_script

ROOT = Path(__file__).parents[3]
SCRIPT = (ROOT / "resources/lakefs/scripts/unity_export.lua").read_text()
ACTION = json.loads((ROOT / "fixtures/lakefs_events.json").read_text())["lua"]["post-commit"]["action"]
PRINCIPAL = "export-hook"


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalWorkspace]:
    """A workspace with the hook's principal."""
    with running_workspace(tmp_path) as running:
        running.workspace.create_principal(PRINCIPAL, kind="service_principal")
        yield running


def _printed(local: LocalWorkspace, job_id: str, secret: str) -> str:
    """What the hook prints. Raises LuaError."""
    arguments = {
        "databricks_host": local.workspace.url,
        "databricks_client_id": PRINCIPAL,
        "databricks_client_secret": secret,
        "job_id": job_id,
    }
    lines: list[str] = []
    run_script(SCRIPT, variables={"action": ACTION, "args": arguments}, output=lines.append)
    return "\n".join(lines)


def test_the_principal_starts_one_run_for_an_event(local: LocalWorkspace) -> None:
    job_id, secret = runnable_job(local, PRINCIPAL), local.workspace.create_client_secret(PRINCIPAL)

    first, again = (_printed(local, job_id, secret) for _ in range(2))

    assert first == again
    page, _, run_id = first.rpartition("/")
    assert page == f"{local.workspace.url}/jobs/{job_id}/runs"
    parameters = local.client.jobs.get_run(int(run_id)).job_parameters or []
    assert {parameter.name: parameter.value for parameter in parameters} == {
        "repository": "evs",
        "branch": "main",
        "commit_id": ACTION["commit_id"],
        "event": "post-commit",
    }


def test_a_job_that_the_principal_may_not_run_is_refused(local: LocalWorkspace) -> None:
    with pytest.raises(LuaError, match=r"run-now answered 403 \(.*\); give the token's owner CAN MANAGE RUN"):
        _printed(local, runnable_job(local, PRINCIPAL, may_run=False), local.workspace.create_client_secret(PRINCIPAL))


def test_a_job_that_is_not_there_is_told(local: LocalWorkspace) -> None:
    with pytest.raises(LuaError, match=r"run-now answered 40[0-9] \(.*\); .*job_id"):
        _printed(local, "99", local.workspace.create_client_secret(PRINCIPAL))


def test_a_wrong_secret_is_refused_and_not_shown(local: LocalWorkspace) -> None:
    job_id = runnable_job(local, PRINCIPAL)
    with pytest.raises(LuaError, match=r"/oidc/v1/token answered 401 \(.*\); the client id or the secret") as raised:
        _printed(local, job_id, "dose-wrong-secret")
    assert "dose-wrong" not in str(raised.value)
