"""The clone task's decisions, on tables in memory."""

import json
from dataclasses import replace
from typing import Any

import pytest
from tables_in_memory import REQUEST, SOURCE, TableInMemory, tables, target

from lakefs_unity_export.clones.decision import Action, TargetTakenError
from lakefs_unity_export.clones.delta_tables import Commit
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.clones.provenance import comment_properties, is_own_comment
from lakefs_unity_export.clones.request import CloneRequest
from lakefs_unity_export.clones.source_files import files_that_may_change
from lakefs_unity_export.clones.spark_tables import string_literal
from lakefs_unity_export.errors import SettingsError
from lakefs_unity_export.tasks.clone_table import (
    CloneFailedError,
    CloneResult,
    MovingSourceError,
    NoSourceTableError,
    TargetStorageError,
    clone,
)

CURRENT = target(commit_id=REQUEST.commit_id, commit_generation=5)


@pytest.mark.parametrize("before", [None, target(), target(commit_generation=5), target(path="old/orders")])
def test_a_free_target_or_our_own_earlier_clone_is_cloned(before: TableInMemory | None) -> None:
    at = tables(before)
    result = clone(at, REQUEST, clock=iter([10.0, 12.5]).__next__)
    metadata = REQUEST.provenance.user_metadata(has_no_comment=True)
    assert at.calls == [("clone", REQUEST.source_path, REQUEST.target_path, metadata)]
    assert at.found[REQUEST.target_path].properties == REQUEST.provenance.properties()
    assert result == CloneResult(
        action=Action.CLONED,
        table=REQUEST.table,
        commit_id=REQUEST.commit_id,
        version_before=before.version if before else None,
        version=before.version + 1 if before else 0,
        files=3,
        bytes=300,
        seconds=2.5,
    )


@pytest.mark.parametrize("comment", [None, "orders"])
def test_a_target_at_this_commit_is_left_alone_without_asking_lakefs(comment: str | None) -> None:
    at = tables(replace(CURRENT, comment=comment))
    assert clone(at, REQUEST).action is Action.CURRENT
    assert (at.calls, at.reads) == ([], [REQUEST.target_path])


def test_a_target_at_this_commit_from_another_path_is_cloned_again() -> None:
    at = tables(target(commit_id=REQUEST.commit_id, commit_generation=5, path="old/orders"))
    assert clone(at, REQUEST).action is Action.CLONED


@pytest.mark.parametrize("is_written_in_full", [False, True])
def test_a_target_at_this_commit_from_a_long_path_is_left_alone(is_written_in_full: bool) -> None:
    request = replace(REQUEST, path="/".join(["p" * 200] * 5))
    properties = request.provenance.properties() | ({"lakefs.path": request.path} if is_written_in_full else {})
    newest = replace(CURRENT.newest, user_metadata=request.provenance.user_metadata())
    at = tables(replace(CURRENT, newest=newest, properties=properties, comment="theirs"))
    assert clone(at, request).action is Action.CURRENT
    assert at.calls == []


def test_a_newer_commit_at_the_target_is_left_alone() -> None:
    at = tables(target(commit_generation=6))
    assert clone(at, REQUEST).action is Action.SUPERSEDED
    assert (at.calls, at.reads) == ([], [REQUEST.target_path])


def test_of_two_lines_of_commits_the_later_one_has_the_table() -> None:
    ours = replace(REQUEST, line=3)
    assert clone(tables(target(commit_generation=6, line=2)), ours).action is Action.CLONED
    assert clone(tables(target(commit_generation=4, line=4)), ours).action is Action.SUPERSEDED


def test_a_target_at_this_commit_from_an_earlier_line_is_cloned_again() -> None:
    """Else a late run of the earlier line, with a higher generation, could still take it."""
    at = target(commit_id=REQUEST.commit_id, commit_generation=5, line=2)
    assert clone(tables(at), replace(REQUEST, line=3)).action is Action.CLONED


