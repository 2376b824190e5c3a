"""Delta tables as the clone task needs them, on Spark. Used by path, so that no catalog is asked."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from lakefs_unity_export.clones.path_access import is_refusal
from lakefs_unity_export.clones.spark_errors import causes, condition

USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata"

_NO_TABLE = {"DELTA_TABLE_NOT_FOUND", "DELTA_MISSING_DELTA_TABLE", "DELTA_PATH_DOES_NOT_EXIST"}
_COMMIT_COLUMNS = ("version", "operation", "userMetadata", "userName")
_SAFE_IN_LITERAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,;:_-+/()[]")


@dataclass(frozen=True, kw_only=True)
class Commit:
    """One commit of a Delta table, as its history shows it: `operation` is Delta's name for what was done."""

    version: int
    operation: str
    user_metadata: str | None = None
    user: str | None = None

    def __str__(self) -> str:
        by = f" by {self.user}" if self.user else ""
        return f"version {self.version} ({self.operation}{by})"


@dataclass(frozen=True, kw_only=True)
class TableState:
    """The newest version of a Delta table. `location` is its own, also where a path inside it was asked for.

    `features` are those that its protocol names, or stands for.
    """

    location: str
    newest: Commit
    comment: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    features: frozenset[str] = frozenset()
    files: int = 0
    bytes: int = 0

    @property
    def version(self) -> int:
        """The number of the newest version."""
        return self.newest.version


class DeltaTables(Protocol):
    """What the clone task does with Delta tables."""

    def describe(self, path: str) -> TableState | None:
        """The table that the path belongs to, or None where it belongs to none."""

    def history(self, path: str) -> Iterator[Commit]:
        """The commits of the table that its log still holds, newest first."""

    def data_files(self, path: str) -> Sequence[str]:
        """The URIs of the files that hold the rows of the table's newest version."""

    def holds_files(self, path: str) -> bool:
        """Whether there is any file under the path."""

    def clone(
        self,
        source: str,
        target: str,
        *,
        properties: Mapping[str, str],
        user_metadata: str | None,
        is_shallow: bool = True,
    ) -> None:
        """Make the target a clone of the source's newest version, keeping the target's history."""

    def create(self, path: str, *, properties: Mapping[str, str], user_metadata: str) -> None:
        """Make a table without columns or rows at a path where there is none."""

    def set_comment(self, path: str, comment: str, *, user_metadata: str) -> None:
        """Set the table's comment."""

    def set_properties(self, path: str, properties: Mapping[str, str], *, user_metadata: str) -> None:
        """Set these properties of the table, and leave the others."""


