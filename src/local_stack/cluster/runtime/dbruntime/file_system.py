"""`dbutils.fs` of a notebook, for files of this machine, where local exports go: `put`, `ls` and `rm`.

They do what the Databricks Utilities reference says. Where it says nothing, as of what `rm` does to a path that is not
there, they raise an error that says so. Java's exceptions are told as on Databricks, by their class.
"""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_URI = re.compile(r"file:(?://)?(/[^/].*)")
# Of what Hadoop writes beside each file of a local disk, it shows nothing.
_CHECKSUM = ".{}.crc"


class ExecutionError(Exception):
    """What the runtime raises for an exception of Java."""


@dataclass(frozen=True)
class FileInfo:
    """An entry of a folder. size: in bytes, 0 for a folder; modificationTime: in milliseconds of Unix time."""

    path: str
    name: str
    size: int
    modificationTime: int  # noqa: N815, as Databricks calls it

    def isDir(self) -> bool:  # noqa: N802
        """Whether it is a folder."""
        return self.name.endswith("/")

    def isFile(self) -> bool:  # noqa: N802
        """Whether it is a file."""
        return not self.isDir()


class FileSystem:
    """Paths are URIs `file:/...`; any other, which would be of DBFS, a volume or a store, is refused."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"dbutils.fs.{name} is not supported in the local workspace")

    def put(self, file: str, contents: str, overwrite: bool = False) -> bool:
        """Write the string to a file, encoded in UTF-8, and the folders above it. Prints how many bytes it wrote."""
        path = _on_disk(file)
        if not isinstance(contents, str):
            raise TypeError(f"dbutils.fs.put writes strings, not {type(contents).__name__}")
        if path.is_dir() or (path.exists() and not overwrite):
            raise _error("org.apache.hadoop.fs.FileAlreadyExistsException", file)
        content = contents.encode()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            _checksum_of(path).unlink(missing_ok=True)
        except OSError as error:
            raise _error("java.io.IOException", str(error)) from error
        print(f"Wrote {len(content)} bytes.")
        return True

    def ls(self, dir: str) -> list[FileInfo]:  # noqa: A002, as Databricks calls it
        """The entries of a folder."""
        path = _on_disk(dir)
        if not path.exists():
            raise _error("java.io.FileNotFoundException", f"No such file or directory: {dir}")
        if not path.is_dir():
            raise _undocumented(f"ls does to a file ({dir})")
        try:
            return [_info(entry) for entry in sorted(path.iterdir()) if not _is_checksum(entry)]
        except OSError as error:
            raise _error("java.io.IOException", str(error)) from error

    def rm(self, dir: str, recurse: bool = False) -> bool:  # noqa: A002
        """Remove a file or an empty folder, or with `recurse` a folder and all its contents."""
        path = _on_disk(dir)
        if path.is_symlink() or not path.exists():
            raise _undocumented(f"rm does to a link, or where nothing is ({dir})")
        try:
            _remove(path, dir, recurse=recurse)
        except OSError as error:
            raise _error("java.io.IOException", str(error)) from error
        return True


def _remove(path: Path, given: str, *, recurse: bool) -> None:
    if path.is_file():
        path.unlink()
        _checksum_of(path).unlink(missing_ok=True)
    elif recurse:
        shutil.rmtree(path)
    elif any(path.iterdir()):
        raise _error("java.io.IOException", f"Directory {given} is not empty")
    else:
        path.rmdir()


def _on_disk(uri: str) -> Path:
    """As Hadoop reads it: a `%` is a percent sign."""
    found = _URI.fullmatch(uri) if isinstance(uri, str) else None
    if found is None or {"", ".", ".."} & set(found[1].strip("/").split("/")):
        raise NotImplementedError(f"dbutils.fs takes plain paths file:/... in the local workspace, not {uri!r}")
    return Path(found[1])


def _info(entry: Path) -> FileInfo:
    state, end = entry.stat(), "/" if entry.is_dir() else ""
    return FileInfo(
        path=f"file:{entry}{end}",
        name=f"{entry.name}{end}",
        size=0 if end else state.st_size,
        modificationTime=int(state.st_mtime * 1000),
    )


def _checksum_of(file: Path) -> Path:
    return file.with_name(_CHECKSUM.format(file.name))


def _is_checksum(entry: Path) -> bool:
    return entry.name.startswith(".") and entry.name.endswith(".crc")


def _error(java_class: str, message: str) -> ExecutionError:
    return ExecutionError(f"An error occurred while calling dbutils.fs. Trace:\n: {java_class}: {message}")


def _undocumented(what: str) -> NotImplementedError:
    return NotImplementedError(f"It is not documented what dbutils.fs.{what}; the local workspace does nothing")
