"""What a run is asked to export: the job parameters and the bundle's settings, checked."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from lakefs_unity_export import events, names, property_values
from lakefs_unity_export.commit import descriptors
from lakefs_unity_export.errors import SettingsError

_REQUIRED = ("repository", "branch", "lakefs_endpoint", "secret_scope", "catalog", "target_base_location")


@dataclass(frozen=True, kw_only=True)
class Request:
    """The job parameters and the bundle's settings, as the task's named parameters give them."""

    repository: str
    branch: str
    commit_id: str = ""
    event: str = "manual"
    mode: str = "changed"
    snapshot: str = "commit"
    page_after: str = ""
    base_commit: str = ""
    page_failed: str = ""
    lakefs_endpoint: str
    secret_scope: str
    access_key_name: str = "lakefs-access-key-id"
    secret_key_name: str = "lakefs-secret-access-key"  # noqa: S105, the name of a secret, not a secret
    catalog: str
    schema_template: str = names.DEFAULT_SCHEMA_TEMPLATE
    target_base_location: str
    table_descriptors_path: str = descriptors.DEFAULT_FOLDER
    table_defs: str = ""
    on_removed: str = "keep"
    job_id: str = ""
    run_id: str = ""

    def checked(self) -> "Request":
        """The request. Raises SettingsError or InvalidNameError for a value that cannot be used."""
        names.check_readable(names.check_repository(self.repository))
        property_values.check_branch(names.check_branch_folder(names.check_branch(self.branch)))
        names.check_commit_id(self.commit_id)
        names.check_choice("event", self.event, events.EVENTS)
        names.check_choice("mode", self.mode, ("changed", "full"))
        names.check_choice("snapshot", self.snapshot, ("commit", "latest"))
        names.check_choice("page_failed", self.page_failed, ("", "true"))
        names.check_setting("on_removed", self.on_removed, ("keep", "drop"))
        continues = bool(self.page_after or self.base_commit or self.page_failed)
        if continues != (self.event == "next_page") or (continues and not self.page_after):
            raise SettingsError(
                "job parameters page_after, base_commit and page_failed are for runs that another run starts "
                "(event next_page); leave them empty"
            )
        return self

    def for_head(self) -> "Request":
        """The request for the branch's head, from the first page on."""
        event = "reconcile" if self.event == "next_page" else self.event
        return replace(self, commit_id="", event=event, page_after="", base_commit="", page_failed="")

    @property
    def descriptor_names(self) -> list[str]:
        """The entries of `table_defs`; none means every descriptor."""
        return [entry.strip() for entry in self.table_defs.split(",") if entry.strip()]


def parse_arguments(arguments: Sequence[str]) -> Request:
    """The request from the task's named parameters (`--name=value`); parameters that are empty keep their default."""
    parser = argparse.ArgumentParser(prog="list_changed_tables", allow_abbrev=False)
    for each in fields(Request):
        parser.add_argument(f"--{each.name}", default="")
    given: dict[str, Any] = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value}
    for required in _REQUIRED:
        if required not in given:
            raise SettingsError(f"{required} is empty; set the job parameter or the bundle variable of this name")
    return Request(**given)
