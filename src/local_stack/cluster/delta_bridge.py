"""Where open-source Delta differs from Databricks in what the clone task does, and what closes the gap locally.

Cloning with `replace=True` onto a table that has rows: Databricks adds one commit to the target, which replaces
files, schema and properties and keeps the history and the table's id (Databricks documentation, "Clone a
table"). Open-source Delta 4.0 refuses it (`DELTA_UNSUPPORTED_NON_EMPTY_CLONE`), and with an empty target it
still refuses some changes of schema. So here Delta clones into an empty folder first; that clone's own log
entry then becomes one more commit of the target, with the target's id, and with its present files removed. A
reader sees the old rows or the new ones; a clone that fails leaves the target alone.

Deep clones (`isShallow=False`) do not exist in open-source Delta and are refused.
"""

import json
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession

Action = dict[str, Any]

# Delta protocol, "Valid Feature Names": what the versions before table features stand for.
_WRITER_FEATURES = {
    2: ("appendOnly", "invariants"),
    3: ("checkConstraints",),
    4: ("changeDataFeed", "generatedColumns"),
    5: ("columnMapping",),
    6: ("identityColumns",),
}
_READER_FEATURES = {2: ("columnMapping",)}
_FEATURE_WRITER, _FEATURE_READER = 7, 3

_COMMIT_TIMESTAMPS = "delta.enableInCommitTimestamps"
_TIMESTAMPS_SINCE_VERSION = "delta.inCommitTimestampEnablementVersion"
_TIMESTAMPS_SINCE = "delta.inCommitTimestampEnablementTimestamp"
_CHECKPOINT_INTERVAL = 10

_installed = threading.Lock()
_targets: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


class DeltaBridgeError(Exception):
    """Something that Databricks does and open-source Delta cannot be made to do."""


def install() -> None:
    """Make `DeltaTable.clone` of this process do what Databricks does. Once is enough, twice does no harm."""
    with _installed:
        if getattr(DeltaTable.clone, "is_bridge", False):
            return
        plain_clone = DeltaTable.clone

        def clone(
            table: DeltaTable,
            target: str,
            isShallow: bool = False,  # noqa: N803, the names are Delta's
            replace: bool = False,
            properties: dict[str, str] | None = None,
        ) -> DeltaTable:
            if not isShallow:
                raise DeltaBridgeError(
                    f"deep clone to {target}: open-source Delta has shallow clones only; run this on Databricks"
                )
            spark = table._spark
            with _targets[target.rstrip("/")]:
                if replace and DeltaTable.isDeltaTable(spark, target):
                    _Target(spark, target).replace_by(lambda draft: plain_clone(table, draft, True, False, properties))
                else:
                    plain_clone(table, target, isShallow, replace, properties)
            return DeltaTable.forPath(spark, target)

        clone.is_bridge = True  # type: ignore[attr-defined]
        DeltaTable.clone = clone


