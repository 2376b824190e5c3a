"""Descriptors: every way to write one wrongly, what is skipped, and what two of them do to each other."""

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lakefs_unity_export.commit.descriptors import (
    Descriptor,
    DescriptorSet,
    NamingRules,
    Problem,
    read_descriptors,
    select_files,
)
from lakefs_unity_export.names import TableName

RULES = NamingRules(catalog="lake", schema="feature-x")


def _descriptor(**fields: object) -> bytes:
    values = {"name": "t1", "type": "delta", "path": "tables/t1", **fields}
    return yaml.safe_dump({key: value for key, value in values.items() if value is not ...}).encode()


def _read(contents: dict[str, bytes | Problem]) -> DescriptorSet:
    return read_descriptors(contents, RULES)


def _problems(content: bytes) -> list[str]:
    """The problems of a single descriptor, which is then no table."""
    found = _read({"_lakefs_tables/t.yaml": content})
    assert found.tables == ()
    assert {problem.file for problem in found.problems} == {"_lakefs_tables/t.yaml"}
    return [str(problem).removeprefix("_lakefs_tables/t.yaml: ") for problem in found.problems]


# One valid descriptor


def test_a_descriptor_becomes_names() -> None:
    content = b"name: Line-Item\ntype: delta\npath: /tables/line_item/\n"
    assert _read({"_lakefs_tables/a/line.yaml": content}) == DescriptorSet(
        tables=(
            Descriptor(
                file="_lakefs_tables/a/line.yaml",
                path="tables/line_item",
                name=TableName(catalog="lake", schema="feature-x", table="line_item"),
            ),
        )
    )


def test_a_descriptor_may_name_its_catalog() -> None:
    (table,) = _read({"f": _descriptor(catalog="Other")}).tables
    assert table.name.full_name == "other.feature-x.t1"


def test_an_empty_value_for_catalog_is_the_jobs_catalog() -> None:
    (table,) = _read({"f": b"name: t\ntype: delta\npath: t\ncatalog:\n"}).tables
    assert table.name.catalog == "lake"


def test_keys_of_other_readers_are_left_to_them_in_silence() -> None:
    found = _read({"f": _descriptor(schema={"fields": [1]}, partition_columns=["a"], owner=None) + b"1: 2\n"})
    assert len(found.tables) == 1
    assert (found.problems, found.notes) == ((), ())


def test_a_byte_order_mark_and_utf_16_are_yaml() -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        (table,) = _read({"f": "name: ä\ntype: delta\npath: tables/ä\n".encode(encoding)}).tables
        assert (table.name.table, table.path) == ("ä", "tables/ä")


@pytest.mark.parametrize("kind", ["delta", "Delta", " DELTA "])
def test_the_type_delta_is_read_in_any_case(kind: str) -> None:
    assert len(_read({"f": _descriptor(type=kind)}).tables) == 1


@pytest.mark.parametrize("kind", ["hive", "iceberg", "Hive"])
def test_other_types_are_skipped_with_a_note(kind: str) -> None:
    found = _read({"f": _descriptor(type=kind, name=...), "g": _descriptor()})
    assert [table.file for table in found.tables] == ["g"]
    assert found.problems == ()
    assert found.notes == (f"f: skipped, its type is {kind!r} and only delta tables are exported",)


# What is wrong with one descriptor


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "holds no `key: value` lines; give it name, type and path"),
        (b"# only a comment\n", "holds no `key: value` lines; give it name, type and path"),
        (b"- name: t\n- type: delta\n", "holds no `key: value` lines; give it name, type and path"),
        (b"name", "holds no `key: value` lines; give it name, type and path"),
        (b"&a [*a]", "holds no `key: value` lines; give it name, type and path"),
        (b"name: [t\ntype: delta\n", "line 2: is not YAML ("),
        (b"name: a\n---\nname: b\n", "line 3: is not YAML (found another document)"),
        (b"name: *unknown\n", "line 1: is not YAML (found the alias 'unknown' of nothing)"),
        (b"name: a\nname: \xe4\n", "is not YAML (not UTF-8 text, or text with control characters)"),
        (b"name: \x00\n", "is not YAML (not UTF-8 text, or text with control characters)"),
        (b"[" * 5000, "line 1: is not YAML (nested deeper than 100 levels)"),
        (b"- " * 5000, "line 1: is not YAML (nested deeper than 100 levels)"),
    ],
)
def test_what_is_no_yaml_mapping_is_a_problem_of_the_file(content: bytes, problem: str) -> None:
    (found,) = _problems(content)
    assert found.startswith(problem)
    assert found.endswith(("; write it as `key: value` lines", "; give it name, type and path"))


