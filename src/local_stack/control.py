"""What a second terminal asks of the running local stack: to put the hook into a branch, and to answer SQL."""

import os
import time
from collections.abc import Mapping
from typing import TextIO

from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.sql import StatementState
from rich.console import Console
from rich.table import Table

from lakefs_unity_export.hook.commits import SECONDS_KEPT
from local_stack.errors import SetupError
from local_stack.stack_environment import hook_files, lakefs_client, required, workspace_client
from local_stack.triggers.hook import install_hook as put_hook

_STATEMENT_WAIT = "50s"  # the longest that the API waits


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


def query(statement: str, out: TextIO, environment: Mapping[str, str] = os.environ) -> int:
    """Runs a statement on the stack's warehouse and prints its rows; the exit code.

    Raises SetupError where there is no such stack.
    """
    warehouse = required(environment, "BUNDLE_VAR_warehouse_id")
    console = Console(file=out)
    try:
        answer = workspace_client(environment).statement_execution.execute_statement(
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
