"""The installation as the checks of `check_lakefs_and_catalog` see it: what was read once is not read again."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from lakefs_unity_export.access.lakefs_connection import Credentials
from lakefs_unity_export.checks.handed_over import OwnTable
from lakefs_unity_export.checks.own_table import OwnTableProbe
from lakefs_unity_export.checks.probe import Probe, try_schema
from lakefs_unity_export.checks.redaction import Redaction
from lakefs_unity_export.checks.settings import CheckSettings
from lakefs_unity_export.commit import descriptors
from lakefs_unity_export.commit.descriptor_files import read_files
from lakefs_unity_export.commit.descriptors import DescriptorSet
from lakefs_unity_export.errors import LakeFSUnavailableError
from lakefs_unity_export.export.branch_schemas import BranchSchemas
from lakefs_unity_export.export.plan import SchemaState
from lakefs_unity_export.export.request import NamedRequest
from lakefs_unity_export.hook.files import MARKS
from lakefs_unity_export.ports import Commit, ExportRuns, LakeFSReader, SecretReader, UnityCatalog
from lakefs_unity_export.setup_ports import (
    Answered,
    ExternalLocation,
    Identity,
    LakeFSBranches,
    LakeFSServer,
    Unanswered,
    WorkspaceSetup,
)


@dataclass(kw_only=True)
class Setup:
    """An installation, and what reaches it. Properties raise what reading them raises, and are read once.

    dbutils_way: by which way the task got its dbutils. open_server, open_repository, open_branches: clients of the
    lakeFS that the settings name, all but the first with a key. own_runs: the runs of check_setup itself.
    known_descriptors: what `described` found, once it was read; none where it could not be. own_table: the one that was
    made, where one was.
    """

    settings: CheckSettings
    dbutils_way: str
    secret: SecretReader
    open_server: Callable[[str, Callable[[], Credentials]], LakeFSServer]
    open_repository: Callable[[str, str, Credentials], LakeFSReader]
    open_branches: Callable[[str, str, Credentials], LakeFSBranches]
    unity_catalog: UnityCatalog
    own_runs: ExportRuns
    workspace: WorkspaceSetup
    redaction: Redaction = field(default_factory=Redaction)
    known_descriptors: DescriptorSet = field(default_factory=DescriptorSet, init=False)
    own_table: OwnTable = field(default_factory=OwnTable, init=False)

    @cached_property
    def request(self) -> NamedRequest:
        """What an export of the branch's head would be asked for."""
        return self.settings.request().named()

    @cached_property
    def credentials(self) -> Credentials:
        """The key from the secret scope, which no text shows from now on."""
        asked = self.settings.request()
        key_id = self.secret(asked.secret_scope, asked.access_key_name)
        secret_key = self.secret(asked.secret_scope, asked.secret_key_name)
        self.redaction.add_pair(key_id, secret_key)
        return Credentials(access_key_id=key_id, secret_access_key=secret_key)

    @cached_property
    def server(self) -> LakeFSServer:
        """The lakeFS server, of which nothing is known yet."""
        return self.open_server(self.settings.lakefs_endpoint, lambda: self.credentials)

    @cached_property
    def repository_answer(self) -> Answered | Unanswered:
        """What the server answers about the repository, asked with the key."""
        return self.server.ask(f"/repositories/{self.request.repository}", with_key=True)

    @cached_property
    def health(self) -> Answered | Unanswered:
        """What the server answers when it is asked whether it is well."""
        return self.server.ask("/healthcheck", with_key=False)

    @cached_property
    def lakefs(self) -> LakeFSReader:
        """The repository, as exports read it. Raises LakeFSUnavailableError at once where no server answers.

        An export waits minutes for one that is silent, and tries again.
        """
        if isinstance(self.health, Unanswered):
            raise LakeFSUnavailableError(f"lakeFS: {self.health}; see the line lakefs_reachable")
        return self.open_repository(self.settings.lakefs_endpoint, self.request.repository, self.credentials)

    @cached_property
    def own_table_probe(self) -> OwnTableProbe:
        """What makes a table of this run's own in the repository."""
        branches = self.open_branches(self.settings.lakefs_endpoint, self.request.repository, self.credentials)
        return OwnTableProbe(branches, self.settings.run_id)

    @cached_property
    def head(self) -> Commit:
        """The commit that the branch is at."""
        return self.lakefs.commit(self.lakefs.branch_head(self.request.branch))

    @cached_property
    def server_version(self) -> str:
        """The version that the server says it is; empty where it says none, or not to this user."""
        answer = self.server.ask("/config", with_key=True)
        body = json_of(answer) if isinstance(answer, Answered) and answer.status == 200 else {}
        config = body.get("version_config")
        return str(config.get("version") or "") if isinstance(config, dict) else ""

    @cached_property
    def hook_files(self) -> dict[str, str]:
        """Those of a hook's files that the branch has, by their paths."""
        found = self.lakefs.read_objects(self.head.id, list(MARKS))
        return {path: text.decode("utf-8", "replace") for path, text in found.items() if isinstance(text, bytes)}

    @cached_property
    def described(self) -> DescriptorSet:
        """The table descriptors at the head."""
        rules = self.request.rules
        contents, notes = read_files(self.head.id, rules, self.request.descriptor_names, self.lakefs)
        found = descriptors.read_descriptors(contents, rules)
        self.known_descriptors = replace(found, notes=(*notes, *found.notes))
        return self.known_descriptors

    @property
    def catalogs(self) -> tuple[str, ...]:
        """The catalogs that tables go to: the job's own, then those that descriptors name, where these are known."""
        own = self.request.rules.catalog
        return (own, *sorted({table.name.catalog for table in self.known_descriptors.tables} - {own}))

    @cached_property
    def schemas(self) -> tuple[SchemaState, ...]:
        """The schemas of the branch, there or not."""
        return tuple(BranchSchemas(self.request, self.unity_catalog).described(self.known_descriptors)[0])

    @cached_property
    def external_locations(self) -> list[ExternalLocation]:
        """The external locations that the identity can see."""
        return self.workspace.external_locations()

    @cached_property
    def probe(self) -> Probe:
        """A schema in the job's catalog that was made and removed again."""
        return try_schema(self.unity_catalog, self.request.rules.catalog, self.settings.run_id)

    @cached_property
    def identity(self) -> Identity:
        """Who the job runs as."""
        return self.workspace.identity()

    def clear(self) -> None:
        """Remove what was made and is still there, as far as that can be done."""
        if self.own_table.branches:
            self.own_table_probe.remove()


def json_of(answer: Answered) -> Mapping[str, Any]:
    """The JSON object of an answer; an empty one where it is none."""
    try:
        body = json.loads(answer.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
