"""Which descriptors a further page reads: not all again where what is exported, or the page before, tells of them."""

import contextlib
import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TextIO

import pytest
from doubles import LakeFSDouble, UnityCatalogDouble
from export_story import BASE, REQUEST, Run, Story, descriptor, table
from hypothesis import event, given
from hypothesis import strategies as st
from job_double import assert_equal_listings

from lakefs_unity_export.errors import (
    IncompleteExportError,
    InvalidDescriptorsError,
    LakeFSGoneError,
    NameTakenError,
)
from lakefs_unity_export.export import further_pages, known_tables, pages, told_pages
from lakefs_unity_export.export.further_pages import MAX_RUNS
from lakefs_unity_export.export.listing import Listing
from lakefs_unity_export.export.state import read_state, with_state
from lakefs_unity_export.export.told_pages import MAX_TOLD_BYTES, ToldPage, in_words, read_words
from lakefs_unity_export.ports import Commit, RegisteredTable
from lakefs_unity_export.tasks import list_changed_tables as module
from lakefs_unity_export.tasks.list_changed_tables import list_changed_tables

FOLDER = "_lakefs_tables"
KNOWN = "descriptors that did not change since the last export are not read"
OWN = "descriptors of other pages are not read"
TABLES = 200
A_PAGE = 50


@pytest.fixture
def story(lakefs: LakeFSDouble, unity_catalog: UnityCatalogDouble) -> Story:
    return Story(lakefs=lakefs, unity_catalog=unity_catalog)


