"""Task `check_report`: puts together what the checking tasks found, and judges it."""

import argparse
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from lakefs_unity_export.checks import report_checks
from lakefs_unity_export.checks.catalogue import CHECKS, PLACES
from lakefs_unity_export.checks.lines import LINES_KEY
from lakefs_unity_export.checks.model import Line
from lakefs_unity_export.checks.redaction import Redaction
from lakefs_unity_export.checks.report import Report
from lakefs_unity_export.checks.report_checks import SQL_FILE_TASK, Reported
from lakefs_unity_export.checks.runner import lines_of_none, run_checks
from lakefs_unity_export.errors import ExportError, SetupCheckError
from lakefs_unity_export.ports import TaskValues
from lakefs_unity_export.servers.workspace import task_runtime

# Under which key this task leaves the report.
REPORT_KEY = "report"


def check_report(states: Mapping[str, str], task_values: TaskValues, out: TextIO) -> Report:
    """Prints the report and leaves it as a task value.

    states: how each checking task ended, by its key. Raises SetupCheckError where exports would fail.
    """
    reported = _reported(states, task_values)
    redaction = Redaction()
    lines = {line.id: line for line in run_checks(report_checks.CHECKS, reported, redaction)}
    for place, checks in PLACES.items():
        silence = lines_of_none(checks, f"task {place} left no line of it", redaction)
        lines |= {line.id: line for line in (*silence, *reported.lines.get(place, ()))}
    report = Report(checks=CHECKS, lines=tuple(lines[check.id] for check in CHECKS))
    report.print(out)
    task_values.set(REPORT_KEY, report.as_value())
    if report.failed:
        raise SetupCheckError("\n".join([report.verdict, *(f"  {line}" for line in report.failed)]))
    return report


def _reported(states: Mapping[str, str], task_values: TaskValues) -> Reported:
    lines, silent = dict[str, list[Line]](), dict[str, str]()
    for place in PLACES:
        try:
            lines[place] = _lines(task_values.get(taskKey=place, key=LINES_KEY))
        except Exception as error:  # dbutils documents ValueError, and its runtimes raise others
            words = " ".join(str(error).split())[:200]
            state = states.get(place) or "in a state that is not known"
            silent[place] = f"ended {state}, and what it left cannot be read ({type(error).__name__}: {words})"
    return Reported(lines=lines, silent=silent, sql_file=states.get(SQL_FILE_TASK, ""))


def _lines(value: Any) -> list[Line]:
    known = {check.id for check in CHECKS}
    return [line for line in map(Line.of_json, value) if line.id in known]


def main() -> None:
    """The task's entry point. Exits with the verdict where exports would fail."""
    parser = argparse.ArgumentParser(prog="check_report", allow_abbrev=False)
    for task in (*PLACES, SQL_FILE_TASK):
        parser.add_argument(f"--{task}", default="")
    # Databricks adds every job parameter to a task's named parameters; none of them is read here.
    arguments, _ = parser.parse_known_args()
    try:
        check_report(vars(arguments), task_runtime(sys.stdout).task_values, sys.stdout)
    except ExportError as error:
        sys.exit(f"{type(error).__name__}: {error}")
