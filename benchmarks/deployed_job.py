"""The deployed job on a local stack with real Spark, and a repository with small tables."""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow
from databricks.sdk import WorkspaceClient
from deltalake import write_deltalake

from local_stack.demo.deployment import Deployment
from local_stack.demo.repository import Repository, demo_repository
from local_stack.demo.runs import RunState, failures, follow_run, notebook_results, read_run
from local_stack.stack import LocalStack
from local_stack.toolchain.databricks_cli import find_or_build_cli

POLL_SECONDS = 0.5
DESCRIPTOR = "name: {0}\ntype: delta\npath: tables/{0}\n"


@dataclass(frozen=True)
class DeployedJob:
    """A local stack with the deployed job, and a repository."""

    stack: LocalStack
    client: WorkspaceClient
    job_id: int
    repository: Repository

    @property
    def against(self) -> str:
        """What is measured against, for a result."""
        return f"lakeFS: {self.stack.lakefs.kind}; workspace, cluster, warehouse and Unity Catalog: the local stack"

    def describe(self, branch: str, tables: Sequence[str]) -> None:
        """Write a descriptor of each table to the branch."""
        descriptors = {f"_lakefs_tables/{table}.yaml": DESCRIPTOR.format(table).encode() for table in tables}
        self.repository.upload(branch, descriptors)

    def commit(self, branch: str, number: int, *tables: str) -> str:
        """Give the tables new rows, and commit them; the commit's id."""
        for table in tables:
            write_deltalake(
                f"s3://{self.repository.name}/{branch}/tables/{table}",
                pyarrow.table({"number": [number]}),
                mode="overwrite",
                storage_options=self._storage_options(),
            )
        return self.repository.commit(branch, f"Commit {number}")

    def start(self, branch: str, **parameters: str) -> int:
        """Start the job for the branch; the run's id."""
        given = {"repository": self.repository.name, "branch": branch, **parameters}
        return int(self.client.jobs.run_now(self.job_id, job_parameters=given).run_id)

    def export(self, branch: str, tables: int) -> RunState:
        """The run that exports the branch's head. Raises RuntimeError where it does not clone so many tables."""
        run = follow_run(self.client.jobs, self.start(branch), lambda _: None)
        if (cloned := self.clones(run)) != tables:
            raise RuntimeError(f"the export of {branch} was to clone {tables} tables, and cloned {cloned}")
        return run

    def wait(self) -> None:
        """Until no run is active."""
        while any(self.client.jobs.list_runs(job_id=self.job_id, active_only=True)):
            time.sleep(POLL_SECONDS)

    def read(self, run_id: int) -> RunState:
        """The run as it is now."""
        return read_run(self.client.jobs, run_id)

    def clones(self, run: RunState) -> int:
        """How many tables the run cloned. Raises RuntimeError where it did not end well."""
        if not run.has_succeeded:
            raise RuntimeError(failures(self.client.jobs, run))
        results = notebook_results(self.client.jobs, run.task("clone_tables"))
        return sum(result["action"] == "cloned" for result in results)

    def require_exported(self, branch: str, head: str) -> None:
        """Raises RuntimeError where the branch is not exported up to this commit."""
        properties = self.client.schemas.get(f"{self.stack.catalog.name}.{branch}").properties or {}
        recorded = properties.get(f"lakefs.{self.repository.name}.commit_id")
        if recorded != head:
            raise RuntimeError(f"branch {branch} is at {head}, and exported up to {recorded}")

    def _storage_options(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.stack.lakefs.s3_endpoint_url,
            "AWS_ACCESS_KEY_ID": self.stack.lakefs.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.stack.lakefs.secret_access_key,
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
            # There is no other writer, so no lock is needed (delta-rs documentation, "Writing to S3").
            "AWS_S3_ALLOW_UNSAFE_RENAME": "true",
        }


@contextmanager
def deployed_job() -> Iterator[DeployedJob]:
    """Everything started and deployed, with an empty repository."""
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalStack(folder=Path(folder) / "stack", progress=sys.stderr) as stack,
        demo_repository(stack.lakefs) as repository,
    ):
        cli = find_or_build_cli(sys.stderr)
        Deployment(cli=cli, folder=Path(folder) / "checkout", environment=stack.environment()).deploy()
        yield DeployedJob(stack, stack.client(), int(stack.job_id()), repository)
