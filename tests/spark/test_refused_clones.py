"""What the task says where the cluster makes no shallow clones, as some workspaces of Databricks make none."""

import io
from collections.abc import Iterator

import pytest
from cloned_tables import Tables
from delta.tables import DeltaTable
from pyspark.errors import AnalysisException
from table_changes import SIMPLE

from lakefs_unity_export.clones.clone_errors import ShallowCloneRefusedError
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.tasks.clone_table import Action, clone_table
from local_stack.cluster.clone_checks import REFUSED, SCRATCH

pytestmark = pytest.mark.spark


@pytest.fixture(autouse=True)
def refusing(tables: Tables) -> Iterator[None]:
    tables.spark.conf.set(REFUSED, "true")
    yield
    for name in (REFUSED, SCRATCH):
        tables.spark.conf.unset(name)


def test_a_refused_shallow_clone_names_the_error_and_the_ways_out(tables: Tables) -> None:
    tables.sql(SIMPLE)
    with pytest.raises(ShallowCloneRefusedError) as error:
        tables.clone()
    for said in ("CANNOT_SHALLOW_CLONE_NON_UC_MANAGED_TABLE_AS_SOURCE_OR_TARGET", "deep", "storage", "access mode"):
        assert said in str(error.value)
    assert "external location" not in str(error.value)
    assert not DeltaTable.isDeltaTable(tables.spark, tables.target)
    request = tables.request(method=CloneMethod.DEEP)
    assert clone_table(tables.spark, request, output=io.StringIO()).action is Action.CLONED
    tables.assert_equal()


def test_a_scratch_folder_may_be_let_pass(tables: Tables) -> None:
    tables.sql(SIMPLE)
    source, scratch = DeltaTable.forPath(tables.spark, tables.source()), f"file:{tables.folder}/scratch"
    with pytest.raises(AnalysisException) as error:
        source.clone(f"{scratch}/draft", isShallow=True)
    assert error.value.getCondition() == "CANNOT_SHALLOW_CLONE_NON_UC_MANAGED_TABLE_AS_SOURCE_OR_TARGET"
    tables.spark.conf.set(SCRATCH, scratch)
    source.clone(f"{scratch}/draft", isShallow=True).clone(tables.target, isShallow=True)
    assert tables.read(tables.target).count() == 2
    with pytest.raises(AnalysisException):
        source.clone(tables.target, isShallow=True, replace=True)
