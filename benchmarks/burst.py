"""What a burst of commits to one branch costs under `snapshot: commit` and under `snapshot: latest`.

    python benchmarks/burst.py [--commits 100]

Each commit changes one of three small tables, and the events of all of them arrive at once, when the last commit is
made. The local stack runs the deployed job on them: real runs, real clones, one run at a time as in the bundle.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import lakefs
import pyarrow
from deltalake import write_deltalake
from lakefs.client import Client
from rich.console import Console
from rich.table import Table

from local_stack.demo.deployment import Deployment
from local_stack.demo.runs import RunState, follow_run, notebook_results
from local_stack.stack import LocalStack
from local_stack.toolchain.databricks_cli import find_or_build_cli

TABLES = ("orders", "nation", "region")


@dataclass(frozen=True)
class Burst:
    """What one burst took."""

    runs: int
    clones: int
    idle_runs: int
    seconds: float


class Exported:
    """A repository of three tables, exported once."""

    def __init__(self, stack: LocalStack, name: str) -> None:
        self._stack, self._name = stack, name
        lake = stack.lakefs
        client = Client(host=lake.endpoint_url, username=lake.access_key_id, password=lake.secret_access_key)
        repository = lakefs.Repository(name, client=client)
        self._branch = repository.create(storage_namespace=f"local://{name}", default_branch=name).branch(name)
        for table in TABLES:
            self._write(table, 0)
            descriptor = f"name: {table}\ntype: delta\npath: tables/{table}\n".encode()
            self._branch.object(f"_lakefs_tables/{table}.yaml").upload(descriptor, mode="wb", pre_sign=False)
        self.ended(self.start(self._commit(), "commit"))

    def _write(self, table: str, number: int) -> None:
        lake = self._stack.lakefs
        options = {
            "AWS_ENDPOINT_URL": lake.s3_endpoint_url,
            "AWS_ACCESS_KEY_ID": lake.access_key_id,
            "AWS_SECRET_ACCESS_KEY": lake.secret_access_key,
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
            "AWS_S3_ALLOW_UNSAFE_RENAME": "true",
        }
        path = f"s3://{self._name}/{self._name}/tables/{table}"
        write_deltalake(path, pyarrow.table({"number": [number]}), mode="append", storage_options=options)

    def _commit(self) -> str:
        return str(self._branch.commit("A commit").get_commit().id)

    def start(self, commit_id: str, snapshot: str) -> int:
        """Deliver one event; the run's id."""
        parameters = {"repository": self._name, "branch": self._name, "event": "post-commit"}
        answer = self._stack.client().jobs.run_now(
            int(self._stack.job_id()), job_parameters={**parameters, "commit_id": commit_id, "snapshot": snapshot}
        )
        return int(answer.run_id)

    def ended(self, run_id: int) -> RunState:
        """The run after its end. Raises RuntimeError where it failed."""
        run = follow_run(self._stack.client().jobs, run_id, lambda _: None)
        if not run.has_succeeded:
            raise RuntimeError(f"run {run_id} ended {run.state}: {run.message}")
        return run

    def burst(self, commits: int, snapshot: str) -> Burst:
        """Make the commits, then deliver all their events, and wait for the last run."""
        made = []
        for number in range(1, commits + 1):
            self._write(TABLES[number % len(TABLES)], number)
            made.append(self._commit())
        started = time.monotonic()
        runs = [self.start(commit_id, snapshot) for commit_id in made]
        ended = [self.ended(run_id) for run_id in runs]
        seconds = time.monotonic() - started
        cloned = [self._cloned(run) for run in ended]
        return Burst(runs=len(runs), clones=sum(cloned), idle_runs=cloned.count(0), seconds=seconds)

    def _cloned(self, run: RunState) -> int:
        results = notebook_results(self._stack.client().jobs, run.task("clone_tables"))
        return sum(result["action"] == "cloned" for result in results)


def main() -> None:
    """Print one row for each of the two settings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commits", type=int, default=100)
    commits = parser.parse_args().commits
    rows = Table("snapshot", "runs", "clones", "runs that cloned nothing", "seconds", "ratio")
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalStack(folder=Path(folder) / "stack", progress=sys.stderr) as stack,
    ):
        cli = find_or_build_cli(sys.stderr)
        Deployment(cli=cli, folder=Path(folder) / "checkout", environment=stack.environment()).deploy()
        found = {
            snapshot: Exported(stack, f"burst-{snapshot}").burst(commits, snapshot) for snapshot in ("commit", "latest")
        }
    for snapshot, burst in found.items():
        ratio = burst.seconds / found["commit"].seconds
        rows.add_row(
            snapshot, str(burst.runs), str(burst.clones), str(burst.idle_runs), f"{burst.seconds:.0f}", f"{ratio:.2f}"
        )
    Console().print(rows)


if __name__ == "__main__":
    main()
