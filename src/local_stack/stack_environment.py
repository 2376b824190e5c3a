"""What the environment of a running local stack names: its workspace, its job, its lakeFS, and the hook for it."""

import json
from collections.abc import Mapping

from databricks.sdk import WorkspaceClient
from lakefs.client import Client

from lakefs_unity_export.hook.files import HookKind, HookSettings
from local_stack.errors import SetupError
from local_stack.triggers.hook import files_with_secrets
from local_stack.triggers.trigger import ExportTrigger
from local_stack.triggers.webhook_service import takes_events

JOB_NAME = "export_tables"
RECONCILE_JOB_NAME = "reconcile"
CLONE_METHOD_VARIABLE = "BUNDLE_VAR_clone_method"
TRIGGER_VARIABLE = "LOCAL_STACK_TRIGGER"
WEBHOOK_VARIABLE = "LOCAL_STACK_WEBHOOK_URL"
# Set in the environment file where the hook has to carry its secrets itself: a server that was not started by us.
HELD_VARIABLES = "LOCAL_STACK_HOOK_VARIABLES"


def hook_files(environment: Mapping[str, str]) -> dict[str, str]:
    """What the hook consists of, for the stack that the environment names.

    Raises SetupError where there is no such stack or no job yet, or where its trigger has no hook.
    """
    trigger = ExportTrigger(required(environment, TRIGGER_VARIABLE))
    job_id = deployed_job(workspace_client(environment))
    if trigger is ExportTrigger.RECONCILE:
        raise SetupError("this stack exports by its job reconcile, which needs no hook: commit, and wait for it")
    held = json.loads(environment.get(HELD_VARIABLES, "{}"))
    if trigger is ExportTrigger.WEBHOOK:
        url = required(environment, WEBHOOK_VARIABLE)
        # It starts when the stack sees the deployed job, and an event that nobody takes is lost.
        if not takes_events(url):
            raise SetupError(
                f"the webhook service at {url} does not answer; see webhook/webhook.log in the stack's folder"
            )
        settings = HookSettings(kind=HookKind.WEBHOOK, service=url)
    else:
        settings = HookSettings(kind=HookKind.LUA, host=required(environment, "DATABRICKS_HOST"), job_id=job_id)
    return files_with_secrets(settings, held)


def start_reconcile(client: WorkspaceClient) -> int | None:
    """Starts the job reconcile, as its schedule would; the run's id, or None where the job is not deployed."""
    for job in client.jobs.list(name=RECONCILE_JOB_NAME):
        return int(client.jobs.run_now(job.job_id or 0).run_id)
    return None


def deployed_job(client: WorkspaceClient) -> str:
    """The id of the deployed job, as text. Raises SetupError where there is none."""
    for job in client.jobs.list(name=JOB_NAME):
        return str(job.job_id)
    raise SetupError(f"the workspace has no job {JOB_NAME} yet; deploy it: databricks bundle deploy -t local")


def lakefs_client(environment: Mapping[str, str]) -> Client:
    """A client of the lakeFS that the environment names. Raises SetupError where it names none."""
    return Client(
        host=required(environment, "LAKECTL_SERVER_ENDPOINT_URL"),
        username=required(environment, "LAKECTL_CREDENTIALS_ACCESS_KEY_ID"),
        password=required(environment, "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY"),
    )


def workspace_client(environment: Mapping[str, str]) -> WorkspaceClient:
    """A client of the workspace that the environment names. Raises SetupError where it names none."""
    return WorkspaceClient(
        host=required(environment, "DATABRICKS_HOST"),
        token=required(environment, "DATABRICKS_TOKEN"),
        auth_type="pat",
    )


def required(environment: Mapping[str, str], name: str) -> str:
    """The value of a variable. Raises SetupError where it is not set."""
    if not (value := environment.get(name, "")):
        raise SetupError(f"{name} is not set; start the stack with `make up`, and `source .local_stack/env` here")
    return value
