"""What an export asks of the Databricks workspace: schema properties, registered tables, secrets, task values."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TextIO

import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.errors import (
    BadRequest,
    NotFound,
    PermissionDenied,
    ResourceConflict,
    Unauthenticated,
)
from databricks.sdk.errors.base import DatabricksError

from lakefs_unity_export.access.secrets import read_secret
from lakefs_unity_export.clones import provenance
from lakefs_unity_export.errors import (
    SettingsError,
    WorkspaceAccessError,
    WorkspaceError,
    WorkspaceNotFoundError,
    WorkspaceUnavailableError,
)
from lakefs_unity_export.ports import ExportRuns, RegisteredTable, SecretReader, TaskValues, UnityCatalog
from lakefs_unity_export.servers.task_dbutils import task_dbutils

HTTP_TIMEOUT_SECONDS = 60
RETRY_TIMEOUT_SECONDS = 120
# Databricks puts properties of its own into a schema's map, seen in public reports. They are not ours to send back.
RESERVED_PROPERTIES = "unity.catalog.managed."


class WorkspaceUnityCatalog:
    """Unity Catalog through the Databricks SDK. Methods raise WorkspaceError, by cause."""

    def __init__(self, client: WorkspaceClient) -> None:
        self._client = client

    def schema_properties(self, catalog: str, schema: str) -> dict[str, str] | None:
        """The schema's properties, but for those of Databricks itself, or None where there is no such schema.

        Raises WorkspaceNotFoundError where there is no such catalog.
        """
        try:
            with translated(f"schema {catalog}.{schema}", "USE CATALOG and USE SCHEMA"):
                return _not_reserved(self._client.schemas.get(f"{catalog}.{schema}").properties)
        except WorkspaceNotFoundError:
            self._require_catalog(catalog)
            return None

    def _require_catalog(self, catalog: str) -> None:
        with translated(f"catalog {catalog}", "USE CATALOG"):
            self._client.catalogs.get(catalog)

    def set_schema_properties(self, catalog: str, schema: str, properties: Mapping[str, str]) -> None:
        """Replace the schema's properties: the API knows no other way (it replaces the whole map).

        Raises ValueError for no properties: the open-source server takes an empty map for no change, and Databricks
        is reported to refuse a request that changes nothing.
        """
        if not properties:
            raise ValueError(f"no properties to replace those of schema {catalog}.{schema} with")
        with translated(f"properties of schema {catalog}.{schema}", "MANAGE (or ownership) on the schema"):
            self._client.schemas.update(f"{catalog}.{schema}", properties=dict(properties))

    def tables(self, catalog: str, schema: str) -> list[RegisteredTable]:
        """Every table and view of the schema that the job's identity can see."""
        with translated(f"tables of schema {catalog}.{schema}", "USE CATALOG and USE SCHEMA"):
            return [
                RegisteredTable(
                    name=table.name or "",
                    table_type=table.table_type.value if table.table_type else "",
                    storage_location=table.storage_location or "",
                    repository=(table.properties or {}).get(provenance.REPOSITORY, ""),
                    path=(table.properties or {}).get(provenance.PATH, ""),
                    clone_method=(table.properties or {}).get(provenance.CLONE_METHOD, ""),
                )
                for table in self._client.tables.list(catalog, schema, omit_columns=True)
            ]

    def schemas(self, catalog: str) -> dict[str, dict[str, str]]:
        """The properties of every schema of the catalog that the job's identity can see, by the schema's name."""
        with translated(f"schemas of catalog {catalog}", "USE CATALOG and USE SCHEMA"):
            return {
                schema.name or "": _not_reserved(schema.properties) for schema in self._client.schemas.list(catalog)
            }

    def create_schema(self, catalog: str, schema: str, properties: Mapping[str, str]) -> None:
        """Create a schema with these properties, unless it is there already."""
        with translated(f"schema {catalog}.{schema}", "USE CATALOG and CREATE SCHEMA on the catalog"):
            try:
                self._client.schemas.create(schema, catalog, properties=dict(properties))
            except DatabricksError as error:  # SCHEMA_ALREADY_EXISTS is none of the codes that the SDK has a class for
                if not (error.error_code or "").endswith("ALREADY_EXISTS"):
                    raise

    def delete_schema(self, catalog: str, schema: str) -> None:
        """Delete an empty schema.

        The open-source server answers with a text, which the SDK cannot read: whether the schema is gone is looked up.
        """
        with translated(f"schema {catalog}.{schema}", "MANAGE (or ownership) on the schema"):
            try:
                self._client.schemas.delete(f"{catalog}.{schema}")
            except requests.exceptions.JSONDecodeError:
                if self.schema_properties(catalog, schema) is not None:
                    raise


def _not_reserved(properties: Mapping[str, str] | None) -> dict[str, str]:
    return {key: value for key, value in (properties or {}).items() if not key.startswith(RESERVED_PROPERTIES)}


# What is said where the job is not there.
_OF_THE_JOB = {"place": "the workspace", "remedy": "deploy the bundle anew"}


