"""Exported tables that somebody wrote to: the next export of the same commit puts them right, and none older."""

import pytest
from cloned_tables import COMMITS, Tables

from lakefs_unity_export.clones.decision import Action, TargetTakenError
from lakefs_unity_export.clones.provenance import read_properties
from lakefs_unity_export.clones.user_metadata import USER_METADATA

pytestmark = pytest.mark.spark

MADE = (
    "CREATE TABLE {t} (id BIGINT, name STRING) USING delta TBLPROPERTIES ('delta.enableDeletionVectors' = 'true');"
    "INSERT INTO {t} VALUES (1, 'one'), (2, 'two'); INSERT INTO {t} VALUES (3, 'three')"
)
WRITTEN = {
    "DELETE": "DELETE FROM {t} WHERE id = 1",
    "WRITE": "INSERT INTO {t} VALUES (9, 'nine')",
    "OPTIMIZE": "OPTIMIZE {t}",
    "REORG": "DELETE FROM {t} WHERE id = 1; REORG TABLE {t} APPLY (PURGE)",
    "DELETE of all": "DELETE FROM {t}",
    "MERGE": "MERGE INTO {t} USING (SELECT 1 AS k) ON id = k WHEN MATCHED THEN DELETE",
    "ADD COLUMNS": "ALTER TABLE {t} ADD COLUMN day DATE",
    "ADD CONSTRAINT": "ALTER TABLE {t} ADD CONSTRAINT positive CHECK (id > 0)",
    "SET TBLPROPERTIES": "ALTER TABLE {t} SET TBLPROPERTIES ('delta.appendOnly' = 'true')",
    "RESTORE": "DELETE FROM {t} WHERE id = 1; RESTORE TABLE {t} TO VERSION AS OF 0",
}


def write(tables: Tables, text: str) -> None:
    """Statements on the target."""
    for statement in text.split(";"):
        tables.spark.sql(statement.format(t=f"delta.`{tables.target}`"))


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_what_somebody_wrote_is_gone_after_the_next_export_of_the_commit(tables: Tables, text: str) -> None:
    tables.sql(MADE)
    tables.clone()
    write(tables, text)
    written = tables.history(tables.target)[0]
    result = tables.clone()
    assert (result.action, result.version) == (Action.CLONED_AGAIN, written["version"] + 1)
    assert result.reason == f"version {written['version']} ({written['operation']}) was not ours"
    tables.assert_equal()
    assert tables.detail(tables.target)["properties"].get("delta.appendOnly") is None
    log = tables.log(tables.target)
    assert tables.clone().action is Action.CURRENT
    assert tables.log(tables.target) == log


def test_a_write_under_our_own_user_metadata_is_found_too(tables: Tables) -> None:
    tables.sql(MADE)
    tables.clone()
    session = tables.spark
    session.conf.set(USER_METADATA, tables.request().provenance.user_metadata())
    try:
        write(tables, "DELETE FROM {t} WHERE id = 1")
    finally:
        session.conf.unset(USER_METADATA)
    assert tables.clone().action is Action.CLONED_AGAIN
    tables.assert_equal()


def test_a_table_with_a_comment_is_current_though_the_newest_version_is_that_of_the_comment(tables: Tables) -> None:
    tables.sql(f"{MADE}; COMMENT ON TABLE {{t}} IS 'orders'")
    tables.clone()
    assert tables.history(tables.target)[0]["operation"] == "SET TBLPROPERTIES"
    assert tables.clone().action is Action.CURRENT


def test_a_newer_clone_that_somebody_wrote_to_is_not_made_older(tables: Tables) -> None:
    tables.sql(MADE)
    tables.commit(1)
    tables.sql("INSERT INTO {t} VALUES (4, 'four')", commit=1)
    tables.clone(1)
    write(tables, "DELETE FROM {t} WHERE id = 1")
    log = tables.log(tables.target)
    assert tables.clone(0).action is Action.SUPERSEDED
    assert tables.log(tables.target) == log
    assert tables.clone(1).action is Action.CLONED_AGAIN
    tables.assert_equal(1)


def test_a_restored_table_shows_an_older_commit_and_has_reached_the_newer_one(tables: Tables) -> None:
    tables.sql(MADE)
    tables.clone(0)
    for commit in (1, 2):
        tables.commit(commit)
        tables.sql(f"INSERT INTO {{t}} VALUES ({commit + 10}, 'x')", commit=commit)
    tables.clone(2)
    write(tables, "RESTORE TABLE {t} TO VERSION AS OF 0")
    shown = read_properties(tables.detail(tables.target)["properties"])
    assert shown is not None
    assert shown.commit_id == COMMITS[0]
    log = tables.log(tables.target)
    for older in (0, 1):
        assert tables.clone(older).action is Action.SUPERSEDED
    assert tables.log(tables.target) == log
    assert tables.clone(2).action is Action.CLONED_AGAIN
    tables.assert_equal(2)


def test_the_next_commit_replaces_what_somebody_wrote_and_says_so(tables: Tables) -> None:
    tables.sql(MADE)
    tables.clone()
    write(tables, "DELETE FROM {t} WHERE id = 1")
    tables.commit(1)
    tables.sql("INSERT INTO {t} VALUES (4, 'four')", commit=1)
    result = tables.clone(1)
    assert "action         cloned: version 1 (DELETE) was not ours" in result.lines()
    tables.assert_equal(1)


def test_a_table_that_somebody_replaced_is_theirs(tables: Tables) -> None:
    tables.sql(MADE)
    tables.clone()
    write(tables, "REPLACE TABLE {t} USING delta AS SELECT 1 AS mine")
    log = tables.log(tables.target)
    with pytest.raises(TargetTakenError, match="did not make"):
        tables.clone()
    assert tables.log(tables.target) == log
