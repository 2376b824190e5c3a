"""Folders for a clone's steps before its target: the Delta logs in them are gone once the clone is made, or failed."""

import shutil
import tempfile
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from lakefs_unity_export.names import DELTA_LOG

# The disk of a Databricks driver (its documentation, "Where does Databricks write data?"); elsewhere, the system's.
DRIVER_DISK = "/local_disk0/tmp"

_FIRST_COMMIT = f"{DELTA_LOG}/{0:020}.json"


class Scratch(Protocol):
    """Where Delta tables of one version are made and read back, whole."""

    def new_table(self) -> str:
        """The URI of a folder in which there is nothing yet."""

    def read_log(self, table: str) -> list[str]:
        """The lines of the table's first commit."""

    def write_log(self, table: str, lines: Iterable[str]) -> None:
        """Make these lines the table's first commit."""

    def remove(self) -> None:
        """Remove all of it, as far as that can be done. Raises nothing."""


class DriverScratch:
    """On the driver's disk, where a cluster of one node reads too."""

    def __init__(self) -> None:
        disk = DRIVER_DISK if Path(DRIVER_DISK).is_dir() else None
        self._root = Path(tempfile.mkdtemp(prefix="lakefs-unity-export-", dir=disk))

    def new_table(self) -> str:
        """The URI of a folder in which there is nothing yet."""
        return f"file:{self._root}/{uuid.uuid4().hex}"

    def read_log(self, table: str) -> list[str]:
        """The lines of the table's first commit."""
        return _lines((self._folder(table) / _FIRST_COMMIT).read_bytes())

    def write_log(self, table: str, lines: Iterable[str]) -> None:
        """Make these lines the table's first commit."""
        log = self._folder(table) / _FIRST_COMMIT
        log.parent.mkdir(parents=True)
        log.write_bytes(_bytes(lines))

    def remove(self) -> None:
        """Remove all of it."""
        shutil.rmtree(self._root, ignore_errors=True)

    def _folder(self, table: str) -> Path:
        return self._root / table.rpartition("/")[2]


class StorageScratch:
    """Beside the target, for clusters of several nodes: they do not read the driver's disk.

    files: `dbutils.fs` of the notebook, to which Unity Catalog lends credentials for the target's external location.
    """

    def __init__(self, spark: Any, files: Any, target_path: str) -> None:
        self._spark = spark
        self._files = files
        parent, _, table = target_path.rpartition("/")
        # Begins as what Spark and Delta pass over when they list a folder.
        self._root = f"{parent}/_scratch_{table}_{uuid.uuid4().hex}"

    def new_table(self) -> str:
        """The URI of a folder in which there is nothing yet."""
        return f"{self._root}/{uuid.uuid4().hex}"

    def read_log(self, table: str) -> list[str]:
        """The lines of the table's first commit."""
        read = self._spark.read.format("binaryFile").load(f"{table}/{_FIRST_COMMIT}")
        return _lines(bytes(read.select("content").first()["content"]))

    def write_log(self, table: str, lines: Iterable[str]) -> None:
        """Make these lines the table's first commit."""
        self._files.put(f"{table}/{_FIRST_COMMIT}", _bytes(lines).decode(), True)

    def remove(self) -> None:
        """Remove all of it. What cannot be removed stays, and is named on standard output."""
        try:
            self._files.rm(self._root, True)
        except Exception as error:  # dbutils documents no error types
            print(f"note: drafts are left at {self._root}: {type(error).__name__}; remove that folder")


def scratch_for(spark: Any, files: Any, target_path: str) -> Scratch:
    """The scratch that every node of this session's cluster reads."""
    is_one_node = str(spark.conf.get("spark.master", "")).startswith("local")
    return DriverScratch() if is_one_node else StorageScratch(spark, files, target_path)


def _lines(log: bytes) -> list[str]:
    # Not splitlines(): a text in an action may hold what that takes for the end of a line.
    return log.decode().rstrip("\n").split("\n")


def _bytes(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
