"""What a burst of commits to one branch costs: under `snapshot=commit`, and beside it under `snapshot=latest`.

    python benchmarks/burst.py [--commits 100]

The bundle is deployed to a local stack, and tables are cloned by Spark. Each branch has three small tables, exported
before the clock starts; each commit changes one of them. All commits are made first, so that their events arrive at
once. Prints, for each branch, the runs, the clones, the runs that cloned nothing, and the seconds from the first event
to the end of the last run.
"""

import argparse
import sys
import time
from dataclasses import dataclass

from deployed_job import DeployedJob, deployed_job
from results import Result, Row, print_result
from surroundings import surroundings

TABLES = ("orders", "items", "prices")
SNAPSHOTS = ("commit", "latest")


@dataclass(frozen=True)
class Cost:
    """What the runs of a burst did. `idle`: the runs that cloned nothing."""

    runs: int
    clones: int
    idle: int
    seconds: float


def measure(commits: int) -> Result:
    """A burst of so many commits to a branch of its own under each `snapshot`. Raises ValueError for none."""
    if commits < 1:
        raise ValueError(f"a burst has at least 1 commit, not {commits}")
    around = surroundings()
    with deployed_job() as job:
        _warm_up(job)
        costs = {snapshot: _burst(job, snapshot, commits) for snapshot in SNAPSHOTS}
        against = job.against
    return Result(
        name="burst",
        title="A burst of commits to one branch",
        against=against,
        rows=tuple(_row(commits, snapshot, cost, costs["commit"]) for snapshot, cost in costs.items()),
        notes=("A ratio is that of the seconds to those of snapshot=commit. No cluster has to start here.",),
        surroundings=around,
    )


def _warm_up(job: DeployedJob) -> None:
    """Both branches with all tables exported, which starts Spark."""
    job.describe("main", TABLES)
    job.commit("main", 0, *TABLES)
    for snapshot in SNAPSHOTS:
        job.repository.create_branch(_branch(snapshot), "main")
        job.export(_branch(snapshot), len(TABLES))


def _branch(snapshot: str) -> str:
    return f"by_{snapshot}"


def _burst(job: DeployedJob, snapshot: str, commits: int) -> Cost:
    """The cost of so many commits to the branch. Raises RuntimeError where they do not end up exported."""
    branch = _branch(snapshot)
    ids = [job.commit(branch, number, TABLES[number % len(TABLES)]) for number in range(1, commits + 1)]
    started = time.monotonic()
    runs = [job.start(branch, commit_id=each, event="post-commit", snapshot=snapshot) for each in ids]
    job.wait()
    seconds = time.monotonic() - started
    print(f"{branch}: {commits} commits in {seconds:.0f} s", file=sys.stderr, flush=True)
    clones = [job.clones(job.read(run_id)) for run_id in runs]
    job.require_exported(branch, ids[-1])
    return Cost(runs=len(runs), clones=sum(clones), idle=clones.count(0), seconds=seconds)


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


if __name__ == "__main__":
    main()
