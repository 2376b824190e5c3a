"""Runs the demo on a local stack of its own, from nothing to the last line."""

import time
from pathlib import Path
from typing import TextIO

from databricks.sdk.errors.base import DatabricksError
from lakefs.exceptions import ServerException
from lakefs_sdk.exceptions import OpenApiException
from rich.console import Console
from rich.table import Table
from urllib3.exceptions import HTTPError

from local_stack.demo.deployment import Deployment
from local_stack.demo.exports import Exports
from local_stack.demo.failure import DemoFailure
from local_stack.demo.repository import demo_repository
from local_stack.demo.story import Story
from local_stack.errors import SetupError
from local_stack.stack import LocalStack
from local_stack.toolchain import ToolMissingError
from local_stack.toolchain.databricks_cli import find_or_build_cli

INTERRUPTED = 130
PLAIN_WIDTH = 120


def tell(stack_folder: Path, scale: float, out: TextIO) -> int:
    """See run_demo."""
    # Where there is no terminal to ask for its width, lines may be as long as a table needs.
    console = Console(file=out, width=None if out.isatty() else PLAIN_WIDTH)
    started = time.monotonic()
    try:
        with (
            LocalStack(folder=stack_folder, progress=out) as stack,
            demo_repository(stack.lakefs) as repository,
        ):
            folder = stack.folder / "demo"
            story = Story(stack=stack, repository=repository, console=console, folder=folder)
            deployment = Deployment(
                cli=find_or_build_cli(out), folder=folder / "checkout", environment=stack.environment()
            )
            story.tell(deployment, scale)
            console.print(summary(story.exports))
        seconds = time.monotonic() - started
        last = f"demo: {len(story.runs)} exports, {len(story.exports)} tables, every row equal, {seconds:.0f} s"
        console.print(last, markup=False, highlight=False)
    except (DemoFailure, SetupError, ToolMissingError) as failure:
        console.print(f"\ndemo: failed. {failure}", markup=False, highlight=False, soft_wrap=True)
        return 1
    except (DatabricksError, OpenApiException, ServerException, HTTPError) as error:
        told = f"\ndemo: failed. lakeFS or the workspace did not do what it was asked. {type(error).__name__}: {error}"
        console.print(told, markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("\ndemo: stopped", markup=False, highlight=False)
        return INTERRUPTED
    return 0


def summary(exports: Exports) -> Table:
    """All exported tables, one row each."""
    table = Table("table", "lakeFS commit", "Delta version", "rows", "seconds", title="Exported tables")
    for column in table.columns[2:]:
        column.justify = "right"
    for exported in exports:
        name = f"main.{exported.branch}.{exported.table.name}"
        table.add_row(
            name, exported.commit_id[:10], str(exported.version), f"{exported.rows:,}", f"{exported.seconds:.1f}"
        )
    return table