@pytest.mark.parametrize(
    ("taken", "says"),
    [
        (target(properties={}), "did not make"),
        (target(properties={"lakefs.repository": "lake", "lakefs.branch": "main"}), "did not make"),
        (target(repository="other"), "repository 'other'"),
        (target(branch="dev"), "branch 'dev'"),
        (target(location="abfss://exports@account.dfs.core.windows.net/lake/main"), "lies inside the Delta table"),
    ],
)
def test_what_is_not_this_tables_clone_is_refused_and_untouched(taken: TableInMemory, says: str) -> None:
    at = tables(taken)
    with pytest.raises(TargetTakenError, match=says) as raised:
        clone(at, REQUEST)
    assert REQUEST.target_path in str(raised.value)
    assert REQUEST.table in str(raised.value)
    assert at.calls == []


def test_another_spelling_of_the_target_is_the_same_place() -> None:
    at = tables(replace(target(), location=REQUEST.target_path + "/"))
    assert clone(at, REQUEST).action is Action.CLONED


def test_files_without_a_delta_log_are_refused() -> None:
    at = tables(files={REQUEST.target_path})
    with pytest.raises(TargetTakenError, match="no Delta table"):
        clone(at, REQUEST)
    assert at.calls == []


def test_no_table_at_the_source_names_source_and_descriptor() -> None:
    at = tables()
    del at.found[REQUEST.source_path]
    with pytest.raises(NoSourceTableError) as raised:
        clone(at, REQUEST)
    assert REQUEST.source_path in str(raised.value)
    assert "'path: tables/orders' in the descriptor of `unity`.`main`.`orders`" in str(raised.value)
    assert at.calls == []


def test_a_source_inside_another_table_is_no_table() -> None:
    at = tables()
    at.found[REQUEST.source_path] = replace(SOURCE, location=f"s3a://lake/{'c' * 64}/tables")
    with pytest.raises(NoSourceTableError, match="encloses"):
        clone(at, REQUEST)


@pytest.mark.parametrize("keeps_comment", [True, False])
@pytest.mark.parametrize(
    ("source", "before", "is_ours", "after"),
    [
        ("orders", None, False, "orders"),
        ("orders", "orders of old", True, "orders"),
        ("orders", "by a person", False, "orders"),
        ("orders", "orders", True, "orders"),
        (None, "orders", True, None),
        ("", "orders", True, None),
        (None, "by a person", False, "by a person"),
        (None, None, False, None),
        ("", None, False, None),
    ],
)
def test_the_comment_follows_the_source_and_a_persons_stays_where_it_has_none(
    source: str | None, before: str | None, is_ours: bool, after: str | None, keeps_comment: bool
) -> None:
    known = comment_properties(before) if is_ours else {}
    at_target = replace(target(), comment=before, properties={**target().properties, **known})
    at = tables(at_target, keeps_comment=keeps_comment)
    at.found[REQUEST.source_path] = replace(SOURCE, comment=source)
    result = clone(at, REQUEST)
    metadata = REQUEST.provenance.user_metadata()
    # Where ours goes, the log says so with an empty one: Unity Catalog would not hear of a comment that is not there.
    written = None if keeps_comment and after == before else after or ("" if before else None)
    assert at.calls[1:] == ([] if written is None else [("comment", REQUEST.target_path, written, metadata)])
    assert result.version == (3 if written is None else 4)
    state = at.found[REQUEST.target_path]
    assert state.comment == after
    assert is_own_comment(state.comment, state.properties) == bool(source)


def test_a_persons_comment_stays_over_several_commits_and_ours_does_not() -> None:
    for comment, is_ours in (("by a person", False), ("orders", True)):
        known = comment_properties(comment) if is_ours else {}
        at = tables(replace(target(), comment=comment, properties={**target().properties, **known}))
        for generation in (5, 6, 7):
            request = replace(REQUEST, commit_id=str(generation) * 64, commit_generation=generation)
            clone(at, request)
            assert at.found[REQUEST.target_path].comment == (None if is_ours else comment)
            assert clone(at, request).action is Action.CURRENT


@pytest.mark.parametrize("left", [None, "orders of old"])
def test_a_comment_that_an_earlier_attempt_left_out_is_completed(left: str | None) -> None:
    at = tables(replace(CURRENT, comment=left, properties={**CURRENT.properties, **comment_properties("orders")}))
    at.found[REQUEST.source_path] = replace(SOURCE, comment="orders")
    result = clone(at, REQUEST)
    assert (result.action, result.version_before, result.version) == (Action.COMMENTED, 2, 3)
    assert [call[0] for call in at.calls] == ["comment"]
    assert clone(at, REQUEST).action is Action.CURRENT


