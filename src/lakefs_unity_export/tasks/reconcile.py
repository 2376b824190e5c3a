"""Job `reconcile`: finds branches whose export is behind their head, and starts `export_tables` for them.

It needs no hook: on a schedule it is polling, and after an outage it is the recovery. It lists the branches of each
repository and the schemas of each catalog once, so that its cost hardly follows the number of branches: only one that
was never exported is looked into.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from typing import TextIO

from lakefs_unity_export import events, names, property_values
from lakefs_unity_export.access.lakefs_connection import Credentials
from lakefs_unity_export.checks.probe import PREFIX
from lakefs_unity_export.commit import descriptors
from lakefs_unity_export.commit.descriptor_files import Contents, read_files
from lakefs_unity_export.commit.descriptors import NamingRules
from lakefs_unity_export.errors import (
    ExportError,
    InvalidNameError,
    ReconcileError,
    SettingsError,
    WatermarkConflictError,
    WorkspaceNotFoundError,
)
from lakefs_unity_export.export.state import ExportState, read_state
from lakefs_unity_export.ports import ExportRuns, LakeFSReader, UnityCatalog
from lakefs_unity_export.servers.lakefs_client import LakeFSClient
from lakefs_unity_export.servers.workspace import task_runtime

# What to set, for each parameter that the task cannot do without.
_REQUIRED = {
    "repositories": "set the bundle variable reconcile_repositories to the lakeFS repositories, separated by commas",
    "lakefs_endpoint": "set the bundle variable of this name",
    "secret_scope": "set the bundle variable of this name",
    "catalog": "set the bundle variable of this name",
    "export_job_id": "deploy the bundle anew, and start the job, not this task alone",
    "run_id": "deploy the bundle anew, and start the job, not this task alone",
}


@dataclass(frozen=True, kw_only=True)
class ReconcileRequest:
    """The settings of the job. `repositories` and `branches` are separated by commas; branches may be patterns.

    `run_id` tells one reconcile from the next: a retry of it starts nothing twice. Raises SettingsError for a value
    that cannot be used.
    """

    repositories: str
    branches: str = "*"
    lakefs_endpoint: str
    secret_scope: str
    access_key_name: str = "lakefs-access-key-id"
    secret_key_name: str = "lakefs-secret-access-key"  # noqa: S105, the name of a secret, not a secret
    catalog: str
    schema_template: str = names.DEFAULT_SCHEMA_TEMPLATE
    table_descriptors_path: str = descriptors.DEFAULT_FOLDER
    table_defs: str = ""
    on_removed: str = "keep"
    export_job_id: str
    run_id: str = ""

    def __post_init__(self) -> None:
        if not _entries(self.repositories) or not _entries(self.branches):
            raise SettingsError(
                "repositories or branches name nothing; set the bundle variables reconcile_repositories and "
                "reconcile_branches"
            )
        try:
            for repository in _entries(self.repositories):
                _check_repository(repository)
                names.schema_name(self.schema_template, repository=repository, branch="main")
            names.check_identifier("catalog", self.catalog)
            names.table_path(self.table_descriptors_path)
        except InvalidNameError as error:
            raise SettingsError(f"catalog, schema_template or table_descriptors_path: {error}") from error
        names.check_setting("on_removed", self.on_removed, ("keep", "drop"))


@dataclass(frozen=True, kw_only=True)
class BranchReport:
    """What was found out about one branch, and the run that was started for it, if one was.

    `head` is the commit to export, `failure` says why the branch could not be looked at; both may be empty.
    """

    repository: str
    branch: str
    finding: str
    is_behind: bool = False
    head: str = ""
    failure: str = ""
    run_id: int | None = None

    def __str__(self) -> str:
        started = f"; started run {self.run_id}" if self.run_id is not None else ""
        return f"{self.repository}/{self.branch}: {self.finding}{started}"


def _entries(text: str) -> list[str]:
    return list(dict.fromkeys(entry.strip() for entry in text.split(",") if entry.strip()))


def _check_repository(repository: str) -> None:
    try:
        names.check_repository(repository)
    except SettingsError as error:
        raise SettingsError(f"bundle variable reconcile_repositories: {error}") from error


def reconcile(
    request: ReconcileRequest,
    lakefs_of: Callable[[str], LakeFSReader],
    unity_catalog: UnityCatalog,
    runs: ExportRuns,
    out: TextIO,
) -> list[BranchReport]:
    """Brings every branch on its way to its head, and prints what it found about each.

    `lakefs_of` gives the reader of a repository. Raises ReconcileError, after all others were looked at, where a
    repository or a branch could not be, or a run could not be started.
    """
    schemas = _Schemas(unity_catalog, own=request.catalog)
    active = {(run.get("repository", ""), run.get("branch", "")) for run in runs.active()}
    reports, failures = list[BranchReport](), list[str]()
    for repository in _entries(request.repositories):
        look = _Look(request=request, repository=repository, lakefs=lakefs_of(repository), schemas=schemas)
        try:
            names.check_readable(repository)
            found = list(look.reports())
        except ExportError as error:
            failures.append(f"{repository}: {error}")
            continue
        for report in found:
            reports.append(_acted_on(request, report, active, runs, failures))
            print(reports[-1], file=out)
    started = sum(report.run_id is not None for report in reports)
    print(f"{len(reports)} branches looked at, {started} runs started", file=out)
    if failures:
        raise ReconcileError("\n".join([f"{len(failures)} could not be looked at, or started:", *failures]))
    return reports


def _acted_on(
    request: ReconcileRequest,
    report: BranchReport,
    active: set[tuple[str, str]],
    runs: ExportRuns,
    failures: list[str],
) -> BranchReport:
    repository, branch = report.repository, report.branch
    if report.failure:
        failures.append(f"{repository}/{branch}: {report.failure}")
    if not report.is_behind:
        return report
    if (repository, branch) in active:
        return replace(report, finding=f"{report.finding}, and a run for it is active")
    token = events.idempotency_token(
        repository=repository, branch=branch, commit_id=report.head, event="reconcile", more=(request.run_id,)
    )
    parameters = {"repository": repository, "branch": branch, "event": "reconcile"}
    try:
        return replace(report, run_id=runs.start(parameters, idempotency_token=token))
    except ExportError as error:
        failures.append(f"{repository}/{branch}: {error}")
        return replace(report, finding=f"{report.finding}, and no run could start")


class _Schemas:
    """The schemas of catalogs with their properties, each catalog listed once."""

    def __init__(self, unity_catalog: UnityCatalog, *, own: str) -> None:
        self._unity_catalog = unity_catalog
        self.own = own.lower()
        self._known: dict[str, Mapping[str, Mapping[str, str]] | None] = {self.own: unity_catalog.schemas(self.own)}

    def of(self, catalog: str) -> Mapping[str, Mapping[str, str]] | None:
        """The properties of each schema of the catalog, or None where there is no such catalog."""
        if catalog not in self._known:
            try:
                self._known[catalog] = self._unity_catalog.schemas(catalog)
            except WorkspaceNotFoundError:
                self._known[catalog] = None
        return self._known[catalog]

    def properties(self, catalog: str, schema: str) -> Mapping[str, str]:
        """The properties of a schema, or none where it is not there."""
        listed = (self.of(catalog) or {}).get(schema)
        if listed is None or any(key.startswith("lakefs.") for key in listed):
            return listed or {}
        # Databricks documents properties for a listing, but does not promise them.
        return self._unity_catalog.schema_properties(catalog, schema) or {}


@dataclass(frozen=True, kw_only=True)
class _Look:
    """One repository, compared with what the schemas say of it."""

    request: ReconcileRequest
    repository: str
    lakefs: LakeFSReader
    schemas: _Schemas
    _contents: dict[str, Contents] = field(default_factory=dict)

    def reports(self) -> Iterator[BranchReport]:
        """What is true of each branch that the patterns name, also of those that are gone."""
        heads = self.lakefs.branches()
        for branch in sorted(filter(self._is_wanted, heads)):
            yield self._branch(branch, heads[branch])
        for branch in sorted(filter(self._is_wanted, set(self._followed().values()) - heads.keys())):
            yield self._gone(branch)

    def _is_wanted(self, branch: str) -> bool:
        if branch.startswith(PREFIX):  # check_setup's, for as long as a run of it takes
            return False
        return any(fnmatchcase(branch, pattern) for pattern in _entries(self.request.branches))

    def _followed(self) -> dict[str, str]:
        """The branch that each schema of the job's own catalog follows."""
        key = f"lakefs.{self.repository}.branch"
        schemas = self.schemas.of(self.schemas.own) or {}
        return {schema: properties[key] for schema, properties in schemas.items() if properties.get(key)}

    def _gone(self, branch: str) -> BranchReport:
        text, drops = "the branch is gone", self.request.on_removed == "drop"
        if not drops:
            text += "; its tables stay registered (on_removed is keep)"
        elif not self._can_be_removed(branch):
            drops = False
            text += "; its schema is not the one that schema_template gives it, so remove its tables by hand"
        return BranchReport(repository=self.repository, branch=branch, finding=text, is_behind=drops)

    def _can_be_removed(self, branch: str) -> bool:
        try:
            return self._followed().get(self._schema(names.check_branch(branch))) == branch
        except ExportError:  # somebody wrote into the property what is no branch's name
            return False

    def _branch(self, branch: str, head: str) -> BranchReport:
        at_head = f"exported up to its head {head}"
        report = BranchReport(repository=self.repository, branch=branch, finding=at_head, head=head)
        try:
            behind = self._behind(names.check_branch_folder(branch), head)
        except (WatermarkConflictError, InvalidNameError) as error:
            return replace(report, finding=f"cannot be exported: {error}")
        except ExportError as error:
            return replace(report, finding="could not be looked at", failure=str(error))
        return replace(report, finding=behind or at_head, is_behind=behind not in ("", _NO_TABLES))

    def _behind(self, branch: str, head: str) -> str:
        """How the branch is behind its head, in words, or nothing."""
        own = self._state(self.schemas.own, branch)
        if own == ExportState():
            is_described = any(self.schemas.of(catalog) is not None for catalog in self._described(branch, head))
            return "is not exported yet" if is_described else _NO_TABLES
        if text := _difference(own, head):
            return text
        for catalog in [each for each in own.catalogs if each != self.schemas.own]:
            state = self._state(catalog, branch)
            if state == ExportState():  # also where the catalog or the schema was dropped
                is_missing = self.schemas.of(catalog) is not None and catalog in self._described(branch, head)
                text = "is not exported yet" if is_missing else ""
            else:
                text = _difference(state, head)
            if text:
                return f"{text} (in catalog {catalog})"
        return ""

    def _schema(self, branch: str) -> str:
        schema = names.schema_name(self.request.schema_template, repository=self.repository, branch=branch)
        property_values.check_branch(branch)
        return schema

    def _state(self, catalog: str, branch: str) -> ExportState:
        schema = self._schema(branch)
        properties = self.schemas.properties(catalog, schema)
        return read_state(properties, repository=self.repository, branch=branch, schema=f"{catalog}.{schema}")

    def _described(self, branch: str, head: str) -> set[str]:
        """The catalogs that the branch's descriptors name. Those of one commit are read once."""
        folder = names.table_path(self.request.table_descriptors_path)
        rules = NamingRules(catalog=self.schemas.own, schema=self._schema(branch), folder=folder)
        if head not in self._contents:
            self._contents[head], _ = read_files(head, rules, _entries(self.request.table_defs), self.lakefs)
        return {each.name.catalog for each in descriptors.read_descriptors(self._contents[head], rules).tables}


