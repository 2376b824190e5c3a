"""Re-cloning after every kind of change that a table can see between two commits."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cloned_tables import Tables
from table_changes import BY_ID, CHANGES, MAPPED, SIMPLE, VECTORS

from lakefs_unity_export.clones.decision import Action
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.clones.replaceable import UnreplaceableTargetError
from lakefs_unity_export.clones.spark_tables import SparkDeltaTables
from lakefs_unity_export.tasks.clone_table import CloneFailedError

pytestmark = pytest.mark.spark

# What Delta allows after another change only: by kind, Delta's names of the commits in front of the clone's.
PREPARED = {
    "append-only": ["SET TBLPROPERTIES"],
    "mapping enabled": ["SET TBLPROPERTIES"],
    "mapping gone": ["REMOVE COLUMN MAPPING"],
    "variant added": ["SET TBLPROPERTIES"],
    "mapping by id gone": ["REMOVE COLUMN MAPPING"],
    "mapping by id to names": ["REMOVE COLUMN MAPPING", "SET TBLPROPERTIES"],
    "append-only and mapping gone": ["REMOVE COLUMN MAPPING", "SET TBLPROPERTIES"],
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_reaches_the_clone_in_one_version(tables: Tables, kind: str) -> None:
    made, changed = CHANGES[kind]
    tables.sql(made)
    tables.clone()
    tables.commit(1)
    tables.sql(changed, commit=1)
    result = tables.clone(1)
    source = tables.shown(tables.source(1))
    tables.assert_equal(1, source)
    operations = [entry["operation"] for entry in reversed(tables.history(tables.target))]
    assert operations == ["CLONE", *PREPARED.get(kind, []), "CLONE"]
    assert (result.files, result.bytes) == (source.detail["numFiles"], source.detail["sizeInBytes"])
    by_storage = tables.clone_by(CloneMethod.STORAGE, 1)
    tables.assert_equal(1, source)
    # A target that takes appends only is prepared for each clone.
    version = result.version + (2 if kind in ("append-only", "append-only turned on") else 1)
    assert (by_storage.version, by_storage.files, by_storage.bytes) == (version, result.files, result.bytes)
    commit = tables.log(tables.target)[f"{version:020}.json"]
    added = [line for line in commit.splitlines() if line.startswith(b'{"add"')]
    assert len(added) == result.files
    assert not any(tables.source(1).encode() in line for line in added)


def test_a_reset_and_another_table_at_the_path_are_followed(tables: Tables) -> None:
    tables.sql(VECTORS)
    tables.clone()
    tables.sql("CREATE TABLE {t} (word STRING) USING delta; INSERT INTO {t} VALUES ('new')", commit=1)
    tables.clone(1)
    tables.assert_equal(1)
    tables.commit(2)
    tables.sql("DELETE FROM {t}", commit=2)
    tables.clone(2)
    assert tables.read(tables.target).isEmpty()


def test_what_a_table_was_before_goes_with_the_next_one(tables: Tables) -> None:
    tables.sql(
        "CREATE TABLE {t} (id BIGINT) USING delta CLUSTER BY (id) "
        "TBLPROPERTIES ('delta.enableDeletionVectors' = 'true');"
        "INSERT INTO {t} VALUES (1); INSERT INTO {t} VALUES (2)"
    )
    tables.clone()
    assert tables.detail(tables.target)["clusteringColumns"] == ["id"]
    tables.sql(
        "CREATE TABLE {t} (word STRING) USING delta; INSERT INTO {t} VALUES ('new');"
        "ALTER TABLE {t} SET TBLPROPERTIES ('delta.enableInCommitTimestamps' = 'true')",
        commit=1,
    )
    tables.clone(1)
    tables.assert_equal(1)
    detail = tables.detail(tables.target)
    assert detail["clusteringColumns"] == []
    # A protocol never goes back: whoever reads an old version needs what it needed then.
    assert {"deletionVectors", "clustering", "inCommitTimestamp"} <= set(detail["tableFeatures"])
    # What had no times in its commits before says since when it has.
    assert detail["properties"]["delta.inCommitTimestampEnablementVersion"] == "1"
    removed = tables.history(tables.target)[0]["operationMetrics"]["numRemovedFiles"]
    assert removed == "2"


def test_a_mapping_by_id_has_a_way_out(tables: Tables) -> None:
    tables.sql(SIMPLE)
    tables.clone()
    log = tables.log(tables.target)
    tables.sql(BY_ID, commit=1)
    with pytest.raises(UnreplaceableTargetError, match="Move its files away and run again"):
        tables.clone(1)
    assert tables.log(tables.target) == log
    Path(tables.target.removeprefix("file:")).rename(tables.folder / "moved away")
    assert tables.clone(1).action is Action.CLONED
    tables.assert_equal(1)


def test_a_run_that_ends_between_the_change_and_the_clone_shows_the_rows_of_before(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.sql(MAPPED)
    tables.clone()
    before = sorted(map(str, tables.read(tables.target).collect()))
    tables.sql("CREATE TABLE {t} (id BIGINT) USING delta; INSERT INTO {t} VALUES (7)", commit=1)
    change = SparkDeltaTables.set_properties

    def change_and_end(*given: Any, **named: Any) -> None:
        change(*given, **named)
        raise OSError("the cluster ended")

    with monkeypatch.context() as patch:
        patch.setattr(SparkDeltaTables, "set_properties", change_and_end)
        with pytest.raises(CloneFailedError, match="the cluster ended"):
            tables.clone(1)
    assert sorted(map(str, tables.read(tables.target).collect())) == before
    result = tables.clone(1)
    assert (result.action, result.reason) == (Action.CLONED, "")
    tables.assert_equal(1)


def test_a_long_history_gets_a_checkpoint_and_still_reads_equal(tables: Tables) -> None:
    tables.sql(VECTORS)
    # A clone has its source's properties; without this one, Delta writes a checkpoint at every tenth version.
    tables.sql("ALTER TABLE {t} SET TBLPROPERTIES ('delta.checkpointInterval' = '4')")
    tables.commit(1)
    tables.sql("DELETE FROM {t} WHERE id < 5", commit=1)
    for generation in range(5):
        tables.clone(generation % 2, commit_generation=generation)
    tables.assert_equal(0)
    log = Path(tables.target.removeprefix("file:")) / "_delta_log"
    assert (log / f"{4:020}.checkpoint.parquet").is_file()
    tables.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    tables.assert_equal(0)


def test_commits_to_one_target_at_the_same_time_follow_one_another(tables: Tables) -> None:
    tables.sql(SIMPLE)
    for commit in (1, 2, 3):
        tables.commit(commit)
        tables.sql(f"INSERT INTO {{t}} VALUES ({commit + 10}, 'x')", commit=commit)
    tables.clone(0)
    with ThreadPoolExecutor() as pool:
        list(pool.map(tables.clone, (1, 2, 3)))
    versions = [entry["version"] for entry in tables.history(tables.target)]
    assert versions == sorted(versions, reverse=True)
    assert len(versions) >= 2


def test_generated_and_identity_columns_reach_the_clone(tables: Tables) -> None:
    from delta.tables import DeltaTable, IdentityGenerator

    builder = DeltaTable.create(tables.spark).location(tables.source())
    builder.addColumn("at", "TIMESTAMP").addColumn("day", "DATE", generatedAlwaysAs="CAST(at AS DATE)")
    builder.addColumn("id", "BIGINT", generatedAlwaysAs=IdentityGenerator()).execute()
    tables.sql("INSERT INTO {t} (at) VALUES (TIMESTAMP'2026-01-02 03:04:05')")
    tables.clone()
    tables.commit(1)
    tables.sql("INSERT INTO {t} (at) VALUES (TIMESTAMP'2026-01-03 03:04:05')", commit=1)
    tables.clone(1)
    tables.assert_equal(1)
