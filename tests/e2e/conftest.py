"""One local stack for all end-to-end tests, with the bundle deployed once, and a repository for each test.

Its warehouse has no settings of lakeFS, as most have none. Tests choose how tables are cloned, run by run; what they do
not choose is the product's default, shallow clones, whose rows the cluster reads.
"""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundle_commands import BundleCommands
from demo_command import processes_of
from deployed_exports import Exports
from table_repository import TableRepository, new_repository

from local_stack.demo.cluster_sql import ClusterSql
from local_stack.demo.deployment import Deployment
from local_stack.stack import LocalStack
from local_stack.toolchain.databricks_cli import find_or_build_cli

# lakeFS's storage for repositories whose namespace is in it. A name of one process alone: buckets are.
STORAGE_BUCKET = "lake-storage"


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """What tests interrupt hears it, also where a shell started the tests in its background, which does not."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def cli() -> Path:
    """The Databricks CLI."""
    return find_or_build_cli(sys.stderr)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for a copy of what the bundle consists of, there once it is deployed."""
    return tmp_path_factory.mktemp("deployed") / "checkout"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, cli: Path, checkout: Path) -> Iterator[LocalStack]:
    """The local stack with the bundle deployed to target local. Whatever was killed in it, it leaves nothing."""
    folder = tmp_path_factory.mktemp("e2e") / "stack"
    with LocalStack(
        folder=folder, progress=sys.stderr, warehouse_reads_lakefs=False, buckets=[STORAGE_BUCKET]
    ) as started:
        Deployment(cli=cli, folder=checkout, environment=started.environment()).deploy()
        yield started
        assert started.workspace.unsupported_calls == []
    assert not folder.exists()
    assert processes_of(folder) == []


@pytest.fixture(scope="session")
def bundle(cli: Path, stack: LocalStack, checkout: Path) -> BundleCommands:
    """The CLI in the folder that was deployed from."""
    return BundleCommands(cli=cli, folder=checkout, environment=stack.environment())


@pytest.fixture(scope="session")
def exports(stack: LocalStack) -> Exports:
    """The deployed job, and what it makes."""
    return Exports(
        stack.client(),
        job_id=int(stack.job_id()),
        warehouse_id=stack.workspace.warehouse_id,
        catalog=stack.catalog.name,
        cluster=ClusterSql(stack.cluster, stack.s3a_conf()),
    )


@pytest.fixture
def repository(stack: LocalStack) -> Iterator[TableRepository]:
    """An empty repository for one test."""
    made = new_repository(stack.lakefs)
    yield made
    made.delete()
