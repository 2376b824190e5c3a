"""The local stack while it runs: its instructions, and what a second terminal asks of it."""

import contextlib
import json
import os
import sysconfig
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.sql import StatementState
from lakefs.client import Client
from rich.console import Console
from rich.table import Table

from lakefs_unity_export.hook_commits import SECONDS_KEPT
from lakefs_unity_export.hook_files import HookKind, HookSettings
from local_stack.errors import SetupError
from local_stack.hook import files_with_secrets
from local_stack.hook import install_hook as put_hook
from local_stack.triggers import ExportTrigger
from local_stack.webhook_service import takes_events

if TYPE_CHECKING:
    from local_stack.stack import LocalStack

JOB_NAME = "export_tables"
RECONCILE_JOB_NAME = "reconcile"
TRIGGER_VARIABLE = "LOCAL_STACK_TRIGGER"
WEBHOOK_VARIABLE = "LOCAL_STACK_WEBHOOK_URL"
# Set in the environment file where the hook has to carry its secrets itself: a server that was not started by us.
HELD_VARIABLES = "LOCAL_STACK_HOOK_VARIABLES"

_DEPLOY = "  databricks bundle deploy -t local"
_HOOK = f"""{_DEPLOY}
  databricks bundle run export_tables -t local -- --repository=REPOSITORY --branch=BRANCH
  python -m local_stack install-hook REPOSITORY BRANCH     # from then on, commits start the job"""
_INSTRUCTIONS = {
    ExportTrigger.LUA: _HOOK,
    ExportTrigger.WEBHOOK: _HOOK,
    ExportTrigger.RECONCILE: f"""  export BUNDLE_VAR_reconcile_repositories=REPOSITORY
{_DEPLOY}     # from then on, reconcile looks at every branch four times a minute""",
}
_DEPLOYED_SECONDS = 1
_RECONCILE_SECONDS = 15
_STATEMENT_WAIT = "50s"  # the longest that the API waits


def serve(stack: "LocalStack", cli: Path, out: TextIO) -> int:
    """Writes the environment file, says what to do with it, and waits for Ctrl-C; the exit code.

    With the file's PATH a shell finds the Databricks CLI, uv, which builds the wheel, and this Python.
    """
    path = stack.write_environment_file([Path(sysconfig.get_path("scripts")), cli.parent])
    print(
        f"""
The local stack is running. In another terminal, in this folder:

  source {os.path.relpath(path)}
{_INSTRUCTIONS[stack.trigger]}
  python -m local_stack sql "SHOW SCHEMAS IN main"

lakeFS: {stack.lakefs.endpoint_url}, for any client; its keys are in that file. Ctrl-C ends everything.""",
        file=out,
        flush=True,
    )
    try:
        _tend(stack)
    except KeyboardInterrupt:
        print("\nstopping", file=out, flush=True)
    return 0


def _tend(stack: "LocalStack") -> NoReturn:
    """What the trigger needs once the bundle is deployed: the service, or a job that is started now and then."""
    while True:
        time.sleep(_RECONCILE_SECONDS if stack.trigger is ExportTrigger.RECONCILE else _DEPLOYED_SECONDS)
        # Not deployed yet, or being destroyed: the next time may be the right one.
        with contextlib.suppress(SetupError, DatabricksError):
            if stack.trigger is ExportTrigger.RECONCILE:
                start_reconcile(stack.client())
            elif stack.trigger is ExportTrigger.WEBHOOK and not stack.webhook.is_started:
                stack.start_webhook()


def install_hook(repository: str, branch: str, out: TextIO, environment: Mapping[str, str] = os.environ) -> int:
    """Puts the hook into a branch, for the stack that the environment names; the exit code.

    Raises SetupError where there is no such stack, job, hook, repository or branch.
    """
    client = lakefs_client(environment)
    commit_id = put_hook(client, repository=repository, branch=branch, files=hook_files(environment))
    print(f"the hook is in {repository}/{branch}, commit {commit_id}", file=out)
    print(
        f"waiting {SECONDS_KEPT} s, until lakeFS has read its action files for new branches too", file=out, flush=True
    )
    time.sleep(SECONDS_KEPT)
    return 0


