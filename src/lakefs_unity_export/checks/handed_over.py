"""What one checking task hands to the next, which cannot find it out itself."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from lakefs_unity_export.clones.methods import CloneMethod

# Under which key, and by which task.
KEY = "for_cluster"
TASK = "check_lakefs_and_catalog"
CLONES_KEY = "clones"
CLONES_TASK = "check_cluster"
REGISTERED_KEY = "registered"
REGISTERED_TASK = "check_warehouse"
AGAIN_KEY = "cloned_again"
AGAIN_TASK = "check_cluster_again"
# So many tables are tried as the source of a clone.
MOST_TABLES = 5
# The targets of so many tables are looked at, a fraction of a second each.
MOST_TARGETS = 10

_Left = TypeVar("_Left")


@dataclass(frozen=True, kw_only=True)
class OwnTable:
    """A table that check_setup wrote itself: its path, and the branches that have it, each after a further change.

    Both are empty where it wrote none.
    """

    path: str = ""
    branches: tuple[str, ...] = ()

    def has(self, path: str) -> bool:
        """Whether the path is the table's, or of a file in it."""
        return bool(self.branches) and f"{path}/".startswith(f"{self.path}/")


@dataclass(frozen=True, kw_only=True)
class HandedOver:
    """For `check_cluster`: the branch's head, and what is known for remedies. What could not be found out is empty.

    file, file_bytes: an object to read, and its size. tables: paths of tables that descriptors name. own_table: one to
    clone rather than these. targets: full names of tables, quoted, each with its path. methods: the clone methods that
    exports of the branch use. identity: who the job runs as. location: the external location.
    """

    commit_id: str = ""
    commit_generation: int = 0
    file: str = ""
    file_bytes: int = 0
    tables: tuple[str, ...] = ()
    own_table: OwnTable = field(default_factory=OwnTable)
    targets: Mapping[str, str] = field(default_factory=dict)
    methods: tuple[str, ...] = ()
    identity: str = ""
    location: str = ""

    @property
    def sources(self) -> tuple[str, ...]:
        """Paths of tables to clone, the one to try first before others."""
        return (*([self.own_table.path] if self.own_table.branches else []), *self.tables)

    def ref_of(self, path: str, *, line: int = 0) -> str:
        """The lakeFS ref at which the path is there: the head, or a branch of the own table.

        line: how often the table has changed since it was first looked at, as far as it changes.
        """
        if not self.own_table.has(path):
            return self.commit_id
        return self.own_table.branches[min(line, len(self.own_table.branches) - 1)]

    def as_json(self) -> dict[str, Any]:
        """As a task value."""
        own_table = {"path": self.own_table.path, "branches": list(self.own_table.branches)}
        lists = {"tables": list(self.tables), "methods": list(self.methods)}
        return asdict(self) | lists | {"own_table": own_table}

    @classmethod
    def of_json(cls, fields: Mapping[str, Any]) -> "HandedOver":
        """What `as_json` wrote. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            commit_id=str(fields["commit_id"]),
            commit_generation=int(fields["commit_generation"]),
            file=str(fields["file"]),
            file_bytes=int(fields["file_bytes"]),
            tables=tuple(map(str, fields["tables"])),
            own_table=OwnTable(
                path=str(fields["own_table"]["path"]), branches=tuple(map(str, fields["own_table"]["branches"]))
            ),
            targets={str(table): str(path) for table, path in dict(fields["targets"]).items()},
            methods=tuple(map(str, fields["methods"])),
            identity=str(fields["identity"]),
            location=str(fields["location"]),
        )


def or_nothing(handed_over: Callable[[], _Left], nothing: _Left) -> _Left:
    """What a task before left; nothing where it cannot be read, as the report tells: its lines are missing too."""
    try:
        return handed_over()
    except Exception:  # dbutils documents ValueError, and its runtimes raise others
        return nothing


@dataclass(frozen=True, kw_only=True)
class TriedClone:
    """Where a clone lies, and at which version."""

    location: str
    version: int


@dataclass(frozen=True, kw_only=True)
class TriedClones:
    """For the tasks after `check_cluster`: the newest clone by each method that made one.

    methods_in_use: those of the branch's exports. source: the path of the table that was cloned.
    """

    made: Mapping[CloneMethod, TriedClone] = field(default_factory=dict)
    methods_in_use: frozenset[str] = frozenset()
    source: str = ""

    def as_json(self) -> dict[str, Any]:
        """As a task value."""
        made = {str(method): asdict(clone) for method, clone in self.made.items()}
        return {"made": made, "methods_in_use": sorted(self.methods_in_use), "source": self.source}

    @classmethod
    def of_json(cls, fields: Mapping[str, Any]) -> "TriedClones":
        """What `as_json` wrote. Raises KeyError, TypeError, ValueError or AttributeError for anything else."""
        made = {
            CloneMethod(method): TriedClone(location=str(clone["location"]), version=int(clone["version"]))
            for method, clone in fields["made"].items()
        }
        in_use = frozenset(map(str, fields["methods_in_use"]))
        return cls(made=made, methods_in_use=in_use, source=str(fields["source"]))


@dataclass(frozen=True, kw_only=True)
class RegisteredClones:
    """For the tasks after `check_warehouse`: the methods whose clones are registered, as which tables of SQL.

    commented, granted: those of them that were given a comment, and a grant.
    """

    tables: Mapping[CloneMethod, str] = field(default_factory=dict)
    commented: tuple[CloneMethod, ...] = ()
    granted: tuple[CloneMethod, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As a task value."""
        tables = {str(method): table for method, table in self.tables.items()}
        return {"tables": tables, "commented": list(self.commented), "granted": list(self.granted)}

    @classmethod
    def of_json(cls, fields: Mapping[str, Any]) -> "RegisteredClones":
        """What `as_json` wrote. Raises KeyError, TypeError, ValueError or AttributeError for anything else."""
        return cls(
            tables={CloneMethod(method): str(table) for method, table in fields["tables"].items()},
            commented=tuple(map(CloneMethod, fields["commented"])),
            granted=tuple(map(CloneMethod, fields["granted"])),
        )