def test_a_key_that_stands_twice_is_a_problem_of_its_line() -> None:
    twice = "line 2: the key 'name' stands twice, first in line 1; keep one"
    assert _problems(b"name: a\nname: b\ntype: delta\npath: t\n") == [twice]


@pytest.mark.parametrize("missing", ["name", "type", "path"])
def test_a_missing_field_is_named(missing: str) -> None:
    assert _problems(_descriptor(**{missing: ...})) == [f"{missing}: is missing; add it"]


def test_every_missing_field_is_named() -> None:
    assert _problems(b"owner: me\n") == [f"{each}: is missing; add it" for each in ("name", "type", "path")]


@pytest.mark.parametrize("value", [1, 1.5, True, ["t"], {"a": 1}, b"t"])
@pytest.mark.parametrize("field", ["name", "type", "path", "catalog"])
def test_a_field_that_is_no_text_is_named(field: str, value: object) -> None:
    assert _problems(_descriptor(**{field: value})) == [f"{field}: is not text; put its value in quotes"]


@pytest.mark.parametrize("field", ["name", "type", "path"])
def test_a_key_without_a_value_is_missing(field: str) -> None:
    assert _problems(_descriptor(**{field: None})) == [f"{field}: is missing; add it"]


def test_a_descriptor_that_holds_itself_is_no_text() -> None:
    assert "name: is not text; put its value in quotes" in _problems(b"&a\nname: *a\ntype: delta\npath: t\n")


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("name", "a'b", "name: table name \"a'b\" holds \"'\"; use letters, digits, '_' and '-' in it"),
        ("name", "a`b", "name: table name 'a`b' holds '`'; use letters, digits, '_' and '-' in it"),
        ("name", "a.b", "name: table name 'a.b' holds '.'; use letters, digits, '_' and '-' in it"),
        ("name", "", "name: table name is empty; give it a name"),
        ("name", "../x", "name: table name '../x' holds '.'; use letters, digits, '_' and '-' in it"),
        ("path", "", "path: path '' is empty; name the folder of the table"),
        ("path", "tables/../x", "path: path 'tables/../x' has the segment '..'; write it from the repository's root"),
        ("path", "a'b", 'path: path "a\'b" holds "\'"; use a path without it'),
        ("catalog", "", "catalog: catalog is empty; give it a name"),
        ("catalog", "a b", "catalog: catalog 'a b' holds ' '; use letters, digits, '_' and '-' in it"),
    ],
)
def test_a_value_that_is_no_name_or_path_is_named_with_its_field(field: str, value: str, problem: str) -> None:
    assert _problems(_descriptor(**{field: value})) == [problem]


def test_every_problem_of_a_descriptor_is_found() -> None:
    found = _problems(_descriptor(name="a.b", path="../x", catalog="c/d"))
    assert [problem.partition(":")[0] for problem in found] == ["catalog", "name", "path"]


def test_lone_surrogates_are_a_problem() -> None:
    found = _problems(b'name: "\\uD800"\ntype: delta\npath: "t/\\uDC00"\n')
    assert [problem.partition(":")[0] for problem in found] == ["line 1"]


@pytest.mark.parametrize("path", ["_lakefs_tables", "_lakefs_tables/t1", "/_lakefs_tables/"])
def test_a_table_inside_the_descriptor_folder_is_a_problem(path: str) -> None:
    (found,) = _problems(_descriptor(path=path))
    assert found == (
        f"path: path {path.strip('/')!r} and the descriptor folder '_lakefs_tables' lie inside each other; "
        "move the table"
    )


def test_a_table_around_the_descriptor_folder_is_a_problem() -> None:
    rules = NamingRules(catalog="lake", schema="main", folder="meta/tables")
    found = read_descriptors({"f": _descriptor(path="meta")}, rules)
    assert [str(problem) for problem in found.problems] == [
        "f: path: path 'meta' and the descriptor folder 'meta/tables' lie inside each other; move the table"
    ]


def test_a_table_beside_the_descriptor_folder_is_fine() -> None:
    assert len(_read({"f": _descriptor(path="_lakefs_tables2/t1")}).tables) == 1


def test_a_file_that_could_not_be_read_keeps_its_problem() -> None:
    unread = Problem(file="f", field="", message="is gone")
    found = _read({"f": unread, "g": _descriptor()})
    assert found.problems == (unread,)
    assert [table.file for table in found.tables] == ["g"]


def test_a_problem_reads_as_file_field_and_message() -> None:
    assert str(Problem(file="f.yaml", field="name", message="is missing")) == "f.yaml: name: is missing"
    assert str(Problem(file="f.yaml", field="", message="is empty")) == "f.yaml: is empty"


