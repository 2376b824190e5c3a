"""What each task of a run takes, as the jobs API tells it: the deployed job, with small tables, on a local stack.

    python benchmarks/whole_export.py [--tables 10] [--rounds 3]

The tables are exported for the first time, and then again after each of some commits that change all of them. An
iteration's seconds are those of the task run: all that the workspace's stand-in adds is in them. No cluster has to
start, and the wheel tasks find their libraries imported.
"""

import argparse
import statistics
import sys
from collections.abc import Iterator

from deployed_job import deployed_job
from results import Result, Row, print_result
from surroundings import surroundings

from local_stack.demo.runs import RunState

WHEEL_TASKS = ("list_changed_tables", "record_export")
LOOPS = ("clone_tables", "register_tables")
WARM_UP = "before"


def measure(tables: int, rounds: int) -> Result:
    """So many tables, exported once and then `rounds` times again. Raises ValueError for none."""
    if tables < 1 or rounds < 1:
        raise ValueError(f"at least 1 table and 1 round are measured, not {tables} and {rounds}")
    around = surroundings()
    names = [f"sales_{number:03}" for number in range(tables)]
    with deployed_job() as job:
        job.repository.create_branch(WARM_UP, "main")
        job.describe(WARM_UP, names[:1])
        job.commit(WARM_UP, 0, *names[:1])
        job.export(WARM_UP, 1)
        job.describe("main", names)
        runs = []
        for number in range(rounds + 1):
            job.commit("main", number, *names)
            runs.append(job.export("main", tables))
            print(f"run {number + 1}: {runs[-1].seconds:.0f} s", file=sys.stderr, flush=True)
        against = job.against
    return Result(
        name="whole_export",
        title="The tasks of a run",
        against=against,
        rows=(*_rows("first", tables, runs[:1]), *_rows("again", tables, runs[1:])),
        notes=("Medians. Iterations run at once, as the job has it: their seconds are longer than alone.",),
        surroundings=around,
    )


def _rows(when: str, tables: int, runs: list[RunState]) -> Iterator[Row]:
    seconds = {task: [run.task(task).seconds for run in runs] for task in WHEEL_TASKS}
    for loop in LOOPS:
        seconds[f"{loop}, one table"] = [each.seconds for run in runs for each in run.task(loop).iterations]
        seconds[f"{loop}, all"] = [run.task(loop).seconds for run in runs]
    seconds["the whole run"] = [run.seconds for run in runs]
    for what, figures in seconds.items():
        yield {
            "task": what,
            "when": when,
            "tables": tables,
            "seconds": statistics.median(figures),
            "longest": max(figures),
        }


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tables", type=int, default=10, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="exports after the first (default: %(default)s)")
    arguments = parser.parse_args()
    print_result(measure(arguments.tables, arguments.rounds))


if __name__ == "__main__":
    main()
