"""What a run is asked to export: the job parameters and the bundle's settings, each checked once."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from lakefs_unity_export import events, names, property_values
from lakefs_unity_export.clones.methods import FIRST_METHOD, METHODS, CloneMethod
from lakefs_unity_export.commit.descriptors import DEFAULT_FOLDER, NamingRules
from lakefs_unity_export.errors import InvalidNameError, SettingsError

_REQUIRED = ("repository", "branch", "lakefs_endpoint", "secret_scope", "catalog", "target_base_location")


@dataclass(frozen=True, kw_only=True)
class Request:
    """The job parameters and the bundle's settings, as the task's named parameters give them.

    Raises SettingsError or InvalidNameError for a job parameter that cannot be used.
    """

    repository: str
    branch: str
    commit_id: str = ""
    event: str = "manual"
    mode: str = "changed"
    snapshot: str = "commit"
    clone_method: str = FIRST_METHOD
    page_after: str = ""
    base_commit: str = ""
    page_failed: str = ""
    pages: str = ""
    lakefs_endpoint: str
    secret_scope: str
    access_key_name: str = "lakefs-access-key-id"
    secret_key_name: str = "lakefs-secret-access-key"  # noqa: S105, the name of a secret, not a secret
    catalog: str
    schema_template: str = names.DEFAULT_SCHEMA_TEMPLATE
    target_base_location: str
    table_descriptors_path: str = DEFAULT_FOLDER
    table_defs: str = ""
    on_removed: str = "keep"
    job_id: str = ""
    run_id: str = ""

    def __post_init__(self) -> None:
        names.check_readable(names.check_repository(self.repository))
        property_values.check_branch(names.check_branch_folder(names.check_branch(self.branch)))
        names.check_commit_id(self.commit_id)
        names.check_choice("event", self.event, events.EVENTS)
        names.check_choice("mode", self.mode, ("changed", "full"))
        names.check_choice("snapshot", self.snapshot, ("commit", "latest"))
        names.check_choice("clone_method", self.clone_method, METHODS)
        names.check_choice("page_failed", self.page_failed, ("", "true"))
        names.check_setting("on_removed", self.on_removed, ("keep", "drop"))
        continues = bool(self.page_after or self.base_commit or self.page_failed or self.pages)
        if continues != (self.event == "next_page") or (continues and not self.page_after):
            raise SettingsError(
                "job parameters page_after, base_commit, page_failed and pages are for runs that another run starts "
                "(event next_page); leave them empty"
            )

    def named(self) -> "NamedRequest":
        """What is to be exported, under the names that follow from the bundle's settings.

        Raises SettingsError or InvalidNameError for a setting that gives no valid name.
        """
        return NamedRequest(
            repository=self.repository,
            branch=self.branch,
            commit_id=self.commit_id,
            event=self.event,
            mode=self.mode,
            snapshot=self.snapshot,
            clone_method=CloneMethod(self.clone_method),
            page_after=self.page_after,
            base_commit=self.base_commit,
            page_failed=bool(self.page_failed),
            pages=self.pages,
            rules=self._naming_rules(),
            target_base_location=names.target_base(self.target_base_location),
            descriptor_names=tuple(entry.strip() for entry in self.table_defs.split(",") if entry.strip()),
            on_removed=self.on_removed,
        )

    def _naming_rules(self) -> NamingRules:
        try:
            folder = names.table_path(self.table_descriptors_path)
        except InvalidNameError as error:
            raise SettingsError(f"table_descriptors_path: {error}") from error
        return NamingRules(
            catalog=names.check_identifier("catalog", self.catalog),
            schema=names.schema_name(self.schema_template, repository=self.repository, branch=self.branch),
            folder=folder,
        )


@dataclass(frozen=True, kw_only=True)
class NamedRequest:
    """What is to be exported, where every value is checked and has its last form: made by `Request.named()`.

    `commit_id` is empty for the branch's head. `descriptor_names` are the entries of `table_defs`; none means every
    descriptor. `pages` is what a page is told by the one before, see `told_pages`.
    """

    repository: str
    branch: str
    commit_id: str
    event: str
    mode: str
    snapshot: str
    clone_method: CloneMethod
    page_after: str
    base_commit: str
    page_failed: bool
    pages: str
    rules: NamingRules
    target_base_location: str
    descriptor_names: tuple[str, ...]
    on_removed: str

    def for_head(self) -> "NamedRequest":
        """The request for the branch's head, from the first page on."""
        event = "reconcile" if self.event == "next_page" else self.event
        return replace(self, commit_id="", event=event, page_after="", base_commit="", page_failed=False, pages="")


def parse_arguments(arguments: Sequence[str]) -> Request:
    """The request from the task's named parameters (`--name=value`); parameters that are empty keep their default.

    Raises SettingsError where one is missing, and what Request raises.
    """
    parser = argparse.ArgumentParser(prog="list_changed_tables", allow_abbrev=False)
    for each in fields(Request):
        parser.add_argument(f"--{each.name}", default="")
    given: dict[str, Any] = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value}
    for required in _REQUIRED:
        if required not in given:
            raise SettingsError(f"{required} is empty; set the job parameter or the bundle variable of this name")
    return Request(**given)