@pytest.fixture
def pages_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets how many tables, named as here, a page takes."""

    def limit(count: int) -> None:
        monkeypatch.setattr(pages, "MAX_TASK_VALUE_BYTES", count * 60)

    return limit


def _name(number: int) -> str:
    return f"t{number:04}"


def _described(files: Sequence[str]) -> dict[str, bytes]:
    """Tables with a descriptor in each of the files, numbered in their order, and data."""
    contents = {f"{FOLDER}/{file}.yaml": descriptor(_name(number)) for number, file in enumerate(files)}
    return contents | {f"tables/{_name(number)}/0": b"0" for number in range(len(files))}


def _each(story: Story, **parameters: str) -> list[tuple[Run, list[str]]]:
    """The runs of an export in pages, all with these parameters, each with the descriptors that it read."""
    runs, todo = [], [dict[str, str]()]
    while todo:
        before = len(story.runs.started)
        story.lakefs.reads.clear()
        story.lakefs.calls.clear()
        run = story.export(**parameters | todo.pop())
        assert story.lakefs.calls["read_object"] == len(story.lakefs.reads)
        runs.append((run, [path for _, path in story.lakefs.reads]))
        todo += story.runs.started[before:]
    return runs


# Calls

LAYOUTS: dict[str, Callable[[int], str]] = {
    "named as their tables": _name,
    "in folders": lambda number: f"domain{number % 5}/{_name(number)}",
    "in the other order": lambda number: _name(9999 - number),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("mode", ["changed", "full"])
def test_where_an_export_begins_anew_each_further_page_reads_its_own_descriptors(
    story: Story, pages_of: Callable[[int], None], layout: Callable[[int], str], mode: str
) -> None:
    files = [layout(number) for number in range(TABLES)]
    story.lakefs.put(_described(files))
    pages_of(A_PAGE)
    (first, reads), *further = _each(story, mode=mode)
    assert len(reads) == TABLES
    assert len(first.paths) == A_PAGE
    assert len(further) == TABLES / A_PAGE - 1
    for number, (run, reads) in enumerate(further, start=1):
        own = range(number * A_PAGE, (number + 1) * A_PAGE)
        assert run.paths == [f"tables/{_name(each)}" for each in own]
        assert sorted(reads) == sorted(f"{FOLDER}/{files[each]}.yaml" for each in own)
        assert OWN in run.printed
        assert f"{TABLES} of {TABLES} tables to export, {A_PAGE} of them in this run" in run.printed
    assert story.watermark() == story.lakefs.head().id
    story.lakefs.put({"tables/t0007/1": b"1"})
    ((run, reads),) = _each(story)
    assert (run.paths, reads) == (["tables/t0007"], [])


def test_a_further_page_asks_lakefs_for_little_besides(story: Story, pages_of: Callable[[int], None]) -> None:
    story.lakefs.put(_described([_name(number) for number in range(TABLES)]))
    pages_of(A_PAGE)
    story.export()
    story.lakefs.calls.clear()
    story.export(**story.runs.started[-1])
    calls = {"branch_head": 1, "commit": 1, "list_objects": 1, "read_object": A_PAGE, "storage_namespace": 1}
    assert dict(story.lakefs.calls) == calls


def test_files_that_have_nothing_to_do_with_names_are_read_in_few_runs(
    story: Story, pages_of: Callable[[int], None]
) -> None:
    files = [hashlib.sha256(_name(number).encode()).hexdigest() for number in range(TABLES)]
    story.lakefs.put(_described(files))
    pages_of(A_PAGE)
    _, *further = _each(story)
    for number, (run, reads) in enumerate(further, start=1):
        own = range(number * A_PAGE, (number + 1) * A_PAGE)
        assert run.paths == [f"tables/{_name(each)}" for each in own]
        assert {f"{FOLDER}/{files[each]}.yaml" for each in own} <= set(reads)
        assert len(reads) < TABLES
    told = json.loads(story.runs.started[0]["pages"])
    assert [len(each["files"]) for each in told["pages"]] == [MAX_RUNS] * 3


@pytest.fixture
def settled(story: Story, pages_of: Callable[[int], None]) -> Story:
    """Tables that are exported, in pages of which each takes a quarter."""
    story.lakefs.put(_described([_name(number) for number in range(TABLES)]))
    story.export()
    pages_of(A_PAGE)
    return story


def test_where_only_data_changed_no_page_reads_a_descriptor(settled: Story) -> None:
    settled.lakefs.put({f"tables/{_name(number)}/1": b"1" for number in range(TABLES)})
    runs = _each(settled)
    assert [len(run.paths) for run, _ in runs] == [A_PAGE] * 4
    assert [reads for _, reads in runs] == [[]] * 4
    assert all(KNOWN in run.printed for run, _ in runs)
    assert all("pages" not in parameters for parameters in settled.runs.started)


def test_each_page_reads_the_descriptors_that_changed(settled: Story) -> None:
    """Whether their tables show the new commit already, or the old one."""
    changed = {f"tables/{_name(number)}/1": b"1" for number in range(TABLES)}
    for number in range(0, TABLES, 20):
        changed[f"{FOLDER}/{_name(number)}.yaml"] = descriptor(_name(number), path=f"moved/{number}")
    changed |= table("t0001a") | table("t0150a", clone_method="deep")
    changed |= {f"{FOLDER}/other.yaml": descriptor("t0003")}
    removed = [f"{FOLDER}/{_name(number)}.yaml" for number in (1, 3, 199)]
    settled.lakefs.put(changed, removed)
    before, now = (10 + 3, 10 + 3)
    for run, reads in _each(settled, on_removed="drop"):
        assert KNOWN in run.printed
        assert len(reads) == before + now
    head, registered = settled.lakefs.head().id, settled.unity_catalog.schema("lake", "main").tables
    assert settled.watermark() == head
    assert len(registered) == TABLES
    assert {settled.clones[each.storage_location].commit_id for each in registered.values()} == {head}


def test_a_run_that_is_repeated_reads_no_descriptor_again(settled: Story) -> None:
    settled.lakefs.put({f"tables/{_name(number)}/1": b"1" for number in range(10)} | table("t0001a"))
    settled.export(failing=["tables/t0005"])
    assert settled.watermark() != settled.lakefs.head().id
    ((run, reads),) = _each(settled)
    assert reads == [f"{FOLDER}/t0001a.yaml"]
    assert KNOWN in run.printed
    assert settled.watermark() == settled.lakefs.head().id


# Where tables show the commit that is exported already


def _with(story: Story, name: str, **changes: str) -> None:
    tables = story.unity_catalog.schema("lake", "main").tables
    tables[name] = replace(tables[name], **changes)


def _register(story: Story, name: str, location: str = "") -> None:
    """Something that this export did not register."""
    at = location or f"{BASE}/main/{name}"
    found = RegisteredTable(name=name, table_type="EXTERNAL", storage_location=at, repository="shop", path="tables/x")
    story.unity_catalog.schema("lake", "main").tables[name] = found


def _edit(story: Story, key: str, value: str) -> None:
    story.unity_catalog.schema("lake", "main").properties[f"lakefs.shop.{key}"] = value


def _read(story: Story, monkeypatch: pytest.MonkeyPatch, **parameters: str) -> list[str]:
    """What the list task reads; it lists the same as where it reads everything."""
    story.lakefs.reads.clear()
    out = io.StringIO()
    listing = _listing(story, out, **parameters)
    reads = [path for _, path in story.lakefs.reads]
    with monkeypatch.context() as patch:
        patch.setattr(module, "known_commit", lambda *_: None)
        patch.setattr(module, "told_page", lambda *_: None)
        read = _listing(story, io.StringIO(), **parameters)
    assert_equal_listings(listing, read, told=OWN in out.getvalue())
    return reads


def _listing(story: Story, out: TextIO, **parameters: str) -> Listing | None:
    request = replace(REQUEST, **parameters).named()
    return list_changed_tables(request, story.lakefs, story.unity_catalog, out, clock=lambda: 5_000)


@pytest.mark.parametrize(
    "misfit",
    [
        lambda story: _with(story, "t0199", path="tables/other"),
        lambda story: _with(story, "t0000", path="tables/other"),
        # Around others, so that the walk sees nothing of what changed in them.
        lambda story: _with(story, "t0010", path="tables"),
        lambda story: story.unity_catalog.schema("lake", "main").tables.pop("t0199"),
        lambda story: _register(story, "left_over"),
        lambda story: _edit(story, "described", "0" * 32),
        lambda story: story.lakefs.forget(story.watermark()),
    ],
)
def test_where_anything_does_not_fit_a_further_page_reads_every_descriptor(
    settled: Story, monkeypatch: pytest.MonkeyPatch, misfit: Callable[[Story], object]
) -> None:
    changed = {f"tables/{_name(number)}/1": b"1" for number in range(TABLES)}
    settled.lakefs.put(changed | {f"{FOLDER}/t0010.yaml": descriptor("t0010", path="tables/new")})
    settled.export()
    misfit(settled)
    reads = _read(settled, monkeypatch, **settled.runs.started[-1])
    assert {f"{FOLDER}/{_name(number)}.yaml" for number in range(TABLES)} <= set(reads)


def test_where_another_commit_was_begun_every_descriptor_is_read(
    settled: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled.lakefs.put({"tables/t0001/1": b"1"})
    settled.export(dies=True)
    settled.lakefs.put({"tables/t0002/1": b"1"})
    assert len(_read(settled, monkeypatch)) == TABLES


# Where the page before told


@pytest.fixture
def begun(story: Story, pages_of: Callable[[int], None]) -> Story:
    """Six tables, of which the first of three pages is exported; names in the opposite order of their files."""
    files = ["f", "e", "d", "c", "b", "a"]
    story.lakefs.put(_described(files))
    pages_of(2)
    story.export()
    return story


EVERY = {f"{FOLDER}/{file}.yaml" for file in "abcdef"}


def _told(story: Story) -> dict[str, str]:
    """The job parameters of the second page."""
    return dict(story.runs.started[0])


def test_a_page_is_told_of_itself_and_of_those_after_it(begun: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    told = read_words(_told(begun)["pages"])
    assert told is not None
    kept = json.loads(begun.last_values["record"])["described"]
    assert (told.tables, told.following, told.described) == (6, 1, kept)
    assert [(each.last, each.files) for each in told.pages] == [
        ("lake.main.t0003", ((2, 3),)),
        ("lake.main.t0005", ((0, 1),)),
    ]
    assert set(_read(begun, monkeypatch, **_told(begun))) == {f"{FOLDER}/c.yaml", f"{FOLDER}/d.yaml"}
    begun.export(**_told(begun))
    last = read_words(begun.runs.started[1]["pages"])
    assert last is not None
    assert (last.following, last.pages) == (0, told.pages[1:])
    run = begun.export(**begun.runs.started[1])
    assert "pages" not in json.loads(run.values["record"])["next_page"]
    assert begun.unity_catalog.schema("lake", "main").properties["lakefs.shop.described"] == kept


def test_what_the_version_before_started_reads_every_descriptor_and_tells(
    begun: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: value for name, value in _told(begun).items() if name != "pages"}
    assert set(_read(begun, monkeypatch, **before)) == EVERY
    begun.export(**before)
    assert _read(begun, monkeypatch, **begun.runs.started[-1]) == [f"{FOLDER}/a.yaml", f"{FOLDER}/b.yaml"]


def _changed(text: str, **changes: object) -> str:
    return json.dumps(json.loads(text) | changes)


def _of_page(text: str, **changes: object) -> str:
    first, *others = json.loads(text)["pages"]
    return _changed(text, pages=[first | changes, *others])


EDITED: dict[str, Callable[[str], str]] = {
    "cut": lambda text: text[:-1],
    "no object": lambda text: f"[{text}]",
    "of no page": lambda text: _changed(text, pages=[]),
    "with more": lambda text: _changed(text, more=1),
    "a number as text": lambda text: _changed(text, tables="6"),
    "another number of tables": lambda text: _changed(text, tables=7),
    "another number of pages": lambda text: _changed(text, following=0),
    "another digest of the commit": lambda text: _changed(text, described="0" * 32),
    "left over": lambda text: _changed(text, described=json.loads(text)["described"] + " lake.main.t0001"),
    "an earlier end": lambda text: _of_page(text, last="lake.main.t0002"),
    "a later end": lambda text: _of_page(text, last="lake.main.t0004"),
    "other files": lambda text: _of_page(text, files=[[0, 1]]),
    "fewer files": lambda text: _of_page(text, files=[[2, 2]]),
    "files that are not there": lambda text: _of_page(text, files=[[6, 10**9]]),
    "no files": lambda text: _of_page(text, files=[]),
    "another digest": lambda text: _of_page(text, digest="0" * 32),
    "the next page": lambda text: _changed(text, pages=json.loads(text)["pages"][1:], following=0),
}


@pytest.mark.parametrize("edit", EDITED.values(), ids=EDITED)
def test_where_what_was_told_is_edited_every_descriptor_is_read(
    begun: Story, monkeypatch: pytest.MonkeyPatch, edit: Callable[[str], str]
) -> None:
    parameters = _told(begun) | {"pages": edit(_told(begun)["pages"])}
    assert set(_read(begun, monkeypatch, **parameters)) == EVERY


@pytest.mark.parametrize(
    "parameters",
    [
        {"page_after": "lake.main.t0000"},
        {"page_after": "lake.main.t0002"},
        {"base_commit": "c0ffee012345"},
        {"table_defs": "a,b,c,d,e,f"},
        {"clone_method": "deep"},
        {"target_base_location": "s3://bucket/other"},
    ],
    ids=str,
)
def test_under_other_parameters_every_descriptor_is_read(
    begun: Story, monkeypatch: pytest.MonkeyPatch, parameters: dict[str, str]
) -> None:
    assert set(_read(begun, monkeypatch, **_told(begun) | parameters)) == EVERY


def test_what_another_version_told_is_not_taken(begun: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_tables, "_version", lambda: "9.0")
    assert set(_read(begun, monkeypatch, **_told(begun))) == EVERY


@pytest.mark.parametrize("is_noted", [True, False])
def test_what_was_told_of_another_commit_is_not_taken(
    begun: Story, monkeypatch: pytest.MonkeyPatch, is_noted: bool
) -> None:
    head = begun.lakefs.put({"tables/t0004/1": b"1"})
    if not is_noted:
        _rewrite(begun, attempts=())
    assert set(_read(begun, monkeypatch, **_told(begun) | {"commit_id": head.id})) == EVERY


def test_another_folder_of_descriptors_is_read(begun: Story) -> None:
    begun.lakefs.reads.clear()
    run = begun.list(**_told(begun) | {"table_descriptors_path": "elsewhere"})
    assert OWN not in run.printed
    assert run.paths == []


def _rewrite(story: Story, **changes: object) -> None:
    """Another state of the branch, as an export writes it."""
    schema, of = story.unity_catalog.schema("lake", "main"), {"repository": "shop", "branch": "main"}
    state = read_state(schema.properties, **of, schema="lake.main")
    schema.properties = with_state(schema.properties, replace(state, **changes), **of)  # type: ignore[arg-type]


def _export_to_another_catalog(story: Story) -> None:
    story.unity_catalog.catalogs["finance"] = {}
    _rewrite(story, catalogs=("finance", "lake"))


@pytest.mark.parametrize(
    "misfit",
    [
        # A name is taken, of this page, of the one before or of that after it.
        lambda story: _register(story, "t0002", "s3://elsewhere"),
        lambda story: _register(story, "t0000", "s3://elsewhere"),
        lambda story: _register(story, "t0005", "s3://elsewhere"),
        _export_to_another_catalog,
        # Another run exported in between, or began to.
        lambda story: _rewrite(story, watermark=story.lakefs.head()),
        lambda story: _rewrite(story, attempts=(Commit(id="c0ffee01", generation=1), story.lakefs.head())),
        # A descriptor's data is gone.
        lambda story: story.lakefs.unreadable.update({f"{FOLDER}/c.yaml": LakeFSGoneError("its data was removed")}),
    ],
)
def test_where_something_else_happened_every_descriptor_is_read(
    begun: Story, monkeypatch: pytest.MonkeyPatch, misfit: Callable[[Story], object]
) -> None:
    misfit(begun)
    assert set(_read(begun, monkeypatch, **_told(begun))) >= EVERY


def test_a_problem_of_another_page_is_told_by_this_one(
    story: Story, pages_of: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its descriptor lies between those of this page, and is read with them."""
    monkeypatch.setattr(further_pages, "MAX_RUNS", 1)
    story.lakefs.put(_described(["a", "d", "b", "e", "c", "f"]))
    pages_of(2)
    story.export()
    assert set(_read(story, monkeypatch, **_told(story))) == {f"{FOLDER}/{file}.yaml" for file in "bcde"}
    story.lakefs.unreadable[f"{FOLDER}/c.yaml"] = LakeFSGoneError("its data was removed")
    assert set(_read(story, monkeypatch, **_told(story))) == EVERY


