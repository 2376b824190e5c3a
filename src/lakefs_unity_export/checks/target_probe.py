"""A folder at the target that is written to and removed again, with whatever is cloned into it meanwhile."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from lakefs_unity_export.checks.probe import MARK, PREFIX, is_left_by

TEXT = "a probe of check_setup"

Clock = Callable[[], float]


def told(error: Exception) -> str:
    """What an error of `dbutils.fs` says, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


class FileInfo(Protocol):
    """An entry of a folder as `dbutils.fs.ls` gives it; a folder's name ends in `/`."""

    @property
    def name(self) -> str:
        """The last part of its path."""


class Files(Protocol):
    """What is used of `dbutils.fs`, to which Unity Catalog lends the rights on the external location."""

    def put(self, file: str, contents: str, overwrite: bool = False) -> Any:
        """Write a file, and the folders above it."""

    def ls(self, dir: str) -> Sequence[FileInfo]:  # noqa: A002, as Databricks calls it
        """The entries of a folder."""

    def rm(self, dir: str, recurse: bool = False) -> Any:  # noqa: A002
        """Remove a file or an empty folder, or a folder with all that is in it."""


class TargetProbe:
    """This run's folder. `parent` is that of all runs, in which what earlier ones left is found."""

    def __init__(self, files: Files, parent: str, folder: str, clock: Clock = time.time) -> None:
        self._files, self._parent, self._clock = files, parent, clock
        self.folder = folder

    def make(self) -> str:
        """Make it, with a file in it whose path is given back. Raises what `files` does."""
        self._files.put(f"{self.folder}/{MARK}{int(self._clock())}", TEXT, True)
        file = f"{self.folder}/probe.txt"
        self._files.put(file, TEXT, True)
        return file

    def is_there(self) -> bool:
        """Whether this run wrote it, in this task or another. Raises what `files` does where it may not be listed."""
        try:
            names = [entry.name.rstrip("/") for entry in self._files.ls(self._parent)]
        except Exception as error:
            if "FileNotFound" in f"{type(error).__name__}: {error}":
                return False
            raise
        return self.folder.rpartition("/")[2] in names

    def sweep(self) -> tuple[str, ...]:
        """Remove what earlier runs left that were killed; the folders' names. Raises nothing: the next run comes."""
        try:
            left = [name for name in self._folders() if self._is_left(f"{self._parent}/{name}")]
        except Exception:  # there is no such folder, or it may not be listed
            return ()
        return tuple(name for name in left if not self._removed(f"{self._parent}/{name}"))

    def remove(self) -> str:
        """Remove it with all that is in it; why it cannot be, or nothing."""
        why = self._removed(self.folder)
        if not why:
            # Where stores have folders, an empty one would stay; one that another run is in does.
            self._removed(self._parent, recurse=False)
        return why

    def _folders(self) -> list[str]:
        found = [entry.name.rstrip("/") for entry in self._files.ls(self._parent)]
        return [name for name in found if name.startswith(PREFIX) and name != self.folder.rpartition("/")[2]]

    def _is_left(self, folder: str) -> bool:
        return any(is_left_by(entry.name, self._clock()) for entry in self._files.ls(folder))

    def _removed(self, folder: str, *, recurse: bool = True) -> str:
        try:
            self._files.rm(folder, recurse)
        except Exception as error:  # dbutils documents no error types
            return told(error)
        return ""