# A run for such a branch would leave no trace, and so be started again each time.
_NO_TABLES = "no descriptor of it is one of a table that can be exported"


def _difference(state: ExportState, head: str) -> str:
    """How what a schema says is behind the branch's head, in words, or nothing."""
    if state.is_edited:
        return "its schema's properties were edited by hand"
    if state.watermark is None:
        return "its first export did not end well"
    if state.watermark.id != head:
        return f"is exported up to {state.watermark.id}, its head is {head}"
    return "an export of it did not end well" if state.attempts or state.forgets_attempts else ""


def parse_arguments(arguments: Sequence[str]) -> ReconcileRequest:
    """The request from the task's named parameters; those that are empty keep their default."""
    parser = argparse.ArgumentParser(prog="reconcile", allow_abbrev=False)
    for each in fields(ReconcileRequest):
        parser.add_argument(f"--{each.name}", default="")
    given = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value}
    for required, remedy in _REQUIRED.items():
        if required not in given:
            raise SettingsError(f"{required} is empty; {remedy}")
    return ReconcileRequest(**given)


def main() -> None:
    """The task's entry point. Exits with the message of an ExportError."""
    try:
        request = parse_arguments(sys.argv[1:])
        runtime = task_runtime(sys.stdout, with_task_values=False)
        credentials = Credentials(
            access_key_id=runtime.secret(request.secret_scope, request.access_key_name),
            secret_access_key=runtime.secret(request.secret_scope, request.secret_key_name),
        )

        def lakefs_of(repository: str) -> LakeFSClient:
            return LakeFSClient(endpoint=request.lakefs_endpoint, repository=repository, credentials=credentials)

        reconcile(request, lakefs_of, runtime.unity_catalog, runtime.export_runs(request.export_job_id), sys.stdout)
    except ExportError as error:
        sys.exit(f"{type(error).__name__}: {error}")
