"""What a workspace allows the job's identity, through the Databricks SDK."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, NotFound

from lakefs_unity_export.errors import SettingsError
from lakefs_unity_export.servers.workspace import translated
from lakefs_unity_export.setup_ports import ALL_USERS, ExternalLocation, Identity

_OF_THE_JOB = {"place": "the workspace", "remedy": "deploy the bundle anew"}


class WorkspaceSetupClient:
    """Reads only. Methods raise WorkspaceError, by cause."""

    def __init__(self, client: WorkspaceClient) -> None:
        self._client = client

    @property
    def url(self) -> str:
        """The workspace's address."""
        return str(self._client.config.host)

    def identity(self) -> Identity:
        """Who the job runs as. Of a service principal, SCIM answers the application id as user name."""
        with translated("own identity", "access to the workspace", place="the workspace"):
            me = self._client.current_user.me()
        return Identity(name=me.user_name or "", groups=frozenset(group.display or "" for group in me.groups or []))

    def owner(self, kind: str, full_name: str) -> str:
        """The owner of a catalog or schema, empty where it has none."""
        with translated(f"{kind} {full_name}", f"USE {kind.upper()}"):
            found = (self._client.catalogs if kind == "catalog" else self._client.schemas).get(full_name)
            return found.owner or ""

    def table_owners(self, catalog: str, schema: str) -> dict[str, str]:
        """The owner of every table of the schema that the identity can see."""
        with translated(f"tables of schema {catalog}.{schema}", "USE CATALOG and USE SCHEMA"):
            tables = self._client.tables.list(catalog, schema, omit_columns=True, omit_properties=True)
            return {table.name or "": table.owner or "" for table in tables}

    def privileges(self, kind: str, full_name: str, identity: Identity) -> frozenset[str]:
        """The identity's effective privileges on a securable, as SQL names them.

        Databricks documents that a principal is asked for, not whether its groups are heeded then: each is asked for.
        """
        with translated(f"grants on {kind} {full_name}", "MANAGE or BROWSE on it"):
            found = set(self._granted(kind, full_name, identity.name))
            for group in sorted({ALL_USERS, *identity.groups} - {""}):
                # Groups of the workspace alone are none to Unity Catalog, and can have no privilege.
                with suppress(NotFound, BadRequest):
                    found.update(self._granted(kind, full_name, group))
            return frozenset(found)

    def _granted(self, kind: str, full_name: str, principal: str) -> Iterator[str]:
        token: str | None = None
        while True:
            # 0: pages of the server's own length. A page may be empty and have another after it.
            page = self._client.grants.get_effective(
                kind, full_name, principal=principal, max_results=0, page_token=token
            )
            for assignment in page.privilege_assignments or []:
                yield from (_as_sql(each.privilege) for each in assignment.privileges or [] if each.privilege)
            token = page.next_page_token
            if not token:
                return

    def external_locations(self) -> list[ExternalLocation]:
        """The external locations on which the identity has any privilege."""
        with translated("external locations", "a privilege on one", place="Unity Catalog"):
            return [
                ExternalLocation(
                    name=found.name or "",
                    url=found.url or "",
                    owner=found.owner or "",
                    read_only=bool(found.read_only),
                )
                for found in self._client.external_locations.list(include_browse=True, max_results=0)
            ]

    def job_levels(self, job_id: str) -> dict[str, frozenset[str]]:
        """The permission levels on a job, by the name of who has them."""
        with translated(f"permissions of job {_job_number(job_id)}", "CAN VIEW on the job", **_OF_THE_JOB):
            entries = self._client.jobs.get_permissions(job_id).access_control_list or []
        return {
            entry.service_principal_name or entry.user_name or entry.group_name or "": frozenset(
                each.permission_level.value for each in entry.all_permissions or [] if each.permission_level
            )
            for entry in entries
        }

    def pause_status(self, job_id: str) -> str:
        """Whether the schedule of a job is `PAUSED` or `UNPAUSED`; empty where it has none."""
        number = _job_number(job_id)
        with translated(f"job {number}", "CAN VIEW on the job", **_OF_THE_JOB):
            settings = self._client.jobs.get(number).settings
        schedule = settings.schedule if settings else None
        # Databricks documents that a schedule without a status is in force.
        return "" if schedule is None else schedule.pause_status.value if schedule.pause_status else "UNPAUSED"


def _as_sql(privilege: Any) -> str:
    return str(privilege.value).replace("_", " ")


def _job_number(job_id: str) -> int:
    if not job_id.isdigit():
        raise SettingsError(f"{job_id!r} is not the id of a job; deploy the bundle anew")
    return int(job_id)
