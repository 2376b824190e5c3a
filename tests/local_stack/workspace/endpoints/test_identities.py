"""Who may call the workspace, and who may do what with a job."""

import base64
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.errors import NotFound, PermissionDenied
from databricks.sdk.errors.platform import InvalidParameterValue, ResourceDoesNotExist
from databricks.sdk.service.iam import ComplexValue
from databricks.sdk.service.jobs import (
    ConditionTask,
    ConditionTaskOp,
    JobAccessControlRequest,
    JobPermissionLevel,
    JobRunAs,
    JobSettings,
    Task,
)
from workspace_doubles import LocalWorkspace, running_workspace

TASK = Task(task_key="c", condition_task=ConditionTask(op=ConditionTaskOp.EQUAL_TO, left="1", right="1"))


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalWorkspace]:
    with running_workspace(tmp_path) as running:
        yield running


def get(local: LocalWorkspace, path: str, **headers: str) -> httpx.Response:
    return httpx.get(local.workspace.url + path, headers=headers, trust_env=False)


def test_a_call_without_a_token_is_401_and_with_an_unknown_one_403(local: LocalWorkspace) -> None:
    path = "/api/2.0/preview/scim/v2/Me"
    without = get(local, path)
    assert (without.status_code, without.json()["error_code"]) == (401, "UNAUTHENTICATED")
    unknown = get(local, path, Authorization="Bearer dapi0")
    assert (unknown.status_code, unknown.json()["error_code"]) == (403, "PERMISSION_DENIED")
    assert "Invalid access token" in unknown.json()["message"]


def test_every_answer_names_the_workspace(local: LocalWorkspace) -> None:
    owner = {"Authorization": f"Bearer {local.workspace.token}"}
    for path in ("/.well-known/databricks-config", "/api/2.0/preview/scim/v2/Me", "/api/2.0/none", "/oidc/v1/token"):
        assert get(local, path, **owner).headers["X-Databricks-Org-Id"] == str(local.workspace.workspace_id)


def test_an_unsupported_call_is_refused_by_name_and_remembered(local: LocalWorkspace) -> None:
    answer = get(local, "/api/2.0/pipelines", Authorization=f"Bearer {local.workspace.token}")
    assert answer.status_code == 404
    assert answer.json() == {
        "error_code": "ENDPOINT_NOT_FOUND",
        "message": "The local workspace does not support GET /api/2.0/pipelines.",
    }
    assert local.workspace.unsupported_calls == ["GET /api/2.0/pipelines"]


def test_an_unsupported_field_is_refused_by_name(local: LocalWorkspace) -> None:
    job_id = local.client.jobs.create(name="j", tasks=[TASK]).job_id or 0
    with pytest.raises(InvalidParameterValue, match="does not support the field 'notebook_params'"):
        local.client.jobs.run_now(job_id, notebook_params={"a": "b"})


def test_a_body_that_is_no_json_object_is_refused(local: LocalWorkspace) -> None:
    url = f"{local.workspace.url}/api/2.2/jobs/run-now"
    headers = {"Authorization": f"Bearer {local.workspace.token}"}
    for content in (b"{", b"[1]"):
        answer = httpx.post(url, content=content, headers=headers, trust_env=False)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "MALFORMED_REQUEST")


def test_me_is_the_owner_who_is_an_admin(local: LocalWorkspace) -> None:
    me = local.client.current_user.me()
    assert me.user_name == local.workspace.owner
    assert "admins" in [group.display for group in me.groups or []]


def test_a_service_principal_signs_in_with_oauth(local: LocalWorkspace) -> None:
    local.workspace.create_principal("app-id", kind="service_principal")
    secret = local.workspace.create_client_secret("app-id")
    config = Config(host=local.workspace.url, client_id="app-id", client_secret=secret, auth_type="oauth-m2m")
    assert WorkspaceClient(config=config).current_user.me().user_name == "app-id"


@pytest.mark.parametrize(
    ("credentials", "form", "error"),
    [
        ("app-id:wrong", {"grant_type": "client_credentials", "scope": "all-apis"}, "invalid_client"),
        ("other:wrong", {"grant_type": "client_credentials", "scope": "all-apis"}, "invalid_client"),
        ("", {"grant_type": "client_credentials", "scope": "all-apis"}, "invalid_client"),
        ("app-id:wrong", {"grant_type": "password", "scope": "all-apis"}, "unsupported_grant_type"),
        ("app-id:wrong", {"grant_type": "client_credentials"}, "invalid_scope"),
    ],
)
def test_oauth_refuses_wrong_credentials(
    local: LocalWorkspace, credentials: str, form: dict[str, str], error: str
) -> None:
    local.workspace.create_principal("app-id", kind="service_principal")
    local.workspace.create_client_secret("app-id")
    basic = base64.b64encode(credentials.encode()).decode()
    headers = {"Authorization": f"Basic {basic}"} if credentials else {}
    answer = httpx.post(f"{local.workspace.url}/oidc/v1/token", data=form, headers=headers, trust_env=False)
    assert answer.status_code in (400, 401)
    assert answer.json()["error"] == error


