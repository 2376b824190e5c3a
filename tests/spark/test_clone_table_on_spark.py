"""The clone task on real Delta tables: what it makes, what it leaves alone, and what it says."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from cloned_tables import COMMITS, Tables
from table_changes import SIMPLE

from lakefs_unity_export.clones.delta_tables import USER_METADATA, SparkDeltaTables
from lakefs_unity_export.clones.provenance import read_properties, read_user_metadata
from lakefs_unity_export.tasks.clone_table import (
    Action,
    CloneFailedError,
    NoSourceTableError,
    TargetStorageError,
    TargetTakenError,
    clone_table,
)

pytestmark = pytest.mark.spark


def test_a_fresh_clone_equals_its_source_and_says_where_it_comes_from(tables: Tables) -> None:
    tables.sql(SIMPLE)
    output = io.StringIO()
    result = clone_table(tables.spark, tables.request(), output=output)
    tables.assert_equal()
    assert (result.action, result.version_before, result.version) == (Action.CLONED, None, 0)
    assert (result.files, result.bytes) == _size(tables, tables.source())
    expected = tables.request().provenance
    assert read_properties(tables.detail(tables.target)["properties"]) == expected
    assert read_user_metadata(tables.history(tables.target)[0]["userMetadata"]) == expected
    assert "Delta version  no table -> version 0" in output.getvalue()
    assert json.loads(result.to_json())["commit_id"] == COMMITS[0]


def test_the_next_commit_replaces_rows_in_one_version_and_keeps_history_and_id(tables: Tables) -> None:
    tables.sql(SIMPLE)
    tables.clone()
    before = tables.detail(tables.target)["id"]
    tables.commit(1)
    tables.sql("INSERT INTO {t} VALUES (3, 'three'); DELETE FROM {t} WHERE id = 1", commit=1)
    result = tables.clone(1)
    tables.assert_equal(1)
    assert (result.version_before, result.version) == (0, 1)
    assert tables.detail(tables.target)["id"] == before
    shown = [read_user_metadata(entry["userMetadata"]) for entry in tables.history(tables.target)]
    assert [each.commit_id for each in shown if each] == [COMMITS[1], COMMITS[0]]
    old = tables.spark.read.format("delta").option("versionAsOf", 0).load(tables.target)
    assert sorted(row.id for row in old.collect()) == [1, 2]


def test_the_same_commit_again_changes_nothing(tables: Tables) -> None:
    tables.sql(SIMPLE)
    tables.clone()
    log = tables.log(tables.target)
    result = tables.clone()
    assert (result.action, result.version_before, result.version) == (Action.CURRENT, 0, 0)
    assert tables.log(tables.target) == log


def test_an_older_commit_does_not_replace_a_newer_one(tables: Tables) -> None:
    tables.sql(SIMPLE)
    tables.commit(1)
    tables.sql("INSERT INTO {t} VALUES (3, 'three')", commit=1)
    tables.clone(1)
    log = tables.log(tables.target)
    assert tables.clone(0).action is Action.SUPERSEDED
    assert tables.log(tables.target) == log
    tables.assert_equal(1)


def test_a_table_that_this_export_did_not_make_is_left_alone(tables: Tables) -> None:
    tables.sql(SIMPLE)
    tables.spark.range(7).write.format("delta").save(tables.target)
    log = tables.log(tables.target)
    with pytest.raises(TargetTakenError, match="did not make") as raised:
        tables.clone()
    assert tables.target in str(raised.value)
    assert tables.log(tables.target) == log


@pytest.mark.parametrize("other", [{"repository": "another"}, {"branch": "dev"}])
def test_the_clone_of_another_repository_or_branch_is_left_alone(tables: Tables, other: dict[str, str]) -> None:
    tables.sql(SIMPLE)
    tables.clone(0, **other)
    log = tables.log(tables.target)
    with pytest.raises(TargetTakenError, match=next(iter(other.values()))):
        tables.clone()
    assert tables.log(tables.target) == log


def test_files_that_are_no_delta_table_are_left_alone(tables: Tables) -> None:
    tables.sql(SIMPLE)
    foreign = Path(tables.target.removeprefix("file:")) / "2026" / "rows.csv"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("1,one")
    with pytest.raises(TargetTakenError, match="no Delta table"):
        tables.clone()
    assert [path for path in tables.folder.joinpath("exports").rglob("*") if path.is_file()] == [foreign]


@pytest.mark.parametrize("inside", ["part=1", "sub/folder"])
def test_a_target_inside_another_delta_table_is_refused(tables: Tables, inside: str) -> None:
    tables.sql(SIMPLE)
    tables.clone()
    log = tables.log(tables.target)
    with pytest.raises(TargetTakenError, match="lies inside the Delta table"):
        tables.clone(target_path=f"{tables.target}/{inside}")
    assert tables.log(tables.target) == log


def test_a_target_that_would_be_a_partition_of_another_table_is_refused(tables: Tables) -> None:
    tables.sql("CREATE TABLE {t} (id INT, p INT) USING delta PARTITIONED BY (p); INSERT INTO {t} VALUES (1, 1)")
    tables.clone()
    log = tables.log(tables.target)
    with pytest.raises(TargetTakenError, match="lies inside the Delta table"):
        tables.clone(target_path=f"{tables.target}/p=2")
    assert tables.log(tables.target) == log


def test_an_empty_target_folder_is_taken(tables: Tables) -> None:
    tables.sql(SIMPLE)
    Path(tables.target.removeprefix("file:"), "_delta_log").mkdir(parents=True)
    assert tables.clone().action is Action.CLONED
    tables.assert_equal()


def test_a_source_without_a_delta_table_is_named_with_its_descriptor(tables: Tables) -> None:
    with pytest.raises(NoSourceTableError) as raised:
        tables.clone()
    assert tables.source() in str(raised.value)
    assert "'path: tables/t' in the descriptor of `lake`.`main`.`t`" in str(raised.value)
    assert not Path(tables.target.removeprefix("file:")).exists()


def test_a_source_inside_another_table_is_refused(tables: Tables) -> None:
    tables.sql(SIMPLE)
    with pytest.raises(NoSourceTableError, match="encloses"):
        tables.clone(source_path=f"{tables.source()}/part=1")


@pytest.mark.parametrize(
    "comment",
    [
        "plain",
        'it\'s "quoted"; -- `x`',
        "back\\slash \\n \\u0041",
        "two\nlines\ttab",
        "ä 表 😀",
        "${spark.app.name} $",
        "%_",
    ],
)
def test_the_comment_is_carried_over_as_it_is(tables: Tables, comment: str) -> None:
    tables.sql(SIMPLE)
    SparkDeltaTables(tables.spark).set_comment(tables.source(), comment, user_metadata="")
    result = tables.clone()
    assert tables.detail(tables.target)["description"] == comment
    assert result.version == 1
    assert tables.clone().action is Action.CURRENT


def test_a_comment_lost_between_the_two_commits_is_completed_by_the_next_run(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.sql("CREATE TABLE {t} (id INT) USING delta COMMENT 'orders of the day'")
    with monkeypatch.context() as patch:
        patch.setattr(SparkDeltaTables, "set_comment", _fails)
        with pytest.raises(TargetStorageError):
            tables.clone()
    assert tables.detail(tables.target)["description"] is None
    assert tables.clone().action is Action.COMMENTED
    assert tables.detail(tables.target)["description"] == "orders of the day"
    assert tables.clone().action is Action.CURRENT


@pytest.mark.parametrize("taken_away", ["COMMENT ON TABLE {t} IS NULL", "COMMENT ON TABLE {t} IS ''"])
def test_a_comment_that_the_source_drops_goes_from_the_export_too(tables: Tables, taken_away: str) -> None:
    tables.sql(f"{SIMPLE}; COMMENT ON TABLE {{t}} IS 'orders of the day'")
    tables.clone()
    tables.commit(1)
    tables.sql(taken_away, commit=1)
    assert tables.clone(1).version == 3
    assert tables.detail(tables.target)["description"] == ""
    assert "lakefs.comment" not in tables.detail(tables.target)["properties"]
    assert tables.clone(1).action is Action.CURRENT


def test_a_comment_that_the_source_changes_replaces_ours(tables: Tables) -> None:
    tables.sql(f"{SIMPLE}; COMMENT ON TABLE {{t}} IS 'orders of the day'")
    tables.clone()
    tables.commit(1)
    tables.sql("COMMENT ON TABLE {t} IS 'orders of the week'", commit=1)
    tables.clone(1)
    assert tables.detail(tables.target)["description"] == "orders of the week"
    assert tables.clone(1).action is Action.CURRENT


def test_a_comment_that_people_gave_the_export_survives_the_next_commits(tables: Tables) -> None:
    tables.sql(SIMPLE)
    tables.clone()
    tables.spark.sql(f"COMMENT ON TABLE delta.`{tables.target}` IS 'a person\\'s'")
    assert tables.clone().action is Action.CLONED_AGAIN
    assert tables.clone().action is Action.CURRENT
    for commit in (1, 2):
        tables.commit(commit)
        tables.sql(f"DELETE FROM {{t}} WHERE id = {commit}", commit=commit)
        tables.clone(commit)
        assert tables.detail(tables.target)["description"] == "a person's"
        assert tables.clone(commit).action is Action.CURRENT


def test_our_comment_that_a_person_took_away_comes_back(tables: Tables) -> None:
    tables.sql(f"{SIMPLE}; COMMENT ON TABLE {{t}} IS 'orders of the day'")
    tables.clone()
    tables.spark.sql(f"COMMENT ON TABLE delta.`{tables.target}` IS NULL")
    assert tables.clone().action is Action.CLONED_AGAIN
    assert tables.detail(tables.target)["description"] == "orders of the day"


def test_a_comment_of_a_clone_made_before_it_was_marked_stays(tables: Tables) -> None:
    """Whose it is cannot be told, so it is not taken away."""
    tables.sql(f"{SIMPLE}; COMMENT ON TABLE {{t}} IS 'orders of the day'")
    tables.clone()
    tables.spark.sql(f"ALTER TABLE delta.`{tables.target}` UNSET TBLPROPERTIES ('lakefs.comment')")
    tables.commit(1)
    tables.sql("COMMENT ON TABLE {t} IS NULL", commit=1)
    tables.clone(1)
    assert tables.detail(tables.target)["description"] == "orders of the day"


def test_a_failed_clone_leaves_the_old_rows_readable(tables: Tables) -> None:
    tables.sql(SIMPLE)
    tables.clone()
    log = tables.log(tables.target)
    tables.commit(1)
    tables.sql("INSERT INTO {t} VALUES (3, 'three')", commit=1)
    broken = Path(tables.source(1).removeprefix("file:")) / "_delta_log" / f"{2:020}.json"
    broken.unlink()
    broken.write_text("{ this is no commit")
    with pytest.raises(NoSourceTableError, match="cannot be read"):
        tables.clone(1)
    assert tables.log(tables.target) == log
    tables.assert_equal(0)


@pytest.mark.parametrize("before", [None, "somebody's"])
def test_the_session_is_as_before_whether_the_clone_works_or_not(
    tables: Tables, before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from delta.tables import DeltaTable

    tables.sql(SIMPLE)
    session = tables.spark.newSession()
    if before:
        session.conf.set(USER_METADATA, before)
    clone_table(session, tables.request(), output=io.StringIO())
    assert session.conf.get(USER_METADATA, None) == before
    monkeypatch.setattr(DeltaTable, "clone", _fails)
    with pytest.raises(CloneFailedError, match="OSError: disk full"):
        clone_table(session, tables.request(1, source_path=tables.source(0)), output=io.StringIO())
    assert session.conf.get(USER_METADATA, None) == before


def _fails(*_: Any, **__: Any) -> None:
    raise OSError("disk full")


def _size(tables: Tables, path: str) -> tuple[int, int]:
    detail = tables.detail(path)
    return detail["numFiles"], detail["sizeInBytes"]
