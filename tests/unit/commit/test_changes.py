"""Finding changes: against a brute-force reference on adversarial paths, and the number of calls it takes."""

import pytest
from doubles import SERVER_PAGE_SIZE, DiffDouble
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lakefs_unity_export.commit.changes import Changes, find_changes

FOLDER = "_lakefs_tables"
# Neighbours of `/` in byte order, prefixes of each other, and characters of two to four bytes.
SEGMENTS = [
    "T1",
    "t1",
    "t10",
    "t1!",
    "t1.",
    "t1.x",
    "t1-",
    "t10!",
    "t",
    "t2",
    "ü",
    "日",
    "😀",
    "!",
    ".",
    "0",
    "_",
    "-",
    "~",
]
segments = st.sampled_from(SEGMENTS)
table_path_lists = st.lists(st.lists(segments, min_size=1, max_size=3).map("/".join), max_size=6, unique=True)


def _is_inside(path: str, folder: str) -> bool:
    return path.startswith(folder + "/")


def _apart(paths: list[str]) -> list[str]:
    """The paths of which none lies inside another, as checked descriptors have them."""
    return [path for path in paths if not any(_is_inside(path, other) for other in paths)]


@st.composite
def repositories(draw: st.DrawFn) -> tuple[list[str], set[str], set[str]]:
    """Tables, and the changed and the removed objects: inside them, beside them, and named like them."""
    tables = _apart(draw(table_path_lists))
    anywhere = st.lists(segments, min_size=1, max_size=4).map("/".join)
    descriptors = st.lists(segments, min_size=1, max_size=2).map(lambda parts: "/".join([FOLDER, *parts]))
    choices = [anywhere, descriptors, st.sampled_from([FOLDER, FOLDER + "!", FOLDER + "0", FOLDER + ".x/a"])]
    if tables:
        named = st.sampled_from(tables)
        below = st.tuples(
            named, st.sampled_from(["", "/", "/a", "/a/b", "!", ".", "0", ".x/a", "0/a", "//a", "/a\x01"])
        )
        choices += [below.map("".join), named.map(lambda path: path.rpartition("/")[0] or path)]
    objects = st.sets(st.one_of(choices), max_size=25)
    changed = draw(objects)
    return tables, changed, draw(objects) - changed


@settings(max_examples=400)
@given(repositories(), st.integers(min_value=1, max_value=5), st.booleans())
@example((["t1"], {"t1", "t1.x", "t10", "t1/a"}, set()), 1, True)
@example((["t/t10", "t/t1"], {"t/t1", "t/t10/a", "t/t1/a"}, set()), 2, True)
def test_finds_exactly_the_tables_and_descriptor_files_that_changed(
    repository: tuple[list[str], set[str], set[str]], page_size: int, skips_beyond_after: bool
) -> None:
    tables, changed, removed = repository
    reader = DiffDouble(
        dict.fromkeys(removed, b""),
        dict.fromkeys(changed, b""),
        page_size=page_size,
        skips_beyond_after=skips_beyond_after,
    )
    found = find_changes(reader, table_paths=tables, folder=FOLDER)
    assert found == Changes(
        table_paths=frozenset(table for table in tables if any(_is_inside(path, table) for path in changed | removed)),
        descriptor_files=frozenset(path for path in changed if _is_inside(path, FOLDER)),
        removed_descriptor_files=frozenset(path for path in removed if _is_inside(path, FOLDER)),
    )


@given(repositories(), st.integers(min_value=1, max_value=5))
def test_never_asks_for_one_page_twice(repository: tuple[list[str], set[str], set[str]], page_size: int) -> None:
    tables, changed, removed = repository
    reader = DiffDouble(dict.fromkeys(removed, b""), dict.fromkeys(changed, b""), page_size=page_size)
    find_changes(reader, table_paths=tables, folder=FOLDER)
    assert len(set(reader.calls)) == len(reader.calls)


def test_an_object_whose_content_alone_differs_is_a_change() -> None:
    reader = DiffDouble({"t1/a": b"1", "t2/a": b"1"}, {"t1/a": b"2", "t2/a": b"1"})
    assert find_changes(reader, table_paths=["t1", "t2"], folder=FOLDER) == Changes(table_paths=frozenset({"t1"}))


def test_two_descriptors_of_one_path_are_one_table() -> None:
    reader = DiffDouble({}, {"t1/a": b""})
    assert find_changes(reader, table_paths=["t1", "t1"], folder=FOLDER).table_paths == {"t1"}


def test_a_nested_descriptor_folder_is_walked_to() -> None:
    reader = DiffDouble({"meta/tables/old.yaml": b""}, {"meta/tables/sub/new.yaml": b"", "meta/other/x.yaml": b""})
    found = find_changes(reader, table_paths=["data/t1"], folder="meta/tables")
    assert found.descriptor_files == {"meta/tables/sub/new.yaml"}
    assert found.removed_descriptor_files == {"meta/tables/old.yaml"}


