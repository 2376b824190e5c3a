"""What the task `list_changed_tables` found, as the tasks after it take it, as it is recorded, and in words."""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from lakefs_unity_export import names
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.commit.descriptors import Problem
from lakefs_unity_export.export.differences import DescribedCommit
from lakefs_unity_export.export.pages import Page
from lakefs_unity_export.export.plan import Delta, SchemaState, Snapshot, Tables
from lakefs_unity_export.export.record import Record, RecordedSchema
from lakefs_unity_export.export.request import NamedRequest

# The record is one task value, with room for two lists: what was refused, and what is wrong.
MAX_RECORDED_BYTES = 20_000
MAX_RECORDED_LINE = 500


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What the task found: the page of tables to export and to remove, and what is to be recorded afterwards.

    `record` includes what is wrong with single tables. `line`, `target_base_location` and `clone_method` are those of
    every item that says no other. `attempted` are the schemas in which something is to be done,
    and those whose properties have to be written anew, for an edit or a new catalog; `missing` are those to create.
    """

    page: Page
    record: Record
    target_base_location: str
    clone_method: CloneMethod
    line: int = 0
    attempted: tuple[RecordedSchema, ...] = ()
    missing: tuple[SchemaState, ...] = ()

    @classmethod
    def of(
        cls,
        request: NamedRequest,
        snapshot: Snapshot,
        deltas: Sequence[Delta],
        tables: Tables,
        new_problems: Sequence[Problem],
        page: Page,
        base_commit: str,
        described: str,
    ) -> "Listing":
        """Of a page of a commit; `base_commit` tells the next page whether another run exported in between.

        `described` is what is kept of the commit's descriptors.
        """
        kept = [delta for delta in deltas if _is_kept(delta, tables)]
        record = Record(
            repository=request.repository,
            branch=request.branch,
            commit_id=snapshot.commit.id,
            commit_generation=snapshot.commit.generation,
            schemas=tuple(_recorded_schema(delta) for delta in kept),
            refused=_shortened([str(problem) for problem in tables.refused]),
            problems=_shortened([str(problem) for problem in new_problems]),
            next_page=_next_page(request, snapshot.commit.id, base_commit, page),
            following=page.following,
            page_failed=request.page_failed,
            clone_method=request.clone_method,
            described=described,
        )
        missing = tuple(delta.state for delta in kept if delta.state.properties is None)
        return cls(
            page=page,
            record=record,
            target_base_location=request.target_base_location,
            clone_method=request.clone_method,
            line=max((delta.line for delta in deltas), default=0),
            attempted=_attempted(deltas, page),
            missing=missing,
        )

    @classmethod
    def of_gone_branch(cls, request: NamedRequest, exported: Sequence[SchemaState], page: Page) -> "Listing":
        """Of a page of removals, for a branch that is deleted, and was exported to these schemas."""
        record = Record(
            repository=request.repository,
            branch=request.branch,
            commit_id="",
            commit_generation=0,
            schemas=tuple(
                RecordedSchema(catalog=state.catalog, schema=state.schema, watermark="") for state in exported
            ),
            next_page=_next_page(request, "", "", page),
            following=page.following,
            page_failed=request.page_failed,
            is_gone=True,
        )
        return cls(
            page=page,
            record=record,
            target_base_location=request.target_base_location,
            clone_method=request.clone_method,
        )

    def task_values(self) -> dict[str, Any]:
        """What the tasks after the list read, by key: the items, and what is equal for all of them."""
        items = [item.as_json() for item in self.page.items]
        removed = [item.as_json() for item in self.page.removed]
        return {
            "tables": items,
            "table_count": len(items),
            "removed": removed,
            "removed_count": len(removed),
            "commit_id": self.record.commit_id,
            "commit_generation": self.record.commit_generation,
            "line": self.line,
            "target_base_location": self.target_base_location,
            "method": self.clone_method.value,
            "record": self.record.to_json(),
        }


# Where nothing is to be done, so that no reference to a value of the list leads nowhere.
NO_TASK_VALUES: Mapping[str, Any] = {
    "tables": [],
    "table_count": 0,
    "removed": [],
    "removed_count": 0,
    "commit_id": "",
    "commit_generation": 0,
    "line": 0,
    "target_base_location": "",
    "method": "",
    "record": "",
}


def _attempted(deltas: Sequence[Delta], page: Page) -> tuple[RecordedSchema, ...]:
    written = {item.schema for item in page.items} | {item.schema for item in page.removed}
    catalogs = {delta.state.catalog for delta in deltas if delta.state.quoted in written}
    return tuple(
        _recorded_schema(delta)
        for delta in deltas
        if delta.state.quoted in written
        or delta.state.exports.is_edited
        or (delta.state.is_own and not catalogs <= set(delta.state.exports.catalogs))
    )


def _is_kept(delta: Delta, tables: Tables) -> bool:
    """Whether the schema exists after this run: it does, gets tables, or is to say in which catalogs they are."""
    is_written = any(item.schema == delta.state.quoted for item in tables.items)
    return delta.state.properties is not None or is_written or (delta.state.is_own and bool(tables.items))


def _recorded_schema(delta: Delta) -> RecordedSchema:
    exports = delta.state.exports
    return RecordedSchema(
        catalog=delta.state.catalog,
        schema=delta.state.schema,
        watermark=exports.watermark.id if exports.watermark else "",
        line=delta.line,
        covered=tuple(commit.id for commit in exports.attempts),
    )


def _next_page(request: NamedRequest, commit_id: str, base_commit: str, page: Page) -> dict[str, str]:
    """The job parameters of the run for the next page; none where this is the last."""
    if not page.next_after:
        return {}
    return {
        "repository": request.repository,
        "branch": request.branch,
        "commit_id": commit_id,
        "event": "next_page",
        "mode": request.mode,
        "snapshot": "commit",
        "clone_method": request.clone_method.value,
        "page_after": page.next_after,
        "base_commit": base_commit,
        **({"pages": page.told} if page.told else {}),
    }


def _shortened(lines: Sequence[str]) -> tuple[str, ...]:
    """The first lines, each of bearable length: all of them are in this task's own log."""
    short = [line[:MAX_RECORDED_LINE] for line in lines]
    sizes = itertools.accumulate(len(json.dumps(json.dumps(line))) + 2 for line in short)
    kept = [line for line, total in zip(short, sizes, strict=True) if total <= MAX_RECORDED_BYTES]
    if len(kept) < len(short):
        kept.append(f"and {len(short) - len(kept)} more, listed by the task list_changed_tables")
    return tuple(kept)


