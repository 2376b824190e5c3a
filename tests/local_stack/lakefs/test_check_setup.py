"""The checks of `check_setup` that look at lakeFS, on a server: what they read of it is what it has."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lakefs_unity_export.access.lakefs_connection import Credentials
from lakefs_unity_export.checks import hook_checks, lakefs_checks
from lakefs_unity_export.checks.model import Line, Status
from lakefs_unity_export.checks.runner import run_checks
from lakefs_unity_export.checks.settings import CheckSettings
from lakefs_unity_export.checks.setup import Setup
from lakefs_unity_export.hook.files import HookKind, HookSettings, Variables, render
from lakefs_unity_export.servers.lakefs_client import LakeFSClient
from lakefs_unity_export.servers.lakefs_server import LakeFSServerClient

if TYPE_CHECKING:
    from lakefs_contract import Contract

pytest_plugins = ["lakefs_contract"]

# Nobody listens there, and so the hook's run fails.
HOOK = HookSettings(kind=HookKind.LUA, host="http://127.0.0.1:9", job_id="77")
GREETING = "LAKEFSACTION_GREETING"
SETTINGS = CheckSettings(
    branch="main",
    secret_scope="lakefs",
    catalog="lake",
    target_base_location="s3://bucket/exports",
    export_job_id="77",
)
OF_THE_WORKSPACE = {"hook_permission", "job_permission", "reconcile_schedule"}
CHECKS = [check for check in (*lakefs_checks.CHECKS, *hook_checks.CHECKS) if check.id not in OF_THE_WORKSPACE]


class NoWorkspace:
    """In the place of a workspace, which these checks name in commands only."""

    url = "https://adb-1.2.azuredatabricks.net"

    def identity(self) -> Any:
        raise AssertionError("no check of lakeFS alone asks for it")


def check(contract: Contract, *, endpoint: str = "", secret_key: str = "", **settings: str) -> dict[str, Line]:
    """The lines of the checks, for the contract's server and repository unless others are given."""
    keys = {
        "lakefs-access-key-id": contract.server.access_key_id,
        "lakefs-secret-access-key": secret_key or contract.server.secret_access_key,
    }

    def open_repository(url: str, repository: str, credentials: Credentials) -> LakeFSClient:
        return LakeFSClient(endpoint=url, repository=repository, credentials=credentials, retries=0)

    given = {"lakefs_endpoint": endpoint or contract.server.endpoint_url, "repository": contract.name, **settings}
    setup = Setup(
        settings=replace(SETTINGS, **given),
        dbutils_way="none",
        secret=lambda _, key: keys[key],
        open_server=lambda url, key: LakeFSServerClient(endpoint=url, credentials=key),
        open_repository=open_repository,
        open_branches=None,  # type: ignore[arg-type]
        unity_catalog=None,  # type: ignore[arg-type]
        own_runs=None,  # type: ignore[arg-type]
        workspace=NoWorkspace(),  # type: ignore[arg-type]
    )
    return {line.id: line for line in run_checks(CHECKS, setup, setup.redaction)}


def unwell(lines: dict[str, Line]) -> dict[str, Status]:
    return {id_: line.status for id_, line in lines.items() if line.status is not Status.PASS}


WITHOUT_HOOK = {"hook_files": Status.WARN} | dict.fromkeys(
    ("hook_valid", "hook_job", "hook_version", "hook_runs"), Status.NOT_RUN
)


def test_a_repository_without_a_hook(contract: Contract) -> None:
    lines = check(contract)
    assert unwell(lines) == WITHOUT_HOOK
    assert "lakeFS 1." in lines["lakefs_version"].finding
    assert f"repository {contract.name}, stored in " in lines["repository"].finding


def install(contract: Contract, hook: HookSettings) -> None:
    for path, text in render(hook).items():
        contract.put("main", path, content=text.encode())
    contract.repository.branch("main").commit("the hook")


def test_a_hook_whose_variables_the_server_lacks_has_no_run(contract: Contract) -> None:
    install(contract, HOOK)
    assert contract.runs(branch="main", seconds=0.5) == []
    lines = check(contract)
    assert unwell(lines) == {"hook_runs": Status.WARN}
    assert "lakeFS shows no run of the hook" in lines["hook_runs"].finding
    assert "LAKEFSACTION_DATABRICKS_CLIENT_ID" in lines["hook_files"].finding


def test_a_hook_whose_run_failed_is_told_with_the_end_of_its_output(stand_in_contract: Contract) -> None:
    # Any value that this server hands to hooks will do: nobody listens at the host.
    install(stand_in_contract, replace(HOOK, variables=Variables(client_id=GREETING, client_secret=GREETING)))
    (run,) = stand_in_contract.runs(branch="main")
    assert run.status == "failed"
    lines = check(stand_in_contract)
    assert unwell(lines) == {"hook_runs": Status.WARN}
    assert "its last run, for post-commit of commit " in lines["hook_runs"].finding
    assert "unity_export: " in lines["hook_runs"].finding


def test_a_wrong_key(contract: Contract) -> None:
    lines = check(contract, secret_key="wrong-and-long-enough")
    assert lines["lakefs_key"].status is Status.FAIL
    assert "answered 401" in lines["lakefs_key"].finding
    assert lines["lakefs_reachable"].status is Status.PASS
    assert lines["repository"].status is Status.NOT_RUN


@pytest.mark.parametrize(
    ("settings", "id_", "says"),
    [
        ({"repository": "no-such-repo"}, "repository", "has no repository no-such-repo"),
        ({"branch": "no-such-branch"}, "branch", "has no branch no-such-branch"),
    ],
)
def test_what_is_not_there(contract: Contract, settings: dict[str, str], id_: str, says: str) -> None:
    line = check(contract, **settings)[id_]
    assert (line.status, says in line.finding) == (Status.FAIL, True)


def test_the_gateway_is_no_api(contract: Contract) -> None:
    """Another service's address in lakefs_endpoint: here a path below which lakeFS has no API."""
    line = check(contract, endpoint=f"{contract.server.endpoint_url}/elsewhere")["lakefs_reachable"]
    assert (line.status, "not as lakeFS does" in line.finding) == (Status.FAIL, True)
