"""What `check_setup` is asked to check: the settings of an export, and what else an installation consists of."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields

from lakefs_unity_export.export.request import Request, parse_arguments


@dataclass(frozen=True, kw_only=True)
class CheckSettings:
    """The job parameters and the bundle's settings as they came: whether they can be used is itself checked.

    export_job_id, reconcile_job_id: the jobs of the same deployment. job_id, run_id: this job, and this run of it.
    """

    repository: str = ""
    branch: str = ""
    lakefs_endpoint: str = ""
    secret_scope: str = ""
    access_key_name: str = ""
    secret_key_name: str = ""
    catalog: str = ""
    schema_template: str = ""
    target_base_location: str = ""
    table_descriptors_path: str = ""
    table_defs: str = ""
    clone_method: str = ""
    on_removed: str = ""
    export_job_id: str = ""
    reconcile_job_id: str = ""
    hook_service_principal: str = ""
    job_id: str = ""
    run_id: str = ""

    def request(self) -> Request:
        """What an export of the branch's head would be asked for.

        Raises SettingsError or InvalidNameError where it would refuse.
        """
        taken = {each.name for each in fields(Request)}
        given = {each.name: str(getattr(self, each.name)) for each in fields(self) if each.name in taken}
        return parse_arguments([f"--{name}={value}" for name, value in given.items()])


def parse_settings(arguments: Sequence[str]) -> CheckSettings:
    """The settings from the task's named parameters (`--name=value`)."""
    parser = argparse.ArgumentParser(prog="check_lakefs_and_catalog", allow_abbrev=False)
    for each in fields(CheckSettings):
        parser.add_argument(f"--{each.name}", default="")
    return CheckSettings(**vars(parser.parse_args(arguments)))