def test_a_comment_that_was_completed_is_not_asked_for_again() -> None:
    at = tables()
    at.found[REQUEST.source_path] = replace(SOURCE, comment="orders")
    assert clone(at, REQUEST).action is Action.CLONED
    at.reads.clear()
    result = clone(at, REQUEST)
    assert (result.action, result.files, result.bytes) == (Action.CURRENT, None, None)
    assert at.reads == [REQUEST.target_path]
    assert not any(line.startswith(("files", "bytes")) for line in result.lines())


LOOK, DETAIL, NEWEST = REQUEST.target_path, f"detail of {REQUEST.target_path}", f"newest of {REQUEST.target_path}"
OPENED = f"detail of {REQUEST.source_path}"


@pytest.mark.parametrize(
    ("before", "comment", "reads"),
    [
        (None, None, [LOOK, OPENED, NEWEST]),
        (None, "orders", [LOOK, OPENED, NEWEST, NEWEST]),
        (target(), None, [LOOK, OPENED, DETAIL, NEWEST]),
        (target(comment="orders"), "orders", [LOOK, OPENED, NEWEST, DETAIL]),
        (target(comment="orders of old"), "orders", [LOOK, OPENED, NEWEST, DETAIL, NEWEST]),
    ],
)
def test_a_clone_reads_the_source_once_and_the_target_again_where_a_comment_is_at_stake(
    before: TableInMemory | None, comment: str | None, reads: list[str]
) -> None:
    at = tables(before)
    at.found[REQUEST.source_path] = replace(SOURCE, comment=comment)
    clone(at, REQUEST)
    assert at.reads == reads


@pytest.mark.parametrize("by_a_person", [False, True])
def test_the_target_is_not_asked_for_a_comment_where_its_newest_clone_says_that_it_has_none(by_a_person: bool) -> None:
    at = tables()
    clone(at, REQUEST)
    if by_a_person:
        # Under whatever user metadata: their session may have kept ours.
        at.set_comment(LOOK, "by a person", user_metadata=at.found[LOOK].newest.user_metadata or "")
    at.reads.clear()
    clone(at, replace(REQUEST, commit_id="d" * 64, commit_generation=6))
    assert at.reads == [LOOK, OPENED, *([DETAIL] if by_a_person else []), NEWEST, *([DETAIL] if by_a_person else [])]
    assert at.found[LOOK].comment == ("by a person" if by_a_person else None)


def test_what_others_commit_right_after_the_clone_is_not_taken_for_it() -> None:
    at = tables(target())
    made = Commit(version=3, operation="CLONE", user_metadata=REQUEST.provenance.user_metadata(), files=3, bytes=300)
    at.newest = lambda path: Commit(version=4, operation="WRITE")  # type: ignore[method-assign]
    at.history = lambda path: iter([Commit(version=4, operation="WRITE"), made])  # type: ignore[method-assign]
    result = clone(at, REQUEST)
    assert (result.version, result.files, result.bytes) == (3, 3, 300)


def test_a_clone_without_its_user_metadata_is_told_and_made_again() -> None:
    at = tables(drops_user_metadata=True)
    with pytest.raises(CloneFailedError, match="something else in this session set") as raised:
        clone(at, REQUEST)
    assert "version 0 (CLONE)" in str(raised.value)
    with pytest.raises(CloneFailedError, match="version 1 "):
        clone(at, REQUEST)
    at.drops_user_metadata = False
    assert clone(at, REQUEST).action is Action.CLONED_AGAIN


def test_an_earlier_clone_of_the_commit_is_not_taken_for_the_one_that_was_made() -> None:
    newest = Commit(version=7, operation="DELETE")
    at = tables(replace(CURRENT, newest=newest), drops_user_metadata=True, commits=[CURRENT.newest])
    with pytest.raises(CloneFailedError, match="version 8 "):
        clone(at, REQUEST)