@pytest.mark.parametrize("on_removed", ["keep", "drop"])
def test_a_page_that_knows_its_own_tables_alone_drops_none_of_the_others(begun: Story, on_removed: str) -> None:
    _register(begun, "left_over")
    run = begun.export(**_told(begun) | {"on_removed": on_removed})
    assert OWN in run.printed
    assert "that no descriptor asks for" not in run.printed
    assert run.values["removed"] == []
    begun.export(**begun.runs.started[-1] | {"on_removed": on_removed})
    assert len(begun.unity_catalog.schema("lake", "main").tables) == 7
    begun.lakefs.put({"tables/t0001/1": b"1"})
    removed = begun.export(on_removed=on_removed).values["removed"]
    assert removed == ([{"table": "`lake`.`main`.`left_over`"}] if on_removed == "drop" else [])


def test_a_failed_page_is_not_forgotten(begun: Story) -> None:
    begun.export(failing=["tables/t0003"], **_told(begun))
    run = begun.export(**begun.runs.started[-1])
    assert OWN in run.printed
    assert begun.watermark() == ""
    assert "tables/t0003" in begun.export_pages()[1].cloned
    assert begun.watermark() == begun.lakefs.head().id


def _in_two_catalogs(story: Story) -> dict[str, bytes]:
    story.unity_catalog.catalogs["finance"] = {}
    return {f"{FOLDER}/a.yaml": descriptor("t0005", catalog="finance")}


