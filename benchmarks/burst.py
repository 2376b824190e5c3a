"""What a burst of commits to one branch costs: under `snapshot=commit`, and beside it under `snapshot=latest`.

    python benchmarks/burst.py [--commits 100]

The bundle is deployed to a local stack, and tables are cloned by Spark. Each branch has three small tables, exported
before the clock starts; each commit changes one of them. All commits are made first, so that their events arrive at
once. Prints, for each branch, the runs, the clones, the runs that cloned nothing, and the seconds from the first event
to the end of the last run.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pyarrow
from databricks.sdk import WorkspaceClient
from deltalake import write_deltalake
from results import Result, Row, print_result
from surroundings import surroundings

from local_stack.demo.deployment import Deployment
from local_stack.demo.repository import Repository, demo_repository
from local_stack.demo.runs import RunState, failures, follow_run, notebook_results, read_run
from local_stack.stack import LocalStack
from local_stack.toolchain.databricks_cli import find_or_build_cli

TABLES = ("orders", "items", "prices")
SNAPSHOTS = ("commit", "latest")
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Cost:
    """What the runs of a burst did. `idle`: the runs that cloned nothing."""

    runs: int
    clones: int
    idle: int
    seconds: float


@dataclass(frozen=True)
class Bench:
    """A local stack with the deployed job, and a repository."""

    stack: LocalStack
    client: WorkspaceClient
    job_id: int
    repository: Repository

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

    def burst(self, branch: str, snapshot: str, commits: int) -> Cost:
        """The cost of so many commits to the branch. Raises RuntimeError where they do not end up exported."""
        ids = [self.commit(branch, number, TABLES[number % len(TABLES)]) for number in range(1, commits + 1)]
        started = time.monotonic()
        runs = [self.start(branch, commit_id=each, event="post-commit", snapshot=snapshot) for each in ids]
        while any(self.client.jobs.list_runs(job_id=self.job_id, active_only=True)):
            time.sleep(POLL_SECONDS)
        seconds = time.monotonic() - started
        print(f"{branch}: {commits} commits in {seconds:.0f} s", file=sys.stderr, flush=True)
        clones = [self.clones(read_run(self.client.jobs, run_id)) for run_id in runs]
        self._require_exported(branch, ids[-1])
        return Cost(runs=len(runs), clones=sum(clones), idle=clones.count(0), seconds=seconds)

    def clones(self, run: RunState) -> int:
        """How many tables the run cloned. Raises RuntimeError where it did not end well."""
        if not run.has_succeeded:
            raise RuntimeError(failures(self.client.jobs, run))
        results = notebook_results(self.client.jobs, run.task("clone_tables"))
        return sum(result["action"] == "cloned" for result in results)

    def _require_exported(self, branch: str, head: str) -> None:
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


def measure(commits: int) -> Result:
    """A burst of so many commits to a branch of its own under each `snapshot`. Raises ValueError for none."""
    if commits < 1:
        raise ValueError(f"a burst has at least 1 commit, not {commits}")
    around = surroundings()
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalStack(folder=Path(folder) / "stack", progress=sys.stderr) as stack,
        demo_repository(stack.lakefs) as repository,
    ):
        _deploy(stack, Path(folder) / "checkout", sys.stderr)
        bench = Bench(stack, stack.client(), int(stack.job_id()), repository)
        _warm_up(bench)
        costs = {snapshot: bench.burst(f"by_{snapshot}", snapshot, commits) for snapshot in SNAPSHOTS}
        kind = stack.lakefs.kind
    return Result(
        name="burst",
        title="A burst of commits to one branch",
        against=f"lakeFS: {kind}; workspace, cluster, warehouse and Unity Catalog: the local stack",
        rows=tuple(_row(commits, snapshot, cost, costs["commit"]) for snapshot, cost in costs.items()),
        notes=("A ratio is that of the seconds to those of snapshot=commit. No cluster has to start here.",),
        surroundings=around,
    )


def _row(commits: int, snapshot: str, cost: Cost, limit: Cost) -> Row:
    return {
        "snapshot": snapshot,
        "commits": commits,
        "runs": cost.runs,
        "clones": cost.clones,
        "runs that cloned nothing": cost.idle,
        "seconds": cost.seconds,
        "seconds a run": cost.seconds / cost.runs,
        "ratio": cost.seconds / limit.seconds,
    }


def main() -> None:
    """Measure, and print the figures side by side."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--commits", type=int, default=100, help="commits to each branch (default: %(default)s)")
    print_result(measure(parser.parse_args().commits))


def _deploy(stack: LocalStack, folder: Path, progress: TextIO) -> None:
    Deployment(cli=find_or_build_cli(progress), folder=folder, environment=stack.environment()).deploy()


def _warm_up(bench: Bench) -> None:
    """Both branches with all tables exported, which starts Spark."""
    descriptors = {
        f"_lakefs_tables/{each}.yaml": f"name: {each}\ntype: delta\npath: tables/{each}\n" for each in TABLES
    }
    bench.repository.upload("main", {path: text.encode() for path, text in descriptors.items()})
    bench.commit("main", 0, *TABLES)
    for snapshot in SNAPSHOTS:
        branch = f"by_{snapshot}"
        bench.repository.create_branch(branch, "main")
        run = follow_run(bench.client.jobs, bench.start(branch), lambda _: None)
        if bench.clones(run) != len(TABLES):
            raise RuntimeError(f"the first export of {branch} was to clone {len(TABLES)} tables")


if __name__ == "__main__":
    main()
