"""Task `list_changed_tables`: decides what a run exports, checks it, and leaves it to the tasks after it.

Everything that can be checked is checked here, before anything is changed and before a cluster starts.
"""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TextIO

from lakefs_unity_export.access.lakefs_connection import Credentials
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.clones.storage_uris import check_target_base
from lakefs_unity_export.commit import descriptors
from lakefs_unity_export.commit.descriptor_files import read_files
from lakefs_unity_export.commit.descriptors import DescriptorSet
from lakefs_unity_export.errors import ExportError, LakeFSNotFoundError, WorkspaceNotFoundError
from lakefs_unity_export.export import plan as export_plan
from lakefs_unity_export.export.branch_schemas import BranchSchemas, shown_commits
from lakefs_unity_export.export.differences import DescribedCommit, find_deltas
from lakefs_unity_export.export.further_pages import tell_pages, told_page
from lakefs_unity_export.export.known_tables import kept_of, known_commit
from lakefs_unity_export.export.listing import NO_TASK_VALUES, Listing, print_listing, print_removals
from lakefs_unity_export.export.pages import Page, cut_page
from lakefs_unity_export.export.plan import Item, RemovedItem, SchemaState, Snapshot, Tables
from lakefs_unity_export.export.record import Record, RecordedSchema, change_recorded
from lakefs_unity_export.export.recording import record_export
from lakefs_unity_export.export.request import NamedRequest, parse_arguments
from lakefs_unity_export.export.schema_properties import CREATED_BY
from lakefs_unity_export.export.state import ExportState, with_state
from lakefs_unity_export.ports import ExportRuns, LakeFSReader, TaskValues, UnityCatalog
from lakefs_unity_export.servers.lakefs_client import LakeFSClient
from lakefs_unity_export.servers.workspace import task_runtime


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


def list_changed_tables(
    request: NamedRequest,
    lakefs: LakeFSReader,
    unity_catalog: UnityCatalog,
    out: TextIO,
    *,
    clock: Callable[[], int] = _milliseconds,
) -> Listing | None:
    """What the request's commit changes in Unity Catalog, or None where there is nothing to do for it.

    Prints what it finds. `clock` gives Unix time in milliseconds. Raises ExportError where nothing can be exported
    at all; what is wrong with single tables is part of the listing.
    """
    now = clock()  # before the head is read: of two listings, the later one has seen no older head
    try:
        head = lakefs.branch_head(request.branch)
    except LakeFSNotFoundError as error:
        return _list_gone_branch(request, lakefs, unity_catalog, out, error)
    snapshot = _snapshot(request, head, now, lakefs, out)
    if snapshot is None:
        return None
    described, states = _described(request, snapshot, lakefs, unity_catalog, out)
    passed = [_is_passed(snapshot, state, out) for state in states]
    if not all(passed) and _begins_in_the_past(snapshot, states):
        print(f"the branch is not exported yet, or not as recorded: its head {head} is exported instead", file=out)
        return list_changed_tables(request.for_head(), lakefs, unity_catalog, out, clock=clock)
    # A table has the same target path in each catalog, so an older commit must not be exported to any.
    return None if any(passed) else _list_commit(described, states, lakefs, out)


def _snapshot(request: NamedRequest, head: str, now: int, lakefs: LakeFSReader, out: TextIO) -> Snapshot | None:
    """The commit to export, or None where it is no longer on its branch."""
    wanted = head if request.snapshot == "latest" or not request.commit_id else request.commit_id
    commit = lakefs.commit(wanted)
    is_head = commit.id == head
    print(
        f"{request.event}: repository {request.repository}, branch {request.branch}, commit {commit.id} "
        f"(generation {commit.generation}{', the head' if is_head else f', the head is {head}'})",
        file=out,
    )
    if not is_head and not lakefs.is_on_branch(commit.id, request.branch):
        print(f"nothing to do: commit {commit.id} is not on branch {request.branch}, whose head is {head}", file=out)
        return None
    return Snapshot(
        repository=request.repository,
        branch=request.branch,
        commit=commit,
        is_head=is_head,
        continues=request.event == "next_page",
        time=now,
    )