class _Target:
    """An existing Delta table, and its state when it was opened."""

    def __init__(self, spark: SparkSession, path: str) -> None:
        self._spark = spark
        self._jvm: Any = spark._jvm
        opened = self._jvm.org.apache.spark.sql.delta.DeltaLog.forTableWithSnapshot(spark._jsparkSession, path)
        self._log, self._snapshot = opened._1(), opened._2()

    def replace_by(self, clone_to: Any) -> None:
        """Add the commit that a clone makes in an empty folder to this table's log."""
        with tempfile.TemporaryDirectory(prefix="clone-") as draft:
            clone_to(f"file:{draft}/table")
            first_commit = Path(draft, "table", "_delta_log", f"{0:020}.json")
            made = [json.loads(line) for line in first_commit.read_text(encoding="utf-8").splitlines()]
        version = self._snapshot.version() + 1
        actions = replacement(
            made,
            version=version,
            # Later than the commit before, also where the clock went back.
            timestamp=max(time.time_ns() // 1_000_000, self._snapshot.timestamp() + 1),
            protocol=json.loads(self._snapshot.protocol().json())["protocol"],
            metadata=json.loads(self._snapshot.metadata().json())["metaData"],
            domains=self._domains(),
            files=self._files(),
        )
        self._commit(version, actions)

    def _files(self) -> list[Action]:
        files = DataFrame(self._snapshot.allFiles().toDF(), self._spark)
        rows = files.select("path", "partitionValues", "size", "deletionVector").collect()
        return [row.asDict(recursive=True) for row in rows]

    def _domains(self) -> list[str]:
        domains = self._snapshot.domainMetadata()
        return [domains.apply(index).domain() for index in range(domains.size())]

    def _commit(self, version: int, actions: Iterable[Action]) -> None:
        lines = self._jvm.java.util.ArrayList()
        for action in actions:
            lines.append(json.dumps(action, ensure_ascii=False))
        log = self._log.logPath().toString()
        # Written only where there is no such version yet: a commit of somebody else is an error here.
        self._log.store().write(
            self._jvm.org.apache.hadoop.fs.Path(f"{log}/{version:020}.json"),
            self._jvm.scala.jdk.javaapi.CollectionConverters.asScala(lines.iterator()),
            False,
            self._log.newDeltaHadoopConf(),
        )
        if version % _CHECKPOINT_INTERVAL == 0:
            self._jvm.org.apache.spark.sql.delta.DeltaLog.forTableWithSnapshot(
                self._spark._jsparkSession, self._log.dataPath().toString()
            )._1().checkpoint()


def replacement(
    made: Sequence[Action],
    *,
    version: int,
    timestamp: int,
    protocol: Action,
    metadata: Action,
    domains: Iterable[str],
    files: Iterable[Action],
) -> list[Action]:
    """The actions of the commit that makes a table equal to a fresh clone.

    made: the actions of the clone's first commit. version, timestamp (ms): of the commit to be.
    protocol, metadata, domains, files: the table's at the version before.
    """
    by_kind: defaultdict[str, list[Action]] = defaultdict(list)
    for action in made:
        for kind, content in action.items():
            by_kind[kind].append(content)
    kept = {_file_key(add) for add in by_kind["add"]}
    removed = [file for file in files if _file_key(file) not in kept]
    new_metadata = _metadata(by_kind["metaData"][0], metadata, version, timestamp)
    cleared = set(domains) - {domain["domain"] for domain in by_kind["domainMetadata"]}
    info = _commit_info(by_kind["commitInfo"][0], version, timestamp, removed)
    return [
        {"commitInfo": info},
        {"protocol": merged_protocol(protocol, by_kind["protocol"][0])},
        {"metaData": new_metadata},
        *({"domainMetadata": domain} for domain in by_kind["domainMetadata"]),
        *({"domainMetadata": {"domain": name, "configuration": "", "removed": True}} for name in sorted(cleared)),
        *({"remove": _remove(file, timestamp)} for file in removed),
        *({"add": add} for add in by_kind["add"]),
    ]


def merged_protocol(one: Action, other: Action) -> Action:
    """The least protocol that serves both; a table's protocol never goes back."""
    reader = max(one["minReaderVersion"], other["minReaderVersion"])
    writer = max(one["minWriterVersion"], other["minWriterVersion"])
    merged: Action = {"minReaderVersion": reader, "minWriterVersion": writer}
    if reader >= _FEATURE_READER:
        merged["readerFeatures"] = sorted(_reader_features(one) | _reader_features(other))
    if writer >= _FEATURE_WRITER:
        merged["writerFeatures"] = sorted(_writer_features(one) | _writer_features(other))
    return merged


def _reader_features(protocol: Action) -> set[str]:
    return set(protocol.get("readerFeatures") or _implied(_READER_FEATURES, protocol["minReaderVersion"]))


def _writer_features(protocol: Action) -> set[str]:
    return set(protocol.get("writerFeatures") or _implied(_WRITER_FEATURES, protocol["minWriterVersion"]))


def _implied(features: Mapping[int, tuple[str, ...]], version: int) -> set[str]:
    if version >= _FEATURE_WRITER:
        return set()
    return {name for since, names in features.items() if since <= version for name in names}


def _metadata(made: Action, present: Action, version: int, timestamp: int) -> Action:
    merged = made | {"id": present["id"], "createdTime": present.get("createdTime", made.get("createdTime"))}
    configuration = dict(made["configuration"])
    if configuration.get(_COMMIT_TIMESTAMPS) == "true":
        # Delta protocol, "In-Commit Timestamps": a table that had commits without them says since when.
        since = present["configuration"]
        if since.get(_COMMIT_TIMESTAMPS) != "true":
            since = {_TIMESTAMPS_SINCE_VERSION: str(version), _TIMESTAMPS_SINCE: str(timestamp)}
        for name in (_TIMESTAMPS_SINCE_VERSION, _TIMESTAMPS_SINCE):
            configuration.pop(name, None)
            if name in since:
                configuration[name] = since[name]
    return merged | {"configuration": configuration}


def _commit_info(made: Action, version: int, timestamp: int, removed: Sequence[Action]) -> Action:
    metrics = {
        **made.get("operationMetrics", {}),
        "numRemovedFiles": str(len(removed)),
        "removedFilesSize": str(sum(file["size"] or 0 for file in removed)),
    }
    info = made | {
        "timestamp": timestamp,
        "readVersion": version - 1,
        "isBlindAppend": False,
        "operationMetrics": metrics,
    }
    return info | ({"inCommitTimestamp": timestamp} if "inCommitTimestamp" in made else {})


def _remove(file: Action, timestamp: int) -> Action:
    remove = {
        "path": file["path"],
        "deletionTimestamp": timestamp,
        "dataChange": True,
        "extendedFileMetadata": True,
        "partitionValues": file["partitionValues"],
        "size": file["size"],
    }
    if vector := file["deletionVector"]:
        remove["deletionVector"] = {name: value for name, value in vector.items() if value is not None}
    return remove


def _file_key(file: Action) -> tuple[Any, ...]:
    vector = file.get("deletionVector") or {}
    return (file["path"], *(vector.get(name) for name in ("storageType", "pathOrInlineDv", "offset")))
