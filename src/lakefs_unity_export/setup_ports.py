"""What `check_setup` asks of the outside beside what an export does, as small interfaces."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

# The group that every identity of an account is in (Databricks documentation, "Groups").
ALL_USERS = "account users"


class Trouble(StrEnum):
    """Why a server gave no answer."""

    NAME = "its name cannot be resolved"
    CONNECTION = "no connection"
    TIME = "no answer in time"
    TLS = "no agreement on TLS"
    CLOSED = "the connection was closed without an answer"


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What a server answered: its status, and the body as it came."""

    status: int
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Unanswered:
    """Why there is no answer, and the innermost error's words."""

    trouble: Trouble
    words: str

    def __str__(self) -> str:
        return f"{self.trouble} ({self.words})"


class LakeFSServer(Protocol):
    """A lakeFS server, asked as it is: every answer and every lack of one is a value."""

    def ask(self, path: str, *, with_key: bool, **query: str) -> Answered | Unanswered:
        """What the server answers a GET below its API's path; `path` begins with `/`."""


class LakeFSBranches(Protocol):
    """Branches of one repository, made for a while. Every method raises LakeFSError, by cause."""

    def named(self, prefix: str) -> list[str]:
        """The branches whose names begin so."""

    def protection(self) -> list[str]:
        """The patterns (`*`, `?`) of the names of branches that may not be written to."""

    def oldest_commit(self, branch: str) -> str:
        """The id of the oldest commit of the branch that its log shows, as far as it is read."""

    def holds(self, commit_id: str, prefix: str) -> bool:
        """Whether the commit has an object whose path begins so."""

    def create(self, name: str, commit_id: str) -> None:
        """Make a branch at the commit; LakeFSError also where there is one of the name."""

    def write(self, name: str, path: str, content: bytes) -> None:
        """Write an object on the branch, without committing it."""

    def uncommitted(self, name: str, prefix: str) -> list[str]:
        """The paths that begin so of objects on the branch that differ from its last commit."""

    def is_there(self, name: str) -> bool:
        """Whether there is such a branch."""

    def delete(self, name: str) -> None:
        """Delete the branch, with what is not committed on it; nothing where there is none."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who the job runs as: a user's name or a service principal's application id, and the groups that it is in."""

    name: str
    groups: frozenset[str] = frozenset()

    def is_or_is_in(self, principal: str) -> bool:
        """Whether what the principal has, this identity has."""
        return principal in {self.name, *self.groups, ALL_USERS} - {""}


@dataclass(frozen=True, kw_only=True)
class ExternalLocation:
    """An external location of Unity Catalog. Its owner may do everything with it."""

    name: str
    url: str
    owner: str
    read_only: bool


class WorkspaceSetup(Protocol):
    """What a workspace allows the job's identity. Methods raise WorkspaceError, by cause."""

    @property
    def url(self) -> str:
        """The workspace's address."""

    def identity(self) -> Identity:
        """Who the job runs as."""

    def owner(self, kind: str, full_name: str) -> str:
        """The owner of a catalog or schema (`kind`), empty where it has none."""

    def table_owners(self, catalog: str, schema: str) -> dict[str, str]:
        """The owner of every table of the schema, by the table's name."""

    def privileges(self, kind: str, full_name: str, identity: Identity) -> frozenset[str]:
        """The identity's effective privileges on a securable, such as `USE CATALOG`; without what its owner has."""

    def external_locations(self) -> list[ExternalLocation]:
        """The external locations that the identity can see."""

    def job_levels(self, job_id: str) -> dict[str, frozenset[str]]:
        """The permission levels on a job, such as `CAN_MANAGE_RUN`, by the name of who has them."""

    def pause_status(self, job_id: str) -> str:
        """`PAUSED` or `UNPAUSED`, as the schedule of a job is; empty where it has none."""


@dataclass(frozen=True, kw_only=True)
class WarehouseInfo:
    """A SQL warehouse: its name, its type (`PRO` or `CLASSIC`) and its state, such as `RUNNING` or `STOPPED`."""

    name: str
    type: str
    state: str


class Warehouse(Protocol):
    """The SQL warehouse that registers tables. Methods raise WorkspaceError, by cause."""

    def info(self) -> WarehouseInfo:
        """What the workspace tells of it."""

    def query(self, statement: str) -> list[tuple[str | None, ...]]:
        """The rows of a small answer, for which it is started where it is stopped."""
