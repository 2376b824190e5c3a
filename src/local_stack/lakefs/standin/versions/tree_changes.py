"""What differs between two trees, and the pages in which listings and diffs are handed out."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from local_stack.lakefs.standin.versions.object_tree import Entry, Folder, ObjectTree

Kind = Literal["added", "removed", "changed", "conflict"]
KEPT_DIFFS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One path that differs; `entry` is the newer one, or the removed one."""

    path: str
    kind: Kind
    entry: Entry


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One line of a page: an object's path, or the common prefix of several."""

    path: str
    is_prefix: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A page of items, and whether more follow."""

    items: tuple[Item, ...]
    has_more: bool


class Diff:
    """The changes from one tree to another, by path, in order."""

    def __init__(self, changes: list[Change]) -> None:
        changes.sort(key=lambda change: change.path)
        self.changes = {change.path: change for change in changes}
        self.paths = list(self.changes)


@lru_cache(maxsize=KEPT_DIFFS)
def diff_trees(left: ObjectTree, right: ObjectTree) -> Diff:
    """The changes that lead from left to right; folders that both share cost nothing."""
    changes: list[Change] = []
    for folder in left.folders.keys() | right.folders.keys():
        before, after = left.folders.get(folder, {}), right.folders.get(folder, {})
        if before is not after:
            changes.extend(_folder_changes(folder, before, after))
    return Diff(changes)


def _folder_changes(folder: str, before: Folder, after: Folder) -> list[Change]:
    changes = [
        Change(path=folder + name, kind="removed", entry=entry) for name, entry in before.items() if name not in after
    ]
    for name, entry in after.items():
        former = before.get(name)
        if former is None:
            changes.append(Change(path=folder + name, kind="added", entry=entry))
        elif not former.same_content(entry):
            changes.append(Change(path=folder + name, kind="changed", entry=entry))
    return changes


def page_of(
    paths: Sequence[str], *, prefix: str, after: str, delimiter: str, amount: int, skip_after_prefix: bool = False
) -> Page:
    """At most `amount` items of the sorted paths that start with the prefix and come after `after`.

    With `skip_after_prefix` and a delimiter, everything that starts with `after` is left out too, as lakeFS's diff
    does: an `after` that is an object's path hides the longer paths that begin with it.
    """
    position = bisect_left(paths, prefix)
    if after and after >= prefix:
        skips = delimiter and (skip_after_prefix or after.endswith(delimiter))
        position = max(position, _first_beyond(paths, after) if skips else bisect_right(paths, after))
    items: list[Item] = []
    while position < len(paths) and paths[position].startswith(prefix):
        if len(items) == amount:
            return Page(items=tuple(items), has_more=True)
        path = paths[position]
        end = path.find(delimiter, len(prefix)) if delimiter else -1
        if end < 0:
            items.append(Item(path=path, is_prefix=False))
            position += 1
        else:
            common = path[: end + len(delimiter)]
            items.append(Item(path=common, is_prefix=True))
            position = _first_beyond(paths, common)
    return Page(items=tuple(items), has_more=False)


def _first_beyond(paths: Sequence[str], prefix: str) -> int:
    """The position of the first path after all that start with this (non-empty) prefix."""
    return bisect_left(paths, prefix[:-1] + chr(ord(prefix[-1]) + 1))