class SparkDeltaTables:
    """Delta tables through a Spark session."""

    def __init__(self, spark: Any) -> None:
        self._spark = spark

    def describe(self, path: str) -> TableState | None:
        """One read of the newest state and one of the newest commit; no rows are read.

        Delta looks for a log in the folders above too, which Unity Catalog may refuse. What it says of the path itself
        counts, and what it says of a folder above never stands in for that.
        """
        from pyspark.errors import AnalysisException

        if not self._belongs_to_table(path):
            return None
        try:
            return self._state(path)
        except AnalysisException as error:
            enclosing = None if is_refusal(causes(error)) else self._enclosing(path)
            if enclosing is None and condition(error) not in _NO_TABLE:
                raise
            return enclosing

    def _belongs_to_table(self, path: str) -> bool:
        from delta.tables import DeltaTable

        try:
            return bool(DeltaTable.isDeltaTable(self._spark, path))
        except Exception as error:
            # Of the path or a folder above it. Delta asks the path first, so where that may be read, it has no log.
            if is_refusal(causes(error)) and self._may_read(path):
                return False
            raise

    def _may_read(self, path: str) -> bool:
        try:
            self.holds_files(path)
        except Exception:
            return False
        return True

    def _enclosing(self, path: str) -> TableState | None:
        """The table that the folder above is in, as far as it can be seen.

        Delta takes a path inside a table for one of its partitions, and fails where there is no such one.
        """
        try:
            return self.describe(path.rpartition("/")[0])
        except Exception:
            return None

    def _state(self, path: str) -> TableState:
        from delta.tables import DeltaTable

        table = DeltaTable.forPath(self._spark, path)
        detail = table.detail().first()
        newest = table.history(1).select(*_COMMIT_COLUMNS).first()
        return TableState(
            location=detail["location"],
            newest=_commit(newest),
            # Delta keeps a comment that was taken away as an empty one.
            comment=detail["description"] or None,
            properties=dict(detail["properties"]),
            features=frozenset(detail["tableFeatures"] or ()),
            files=detail["numFiles"],
            bytes=detail["sizeInBytes"],
        )

    def history(self, path: str) -> Iterator[Commit]:
        """Read commit by commit, so it costs more the longer the history is."""
        from delta.tables import DeltaTable

        entries = DeltaTable.forPath(self._spark, path).history().select(*_COMMIT_COLUMNS)
        return (_commit(entry) for entry in entries.collect())

    def data_files(self, path: str) -> Sequence[str]:
        """From the state that `describe` and `clone` read too; no file is opened."""
        from delta.tables import DeltaTable

        return list(DeltaTable.forPath(self._spark, path).toDF().inputFiles())

    def holds_files(self, path: str) -> bool:
        """Asked of Spark and not of the file system, since Unity Catalog lends its credentials to queries only."""
        from pyspark.errors import AnalysisException

        reader = self._spark.read.format("binaryFile").option("recursiveFileLookup", "true")
        try:
            return not reader.load(path).select("path").limit(1).isEmpty()
        except AnalysisException as error:
            if condition(error) == "PATH_NOT_FOUND":
                return False
            raise

    def clone(
        self,
        source: str,
        target: str,
        *,
        properties: Mapping[str, str],
        user_metadata: str | None,
        is_shallow: bool = True,
    ) -> None:
        """The properties and the user metadata become part of the same Delta commit as the files."""
        from delta.tables import DeltaTable

        with self._user_metadata(user_metadata):
            DeltaTable.forPath(self._spark, source).clone(
                target=target, isShallow=is_shallow, replace=True, properties=dict(properties)
            )

    def create(self, path: str, *, properties: Mapping[str, str], user_metadata: str) -> None:
        """In SQL, since Delta's builder takes `file:/` and `file:///` for two locations, and refuses the one."""
        with self._user_metadata(user_metadata):
            self._spark.sql(f"CREATE TABLE delta.`{path}` USING delta TBLPROPERTIES ({_assigned(properties)})")

    def set_comment(self, path: str, comment: str, *, user_metadata: str) -> None:
        """Databricks documents COMMENT ON for tables; clones take no comment in the same commit."""
        with self._user_metadata(user_metadata):
            self._spark.sql(f"COMMENT ON TABLE delta.`{path}` IS {string_literal(comment)}")

    def set_properties(self, path: str, properties: Mapping[str, str], *, user_metadata: str) -> None:
        """Delta writes the table's rows anew where they say that its columns are mapped no more."""
        with self._user_metadata(user_metadata):
            self._spark.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ({_assigned(properties)})")

    @contextmanager
    def _user_metadata(self, text: str | None) -> Iterator[None]:
        if text is None:
            yield
            return
        before = self._spark.conf.get(USER_METADATA, None)
        self._spark.conf.set(USER_METADATA, text)
        try:
            yield
        finally:
            if before is None:
                self._spark.conf.unset(USER_METADATA)
            else:
                self._spark.conf.set(USER_METADATA, before)


def _commit(entry: Any) -> Commit:
    return Commit(
        version=entry["version"],
        operation=entry["operation"] or "",
        user_metadata=entry["userMetadata"],
        user=entry["userName"],
    )


def _assigned(properties: Mapping[str, str]) -> str:
    return ", ".join(f"{string_literal(name)} = {string_literal(text)}" for name, text in properties.items())


def string_literal(text: str) -> str:
    r"""The text as a literal of Spark SQL, every character that could mean something written as \uXXXX.

    That covers quotes, backslashes and line ends, and `$`: Spark replaces `${name}` by a setting, also in a literal.
    """
    return "'" + "".join(_escaped(character) for character in text) + "'"


def _escaped(character: str) -> str:
    if character in _SAFE_IN_LITERAL:
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
