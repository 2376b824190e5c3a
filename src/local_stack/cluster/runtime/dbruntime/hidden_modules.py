"""Hides modules of the local environment from a task that names no package which has them."""

import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


class _FinderOfTheRest:
    """Finds what Python's own finder finds on the path, but for some top-level modules."""

    def __init__(self, hidden: Iterable[str]) -> None:
        self._hidden = frozenset(hidden)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in self._hidden:
            return None
        return PathFinder.find_spec(fullname, path, target)

    def __getattr__(self, name: str) -> Any:
        return getattr(PathFinder, name)


def hide(modules: Iterable[str]) -> None:
    """From here on, this process finds none of these top-level modules, but for what every Python here starts with."""
    sys.meta_path[sys.meta_path.index(PathFinder)] = _FinderOfTheRest(modules)