# What descriptors do to each other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"name": "a-b"}, {"name": "a_b"}),
        ({"name": "A"}, {"name": "a"}),
        ({"name": "t"}, {"name": "t"}),
        ({"name": "t", "catalog": "one"}, {"name": "t", "catalog": "other"}),
    ],
)
def test_two_descriptors_of_one_table_or_target_path_are_both_refused(
    one: dict[str, str], other: dict[str, str]
) -> None:
    contents: dict[str, bytes | Problem] = {
        "f": _descriptor(path="p1", **one),
        "g": _descriptor(path="p2", **other),
        "h": _descriptor(path="p3", name="apart"),
    }
    found = _read(contents)
    name = one["name"].lower().replace("-", "_")
    assert [table.file for table in found.tables] == ["h"]
    assert [str(problem) for problem in found.problems] == [
        f"f: name: table {name!r} is also described by g; rename one, they cannot share it",
        f"g: name: table {name!r} is also described by f; rename one, they cannot share it",
    ]


def test_three_descriptors_of_one_table_name_each_other() -> None:
    found = _read({file: _descriptor(path=file) for file in ("f", "g", "h")})
    assert found.tables == ()
    assert "is also described by f, h;" in str(found.problems[1])


def test_two_names_for_one_path_are_fine() -> None:
    found = _read({"f": _descriptor(name="one"), "g": _descriptor(name="other")})
    assert {table.name.table for table in found.tables} == {"one", "other"}
    assert found.problems == ()


@pytest.mark.parametrize("inner", ["tables/t1/x", "tables/t1/x/y", "tables/t1/_delta_log/x"])
def test_a_table_inside_another_is_refused(inner: str) -> None:
    contents: dict[str, bytes | Problem] = {
        "inner": _descriptor(name="inner", path=inner),
        "outer": _descriptor(name="outer", path="tables/t1"),
        "twin": _descriptor(name="twin", path="tables/t1"),
        "beside": _descriptor(name="beside", path="tables/t10"),
        "before": _descriptor(name="before", path="tables/t1!"),
    }
    found = _read(contents)
    assert {table.file for table in found.tables} == {"outer", "twin", "beside", "before"}
    (problem,) = found.problems
    assert (problem.file, problem.field) == ("inner", "path")
    assert problem.message.startswith(f"path {inner!r} lies inside the table 'tables/t1' of ")


def test_every_table_inside_another_is_refused_whatever_lies_between() -> None:
    paths = ["a", "a/b", "a/b/c", "a!/b", "a.b", "a/z"]
    found = _read({path: _descriptor(name=f"t{number}", path=path) for number, path in enumerate(paths)})
    assert {table.path for table in found.tables} == {"a", "a!/b", "a.b"}


# Which files


def test_files_of_the_folder_are_found_and_hidden_ones_skipped() -> None:
    paths = ["t.yaml", "sub/t.yaml", ".t.yaml", "_t.yaml", ".sub/t.yaml", "a/_b/t.yaml", "t.json", "yaml"]
    files, notes = select_files([f"_lakefs_tables/{path}" for path in paths], "_lakefs_tables", [])
    assert files == ["_lakefs_tables/t.yaml", "_lakefs_tables/sub/t.yaml"]
    assert notes == []


@pytest.mark.parametrize("entry", ["sub/t", "sub/t.yaml"])
def test_table_defs_selects_files_with_or_without_their_ending(entry: str) -> None:
    paths = ["meta/t.yaml", "meta/sub/t.yaml", "meta/u.yaml"]
    assert select_files(paths, "meta", [entry, "u", entry]) == (["meta/sub/t.yaml", "meta/u.yaml"], [])


def test_what_table_defs_names_in_vain_is_noted() -> None:
    files, notes = select_files(["meta/t.yaml", "meta/_hidden.yaml"], "meta", ["T", "t", "_hidden", "gone.yaml"])
    assert files == ["meta/t.yaml"]
    assert notes == [
        "table_defs names 'T', and meta/T.yaml does not exist",
        "table_defs names '_hidden', and meta/_hidden.yaml does not exist",
        "table_defs names 'gone', and meta/gone.yaml does not exist",
    ]


@pytest.mark.parametrize("inside", ["orders.yml", "orders.YAML", "orders.Yml", "sub/orders.yml", "x.yaml/orders.yml"])
def test_a_file_whose_ending_is_almost_that_of_descriptors_is_noted(inside: str) -> None:
    note = f"meta/{inside} is not read: descriptors end in .yaml; rename it"
    assert select_files([f"meta/{inside}", "meta/t.yaml"], "meta", []) == (["meta/t.yaml"], [note])


