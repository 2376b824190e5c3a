"""Delta tables as the clone task needs them. Used by path, so that no catalog is asked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Commit:
    """One commit of a Delta table, as its history shows it: `operation` is Delta's name for what was done.

    `files` and `bytes` are those of the table that was cloned, where the commit is a clone.
    """

    version: int
    operation: str
    user_metadata: str | None = None
    user: str | None = None
    files: int | None = None
    bytes: int | None = None

    def __str__(self) -> str:
        by = f" by {self.user}" if self.user else ""
        return f"version {self.version} ({self.operation}{by})"


@dataclass(frozen=True, kw_only=True)
class TableState:
    """The newest version of a Delta table. `location` is its own, also where a path inside it was asked for."""

    location: str
    newest: Commit
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> int:
        """The number of the newest version."""
        return self.newest.version


@dataclass(frozen=True, kw_only=True)
class TableDetail:
    """All that the newest version of a Delta table says of itself, which costs more the more files it has.

    `features` are those that its protocol names, or stands for.
    """

    location: str
    comment: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    features: frozenset[str] = frozenset()
    files: int = 0
    bytes: int = 0


class OpenTable(Protocol):
    """A Delta table whose newest version was read, for all that is to be done with it."""

    @property
    def detail(self) -> TableDetail:
        """What the table says of itself."""

    def data_files(self) -> Sequence[str]:
        """The URIs of the files that hold the rows."""

    def clone(
        self, target: str, *, properties: Mapping[str, str], user_metadata: str | None, is_shallow: bool = True
    ) -> None:
        """Make the target a clone of the table, keeping the target's history."""


class DeltaTables(Protocol):
    """What the clone task does with Delta tables."""

    def look(self, path: str) -> TableState | None:
        """The table that the path belongs to, or None where it belongs to none."""

    def open(self, path: str) -> OpenTable | None:
        """The table that the path belongs to, or None where it belongs to none."""

    def newest(self, path: str) -> Commit | None:
        """The newest commit of the table at this path, or None where there is none."""

    def history(self, path: str) -> Iterator[Commit]:
        """The commits of the table that its log still holds, newest first."""

    def holds_files(self, path: str) -> bool:
        """Whether there is any file under the path."""

    def create(self, path: str, *, properties: Mapping[str, str], user_metadata: str) -> None:
        """Make a table without columns or rows at a path where there is none."""

    def set_comment(self, path: str, comment: str, *, user_metadata: str) -> None:
        """Set the table's comment."""

    def set_properties(self, path: str, properties: Mapping[str, str], *, user_metadata: str) -> None:
        """Set these properties of the table, and leave the others."""