def test_service_principals_are_made_and_found(local: LocalWorkspace) -> None:
    made = local.client.service_principals.create(display_name="exports")
    assert made.application_id
    found = list(local.client.service_principals.list(filter='displayName eq "exports"'))
    assert [one.application_id for one in found] == [made.application_id]
    assert local.client.service_principals.get(made.id or "").display_name == "exports"
    with pytest.raises(NotFound):
        local.client.service_principals.get("1")
    assert [user.user_name for user in local.client.users.list()] == [local.workspace.owner]


def hook_client(local: LocalWorkspace, job_id: int) -> WorkspaceClient:
    token = local.workspace.create_principal("hook", kind="service_principal")
    local.client.jobs.update_permissions(
        str(job_id),
        access_control_list=[
            JobAccessControlRequest(service_principal_name="hook", permission_level=JobPermissionLevel.CAN_MANAGE_RUN)
        ],
    )
    return local.client_of(token)


def test_who_may_run_a_job_may_do_nothing_else(local: LocalWorkspace) -> None:
    job_id = local.client.jobs.create(name="j", tasks=[TASK]).job_id or 0
    other_id = local.client.jobs.create(name="other", tasks=[TASK]).job_id or 0
    local.client.secrets.create_scope("scope")
    local.client.secrets.put_secret("scope", "key", string_value="value")
    hook = hook_client(local, job_id)

    run = hook.jobs.run_now(job_id).result()
    assert run.run_id
    hook.jobs.cancel_run(run.run_id)
    assert hook.jobs.get_run(run.run_id).job_id == job_id
    assert [job.job_id for job in hook.jobs.list()] == [job_id]
    refused = [
        lambda: hook.jobs.run_now(other_id),
        lambda: hook.jobs.get(other_id),
        lambda: hook.jobs.create(name="mine", tasks=[TASK]),
        lambda: hook.jobs.reset(job_id, JobSettings(name="mine")),
        lambda: hook.jobs.delete(job_id),
        lambda: hook.jobs.update_permissions(str(job_id), access_control_list=[]),
        lambda: hook.secrets.get_secret("scope", "key"),
        lambda: hook.workspace.download(f"{local.home}/any"),
        lambda: hook.workspace.mkdirs(f"{local.home}/any"),
        lambda: hook.schemas.get("main.default"),
        lambda: hook.statement_execution.execute_statement("SELECT 1", local.workspace.warehouse_id),
        lambda: hook.service_principals.create(display_name="more"),
    ]
    for call in refused:
        with pytest.raises(PermissionDenied):
            call()


def test_permissions_of_a_job(local: LocalWorkspace) -> None:
    job_id = str(local.client.jobs.create(name="j", tasks=[TASK]).job_id)
    local.workspace.create_principal("hook", kind="service_principal")
    shown = {
        (entry.user_name or entry.service_principal_name or entry.group_name): entry.all_permissions
        for entry in local.client.jobs.get_permissions(job_id).access_control_list or []
    }
    assert [one.permission_level for one in shown[local.workspace.owner] or []] == [JobPermissionLevel.IS_OWNER]
    assert [one.inherited for one in shown["admins"] or []] == [True]
    levels = local.client.jobs.get_permission_levels(job_id).permission_levels or []
    assert JobPermissionLevel.CAN_MANAGE_RUN in [one.permission_level for one in levels]

    def run_by(name: str) -> JobAccessControlRequest:
        return JobAccessControlRequest(service_principal_name=name, permission_level=JobPermissionLevel.CAN_MANAGE_RUN)

    owner = JobAccessControlRequest(user_name=local.workspace.owner, permission_level=JobPermissionLevel.IS_OWNER)
    local.client.jobs.set_permissions(job_id, access_control_list=[owner, run_by("hook")])
    with pytest.raises(InvalidParameterValue, match="exactly one owner"):
        local.client.jobs.set_permissions(job_id, access_control_list=[run_by("hook")])
    with pytest.raises(NotFound, match=r"ServicePrincipalName\(nobody\) does not exist"):
        local.client.jobs.update_permissions(job_id, access_control_list=[run_by("nobody")])
    with pytest.raises(ResourceDoesNotExist):
        local.client.jobs.get(1)


def test_run_as_names_a_principal_that_exists(local: LocalWorkspace) -> None:
    with pytest.raises(NotFound, match="'nobody' does not exist"):
        local.client.jobs.create(name="j", tasks=[TASK], run_as=JobRunAs(service_principal_name="nobody"))


def test_a_service_principal_with_workspace_access_may_create_jobs(local: LocalWorkspace) -> None:
    made = local.client.service_principals.create(
        display_name="deployer", entitlements=[ComplexValue(value="workspace-access")]
    )
    assert made.application_id
    secret = local.workspace.create_client_secret(made.application_id)
    config = Config(
        host=local.workspace.url, client_id=made.application_id, client_secret=secret, auth_type="oauth-m2m"
    )
    job_id = WorkspaceClient(config=config).jobs.create(name="j", tasks=[TASK]).job_id or 0
    assert local.client.jobs.get(job_id).creator_user_name == made.application_id
