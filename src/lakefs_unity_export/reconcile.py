"""Job `reconcile`: finds branches whose export is behind their head, and starts `export_tables` for them.

It needs no hook: on a schedule it is polling, and after an outage it is the recovery. It reads one page of branches
of a repository and one of schemas of the catalog, so that its cost hardly follows the number of branches.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import TextIO

from lakefs_unity_export import descriptors, events, names
from lakefs_unity_export.descriptor_files import read_files
from lakefs_unity_export.descriptors import NamingRules
from lakefs_unity_export.errors import (
    ExportError,
    InvalidNameError,
    ReconcileError,
    SettingsError,
    WatermarkConflictError,
    WorkspaceNotFoundError,
)
from lakefs_unity_export.export_state import read_state
from lakefs_unity_export.lakefs_client import Credentials, LakeFSClient
from lakefs_unity_export.ports import ExportRuns, LakeFSReader, UnityCatalog
from lakefs_unity_export.workspace import task_runtime

_REQUIRED = ("repositories", "lakefs_endpoint", "secret_scope", "catalog", "export_job_id")


@dataclass(frozen=True, kw_only=True)
class ReconcileRequest:
    """The settings of the job. `repositories` and `branches` are separated by commas; branches may be patterns."""

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

    def checked(self) -> "ReconcileRequest":
        """The request. Raises SettingsError for a value that cannot be used."""
        for repository in _entries(self.repositories):
            names.check_repository(repository)
        if not _entries(self.repositories) or not _entries(self.branches):
            raise SettingsError("repositories or branches name nothing; set the bundle variables reconcile_*")
        names.check_setting("on_removed", self.on_removed, ("keep", "drop"))
        return self


@dataclass(frozen=True, kw_only=True)
class BranchReport:
    """What was found out about one branch, and the run that was started for it, if one was."""

    repository: str
    branch: str
    finding: str
    run_id: int | None = None

    def __str__(self) -> str:
        started = f"; started run {self.run_id}" if self.run_id is not None else ""
        return f"{self.repository}/{self.branch}: {self.finding}{started}"


def _entries(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def reconcile(
    request: ReconcileRequest,
    lakefs_of: Callable[[str], LakeFSReader],
    unity_catalog: UnityCatalog,
    runs: ExportRuns,
    out: TextIO,
) -> list[BranchReport]:
    """Brings every branch on its way to its head, and prints what it found about each.

    `lakefs_of` gives the reader of a repository. Raises ReconcileError, after all others were looked at, where a
    repository or a branch could not be.
    """
    request = request.checked()
    schemas = unity_catalog.schemas(request.catalog)
    active = {(run.get("repository", ""), run.get("branch", "")) for run in runs.active()}
    reports, failures = list[BranchReport](), list[str]()
    for repository in _entries(request.repositories):
        look = _Look(request=request, repository=repository, lakefs=lakefs_of(repository), unity_catalog=unity_catalog)
        try:
            findings = list(look.findings(schemas))
        except ExportError as error:
            failures.append(f"{repository}: {error}")
            continue
        for finding in findings:
            reports.append(_acted_on(request, finding, active, runs, failures))
            print(reports[-1], file=out)
    if failures:
        raise ReconcileError("\n".join([f"{len(failures)} could not be looked at:", *failures]))
    return reports


@dataclass(frozen=True, kw_only=True)
class _Finding:
    """A branch, what is to be said of it, and the commit to export; none where nothing is to be done."""

    repository: str
    branch: str
    text: str
    is_behind: bool = False
    commit_id: str = ""


def _acted_on(
    request: ReconcileRequest,
    finding: _Finding,
    active: set[tuple[str, str]],
    runs: ExportRuns,
    failures: list[str],
) -> BranchReport:
    repository, branch = finding.repository, finding.branch
    if not finding.is_behind:
        return BranchReport(repository=repository, branch=branch, finding=finding.text)
    if (repository, branch) in active:
        text = f"{finding.text}, and a run for it is active"
        return BranchReport(repository=repository, branch=branch, finding=text)
    parameters = {"repository": repository, "branch": branch, "event": "reconcile"}
    token = events.idempotency_token(
        repository=repository, branch=branch, commit_id=finding.commit_id, event="reconcile", more=(request.run_id,)
    )
    try:
        run_id = runs.start(parameters, idempotency_token=token)
    except ExportError as error:
        failures.append(f"{repository}/{branch}: {error}")
        return BranchReport(repository=repository, branch=branch, finding=f"{finding.text}, and no run could start")
    return BranchReport(repository=repository, branch=branch, finding=finding.text, run_id=run_id)


@dataclass(frozen=True, kw_only=True)
class _Look:
    """One repository, compared with what the schemas say of it."""

    request: ReconcileRequest
    repository: str
    lakefs: LakeFSReader
    unity_catalog: UnityCatalog

    def findings(self, schemas: Mapping[str, Mapping[str, str]]) -> Iterator[_Finding]:
        """What is true of each branch that the patterns name, also of those that are gone."""
        heads = self.lakefs.branches()
        for branch in sorted(filter(self._is_wanted, heads)):
            yield self._branch(branch, heads[branch], schemas)
        exported = {properties.get(f"lakefs.{self.repository}.branch", "") for properties in schemas.values()}
        for branch in sorted(filter(self._is_wanted, exported - heads.keys() - {""})):
            drops = self.request.on_removed == "drop"
            text = "the branch is gone" + ("" if drops else "; its tables stay registered (on_removed is keep)")
            yield _Finding(repository=self.repository, branch=branch, text=text, is_behind=drops)

    def _is_wanted(self, branch: str) -> bool:
        return any(fnmatchcase(branch, pattern) for pattern in _entries(self.request.branches))

    def _branch(self, branch: str, head: str, schemas: Mapping[str, Mapping[str, str]]) -> _Finding:
        try:
            text = self._behind(branch, head, schemas)
        except (WatermarkConflictError, InvalidNameError) as error:
            return _Finding(repository=self.repository, branch=branch, text=f"cannot be exported: {error}")
        at_head = f"exported up to its head {head}"
        return _Finding(
            repository=self.repository,
            branch=branch,
            text=text or at_head,
            is_behind=bool(text) and text != _NO_TABLES,
            commit_id=head,
        )

    def _behind(self, branch: str, head: str, schemas: Mapping[str, Mapping[str, str]]) -> str:
        """How the branch is behind its head, in words, or nothing."""
        schema = names.schema_name(self.request.schema_template, repository=self.repository, branch=branch)
        state = read_state(
            schemas.get(schema, {}),
            repository=self.repository,
            branch=branch,
            schema=f"{self.request.catalog}.{schema}",
        )
        if state.is_edited:
            return "its schema's properties were edited by hand"
        if state.watermark is None:
            return "is not exported yet" if self._has_tables(head, schema) else _NO_TABLES
        if state.watermark.id != head:
            return f"is exported up to {state.watermark.id}, its head is {head}"
        return "an export of it did not end well" if state.attempts or state.forgets_attempts else ""

    def _has_tables(self, head: str, schema: str) -> bool:
        folder = names.table_path(self.request.table_descriptors_path)
        rules = NamingRules(catalog=self.request.catalog, schema=schema, folder=folder)
        contents, _ = read_files(head, rules, _entries(self.request.table_defs), self.lakefs)
        catalogs = {each.name.catalog for each in descriptors.read_descriptors(contents, rules).tables}
        return any(self._is_there(catalog, schema) for catalog in sorted(catalogs))

    def _is_there(self, catalog: str, schema: str) -> bool:
        try:
            self.unity_catalog.schema_properties(catalog, schema)
        except WorkspaceNotFoundError:
            return False
        return True


# A run for such a branch would leave no trace, and so be started again each time.
_NO_TABLES = "no descriptor of it is one of a table that can be exported"


def parse_arguments(arguments: Sequence[str]) -> ReconcileRequest:
    """The request from the task's named parameters; those that are empty keep their default."""
    parser = argparse.ArgumentParser(prog="reconcile", allow_abbrev=False)
    for each in fields(ReconcileRequest):
        parser.add_argument(f"--{each.name}", default="")
    given = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value}
    for required in _REQUIRED:
        if required not in given:
            raise SettingsError(f"{required} is empty; set the bundle variable for it")
    return ReconcileRequest(**given)


def main() -> None:
    """The task's entry point. Exits with the message of an ExportError."""
    try:
        request = parse_arguments(sys.argv[1:]).checked()
        runtime = task_runtime()
        credentials = Credentials(
            access_key_id=runtime.secret(request.secret_scope, request.access_key_name),
            secret_access_key=runtime.secret(request.secret_scope, request.secret_key_name),
        )

        def lakefs_of(repository: str) -> LakeFSClient:
            return LakeFSClient(endpoint=request.lakefs_endpoint, repository=repository, credentials=credentials)

        reconcile(request, lakefs_of, runtime.unity_catalog, runtime.export_runs(request.export_job_id), sys.stdout)
    except ExportError as error:
        sys.exit(f"{type(error).__name__}: {error}")
