"""Delta tables through a Spark session, by what Databricks and open-source Delta document alike."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar

from lakefs_unity_export.clones.delta_tables import Commit, TableDetail, TableState
from lakefs_unity_export.clones.path_access import is_refusal
from lakefs_unity_export.clones.spark_errors import causes, condition
from lakefs_unity_export.clones.user_metadata import user_metadata as given_user_metadata
from lakefs_unity_export.names import DELTA_LOG

_NO_TABLE = {"DELTA_TABLE_NOT_FOUND", "DELTA_MISSING_DELTA_TABLE", "DELTA_PATH_DOES_NOT_EXIST"}
_NO_PATH = "PATH_NOT_FOUND"
# Of a commit that cloned (Databricks documentation, "Delta table history"; open-source Delta has the same names).
_SOURCE_FILES, _SOURCE_BYTES = "sourceNumOfFiles", "sourceTableSize"
_COMMIT_COLUMNS = ("version", "operation", "userMetadata", "userName", "operationMetrics")
_REDACTED = "(redacted)"
_SAFE_IN_LITERAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,;:_-+/()[]")

_Found = TypeVar("_Found")


class SparkDeltaTables:
    """Delta tables through a Spark session."""

    def __init__(self, spark: Any) -> None:
        self._spark = spark

    def look(self, path: str) -> TableState | None:
        """The newest properties and the newest commit; neither files nor rows are counted.

        Delta looks for a log in the folders above too, which Unity Catalog may refuse. What it says of the path itself
        counts, and what it says of a folder above never stands in for that.
        """
        return self._at_or_above(path, self._state, self.look) if self._belongs_to_table(path) else None

    def open(self, path: str) -> "SparkTable | None":
        """One read of the newest state; no rows are read. A path above is looked at as `look` does."""
        return self._at_or_above(path, lambda at: SparkTable(self._spark, at), self.open)

    def _at_or_above(
        self, path: str, read: Callable[[str], _Found], read_above: Callable[[str], _Found | None]
    ) -> _Found | None:
        from pyspark.errors import AnalysisException

        try:
            return read(path)
        except AnalysisException as error:
            if is_refusal(causes(error)):
                raise
            is_none = condition(error) in _NO_TABLE
            if is_none and not self._belongs_to_table(path):
                return None
            enclosing = _quietly(read_above, path.rpartition("/")[0])
            if enclosing is None and not is_none:
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

    def _state(self, path: str) -> TableState:
        rows = self._spark.sql(f"SHOW TBLPROPERTIES delta.`{path}`").collect()
        properties = {row["key"]: row["value"] for row in rows}
        newest = self._newest(path)
        # A path inside a table shows that table's, and a session may hide values that look like secrets.
        if not self._is_own_log(path, newest) or any(_REDACTED in text for text in properties.values()):
            detail = SparkTable(self._spark, path).detail
            return TableState(location=detail.location, newest=newest, properties=detail.properties)
        return TableState(location=path, newest=newest, properties=properties)

    def _is_own_log(self, path: str, newest: Commit) -> bool:
        """Whether the commit is certainly one of a table at this path itself."""
        return _quietly(self._files_under, f"{path}/{DELTA_LOG}/{newest.version:020}.json") is not None

    def newest(self, path: str) -> Commit | None:
        """One read of the newest commit."""
        from pyspark.errors import AnalysisException

        try:
            return self._newest(path)
        except AnalysisException as error:
            if condition(error) in _NO_TABLE:
                return None
            raise

    def _newest(self, path: str) -> Commit:
        return _commit(self._history(path, "LIMIT 1").first())

    def history(self, path: str) -> Iterator[Commit]:
        """Read commit by commit, so it costs more the longer the history is."""
        return (_commit(entry) for entry in self._history(path).collect())

    def _history(self, path: str, limit: str = "") -> Any:
        return self._spark.sql(f"DESCRIBE HISTORY delta.`{path}` {limit}").select(*_COMMIT_COLUMNS)

    def holds_files(self, path: str) -> bool:
        """Asked of Spark and not of the file system, since Unity Catalog lends its credentials to queries only."""
        found = self._files_under(path)
        return found is not None and not found.select("path").limit(1).isEmpty()

    def _files_under(self, path: str) -> Any:
        """The files under the path as a frame, or None where there is no such path."""
        from pyspark.errors import AnalysisException

        reader = self._spark.read.format("binaryFile").option("recursiveFileLookup", "true")
        try:
            return reader.load(path)
        except AnalysisException as error:
            if condition(error) == _NO_PATH:
                return None
            raise

    def create(self, path: str, *, properties: Mapping[str, str], user_metadata: str) -> None:
        """In SQL, since Delta's builder takes `file:/` and `file:///` for two locations, and refuses the one."""
        statement = f"CREATE TABLE delta.`{path}` USING delta TBLPROPERTIES ({_assigned(properties)})"
        self._commit(statement, user_metadata)

    def set_comment(self, path: str, comment: str, *, user_metadata: str) -> None:
        """Databricks documents COMMENT ON for tables; clones take no comment in the same commit."""
        self._commit(f"COMMENT ON TABLE delta.`{path}` IS {string_literal(comment)}", user_metadata)

    def set_properties(self, path: str, properties: Mapping[str, str], *, user_metadata: str) -> None:
        """Delta writes the table's rows anew where they say that its columns are mapped no more."""
        self._commit(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ({_assigned(properties)})", user_metadata)

    def _commit(self, statement: str, user_metadata: str) -> None:
        with given_user_metadata(self._spark, user_metadata):
            self._spark.sql(statement)


class SparkTable:
    """A Delta table that is open: Delta reads its newest state once. Raises what Delta does where there is none."""

    def __init__(self, spark: Any, path: str) -> None:
        from delta.tables import DeltaTable

        self._spark = spark
        self._table = DeltaTable.forPath(spark, path)
        detail = self._table.detail().first()
        self.detail = TableDetail(
            location=detail["location"],
            # Delta keeps a comment that was taken away as an empty one.
            comment=detail["description"] or None,
            properties=dict(detail["properties"]),
            features=frozenset(detail["tableFeatures"] or ()),
            files=detail["numFiles"],
            bytes=detail["sizeInBytes"],
        )

    def data_files(self) -> Sequence[str]:
        """From the state that the clone reads too; no file is opened."""
        return _input_files(self._spark, self._table.toDF())

    def clone(
        self, target: str, *, properties: Mapping[str, str], user_metadata: str | None, is_shallow: bool = True
    ) -> None:
        """The properties and the user metadata become part of the same Delta commit as the files."""
        given = nullcontext() if user_metadata is None else given_user_metadata(self._spark, user_metadata)
        with given:
            self._table.clone(target=target, isShallow=is_shallow, replace=True, properties=dict(properties))


def _input_files(spark: Any, frame: Any) -> Sequence[str]:
    """All at once where the driver's Java is at hand: PySpark asks it for one after another, which takes seconds."""
    try:
        mapper = spark._jvm.com.fasterxml.jackson.databind.ObjectMapper()
        files: list[str] = json.loads(mapper.writeValueAsString(frame._jdf.inputFiles()))
    except Exception:
        # Some runtimes hide Java, or have none. What else went wrong goes wrong here too.
        return list(frame.inputFiles())
    return files


def _quietly(read: Callable[[str], _Found | None], path: str) -> _Found | None:
    """What is read, as far as it can be.

    Delta takes a path inside a table for one of its partitions, and fails where there is no such one.
    """
    try:
        return read(path)
    except Exception:
        return None


def _commit(entry: Any) -> Commit:
    metrics = entry["operationMetrics"] or {}
    return Commit(
        version=entry["version"],
        operation=entry["operation"] or "",
        user_metadata=entry["userMetadata"],
        user=entry["userName"],
        files=_number(metrics.get(_SOURCE_FILES)),
        bytes=_number(metrics.get(_SOURCE_BYTES)),
    )


def _number(text: str | None) -> int | None:
    return int(text) if text is not None else None


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
