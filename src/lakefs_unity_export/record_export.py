"""Task `record_export`: moves the watermark of a branch once everything up to its commit is exported."""

import argparse
import sys
from collections.abc import Sequence
from typing import TextIO

import pydantic

from lakefs_unity_export.errors import ExportError, InvalidDescriptorsError, NameTakenError, SettingsError
from lakefs_unity_export.ports import UnityCatalog
from lakefs_unity_export.watermark import Watermark, read_watermark, with_watermark
from lakefs_unity_export.workspace import task_runtime


class RecordedSchema(pydantic.BaseModel):
    """A schema whose watermark is to be moved, and the commit of the watermark that the listing started from."""

    model_config = pydantic.ConfigDict(frozen=True)

    catalog: str
    schema_name: str = pydantic.Field(alias="schema")
    watermark: str


class Record(pydantic.BaseModel):
    """What the listing leaves to be recorded when its tables are exported."""

    model_config = pydantic.ConfigDict(frozen=True)

    repository: str
    branch: str
    commit_id: str
    commit_generation: int
    schemas: tuple[RecordedSchema, ...]
    refused: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def to_json(self) -> str:
        """As a task value."""
        return self.model_dump_json(by_alias=True)


def record_export(record: Record, unity_catalog: UnityCatalog, out: TextIO) -> None:
    """Moves the watermarks, then fails the run for what could not be exported.

    Raises NameTakenError, with the watermarks left as they are, where tables were refused: they are still to be
    exported. Raises InvalidDescriptorsError after moving them: the fix of a descriptor is itself a change.
    """
    if record.refused:
        raise NameTakenError(_listed("tables were refused, so the watermark stays", record.refused))
    for schema in record.schemas:
        _move_watermark(record, schema, unity_catalog, out)
    if record.problems:
        raise InvalidDescriptorsError(
            _listed("table descriptors are invalid, all others are exported", record.problems)
        )


def _move_watermark(record: Record, schema: RecordedSchema, unity_catalog: UnityCatalog, out: TextIO) -> None:
    full_name = f"{schema.catalog}.{schema.schema_name}"
    properties = unity_catalog.schema_properties(schema.catalog, schema.schema_name)
    if properties is None:
        raise SettingsError(f"schema {full_name} is gone since the run began; run the job again")
    present = read_watermark(properties, repository=record.repository, branch=record.branch, schema=full_name)
    if present is not None and present.commit_id == record.commit_id:
        print(f"{full_name}: already at commit {record.commit_id}", file=out)
        return
    if present is not None and _moved_past(record, schema, present):
        print(f"{full_name}: left at commit {present.commit_id}, which another run has recorded since", file=out)
        return
    moved = Watermark(branch=record.branch, commit_id=record.commit_id, commit_generation=record.commit_generation)
    unity_catalog.set_schema_properties(
        schema.catalog, schema.schema_name, with_watermark(properties, moved, repository=record.repository)
    )
    print(f"{full_name}: exported up to commit {record.commit_id} of branch {record.branch}", file=out)


def _moved_past(record: Record, schema: RecordedSchema, present: Watermark) -> bool:
    """Whether another run moved the watermark since the listing, and to a commit that is not older than ours."""
    return present.commit_id != schema.watermark and (present.commit_generation or 0) >= record.commit_generation


def _listed(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"{len(lines)} {title}:", *(f"  {line}" for line in lines)])


def main() -> None:
    """The task's entry point. Exits with the message of an ExportError."""
    parser = argparse.ArgumentParser(prog="record_export", allow_abbrev=False)
    parser.add_argument("--record", default="")
    # Databricks adds every job parameter to a task's named parameters; none of them is read here.
    arguments, _ = parser.parse_known_args()
    try:
        record = _parse_record(arguments.record)
        record_export(record, task_runtime().unity_catalog, sys.stdout)
    except ExportError as error:
        sys.exit(f"{type(error).__name__}: {error}")


def _parse_record(text: str) -> Record:
    try:
        return Record.model_validate_json(text)
    except pydantic.ValidationError as error:
        raise SettingsError(
            "the parameter record is not what list_changed_tables leaves; start the job, not this task alone"
        ) from error
