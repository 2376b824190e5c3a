"""Source tables that consist of files elsewhere: of a branch, of another commit, of storage beside lakeFS."""

import json
import time
from pathlib import Path

import pytest
import table_changes
from cloned_tables import COMMITS, Tables
from delta.tables import DeltaTable
from table_changes import SIMPLE

from lakefs_unity_export.clones.decision import Action
from lakefs_unity_export.clones.spark_tables import SparkDeltaTables
from lakefs_unity_export.tasks.clone_table import MovingSourceError

pytestmark = pytest.mark.spark

VECTORS = f"{table_changes.VECTORS}; DELETE FROM {{t}} WHERE id = 3"


def clone_of_a_branch(tables: Tables, made: str) -> str:
    """The table at the source path becomes a shallow clone of a table on a branch, whose path is returned."""
    branch = f"file:{tables.folder}/repository/main/tables/base"
    for statement in made.split(";"):
        tables.spark.sql(statement.format(t=f"delta.`{branch}`"))
    DeltaTable.forPath(tables.spark, branch).clone(tables.source(), isShallow=True)
    return branch


@pytest.mark.parametrize("made", [SIMPLE, VECTORS], ids=["plain", "vectors"])
def test_a_shallow_clone_of_a_branch_is_refused_and_the_target_stays(tables: Tables, made: str) -> None:
    tables.sql(SIMPLE)
    tables.clone()
    log = tables.log(tables.target)
    moved = Tables(tables.spark, tables.folder / "other")
    branch = clone_of_a_branch(moved, made)
    with pytest.raises(MovingSourceError, match="shallow clone itself") as raised:
        tables.clone(1, source_path=moved.source())
    assert f"such as {branch}/part-" in str(raised.value)
    assert tables.log(tables.target) == log


def test_no_target_is_made_for_a_shallow_clone_of_a_branch(tables: Tables) -> None:
    clone_of_a_branch(tables, SIMPLE)
    with pytest.raises(MovingSourceError, match=r"(1 of the 1|2 of the 2) files"):
        tables.clone()
    assert not Path(tables.target.removeprefix("file:")).exists()


def test_one_file_of_the_branch_among_own_ones_is_found_also_where_the_history_names_no_clone(tables: Tables) -> None:
    clone_of_a_branch(tables, SIMPLE)
    tables.sql("INSERT INTO {t} VALUES (3, 'three')")
    log = Path(tables.source().removeprefix("file:")) / "_delta_log"
    spark_log = tables.spark._jvm.org.apache.spark.sql.delta.DeltaLog
    spark_log.forTable(tables.spark._jsparkSession, tables.source()).checkpoint()
    (log / f"{0:020}.json").unlink()
    spark_log.clearCache()
    assert [entry["operation"] for entry in tables.history(tables.source())] == ["WRITE"]
    with pytest.raises(MovingSourceError):
        tables.clone()


def test_a_clone_whose_rows_were_written_anew_is_exported(tables: Tables) -> None:
    clone_of_a_branch(tables, SIMPLE)
    tables.sql("UPDATE {t} SET name = upper(name)")
    assert tables.clone().action is Action.CLONED
    tables.assert_equal()


def test_a_table_with_odd_partition_values_and_a_path_with_spaces_is_its_own(tables: Tables) -> None:
    source = f"{tables.source()} ä%20b"
    tables.spark.sql(f"CREATE TABLE delta.`{source}` (id BIGINT, p STRING) USING delta PARTITIONED BY (p)")
    tables.spark.sql(f"INSERT INTO delta.`{source}` VALUES (1, 'ä/ö=%+#?:'), (2, NULL), (3, '表 x')")
    assert tables.clone(source_path=source).action is Action.CLONED
    assert tables.read(tables.target).count() == 3


def test_files_of_another_commit_of_lakefs_are_taken(tables: Tables) -> None:
    files = [f"s3a://lake/{COMMITS[3]}/tables/base/part-{number}.parquet" for number in range(2)]
    _table_of(tables, files)
    assert tables.clone().action is Action.CLONED


@pytest.mark.parametrize("where", ["s3a://lake/main/base", "s3://bucket/base", f"s3a://lake/{'d' * 12}/base"])
def test_files_of_a_branch_or_beside_lakefs_are_refused(tables: Tables, where: str) -> None:
    _table_of(tables, ["own.parquet", f"{where}/part-1.parquet"])
    with pytest.raises(MovingSourceError, match="1 of the 2 files") as raised:
        tables.clone()
    assert f"{where}/part-1.parquet" in str(raised.value)
    assert not Path(tables.target.removeprefix("file:")).exists()


def test_twenty_thousand_files_are_listed_without_opening_one(tables: Tables) -> None:
    _table_of(tables, [f"part-{number:05}.parquet" for number in range(20_000)])
    opened = SparkDeltaTables(tables.spark).open(tables.source())
    assert opened is not None
    started = time.monotonic()
    files = opened.data_files()
    print(f"20,000 files listed in {time.monotonic() - started:.1f} s")
    assert len(files) == 20_000
    assert not Path(tables.source().removeprefix("file:"), "part-00000.parquet").exists()


def _table_of(tables: Tables, files: list[str]) -> None:
    """A table at the source path whose log names these files, which are not there."""
    log = Path(tables.source().removeprefix("file:")) / "_delta_log"
    log.mkdir(parents=True)
    schema = {"type": "struct", "fields": [{"name": "id", "type": "long", "nullable": True, "metadata": {}}]}
    metadata = {"id": "1", "format": {"provider": "parquet", "options": {}}, "schemaString": json.dumps(schema)}
    metadata |= {"partitionColumns": [], "configuration": {}, "createdTime": 1}
    actions = [{"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}, {"metaData": metadata}]
    file = {"partitionValues": {}, "size": 9, "modificationTime": 1, "dataChange": True}
    actions += [{"add": {"path": path, **file}} for path in files]
    (log / f"{0:020}.json").write_text("\n".join(json.dumps(action) for action in actions))