UNUSUAL: dict[str, tuple[Callable[[Story], dict[str, bytes] | None], dict[str, str]]] = {
    "a problem": (lambda _: {f"{FOLDER}/g.yaml": b"- x"}, {}),
    "a catalog that is not there": (lambda _: {f"{FOLDER}/a.yaml": descriptor("t0005", catalog="nowhere")}, {}),
    "a note": (lambda _: {f"{FOLDER}/g.yaml": descriptor("g", kind="hive")}, {}),
    "an ending": (lambda _: {f"{FOLDER}/g.yml": b""}, {}),
    "a name that is taken": (lambda story: _register(story, "t0005", "s3://elsewhere"), {}),
    "some tables": (lambda _: {}, {"table_defs": "a,b,c,d,e"}),
    "another catalog": (_in_two_catalogs, {}),
    "too much left over": (lambda story: [_register(story, f"left_over_{n}") for n in range(200)] and None, {}),
}


@pytest.mark.parametrize(("change", "parameters"), UNUSUAL.values(), ids=UNUSUAL)
def test_where_anything_is_unusual_no_page_is_told(
    story: Story,
    pages_of: Callable[[int], None],
    change: Callable[[Story], dict[str, bytes] | None],
    parameters: dict[str, str],
) -> None:
    story.lakefs.put(_described(["f", "e", "d", "c", "b", "a"]) | (change(story) or {}))
    pages_of(2)
    with contextlib.suppress(InvalidDescriptorsError, NameTakenError):
        _each(story, **parameters)
    assert story.runs.started
    assert all("pages" not in given for given in story.runs.started)


