"""What an export asks of the outside, as small interfaces: lakeFS, Unity Catalog, jobs, and the running task."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from lakefs_unity_export.errors import LakeFSError


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A commit: its full id and its generation (1 + the parents' maximum)."""

    id: str
    generation: int


@dataclass(frozen=True, kw_only=True)
class ObjectInfo:
    """An object at a ref: its path and its size in bytes."""

    path: str
    size: int


@dataclass(frozen=True, kw_only=True)
class DiffEntry:
    """One line of a diff: an object, or with the delimiter a folder (its path ends in `/`) that holds changes."""

    path: str
    type: str
    is_prefix: bool


@dataclass(frozen=True, kw_only=True)
class DiffPage:
    """One page of a diff, in UTF-8 byte order of the paths."""

    entries: tuple[DiffEntry, ...]
    has_more: bool


class DiffReader(Protocol):
    """Reads one page of the two_dot diff between two fixed commits."""

    def __call__(self, *, prefix: str, after: str, delimiter: str) -> DiffPage:
        """The page of entries under the prefix, after (exclusive) a key."""


class LakeFSReader(Protocol):
    """One repository of a lakeFS server. Every method raises LakeFSError, by cause."""

    def storage_namespace(self) -> str:
        """Where the server keeps the repository's objects, as it names it: `s3://bucket/prefix`, `local://name`, ..."""

    def branch_head(self, branch: str) -> str:
        """The id of the commit that the branch is at."""

    def branches(self) -> dict[str, str]:
        """Every branch of the repository, with the id of the commit that it is at."""

    def commit(self, commit_id: str) -> Commit:
        """The commit with this id."""

    def is_on_branch(self, commit_id: str, branch: str) -> bool:
        """Whether the branch's head is the commit or descends from it."""

    def list_objects(self, ref: str, prefix: str) -> Iterator[ObjectInfo]:
        """Every object under the prefix at the ref."""

    def read_objects(self, ref: str, paths: list[str]) -> dict[str, bytes | LakeFSError]:
        """The contents of the objects at the ref; for each, its bytes or why it could not be read."""

    def diff_reader(self, left: str, right: str) -> DiffReader:
        """A reader of the two_dot diff between two commits."""


@dataclass(frozen=True, kw_only=True)
class RegisteredTable:
    """A table as Unity Catalog knows it; the location is empty where it has none (a view).

    `repository`, `path` and `clone_method` are what its properties name, or empty.
    """

    name: str
    table_type: str
    storage_location: str
    repository: str = ""
    path: str = ""
    clone_method: str = ""


class TaskValues(Protocol):
    """Where a task leaves values for the tasks after it, and reads those of the tasks before it."""

    def set(self, key: str, value: Any) -> None:
        """Leave a value of at most 48 KiB as JSON."""

    def get(self, taskKey: str, key: str) -> Any:  # noqa: N803, as Databricks calls it
        """The value that the task left. Raises ValueError where there is no such task, or it left none."""


class UnityCatalog(Protocol):
    """What an export reads and writes in Unity Catalog."""

    def schema_properties(self, catalog: str, schema: str) -> dict[str, str] | None:
        """The schema's properties, or None where there is no such schema."""

    def set_schema_properties(self, catalog: str, schema: str, properties: Mapping[str, str]) -> None:
        """Replace the schema's properties."""

    def tables(self, catalog: str, schema: str) -> list[RegisteredTable]:
        """Every table and view of the schema."""

    def schemas(self, catalog: str) -> dict[str, dict[str, str]]:
        """The properties of every schema of the catalog, by the schema's name."""

    def create_schema(self, catalog: str, schema: str, properties: Mapping[str, str]) -> None:
        """Create a schema with these properties, unless it is there already."""

    def delete_schema(self, catalog: str, schema: str) -> None:
        """Delete an empty schema."""


class ExportRuns(Protocol):
    """Runs of the job `export_tables`."""

    def start(self, parameters: Mapping[str, str], *, idempotency_token: str) -> int:
        """Start a run with these job parameters, or find the one that has the token; its id."""

    def active(self) -> list[dict[str, str]]:
        """The job parameters of every run that is queued or running."""


class SecretReader(Protocol):
    """Reads a secret."""

    def __call__(self, scope: str, key: str) -> str:
        """The secret's value. Raises WorkspaceError where it cannot be read."""