def print_listing(
    described: DescribedCommit,
    tables: Tables,
    page: Page,
    new_problems: Sequence[Problem],
    out: TextIO,
) -> None:
    """Says what is exported in this run and how many pages follow, what is removed, and what is wrong."""
    snapshot, found, told = described.snapshot, described.found, described.told
    total, of_all = (told.tables, told.tables) if told else (len(tables.items), len(found.tables))
    part = f", {len(page.items)} of them in this run" if len(page.items) < total else ""
    print(f"{total} of {of_all} tables to export{part}", file=out)
    for item in page.items:
        source = names.source_path(repository=snapshot.repository, commit_id=snapshot.commit.id, path=item.path)
        own_method = f" by clone method {item.method}" if item.method else ""
        print(f"  {item.table}  <-  {source}{own_method}", file=out)
    print_removals(page, out)
    for note in found.notes:
        print(f"note: {note}", file=out)
    known = [problem for problem in found.problems if problem not in new_problems]
    for title, problems in (("warning (seen before)", known), ("error", new_problems), ("refused", tables.refused)):
        for problem in problems:
            print(f"{title}: {problem}", file=out)


def print_removals(page: Page, out: TextIO) -> None:
    """Says which registrations are dropped in this run, and how many pages follow it."""
    if page.removed:
        print(f"{len(page.removed)} registrations to drop, since no descriptor asks for them", file=out)
    for item in page.removed:
        print(f"  {item.table}", file=out)
    if page.following:
        print(f"pages that follow in runs of their own: {page.following}", file=out)
