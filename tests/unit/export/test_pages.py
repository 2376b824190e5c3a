"""How the tables of an export are cut into pages: none is lost, none comes twice, and each page fits a task value."""

import itertools
import json
from collections.abc import Sequence

import pytest
from doubles import TaskValuesDouble
from hypothesis import given
from hypothesis import strategies as st

from lakefs_unity_export.export import pages
from lakefs_unity_export.export.pages import Page, cut_page
from lakefs_unity_export.export.plan import Item, RemovedItem
from lakefs_unity_export.names import quoted


def _item(name: str, path: str = "p") -> Item:
    return Item(table=quoted(*name.split(".")), path=path)


def _removed(name: str) -> RemovedItem:
    return RemovedItem(table=quoted(*name.split(".")))


def _all_pages(items: Sequence[Item], removed: Sequence[RemovedItem]) -> list[Page]:
    """Every page, from the first one on."""
    found = [cut_page(items, removed, after="")]
    while found[-1].next_after:
        found.append(cut_page(items, removed, after=found[-1].next_after))
        assert len(found) <= len(items) + len(removed), "the pages do not end"
    return found


def _size(elements: Sequence[Item | RemovedItem]) -> int:
    """As `dbutils` counts the task value."""
    return len(json.dumps([element.as_json() for element in elements]))


def test_everything_that_fits_is_one_page_in_the_order_of_names() -> None:
    items = [_item("lake.main.b"), _item("finance.main.z"), _item("lake.main.a")]
    removed = [_removed("lake.main.d"), _removed("lake.main.c")]
    page = cut_page(items, removed, after="")
    assert [item.name for item in page.items] == ["finance.main.z", "lake.main.a", "lake.main.b"]
    assert [item.name for item in page.removed] == ["lake.main.c", "lake.main.d"]
    assert page.next_after == ""


def test_nothing_is_one_empty_page() -> None:
    assert cut_page([], [], after="") == Page(items=(), removed=(), next_after="")


def test_a_page_goes_on_after_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [_item(f"lake.main.t{number}") for number in range(5)]
    monkeypatch.setattr(pages, "MAX_TASK_VALUE_BYTES", _size(items[:2]))
    found = _all_pages(items, [])
    assert [[item.name[-2:] for item in page.items] for page in found] == [["t0", "t1"], ["t2", "t3"], ["t4"]]
    assert [(page.next_after, page.following) for page in found] == [("lake.main.t1", 2), ("lake.main.t3", 1), ("", 0)]


def test_removals_come_first_since_they_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    items, removed = [_item("a.main.t")], [_removed("z.main.t"), _removed("z.main.u")]
    monkeypatch.setattr(pages, "MAX_TASK_VALUE_BYTES", _size(removed[:1]))
    found = _all_pages(items, removed)
    assert [[*page.removed, *page.items] for page in found] == [[removed[0]], [removed[1]], [items[0]]]
    assert [page.next_after for page in found] == ["%z.main.t", "%z.main.u", ""]


def test_each_kind_has_a_task_value_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    items, removed = [_item("a.main.t")], [_removed("a.main.u")]
    monkeypatch.setattr(pages, "MAX_TASK_VALUE_BYTES", _size(items))
    assert len(_all_pages(items, removed)) == 1


@pytest.mark.parametrize("after", ["", "lake.main.a"])
def test_an_item_larger_than_a_page_is_taken_alone(monkeypatch: pytest.MonkeyPatch, after: str) -> None:
    items = [_item("lake.main.a"), _item("lake.main.b", path="p" * 500), _item("lake.main.c")]
    monkeypatch.setattr(pages, "MAX_TASK_VALUE_BYTES", 100)
    found = _all_pages(items, [])
    assert [page.items for page in found] == [(item,) for item in items]
    assert cut_page(items, [], after="lake.main.a").items == (items[1],)


def test_the_end_may_be_reached_while_the_last_page_is_awaited() -> None:
    """As where the tables after the one before it went since."""
    assert cut_page([_item("lake.main.a")], [], after="lake.main.a") == Page(items=(), removed=(), next_after="")


