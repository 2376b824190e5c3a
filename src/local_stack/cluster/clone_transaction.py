"""The commit of a clone, made by Delta's own transaction.

What becomes of schema, properties, protocol and domains, and what Delta refuses, is decided by the code of Delta's own
clone command (`CloneTableBase` in its public source), which Databricks' has in common with it. The steps of that
command are called here one by one, but for the one at which open-source Delta gives up: a target that has rows. Which
files come and go is said by the caller.
"""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from delta.tables import DeltaTable
from py4j.protocol import Py4JJavaError
from pyspark.errors.exceptions.captured import UnknownException, convert_exception

File = dict[str, Any]

_OPERATION = "CLONE"
_ACTIONS = "org.apache.spark.sql.delta.actions"


class CloneTransaction:
    """A transaction that makes the target a clone of the source's newest version; the target need not be there yet.

    properties: table properties that the clone gets beside the source's own.

    Raises what Delta raises where the target cannot become a clone of the source.
    """

    def __init__(self, source: DeltaTable, target: str, properties: Mapping[str, str]) -> None:
        self._session: Any = source._spark._jsparkSession
        self._jvm: Any = source._spark._jvm
        self._delta = self._jvm.org.apache.spark.sql.delta
        # Delta takes a commit's user metadata from the session that is active in this thread.
        self._jvm.org.apache.spark.sql.SparkSession.setActiveSession(self._session)
        none = self._jvm.scala.Option.empty()
        target_path = self._jvm.org.apache.hadoop.fs.Path(target)
        table = self._delta.catalog.DeltaTableV2.apply(
            self._session, source._jdt.deltaLog().dataPath(), none, none, self._scala_map({}), none
        )
        self._source = self._delta.commands.CloneDeltaSource(table)
        identifier = self._jvm.org.apache.spark.sql.catalyst.TableIdentifier(target)
        self._command = self._delta.commands.CloneTableCommand(
            self._source, identifier, self._scala_map(properties), target_path
        )
        log = self._delta.DeltaLog.forTable(self._session, target_path)
        self._transaction = log.startTransaction(none, none)
        metadata = self._private_step("determineTargetMetadata", self._transaction.snapshot(), _OPERATION)
        self._transaction.updateMetadata(metadata, True)

    @property
    def source_uri(self) -> str:
        """The source's URI."""
        return str(self._qualified(self._source.dataPath()).toUri().toString())

    @property
    def target_uri(self) -> str:
        """The target's URI."""
        return str(self._qualified(self._transaction.deltaLog().dataPath()).toUri().toString())

    def source_files(self) -> list[File]:
        """The data files of the source as actions of its log."""
        return self._as_json(self._source.allFiles().collectAsList())

    def shared_files(self) -> list[File]:
        """The data files of the source as a shallow clone names them: where they are."""
        folder = self._qualified(self._source.dataPath()).toString()
        files = self._delta.util.DeltaFileOperations.makePathsAbsolute(folder, self._source.allFiles())
        return self._as_json(files.collectAsList())

    def target_files(self) -> list[File]:
        """The data files of the target as actions of its log."""
        return self._as_json(self._transaction.snapshot().allFiles().collectAsList())

    def commit(self, files: Sequence[File], *, copied: Sequence[int] | None = None) -> None:
        """Make these the target's files, in one commit. A version that somebody else made meanwhile is an error.

        copied: for a deep clone, the size of each copied file in bytes.
        """
        removed = removed_files(self.target_files(), files, timestamp=time.time_ns() // 1_000_000)
        if removed:
            self._delta.DeltaLog.assertRemovable(self._transaction.snapshot())
        protocol = self._private_step("determineTargetProtocol", self._transaction, _OPERATION)
        actions = self._jvm.java.util.ArrayList()
        for kind, several in (("RemoveFile", removed), ("AddFile", [added_file(file) for file in files])):
            actions.addAll(self._from_json(kind, several))
        actions.addAll(self._domains())
        self._transaction.commitLarge(
            self._session,
            self._converters().asScala(actions.iterator()),
            self._jvm.scala.Option.apply(protocol),
            self._operation(is_shallow=copied is None),
            self._scala_map({}),
            self._scala_map(metrics(files, removed, copied or ())),
        )

    def _domains(self) -> Any:
        # As of Delta 4.1. In 4.0 a replaced table keeps the clustering that its source does not have.
        present, cloned = self._transaction.snapshot().domainMetadata(), self._source.snapshot().get().domainMetadata()
        domains = self._delta.DomainMetadataUtils
        new = domains.handleDomainMetadataForCloneTable(cloned)
        return self._converters().asJava(domains.handleDomainMetadataForReplaceTable(present, new))

    def _operation(self, *, is_shallow: bool) -> Any:
        version = self._source.snapshot().get().version()
        operation = self._jvm.org.apache.spark.sql.delta.DeltaOperations.Clone(self._source.name(), version)
        if not is_shallow:
            # Databricks names it in the history; open-source Delta has no such parameter.
            parameters = operation.jsonEncodedValues().updated("isShallow", "false")
            field = operation.getClass().getSuperclass().getDeclaredField("jsonEncodedValues")
            field.setAccessible(True)
            field.set(operation, parameters)
        return operation

    def _private_step(self, name: str, *arguments: Any) -> Any:
        step = next(
            method
            for method in self._command.getClass().getSuperclass().getDeclaredMethods()
            if method.getName() == name
        )
        step.setAccessible(True)
        given = self._jvm.java.util.ArrayList()
        for argument in (self._session, *arguments):
            given.append(argument)
        try:
            return step.invoke(self._command, given.toArray())
        except Py4JJavaError as error:
            # Java's reflection wraps what the step raises; it is to look as if Delta had been called plainly.
            error.java_exception = error.java_exception.getCause()
            converted = convert_exception(error.java_exception)
            raise (error if isinstance(converted, UnknownException) else converted) from None

    def _qualified(self, path: Any) -> Any:
        return path.getFileSystem(self._transaction.deltaLog().newDeltaHadoopConf()).makeQualified(path)

    def _as_json(self, actions: Any) -> list[File]:
        found: list[File] = json.loads(self._mapper().writeValueAsString(actions))
        return found

    def _from_json(self, kind: str, files: Sequence[File]) -> Any:
        java_class = self._jvm.java.lang.Class.forName
        kinds = self._mapper().getTypeFactory()
        several = kinds.constructCollectionType(java_class("java.util.ArrayList"), java_class(f"{_ACTIONS}.{kind}"))
        return self._mapper().readValue(json.dumps(files), several)

    def _mapper(self) -> Any:
        return self._delta.util.JsonUtils.mapper()

    def _converters(self) -> Any:
        return self._jvm.scala.jdk.javaapi.CollectionConverters

    def _scala_map(self, values: Mapping[str, str]) -> Any:
        return self._jvm.org.apache.spark.api.python.PythonUtils.toScalaMap(dict(values))


def added_file(file: File) -> File:
    """The file as a clone adds it: row ids and versions of rows are the target's own, and given anew."""
    kept = {name: value for name, value in file.items() if name not in ("baseRowId", "defaultRowCommitVersion")}
    return kept | {"dataChange": True}


def removed_files(present: Sequence[File], files: Sequence[File], *, timestamp: int) -> list[File]:
    """What a table with the present files removes so that it has these. timestamp: in ms."""
    kept = {_key(file) for file in files}
    removal = {"deletionTimestamp": timestamp, "dataChange": True, "extendedFileMetadata": True}
    return [
        {name: value for name, value in file.items() if name != "modificationTime"} | removal
        for file in present
        if _key(file) not in kept
    ]


def metrics(files: Sequence[File], removed: Sequence[File], copied: Sequence[int]) -> dict[str, str]:
    """The operation metrics of a clone, as Databricks documents them; sizes in bytes."""
    values = {
        "sourceTableSize": sum(file["size"] for file in files),
        "sourceNumOfFiles": len(files),
        "numRemovedFiles": len(removed),
        "numCopiedFiles": len(copied),
        "removedFilesSize": sum(file["size"] for file in removed),
        "copiedFilesSize": sum(copied),
    }
    return {name: str(value) for name, value in values.items()}


def _key(file: File) -> tuple[Any, ...]:
    vector = file.get("deletionVector") or {}
    return (file["path"], *(vector.get(name) for name in ("storageType", "pathOrInlineDv", "offset")))
