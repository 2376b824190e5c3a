"""Starts the entry point of a wheel in a process of its own: ``python -m dbruntime.wheel_task <specification>``.

The specification is a JSON file: the folder the wheels are unpacked in, the package, the entry point, its arguments,
the modules that are hidden from it, whether it runs on serverless compute, and the file for the report of an error.
As Databricks documents ``entry_point``: the name is looked up in the package's entry points; where it is not there,
``package.entry_point()`` is called.
"""

import importlib
import json
import re
import sys
import traceback
from collections.abc import Callable
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from dbruntime.dbutils import CurrentDBUtils
from dbruntime.dbutils_ways import offer
from dbruntime.hidden_modules import hide
from dbruntime.serverless_session import offer_session


def main() -> int:
    """Run the entry point; 0 where it succeeded, 1 with a report where it did not."""
    specification = json.loads(Path(sys.argv[1]).read_text())
    sys.argv = [specification["entry_point"], *specification["arguments"]]
    try:
        hide(specification["hidden"])
        offer(CurrentDBUtils())
        if specification["is_serverless"]:
            offer_session()
        _entry_point(specification)()
    except SystemExit as stop:
        if stop.code in (None, 0):
            return 0
        return _report(specification, f"SystemExit: {stop.code}", traceback.format_exc())
    except BaseException as error:
        if type(error).__name__ == "NotebookExit":
            return 0
        return _report(specification, f"{type(error).__name__}: {error}", traceback.format_exc())
    return 0


def _report(specification: dict[str, Any], error: str, trace: str) -> int:
    sys.stderr.write(trace)
    Path(specification["report"]).write_text(json.dumps({"error": error, "trace": trace}))
    return 1


def _entry_point(specification: dict[str, Any]) -> Callable[[], Any]:
    package, name = specification["package_name"], specification["entry_point"]
    found = _distribution(specification["folder"], package)
    if found is None:
        known = ", ".join(sorted(d.name for d in distributions(path=[specification["folder"]]))) or "none"
        raise LookupError(f"The package '{package}' is in none of the task's wheels; packages there: {known}")
    for entry_point in found.entry_points:
        if entry_point.name == name:
            return entry_point.load()  # type: ignore[no-any-return]
    module = importlib.import_module(package.replace("-", "_"))
    function = getattr(module, name, None)
    if not callable(function):
        known = ", ".join(sorted({entry_point.name for entry_point in found.entry_points})) or "none"
        raise LookupError(
            f"The package '{package}' has no entry point '{name}' and no function of that name; entry points: {known}"
        )
    return function  # type: ignore[no-any-return]


def _distribution(folder: str, package: str) -> Distribution | None:
    wanted = _normalized(package)
    return next((d for d in distributions(path=[folder]) if _normalized(d.name) == wanted), None)


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