def test_a_target_that_is_gone_after_the_clone_is_told() -> None:
    at = tables()
    at.newest = lambda path: None  # type: ignore[method-assign]
    with pytest.raises(TargetStorageError, match=f"is gone from {REQUEST.target_path}; something else removed it"):
        clone(at, REQUEST)


FOREIGN = [
    Commit(version=7, operation="DELETE", user="ada"),
    Commit(version=7, operation="WRITE"),
    Commit(version=7, operation="OPTIMIZE"),
    Commit(version=7, operation="RESTORE"),
    Commit(version=7, operation="SET TBLPROPERTIES"),
    Commit(version=7, operation="VACUUM END"),
    Commit(version=7, operation="DELETE", user_metadata=REQUEST.provenance.user_metadata()),
    Commit(version=7, operation="CLONE", user_metadata=None),
    Commit(version=7, operation="CLONE", user_metadata="a note"),
    Commit(version=7, operation="CLONE", user_metadata=target().newest.user_metadata),
]


@pytest.mark.parametrize("newest", FOREIGN, ids=[f"{each.operation} {each.user_metadata}"[:30] for each in FOREIGN])
def test_a_target_that_somebody_wrote_to_is_cloned_again_at_the_same_commit(newest: Commit) -> None:
    at = tables(replace(CURRENT, newest=newest))
    result = clone(at, REQUEST)
    assert (result.action, result.version_before, result.version) == (Action.CLONED_AGAIN, 7, 8)
    assert f"action         cloned again: {newest} was not ours" in result.lines()
    assert clone(at, REQUEST).action is Action.CURRENT


def test_who_wrote_is_said_where_the_next_commit_replaces_it_too() -> None:
    at = tables(replace(target(), newest=Commit(version=7, operation="DELETE", user="ada")))
    result = clone(at, REQUEST)
    assert "action         cloned: version 7 (DELETE by ada) was not ours" in result.lines()


@pytest.mark.parametrize("operation", ["CLONE", "SET TBLPROPERTIES"])
def test_a_commit_of_ours_is_told_by_operation_and_user_metadata(operation: str) -> None:
    at = tables(replace(CURRENT, newest=replace(CURRENT.newest, operation=operation)))
    assert clone(at, REQUEST).action is Action.CURRENT
    assert at.reads == [REQUEST.target_path]


def test_user_metadata_of_a_clone_that_knew_of_no_line_is_ours_too() -> None:
    old = {key: value for key, value in REQUEST.provenance.properties().items() if key != "lakefs.line"}
    newest = replace(CURRENT.newest, user_metadata=json.dumps(old))
    assert clone(tables(replace(CURRENT, newest=newest, properties=old)), REQUEST).action is Action.CURRENT


@pytest.mark.parametrize("before", [CloneMethod.SHALLOW, CloneMethod.DEEP])
def test_a_clone_of_this_commit_by_another_method_is_replaced_once(before: CloneMethod) -> None:
    wanted = CloneMethod.DEEP if before is CloneMethod.SHALLOW else CloneMethod.SHALLOW
    at = tables(target(commit_id=REQUEST.commit_id, commit_generation=5, method=before))
    request = replace(REQUEST, method=wanted)
    result = clone(at, request)
    assert (result.action, result.method) == (Action.CLONED, wanted)
    assert [call[0] for call in at.calls] == ["deep clone" if wanted is CloneMethod.DEEP else "clone"]
    assert clone(at, request).action is Action.CURRENT


def test_another_method_does_not_make_a_table_older() -> None:
    at = tables(target(commit_generation=6, method=CloneMethod.DEEP))
    assert clone(at, REQUEST).action is Action.SUPERSEDED
    assert at.calls == []


def test_a_table_that_others_wrote_to_does_not_become_older() -> None:
    newer = target(commit_generation=6)
    at = tables(replace(newer, newest=Commit(version=7, operation="DELETE")), commits=[newer.newest])
    assert clone(at, REQUEST).action is Action.SUPERSEDED
    assert at.calls == []


