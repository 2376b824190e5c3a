"""What the task says where the cluster refuses a kind of clone, as some workspaces of Databricks do."""

import io
import tempfile
from collections.abc import Iterator

import pytest
from cloned_tables import Tables
from delta.tables import DeltaTable
from pyspark.errors import AnalysisException
from table_changes import SIMPLE

from lakefs_unity_export.clones.clone_errors import ShallowCloneRefusedError
from lakefs_unity_export.clones.decision import Action
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.tasks.clone_table import CloneFailedError, clone_table
from local_stack.cluster.clone_checks import DEEP_REFUSED, DRIVER_DISK_REFUSED, REFUSED, SCRATCH, SECOND_REFUSED

pytestmark = pytest.mark.spark

OF_SHALLOW = "CANNOT_SHALLOW_CLONE_NON_UC_MANAGED_TABLE_AS_SOURCE_OR_TARGET"
OF_COMMANDS = "UC_COMMAND_NOT_SUPPORTED.WITHOUT_RECOMMENDATION"
SETTINGS = (REFUSED, SCRATCH, DRIVER_DISK_REFUSED, DEEP_REFUSED, SECOND_REFUSED)


@pytest.fixture(autouse=True)
def settings(tables: Tables) -> Iterator[None]:
    """Whatever a test sets is gone after it."""
    yield
    for name in SETTINGS:
        tables.spark.conf.unset(name)


@pytest.fixture
def refusing(tables: Tables) -> None:
    """No shallow clone by path is made."""
    tables.spark.conf.set(REFUSED, "true")


def cloned(tables: Tables) -> dict[CloneMethod, str]:
    """What becomes of a clone by each method, each over those before it: `cloned`, or the condition of the refusal."""
    ends = dict[CloneMethod, str]()
    for method in (CloneMethod.SHALLOW, CloneMethod.STORAGE, CloneMethod.DEEP):
        try:
            ends[method] = tables.clone_by(method).action.value
        except (ShallowCloneRefusedError, CloneFailedError) as error:
            (ends[method],) = [condition for condition in (OF_SHALLOW, OF_COMMANDS) if condition in str(error)]
    return ends


@pytest.mark.usefixtures("refusing")
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


@pytest.mark.usefixtures("refusing")
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


@pytest.mark.parametrize(
    ("setting", "refused"),
    [
        ("", {}),
        (REFUSED, {CloneMethod.SHALLOW: OF_SHALLOW, CloneMethod.STORAGE: OF_SHALLOW}),
        # Sources lie on this disk here, as drafts do on a cluster.
        (DRIVER_DISK_REFUSED, {CloneMethod.SHALLOW: OF_SHALLOW, CloneMethod.STORAGE: OF_SHALLOW}),
        (DEEP_REFUSED, {CloneMethod.DEEP: OF_COMMANDS}),
        (SECOND_REFUSED, {CloneMethod.STORAGE: OF_COMMANDS, CloneMethod.DEEP: OF_COMMANDS}),
    ],
)
def test_each_setting_refuses_its_kind_of_clone_alone(
    tables: Tables, setting: str, refused: dict[CloneMethod, str]
) -> None:
    tables.sql(SIMPLE)
    if setting:
        tables.spark.conf.set(setting, "true")
    assert cloned(tables) == dict.fromkeys(CloneMethod, "cloned") | refused


def test_shallow_clones_alone_can_be_refused(tables: Tables) -> None:
    tables.sql(SIMPLE)
    tables.spark.conf.set(REFUSED, "true")
    tables.spark.conf.set(SCRATCH, f"file:{tempfile.gettempdir()}/lakefs-unity-export-")
    assert cloned(tables) == dict.fromkeys(CloneMethod, "cloned") | {CloneMethod.SHALLOW: OF_SHALLOW}


def test_the_task_tells_of_a_refusal_that_it_does_not_know(tables: Tables) -> None:
    tables.sql(SIMPLE)
    tables.spark.conf.set(DEEP_REFUSED, "true")
    with pytest.raises(CloneFailedError, match=r"UC_COMMAND_NOT_SUPPORTED\.WITHOUT_RECOMMENDATION"):
        tables.clone(method=CloneMethod.DEEP)