def _described(
    request: NamedRequest, snapshot: Snapshot, lakefs: LakeFSReader, unity_catalog: UnityCatalog, out: TextIO
) -> tuple[DescribedCommit, list[SchemaState]]:
    """What the commit's descriptors say, and the schemas that the branch is exported to.

    Descriptors that did not change are not read where what is exported tells what they say, nor those of other pages
    where the page before told which they are.
    """
    schemas = BranchSchemas(request, unity_catalog)
    with suppress(WorkspaceNotFoundError):
        known = known_commit(request, snapshot, schemas.exported(), lakefs)
        if known is not None:
            print("descriptors that did not change since the last export are not read", file=out)
            return known, schemas.exported()
        told = told_page(request, snapshot, schemas.exported(), lakefs)
        if told is not None:
            print("descriptors of other pages are not read", file=out)
            return told, schemas.exported()
    contents, notes = read_files(snapshot.commit.id, request.rules, request.descriptor_names, lakefs)
    found = descriptors.read_descriptors(contents, request.rules)
    states, found = schemas.described(found)
    found = replace(found, notes=(*notes, *found.notes))
    return DescribedCommit(request=request, snapshot=snapshot, contents=contents, found=found), states


def _is_passed(snapshot: Snapshot, state: SchemaState, out: TextIO) -> bool:
    newer = export_plan.is_passed(snapshot, state.exports)
    if newer is not None:
        how = "has" if newer == state.exports.watermark else "is being exported from"
        print(f"nothing to do in {state.full_name}: it {how} the newer commit {newer.id} of this branch", file=out)
    return newer is not None


def _begins_in_the_past(snapshot: Snapshot, states: Sequence[SchemaState]) -> bool:
    """Whether an older commit, or the rest of its pages, would be exported to a schema of which nothing is known.

    Its tables may show newer commits already, so the head is exported: it may replace them.
    """
    if snapshot.continues:
        return any(state.exports.is_edited for state in states)
    return not snapshot.is_head and any(state.exports.is_unknown for state in states)


def _list_commit(
    described: DescribedCommit, states: Sequence[SchemaState], lakefs: LakeFSReader, out: TextIO
) -> Listing:
    """The page of what these schemas lack at the commit."""
    request, snapshot, found = described.request, described.snapshot, described.found
    deltas = find_deltas(described, states, lakefs)
    # What other pages export is not known to a page that was told of its own tables: it would seem to be left over.
    removed = () if described.told else _removed(described, states, lakefs, out)
    tables = export_plan.plan_tables(
        snapshot,
        found.tables,
        deltas,
        request.target_base_location,
        removed,
        clone_method=request.clone_method,
    )
    _check_target(request, tables.items, lakefs)
    new_problems = export_plan.first_seen(found.problems, deltas)
    base_commit = shown_commits(states, but=snapshot.commit.id)
    page, kept = _page(described, states, tables, removed, base_commit, out)
    print_listing(described, tables, page, new_problems, out)
    return Listing.of(request, snapshot, deltas, tables, new_problems, page, base_commit, kept)


def _page(
    described: DescribedCommit,
    states: Sequence[SchemaState],
    tables: Tables,
    removed: Sequence[RemovedItem],
    base_commit: str,
    out: TextIO,
) -> tuple[Page, str]:
    """The page, which tells those after it what they need not find again, and what is kept of the descriptors."""
    request, told = described.request, described.told
    if told is not None:
        return told.page_of(tables.items), told.described
    kept = kept_of(request, described.found, states, removed)
    page = cut_page(tables.items, removed, after=_page_after(request, base_commit, out))
    return replace(page, told=tell_pages(described, states, tables, removed, page, kept)), kept


def _check_target(request: NamedRequest, items: Sequence[Item], lakefs: LakeFSReader) -> None:
    """Raises SettingsError where clones at the target would be in the way of lakeFS's own objects, or they of them."""
    if items:
        check_target_base(
            request.target_base_location,
            storage_namespace=lakefs.storage_namespace(),
            by_storage=any((item.method or request.clone_method) is CloneMethod.STORAGE for item in items),
        )


def _page_after(request: NamedRequest, base_commit: str, out: TextIO) -> str:
    """The name after which this page begins; empty, for the first, where other runs exported something in between."""
    if request.page_after and request.base_commit != base_commit:
        print("another run exported to this branch's schemas since the page before, so the pages begin again", file=out)
        return ""
    return request.page_after


def _removed(
    described: DescribedCommit, states: Sequence[SchemaState], lakefs: LakeFSReader, out: TextIO
) -> tuple[RemovedItem, ...]:
    """The registrations to drop: those that no descriptor asks for, where that is wanted and certain."""
    found = _all_described(described, lakefs)
    removed = _unasked(described.request, states, found)
    kept, why = removed, "on_removed is keep"
    if described.request.on_removed == "drop":
        # An invalid descriptor may be that of a registered table, unless another one has its name already.
        described_names = {descriptor.name.table for descriptor in found.tables}
        kept = tuple(each for each in removed if found.problems and each.table_name not in described_names)
        why = "descriptors are invalid, and may be theirs"
    if kept:
        print(f"{len(kept)} registrations that no descriptor asks for are kept, since {why}:", file=out)
    for item in kept:
        print(f"  {item.table}", file=out)
    return tuple(each for each in removed if each not in kept)


