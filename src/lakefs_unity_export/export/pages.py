"""Pages of what a run does: as many tables as one task value takes, in the order of their names."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lakefs_unity_export.export.plan import Item, RemovedItem

# Databricks documentation, "for each task": the inputs reach it through one task value of at most 48 KB.
# The smaller reading of "KB" is taken.
MAX_TASK_VALUE_BYTES = 48_000


@dataclass(frozen=True, kw_only=True)
class Page:
    """The tables to export and to remove in one run.

    `next_after` is the place that the next page begins after, empty on the last page; `following` is how many pages
    there are after this one. `told` is what they are told of themselves, see `told_pages`.
    """

    items: tuple[Item, ...]
    removed: tuple[RemovedItem, ...]
    next_after: str
    following: int = 0
    told: str = ""


def cut_page(items: Sequence[Item], removed: Sequence[RemovedItem], *, after: str) -> Page:
    """The page of those whose place is after `after`. Removals come first, since they make room for tables."""
    first, *following = pages_after(items, removed, after)
    return Page(
        items=tuple(item for item in first if isinstance(item, Item)),
        removed=tuple(item for item in first if isinstance(item, RemovedItem)),
        next_after=_place(first[-1]) if following else "",
        following=len(following),
    )


def pages_after(items: Sequence[Item], removed: Sequence[RemovedItem], after: str) -> list[list[Item | RemovedItem]]:
    """The pages of those whose place is after `after`; at least one, which may be empty."""
    return _pages(_in_order([*items, *removed], after))


def _pages(items: Iterable[Item | RemovedItem]) -> list[list[Item | RemovedItem]]:
    """The items in this order, as many together as fit; at least one page, and at least one item on each other."""
    pages: list[list[Item | RemovedItem]] = [[]]
    sizes = Counter[type]()
    for item in items:
        size = _bytes(item)
        if pages[-1] and sizes[type(item)] + size > MAX_TASK_VALUE_BYTES:
            pages.append([])
            sizes.clear()
        pages[-1].append(item)
        sizes[type(item)] += size
    return pages


def _bytes(item: Item | RemovedItem) -> int:
    """What an item takes of a task value, with what separates it from the next: `dbutils` writes the JSON."""
    return len(json.dumps(item.as_json())) + 2


def _in_order(items: Iterable[Item | RemovedItem], after: str) -> list[Item | RemovedItem]:
    return sorted((item for item in items if _place(item) > after), key=_place)


def _place(item: Item | RemovedItem) -> str:
    """What pages are ordered by; no name holds `%`, and hardly one begins with what precedes it."""
    return item.name if isinstance(item, Item) else f"%{item.name}"