def test_pages_of_what_changed_are_not_told(begun: Story) -> None:
    """Where nothing tells what the descriptors say: the tables of a page depend on the others' descriptors then."""
    begun.export_pages(**_told(begun))
    del begun.unity_catalog.schema("lake", "main").tables["t0001"]
    begun.lakefs.put({f"tables/{_name(number)}/1": b"1" for number in range(6)})
    started = len(begun.runs.started)
    assert [run.paths[0] for run in begun.export_pages()] == ["tables/t0000", "tables/t0002", "tables/t0004"]
    assert [given.keys() & {"pages"} for given in begun.runs.started[started:]] == [set(), set()]


def test_where_no_file_was_read_no_page_is_told(settled: Story) -> None:
    """A run by another method makes the export begin anew, though it is known what is described."""
    settled.lakefs.put({"tables/t0001/1": b"1"})
    settled.list(clone_method="deep")
    first, *further = _each(settled)
    assert (len(first[0].paths), first[1]) == (A_PAGE, [])
    assert [reads for _, reads in further] == [[]] * 3
    assert all("pages" not in given for given in settled.runs.started)


def test_once_all_is_dropped_that_is_to_be_the_pages_are_told(story: Story, pages_of: Callable[[int], None]) -> None:
    story.lakefs.put(_described(["b", "a"]))
    for number in range(4):
        _register(story, f"x{number:04}")
    pages_of(0)  # one at a time
    runs = [run for run, _ in _each(story, on_removed="drop")]
    dropped = [[item["table"] for item in run.values["removed"]] for run in runs]
    assert [len(each) for each in dropped] == [1, 1, 1, 1, 0, 0]
    told = ["pages" in given for given in story.runs.started]
    # Together with the last of them: there the pages after it are of tables alone.
    assert told == [False, False, False, True, True]
    assert [OWN in run.printed for run in runs] == [False, False, False, False, True, True]
    assert sorted(story.unity_catalog.schema("lake", "main").tables) == ["t0000", "t0001"]


