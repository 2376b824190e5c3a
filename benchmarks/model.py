"""What exports would take and cost on a workspace: tables, commits, start-up times and prices in, latency and cost out.

    python benchmarks/model.py [--tables 10] [--commits 1 4 12 60] [--set job_cluster_start=240 ...]

A model, not a measurement: nobody has run this on a workspace yet. It plays a day of commits through the job as it is
configured, one run at a time. Each constant tells how it is known, and can be set: `--constants` lists them. It leaves
out failures, deep clones, and that others may use the same warehouse or cluster, and share its price.
"""

import argparse
import math
import random
import statistics
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum

from assumptions import Kind, Workspace
from results import read_results
from rich.console import Console
from rich.table import Table

HOUR = 3600.0
DAY = 24 * HOUR
SEED = 1
CLUSTER, TASKS, WAREHOUSE = "cluster", "serverless tasks", "warehouse"
# Where the day's last commits wait for longer than this, they would wait for ever longer.
BEHIND_SECONDS = HOUR


class Compute(StrEnum):
    """What clones the tables."""

    JOB_CLUSTER = "job cluster"
    POOL = "job cluster from a pool"
    RUNNING = "running cluster"


class Snapshot(StrEnum):
    """The job's parameter: each commit in a run of its own, or whatever is the head when a run begins."""

    COMMIT = "commit"
    LATEST = "latest"


@dataclass(frozen=True, kw_only=True)
class Load:
    """How much is committed: commits an hour at random moments, how many tables each changes, out of how many.

    Raises ValueError where there is nothing to export, or a commit changes more tables than there are.
    """

    commits_an_hour: float
    tables: int = 10
    all_tables: int = 1000

    def __post_init__(self) -> None:
        if not (math.isfinite(self.commits_an_hour) and self.commits_an_hour > 0):
            raise ValueError(f"{self.commits_an_hour} commits an hour export nothing: more than 0 are needed")
        if not 1 <= self.tables <= self.all_tables:
            raise ValueError(f"a commit changes 1 to {self.all_tables} tables, the repository's, not {self.tables}")

    def commits(self) -> list[float]:
        """The seconds of a day at which commits come: the same each time, in bursts as chance has them."""
        draw, commits, now = random.Random(SEED), list[float](), 0.0  # noqa: S311, no secret
        while (now := now + draw.expovariate(self.commits_an_hour / HOUR)) < DAY:
            commits.append(now)
        return commits or [0.0]

    def changed_by(self, commits: int) -> int:
        """How many tables so many commits change together, where each changes any of them."""
        return round(self.all_tables * (1 - (1 - self.tables / self.all_tables) ** commits))


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the job, by the seconds at which its parts begin and end.

    In a run that has nothing to do, everything after the list ends with it. `commits` are the moments of the commits
    that the tables show first at its end: none for a page that others follow.
    """

    begin: float
    listed: float
    cloned: float
    visible: float
    end: float
    commits: tuple[float, ...] = ()

    @property
    def is_idle(self) -> bool:
        """Whether it cloned nothing."""
        return self.cloned == self.listed


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a day comes to. Latency is that from a commit to its tables, or newer ones, in Unity Catalog, in seconds.

    `dollars` are those of a day, by what asks for them. `is_behind`: commits come faster than they are exported, so
    that latency grows for as long as they do.
    """

    median_latency: float
    p95_latency: float
    dollars: Mapping[str, float]
    runs: int
    idle_runs: int
    is_behind: bool

    @property
    def dollars_a_day(self) -> float:
        """All of it."""
        return sum(self.dollars.values())


def outcome(load: Load, compute: Compute, snapshot: Snapshot, workspace: Workspace) -> Outcome:
    """Latency and cost of a day of commits."""
    runs = play(load, compute, snapshot, workspace)
    in_order = [run.visible - commit for run in runs for commit in run.commits]
    latencies = sorted(in_order)
    return Outcome(
        median_latency=statistics.median(latencies),
        p95_latency=latencies[math.ceil(0.95 * len(latencies)) - 1],
        dollars=costs(runs, compute, workspace),
        runs=len(runs),
        idle_runs=sum(run.is_idle for run in runs),
        is_behind=in_order[-1] > BEHIND_SECONDS,
    )


