"""Runs the benchmarks, and keeps what each measured.

    python benchmarks/suite.py [--full] [finding_changes webhook ...]

Without `--full` a few small sizes of each: some minutes, and the results go to benchmarks/results/short, which is not
kept in the repository. With it, all sizes, to benchmarks/results; README's figures and charts are then written anew.

Each benchmark runs in a process of its own, and its result is written as soon as it is measured. One that fails, or
hangs, stops no other, keeps its earlier result, and fails the command. `--full` without names goes on where it was
stopped: results of this machine, of these sizes and of what is checked out are kept. What is named is measured.
"""

import argparse
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from results import FOLDER, Result, print_result, read_result, write_result
from surroundings import is_here_and_now

SHORT_FOLDER = FOLDER / "short"
# A benchmark that takes so many times as long as it says, and this besides, hangs.
PATIENCE, LEAST_PATIENCE = 5, 1200.0
CLEAN_UP_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Size:
    """What `measure` takes, and about how many seconds that is on two quiet cores.

    Arguments in capitals are names of the module's own.
    """

    seconds: int
    arguments: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A module of this folder whose `measure` answers with a result of the module's name."""

    module: str
    short: Size
    full: Size
    needs_spark: bool = False

    def size(self, *, is_full: bool) -> Size:
        """One of the two."""
        return self.full if is_full else self.short

    def measure(self, *, is_full: bool) -> Result:
        """What it measures, and the command that does so again. Raises what it raises."""
        module = importlib.import_module(self.module)
        given = self.size(is_full=is_full).arguments
        started = time.monotonic()
        result: Result = module.measure(**{name: _value(module, value) for name, value in given.items()})
        if result.name != self.module:
            raise ValueError(f"the result of {self.module} is named {result.name}: name it as its module")
        command = f"python benchmarks/suite.py {'--full ' if is_full else ''}{self.module}"
        made = {"command": command, "sizes": dict(given), "seconds": round(time.monotonic() - started)}
        return replace(result, made=made)


def _value(module: Any, value: Any) -> Any:
    return getattr(module, value) if isinstance(value, str) and value.isupper() else value


BENCHMARKS = (
    Benchmark(
        module="finding_changes",
        short=Size(seconds=5, arguments={"cases": "SHORT", "rounds": 3}),
        full=Size(seconds=300, arguments={"cases": "FULL", "rounds": 5}),
    ),
    Benchmark(
        module="cold_starts",
        short=Size(seconds=40, arguments={"rounds": 3}),
        full=Size(seconds=100, arguments={"rounds": 9}),
    ),
    Benchmark(
        module="many_tables",
        short=Size(seconds=15, arguments={"tables": 300, "rounds": 2}),
        full=Size(seconds=180, arguments={"tables": 2000, "rounds": 5}),
    ),
    Benchmark(
        module="reconcile_calls",
        short=Size(seconds=5, arguments={"branches": [1, 10]}),
        full=Size(seconds=20, arguments={"branches": [1, 10, 100]}),
    ),
    Benchmark(
        module="webhook",
        short=Size(seconds=15, arguments={"sizes": "SHORT"}),
        full=Size(seconds=120, arguments={"sizes": "FULL"}),
    ),
    Benchmark(
        module="hook_worker",
        short=Size(seconds=20, arguments={"runs": 100, "slow_runs": 16}),
        full=Size(seconds=80, arguments={"runs": 300, "slow_runs": 60}),
    ),
    Benchmark(
        module="clone_tables",
        short=Size(seconds=45, arguments={"files": [10], "tables": 4, "at_a_time": [1]}),
        full=Size(seconds=1200, arguments={"files": [10, 1000, 20_000], "tables": 8, "at_a_time": [1, 4]}),
        needs_spark=True,
    ),
    Benchmark(
        module="clone_requests",
        short=Size(seconds=25, arguments={"files": [10]}),
        full=Size(seconds=120, arguments={"files": [10, 1000, 20_000]}),
        needs_spark=True,
    ),
    Benchmark(
        module="clone_methods",
        short=Size(seconds=50, arguments={"files": [10, 1000], "rounds": 1}),
        full=Size(seconds=2400, arguments={"files": [10, 1000, 20_000, 100_000], "rounds": 5}),
        needs_spark=True,
    ),
    Benchmark(
        module="registration",
        short=Size(seconds=30, arguments={"tables": 3}),
        full=Size(seconds=180, arguments={"tables": 20}),
        needs_spark=True,
    ),
    Benchmark(
        module="whole_export",
        short=Size(seconds=45, arguments={"tables": 4, "rounds": 1}),
        full=Size(seconds=300, arguments={"tables": 20, "rounds": 5}),
        needs_spark=True,
    ),
    Benchmark(
        module="burst",
        short=Size(seconds=45, arguments={"commits": 4}),
        full=Size(seconds=400, arguments={"commits": 48}),
        needs_spark=True,
    ),
)


class BenchmarkError(Exception):
    """A benchmark failed; the text says how."""


