"""What `check_cluster` is asked to check, from the notebook's widgets."""

from collections.abc import Callable
from dataclasses import dataclass, fields

from lakefs_unity_export import names
from lakefs_unity_export.checks.handed_over import HandedOver
from lakefs_unity_export.checks.probe import PREFIX
from lakefs_unity_export.clones.methods import FIRST_METHOD, CloneMethod
from lakefs_unity_export.clones.request import CloneRequest


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """The job parameters and the bundle's settings as they came: whether they can be used is itself checked."""

    repository: str = ""
    branch: str = ""
    lakefs_endpoint: str = ""
    secret_scope: str = ""
    access_key_name: str = ""
    secret_key_name: str = ""
    catalog: str = ""
    target_base_location: str = ""
    clone_method: str = ""
    run_id: str = ""

    @classmethod
    def from_widgets(cls, value_of: Callable[[str], str]) -> "ClusterSettings":
        """From the notebook's widgets, given as a function of their name; one that is not there is empty."""
        return cls(**{each.name: _value(value_of, each.name) for each in fields(cls)})

    @property
    def target_base(self) -> str:
        """Where clones lie. Raises SettingsError where it cannot be used."""
        return names.target_base(self.target_base_location)

    @property
    def probe_folder(self) -> str:
        """Where this run writes, and nobody else. Raises SettingsError.

        It lies in a folder of all such runs, and not beside those of branches: Unity Catalog refuses to list a path
        that encloses registered tables, and what an earlier run left could not be found there.
        """
        return f"{self.probes_folder}/{PREFIX}{self.run_id}"

    @property
    def probes_folder(self) -> str:
        """The folder of all runs. Raises SettingsError."""
        return f"{self.target_base}/{PREFIX.removesuffix('_')}"

    def clone_request(self, handed: HandedOver, path: str, method: CloneMethod, *, line: int) -> CloneRequest:
        """What an export would ask of `clone_table`, but for a target of this run's. Raises SettingsError.

        line: a higher one clones over what is there, as the export of another commit would; of a table of the check's
        own, it clones from a branch where the table has changed.
        """
        # As an export would register it, in the schema that the check makes for itself.
        table = names.quoted(self.catalog, PREFIX + self.run_id, method)
        return self._request(handed, table, path, f"{self.probe_folder}/{method}", method=method, line=line)

    def export_request(self, handed: HandedOver, table: str, path: str) -> CloneRequest:
        """What an export of the head would ask of `clone_table` for this table, by its quoted full name.

        Raises SettingsError or InvalidNameError.
        """
        name = names.read_quoted(table).table
        target = names.target_path(target_base_location=self.target_base, branch=self.branch, table=name)
        return self._request(handed, table, path, target, method=FIRST_METHOD, line=0)

    def _request(
        self, handed: HandedOver, table: str, path: str, target: str, *, method: CloneMethod, line: int
    ) -> CloneRequest:
        ref = handed.ref_of(path, line=line)
        return CloneRequest(
            repository=self.repository,
            branch=self.branch,
            commit_id=ref,
            commit_generation=handed.commit_generation,
            path=path,
            table=table,
            source_path=names.source_path(repository=self.repository, commit_id=ref, path=path),
            target_path=target,
            line=line,
            method=method,
            lakefs_endpoint=self.lakefs_endpoint,
            secret_scope=self.secret_scope,
            access_key_name=self.access_key_name,
            secret_key_name=self.secret_key_name,
        )


def _value(value_of: Callable[[str], str], name: str) -> str:
    try:
        return value_of(name)
    except Exception:  # dbutils has an error of its own for a widget that is not there
        return ""