def test_a_page_of_the_longest_names_fits_a_task_value() -> None:
    long = "é" * 255
    paths = itertools.cycle(["p" * 1024, "é" * 512, "😀" * 256])
    items = [_item(f"{long}.{long}.{number:04}{long[4:]}", path=next(paths)) for number in range(60)]
    for page in _all_pages(items, []):
        TaskValuesDouble().set("tables", [item.as_json() for item in page.items])
        assert len(page.items) > 4 or not page.next_after


# An item as `dbutils` writes it, with a comma before the next: its name and path, and so much around them.
BYTES_AROUND = len('{"table": "", "path": ""}, ')


@pytest.mark.parametrize("path", ["tables/orders", "p" * 30])
@pytest.mark.parametrize("name", ["lake.main.orders", f"{'c' * 9}.{'s' * 9}.{'t' * 20}"])
def test_an_item_costs_its_name_and_path_and_27_bytes(name: str, path: str) -> None:
    size = _size([_item(name, path), _item(name, path)]) - _size([_item(name, path)])
    assert size == len(_item(name).table) + len(path) + BYTES_AROUND
    assert BYTES_AROUND == 27


@pytest.mark.parametrize(
    ("name", "tables", "runs"),
    [
        ("`lake`.`main`.`{:04}`", 623, 4),
        ("`lake`.`main`.`table_of_len_20_{:04}`", 516, 4),
        ("`production_lake`.`feature-20`.`table_of_len_20_{:04}`", 436, 5),
    ],
)
def test_so_many_tables_of_usual_lengths_fit_a_run(name: str, tables: int, runs: int) -> None:
    """Paths of 30 characters."""
    items = [Item(table=name.format(number), path=f"tables/{number:04}".ljust(30, "p")) for number in range(2000)]
    found = _all_pages(items, [])
    assert (len(found[0].items), len(found)) == (tables, runs)
    assert [page.following for page in found] == list(reversed(range(runs)))
    TaskValuesDouble().set("tables", [item.as_json() for item in found[0].items])


def test_ten_thousand_tables_come_in_pages_that_fit() -> None:
    items = [
        _item(f"lake.main.table_number_{number:05}", f"tables/group/table_{number:05}") for number in range(10_000)
    ]
    found = _all_pages(items, [])
    assert [item for page in found for item in page.items] == items
    assert len(found) == 18
    assert all(_size(page.items) <= pages.MAX_TASK_VALUE_BYTES + len("[]") for page in found)


_NAMES = st.lists(
    st.builds("{}.{}.{}".format, *[st.text(st.sampled_from("abz0_-é"), min_size=1, max_size=4)] * 3), unique=True
)


@given(names=_NAMES, data=st.data(), limit=st.integers(1, 2000))
def test_every_item_comes_once_in_order_and_every_page_fits(names: list[str], data: st.DataObject, limit: int) -> None:
    is_removed = {name: data.draw(st.booleans()) for name in names}
    items = [_item(name, path="p" * data.draw(st.integers(1, 300))) for name in names if not is_removed[name]]
    removed = [_removed(name) for name in names if is_removed[name]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "MAX_TASK_VALUE_BYTES", limit)
        found = _all_pages(items, removed)
    by_name = {"key": lambda each: each.name}
    assert [item for page in found for item in page.items] == sorted(items, **by_name)  # type: ignore[call-overload]
    assert [item for page in found for item in page.removed] == sorted(removed, **by_name)  # type: ignore[call-overload]
    for page in found:
        alone = len(page.items) + len(page.removed) == 1
        assert alone or max(_size(page.items), _size(page.removed)) <= limit + len("[]")
    assert [page.following for page in found] == list(reversed(range(len(found))))
    for one, following in itertools.pairwise(found):
        first = (*following.removed, *following.items)[0]
        kind = [each for each in (*one.removed, *one.items) if type(each) is type(first)]
        assert _size([*kind, first]) > limit - len("[]"), "the page had room for one more"
