"""Task `list_changed_tables`: decides what a run exports, checks it, and leaves it to the tasks after it.

Everything that can be checked is checked here, before anything is changed and before a cluster starts.
"""

import itertools
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TextIO

from lakefs_unity_export import descriptors, export_plan, names
from lakefs_unity_export.changes import Changes, find_changes
from lakefs_unity_export.descriptor_files import Contents, read_earlier, read_files
from lakefs_unity_export.descriptors import Descriptor, DescriptorSet, NamingRules, Problem
from lakefs_unity_export.errors import (
    ExportError,
    InvalidNameError,
    LakeFSNotFoundError,
    SettingsError,
    TooManyTablesError,
    WorkspaceNotFoundError,
)
from lakefs_unity_export.export_plan import Delta, SchemaState, Snapshot, Tables
from lakefs_unity_export.export_request import Request, parse_arguments
from lakefs_unity_export.lakefs_client import Credentials, LakeFSClient
from lakefs_unity_export.ports import LakeFSReader, TaskValues, UnityCatalog
from lakefs_unity_export.record_export import Record, RecordedSchema, record_export
from lakefs_unity_export.watermark import read_watermark
from lakefs_unity_export.workspace import task_runtime

# Databricks documentation, "for each task": the inputs reach it through one task value of at most 48 KB.
# The smaller reading of "KB" is taken.
MAX_TASK_VALUE_BYTES = 48_000
# The record is one task value, with room for two lists: what was refused, and what is wrong.
MAX_RECORDED_BYTES = 20_000
MAX_RECORDED_LINE = 500


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What the task found: the tables to export, and what is to be recorded afterwards, problems included."""

    tables: Tables
    removed: tuple[str, ...]
    record: Record


def list_changed_tables(
    request: Request, lakefs: LakeFSReader, unity_catalog: UnityCatalog, out: TextIO
) -> Listing | None:
    """What the request's commit changes in Unity Catalog, or None where a newer commit is exported already.

    Prints what it finds. Raises ExportError where nothing can be exported at all; what is wrong with single
    tables is part of the listing.
    """
    request = request.checked()
    rules = _naming_rules(request)
    base_location = names.target_base(request.target_base_location)
    snapshot = _snapshot(request, lakefs, out)
    if snapshot is None:
        return None
    contents, notes = read_files(snapshot.commit.id, rules, request.descriptor_names, lakefs)
    found = descriptors.read_descriptors(contents, rules)
    found = replace(found, notes=(*notes, *found.notes))
    states, found = _schema_states(snapshot, rules, found, unity_catalog)
    live = [state for state in states if not _is_passed(snapshot, state, out)]
    if not live:
        return None
    deltas = _deltas(request, snapshot, live, found, contents, rules, lakefs)
    tables = export_plan.plan_tables(snapshot, found.tables, deltas, base_location)
    removed = _removed_tables(deltas, found)
    new_problems = export_plan.first_seen(found.problems, deltas)
    _print_listing(found, tables, removed, new_problems, out)
    record = _record(request, snapshot, live, tables, new_problems)
    return Listing(tables=tables, removed=removed, record=record)


def _naming_rules(request: Request) -> NamingRules:
    try:
        folder = names.table_path(request.table_descriptors_path)
    except InvalidNameError as error:
        raise SettingsError(f"table_descriptors_path: {error}") from error
    return NamingRules(
        catalog=names.check_identifier("catalog", request.catalog),
        schema=names.schema_name(request.schema_template, repository=request.repository, branch=request.branch),
        folder=folder,
    )


def _snapshot(request: Request, lakefs: LakeFSReader, out: TextIO) -> Snapshot | None:
    """The commit to export, or None where it is no longer on its branch."""
    head = lakefs.branch_head(request.branch)
    wanted = head if request.snapshot == "latest" or not request.commit_id else request.commit_id
    commit = lakefs.commit(wanted)
    print(
        f"{request.event}: repository {request.repository}, branch {request.branch}, commit {commit.id} "
        f"(generation {commit.generation}{', the head' if commit.id == head else f', the head is {head}'})",
        file=out,
    )
    if commit.id != head and not lakefs.is_on_branch(commit.id, request.branch):
        print(f"nothing to do: commit {commit.id} is not on branch {request.branch}, whose head is {head}", file=out)
        return None
    return Snapshot(repository=request.repository, branch=request.branch, commit=commit, is_head=commit.id == head)


def _schema_states(
    snapshot: Snapshot, rules: NamingRules, found: DescriptorSet, unity_catalog: UnityCatalog
) -> tuple[list[SchemaState], DescriptorSet]:
    """The state of the branch's schema in each catalog; descriptors with a catalog that is not there are problems.

    Raises WorkspaceNotFoundError where the job's own catalog is not there and a table needs it.
    """
    catalogs = sorted({rules.catalog, *(descriptor.name.catalog for descriptor in found.tables)})
    states, problems, tables = [], list(found.problems), list(found.tables)
    for catalog in catalogs:
        try:
            states.append(_schema_state(snapshot, catalog, rules.schema, unity_catalog))
        except WorkspaceNotFoundError as error:
            if catalog == rules.catalog:
                raise
            problems += [
                Problem(file=each.file, field="catalog", message=str(error))
                for each in tables
                if each.name.catalog == catalog
            ]
            tables = [each for each in tables if each.name.catalog != catalog]
    return states, DescriptorSet(tables=tuple(tables), problems=tuple(problems), notes=found.notes)


def _schema_state(snapshot: Snapshot, catalog: str, schema: str, unity_catalog: UnityCatalog) -> SchemaState:
    properties = unity_catalog.schema_properties(catalog, schema)
    registered = [] if properties is None else unity_catalog.tables(catalog, schema)
    return SchemaState(
        catalog=catalog,
        schema=schema,
        properties=properties,
        watermark=read_watermark(
            properties or {}, repository=snapshot.repository, branch=snapshot.branch, schema=f"{catalog}.{schema}"
        ),
        registered={table.name.lower(): table for table in registered},
    )


def _is_passed(snapshot: Snapshot, state: SchemaState, out: TextIO) -> bool:
    passed = export_plan.is_passed(snapshot, state.watermark)
    if passed and state.watermark is not None:
        newer = state.watermark.commit_id
        print(f"nothing to do in {state.full_name}: it has the newer commit {newer} of this branch", file=out)
    return passed


def _deltas(
    request: Request,
    snapshot: Snapshot,
    states: Sequence[SchemaState],
    found: DescriptorSet,
    contents: Contents,
    rules: NamingRules,
    lakefs: LakeFSReader,
) -> list[Delta]:
    """What each schema lacks; schemas with one watermark share one walk of the diff."""
    paths = [descriptor.path for descriptor in found.tables]
    walked: dict[str, Changes | None] = {}
    earlier: dict[str, tuple[Descriptor, ...]] = {}
    deltas = []
    for state in states:
        base = state.watermark.commit_id if state.watermark and request.mode != "full" else ""
        if base and base not in walked:
            walked[base] = _changes_since(base, snapshot, paths, rules.folder, lakefs)
            earlier[base] = found.tables
            if (since := walked[base]) is not None and since.of_descriptors:
                earlier[base] = read_earlier(base, since, contents, rules, request.descriptor_names, lakefs)
        changes = walked.get(base)
        starts_anew = changes is None and (state.watermark is not None or request.mode == "full")
        replaces = export_plan.replaced_generation(snapshot, state.watermark, starts_anew=starts_anew)
        deltas.append(Delta(state=state, changes=changes, replaces_generation=replaces, earlier=earlier.get(base, ())))
    return deltas


def _changes_since(
    base: str, snapshot: Snapshot, paths: list[str], folder: str, lakefs: LakeFSReader
) -> Changes | None:
    """The changes since a commit, or None where lakeFS does not know that commit (any more)."""
    if base == snapshot.commit.id:
        return Changes()
    try:
        return find_changes(lakefs.diff_reader(base, snapshot.commit.id), table_paths=paths, folder=folder)
    except LakeFSNotFoundError:
        return None


def _removed_tables(deltas: Sequence[Delta], found: DescriptorSet) -> tuple[str, ...]:
    """The quoted names of tables whose descriptor is gone, as it was at the watermark."""
    current = {descriptor.name for descriptor in found.tables}
    removed = {
        each.name.quoted
        for delta in deltas
        for each in delta.earlier
        if delta.changes is not None
        and each.file in delta.changes.removed_descriptor_files
        and each.name.catalog == delta.state.catalog
        and each.name not in current
    }
    return tuple(sorted(removed))


def _record(
    request: Request,
    snapshot: Snapshot,
    states: Sequence[SchemaState],
    tables: Tables,
    new_problems: Sequence[Problem],
) -> Record:
    written = {item.schema for item in tables.items}
    schemas = tuple(
        RecordedSchema(
            catalog=state.catalog,
            schema=state.schema,
            watermark=state.watermark.commit_id if state.watermark else "",
        )
        for state in states
        if state.properties is not None or state.quoted in written
    )
    problems = [str(problem) for problem in new_problems]
    return Record(
        repository=request.repository,
        branch=request.branch,
        commit_id=snapshot.commit.id,
        commit_generation=snapshot.commit.generation,
        schemas=schemas,
        refused=_shortened([str(problem) for problem in tables.refused]),
        problems=_shortened(problems),
    )


def _shortened(lines: Sequence[str]) -> tuple[str, ...]:
    """The first lines, each of bearable length: all of them are in this task's own log.

    Without `{{`, which a job would read as a reference when it hands the record on.
    """
    short = [re.sub(r"\{(?=\{)", "{ ", line[:MAX_RECORDED_LINE]) for line in lines]
    kept = _fitting(short, MAX_RECORDED_BYTES)
    if len(kept) < len(short):
        kept.append(f"and {len(short) - len(kept)} more, listed by the task list_changed_tables")
    return tuple(kept)


def _fitting(lines: Sequence[str], size: int) -> list[str]:
    """The first lines that take at most `size` bytes as JSON inside JSON, as a record is within a task value."""
    sizes = itertools.accumulate(len(json.dumps(json.dumps(line))) + 2 for line in lines)
    return [line for line, total in zip(lines, sizes, strict=True) if total <= size]


def _print_listing(
    found: DescriptorSet, tables: Tables, removed: Sequence[str], new_problems: Sequence[Problem], out: TextIO
) -> None:
    print(f"{len(tables.items)} of {len(found.tables)} tables to export", file=out)
    for item in tables.items:
        print(f"  {item.table}  <-  {item.source_path}", file=out)
    for table in removed:
        print(f"  {table}: its descriptor was removed; the registration is kept", file=out)
    for note in found.notes:
        print(f"note: {note}", file=out)
    known = [problem for problem in found.problems if problem not in new_problems]
    for title, problems in (("warning (seen before)", known), ("error", new_problems), ("refused", tables.refused)):
        for problem in problems:
            print(f"{title}: {problem}", file=out)


def hand_over(listing: Listing | None, task_values: TaskValues, unity_catalog: UnityCatalog, out: TextIO) -> None:
    """Leaves the listing to the tasks after this one, or finishes the run here where there is no table to export.

    Raises TooManyTablesError where the tables do not fit into one task value, and what record_export raises.
    """
    items = [item.as_json() for item in listing.tables.items] if listing else []
    size = len(json.dumps(items).encode())
    if size > MAX_TASK_VALUE_BYTES:
        raise TooManyTablesError(
            f"{len(items)} tables need {size} bytes as a task value, and Databricks takes {MAX_TASK_VALUE_BYTES}; "
            "export them in parts: limit the job to some descriptors with table_defs, and widen it run by run"
        )
    removed = listing.removed if listing else ()
    values = {
        "tables": items,
        "table_count": len(items),
        "removed": _fitting(removed, MAX_TASK_VALUE_BYTES),
        "removed_count": len(removed),
        "commit_id": listing.record.commit_id if listing else "",
        "record": listing.record.to_json() if listing else "",
    }
    for key, value in values.items():
        task_values.set(key, value)
    if listing is not None and not items:
        record_export(listing.record, unity_catalog, out)


def main() -> None:
    """The task's entry point. Exits with the message of an ExportError."""
    try:
        request = parse_arguments(sys.argv[1:]).checked()
        runtime = task_runtime()
        credentials = Credentials(
            access_key_id=runtime.secret(request.secret_scope, request.access_key_name),
            secret_access_key=runtime.secret(request.secret_scope, request.secret_key_name),
        )
        lakefs = LakeFSClient(endpoint=request.lakefs_endpoint, repository=request.repository, credentials=credentials)
        listing = list_changed_tables(request, lakefs, runtime.unity_catalog, sys.stdout)
        hand_over(listing, runtime.task_values, runtime.unity_catalog, sys.stdout)
    except ExportError as error:
        sys.exit(f"{type(error).__name__}: {error}")
