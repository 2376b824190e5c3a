"""Task `record_export`: starts the next page, or moves the watermark once everything up to the commit is exported."""

import argparse
import sys

import pydantic

from lakefs_unity_export.errors import ExportError, SettingsError
from lakefs_unity_export.export.record import Record
from lakefs_unity_export.export.recording import record_export
from lakefs_unity_export.servers.workspace import task_runtime

# How a task ended that this one may go on from (Databricks documentation, "Dynamic value references").
_DONE = ("success", "excluded")
_RESULTS = ("clone_tables", "register_tables", "unregister_tables")


def main() -> None:
    """The task's entry point. Exits with the message of an ExportError."""
    parser = argparse.ArgumentParser(prog="record_export", allow_abbrev=False)
    for name in ("record", "job_id", "run_id", *_RESULTS):
        parser.add_argument(f"--{name}", default="")
    # Databricks adds every job parameter to a task's named parameters; none of them is read here.
    arguments, _ = parser.parse_known_args()
    failed = [name for name in _RESULTS if getattr(arguments, name).lower() not in ("", *_DONE)]
    try:
        record = _parse_record(arguments.record)
        runtime = task_runtime()
        runs = runtime.export_runs(arguments.job_id)
        record_export(record, runtime.unity_catalog, runs, sys.stdout, failed=failed, run_id=arguments.run_id)
    except ExportError as error:
        sys.exit(f"{type(error).__name__}: {error}")


def _parse_record(text: str) -> Record:
    try:
        return Record.model_validate_json(text)
    except pydantic.ValidationError as error:
        raise SettingsError(
            "the parameter record is not what list_changed_tables leaves; start the job, not this task alone"
        ) from error