@pytest.mark.parametrize(
    ("reached", "action"),
    [
        ({"commit_generation": 6}, Action.SUPERSEDED),
        ({"commit_generation": 1, "line": 1}, Action.SUPERSEDED),
        ({"commit_generation": 5, "commit_id": REQUEST.commit_id}, Action.CLONED_AGAIN),
        ({"commit_generation": 4}, Action.CLONED),
        ({"commit_generation": 6, "branch": "dev"}, Action.CLONED),
        ({"commit_generation": 6, "repository": "other"}, Action.CLONED),
    ],
)
def test_a_restored_table_has_reached_what_its_history_says(reached: dict[str, Any], action: Action) -> None:
    """RESTORE brings the properties of an older commit back."""
    restored = replace(target(commit_generation=3), newest=Commit(version=7, operation="RESTORE"))
    history = [target(**reached).newest, target(commit_generation=3).newest]
    at = tables(restored, commits=history)
    assert clone(at, REQUEST).action is action
    assert bool(at.calls) == (action is not Action.SUPERSEDED)


def test_what_others_wrote_under_our_user_metadata_is_not_what_was_reached() -> None:
    restored = replace(target(commit_generation=3), newest=Commit(version=7, operation="RESTORE"))
    written = replace(target(commit_generation=6).newest, operation="WRITE")
    assert clone(tables(restored, commits=[written]), REQUEST).action is Action.CLONED