# Whatever happens between pages


@dataclass(frozen=True)
class History:
    """Files of tables in the order of their names, bytes of a page, and what happens before which run.

    Where the tables are exported already, those that are `moved` or `gone` have other descriptors since, or none.
    """

    files: list[str]
    page_bytes: int
    settings: dict[str, str]
    is_exported: bool
    moved: set[int]
    gone: set[int]
    left_over: int
    changes: dict[int, tuple[str, int]]


HAPPENS = ("dropped", "left over", "taken", "edited", "provenance", "commit", "another run", "full run", "failing")


@st.composite
def histories(draw: st.DrawFn) -> History:
    count = draw(st.integers(2, 9))
    modes, removed = st.sampled_from(["changed", "changed", "full"]), st.sampled_from(["keep", "drop"])
    numbers = st.integers(0, count - 1)
    happens = st.tuples(st.sampled_from(HAPPENS), numbers)
    return History(
        files=draw(st.permutations([f"{'abc'[number % 3]}/{number}" for number in range(count)])),
        page_bytes=draw(st.integers(1, 260)),
        settings={"mode": draw(modes), "on_removed": draw(removed)},
        is_exported=draw(st.booleans()),
        moved=draw(st.sets(numbers, max_size=2)),
        gone=draw(st.sets(numbers, max_size=2)),
        left_over=draw(st.integers(0, 3)),
        changes=draw(st.dictionaries(st.integers(0, 8), happens, max_size=3)),
    )


