"""Runs the benchmarks, and keeps what each measured.

    python benchmarks/suite.py [--full] [--only finding_changes webhook ...]

Without `--full` a few small sizes of each: some minutes, and the results go to benchmarks/results/short, which is not
kept in the repository. With it, all sizes, to benchmarks/results; README's figures and charts are then written anew. A
benchmark that fails does not stop the others, keeps its earlier result, and fails the command.
"""

import argparse
import importlib
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results import FOLDER, Result, print_result, write_result

SHORT_FOLDER = FOLDER / "short"


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A module of this folder whose `measure` takes these arguments; names in capitals are the module's own."""

    module: str
    short: Mapping[str, Any]
    full: Mapping[str, Any]
    needs_spark: bool = False

    def measure(self, *, is_full: bool) -> Result:
        """What it measures. Raises what it raises."""
        module = importlib.import_module(self.module)
        given = self.full if is_full else self.short
        result: Result = module.measure(**{name: _value(module, value) for name, value in given.items()})
        return result


def _value(module: Any, value: Any) -> Any:
    return getattr(module, value) if isinstance(value, str) else value


BENCHMARKS = (
    Benchmark(
        module="finding_changes",
        short={"cases": "SHORT", "rounds": 3},
        full={"cases": "FULL", "rounds": 5},
    ),
    Benchmark(module="cold_starts", short={"rounds": 3}, full={"rounds": 9}),
    Benchmark(module="many_tables", short={"tables": 300, "rounds": 2}, full={"tables": 2000, "rounds": 5}),
    Benchmark(module="reconcile_calls", short={"branches": [1, 10]}, full={"branches": [1, 10, 100]}),
    Benchmark(module="webhook", short={"sizes": "SHORT"}, full={"sizes": "FULL"}),
    Benchmark(module="hook_worker", short={"runs": 100, "slow_runs": 16}, full={"runs": 300, "slow_runs": 60}),
    Benchmark(
        module="clone_methods",
        short={"files": [10, 1000], "rounds": 2},
        full={"files": [10, 1000, 20_000, 100_000], "rounds": 5},
        needs_spark=True,
    ),
    Benchmark(module="registration", short={"tables": 3}, full={"tables": 20}, needs_spark=True),
    Benchmark(
        module="whole_export", short={"tables": 4, "rounds": 1}, full={"tables": 20, "rounds": 5}, needs_spark=True
    ),
    Benchmark(module="burst", short={"commits": 6}, full={"commits": 100}, needs_spark=True),
)


def run(benchmarks: Iterable[Benchmark], *, is_full: bool, folder: Path, tell: Callable[[str], None]) -> list[str]:
    """Run them one after another, and keep each result in the folder; the names of those that failed."""
    failed = []
    for benchmark in benchmarks:
        started = time.monotonic()
        tell(f"{benchmark.module} ...")
        try:
            result = benchmark.measure(is_full=is_full)
        except Exception:
            traceback.print_exc()
            failed.append(benchmark.module)
            tell(f"{benchmark.module} failed after {time.monotonic() - started:.0f} s")
        else:
            path = write_result(result, folder)
            print_result(result)
            tell(f"{benchmark.module} took {time.monotonic() - started:.0f} s: {path}")
    return failed


def main() -> None:
    """Run, keep and show. Ends with an error where a benchmark failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--full", action="store_true", help="all sizes: hours, on a machine that does nothing else")
    names = [benchmark.module for benchmark in BENCHMARKS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="by default all")
    parser.add_argument("--without-spark", action="store_true", help="leave out those that start Spark")
    arguments = parser.parse_args()
    chosen = [
        benchmark
        for benchmark in BENCHMARKS
        if benchmark.module in arguments.only and not (arguments.without_spark and benchmark.needs_spark)
    ]
    folder = FOLDER if arguments.full else SHORT_FOLDER
    failed = run(chosen, is_full=arguments.full, folder=folder, tell=lambda line: print(f"bench: {line}", flush=True))
    if arguments.full:
        importlib.import_module("figures").write_figures()
    if failed:
        sys.exit(f"bench: {len(failed)} of {len(chosen)} benchmarks failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
