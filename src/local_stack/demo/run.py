"""Runs the demo on a local stack of its own, from nothing to the last line."""

import time
from pathlib import Path
from typing import TextIO

from databricks.sdk.errors.base import DatabricksError
from lakefs.exceptions import ServerException
from lakefs_sdk.exceptions import OpenApiException
from rich.console import Console
from urllib3.exceptions import HTTPError

from lakefs_unity_export.clones.methods import CloneMethod
from local_stack.demo.deployment import Deployment
from local_stack.demo.failure import DemoFailure
from local_stack.demo.repository import Repository, demo_repository
from local_stack.demo.telling import Telling
from local_stack.errors import SetupError
from local_stack.stack import LocalStack
from local_stack.toolchain import ToolMissingError
from local_stack.toolchain.databricks_cli import find_or_build_cli
from local_stack.triggers.trigger import ExportTrigger

INTERRUPTED = 130
PLAIN_WIDTH = 120


def tell(
    kind: type[Telling],
    stack_folder: Path,
    scale: float,
    out: TextIO,
    *,
    trigger: ExportTrigger,
    clone_method: CloneMethod,
) -> int:
    """Tell it on a local stack of its own. See run_demo."""
    # Where there is no terminal to ask for its width, lines may be as long as a table needs.
    console = Console(file=out, width=None if out.isatty() else PLAIN_WIDTH)
    started = time.monotonic()
    try:
        with (
            LocalStack(folder=stack_folder, progress=out, trigger=trigger, clone_method=clone_method) as stack,
            demo_repository(stack.lakefs) as repository,
        ):
            folder = stack.plain_folder / "demo"
            telling = kind(stack=stack, repository=repository, console=console, folder=folder)
            telling.tell(_deployment(stack, repository, folder, out), scale)
            console.print(telling.summary())
        console.print(telling.last_line(time.monotonic() - started), markup=False, highlight=False, soft_wrap=True)
    except (DemoFailure, SetupError, ToolMissingError) as failure:
        console.print(f"\n{kind.command}: failed. {failure}", markup=False, highlight=False, soft_wrap=True)
        return 1
    except (DatabricksError, OpenApiException, ServerException, HTTPError) as error:
        told = (
            f"\n{kind.command}: failed. lakeFS or the workspace did not do what it was asked. "
            f"{type(error).__name__}: {error}"
        )
        console.print(told, markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print(f"\n{kind.command}: stopped", markup=False, highlight=False)
        return INTERRUPTED
    return 0


def _deployment(stack: LocalStack, repository: Repository, folder: Path, out: TextIO) -> Deployment:
    environment = stack.environment() | {"BUNDLE_VAR_reconcile_repositories": repository.name}
    return Deployment(cli=find_or_build_cli(out), folder=folder / "checkout", environment=environment)