class WorkspaceExportRuns:
    """Runs of one job through the Databricks SDK. Methods raise WorkspaceError, by cause."""

    def __init__(self, client: WorkspaceClient, job_id: str) -> None:
        self._client = client
        self._job_id = job_id

    def start(self, parameters: Mapping[str, str], *, idempotency_token: str) -> int:
        """Start a run with these job parameters, or find the one that has the token; its id."""
        number = self._job_number()
        with translated(f"job {number}", "CAN MANAGE RUN on the job", **_OF_THE_JOB):
            waiter = self._client.jobs.run_now(
                number, job_parameters=dict(parameters), idempotency_token=idempotency_token
            )
            return int(waiter.run_id)

    def active(self) -> list[dict[str, str]]:
        """The job parameters of every run that is queued or running."""
        number = self._job_number()
        with translated(f"runs of job {number}", "CAN MANAGE RUN on the job", **_OF_THE_JOB):
            return [
                {parameter.name or "": parameter.value or parameter.default or "" for parameter in run.job_parameters}
                for run in self._client.jobs.list_runs(job_id=number, active_only=True)
                if run.job_parameters
            ]

    def _job_number(self) -> int:
        if not self._job_id.isdigit():
            raise SettingsError(f"job_id is {self._job_id!r}, not the id of a job; deploy the bundle anew")
        return int(self._job_id)


@dataclass(frozen=True, kw_only=True)
class WorkspaceAccess:
    """A workspace, and the token or the service principal (OAuth) to use it with."""

    host: str
    token: str = field(default="", repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)


def workspace_client(
    access: WorkspaceAccess, *, http_timeout_seconds: int, retry_timeout_seconds: int, connections: int
) -> WorkspaceClient:
    """A client outside a task, with these credentials whatever else the environment holds.

    `connections` are those kept open. Raises WorkspaceError where the SDK cannot use the credentials.
    """
    with translated("workspace", "access to the workspace"):
        return WorkspaceClient(
            config=Config(
                host=access.host,
                auth_type="pat" if access.token else "oauth-m2m",
                http_timeout_seconds=http_timeout_seconds,
                retry_timeout_seconds=retry_timeout_seconds,
                # The SDK hands the one on as the other (seen in 0.156), and a full pool makes calls wait.
                max_connection_pools=connections,
                max_connections_per_pool=connections,
                token=access.token or None,
                client_id=access.client_id or None,
                client_secret=access.client_secret or None,
            )
        )


@dataclass(frozen=True, kw_only=True)
class TaskRuntime:
    """What Databricks hands to a running task."""

    dbutils: Any
    client: WorkspaceClient
    unity_catalog: UnityCatalog
    secret: SecretReader
    export_runs: Callable[[str], ExportRuns]

    @property
    def task_values(self) -> TaskValues:
        """What tasks of this run leave to each other."""
        values: TaskValues = self.dbutils.jobs.taskValues
        return values


def task_runtime(out: TextIO, *, with_task_values: bool = True) -> TaskRuntime:
    """The runtime of the Databricks task that this process runs in; says on `out` where its dbutils is from.

    with_task_values: whether the task leaves or reads any; without, `task_values` may lead nowhere.
    Raises WorkspaceError outside a task, and where the task can have no dbutils.
    """
    dbutils = task_dbutils(out, with_task_values=with_task_values)
    with translated("workspace", "access to the workspace"):
        config = Config(http_timeout_seconds=HTTP_TIMEOUT_SECONDS, retry_timeout_seconds=RETRY_TIMEOUT_SECONDS)
        client = WorkspaceClient(config=config)
    return TaskRuntime(
        dbutils=dbutils,
        client=client,
        unity_catalog=WorkspaceUnityCatalog(client),
        secret=lambda scope, key: read_secret(dbutils, scope, key),
        export_runs=lambda job_id: WorkspaceExportRuns(client, job_id),
    )


@contextmanager
def translated(
    what: str, privilege: str, *, place: str = "Unity Catalog", remedy: str = "create it, or correct the catalog"
) -> Iterator[None]:
    """Turns the SDK's errors about `what` into ours; `privilege` is what the identity needs for it.

    `place` and `remedy` say where it was looked for, and what to do where it is missing.
    """
    try:
        yield
    except Unauthenticated as error:
        raise WorkspaceAccessError(f"Databricks refused the job's identity for the {what}: {_line(error)}") from error
    except PermissionDenied as error:
        raise WorkspaceAccessError(
            f"the job's identity may not use the {what}: {_line(error)}; grant it {privilege}"
        ) from error
    except NotFound as error:
        raise WorkspaceNotFoundError(f"{place} has no {what}: {_line(error)}; {remedy}") from error
    except (BadRequest, ResourceConflict) as error:
        raise WorkspaceError(f"Databricks refused what was asked of the {what}: {_line(error)}") from error
    except (DatabricksError, requests.RequestException, TimeoutError) as error:
        raise WorkspaceUnavailableError(
            f"Databricks did not answer for the {what}, also after retries: {_line(error)}; repair the run later"
        ) from error
    except ValueError as error:  # the SDK's way to say that it got no token, or found no credentials
        raise WorkspaceAccessError(f"Databricks gave no access to the {what}: {_line(error)}") from error


def _line(error: BaseException) -> str:
    line = " ".join(str(error).split())[:300] or type(error).__name__
    # The SDK gives up with a TimeoutError that says for how long it tried, not what stood in the way.
    cause = error.__cause__ if isinstance(error, TimeoutError) else None
    return f"{line}, lastly with: {_line(cause)}" if cause else line
