"""An export from beginning to end on the doubles: what the tasks of the job do, one after the other."""

import builtins
import contextlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from doubles import ExportRunsDouble, LakeFSDouble, TaskValuesDouble, UnityCatalogDouble
from nested_tasks import clone_request, parameters_of

from lakefs_unity_export.clones.decision import Action, decide
from lakefs_unity_export.clones.delta_tables import Commit, TableState
from lakefs_unity_export.clones.methods import split_method
from lakefs_unity_export.clones.provenance import Provenance
from lakefs_unity_export.errors import IncompleteExportError
from lakefs_unity_export.export.listing import Listing
from lakefs_unity_export.export.record import Record
from lakefs_unity_export.export.recording import record_export
from lakefs_unity_export.export.request import Request
from lakefs_unity_export.tasks.list_changed_tables import hand_over, list_changed_tables

BASE = "s3://bucket/exports"
REQUEST = Request(
    repository="shop",
    branch="main",
    lakefs_endpoint="https://lakefs.example.com",
    secret_scope="lakefs",
    catalog="lake",
    target_base_location=BASE,
)


def descriptor(name: str, *, path: str = "", kind: str = "delta", catalog: str = "", clone_method: str = "") -> bytes:
    """A table descriptor; its path is `tables/{name}` unless another is given."""
    lines = [f"name: {name}", f"type: {kind}", f"path: {path or 'tables/' + name}"]
    optional = {"catalog": catalog, "clone_method": clone_method}
    return "\n".join([*lines, *(f"{key}: {value}" for key, value in optional.items() if value)]).encode()


def table(name: str, content: str = "1", **fields: str) -> dict[str, bytes]:
    """The objects of one table and its descriptor."""
    return {
        f"_lakefs_tables/{name}.yaml": descriptor(name, **fields),
        f"tables/{name}/_delta_log/{content}.json": content.encode(),
        f"tables/{name}/part-{content}.parquet": content.encode(),
    }


def _state(location: str, shown: Provenance) -> TableState:
    newest = Commit(version=0, operation="CLONE", user_metadata=shown.user_metadata())
    return TableState(location=location, newest=newest, properties=shown.properties())


@dataclass(kw_only=True)
class Run:
    """One run of the job: the listing, what it handed over, what it printed, and the items it cloned."""

    listing: Listing | None
    values: dict[str, Any]
    printed: str
    cloned: list[str] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        """The table paths that were listed for export."""
        return [split_method(item["path"])[0] for item in self.values["tables"]]


@dataclass(kw_only=True)
class Story:
    """A repository, a Unity Catalog and the clones in storage, over several runs. Its clock ticks with each listing."""

    lakefs: LakeFSDouble
    unity_catalog: UnityCatalogDouble
    clones: dict[str, Provenance] = field(default_factory=dict)
    runs: ExportRunsDouble = field(default_factory=ExportRunsDouble)
    time: int = 1_000

    def list(self, **parameters: str) -> Run:
        """The task list_changed_tables alone. Raises what it raises; `last_values` and `last_out` stay."""
        out, task_values = io.StringIO(), TaskValuesDouble()
        self.last_values, self.last_out = task_values.values, out
        request = replace(REQUEST, **parameters)
        listing = list_changed_tables(request.named(), self.lakefs, self.unity_catalog, out, clock=self._tick)
        hand_over(listing, task_values, self.unity_catalog, self.runs, out)
        return Run(listing=listing, values=task_values.values, printed=out.getvalue())

    def _tick(self) -> int:
        self.time += 1
        return self.time

    def export(self, *, failing: Iterable[str] = (), dies: bool = False, **parameters: str) -> Run:
        """The whole job. Clones of the `failing` table paths fail; where it `dies`, nothing is recorded."""
        run = self.list(**parameters)
        job_parameters = {"repository": REQUEST.repository, "branch": parameters.get("branch", REQUEST.branch)}
        items, failures = run.values["tables"], set(failing)
        done = [item for item in items if split_method(item["path"])[0] not in failures]
        for item in done:
            self._clone(item, run, job_parameters)
        given = [parameters_of("register_table", item, run.values, job_parameters) for item in done]
        self.unity_catalog.register(given, self.clones)
        dropped = run.values["removed"]
        given = [parameters_of("unregister_table", item, run.values, job_parameters) for item in dropped]
        self.unity_catalog.unregister(given)
        if (items or run.values["removed"]) and not dies:
            failed = ["clone_tables"] if len(done) < len(items) else []
            with contextlib.suppress(IncompleteExportError):
                self.record(run, failed)
        return run

    def record(self, run: Run, failed: Sequence[str] = ()) -> None:
        """The task record_export alone."""
        out = io.StringIO()
        record = Record.model_validate_json(run.values["record"])
        try:
            record_export(record, self.unity_catalog, self.runs, out, failed=failed, run_id=str(self.time))
        finally:
            run.printed += out.getvalue()

    def export_pages(self, **parameters: str) -> builtins.list[Run]:
        """The job, and every run that it starts in turn."""
        runs, todo = [], [parameters]
        while todo:
            before = len(self.runs.started)
            runs.append(self.export(**todo.pop()))
            todo += self.runs.started[before:]
        return runs

    def _clone(self, item: dict[str, Any], run: Run, job_parameters: dict[str, str]) -> None:
        """What the task clone_table does, by its own decision: nothing where the target is there, or further."""
        request = clone_request(item, run.values, job_parameters)
        present = self.clones.get(request.target_path)
        if decide(request, present and _state(request.target_path, present)) is Action.CLONED:
            run.cloned.append(request.path)
            self.clones[request.target_path] = request.provenance

    def watermark(self, *, catalog: str = "lake", schema: str = "main") -> str:
        """The commit id of the schema's watermark, or nothing."""
        found = self.unity_catalog.catalogs[catalog].get(schema)
        return found.properties.get("lakefs.shop.commit_id", "") if found else ""