def test_a_history_that_cannot_be_read_is_an_error_of_the_target() -> None:
    at = tables(replace(CURRENT, newest=FOREIGN[0]))
    at.history = lambda path: iter([1 // 0])  # type: ignore[assignment, method-assign, list-item]
    with pytest.raises(TargetStorageError, match="ZeroDivisionError"):
        clone(at, REQUEST)
    assert at.calls == []


MOVING = [
    "s3a://lake/main/tables/base/part-1.parquet",
    "s3a://lake/main~1/tables/base/part-1.parquet",
    f"s3a://lake/{'c' * 12}/tables/base/part-1.parquet",
    f"s3a://lake/{'C' * 64}/tables/base/part-1.parquet",
    f"s3a://lake/main/{'c' * 64}/part-1.parquet",
    "s3://bucket/base/part-1.parquet",
    "abfss://lake@account.dfs.core.windows.net/base/part-1.parquet",
    "file:/base/part-1.parquet",
    f"{REQUEST.source_path}x/part-1.parquet".replace("c" * 64, "main"),
]


@pytest.mark.parametrize("moving", MOVING)
@pytest.mark.parametrize("before", [None, target()])
def test_a_source_whose_files_are_of_no_commit_is_refused_before_anything_changes(
    moving: str, before: TableInMemory | None
) -> None:
    at = tables(before, source_files=[moving])
    with pytest.raises(MovingSourceError, match="1 of the 2 files") as raised:
        clone(at, REQUEST)
    assert all(text in str(raised.value) for text in (moving, REQUEST.source_path, REQUEST.table, "shallow clone"))
    assert at.calls == []


@pytest.mark.parametrize(
    "fixed",
    [
        f"{REQUEST.source_path}/p=a b/part-1.parquet",
        f"s3a://lake/{'d' * 64}/tables/base/part-1.parquet",
        f"s3://other-lake/{'d' * 64}/part-1.parquet",
    ],
)
def test_files_of_whatever_commit_are_cloned(fixed: str) -> None:
    assert clone(tables(source_files=[fixed]), REQUEST).action is Action.CLONED


def test_files_inside_a_local_source_are_its_own_however_they_are_spelled() -> None:
    local = replace(REQUEST, source_path="file:/repository/t")
    inside, outside = "file:///repository/t/part-1.parquet", "file:///repository/t2/part-1.parquet"
    assert files_that_may_change([inside, outside], local.source_path) == [outside]


def test_a_source_whose_files_cannot_be_listed_is_an_error_of_the_source() -> None:
    at = tables(failures={"files": OSError("disk")})
    with pytest.raises(NoSourceTableError, match="OSError: disk"):
        clone(at, REQUEST)
    assert at.calls == []


WIDGETS = {
    "repository": REQUEST.repository,
    "branch": REQUEST.branch,
    "source_commit_id": REQUEST.commit_id,
    "commit_generation": "5",
    "path": REQUEST.path,
    "table": REQUEST.table,
    "target_base_location": REQUEST.target_path.removesuffix("/main/orders"),
    "line": "0",
    "method": "storage",
    "lakefs_endpoint": "https://lakefs.example.com",
    "secret_scope": "lakefs",
    "access_key_name": "key",
    "secret_key_name": "secret",
}


def test_widgets_become_a_request() -> None:
    assert CloneRequest.from_widgets(WIDGETS.__getitem__) == replace(
        REQUEST,
        method=CloneMethod.STORAGE,
        lakefs_endpoint="https://lakefs.example.com",
        secret_scope="lakefs",
        access_key_name="key",
        secret_key_name="secret",
    )


@pytest.mark.parametrize("name", WIDGETS)
@pytest.mark.parametrize("bad", ["", "it's", 'a"b', "a\\b", "a\nb"])
def test_a_widget_with_a_value_that_breaks_sql_is_refused_by_name(name: str, bad: str) -> None:
    with pytest.raises(SettingsError, match=f"widget {name} is"):
        CloneRequest.from_widgets({**WIDGETS, name: bad}.__getitem__)


@pytest.mark.parametrize(
    ("name", "bad"),
    [("target_base_location", "file:/a`b"), ("branch", "a`b"), ("commit_generation", "²"), ("line", "-1")],
)
def test_backticks_and_odd_numbers_are_refused(name: str, bad: str) -> None:
    with pytest.raises(SettingsError, match=f"widget {name} is"):
        CloneRequest.from_widgets({**WIDGETS, name: bad}.__getitem__)


@pytest.mark.parametrize("changed", [{"method": "Deep"}, {"path": "copy://tables/orders"}])
def test_a_clone_method_that_is_not_known_is_refused(changed: dict[str, str]) -> None:
    with pytest.raises(
        SettingsError, match=r"the clone method is '(Deep|copy)', none of shallow, storage, deep; start a"
    ):
        CloneRequest.from_widgets({**WIDGETS, **changed}.__getitem__)


@pytest.mark.parametrize("stands_for", ["", "{{tasks.list_changed_tables.values.%s}}", None])
def test_a_run_that_another_version_began_ends_with_what_to_do(stands_for: str | None) -> None:
    """An iteration is repaired after an upgrade: references to values that are not there may stand for anything."""
    missing = ("commit_generation", "line", "target_base_location", "method")
    given = {name: value for name, value in WIDGETS.items() if name not in missing}
    if stands_for is not None:
        given |= {name: stands_for.replace("%s", name) for name in missing}
    with pytest.raises(
        SettingsError, match=r"widget commit_generation.*; start a new run of the job export_tables; one"
    ):
        CloneRequest.from_widgets(given.__getitem__)


@pytest.mark.parametrize("name", ["target_base_location", "method", "path"])
def test_a_reference_that_stands_for_nothing_is_told_as_that(name: str) -> None:
    with pytest.raises(SettingsError, match=f"widget {name} is '{{{{it}}}}', which holds '{{{{'; start a new run"):
        CloneRequest.from_widgets({**WIDGETS, name: "{{it}}"}.__getitem__)


def test_the_result_reads_well_for_people_and_programs() -> None:
    result = clone(tables(target()), REQUEST, clock=iter([0.0, 1.25]).__next__)
    assert result.lines() == [
        "table          `unity`.`main`.`orders`",
        "action         cloned",
        "clone method   shallow",
        f"lakeFS commit  {'c' * 64}",
        "Delta version  version 2 -> version 3",
        "files          3",
        "bytes          300",
        "seconds        1.2",
    ]
    assert json.loads(result.to_json()) == {
        "action": "cloned",
        "table": "`unity`.`main`.`orders`",
        "commit_id": "c" * 64,
        "version_before": 2,
        "version": 3,
        "files": 3,
        "bytes": 300,
        "seconds": 1.25,
        "method": "shallow",
        "reason": "",
    }


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("plain text, 1.", "'plain text, 1.'"),
        ("it's", r"'it\u0027s'"),
        ("a\\n\n", r"'a\u005cn\u000a'"),
        ("${spark.secret}", r"'\u0024\u007bspark.secret\u007d'"),
        ("😀", r"'\U0001f600'"),
    ],
)
def test_literals_hold_nothing_that_spark_could_read_as_syntax(text: str, literal: str) -> None:
    assert string_literal(text) == literal
