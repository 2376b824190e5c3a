"""Task `list_changed_tables`: decides what a run exports, checks it, and leaves it to the tasks after it.

Everything that can be checked is checked here, before anything is changed and before a cluster starts.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TextIO

from lakefs_unity_export import names
from lakefs_unity_export.commit import descriptors
from lakefs_unity_export.commit.descriptor_files import read_files
from lakefs_unity_export.commit.descriptors import DescriptorSet, NamingRules
from lakefs_unity_export.errors import ExportError, InvalidNameError, LakeFSNotFoundError, SettingsError
from lakefs_unity_export.export import plan as export_plan
from lakefs_unity_export.export.branch_schemas import schema_states, shown_commits
from lakefs_unity_export.export.differences import DescribedCommit, find_deltas
from lakefs_unity_export.export.listing import Listing, print_listing, print_removals
from lakefs_unity_export.export.pages import cut_page
from lakefs_unity_export.export.plan import RemovedItem, SchemaState, Snapshot
from lakefs_unity_export.export.record import Record, RecordedSchema, change_recorded
from lakefs_unity_export.export.recording import record_export
from lakefs_unity_export.export.request import Request, parse_arguments
from lakefs_unity_export.export.schema_properties import CREATED_BY
from lakefs_unity_export.export.state import ExportState, with_state
from lakefs_unity_export.ports import ExportRuns, LakeFSReader, TaskValues, UnityCatalog
from lakefs_unity_export.servers.lakefs_client import Credentials, LakeFSClient
from lakefs_unity_export.servers.workspace import task_runtime


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


def list_changed_tables(
    request: Request,
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
    request = request.checked()
    rules = _naming_rules(request)
    base_location = names.target_base(request.target_base_location)
    now = clock()  # before the head is read: of two listings, the later one has seen no older head
    try:
        head = lakefs.branch_head(request.branch)
    except LakeFSNotFoundError as error:
        return _list_gone_branch(request, rules, base_location, lakefs, unity_catalog, out, error)
    snapshot = _snapshot(request, head, now, lakefs, out)
    if snapshot is None:
        return None
    contents, notes = read_files(snapshot.commit.id, rules, request.descriptor_names, lakefs)
    found = descriptors.read_descriptors(contents, rules)
    states, found = schema_states(request.repository, request.branch, rules, found, unity_catalog)
    found = replace(found, notes=(*notes, *found.notes))
    passed = [_is_passed(snapshot, state, out) for state in states]
    if not all(passed) and _begins_in_the_past(snapshot, states):
        print(f"the branch is not exported yet, or not as recorded: its head {head} is exported instead", file=out)
        return list_changed_tables(request.for_head(), lakefs, unity_catalog, out, clock=clock)
    # A table has the same target path in each catalog, so an older commit must not be exported to any.
    if any(passed):
        return None
    described = DescribedCommit(
        snapshot=snapshot, rules=rules, wanted=request.descriptor_names, contents=contents, found=found
    )
    deltas = find_deltas(described, states, lakefs, full=request.mode == "full")
    removed = _removed(request, described, states, base_location, lakefs, out)
    tables = export_plan.plan_tables(snapshot, found.tables, deltas, base_location, removed)
    new_problems = export_plan.first_seen(found.problems, deltas)
    base_commit = shown_commits(states, but=snapshot.commit.id)
    page = cut_page(tables.items, removed, after=_page_after(request, base_commit, out))
    print_listing(found, tables, page, new_problems, out)
    return Listing.of(request, snapshot, deltas, tables, new_problems, page, base_commit)


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


def _snapshot(request: Request, head: str, now: int, lakefs: LakeFSReader, out: TextIO) -> Snapshot | None:
    """The commit to export, or None where it is no longer on its branch."""
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
    return Snapshot(
        repository=request.repository,
        branch=request.branch,
        commit=commit,
        is_head=commit.id == head,
        continues=request.event == "next_page",
        time=now,
    )


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


def _page_after(request: Request, base_commit: str, out: TextIO) -> str:
    """The name after which this page begins; empty, for the first, where other runs exported something in between."""
    if request.page_after and request.base_commit != base_commit:
        print("another run exported to this branch's schemas since the page before, so the pages begin again", file=out)
        return ""
    return request.page_after


def _removed(
    request: Request,
    described: DescribedCommit,
    states: Sequence[SchemaState],
    base_location: str,
    lakefs: LakeFSReader,
    out: TextIO,
) -> tuple[RemovedItem, ...]:
    """The registrations to drop: those that no descriptor asks for, where that is wanted and certain."""
    found = described.found
    if request.descriptor_names:  # those that are left out of the export are described all the same
        contents, _ = read_files(described.snapshot.commit.id, described.rules, [], lakefs)
        found = descriptors.read_descriptors(contents, described.rules)
    removed = export_plan.plan_removals(
        states,
        (descriptor.name for descriptor in found.tables),
        repository=request.repository,
        branch=request.branch,
        target_base_location=base_location,
    )
    kept, why = removed, "on_removed is keep"
    if request.on_removed == "drop":
        # An invalid descriptor may be that of a registered table, unless another one has its name already.
        described_names = {descriptor.name.table for descriptor in found.tables}
        kept = tuple(each for each in removed if found.problems and each.table_name not in described_names)
        why = "descriptors are invalid, and may be theirs"
    if kept:
        print(f"{len(kept)} registrations that no descriptor asks for are kept, since {why}:", file=out)
    for item in kept:
        print(f"  {item.table}", file=out)
    return tuple(each for each in removed if each not in kept)


def _list_gone_branch(
    request: Request,
    rules: NamingRules,
    base_location: str,
    lakefs: LakeFSReader,
    unity_catalog: UnityCatalog,
    out: TextIO,
    not_found: LakeFSNotFoundError,
) -> Listing | None:
    """The tables of a branch that was exported and is deleted, to be removed where that is wanted.

    Raises `not_found` for a branch that never was exported, LakeFSNotFoundError for a repository that is not there.
    """
    is_there = request.branch in lakefs.branches()
    states, _ = schema_states(request.repository, request.branch, rules, DescriptorSet(), unity_catalog)
    exported = [state for state in states if f"lakefs.{request.repository}.branch" in (state.properties or {})]
    if is_there or not exported:
        raise not_found
    print(f"{request.event}: branch {request.branch} of repository {request.repository} is gone", file=out)
    if request.on_removed == "keep":
        print("nothing to do: its tables stay registered (on_removed is keep)", file=out)
        return None
    removed = export_plan.plan_removals(
        exported, [], repository=request.repository, branch=request.branch, target_base_location=base_location
    )
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
    items = [item.as_json() for item in listing.page.items] if listing else []
    removed = [item.as_json() for item in listing.page.removed] if listing else []
    if listing is not None:
        for state in listing.missing:
            unity_catalog.create_schema(state.catalog, state.schema, _of_new_schema(listing.record))
        for schema in listing.attempted:
            _note_attempt(listing.record, schema, unity_catalog)
    values = {
        "tables": items,
        "table_count": len(items),
        "removed": removed,
        "removed_count": len(removed),
        "commit_id": listing.record.commit_id if listing else "",
        "record": listing.record.to_json() if listing else "",
    }
    for key, value in values.items():
        task_values.set(key, value)
    if listing is not None and not (items or removed):
        record_export(listing.record, unity_catalog, runs, out)


def _of_new_schema(record: Record) -> dict[str, str]:
    """The properties of a schema that this run makes: whose it is, so that it does not outlive its branch."""
    return with_state(dict([CREATED_BY]), ExportState(), repository=record.repository, branch=record.branch)


def _note_attempt(record: Record, schema: RecordedSchema, unity_catalog: UnityCatalog) -> None:
    catalogs = [each.catalog for each in record.schemas]
    attempting = partial(ExportState.attempting, commit=record.commit, line=schema.line, catalogs=catalogs)
    change_recorded(record, schema, unity_catalog, attempting)


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
        runs = runtime.export_runs(request.job_id)
        hand_over(listing, runtime.task_values, runtime.unity_catalog, runs, sys.stdout)
    except ExportError as error:
        sys.exit(f"{type(error).__name__}: {error}")