def _happens(story: Story, what: str, number: int) -> None:
    tables = story.unity_catalog.schema("lake", "main").tables
    if what == "dropped":
        tables.pop(_name(number), None)
    elif what == "left over":
        _register(story, f"x{number}")
    elif what == "taken":
        _register(story, _name(number), "s3://elsewhere")
    elif what == "edited":
        _edit(story, "attempts", "c0ffee01:1")
    elif what == "provenance" and _name(number) in tables:
        _with(story, _name(number), path="tables/other")
    elif what == "commit":
        story.lakefs.put({f"tables/{_name(number)}/1": b"1"})


def _begin(story: Story, history: History) -> None:
    story.lakefs.put(_described(history.files))
    for number in range(history.left_over):
        _register(story, f"y{number}")
    if history.is_exported:
        story.export_pages()
        story.runs.started.clear()
        changed = {f"tables/{_name(number)}/1": b"1" for number in range(len(history.files))}
        for number in history.moved:
            moved = descriptor(_name(number), path=f"moved/{number}")
            changed |= {f"{FOLDER}/{history.files[number]}.yaml": moved, f"moved/{number}/0": b"0"}
        story.lakefs.put(changed, [f"{FOLDER}/{history.files[number]}.yaml" for number in history.gone])


def _exported(history: History) -> tuple[list[object], Story, Counter[str]]:
    """What each run exported and dropped, how it all ended, and how many pages did not read every descriptor."""
    story = Story(lakefs=LakeFSDouble(), unity_catalog=UnityCatalogDouble("lake"))
    _begin(story, history)
    runs, todo, spared = list[object](), [dict[str, str]()], Counter[str]()
    while todo:
        what, number = history.changes.get(len(runs), ("", 0))
        _happens(story, what, number)
        if what.endswith(" run"):
            todo.append({"mode": "full"} if what == "full run" else {})
        started, failing = len(story.runs.started), [f"tables/{_name(number)}"] if what == "failing" else []
        parameters = history.settings | todo.pop(0)
        with contextlib.suppress(NameTakenError, IncompleteExportError):
            story.export(**parameters, failing=failing)
        listed, printed = story.last_values, story.last_out.getvalue()
        runs.append((listed["tables"], listed["removed"], listed["line"], listed["commit_id"]))
        if parameters.get("event") == "next_page":
            spared.update(told=int(OWN in printed), known=int(KNOWN in printed))
        todo += story.runs.started[started:]
        assert len(runs) < 200, "the pages do not end"
    return runs, story, spared


