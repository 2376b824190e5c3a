"""A demo as a user runs it, in a process and with a stack of its own, or its story on the tests' stack."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, TypeVar

from databricks.sdk.service.jobs import JobsAPI
from rich.console import Console

from lakefs_unity_export.clones.methods import CloneMethod
from local_stack.demo.deployment import Deployment
from local_stack.demo.repository import demo_repository
from local_stack.demo.run import PLAIN_WIDTH
from local_stack.demo.sql_warehouse import SqlWarehouse
from local_stack.demo.telling import MAIN, Telling
from local_stack.stack import LocalStack
from local_stack.stack_environment import CLONE_METHOD_VARIABLE

SCALE = "0.001"
Kind = TypeVar("Kind", bound=Telling)


@contextmanager
def started_demo(folder: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """The demo with its stack in the folder, and other options."""
    arguments = [sys.executable, "-m", "local_stack", "demo", "--scale", SCALE, "--folder", str(folder), *options]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        try:
            yield demo
        finally:
            demo.kill()


def processes_of(folder: Path) -> list[str]:
    """The processes whose command line names the folder: Spark's, and lakeFS's where it is a binary."""
    listed = subprocess.run(["ps", "-axww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(folder) in line]


@contextmanager
def telling_on(
    stack: LocalStack, kind: type[Kind], *, cli: Path, folder: Path, out: TextIO, clone_method: CloneMethod
) -> Iterator[tuple[Kind, Deployment]]:
    """A telling on a stack of the tests, and the bundle for it.

    At the end, what it exported is gone, and the jobs are as they were.
    """
    with demo_repository(stack.lakefs) as repository, jobs_as_they_are(stack.client().jobs):
        environment = stack.environment() | {
            "BUNDLE_VAR_reconcile_repositories": repository.name,
            CLONE_METHOD_VARIABLE: clone_method,
        }
        deployment = Deployment(cli=cli, folder=folder / "checkout", environment=environment)
        console = Console(file=out, width=PLAIN_WIDTH)
        try:
            yield kind(stack=stack, repository=repository, console=console, folder=folder), deployment
        finally:
            forget_exports(stack, MAIN)


@contextmanager
def jobs_as_they_are(jobs: JobsAPI) -> Iterator[None]:
    """Whatever is deployed within the block, the jobs that were there have their settings again after it."""
    before = {job.job_id or 0: jobs.get(job.job_id or 0).settings for job in jobs.list()}
    try:
        yield
    finally:
        for job_id, settings in before.items():
            if settings is not None:
                jobs.reset(job_id, settings)


def forget_exports(stack: LocalStack, schema: str) -> None:
    """Remove a schema with its tables and their files, where it was made."""
    warehouse = SqlWarehouse(stack.client().statement_execution, stack.workspace.warehouse_id)
    warehouse.query(f"DROP SCHEMA IF EXISTS `{stack.catalog.name}`.`{schema}` CASCADE")
    shutil.rmtree(stack.folder / "exports" / schema, ignore_errors=True)
