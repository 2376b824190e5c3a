"""What each entry point costs before it does anything: seconds and peak memory of its imports, in a fresh process.

    python benchmarks/cold_starts.py [--rounds 5]

Entry points are those of the wheel, the notebook's module and the webhook's application. Beside them a Python that
imports nothing. Files are compiled, and in the system's cache.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass

from results import Result, Row, print_result
from side_by_side import medians, side_by_side
from surroundings import ROOT, surroundings

PACKAGE = "lakefs_unity_export"
NOTHING = "Python alone"
# Peak memory as Linux tells it, not getrusage: there a process begins with the peak of the one that started it.
_CHILD = """
import json, sys, time
from pathlib import Path
started = time.perf_counter()
if sys.argv[1]:
    import importlib
    importlib.import_module(sys.argv[1])
seconds = time.perf_counter() - started
status = Path("/proc/self/status")
lines = status.read_text().splitlines() if status.exists() else []
peak = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
if not peak:
    import resource
    peak = [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]
print(json.dumps({"seconds": seconds, "peak": peak[0], "modules": len(sys.modules)}))
"""


@dataclass(frozen=True, kw_only=True)
class Start:
    """One start: the seconds of the import, the peak of memory in bytes, and how many modules were loaded."""

    seconds: float
    peak: int
    modules: int


def entry_points() -> dict[str, str]:
    """The module of each entry point, by the entry point's name."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    modules = {name: target.partition(":")[0] for name, target in scripts.items()}
    return {**modules, "clone_table (notebook)": f"{PACKAGE}.tasks.clone_table", "webhook": f"{PACKAGE}.webhook"}


def start(module: str) -> Start:
    """Import the module in a fresh process; none, where it is empty. Raises RuntimeError where that fails."""
    return Start(**json.loads(_run("-c", _CHILD, module).stdout))


def own_seconds(module: str) -> tuple[float, str, float]:
    """Seconds of our own modules in the import, and the package of others that took most, with its seconds."""
    by_package = Counter[str]()
    for line in _run("-X", "importtime", "-c", f"import {module}").stderr.splitlines():
        own, _, name = line.removeprefix("import time:").split("|")
        if own.strip().isdigit():
            by_package[_package(name.strip())] += int(own)
    ours = by_package.pop(PACKAGE, 0)
    (most, microseconds), *_ = by_package.most_common(1)
    return ours / 1e6, most, microseconds / 1e6


def _package(module: str) -> str:
    """The package of a module; that of a namespace package with its second part."""
    parts = module.split(".")
    if parts[0] in sys.stdlib_module_names or parts[0].startswith("_"):
        return "the standard library"
    return ".".join(parts[:2]) if parts[0] == "databricks" else parts[0]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=ROOT)
    if ended.returncode:
        raise RuntimeError(f"Python with {arguments} ended with {ended.returncode}:\n{ended.stderr}")
    return ended


def measure(rounds: int) -> Result:
    """Every entry point, in turns."""
    around = surroundings()
    modules = {NOTHING: "", **entry_points()}
    starts: dict[str, list[Start]] = {name: [] for name in modules}

    def started(name: str) -> float:
        starts[name].append(start(modules[name]))
        return starts[name][-1].seconds

    for module in modules.values():  # so that files are compiled, and in the system's cache
        start(module)
    ways = {name: lambda name=name: started(name) for name in modules}
    seconds = medians(side_by_side(ways, rounds=rounds))
    return Result(
        name="cold_starts",
        title="Imports of each entry point, in a fresh process",
        against="no server",
        rows=tuple(_row(name, module, seconds[name], starts[name]) for name, module in modules.items()),
        notes=("A seconds' figure is the median; memory is the peak of the whole process.",),
        surroundings=around,
    )


def _row(name: str, module: str, seconds: float, starts: list[Start]) -> Row:
    ours, most, most_seconds = own_seconds(module) if module else (0.0, "", 0.0)
    return {
        "entry point": name,
        "import seconds": seconds,
        "peak MB": statistics.median(each.peak for each in starts) / 1e6,
        "modules": starts[0].modules,
        "our own modules' seconds": ours,
        "most of others": most,
        "its seconds": most_seconds,
    }


def main() -> None:
    """Measure, and print the figures side by side."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    print_result(measure(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
