"""The local stack while it runs: its instructions, and what its trigger needs."""

import contextlib
import os
import sysconfig
import time
from pathlib import Path
from typing import NoReturn, TextIO

from databricks.sdk.errors.base import DatabricksError

from local_stack.errors import SetupError
from local_stack.stack import LocalStack
from local_stack.stack_environment import start_reconcile
from local_stack.triggers.trigger import ExportTrigger

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


def serve(stack: LocalStack, cli: Path, out: TextIO) -> int:
    """Writes the environment file, says what to do with it, and waits for Ctrl-C; the exit code.

    With the file's PATH a shell finds the Databricks CLI, uv, which builds the wheel, and this Python.
    """
    path = stack.write_environment_file([Path(sysconfig.get_path("scripts")), cli.parent])
    print(
        f"""
The local stack is running. In another terminal, in this folder:

  source {os.path.relpath(path)}
{_INSTRUCTIONS[stack.trigger]}
  python -m local_stack sql "SHOW SCHEMAS IN {stack.catalog.name}"

lakeFS: {stack.lakefs.endpoint_url}, for any client; its keys are in that file. Ctrl-C ends everything.""",
        file=out,
        flush=True,
    )
    try:
        _tend(stack)
    except KeyboardInterrupt:
        print("\nstopping", file=out, flush=True)
    return 0


def _tend(stack: LocalStack) -> NoReturn:
    """What the trigger needs once the bundle is deployed: the service, or a job that is started now and then."""
    while True:
        time.sleep(_RECONCILE_SECONDS if stack.trigger is ExportTrigger.RECONCILE else _DEPLOYED_SECONDS)
        # Not deployed yet, or being destroyed: the next time may be the right one.
        with contextlib.suppress(SetupError, DatabricksError):
            if stack.trigger is ExportTrigger.RECONCILE:
                start_reconcile(stack.client())
            elif stack.trigger is ExportTrigger.WEBHOOK and not stack.webhook.is_started:
                stack.start_webhook()