def play(load: Load, compute: Compute, snapshot: Snapshot, workspace: Workspace) -> list[Run]:
    """The runs for a day's commits, each begun once the one before has ended (`max_concurrent_runs: 1`).

    A commit's further pages follow its first at once.
    """
    runs, free, shown, warm_until = list[Run](), 0.0, 0, 0.0
    commits = load.commits()
    for position, commit in enumerate(commits):
        begin = max(commit, free)
        head = position + 1 if snapshot is Snapshot.COMMIT else _head(commits, begin, workspace)
        new = commits[shown:head]
        pages = _pages(load.changed_by(len(new)), workspace)
        for number, tables in enumerate(pages, start=1):
            run = _run(max(begin, free), tables, compute, workspace, is_warm=free < warm_until)
            runs.append(replace(run, commits=tuple(new) if number == len(pages) else ()))
            free = run.end
            warm_until = warm_until if run.is_idle else run.visible + workspace.warehouse_stop
        shown = max(shown, head)
    return runs


def _head(commits: list[float], begin: float, workspace: Workspace) -> int:
    """How many commits there are when a run that begins then reads its branch's head."""
    return bisect_right(commits, begin + workspace.serverless_start)


def _pages(tables: int, workspace: Workspace) -> list[int]:
    """The tables of each run; one run without any where nothing is to be done."""
    most = int(workspace.tables_a_run)
    return [min(most, tables - start) for start in range(0, tables, most)] or [0]


def _run(begin: float, tables: int, compute: Compute, workspace: Workspace, *, is_warm: bool) -> Run:
    listed = begin + workspace.serverless_start + workspace.list_seconds
    if not tables:
        return Run(begin=begin, listed=listed, cloned=listed, visible=listed, end=listed)
    clones = _in_turns(tables, workspace.clone_concurrency, workspace.clone_seconds + workspace.iteration_start)
    cloned = listed + start_seconds(compute, workspace) + clones
    registered = _in_turns(
        tables, workspace.register_concurrency, workspace.register_seconds + workspace.iteration_start
    )
    visible = cloned + registered + (0 if is_warm else workspace.warehouse_start)
    end = visible + workspace.serverless_start + workspace.record_seconds
    return Run(begin=begin, listed=listed, cloned=cloned, visible=visible, end=end)


def start_seconds(compute: Compute, workspace: Workspace) -> float:
    """How long a run waits for what clones its tables."""
    starts = {Compute.JOB_CLUSTER: workspace.job_cluster_start, Compute.POOL: workspace.pool_start}
    return starts.get(compute, 0.0)


def _in_turns(tables: int, concurrency: float, seconds: float) -> float:
    return math.ceil(tables / concurrency) * seconds


def costs(runs: Sequence[Run], compute: Compute, workspace: Workspace) -> dict[str, float]:
    """Dollars of these runs in one day, by what asks for them."""
    working = [run for run in runs if not run.is_idle]
    serverless = len(runs) * workspace.list_seconds + len(working) * workspace.record_seconds
    warehouse = _covered((run.cloned, run.visible + workspace.warehouse_stop) for run in working)
    return {
        CLUSTER: _cluster_dollars(working, compute, workspace),
        TASKS: serverless / HOUR * workspace.serverless_dbus * workspace.serverless_price,
        WAREHOUSE: warehouse / HOUR * workspace.warehouse_dbus * workspace.warehouse_price,
    }