def hook_files(environment: Mapping[str, str]) -> dict[str, str]:
    """What the hook consists of, for the stack that the environment names.

    Raises SetupError where there is no such stack or no job yet, or where its trigger has no hook.
    """
    trigger, job_id = ExportTrigger(_required(environment, TRIGGER_VARIABLE)), deployed_job(_workspace(environment))
    if trigger is ExportTrigger.RECONCILE:
        raise SetupError("this stack exports by its job reconcile, which needs no hook: commit, and wait for it")
    held = json.loads(environment.get(HELD_VARIABLES, "{}"))
    if trigger is ExportTrigger.WEBHOOK:
        url = _required(environment, WEBHOOK_VARIABLE)
        # It starts when the stack sees the deployed job, and an event that nobody takes is lost.
        if not takes_events(url):
            raise SetupError(
                f"the webhook service at {url} does not answer; see webhook/webhook.log in the stack's folder"
            )
        settings = HookSettings(kind=HookKind.WEBHOOK, service=url)
    else:
        settings = HookSettings(kind=HookKind.LUA, host=_required(environment, "DATABRICKS_HOST"), job_id=job_id)
    return files_with_secrets(settings, held)


def start_reconcile(client: WorkspaceClient) -> int | None:
    """Starts the job reconcile, as its schedule would; the run's id, or None where the job is not deployed."""
    for job in client.jobs.list(name=RECONCILE_JOB_NAME):
        return int(client.jobs.run_now(job.job_id or 0).run_id)
    return None


def query(statement: str, out: TextIO, environment: Mapping[str, str] = os.environ) -> int:
    """Runs a statement on the stack's warehouse and prints its rows; the exit code.

    Raises SetupError where there is no such stack.
    """
    warehouse = _required(environment, "BUNDLE_VAR_warehouse_id")
    console = Console(file=out)
    try:
        answer = _workspace(environment).statement_execution.execute_statement(
            statement=statement, warehouse_id=warehouse, wait_timeout=_STATEMENT_WAIT
        )
    except DatabricksError as error:
        raise SetupError(str(error)) from error
    status = answer.status
    if status is None or status.state is not StatementState.SUCCEEDED:
        raise SetupError(status.error.message or "" if status and status.error else "the statement did not finish")
    columns = (answer.manifest.schema.columns or []) if answer.manifest and answer.manifest.schema else []
    table = Table(*(column.name or "" for column in columns))
    for row in (answer.result.data_array or []) if answer.result else []:
        table.add_row(*("NULL" if value is None else value for value in row))
    console.print(table if columns else "done")
    return 0


def deployed_job(client: WorkspaceClient) -> str:
    """The id of the deployed job, as text. Raises SetupError where there is none."""
    for job in client.jobs.list(name=JOB_NAME):
        return str(job.job_id)
    raise SetupError(f"the workspace has no job {JOB_NAME} yet; deploy it: databricks bundle deploy -t local")


def lakefs_client(environment: Mapping[str, str]) -> Client:
    """A client of the lakeFS that the environment names. Raises SetupError where it names none."""
    return Client(
        host=_required(environment, "LAKECTL_SERVER_ENDPOINT_URL"),
        username=_required(environment, "LAKECTL_CREDENTIALS_ACCESS_KEY_ID"),
        password=_required(environment, "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY"),
    )


def _workspace(environment: Mapping[str, str]) -> WorkspaceClient:
    return WorkspaceClient(
        host=_required(environment, "DATABRICKS_HOST"),
        token=_required(environment, "DATABRICKS_TOKEN"),
        auth_type="pat",
    )


def _required(environment: Mapping[str, str], name: str) -> str:
    if not (value := environment.get(name, "")):
        raise SetupError(f"{name} is not set; start the stack with `make up`, and `source .local_stack/env` here")
    return value