def _all_described(described: DescribedCommit, lakefs: LakeFSReader) -> DescriptorSet:
    """What every descriptor of the commit says, also those that `table_defs` leaves out of the export."""
    rules = described.request.rules
    if not described.request.descriptor_names:
        return described.found
    contents, _ = read_files(described.snapshot.commit.id, rules, [], lakefs)
    return descriptors.read_descriptors(contents, rules)


def _unasked(request: NamedRequest, states: Sequence[SchemaState], found: DescriptorSet) -> tuple[RemovedItem, ...]:
    """The branch's own registrations in these schemas that no descriptor asks for."""
    return export_plan.plan_removals(
        states,
        (descriptor.name for descriptor in found.tables),
        repository=request.repository,
        branch=request.branch,
        target_base_location=request.target_base_location,
    )


def _list_gone_branch(
    request: NamedRequest,
    lakefs: LakeFSReader,
    unity_catalog: UnityCatalog,
    out: TextIO,
    not_found: LakeFSNotFoundError,
) -> Listing | None:
    """The tables of a branch that was exported and is deleted, to be removed where that is wanted.

    Raises `not_found` for a branch that never was exported, LakeFSNotFoundError for a repository that is not there.
    """
    is_there = request.branch in lakefs.branches()
    states, _ = BranchSchemas(request, unity_catalog).described(DescriptorSet())
    exported = [state for state in states if f"lakefs.{request.repository}.branch" in (state.properties or {})]
    if is_there or not exported:
        raise not_found
    print(f"{request.event}: branch {request.branch} of repository {request.repository} is gone", file=out)
    if request.on_removed == "keep":
        print("nothing to do: its tables stay registered (on_removed is keep)", file=out)
        return None
    removed = _unasked(request, exported, DescriptorSet())
    # Pages of a commit that was being exported when the branch went are not pages of its removal.
    request = request.for_head() if request.commit_id else request
    page = cut_page([], removed, after=request.page_after)
    print_removals(page, out)
    return Listing.of_gone_branch(request, exported, page)


def hand_over(
    listing: Listing | None, task_values: TaskValues, unity_catalog: UnityCatalog, runs: ExportRuns, out: TextIO
) -> None:
    """Leaves the listing to the tasks after this one, or finishes the run here where they have nothing to do.

    Before tables are cloned, their schema is made, and their commit is noted in its properties: it is what they may
    show if the run fails. Raises what record_export and change_state raise.
    """
    if listing is not None:
        for state in listing.missing:
            unity_catalog.create_schema(state.catalog, state.schema, _of_new_schema(listing.record))
        for schema in listing.attempted:
            _note_attempt(listing.record, schema, unity_catalog)
    for key, value in (listing.task_values() if listing else NO_TASK_VALUES).items():
        task_values.set(key, value)
    if listing is not None and not (listing.page.items or listing.page.removed):
        record_export(listing.record, unity_catalog, runs, out)


def _of_new_schema(record: Record) -> dict[str, str]:
    """The properties of a schema that this run makes: whose it is, so that it does not outlive its branch."""
    return with_state(dict([CREATED_BY]), ExportState(), repository=record.repository, branch=record.branch)


def _note_attempt(record: Record, schema: RecordedSchema, unity_catalog: UnityCatalog) -> None:
    catalogs = [each.catalog for each in record.schemas]
    attempting = partial(
        ExportState.attempting,
        commit=record.commit,
        line=schema.line,
        catalogs=catalogs,
        method=record.clone_method,
    )
    change_recorded(record, schema, unity_catalog, attempting)


def main() -> None:
    """The task's entry point. Exits with the message of an ExportError."""
    try:
        request = parse_arguments(sys.argv[1:])
        runtime = task_runtime(sys.stdout)
        credentials = Credentials(
            access_key_id=runtime.secret(request.secret_scope, request.access_key_name),
            secret_access_key=runtime.secret(request.secret_scope, request.secret_key_name),
        )
        lakefs = LakeFSClient(endpoint=request.lakefs_endpoint, repository=request.repository, credentials=credentials)
        listing = list_changed_tables(request.named(), lakefs, runtime.unity_catalog, sys.stdout)
        runs = runtime.export_runs(request.job_id)
        hand_over(listing, runtime.task_values, runtime.unity_catalog, runs, sys.stdout)
    except ExportError as error:
        sys.exit(f"{type(error).__name__}: {error}")
