"""How the tables of an export are cut into pages: none is lost, none comes twice, and each page fits a task value."""

import itertools
import json
from collections.abc import Sequence

import pytest
from doubles import TaskValuesDouble
from hypothesis import given
from hypothesis import strategies as st

from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.export import pages
from lakefs_unity_export.export.pages import Page, cut_page
from lakefs_unity_export.export.plan import Item, RemovedItem


def _item(name: str, path: str = "p") -> Item:
    catalog, schema, table = name.split(".")
    return Item(
        table=f"`{catalog}`.`{schema}`.`{table}`",
        schema=f"`{catalog}`.`{schema}`",
        source_path=f"s3a://shop/c0ffee/{path}",
        target_path=f"s3://bucket/main/{table}",
        commit_id="c0ffee",
        commit_generation=3,
        line=0,
        path=path,
        method=CloneMethod.SHALLOW,
    )


def _removed(name: str) -> RemovedItem:
    item = _item(name)
    return RemovedItem(table=item.table, target_path=item.target_path)


def _all_pages(items: Sequence[Item], removed: Sequence[RemovedItem]) -> list[Page]:
    """Every page, from the first one on."""
    found = [cut_page(items, removed, after="")]
    while found[-1].next_after:
        found.append(cut_page(items, removed, after=found[-1].next_after))
        assert len(found) <= len(items) + len(removed), "the pages do not end"
    return found


def _size(elements: Sequence[Item | RemovedItem]) -> int:
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
    assert [page.next_after for page in found] == ["lake.main.t1", "lake.main.t3", ""]


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
    monkeypatch.setattr(pages, "MAX_TASK_VALUE_BYTES", 400)
    found = _all_pages(items, [])
    assert [page.items for page in found] == [(item,) for item in items]
    assert cut_page(items, [], after="lake.main.a").items == (items[1],)


def test_the_end_may_be_reached_while_the_last_page_is_awaited() -> None:
    """As where the tables after the one before it went since."""
    assert cut_page([_item("lake.main.a")], [], after="lake.main.a") == Page(items=(), removed=(), next_after="")


def test_a_page_of_the_longest_names_fits_a_task_value() -> None:
    long = "é" * 255
    items = [_item(f"{long}.{long}.{number:04}{long[4:]}", path="p" * 1024) for number in range(60)]
    for page in _all_pages(items, []):
        TaskValuesDouble().set("tables", [item.as_json() for item in page.items])


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
    for one, following in itertools.pairwise(found):
        first = (*following.removed, *following.items)[0]
        kind = [each for each in (*one.removed, *one.items) if type(each) is type(first)]
        assert _size([*kind, first]) > limit - len("[]"), "the page had room for one more"
