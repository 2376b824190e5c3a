"""The end of a run: starts the next page, or moves the watermark once everything up to the commit is exported."""

from collections.abc import Sequence
from typing import TextIO

from lakefs_unity_export import events
from lakefs_unity_export.errors import IncompleteExportError, InvalidDescriptorsError, NameTakenError
from lakefs_unity_export.export.record import Record, RecordedSchema, change_recorded
from lakefs_unity_export.export.schema_properties import CREATED_BY, forget_branch
from lakefs_unity_export.export.state import FOLLOWS_NOTHING, ExportState, without_state
from lakefs_unity_export.ports import ExportRuns, UnityCatalog


def record_export(
    record: Record,
    unity_catalog: UnityCatalog,
    runs: ExportRuns,
    out: TextIO,
    *,
    failed: Sequence[str] = (),
    run_id: str = "",
) -> None:
    """Moves the watermarks, then fails the run for what could not be exported.

    Where there are more pages, starts the next one instead, also when tasks of this one `failed`: the last page
    leaves the watermarks as they are then. Raises IncompleteExportError for failed tasks and NameTakenError where
    tables were refused, with the watermarks left as they are: the tables are still to be exported. Raises
    InvalidDescriptorsError after moving them: the fix of a descriptor is itself a change.
    """
    if record.next_page:
        _go_on(record, unity_catalog, runs, out, failed=bool(failed), run_id=run_id)
    if failed:
        raise IncompleteExportError(
            f"{' and '.join(failed)} did not end well, so the watermark stays; see there which tables failed and why, "
            "then repair this run (or leave it to the next export of the branch)"
        )
    if record.next_page:
        return
    if record.page_failed:
        raise IncompleteExportError(
            "an earlier page of this export failed, so the watermark stays; repair that page's run, or run the job anew"
        )
    if record.refused:
        raise NameTakenError(_listed("tables were refused, so the watermark stays", record.refused))
    if record.is_gone:
        for schema in record.schemas:
            _forget_branch(record, schema, unity_catalog, out)
        return
    moved = [_move_watermark(record, schema, unity_catalog, out) for schema in record.schemas]
    if not all(moved):
        _start_catching_up(record, runs, out, run_id=run_id)
    if record.problems:
        raise InvalidDescriptorsError(
            _listed("table descriptors are invalid, all others are exported", record.problems)
        )


def _go_on(
    record: Record, unity_catalog: UnityCatalog, runs: ExportRuns, out: TextIO, *, failed: bool, run_id: str
) -> None:
    """Starts the next page, unless another run went further since: then this one may have been late."""
    schemas = () if record.is_gone else record.schemas
    passed = [schema for schema in schemas if _note_if_passed(record, schema, unity_catalog)]
    if passed:
        _start_catching_up(record, runs, out, run_id=run_id)
    else:
        _start_next_page(record, runs, out, failed=failed, run_id=run_id)


def _start_next_page(record: Record, runs: ExportRuns, out: TextIO, *, failed: bool, run_id: str) -> None:
    marked = {**record.next_page, "page_failed": "true"} if failed or record.page_failed else dict(record.next_page)
    token = events.idempotency_token(
        repository=record.repository,
        branch=record.branch,
        commit_id=record.commit_id,
        event="next_page",
        more=(run_id, marked.get("page_failed", "")),
    )
    started = runs.start(marked, idempotency_token=token)
    print(f"run {started} goes on after {record.next_page['page_after']}", file=out)


def _start_catching_up(record: Record, runs: ExportRuns, out: TextIO, *, run_id: str) -> None:
    """Another run recorded a newer commit since the listing, so this one may have been late with some tables.

    The token tells runs apart: a branch that was made again can be at the same commit and watermark once more.
    """
    parameters = {"repository": record.repository, "branch": record.branch, "event": "reconcile"}
    token = events.idempotency_token(
        repository=record.repository,
        branch=record.branch,
        commit_id=record.commit_id,
        event="reconcile",
        more=(run_id, *(schema.watermark for schema in record.schemas)),
    )
    started = runs.start(parameters, idempotency_token=token)
    print(f"run {started} brings the tables of this run to the head", file=out)


def _move_watermark(record: Record, schema: RecordedSchema, unity_catalog: UnityCatalog, out: TextIO) -> bool:
    """Moves one watermark, unless another run moved it further since the listing. Whether it is at the commit."""
    before, after = change_recorded(record, schema, unity_catalog, lambda present: _recorded(record, schema, present))
    full_name = f"{schema.catalog}.{schema.schema_name}"
    if before.watermark == record.commit:
        print(f"{full_name}: already at commit {record.commit_id}", file=out)
    elif after.watermark == record.commit:
        print(f"{full_name}: exported up to commit {record.commit_id} of branch {record.branch}", file=out)
    else:
        newer = after.watermark.id if after.watermark else "none"
        print(f"{full_name}: left at commit {newer}, which another run has recorded since", file=out)
    return after.watermark == record.commit


def _note_if_passed(record: Record, schema: RecordedSchema, unity_catalog: UnityCatalog) -> bool:
    def noted(present: ExportState) -> ExportState:
        return _attempted(record, schema, present) if _is_passed(record, schema, present) else present

    before, _ = change_recorded(record, schema, unity_catalog, noted)
    return _is_passed(record, schema, before)


def _recorded(record: Record, schema: RecordedSchema, present: ExportState) -> ExportState:
    if _is_passed(record, schema, present):
        return _attempted(record, schema, present)
    catalogs = [each.catalog for each in record.schemas]
    return present.exported(
        record.commit, line=schema.line, covered=schema.covered, catalogs=catalogs, described=record.described
    )


def _attempted(record: Record, schema: RecordedSchema, present: ExportState) -> ExportState:
    """As it is where it was edited, which makes the next export begin anew."""
    catalogs = [each.catalog for each in record.schemas]
    return present if present.is_edited else present.attempting(record.commit, line=schema.line, catalogs=catalogs)


def _is_passed(record: Record, schema: RecordedSchema, present: ExportState) -> bool:
    """Whether another run went further since the listing, or what is recorded was edited or lost since."""
    if present.is_edited or present.line > schema.line:
        return True
    at = present.watermark
    if at is None or at.id in (schema.watermark, record.commit_id):
        return at is None and schema.watermark != ""
    return at.generation >= record.commit_generation


def _forget_branch(record: Record, schema: RecordedSchema, unity_catalog: UnityCatalog, out: TextIO) -> None:
    """Drops the schema of a branch that is gone, if the export made it and it is empty; else forgets the branch."""
    full_name = f"{schema.catalog}.{schema.schema_name}"
    properties = unity_catalog.schema_properties(schema.catalog, schema.schema_name)
    if properties is None:
        return
    left = without_state(properties, repository=record.repository)
    key, maker = CREATED_BY
    others = any(name.startswith("lakefs.") and name not in (key, FOLLOWS_NOTHING[0]) for name in left)
    if properties.get(key) == maker and not others and not unity_catalog.tables(schema.catalog, schema.schema_name):
        unity_catalog.delete_schema(schema.catalog, schema.schema_name)
        print(f"{full_name}: dropped, since branch {record.branch} is gone and it is empty", file=out)
    else:
        forget_branch(unity_catalog, catalog=schema.catalog, schema=schema.schema_name, repository=record.repository)
        print(f"{full_name}: no longer follows branch {record.branch}, which is gone", file=out)


def _listed(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"{len(lines)} {title}:", *(f"  {line}" for line in lines)])
