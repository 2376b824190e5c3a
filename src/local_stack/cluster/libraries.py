"""Wheel files that notebooks import from, in a process that outlives many notebooks and deployments."""

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from local_stack.cluster.shared_setting import SharedSetting
from local_stack.named_packages import hidden_modules
from local_stack.unpacked_wheels import UnpackedWheels

# What the clusters of every runtime have, whatever a job names. They have much more, which a task should not count on.
RUNTIME_PACKAGES = ("delta-spark", "pyspark", "requests")


class Libraries(MetaPathFinder):
    """Puts wheels on the import path. Modules are shared by a process: others wait until these are not used."""

    def __init__(self, folder: Path) -> None:
        """folder: where the wheels are unpacked."""
        self._unpacked = UnpackedWheels(folder)
        self._active: tuple[Path, ...] = ()
        self._hidden = frozenset[str]()
        self._setting: SharedSetting[tuple[Path, ...]] = SharedSetting(self._activate)

    @contextmanager
    def use(self, wheels: Sequence[Path]) -> Iterator[None]:
        """Within the block, imports find these wheels first, the first one before the others.

        Raises FileNotFoundError for a wheel that is not there, zipfile.BadZipFile for one that is none, and
        PackageError for one that needs what the local environment does not have.
        """
        with self._setting.use(tuple(self._unpacked.folder_of([wheel]) for wheel in wheels)):
            yield

    def find_spec(self, fullname: str, _path: object, _target: ModuleType | None = None) -> ModuleSpec | None:
        """Refuse what no wheel brings or needs, and a real cluster may not have either.

        This process runs in the local environment, from the project's sources: what is there would be found.
        """
        if fullname.partition(".")[0] in self._hidden:
            raise ModuleNotFoundError(
                f"No module named {fullname!r} on this cluster; add the wheel that has it to the task's libraries",
                name=fullname,
            )
        return None

    def _activate(self, folders: tuple[Path, ...]) -> None:
        hidden = [hidden_modules(RUNTIME_PACKAGES, wheels=folder) for folder in folders]
        self._hidden = frozenset.intersection(*hidden) if hidden else hidden_modules(RUNTIME_PACKAGES)
        packages = {entry.stem for folder in (*self._active, *folders) for entry in folder.iterdir()}
        old = {str(folder) for folder in self._active}
        sys.path[:] = [*map(str, folders), *(entry for entry in sys.path if entry not in old)]
        for name in list(sys.modules):
            if name.partition(".")[0] in packages:
                del sys.modules[name]
        self._active = folders
        importlib.invalidate_caches()
