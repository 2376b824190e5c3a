"""Deep clones of every kind of table: what is copied, what a reader sees, and what a copy that fails leaves."""

import io
import shutil
from pathlib import Path
from typing import Any

import pytest
from cloned_tables import Tables
from delta.tables import DeltaTable
from table_changes import CHANGES, SIMPLE, VECTORS

from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.tasks.clone_table import Action, CloneFailedError, CloneResult, clone_table

pytestmark = pytest.mark.spark

# Kinds that differ in what lies beside the rows: names of files and columns, vectors, row ids, times, other files.
KINDS = (
    "column renamed",
    "mapping gone",
    "odd partition values",
    "vectors changed",
    "row tracking",
    "timestamps enabled",
    "change feed",
    "append-only",
)


def deep(tables: Tables, commit: int = 0) -> CloneResult:
    request = tables.request(commit, method=CloneMethod.DEEP)
    return clone_table(tables.spark, request, output=io.StringIO())


def folder(path: str) -> Path:
    return Path(path.removeprefix("file:"))


def files(path: str, pattern: str = "*.parquet") -> set[str]:
    return {
        str(file.relative_to(folder(path)))
        for file in folder(path).rglob(pattern)
        if "_delta_log" not in file.parts and not file.name.startswith(".")
    }


def newest(tables: Tables) -> Any:
    return tables.history(tables.target)[0]


def rows(tables: Tables) -> list[str]:
    return sorted(str(row) for row in tables.read(tables.target).collect())


def test_a_first_deep_clone_takes_a_location_however_it_is_spelled(tables: Tables) -> None:
    tables.sql(SIMPLE)
    spelled = tables.target.replace("file:/", "file:///")
    request = tables.request(method=CloneMethod.DEEP, target_path=spelled)
    assert clone_table(tables.spark, request, output=io.StringIO()).action is Action.CLONED
    tables.assert_equal()


@pytest.mark.parametrize("kind", KINDS)
def test_a_deep_clone_reads_equal_without_its_source_and_copies_what_is_new(tables: Tables, kind: str) -> None:
    made, changed = CHANGES[kind]
    tables.sql(made)
    deep(tables)
    first = files(tables.target)
    assert first == files(tables.source()) - files(tables.source(), "_change_data/*")
    tables.commit(1)
    tables.sql(changed, commit=1)
    deep(tables, 1)
    tables.assert_equal(1)
    expected = rows(tables)
    metrics = newest(tables).operationMetrics
    assert newest(tables).operationParameters["isShallow"] == "false"
    in_use = {file.removeprefix(f"{tables.target}/") for file in tables.read(tables.target).inputFiles()}
    assert not any("/repository/" in file for file in in_use)
    if kind != "mapping gone":
        assert int(metrics["numCopiedFiles"]) == len(files(tables.target) - first)
    for commit in (0, 1):
        shutil.rmtree(folder(tables.source(commit)))
    tables.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    assert rows(tables) == expected
    tables.spark.read.format("delta").option("versionAsOf", 1).load(tables.target).collect()


def test_the_source_of_a_deep_clone_may_be_a_shallow_one(tables: Tables) -> None:
    origin = f"file:{tables.folder}/origin"
    tables.sql(f"{VECTORS}; DELETE FROM {{t}} WHERE id < 5", commit=3)
    shutil.copytree(folder(tables.source(3)), folder(origin))
    plain = DeltaTable.forPath(tables.spark, origin)
    plain.clone(tables.source(), isShallow=True)
    for copied in (1, 0):
        DeltaTable.forPath(tables.spark, tables.source()).clone(tables.target, isShallow=False, replace=True)
        assert newest(tables).operationMetrics["numCopiedFiles"] == str(copied)
    shutil.rmtree(folder(origin))
    shutil.rmtree(folder(tables.source()))
    tables.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    assert sorted(row.id for row in tables.read(tables.target).collect()) == list(range(5, 20))
    assert len(files(tables.target, "deletion_vector_*.bin")) == 1


def test_a_copy_that_fails_leaves_the_target_as_it_was_and_the_next_run_completes_it(tables: Tables) -> None:
    tables.sql(SIMPLE)
    deep(tables)
    before, log = rows(tables), tables.log(tables.target)
    tables.commit(1)
    tables.sql("INSERT INTO {t} VALUES (3, 'three'), (4, 'four')", commit=1)
    gone = next(iter(files(tables.source(1)) - files(tables.source())))
    taken = folder(tables.source(1)) / gone
    aside = taken.rename(tables.folder / "aside")
    with pytest.raises(CloneFailedError, match="FileNotFoundException"):
        deep(tables, 1)
    assert (rows(tables), tables.log(tables.target)) == (before, log)
    # Half of a copy, as a run that was killed leaves it.
    half = folder(tables.target) / gone
    half.write_bytes(aside.read_bytes()[:100])
    aside.rename(taken)
    assert deep(tables, 1).action is Action.CLONED
    tables.assert_equal(1)
    assert half.stat().st_size == 100


def test_a_first_copy_that_fails_is_no_files_of_somebody_else(tables: Tables) -> None:
    tables.sql(SIMPLE)
    tables.commit(1)
    tables.sql("INSERT INTO {t} VALUES (3, 'three')", commit=1)
    short = folder(tables.source(1)) / next(iter(files(tables.source(1)) - files(tables.source())))
    whole = short.read_bytes()
    short.unlink()
    short.write_bytes(whole[:-1])
    with pytest.raises(CloneFailedError, match=f"has {len(whole) - 1} bytes, and {len(whole)} in the log"):
        deep(tables, 1)
    assert tables.detail(tables.target)["numFiles"] == 0
    short.write_bytes(whole)
    result = deep(tables, 1)
    assert (result.action, result.version, result.reason) == (Action.CLONED_AGAIN, 1, "")
    tables.assert_equal(1)


def test_the_method_of_a_target_can_change_both_ways(tables: Tables) -> None:
    tables.sql(f"{VECTORS}; DELETE FROM {{t}} WHERE id < 5")
    tables.clone()
    for clone, location in ((deep, "/exports/"), (Tables.clone, "/repository/"), (deep, "/exports/")):
        assert clone(tables).action is Action.CLONED
        tables.assert_equal()
        assert all(location in file for file in tables.read(tables.target).inputFiles())
    assert newest(tables).operationMetrics["numCopiedFiles"] == "0"
