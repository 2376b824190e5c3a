"""Deep clones, which open-source Delta has not: the files of the source are copied to the target, then committed.

Databricks documents that a deep clone copies data files and metadata, and the metrics of its commit (Databricks
documentation, "Clone a table"); cloning again is called incremental there, without saying what is copied again. Here a
file is not copied where the target has one at the same path with the same size: Delta gives every file that it writes
a name of its own. Files keep their paths below the table. A file outside of it (the source is a shallow clone itself)
is named after its address, so that it is found again. Nothing is written over: where the name is that of a file with
another size, such as what a broken copy left, the copy gets a new one.

A reader sees the old rows until all files are there. A clone that fails leaves the files that it copied: no version of
the target names them, and VACUUM removes them where there is a table.
"""

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from pyspark.sql import SparkSession

from local_stack.cluster.clone_transaction import CloneTransaction, File
from local_stack.cluster.vector_names import vector_file, vector_name

_AT_A_TIME = 8
_INLINE_VECTOR, _RELATIVE_VECTOR, _ABSOLUTE_VECTOR = "i", "u", "p"


class DeepCloneError(Exception):
    """A file of the source is not what the source's log says of it."""


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A file to copy. source: its URI. path: below the target, encoded as in a URI.

    size: of a data file, in bytes; a log does not tell that of a file of deletion vectors.
    """

    source: str
    path: str
    size: int | None = None


def deep_clone(spark: SparkSession, transaction: CloneTransaction) -> None:
    """Copy what the target lacks, then commit. Raises DeepCloneError, and what Delta and the file systems raise."""
    planned = [planned_file(file, transaction.source_uri) for file in transaction.source_files()]
    copies = {copy.path: copy for _, several in planned for copy in several}.values()
    lacking = missing(copies, transaction.target_files())
    copier = _Copier(spark, transaction.target_uri)
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        made = list(pool.map(copier.copy, lacking))
    names = {copy.path: path for copy, (path, _) in zip(lacking, made, strict=True)}
    transaction.commit(
        [renamed(file, names) for file, _ in planned],
        copied=[copy.size for copy, (_, is_new) in zip(lacking, made, strict=True) if is_new and copy.size is not None],
    )


def planned_file(file: File, source: str) -> tuple[File, list[Copy]]:
    """The file as the target's log is to name it, and what has to be copied for it. source: the table's URI."""
    address = _address(file["path"], source)
    path = _below(address, source) or f"{_digest(address)}-{PurePosixPath(address).name}"
    planned, copies = file | {"path": path}, [Copy(source=address, path=path, size=file["size"])]
    vector = file.get("deletionVector")
    if not vector or vector["storageType"] == _INLINE_VECTOR:
        return planned, copies
    is_relative = vector["storageType"] == _RELATIVE_VECTOR
    name = vector_file(vector["pathOrInlineDv"]) if is_relative else vector["pathOrInlineDv"]
    address = _address(name, source)
    copy = Copy(source=address, path=name if is_relative else f"deletion_vector_{_id(address)}.bin")
    relative = {"storageType": _RELATIVE_VECTOR, "pathOrInlineDv": vector_name(copy.path)}
    return planned | {"deletionVector": vector | relative}, [*copies, copy]


def missing(copies: Iterable[Copy], present: Iterable[File]) -> list[Copy]:
    """The copies of which a target with the present files has none."""
    sizes: dict[str, int | None] = {}
    for file in present:
        sizes[file["path"]] = file["size"]
        vector = file.get("deletionVector")
        if vector and vector["storageType"] == _RELATIVE_VECTOR:
            sizes[vector_file(vector["pathOrInlineDv"])] = None
    return [copy for copy in copies if sizes.get(copy.path, -1) != copy.size]


def renamed(file: File, names: Mapping[str, str]) -> File:
    """The file with the paths that its copies got. names: these by the paths that were planned."""
    vector = file.get("deletionVector")
    if vector and vector["storageType"] == _RELATIVE_VECTOR:
        path = vector_file(vector["pathOrInlineDv"])
        file = file | {"deletionVector": vector | {"pathOrInlineDv": vector_name(names.get(path, path))}}
    return file | {"path": names.get(file["path"], file["path"])}


class _Copier:
    """Copies files through Hadoop's file systems, which read and write wherever Spark does."""

    def __init__(self, spark: SparkSession, target: str) -> None:
        self._jvm: Any = spark._jvm
        self._configuration = spark._jsparkSession.sessionState().newHadoopConf()
        self._target = target

    def copy(self, copy: Copy) -> tuple[str, bool]:
        """Copy one file. Its path below the target, and whether it was not there before."""
        source, files = self._opened(copy.source)
        status = files.getFileStatus(source)
        if copy.size not in (None, status.getLen()):
            raise DeepCloneError(
                f"{copy.source} has {status.getLen()} bytes, and {copy.size} in the log of the table: it was not copied"
            )
        target, target_files = self._opened(f"{self._target}/{copy.path}")
        path = copy.path
        if target_files.exists(target):
            if target_files.getFileStatus(target).getLen() == status.getLen():
                return path, False
            path = another_name(path)
            target, _ = self._opened(f"{self._target}/{path}")
        copied = self._jvm.org.apache.hadoop.fs.FileUtil.copy
        copied(files, status, target_files, target, False, False, self._configuration)
        return path, True

    def _opened(self, uri: str) -> tuple[Any, Any]:
        path = self._jvm.org.apache.hadoop.fs.Path(self._jvm.java.net.URI(uri))
        return path, path.getFileSystem(self._configuration)


def another_name(path: str) -> str:
    """A path for the same kind of file in the same folder that nothing else has."""
    name = PurePosixPath(path)
    if name.name.startswith("deletion_vector_"):
        return str(name.with_name(f"deletion_vector_{uuid.uuid4()}.bin"))
    return str(name.with_name(f"{uuid.uuid4()}-{name.name}"))


def _address(path: str, source: str) -> str:
    if path.startswith("/"):
        return f"file:{path}"
    return path if urlsplit(path).scheme else f"{source}/{path}"


def _below(address: str, source: str) -> str | None:
    folder = f"{source}/"
    return address.removeprefix(folder) if address.startswith(folder) else None


def _digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:16]


def _id(address: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, address)