def run(
    benchmarks: Iterable[Benchmark], *, measure: Callable[[Benchmark], Path], tell: Callable[[str], None]
) -> list[str]:
    """Measure them one after another; the names of those that failed.

    `measure` answers where the result lies, and raises BenchmarkError.
    """
    failed = []
    for benchmark in benchmarks:
        started = time.monotonic()
        tell(f"{benchmark.module} ...")
        try:
            how = f"is measured: {measure(benchmark)}"
        except BenchmarkError as error:
            failed.append(benchmark.module)
            how = f"failed: {error}"
        tell(f"{benchmark.module} {how} ({_duration(time.monotonic() - started)})")
    return failed


def measure_apart(benchmark: Benchmark, *, is_full: bool, folder: Path) -> Path:
    """Measure it in a process of its own, and keep the result in the folder; where. Raises BenchmarkError."""
    path = folder / f"{benchmark.module}.json"
    command = [sys.executable, __file__, "--keep-in", str(folder), *(["--full"] if is_full else []), benchmark.module]
    run_apart(command, seconds=max(LEAST_PATIENCE, PATIENCE * benchmark.size(is_full=is_full).seconds))
    return path


def run_apart(command: Sequence[str], *, seconds: float) -> None:
    """Run the command for at most so many seconds. Raises BenchmarkError where it takes longer, or fails."""
    process = subprocess.Popen(command, start_new_session=True)
    try:
        ended = process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise BenchmarkError(f"it did not end within {_duration(seconds)}, and was stopped") from None
    finally:
        if process.returncode != 0:
            _stop(process)
    if ended < 0:
        raise BenchmarkError(f"its process was ended by {signal.Signals(-ended).name}")
    if ended:
        raise BenchmarkError(f"its process ended with {ended}; why stands above")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End it and what it started: as Ctrl-C would, so that it cleans up, and by force where that takes too long."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(CLEAN_UP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def is_measured(benchmark: Benchmark, folder: Path) -> bool:
    """Whether the folder has a result of all its sizes, from this machine and of what is checked out."""
    try:
        result = read_result(folder / f"{benchmark.module}.json")
    except (OSError, ValueError):
        return False
    sizes = json.loads(json.dumps(dict(benchmark.full.arguments)))
    return result.made.get("sizes") == sizes and is_here_and_now(result.surroundings)


def announced(benchmarks: Sequence[Benchmark], *, is_full: bool) -> str:
    """What is to be measured, and about how long that takes."""
    seconds = {benchmark.module: benchmark.size(is_full=is_full).seconds for benchmark in benchmarks}
    each = ", ".join(f"{name} {_duration(taken)}" for name, taken in seconds.items())
    return f"{len(seconds)} benchmarks, about {_duration(sum(seconds.values()))} on two quiet cores: {each}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def main() -> None:
    """Run, keep and show. Ends with an error where a benchmark failed."""
    arguments = _parsed()
    named = [benchmark for benchmark in BENCHMARKS if benchmark.module in arguments.names]
    if arguments.keep_in:
        for benchmark in named:
            result = benchmark.measure(is_full=arguments.full)
            print_result(result)
            write_result(result, arguments.keep_in)
        return
    _stop_as_by_hand()
    chosen = [each for each in named or BENCHMARKS if not (arguments.without_spark and each.needs_spark)]
    folder = FOLDER if arguments.full else SHORT_FOLDER
    if arguments.full and not named:
        kept = [benchmark for benchmark in chosen if is_measured(benchmark, folder)]
        for benchmark in kept:
            _tell(f"{benchmark.module} is kept, since nothing that it measures changed; name it to measure it anew")
        chosen = [benchmark for benchmark in chosen if benchmark not in kept]
    _tell(announced(chosen, is_full=arguments.full))
    figures = importlib.import_module("figures")
    try:
        failed = run(
            chosen,
            measure=lambda benchmark: measure_apart(benchmark, is_full=arguments.full, folder=folder),
            tell=_tell,
        )
    except KeyboardInterrupt:
        sys.exit("bench: stopped; what was measured is kept")
    finally:
        if arguments.full:
            figures.write_figures()
    names = [benchmark.module for benchmark in chosen if benchmark.module not in failed]
    figures.print_lines({name: read_result(folder / f"{name}.json") for name in names})
    if failed:
        sys.exit(f"bench: {len(failed)} of {len(chosen)} benchmarks failed: {', '.join(failed)}")


def _stop_as_by_hand() -> None:
    """Let what would end this process at once do as Ctrl-C does: the benchmark that runs is stopped, and cleans up."""
    for each in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(each) is signal.SIG_DFL:
            signal.signal(each, signal.default_int_handler)


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = [benchmark.module for benchmark in BENCHMARKS]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}; by default all")
    parser.add_argument("--full", action="store_true", help="all sizes: hours, on a machine that does nothing else")
    parser.add_argument("--without-spark", action="store_true", help="leave out those that start Spark")
    parser.add_argument("--keep-in", type=Path, help=argparse.SUPPRESS)  # measure here, in this process
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(names):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(names)}")
    return arguments


def _tell(line: str) -> None:
    print(f"bench: {line}", flush=True)


if __name__ == "__main__":
    main()
