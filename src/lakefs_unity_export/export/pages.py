"""Pages of what a run does: as many tables as one task value takes, in the order of their names."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lakefs_unity_export.export.plan import Item, RemovedItem

# Databricks documentation, "for each task": the inputs reach it through one task value of at most 48 KB.
# The smaller reading of "KB" is taken.
MAX_TASK_VALUE_BYTES = 48_000


@dataclass(frozen=True, kw_only=True)
class Page:
    """The tables to export and to remove in one run. `next_after` is empty on the last page."""

    items: tuple[Item, ...]
    removed: tuple[RemovedItem, ...]
    next_after: str


def cut_page(items: Sequence[Item], removed: Sequence[RemovedItem], *, after: str) -> Page:
    """The page of those whose place is after `after`. Removals come first, since they make room for tables."""
    exported, dropped = list[Item](), list[RemovedItem]()
    sizes = {Item: 0, RemovedItem: 0}
    last = after
    for item in _in_order([*items, *removed], after):
        sizes[type(item)] += len(json.dumps(item.as_json())) + 2
        if sizes[type(item)] > MAX_TASK_VALUE_BYTES and last != after:
            return Page(items=tuple(exported), removed=tuple(dropped), next_after=last)
        if isinstance(item, Item):
            exported.append(item)
        else:
            dropped.append(item)
        last = _place(item)
    return Page(items=tuple(exported), removed=tuple(dropped), next_after="")


def _in_order(items: Iterable[Item | RemovedItem], after: str) -> list[Item | RemovedItem]:
    return sorted((item for item in items if _place(item) > after), key=_place)


def _place(item: Item | RemovedItem) -> str:
    """What pages are ordered by; no name holds `%`, and hardly one begins with what precedes it."""
    return item.name if isinstance(item, Item) else f"%{item.name}"
