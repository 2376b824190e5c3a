"""What a run exports: passed commits, reset heads, what concerns a table, and names that are taken."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.commit.changes import Changes
from lakefs_unity_export.commit.descriptors import Descriptor, Problem
from lakefs_unity_export.export.plan import (
    Delta,
    Difference,
    Item,
    RemovedItem,
    SchemaState,
    Snapshot,
    first_seen,
    is_passed,
    line_of,
    plan_removals,
    plan_tables,
)
from lakefs_unity_export.export.state import ExportState
from lakefs_unity_export.names import TableName
from lakefs_unity_export.ports import Commit, RegisteredTable

BASE = "s3://bucket/exports"
NOTHING = Changes()


def _snapshot(*, generation: int = 5, is_head: bool = True, commit_id: str = "c5", continues: bool = False) -> Snapshot:
    commit = Commit(id=commit_id, generation=generation)
    return Snapshot(repository="shop", branch="Main", commit=commit, is_head=is_head, continues=continues, time=100)


def _state(watermark: int | None, *attempts: int, line: int = 7) -> ExportState:
    commits = [Commit(id=f"c{generation}", generation=generation) for generation in attempts]
    reached = None if watermark is None else Commit(id=f"c{watermark}", generation=watermark)
    return ExportState(watermark=reached, attempts=tuple(commits), line=line)


def _descriptor(table: str, catalog: str = "lake") -> Descriptor:
    name = TableName(catalog=catalog, schema="main", table=table)
    return Descriptor(file=f"_lakefs_tables/{table}.yaml", path=f"tables/{table}", name=name)


def _registered(table: str, *, at: str = "", kind: str = "EXTERNAL") -> RegisteredTable:
    return RegisteredTable(name=table, table_type=kind, storage_location=at or f"{BASE}/Main/{table}")


def _delta(
    changes: Changes | None,
    registered: Mapping[str, RegisteredTable] | None = None,
    catalog: str = "lake",
    exported_before: str = "ab",
) -> Delta:
    earlier = tuple(_descriptor(table) for table in exported_before)
    differences = None if changes is None else (Difference(changes=changes, earlier=earlier),)
    state = _schema(registered or {}, catalog)
    return Delta(state=state, differences=differences, line=3)


def _schema(registered: Mapping[str, RegisteredTable], catalog: str = "lake") -> SchemaState:
    return SchemaState(
        catalog=catalog,
        schema="main",
        is_own=catalog == "lake",
        properties={},
        exports=ExportState(),
        registered=registered,
    )


# Passed commits


@pytest.mark.parametrize(
    ("state", "newer"),
    [(_state(6), "c6"), (_state(100), "c100"), (_state(4, 8), "c8"), (_state(None, 8), "c8"), (_state(5, 6), "c6")],
)
def test_a_commit_is_passed_where_a_newer_one_is_exported_or_on_the_way(state: ExportState, newer: str) -> None:
    passed = is_passed(_snapshot(is_head=False), state)
    assert passed is not None
    assert passed.id == newer


def test_a_commit_of_the_same_generation_is_passed() -> None:
    other = ExportState(watermark=Commit(id="d5", generation=5))
    assert is_passed(_snapshot(is_head=False), other) == other.watermark


def test_the_head_is_never_passed_since_it_may_have_been_reset() -> None:
    assert is_passed(_snapshot(), _state(100, 200)) is None


@pytest.mark.parametrize("state", [ExportState(), _state(4), _state(5), _state(None, 5), _state(3, 4, 5)])
def test_other_commits_are_not_passed(state: ExportState) -> None:
    assert is_passed(_snapshot(is_head=False), state) is None


# Lines of commits, and what may be replaced


@pytest.mark.parametrize(
    ("state", "is_head", "is_anew", "line"),
    [
        (_state(4), True, False, 7),
        (_state(5, 4), True, False, 7),
        (_state(6), True, False, 100),
        (_state(4, 6), True, False, 100),
        (_state(6, line=200), True, False, 201),
        (_state(6), False, False, 7),
        (_state(4), True, True, 100),
        (_state(None), True, True, 100),
        (_state(4), False, True, 7),
    ],
)
def test_a_line_begins_where_the_head_was_reset_or_the_branch_is_exported_anew(
    state: ExportState, is_head: bool, is_anew: bool, line: int
) -> None:
    assert line_of(_snapshot(is_head=is_head), state, is_anew=is_anew) == line


@pytest.mark.parametrize(("is_anew", "line"), [(True, 100), (False, 7)])
def test_a_later_page_begins_a_line_only_where_the_branch_is_exported_anew(is_anew: bool, line: int) -> None:
    snapshot = _snapshot(is_head=False, continues=True)
    assert line_of(snapshot, _state(None, 5, 6), is_anew=is_anew) == line


# What concerns a table


def test_without_known_changes_every_table_is_exported() -> None:
    registered = {"a": _registered("a")}
    tables = plan_tables(_snapshot(), [_descriptor("b"), _descriptor("a")], [_delta(None, registered)], BASE)
    assert [item.table for item in tables.items] == ["`lake`.`main`.`a`", "`lake`.`main`.`b`"]


@pytest.mark.parametrize(
    "changes",
    [
        Changes(table_paths=frozenset({"tables/a"})),
        Changes(descriptor_files=frozenset({"_lakefs_tables/a.yaml"})),
    ],
)
def test_a_table_is_exported_where_it_or_its_descriptor_changed(changes: Changes) -> None:
    registered = {table: _registered(table) for table in "ab"}
    tables = plan_tables(_snapshot(), [_descriptor("a"), _descriptor("b")], [_delta(changes, registered)], BASE)
    assert [item.path for item in tables.items] == ["tables/a"]
    assert tables.refused == ()


def test_a_table_that_is_not_registered_is_exported() -> None:
    tables = plan_tables(
        _snapshot(), [_descriptor("a"), _descriptor("b")], [_delta(NOTHING, {"b": _registered("b")})], BASE
    )
    assert [item.path for item in tables.items] == ["tables/a"]


def test_a_table_that_could_not_be_exported_at_the_watermark_is_exported() -> None:
    delta = _delta(NOTHING, {table: _registered(table) for table in "ab"}, exported_before="b")
    tables = plan_tables(_snapshot(), [_descriptor("a"), _descriptor("b")], [delta], BASE)
    assert [item.path for item in tables.items] == ["tables/a"]


def test_a_table_is_exported_where_it_differs_from_any_commit_that_it_may_show() -> None:
    registered = {table: _registered(table) for table in "ab"}
    attempted = Changes(table_paths=frozenset({"tables/b"}))
    earlier = (_descriptor("a"), _descriptor("b"))
    differences = tuple(Difference(changes=changes, earlier=earlier) for changes in (NOTHING, attempted))
    delta = replace(_delta(NOTHING, registered), differences=differences)
    tables = plan_tables(_snapshot(), [_descriptor("a"), _descriptor("b")], [delta], BASE)
    assert [item.path for item in tables.items] == ["tables/b"]


def test_a_removed_descriptor_exports_nothing() -> None:
    changes = Changes(removed_descriptor_files=frozenset({"_lakefs_tables/a.yaml"}))
    assert plan_tables(_snapshot(), [], [_delta(changes)], BASE).items == ()


def test_a_schema_that_is_passed_has_no_delta_and_no_items() -> None:
    tables = plan_tables(_snapshot(), [_descriptor("a", "other"), _descriptor("a")], [_delta(None)], BASE)
    assert [item.schema for item in tables.items] == ["`lake`.`main`"]


def test_an_item_is_what_tells_its_table_from_the_others() -> None:
    tables = plan_tables(_snapshot(), [_descriptor("a")], [_delta(None)], BASE)
    expected = {"table": "`lake`.`main`.`a`", "path": "tables/a"}
    assert [item.as_json() for item in tables.items] == [expected]
    assert Item(**expected) == tables.items[0]


# Clone methods


@pytest.mark.parametrize(
    ("own", "of_job", "path"),
    [
        (None, CloneMethod.SHALLOW, "tables/a"),
        (None, CloneMethod.DEEP, "tables/a"),
        (CloneMethod.DEEP, CloneMethod.DEEP, "tables/a"),
        (CloneMethod.STORAGE, CloneMethod.DEEP, "storage://tables/a"),
        (CloneMethod.SHALLOW, CloneMethod.DEEP, "shallow://tables/a"),
    ],
)
def test_a_descriptors_own_method_goes_before_the_jobs(own: CloneMethod | None, of_job: CloneMethod, path: str) -> None:
    descriptor = replace(_descriptor("a"), clone_method=own)
    tables = plan_tables(_snapshot(), [descriptor], [_delta(None)], BASE, clone_method=of_job)
    assert [item.as_json()["path"] for item in tables.items] == [path]


@pytest.mark.parametrize(
    ("registered_by", "wanted", "is_exported"),
    [
        ("shallow", CloneMethod.SHALLOW, False),
        ("", CloneMethod.SHALLOW, False),
        ("", CloneMethod.DEEP, True),
        ("deep", CloneMethod.DEEP, False),
        ("deep", CloneMethod.STORAGE, True),
        ("of a later version", CloneMethod.SHALLOW, True),
    ],
)
def test_a_table_by_another_method_is_exported_again_though_nothing_changed(
    registered_by: str, wanted: CloneMethod, is_exported: bool
) -> None:
    registered = {"a": replace(_registered("a"), repository="shop", clone_method=registered_by)}
    tables = plan_tables(_snapshot(), [_descriptor("a")], [_delta(NOTHING, registered)], BASE, clone_method=wanted)
    assert len(tables.items) == is_exported


@pytest.mark.parametrize(
    "registered",
    [
        _registered("a"),
        replace(_registered("a"), repository="another", clone_method="shallow"),
        replace(_registered("a", kind="VIEW"), repository="shop", clone_method="shallow"),
        replace(_registered("a", at="s3://elsewhere/a"), repository="shop", clone_method="shallow"),
    ],
)
def test_what_is_not_our_clone_is_not_looked_at_for_its_method(registered: RegisteredTable) -> None:
    tables = plan_tables(
        _snapshot(),
        [_descriptor("a")],
        [_delta(NOTHING, {"a": registered})],
        BASE,
        clone_method=CloneMethod.DEEP,
    )
    assert (tables.items, tables.refused) == ((), ())


# Names that are taken


@pytest.mark.parametrize(
    ("registered", "reason"),
    [
        (_registered("a", at="s3://bucket/hand-made/a"), "already registered at s3://bucket/hand-made/a, not at "),
        (_registered("a", at="s3://bucket/exports/main/a"), "already registered at s3://bucket/exports/main/a, not "),
        (_registered("a", kind="MANAGED"), "already the name of something of type MANAGED"),
        (
            RegisteredTable(name="a", table_type="VIEW", storage_location=""),
            "already the name of something of type VIEW",
        ),
        (
            RegisteredTable(name="a", table_type="", storage_location=""),
            "already the name of something of type unknown",
        ),
        (RegisteredTable(name="a", table_type="EXTERNAL", storage_location=""), "already registered at , not at "),
    ],
)
def test_a_name_that_is_not_ours_is_refused_and_the_others_exported(registered: RegisteredTable, reason: str) -> None:
    tables = plan_tables(_snapshot(), [_descriptor("a"), _descriptor("b")], [_delta(None, {"a": registered})], BASE)
    assert [item.path for item in tables.items] == ["tables/b"]
    (problem,) = tables.refused
    assert (problem.file, problem.field) == ("_lakefs_tables/a.yaml", "name")
    assert problem.message.startswith(f"lake.main.a is {reason}")
    assert problem.message.endswith(", and is left as it is; rename one of the two")


@pytest.mark.parametrize("kind", ["EXTERNAL", "EXTERNAL_SHALLOW_CLONE"])
@pytest.mark.parametrize("at", ["s3://bucket/exports/Main/a", "s3a://bucket/exports/Main/a/"])
def test_a_name_at_our_own_location_is_ours(at: str, kind: str) -> None:
    registered = {"a": _registered("a", at=at, kind=kind)}
    tables = plan_tables(_snapshot(), [_descriptor("a")], [_delta(None, registered)], BASE)
    assert len(tables.items) == 1
    assert tables.refused == ()
    assert _removals(registered) == (RemovedItem(table="`lake`.`main`.`a`"),)


def test_a_taken_name_whose_table_did_not_change_stops_nothing() -> None:
    taken = _registered("a", kind="VIEW")
    tables = plan_tables(_snapshot(), [_descriptor("a")], [_delta(NOTHING, {"a": taken})], BASE)
    assert (tables.items, tables.refused) == ((), ())


# Removals


def _removals(registered: Mapping[str, RegisteredTable], *described: str) -> tuple[RemovedItem, ...]:
    named = [_descriptor(table).name for table in described]
    return plan_removals([_schema(registered)], named, repository="shop", branch="Main", target_base_location=BASE)


def test_registrations_that_no_descriptor_asks_for_are_removed_in_order() -> None:
    assert _removals({table: _registered(table) for table in "cab"}, "b") == (
        RemovedItem(table="`lake`.`main`.`a`"),
        RemovedItem(table="`lake`.`main`.`c`"),
    )


@pytest.mark.parametrize(
    "theirs",
    [
        _registered("a", at="s3://bucket/hand-made/a"),
        _registered("a", at=f"{BASE}/Main/b"),
        _registered("a", kind="MANAGED"),
        RegisteredTable(name="a", table_type="VIEW", storage_location=""),
        replace(_registered("a"), repository="another"),
    ],
)
def test_what_is_not_ours_is_not_removed(theirs: RegisteredTable) -> None:
    assert _removals({"a": theirs}) == ()


@pytest.mark.parametrize("name", ["a`b", "it's", "a b", 'a"b', "A"])
def test_a_name_that_no_export_gives_is_not_removed(name: str) -> None:
    assert _removals({name: _registered(name)}) == ()


# Problems seen before


def test_a_problem_is_new_where_its_file_is_new_to_every_schema() -> None:
    new, old = (Problem(file=file, field="", message="is wrong") for file in ("new", "old"))
    changed = Changes(descriptor_files=frozenset({"new"}))
    assert first_seen([new, old], [_delta(changed)]) == (new,)
    assert first_seen([new, old], [_delta(None)]) == (new, old)
    assert first_seen([new, old], [_delta(changed), _delta(NOTHING, catalog="other")]) == ()
    assert first_seen([new, old], [_delta(changed), _delta(None, catalog="other")]) == (new,)
    assert first_seen([], [_delta(None)]) == ()


def test_a_problem_of_what_was_a_table_before_is_new() -> None:
    problem = Problem(file="_lakefs_tables/a.yaml", field="path", message="lies inside another")
    assert first_seen([problem], [_delta(NOTHING)]) == (problem,)
    assert first_seen([problem], [_delta(NOTHING, exported_before="b")]) == ()
    missing_catalog = Problem(file="_lakefs_tables/a.yaml", field="catalog", message="is not there")
    assert first_seen([missing_catalog], [_delta(NOTHING)]) == ()


def test_a_schema_names_itself_for_the_api_and_for_sql() -> None:
    state = _delta(None, catalog="my-lake").state
    assert (state.full_name, state.quoted) == ("my-lake.main", "`my-lake`.`main`")