@pytest.mark.parametrize(
    "inside",
    [
        "orders.yaml.bak",
        "orders.json",
        "README.md",
        "yml",
        "orders.yml/part",
        "orders.yaml/",
        "_o.yml",
        ".o.yml",
        ".yml",
    ],
)
def test_other_files_beside_descriptors_are_passed_over_in_silence(inside: str) -> None:
    assert select_files([f"meta/{inside}"], "meta", []) == ([], [])


def test_a_descriptor_may_lie_in_a_folder_that_is_called_like_one() -> None:
    assert select_files(["meta/x.yaml/orders.yaml"], "meta", []) == (["meta/x.yaml/orders.yaml"], [])


@pytest.mark.parametrize("entry", ["a.yml", "a.YAML"])
@pytest.mark.parametrize("paths", [[], ["meta/a.yaml"]])
def test_an_entry_of_table_defs_with_almost_the_ending_is_noted(entry: str, paths: list[str]) -> None:
    note = f"table_defs names {entry!r}, and descriptors end in .yaml; write 'a' there"
    assert select_files(paths, "meta", [entry]) == ([], [note])


def test_a_file_that_table_defs_names_is_noted_with_the_entry_and_others_are_not() -> None:
    files, notes = select_files(["meta/a.yml", "meta/b.yml", "meta/c.yml"], "meta", ["a.yml", "b"])
    assert files == []
    assert notes == [
        "meta/a.yml is not read: descriptors end in .yaml; rename it",
        "meta/b.yml is not read: descriptors end in .yaml; rename it",
        "table_defs names 'a.yml', and descriptors end in .yaml; write 'a' there",
        "table_defs names 'b', and meta/b.yaml does not exist",
    ]


# Anything at all

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates()
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(scalars, inner, max_size=3))
KEYS_AND_MARKS = [
    "name",
    "type",
    "path",
    "delta",
    ": ",
    "\n",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "&a",
    "*a",
    "<<",
    "=",
    "?",
    "|",
]
TAGS = [
    f"!!{tag} " for tag in ("int", "bool", "float", "timestamp", "set", "omap", "binary", "null", "str", "seq", "map")
]
ODD = [
    ">",
    "%",
    "@",
    "---",
    "...",
    "'",
    '"',
    "\t",
    "  ",
    "1:1",
    "0x",
    "\\uD800",
    "2024-99-99",
    "ü",
    "\x85",
    "#",
    ",",
    "~",
]
yaml_pieces = st.sampled_from([*KEYS_AND_MARKS, *TAGS, *ODD])


def _assert_each_problem_is_named(found: DescriptorSet) -> None:
    for problem in found.problems:
        assert problem.file
        assert problem.message
        assert str(problem).startswith(problem.file)
        assert "\n" not in str(problem)
    for table in found.tables:
        table.path.encode()


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=200), st.lists(yaml_pieces, max_size=15).map(lambda each: "".join(each).encode())))
@example(b"\xff\xfe")
@example(b"a: !!int ''")
def test_arbitrary_bytes_never_raise(content: bytes) -> None:
    found = _read({"f.yaml": content})
    assert len(found.tables) + bool(found.problems) + bool(found.notes) == 1
    _assert_each_problem_is_named(found)


@settings(max_examples=200)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("name", "path", "catalog", "extra"), values)))
def test_arbitrary_values_never_raise(fields: dict[str, object]) -> None:
    content = yaml.safe_dump({"type": "delta", **fields}, allow_unicode=False).encode()
    found = _read({"f.yaml": content})
    assert len(found.tables) + bool(found.problems) == 1
    _assert_each_problem_is_named(found)


segments = st.sampled_from(["a", "a!", "a.", "A", "b", "0"])


@given(st.lists(st.tuples(segments, st.lists(segments, min_size=1, max_size=3).map("/".join)), max_size=8))
def test_tables_never_share_a_name_nor_lie_in_each_other(described: list[tuple[str, str]]) -> None:
    contents: dict[str, bytes | Problem] = {
        f"f{number}": _descriptor(name=name, path=path) for number, (name, path) in enumerate(described)
    }
    found = _read(contents)
    tables = [table.name.table for table in found.tables]
    assert len(set(tables)) == len(tables)
    paths = {table.path for table in found.tables}
    assert not any(one.startswith(other + "/") for one in paths for other in paths)
    assert {table.file for table in found.tables} | {problem.file for problem in found.problems} == contents.keys()
