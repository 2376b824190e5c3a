"""Task `record_export`: starts the next page, or moves the watermark once everything up to the commit is exported."""

import argparse
import sys

import pydantic

from lakefs_unity_export.errors import ExportError, SettingsError
from lakefs_unity_export.export.record import Record
from lakefs_unity_export.export.recording import record_export
from lakefs_unity_export.ports import TaskValues
from lakefs_unity_export.servers.workspace import task_runtime

# The task that leaves the record, and under which key.
LISTING_TASK = "list_changed_tables"
RECORD_KEY = "record"
# How a task ended that this one may go on from (Databricks documentation, "Dynamic value references").
_DONE = ("success", "excluded")
_NO_RECORD = f"the task value {RECORD_KEY} of {LISTING_TASK}"
_REMEDY = "start the whole job anew"
_RESULTS = ("clone_tables", "register_tables", "unregister_tables")


def main() -> None:
    """The task's entry point. Exits with the message of an ExportError."""
    parser = argparse.ArgumentParser(prog="record_export", allow_abbrev=False)
    for name in ("job_id", "run_id", *_RESULTS):
        parser.add_argument(f"--{name}", default="")
    # Databricks adds every job parameter to a task's named parameters; none of them is read here.
    arguments, _ = parser.parse_known_args()
    failed = [name for name in _RESULTS if getattr(arguments, name).lower() not in ("", *_DONE)]
    try:
        runtime = task_runtime(sys.stdout)
        record = _read_record(runtime.task_values)
        runs = runtime.export_runs(arguments.job_id)
        record_export(record, runtime.unity_catalog, runs, sys.stdout, failed=failed, run_id=arguments.run_id)
    except ExportError as error:
        sys.exit(f"{type(error).__name__}: {error}")


def _read_record(task_values: TaskValues) -> Record:
    try:
        text = task_values.get(taskKey=LISTING_TASK, key=RECORD_KEY)
        return Record.model_validate_json(text)
    except pydantic.ValidationError as error:
        raise SettingsError(f"{_NO_RECORD} is not what this version leaves there; {_REMEDY}") from error
    except Exception as error:  # dbutils documents ValueError, and its runtimes raise others
        line = " ".join(str(error).split())[:300]
        raise SettingsError(f"{_NO_RECORD} cannot be read ({type(error).__name__}: {line}); {_REMEDY}") from error
