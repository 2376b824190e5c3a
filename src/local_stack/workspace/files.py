"""The workspace's files and notebooks, kept in a folder on disk.

A file that starts with Databricks' notebook header becomes a notebook when it is imported: its path in the workspace
has no ``.py``, the file on disk keeps it. ``/Workspace/Users/...`` and ``/Users/...`` are the same path.
"""

import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from local_stack.workspace.errors import ApiError, does_not_exist, invalid
from local_stack.workspace.identifiers import new_identifier

NOTEBOOK_HEADER = b"# Databricks notebook source"
ObjectKind = Literal["DIRECTORY", "FILE", "NOTEBOOK"]


@dataclass(frozen=True, kw_only=True)
class WorkspaceObject:
    """A directory, file or notebook: its path in the workspace and where it lies on disk."""

    path: str
    kind: ObjectKind
    disk: Path
    id: int


class WorkspaceFiles:
    """The tree of the workspace below a folder. Methods raise ApiError."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder.resolve()
        self._identifiers: dict[str, int] = {}
        self._lock = threading.RLock()

    def get(self, path: str) -> WorkspaceObject:
        """What lies at the path. Raises ApiError 404."""
        with self._lock:
            found = self._found(normalized(path))
            if found is None:
                raise does_not_exist(f"Path ({path}) doesn't exist.")
            return found

    def read(self, path: str) -> bytes:
        """The content of a file or notebook."""
        found = self.get(path)
        if found.kind == "DIRECTORY":
            raise invalid(f"Path ({path}) is a directory.")
        return found.disk.read_bytes()

    def make_directory(self, path: str) -> None:
        """Make a directory and those above it; one that is there stays."""
        clean = normalized(path)
        with self._lock:
            for above in _with_parents(clean):
                found = self._found(above)
                if found is not None and found.kind != "DIRECTORY":
                    raise ApiError(400, "RESOURCE_ALREADY_EXISTS", f"Path ({above}) is no directory.")
            self._disk(clean).mkdir(parents=True, exist_ok=True)

    def write(self, path: str, content: bytes, *, overwrite: bool) -> WorkspaceObject:
        """Import a file or notebook; its directory must be there (404), it must not be unless `overwrite` (409)."""
        clean = normalized(path)
        with self._lock:
            parent = self._found(clean.rpartition("/")[0] or "/")
            if parent is None or parent.kind != "DIRECTORY":
                raise does_not_exist(f"The parent folder ({clean.rpartition('/')[0]}) does not exist.")
            target = self._disk(clean)
            existing = target if target.exists() else None
            if existing is not None and (target.is_dir() or not overwrite):
                raise ApiError(409, "RESOURCE_ALREADY_EXISTS", f"Path ({path}) already exists.")
            target.write_bytes(content)
            return self._object(target)

    def delete(self, path: str, *, recursive: bool) -> None:
        """Delete what lies at the path; a directory with content only recursively."""
        with self._lock:
            found = self.get(path)
            if found.disk == self._folder:
                raise invalid("The root directory cannot be deleted.")
            if found.kind != "DIRECTORY":
                found.disk.unlink()
            elif recursive:
                shutil.rmtree(found.disk)
            elif any(found.disk.iterdir()):
                raise ApiError(400, "DIRECTORY_NOT_EMPTY", f"Folder ({path}) is not empty.")
            else:
                found.disk.rmdir()
            self._identifiers.pop(found.path, None)

    def list(self, path: str) -> list[WorkspaceObject]:
        """What lies in a directory; of a file, the file itself."""
        with self._lock:
            found = self.get(path)
            if found.kind != "DIRECTORY":
                return [found]
            return sorted((self._object(entry) for entry in found.disk.iterdir()), key=lambda entry: entry.path)

    def path_of(self, object_id: int) -> str:
        """The path of the directory with this id. Raises ApiError 404."""
        with self._lock:
            for path, known in self._identifiers.items():
                if known == object_id and self._found(path) is not None:
                    return path
        raise does_not_exist(f"There is no workspace object with id {object_id}.")

    def _found(self, clean: str) -> WorkspaceObject | None:
        target = self._disk(clean)
        if target.exists() and not _is_notebook(target):
            return self._object(target)
        notebook = target.with_name(target.name + ".py")
        if clean != "/" and notebook.is_file() and _is_notebook(notebook):
            return self._object(notebook)
        return None

    def _object(self, disk: Path) -> WorkspaceObject:
        relative = disk.relative_to(self._folder).as_posix()
        kind: ObjectKind = "DIRECTORY" if disk.is_dir() else "NOTEBOOK" if _is_notebook(disk) else "FILE"
        path = "/" if relative == "." else "/" + (relative.removesuffix(".py") if kind == "NOTEBOOK" else relative)
        identifier = self._identifiers.setdefault(path, new_identifier())
        return WorkspaceObject(path=path, kind=kind, disk=disk, id=identifier)

    def _disk(self, clean: str) -> Path:
        target = self._folder.joinpath(*clean.strip("/").split("/")) if clean != "/" else self._folder
        if not target.resolve().is_relative_to(self._folder):
            raise invalid(f"Path ({clean}) leads out of the workspace.")
        return target


def normalized(path: str) -> str:
    """The path without ``/Workspace`` and doubled slashes. Raises ApiError for one that is not absolute or climbs."""
    parts = [part for part in path.split("/") if part]
    if not path.startswith("/") or any(part in (".", "..") for part in parts) or "\0" in path or "\\" in path:
        raise invalid(f"Path ({path!r}) must be absolute, without '.', '..' and backslashes.")
    if parts[:1] == ["Workspace"]:
        parts = parts[1:]
    return "/" + "/".join(parts)


def _with_parents(clean: str) -> list[str]:
    parts = clean.strip("/").split("/")
    return ["/" + "/".join(parts[:count]) for count in range(1, len(parts) + 1)] if clean != "/" else []


def _is_notebook(disk: Path) -> bool:
    if disk.suffix != ".py" or not disk.is_file():
        return False
    with disk.open("rb") as file:
        return file.readline().rstrip() == NOTEBOOK_HEADER
