"""Which descriptors a listing reads: none that did not change, where what is exported tells what they say."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from doubles import LakeFSDouble, UnityCatalogDouble
from export_story import BASE, REQUEST, Story, descriptor, table

from lakefs_unity_export.clones.provenance import Provenance
from lakefs_unity_export.errors import InvalidDescriptorsError, LakeFSUnavailableError
from lakefs_unity_export.export import known_tables
from lakefs_unity_export.export.listing import Listing
from lakefs_unity_export.ports import RegisteredTable
from lakefs_unity_export.tasks import list_changed_tables as module
from lakefs_unity_export.tasks.list_changed_tables import list_changed_tables

FOLDER = "_lakefs_tables"
NOT_READ = "descriptors that did not change since the last export are not read"


@pytest.fixture
def story(lakefs: LakeFSDouble, unity_catalog: UnityCatalogDouble) -> Story:
    """Three tables, wholly exported, one of them to another catalog and by another method."""
    unity_catalog.catalogs["finance"] = {}
    lakefs.put({**table("t1"), **table("t2", clone_method="deep"), **table("t3", catalog="finance")})
    story = Story(lakefs=lakefs, unity_catalog=unity_catalog)
    story.export()
    return story


def listed(story: Story, monkeypatch: pytest.MonkeyPatch, **parameters: str) -> tuple[Listing | None, set[str]]:
    """What the task lists, and the descriptors that it read: the same as where it reads all of them."""
    story.lakefs.reads.clear()
    found = _listing(story, **parameters)
    reads = {path for _, path in story.lakefs.reads}
    with monkeypatch.context() as patch:
        patch.setattr(module, "known_commit", lambda *_: None)
        assert found == _listing(story, **parameters)
    return found, reads


def _listing(story: Story, **parameters: str) -> Listing | None:
    request = replace(REQUEST, **parameters).named()
    return list_changed_tables(request, story.lakefs, story.unity_catalog, io.StringIO(), clock=lambda: 5_000)


def _paths(listing: Listing | None) -> list[str]:
    return [item.path for item in listing.page.items] if listing else []


def _file(name: str) -> str:
    return f"{FOLDER}/{name}.yaml"


EVERY = {_file(name) for name in ("t1", "t2", "t3")}


def test_where_only_data_changed_no_descriptor_is_read(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.lakefs.put({"tables/t2/part-2.parquet": b"2", "elsewhere/x": b"x"})
    listing, reads = listed(story, monkeypatch)
    assert (_paths(listing), reads) == (["tables/t2"], set())


def test_where_nothing_changed_none_is_read_either(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.lakefs.put({"elsewhere/x": b"x"})
    assert NOT_READ in story.export().printed
    story.lakefs.calls.clear()
    assert listed(story, monkeypatch)[1] == set()


def test_of_the_descriptors_only_those_that_changed_are_read(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.lakefs.put(
        {
            _file("t1"): descriptor("t1", path="tables/moved"),
            _file("t4"): descriptor("t4"),
            f"{FOLDER}/README.md": b"# Tables",
        },
        removed=[_file("t3")],
    )
    listing, reads = listed(story, monkeypatch)
    assert _paths(listing) == ["tables/moved", "tables/t4"]
    assert reads == {_file(name) for name in ("t1", "t3", "t4")}


def test_a_descriptor_that_moved_to_another_file_is_read_there(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.lakefs.put({_file("orders"): descriptor("t1")}, removed=[_file("t1")])
    listing, reads = listed(story, monkeypatch)
    assert (_paths(listing), reads) == (["tables/t1"], {_file("t1"), _file("orders")})


def test_exports_go_on_without_reading(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        story.lakefs.put({_file("t1"): descriptor("t1") + b"\n" * number, f"tables/t2/{number}": b""})
        run = story.export()
        assert NOT_READ in run.printed
        assert "tables/t2" in run.cloned


def _with(story: Story, name: str, *, catalog: str = "lake", **changes: str) -> None:
    tables = story.unity_catalog.schema(catalog, "main").tables
    tables[name] = replace(tables[name], **changes)


def _edit(story: Story, key: str, value: str) -> None:
    story.unity_catalog.schema("lake", "main").properties[f"lakefs.shop.{key}"] = value


def _register(story: Story, name: str) -> None:
    """A registration that is left over: at the place of a table that no descriptor asks for."""
    found = RegisteredTable(
        name=name, table_type="EXTERNAL", storage_location=f"{BASE}/main/{name}", repository="shop", path="tables/x"
    )
    story.unity_catalog.schema("lake", "main").tables[name] = found


def _swap_paths(story: Story) -> None:
    _with(story, "t1", path="tables/t2")
    _with(story, "t2", path="tables/t1")


def _die(story: Story) -> None:
    story.lakefs.put({"tables/t1/part-8": b""})
    story.export(dies=True)
    story.lakefs.put({"elsewhere/x": b"x"})


@pytest.mark.parametrize(
    "misfit",
    [
        lambda story: _with(story, "t1", path="tables/t9"),
        lambda story: _with(story, "t1", path=""),
        lambda story: _with(story, "t1", repository="other"),
        lambda story: _with(story, "t1", clone_method="deep"),
        lambda story: _with(story, "t1", clone_method="of a later version"),
        lambda story: _with(story, "t1", storage_location="s3://elsewhere"),
        lambda story: _with(story, "t1", table_type="VIEW", storage_location=""),
        lambda story: _with(story, "t3", catalog="finance", path="tables/t9"),
        _swap_paths,
        lambda story: story.unity_catalog.schema("lake", "main").tables.pop("t1"),
        lambda story: story.unity_catalog.schema("finance", "main").tables.pop("t3"),
        lambda story: _register(story, "left_over"),
        lambda story: _edit(story, "described", "0" * 32),
        lambda story: _edit(story, "commit_id", "c0ffee01"),
        lambda story: story.unity_catalog.schema("lake", "main").properties.pop("lakefs.shop.described"),
        lambda story: story.unity_catalog.schema("finance", "main").properties.clear(),
        lambda story: story.lakefs.forget(story.watermark()),
        _die,
    ],
)
def test_where_anything_does_not_fit_every_descriptor_is_read(
    story: Story, monkeypatch: pytest.MonkeyPatch, misfit: Callable[[Story], object]
) -> None:
    story.lakefs.put({"tables/t2/part-2.parquet": b"2"})
    misfit(story)
    listing, reads = listed(story, monkeypatch)
    assert "tables/t2" in _paths(listing)
    assert reads == EVERY


@pytest.mark.parametrize(
    "parameters",
    [
        {"mode": "full"},
        {"clone_method": "deep"},
        {"catalog": "finance"},
        {"target_base_location": "s3://bucket/other"},
    ],
)
def test_under_another_setting_every_descriptor_is_read(
    story: Story, monkeypatch: pytest.MonkeyPatch, parameters: dict[str, str]
) -> None:
    assert listed(story, monkeypatch, **parameters)[1] == EVERY


def test_of_some_tables_and_of_all_nothing_is_known_from_each_other(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.lakefs.put({"tables/t1/part-2.parquet": b"2", "tables/t2/part-2.parquet": b"2"})
    assert _paths(listed(story, monkeypatch, table_defs="t1")[0]) == ["tables/t1"]
    story.export(table_defs="t1")
    story.lakefs.put({"tables/t2/part-3.parquet": b"3"})
    listing, reads = listed(story, monkeypatch)
    assert (_paths(listing), reads) == (["tables/t2"], EVERY)


def test_under_another_descriptor_folder_nothing_is_known(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    listing, _ = listed(story, monkeypatch, table_descriptors_path="elsewhere", on_removed="drop")
    assert listing is not None
    assert len(listing.page.removed) == 3


def test_another_version_of_the_package_reads_them_once(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_tables, "_version", lambda: "9.0")
    assert listed(story, monkeypatch)[1] == EVERY
    story.export()
    assert listed(story, monkeypatch)[1] == set()


PROBLEMS = {
    "as another's to the byte": {_file("t1"): descriptor("t2", clone_method="deep")},
    "a copy under another name": {_file("t4"): descriptor("t1")},
    "a path inside another's": {_file("t4"): descriptor("t4", path="tables/t1/in")},
    "a path around another's": {_file("t4"): descriptor("t4", path="tables")},
    "no YAML": {_file("t1"): b"- x: ["},
    "without a path": {_file("t4"): b"name: t4\ntype: delta\n"},
    "too large": {_file("t4"): b"x" * 65_537},
    "a catalog that is not there": {_file("t4"): descriptor("t4", catalog="nowhere")},
}


@pytest.mark.parametrize("changed", PROBLEMS.values(), ids=PROBLEMS)
def test_an_invalid_descriptor_is_refused_as_where_all_are_read(
    story: Story, monkeypatch: pytest.MonkeyPatch, changed: dict[str, bytes]
) -> None:
    story.lakefs.put({**changed, "tables/t3/part-2.parquet": b"2"})
    listing, reads = listed(story, monkeypatch)
    assert listing is not None
    assert listing.record.problems
    assert listing.record.described == ""
    assert reads >= EVERY


@pytest.mark.parametrize("changed", PROBLEMS.values(), ids=PROBLEMS)
def test_all_are_read_until_no_descriptor_is_invalid(
    story: Story, monkeypatch: pytest.MonkeyPatch, changed: dict[str, bytes]
) -> None:
    before = {path: content for path, content in story.lakefs.content(story.watermark()).items() if path in changed}
    story.lakefs.put(changed)
    with pytest.raises(InvalidDescriptorsError):
        story.export()
    story.lakefs.put({"tables/t3/part-2.parquet": b"2"})
    assert listed(story, monkeypatch)[1] >= EVERY - changed.keys()
    story.lakefs.put(before, removed=changed.keys() - before.keys())
    assert listed(story, monkeypatch)[1] >= EVERY
    story.export()
    assert listed(story, monkeypatch)[1] == set()


@pytest.mark.parametrize("changed", [{_file("h"): descriptor("h", kind="hive")}, {f"{FOLDER}/t4.yml": b"x"}])
def test_where_something_is_to_be_noted_all_are_read_and_it_is_noted_each_time(
    story: Story, changed: dict[str, bytes]
) -> None:
    story.lakefs.put(changed)
    for _ in range(2):
        printed = story.export().printed
        assert "note: " in printed
        assert NOT_READ not in printed


def test_a_new_catalog_is_looked_into(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.unity_catalog.catalogs["hr"] = {}
    story.lakefs.put(table("t4", catalog="hr"))
    listing, _ = listed(story, monkeypatch)
    assert _paths(listing) == ["tables/t4"]
    story.export()
    assert listed(story, monkeypatch)[1] == set()


def test_a_catalog_that_is_gone_is_a_problem_of_its_descriptors(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    del story.unity_catalog.catalogs["finance"]
    listing, reads = listed(story, monkeypatch)
    assert listing is not None
    assert listing.record.described == ""
    assert reads == EVERY


def test_a_registration_to_drop_is_found_without_reading(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.lakefs.put(removed=[_file("t1")])
    listing, reads = listed(story, monkeypatch, on_removed="drop")
    assert listing is not None
    assert [item.name for item in listing.page.removed] == ["lake.main.t1"]
    assert reads == {_file("t1")}
    kept = story.export(on_removed="drop").listing
    assert kept is not None
    assert re.fullmatch("[0-9a-f]{32}", kept.record.described)


def test_registrations_that_are_left_over_are_told_apart(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.lakefs.put(removed=[_file("t1"), _file("t3")])
    story.export()
    _, *left = story.unity_catalog.schema("lake", "main").properties["lakefs.shop.described"].split(" ")
    assert left == ["finance.main.t3", "lake.main.t1"]
    story.lakefs.put({"tables/t1/part-2": b"", "tables/t2/part-2": b""})
    listing, reads = listed(story, monkeypatch)
    assert (_paths(listing), reads) == (["tables/t2"], set())
    story.lakefs.put({_file("t1"): descriptor("t1")})
    listing, reads = listed(story, monkeypatch)
    assert (_paths(listing), reads) == (["tables/t1", "tables/t2"], {_file("t1")})
    story.export()
    del story.unity_catalog.schema("finance", "main").tables["t3"]
    assert listed(story, monkeypatch)[1] == set()


@pytest.mark.parametrize("names", [[f"left_over_from_before_{number}" for number in range(100)], ["x" * 250]])
def test_where_too_much_is_left_over_all_are_read(
    story: Story, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    for name in names:
        _register(story, name)
    assert story.export().values["record"]
    assert "lakefs.shop.described" not in story.unity_catalog.schema("lake", "main").properties
    assert listed(story, monkeypatch)[1] == EVERY


def test_a_path_too_long_for_a_property_is_read_each_time(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.lakefs.put({_file("t1"): descriptor("t1", path="tables/" + "x" * 255)})
    story.export()
    assert listed(story, monkeypatch)[1] == EVERY


def test_a_server_that_fails_is_not_taken_for_one_that_forgot(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(left: str, right: str) -> None:
        raise LakeFSUnavailableError("lakeFS did not answer")

    story.lakefs.put({"tables/t2/part-2.parquet": b"2"})
    monkeypatch.setattr(story.lakefs, "diff_reader", fail)
    with pytest.raises(LakeFSUnavailableError):
        _listing(story)


@pytest.mark.parametrize(("tables", "objects"), [(10, 1), (1000, 1), (10, 200)])
def test_no_call_grows_with_tables_or_objects_but_pages_of_registered_tables(
    lakefs: LakeFSDouble, unity_catalog: UnityCatalogDouble, tables: int, objects: int
) -> None:
    """`UnityCatalog.tables` is one call here, and one for each page of a real server."""
    names = [f"t{number}" for number in range(tables)]
    lakefs.put({_file(name): descriptor(name) for name in names} | {f"tables/{name}/0": b"0" for name in names})
    story = Story(lakefs=lakefs, unity_catalog=unity_catalog)
    _export_at_once(story, names)
    lakefs.put({f"tables/t5/{number}": b"1" for number in range(objects)})
    lakefs.calls.clear()
    unity_catalog.calls.clear()
    assert _paths(_listing(story)) == ["tables/t5"]
    assert dict(lakefs.calls) == {"branch_head": 1, "commit": 1, "diff": 1, "storage_namespace": 1}
    assert dict(unity_catalog.calls) == {"schema_properties": 1, "tables": 1}


def _export_at_once(story: Story, names: list[str]) -> None:
    """An export whose last page registers and records what all of its pages would have."""
    head = story.lakefs.head()
    items = [{"table": f"`lake`.`main`.`{name}`", "target_base_location": BASE, "branch": "main"} for name in names]
    shown = {"repository": "shop", "branch": "main", "commit_id": head.id, "commit_generation": head.generation}
    clones = {f"{BASE}/main/{name}": Provenance(**shown, path=f"tables/{name}") for name in names}
    run = story.list()
    record = json.loads(run.values["record"]) | {"next_page": {}}
    story.unity_catalog.register(items, clones)
    run.values["record"] = json.dumps(record)
    story.record(run)