def _cluster_dollars(working: Sequence[Run], compute: Compute, workspace: Workspace) -> float:
    """A job cluster is paid for while it starts and clones, its DBUs once it runs; the other two all day."""
    if compute is Compute.RUNNING:
        return DAY / HOUR * (workspace.instance_price + workspace.node_dbus * workspace.all_purpose_price)
    waiting = start_seconds(compute, workspace) * len(working)
    held = sum(run.cloned - run.listed for run in working)
    dbus = (held - waiting) / HOUR * workspace.node_dbus * workspace.jobs_price
    if compute is Compute.JOB_CLUSTER:
        return held / HOUR * workspace.instance_price + dbus
    idle = max(0.0, DAY - held) / HOUR * workspace.pool_idle_dbus * workspace.jobs_price
    return max(DAY, held) / HOUR * workspace.instance_price + dbus + idle


def _covered(spans: Iterable[tuple[float, float]]) -> float:
    """The seconds that at least one of these spans covers; they are in the order of their beginnings."""
    covered, until = 0.0, 0.0
    for begin, end in spans:
        covered += max(0.0, end - max(begin, until))
        until = max(until, end)
    return covered


def main() -> None:
    """Print latency and cost for each way to run the job."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tables", type=int, default=10, help="that a commit changes (default: %(default)s)")
    parser.add_argument("--all-tables", type=int, default=1000, help="of the repository (default: %(default)s)")
    parser.add_argument("--commits", type=float, nargs="+", default=[1, 4, 12, 60], help="an hour (default: 1 4 12 60)")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=NUMBER", help="other constants")
    parser.add_argument("--constants", action="store_true", help="list the constants and how they are known")
    arguments = parser.parse_args()
    try:
        workspace = Workspace().measured(read_results()).changed(_numbers(arguments.set))
        loads = [
            Load(commits_an_hour=each, tables=arguments.tables, all_tables=arguments.all_tables)
            for each in arguments.commits
        ]
    except ValueError as error:
        parser.error(str(error))
    console = Console(width=150)
    console.print(_constants_table(workspace) if arguments.constants else _outcomes_table(loads, workspace))


def _numbers(given: Sequence[str]) -> dict[str, float]:
    """`name=number` as a map. Raises ValueError where one is something else."""
    numbers = {}
    for text in given:
        name, _, number = text.partition("=")
        try:
            numbers[name] = float(number)
        except ValueError:
            raise ValueError(f"{text!r} is not NAME=NUMBER, such as job_cluster_start=240") from None
    return numbers


def _outcomes_table(loads: Sequence[Load], workspace: Workspace) -> Table:
    shown = Table(title="A day of commits, as modelled: latency from a commit to its tables, and cost")
    dollars = [f"{part} $/day" for part in (CLUSTER, TASKS, WAREHOUSE)]
    for column in ("commits/h", "clones on", "snapshot", "median", "p95", *dollars, "runs", "cloned nothing"):
        shown.add_column(column, justify="left" if column in ("clones on", "snapshot") else "right")
    for load in loads:
        for compute in Compute:
            for snapshot in Snapshot:
                found = outcome(load, compute, snapshot, workspace)
                times = (
                    ("falls behind", "")
                    if found.is_behind
                    else (minutes(found.median_latency), minutes(found.p95_latency))
                )
                counts = (str(found.runs), str(found.idle_runs))
                parts = [f"{each:.2f}" for each in found.dollars.values()]
                shown.add_row(f"{load.commits_an_hour:g}", compute, snapshot, *times, *parts, *counts)
        shown.add_section()
    return shown


def _constants_table(workspace: Workspace) -> Table:
    shown = Table(title="What the model takes for given")
    for column in ("constant", "number", "unit", "known", "how"):
        shown.add_column(column, justify="right" if column == "number" else "left")
    for each in fields(workspace):
        value = getattr(workspace, each.name)
        kind, source = each.metadata["kind"], each.metadata["source"]
        if value != each.default and kind is not Kind.MEASURED:
            kind, source = "given", ""
        shown.add_row(each.name, f"{value:.4g}", each.metadata["unit"], kind, source)
    return shown


def minutes(seconds: float) -> str:
    """Seconds as minutes that people read."""
    return f"{seconds / 60:.1f} min"


if __name__ == "__main__":
    main()
