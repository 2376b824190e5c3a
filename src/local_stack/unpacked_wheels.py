"""Wheel files as an installation lays them out, in folders that outlive many tasks, notebooks and deployments.

A new build of a wheel keeps its name, so wheels are told apart by their content.
"""

import compileall
import hashlib
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Sequence
from pathlib import Path


class UnpackedWheels:
    """Unpacks wheels below a folder, each combination of them once. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unpacking = threading.Lock()

    def folder_of(self, wheels: Sequence[Path]) -> Path:
        """The folder that the wheels are unpacked in, together; it is shared, and to be read only.

        Raises OSError for a wheel that cannot be read, and zipfile.BadZipFile for one that is none.
        """
        digest = hashlib.sha256()
        for wheel in wheels:
            digest.update(hashlib.sha256(wheel.read_bytes()).digest())
        folder = self._folder / digest.hexdigest()[:16]
        # One at a time: tasks that begin together bring the same wheels.
        with self._unpacking:
            if not folder.is_dir():
                self._unpack(wheels, folder)
        return folder

    def _unpack(self, wheels: Sequence[Path], folder: Path) -> None:
        """Beside the place first, so that what ends half-way leaves nothing that looks whole."""
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=self._folder))
        try:
            for wheel in wheels:
                with zipfile.ZipFile(wheel) as archive:
                    archive.extractall(draft)
            # As pip does, or each process would compile its modules anew.
            compileall.compile_dir(draft, quiet=2)
            draft.rename(folder)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