@given(history=histories())
def test_whatever_happens_further_pages_export_what_they_do_where_each_reads_every_descriptor(history: History) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "MAX_TASK_VALUE_BYTES", history.page_bytes)
        runs, story, spared = _exported(history)
        patch.setattr(module, "told_page", lambda *_: None)
        patch.setattr(module, "known_commit", lambda *_: None)
        expected, other, _ = _exported(history)
    event(f"told pages: {min(spared['told'], 3)}")
    event(f"known pages: {min(spared['known'], 3)}")
    assert runs == expected
    assert story.clones == other.clones
    assert story.unity_catalog.schema("lake", "main").tables == other.unity_catalog.schema("lake", "main").tables
    assert story.watermark() == other.watermark()


# How much is told


def _page(number: int, *, name: str = "lake.main.table_of_len_20_{:04}") -> ToldPage:
    return ToldPage(last=name.format(number), files=((number * 500, number * 500 + 499),), digest="0" * 32)


def test_of_ten_thousand_tables_in_pages_all_are_told() -> None:
    text = in_words([_page(number) for number in range(20)], tables=10_000, following=19, described="0" * 32)
    assert len(text.encode()) <= MAX_TOLD_BYTES
    told = read_words(text)
    assert told is not None
    assert len(told.pages) == 20


def test_there_is_room_for_the_first_pages_of_many() -> None:
    long = [_page(number, name="é" * 250 + ".{:0250}") for number in range(20)]
    text = in_words(long, tables=10_000, following=19, described="0" * 32)
    told = read_words(text)
    assert told is not None
    assert told.pages == tuple(long[: len(told.pages)])
    assert told.following == 19
    assert 2 < len(told.pages) < 20
    assert in_words([_page(0, name="x" * MAX_TOLD_BYTES)], tables=1, following=0, described="") == ""
    assert in_words([], tables=1, following=0, described="") == ""


def test_where_the_room_ends_a_page_reads_every_descriptor_and_tells_again(
    story: Story, pages_of: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    story.lakefs.put(_described([_name(number) for number in range(12)]))
    pages_of(2)
    monkeypatch.setattr(told_pages, "MAX_TOLD_BYTES", 300)
    runs = _each(story)
    assert [len(reads) for _, reads in runs] == [12, 2, 2, 12, 2, 2]
    assert [json.loads(run.values["record"])["following"] for run, _ in runs] == [5, 4, 3, 2, 1, 0]
    assert story.watermark() == story.lakefs.head().id


@given(ranks=st.sets(st.integers(0, 200), min_size=1))
def test_runs_hold_every_rank_and_as_few_others_as_they_can(ranks: set[int]) -> None:
    runs = further_pages._runs(sorted(ranks))
    held = [rank for first, last in runs for rank in range(first, last + 1)]
    assert held == sorted(set(held))
    assert ranks <= set(held)
    assert len(runs) <= MAX_RUNS
    gaps = sorted(after - before - 1 for before, after in pairwise(sorted(ranks)) if after - before > 1)
    assert len(held) == len(ranks) + sum(gaps[: max(0, len(gaps) - MAX_RUNS + 1)])
