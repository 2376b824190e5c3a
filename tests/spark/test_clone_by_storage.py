"""The clone method `storage` on real Delta: its drafts, its history, and a VACUUM. Kinds of tables: see the changes."""

from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest
import table_changes
from cloned_tables import LocalSteps, Tables

from lakefs_unity_export.clones.decision import Action
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.clones.provenance import read_properties, read_user_metadata
from lakefs_unity_export.clones.scratch import Scratch, StorageScratch, scratch_for
from lakefs_unity_export.clones.spark_tables import SparkDeltaTables
from lakefs_unity_export.tasks.clone_table import clone

pytestmark = pytest.mark.spark

VECTORS = f"{table_changes.VECTORS}; DELETE FROM {{t}} WHERE id < 5"


class FilesOfDbutils:
    """`dbutils.fs` over local files, as far as a scratch beside the target uses it."""

    def put(self, path: str, contents: str, overwrite: bool) -> None:
        assert overwrite
        file = Path(path.removeprefix("file:"))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(contents, encoding="utf-8")

    def rm(self, path: str, recurse: bool) -> None:
        assert recurse
        rmtree(path.removeprefix("file:"))


@dataclass(frozen=True)
class StepsBesideTarget(LocalSteps):
    """With drafts beside the target, as on a cluster of several nodes."""

    spark: Any
    target: str

    def scratch(self) -> Scratch:
        return StorageScratch(self.spark, FilesOfDbutils(), self.target)


def test_drafts_beside_the_target_do_as_well_and_are_gone(tables: Tables) -> None:
    tables.sql(VECTORS)
    steps = StepsBesideTarget(
        tables.folder / tables.source().removeprefix(f"file:{tables.folder}/"),
        tables.folder / "storage" / "data",
        tables.spark,
        tables.target,
    )
    request = tables.request(method=CloneMethod.STORAGE)
    assert clone(SparkDeltaTables(tables.spark), request, steps=steps).action is Action.CLONED
    tables.assert_equal()
    assert [path.name for path in Path(tables.target.removeprefix("file:")).parent.iterdir()] == ["t"]


def test_this_session_of_one_node_keeps_drafts_on_its_disk(spark: Any, tmp_path: Path) -> None:
    scratch = scratch_for(spark, None, f"file:{tmp_path}/t")
    draft = scratch.new_table()
    scratch.write_log(draft, ["a", "b\u2028c"])
    assert scratch.read_log(draft) == ["a", "b\u2028c"]
    scratch.remove()
    assert list(tmp_path.iterdir()) == []
    assert not Path(draft.removeprefix("file:")).exists()


def test_history_and_properties_are_those_of_any_clone_and_a_vacuum_spares_the_storage(tables: Tables) -> None:
    tables.sql(VECTORS)
    tables.clone_by(CloneMethod.STORAGE)
    request = tables.request(method=CloneMethod.STORAGE)
    shown = read_properties(tables.detail(tables.target)["properties"])
    assert shown == read_user_metadata(tables.history(tables.target)[0]["userMetadata"]) == request.provenance
    # Rows of somebody else are files of the target's own, and the next clone gives them up.
    tables.spark.sql(f"INSERT INTO delta.`{tables.target}` VALUES (99)")
    own = set(Path(tables.target.removeprefix("file:")).glob("*.parquet"))
    assert own
    assert tables.clone_by(CloneMethod.STORAGE).action is Action.CLONED_AGAIN
    stored = set((tables.folder / "storage" / "data").iterdir())
    with_retention = "spark.databricks.delta.retentionDurationCheck.enabled"
    tables.spark.conf.set(with_retention, "false")
    try:
        tables.spark.sql(f"VACUUM delta.`{tables.target}` RETAIN 0 HOURS")
    finally:
        tables.spark.conf.unset(with_retention)
    assert not any(path.exists() for path in own)
    assert set((tables.folder / "storage" / "data").iterdir()) == stored
    tables.assert_equal()
