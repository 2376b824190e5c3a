"""Three-way merges of what commits hold."""

from dataclasses import replace
from functools import lru_cache
from typing import Literal

from local_stack.lakefs.standin.versions.object_tree import Entry, ObjectTree
from local_stack.lakefs.standin.versions.repository import Content
from local_stack.lakefs.standin.versions.tree_changes import KEPT_DIFFS, Change, Diff, diff_trees

Strategy = Literal["default", "source-wins", "dest-wins"]
STRATEGIES: tuple[Strategy, ...] = ("default", "source-wins", "dest-wins")


class MergeConflictError(Exception):
    """Both sides changed the same paths, differently."""


def merge_contents(
    *, base: Content, source: Content, destination: Content, strategy: Strategy = "default"
) -> Content | None:
    """The destination with what changed from base to source; None where nothing did.

    Where the destination did not change since the base, the result is the source as it is, its meta range included.
    Raises MergeConflictError under strategy `default`.
    """
    if source.meta_range_id == base.meta_range_id:
        return None
    if destination.meta_range_id == base.meta_range_id:
        return source
    return Content.of(_merge_trees(base.tree, source.tree, destination.tree, strategy))


def _merge_trees(base: ObjectTree, source: ObjectTree, destination: ObjectTree, strategy: Strategy) -> ObjectTree:
    applied: dict[str, Entry | None] = {}
    for change in diff_trees(base, source).changes.values():
        wanted = None if change.kind == "removed" else change.entry
        present = destination.get(change.path)
        if _same(present, wanted):
            continue
        if _same(present, base.get(change.path)) or strategy == "source-wins":
            applied[change.path] = wanted
        elif strategy == "default":
            raise MergeConflictError
    return destination.with_changes(applied)


@lru_cache(maxsize=KEPT_DIFFS)
def changes_to_merge(base: ObjectTree, source: ObjectTree, destination: ObjectTree) -> Diff:
    """What the source changed since the base and the destination does not have yet.

    A path that both changed, differently, is a `conflict`: so lakeFS's API documentation calls it.
    """
    changes: list[Change] = []
    for change in diff_trees(base, source).changes.values():
        wanted = None if change.kind == "removed" else change.entry
        present = destination.get(change.path)
        if _same(present, wanted):
            continue
        changes.append(change if _same(present, base.get(change.path)) else replace(change, kind="conflict"))
    return Diff(changes)


def _same(left: Entry | None, right: Entry | None) -> bool:
    if left is None or right is None:
        return left is right
    return left.same_content(right)
