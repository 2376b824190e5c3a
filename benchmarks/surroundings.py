"""Where a benchmark ran: the machine, how busy it was, and the versions of what was measured."""

import datetime
import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PACKAGES = ("databricks-sdk", "lakefs", "lakefs-sdk", "pydantic", "PyYAML", "starlette", "pyspark", "delta-spark")
# What the figures are of, and what measures them: a change of these makes them another version's.
_MEASURED = (
    "src",
    "notebooks",
    "resources",
    "databricks.yml",
    "pyproject.toml",
    "requirements.lock",
    "benchmarks/*.py",
)
# These only run benchmarks, or show what they found.
_SHOWING = tuple(f":(exclude)benchmarks/{name}.py" for name in ("suite", "figures", "charts", "model", "assumptions"))


def surroundings() -> dict[str, Any]:
    """The machine, its load as it is now, the day, and the versions."""
    return {
        "measured": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "version": f"{_installed('lakefs-unity-export')} at {_commit()}",
        "machine": _machine(),
        "load_before": round(os.getloadavg()[0], 1),
        "versions": {
            "python": platform.python_version(),
            **{name: _installed(name) for name in PACKAGES},
        },
    }


def is_here_and_now(found: Mapping[str, Any]) -> bool:
    """Whether surroundings that were found before are of this machine, and of what is checked out."""
    commit = str(found["version"]).rpartition(" at ")[2]
    if found["machine"] != _machine() or commit.endswith("+") or _is_changed():
        return False
    return _git("diff", "--name-only", commit, "HEAD", "--", *_MEASURED, *_SHOWING) == ""


def _machine() -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    """The commit that is checked out; its id ends in `+` where what is measured was changed since."""
    commit = _git("rev-parse", "--short=10", "HEAD")
    if not commit:
        return "an unknown commit"
    return f"{commit}{'+' if _is_changed() else ''}"


def _is_changed() -> bool:
    return _git("status", "--porcelain", "--", *_MEASURED, *_SHOWING) != ""


def _git(*arguments: str) -> str | None:
    """What git answers; None where it fails, or is not there."""
    try:
        ended = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return None if ended.returncode else ended.stdout.strip()


def _processor() -> str:
    """As Linux names it, else as Python does."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(named), "") or platform.processor() or platform.machine()


def _memory_gb() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9)
