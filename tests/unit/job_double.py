"""The job `export_tables` in memory, task by task, over the real decisions: runs can fail, die and overlap anywhere."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

import pytest
from doubles import ExportRunsDouble, LakeFSDouble, TaskValuesDouble, UnityCatalogDouble
from export_story import REQUEST
from nested_tasks import clone_request, parameters_of, target_path

from lakefs_unity_export.clones.decision import Action, decide
from lakefs_unity_export.clones.delta_tables import Commit, TableState
from lakefs_unity_export.clones.provenance import Provenance
from lakefs_unity_export.errors import ExportError, InvalidDescriptorsError, NameTakenError
from lakefs_unity_export.export.listing import Listing
from lakefs_unity_export.export.record import Record
from lakefs_unity_export.export.recording import record_export
from lakefs_unity_export.export.request import NamedRequest, Request
from lakefs_unity_export.export.schema_properties import CREATED_BY
from lakefs_unity_export.ports import RegisteredTable
from lakefs_unity_export.tasks import list_changed_tables as module
from lakefs_unity_export.tasks.list_changed_tables import hand_over, list_changed_tables

_JOB_PARAMETERS = {"repository", "branch", "commit_id", "event", "mode", "snapshot", "page_after", "base_commit"}
JOB_PARAMETERS = _JOB_PARAMETERS | {"page_failed", "clone_method", "pages"}
assert {each.name for each in fields(Request)} >= JOB_PARAMETERS

OnClone = Callable[["RunDouble", Provenance | None, Provenance], None]


@dataclass
class RunDouble:
    """One run: what is still to do, in order, as (task, item); items that failed; and how it stands.

    `export` is the id of the run that listed the first page, its own where this is that run.
    """

    id: int
    parameters: dict[str, str]
    todo: list[tuple[str, dict[str, Any]]] = field(default_factory=lambda: [("list_changed_tables", {})])
    failed: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    state: str = "active"
    cloned: int = 0
    note: Any = None
    export: int = 0
    knew_descriptors: bool = False
    read_own_page: bool = False

    @property
    def branch(self) -> str:
        return self.parameters["branch"]

    @property
    def next_task(self) -> str:
        return self.todo[0][0] if self.todo else ""


class InjectedError(ExportError):
    """A fault of the outside, put in on purpose."""


@dataclass(kw_only=True)
class JobDouble:
    """The job, its runs, the storage of the clones, and what Unity Catalog knows of each (`refreshed`)."""

    lakefs: LakeFSDouble
    unity_catalog: UnityCatalogDouble
    settings: dict[str, str] = field(default_factory=dict)
    on_clone: OnClone = lambda run, before, after: None
    on_list: Callable[[RunDouble], None] = lambda run: None
    clones: dict[str, Provenance] = field(default_factory=dict)
    refreshed: dict[str, Provenance] = field(default_factory=dict)
    runs: list[RunDouble] = field(default_factory=list)
    starts: ExportRunsDouble = field(default_factory=ExportRunsDouble)
    time: int = 1_000

    def start(self, **parameters: str) -> RunDouble:
        """A run, as run-now makes it."""
        assert parameters.keys() <= JOB_PARAMETERS
        run = RunDouble(id=len(self.runs) + 1, parameters={"repository": "shop", **parameters})
        run.export = run.id
        self.runs.append(run)
        return run

    @property
    def active(self) -> list[RunDouble]:
        return [run for run in self.runs if run.state == "active"]

    def tick(self) -> int:
        self.time += 1
        return self.time

    def step(self, run: RunDouble, *, fails: bool = False, fails_after: bool = False) -> None:
        """Do the run's next piece of work, or let it fail before or after it; the run ends after the last one."""
        task, item = run.todo.pop(0)
        try:
            if task == "list_changed_tables":
                self._list(run, fails=fails)
            elif fails and task != "record_export":
                raise InjectedError(task)
            else:
                getattr(self, f"_{task}")(run, item, fails)
            if fails_after:
                raise InjectedError(task)
        except ExportError:
            run.failed.append((task, item))
            if task in ("list_changed_tables", "record_export"):
                run.todo, run.state = [], "failed"
        if not run.todo and run.state == "active":
            run.state = "failed" if run.failed else "succeeded"

    def finish(self, run: RunDouble) -> RunDouble:
        """Let the run come to its end."""
        while run.state == "active":
            self.step(run)
        return run

    def kill(self, run: RunDouble) -> None:
        """The run is canceled, or its compute is lost: what was to come is not done."""
        run.failed += run.todo
        run.todo, run.state = [], "killed"

    def repair(self, run: RunDouble) -> None:
        """As jobs/repair does: what failed, or was not reached, is done again, with record_export at the end."""
        tasks = {"list_changed_tables": 0, "clone_table": 1, "unregister_table": 2, "register_table": 3}
        again = sorted(run.failed, key=lambda each: tasks.get(each[0], 4))
        if again[0][0] != "list_changed_tables":
            again = [each for each in again if each[0] != "record_export"] + [("record_export", {})]
        else:
            again = again[:1]
        run.todo, run.failed, run.state = again, [], "active"

    def finish_all(self) -> None:
        """Let every run come to its end, also those that runs start."""
        while self.active:
            self.finish(self.active[0])

    def _list(self, run: RunDouble, *, fails: bool) -> None:
        self.on_list(run)
        task_values = TaskValuesDouble()
        settings = {**self.settings, **run.parameters, "job_id": "1", "run_id": str(run.id)}
        request = replace(REQUEST, **settings).named()
        if fails:
            self.unity_catalog.fail_next_write = True
        started = len(self.starts.started)
        try:
            listing = self._listing(run, request)
            hand_over(listing, task_values, self.unity_catalog, self.starts, io.StringIO())
        finally:
            self.unity_catalog.fail_next_write = False
            self.queue(started, by=run)
        run.values = task_values.values
        tables, removed = run.values["tables"], run.values["removed"]
        run.todo = [
            *(("clone_table", item) for item in tables),
            *(("unregister_table", item) for item in removed),
            *(("register_table", item) for item in tables),
            *([("record_export", {})] if tables or removed else []),
        ]

    def _listing(self, run: RunDouble, request: NamedRequest) -> Listing | None:
        """What the list task finds; where it did not read every descriptor, the same as where it does."""
        now, out = self.tick(), io.StringIO()
        listing = list_changed_tables(request, self.lakefs, self.unity_catalog, out, clock=lambda: now)
        run.knew_descriptors = "since the last export are not read" in out.getvalue()
        run.read_own_page = "of other pages are not read" in out.getvalue()
        if run.knew_descriptors or run.read_own_page:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(module, "known_commit", lambda *_: None)
                patch.setattr(module, "told_page", lambda *_: None)
                read = list_changed_tables(request, self.lakefs, self.unity_catalog, out, clock=lambda: now)
            assert_equal_listings(listing, read, told=run.read_own_page)
        return listing

    def queue(self, started: int, *, by: RunDouble | None = None) -> None:
        """The runs that were started since there were that many, by a run or by another job."""
        for parameters in self.starts.started[started:]:
            run = self.start(**{name: value for name, value in parameters.items() if name != "repository"})
            if by is not None and run.parameters["event"] == "next_page":
                run.export = by.export

    def _clone_table(self, run: RunDouble, item: dict[str, Any], _fails: bool) -> None:
        request = clone_request(item, run.values, run.parameters)
        present = self.clones.get(request.target_path)
        state = present and TableState(
            location=request.target_path,
            newest=Commit(version=0, operation="CLONE", user_metadata=present.user_metadata()),
            properties=present.properties(),
        )
        if decide(request, state) is Action.CLONED:
            self.on_clone(run, present, request.provenance)
            run.cloned += 1
            self.clones[request.target_path] = request.provenance

    def _register_table(self, run: RunDouble, item: dict[str, Any], _fails: bool) -> None:
        catalog, schema, table = _parts(item)
        given = parameters_of("register_table", item, run.values, run.parameters)
        location = target_path(given)
        known = self.unity_catalog.catalogs[catalog].get(schema)
        shown = self.clones.get(location)
        if shown is None or (shown.repository, shown.branch) != ("shop", run.branch):
            raise InjectedError("is not a clone of branch")
        if (shown.line, shown.commit_generation) < (int(given["line"]), int(given["commit_generation"])):
            raise InjectedError("is one of an older commit")
        if self._is_registered_elsewhere(location, f"{catalog}.{schema}.{table}"):
            raise InjectedError("LOCATION_OVERLAP")
        if known is None:
            made = {**dict([CREATED_BY]), "lakefs.shop.branch": run.branch}
            self.unity_catalog.create_schema(catalog, schema, made)
        registered = RegisteredTable(name=table, table_type="EXTERNAL", storage_location=location, repository="shop")
        tables = self.unity_catalog.schema(catalog, schema).tables
        tables[table] = replace(tables.setdefault(table, registered), clone_method=shown.method, path=shown.path)
        self.refreshed[f"{catalog}.{schema}.{table}"] = shown

    def _is_registered_elsewhere(self, location: str, full_name: str) -> bool:
        return any(
            found.storage_location == location and f"{catalog}.{schema}.{name}" != full_name
            for catalog, schemas in self.unity_catalog.catalogs.items()
            for schema, double in schemas.items()
            for name, found in double.tables.items()
        )

    def _unregister_table(self, run: RunDouble, item: dict[str, Any], _fails: bool) -> None:
        catalog, schema, table = _parts(item)
        known = self.unity_catalog.catalogs[catalog].get(schema)
        if known is not None and table in known.tables:
            location = target_path(parameters_of("unregister_table", item, run.values, run.parameters))
            assert known.tables[table].storage_location == location
            assert self.clones[location].branch == run.branch
            del known.tables[table]

    def _record_export(self, run: RunDouble, _item: dict[str, Any], fails: bool) -> None:
        plural = {"clone_table": "clone_tables", "register_table": "register_tables"}
        failed = sorted({plural.get(task, "unregister_tables") for task, _ in run.failed})
        record = Record.model_validate_json(run.values["record"])
        started = len(self.starts.started)
        self.unity_catalog.fail_next_write = fails
        try:
            record_export(record, self.unity_catalog, self.starts, io.StringIO(), failed=failed, run_id=str(run.id))
        except (InvalidDescriptorsError, NameTakenError) as error:
            run.note = error
            raise
        finally:
            self.unity_catalog.fail_next_write = False
            self.queue(started, by=run)


def assert_equal_listings(listing: Listing | None, read: Listing | None, *, told: bool) -> None:
    """Another way to read descriptors lists the same as where all of them are read.

    Only what the next page is told may differ. Where this one was `told` what is left over, that may have gone since.
    """
    assert (listing is None) == (read is None)
    if listing is None or read is None:
        return
    kept, kept_of_all = listing.record.described, read.record.described
    assert kept == kept_of_all or (told and kept.split(" ")[0] == kept_of_all.split(" ")[0])
    assert _without_told(listing) == _without_told(read)


def _without_told(listing: Listing) -> Listing:
    next_page = {name: value for name, value in listing.record.next_page.items() if name != "pages"}
    record = listing.record.model_copy(update={"next_page": next_page, "described": ""})
    return replace(listing, page=replace(listing.page, told=""), record=record)


def _parts(item: dict[str, Any]) -> tuple[str, str, str]:
    catalog, schema, table = (part.strip("`") for part in item["table"].split("."))
    return catalog, schema, table