def test_an_empty_diff_takes_one_call() -> None:
    reader = DiffDouble({}, {})
    assert find_changes(reader, table_paths=["tables/t1"], folder=FOLDER) == Changes()
    assert reader.calls == [("", "", "")]


@pytest.mark.parametrize("objects", [3, 200, 333, 334, 2000])
def test_calls_follow_the_folders_above_tables_and_not_the_objects(objects: int) -> None:
    tables = [f"tables/t{number}" for number in range(1000)]
    changed = {f"tables/t{table}/part-{number}": b"" for table in (1, 10, 999) for number in range(objects)}
    reader = DiffDouble({}, changed)
    found = find_changes(reader, table_paths=tables, folder=FOLDER)
    assert found.table_paths == {"tables/t1", "tables/t10", "tables/t999"}
    walked = [("", "", "/"), ("tables/", "", "/")] if 3 * objects > SERVER_PAGE_SIZE else []
    assert reader.calls == [("", "", ""), *walked]


def test_every_table_of_a_thousand_changed_takes_three_calls() -> None:
    tables = [f"tables/t{number}" for number in range(1000)]
    reader = DiffDouble({}, {f"{table}/part-{number}": b"" for table in tables for number in range(20)})
    assert len(find_changes(reader, table_paths=tables, folder=FOLDER).table_paths) == 1000
    assert len(reader.calls) == 3


@pytest.mark.parametrize(
    ("objects", "calls"),
    [
        (2, 4),  # the pages of the whole diff, of which each tells of 25 folders
        (40, 80),  # of two
        (60, 102),  # of one: a page, and a walk of the folders and what is above them
    ],
)
def test_tables_in_many_folders_take_the_fewer_calls_of_both_ways(objects: int, calls: int) -> None:
    tables = [f"f{folder:03}/t{table:02}" for folder in range(100) for table in range(20)]
    reader = DiffDouble({}, {f"{table}/part-{number}": b"" for table in tables for number in range(objects)})
    assert len(find_changes(reader, table_paths=tables, folder=FOLDER).table_paths) == 2000
    assert len(reader.calls) == calls


def test_a_diff_of_which_pages_tell_less_is_walked_from_there() -> None:
    """Many folders of small tables, then one table of a million objects."""
    small = [f"a{folder:03}/t{table}" for folder in range(200) for table in range(5)]
    changed = {f"{table}/part-{number}": b"" for table in small for number in range(2)}
    changed |= {f"b/big/part-{number}": b"" for number in range(100_000)}
    reader = DiffDouble({}, changed)
    found = find_changes(reader, table_paths=[*small, "b/big", "b/other"], folder=FOLDER)
    assert found.table_paths == {*small, "b/big"}
    whole = [delimiter for _, _, delimiter in reader.calls if not delimiter]
    assert (len(whole), len(reader.calls)) == (3, 3 + 1 + 201)


@pytest.mark.parametrize("folder", ["tables/", ""])
def test_loose_objects_beside_tables_are_leapt_over(folder: str) -> None:
    """100,000 changed objects around two tables are 100 pages; a page between two tables is enough to leap."""
    changed = {f"{folder}{letter}-{number}": b"" for letter in "bdf" for number in range(33_000)}
    changed |= {f"{folder}c/part-0": b"", f"{folder}e/part-0": b""}
    reader = DiffDouble({}, changed)
    found = find_changes(reader, table_paths=[f"{folder}c", f"{folder}e"], folder=FOLDER)
    assert found.table_paths == {f"{folder}c", f"{folder}e"}
    assert len(reader.calls) <= 6


def test_changed_folders_that_lead_to_no_table_are_not_entered() -> None:
    changed = {f"logs/{number}/x": b"" for number in range(1500)} | {"tables/raw/x/y": b"", "tables/t1/x": b""}
    reader = DiffDouble({}, changed)
    assert find_changes(reader, table_paths=["tables/t1"], folder=FOLDER).table_paths == {"tables/t1"}
    assert [prefix for prefix, _, _ in reader.calls[1:]] == ["", "tables/"]


def test_more_changed_descriptor_files_than_a_page_are_all_found() -> None:
    changed = {f"{FOLDER}/t{number}.yaml": b"" for number in range(2500)}
    found = find_changes(DiffDouble({}, changed), table_paths=[], folder=FOLDER)
    assert found.descriptor_files == changed.keys()


def test_what_the_reader_raises_is_raised() -> None:
    def broken(*, prefix: str, after: str, delimiter: str) -> None:
        raise ConnectionError(f"no answer for {prefix}")

    with pytest.raises(ConnectionError, match="no answer"):
        find_changes(broken, table_paths=[], folder=FOLDER)  # type: ignore[arg-type]
