"""What the hook's principal may do with what the bundle deploys: start runs of the job, and nothing else."""

from collections.abc import Callable

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import PermissionDenied
from databricks.sdk.service.jobs import (
    JobAccessControlRequest,
    JobPermissionLevel,
    JobSettings,
    NotebookTask,
    Task,
)
from deployed_exports import Exports
from table_repository import TableRepository

from local_stack.stack import HOOK_PRINCIPAL, SECRET_SCOPE, LocalStack

pytestmark = pytest.mark.e2e


@pytest.fixture
def hook(stack: LocalStack) -> WorkspaceClient:
    """The workspace as the hook sees it, with OAuth."""
    secret = stack.workspace.create_client_secret(HOOK_PRINCIPAL)
    return WorkspaceClient(host=stack.url, client_id=HOOK_PRINCIPAL, client_secret=secret, auth_type="oauth-m2m")


def test_the_bundle_gives_the_hook_one_right_on_one_job(stack: LocalStack) -> None:
    held = {
        job.settings.name: [
            permission.permission_level
            for entry in stack.client().jobs.get_permissions(str(job.job_id)).access_control_list or []
            for permission in entry.all_permissions or []
            if entry.service_principal_name == HOOK_PRINCIPAL
        ]
        for job in stack.client().jobs.list()
        if job.settings and job.settings.name
    }
    assert held["export_tables"] == [JobPermissionLevel.CAN_MANAGE_RUN]
    assert held["reconcile"] == []


def test_the_hook_starts_runs_and_reads_them(
    hook: WorkspaceClient, exports: Exports, repository: TableRepository
) -> None:
    repository.add("orders", ["o1"])
    head = repository.commit()
    parameters = {"repository": repository.name, "branch": repository.branch, "commit_id": head, "event": "post-commit"}
    started = hook.jobs.run_now(exports.job_id, job_parameters=parameters).run_id
    assert exports.ended(started).state == "SUCCESS"
    assert hook.jobs.get_run(started).creator_user_name == HOOK_PRINCIPAL
    assert [job.job_id for job in hook.jobs.list()] == [exports.job_id]


def test_the_hook_may_do_nothing_else(hook: WorkspaceClient, exports: Exports, stack: LocalStack) -> None:
    (reconcile,) = stack.client().jobs.list(name="reconcile")
    other = reconcile.job_id or 0
    me = JobAccessControlRequest(service_principal_name=HOOK_PRINCIPAL, permission_level=JobPermissionLevel.CAN_MANAGE)
    deployed = f"/Workspace/Users/{stack.workspace.owner}/.bundle"
    task = Task(task_key="mine", notebook_task=NotebookTask(notebook_path=f"{deployed}/any"))
    refused: dict[str, Callable[[], object]] = {
        "change the job": lambda: hook.jobs.update(exports.job_id, new_settings=JobSettings(name="mine")),
        "replace the job": lambda: hook.jobs.reset(exports.job_id, JobSettings(name="mine")),
        "delete the job": lambda: hook.jobs.delete(exports.job_id),
        "give itself more": lambda: hook.jobs.update_permissions(str(exports.job_id), access_control_list=[me]),
        "make a job": lambda: hook.jobs.create(name="mine", tasks=[task]),
        "run another job": lambda: hook.jobs.run_now(other),
        "see another job": lambda: hook.jobs.get(other),
        "read a secret": lambda: hook.secrets.get_secret(SECRET_SCOPE, "lakefs-secret-access-key"),
        "list secrets": lambda: list(hook.secrets.list_secrets(SECRET_SCOPE)),
        "put a secret": lambda: hook.secrets.put_secret(SECRET_SCOPE, "lakefs-access-key-id", string_value="mine"),
        "list files": lambda: list(hook.workspace.list(deployed)),
        "write a file": lambda: hook.workspace.mkdirs(f"{deployed}/mine"),
        "read a schema": lambda: hook.schemas.get(f"{stack.catalog.name}.default"),
        "change a schema": lambda: hook.schemas.create("mine", stack.catalog.name),
        "run SQL": lambda: hook.statement_execution.execute_statement("SELECT 1", stack.workspace.warehouse_id),
        "make a principal": lambda: hook.service_principals.create(display_name="mine"),
    }
    before = exports.client.jobs.get(exports.job_id).as_dict()
    assert [name for name, call in refused.items() if not _is_denied(call)] == []
    assert exports.client.jobs.get(exports.job_id).as_dict() == before


def _is_denied(call: Callable[[], object]) -> bool:
    try:
        call()
    except PermissionDenied:
        return True
    return False
