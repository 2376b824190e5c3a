"""The clone task where Unity Catalog judges paths by the grants of the tables that are registered there."""

from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from cloned_tables import Tables

from lakefs_unity_export.clones.decision import Action, TargetTakenError
from lakefs_unity_export.tasks.clone_table import TargetStorageError
from local_stack.cluster.path_access import RegisteredTable, registered

pytestmark = pytest.mark.spark

SIMPLE = "CREATE TABLE {t} (id BIGINT) USING delta COMMENT 'orders of the day'; INSERT INTO {t} VALUES (1), (2)"
JOB, OTHERS = "exporter", "data-team"
GRANT = "GRANT SELECT, MODIFY ON TABLE `lake`.`main`.`t` TO `<the identity that the job runs as>`"


def table_at(location: str, *, name: str = "lake.main.t", owner: str = OTHERS, privileges: str = "") -> RegisteredTable:
    return RegisteredTable(name=name, location=location, owner=owner, grants={JOB: frozenset(privileges.split())})


def enforced(
    tables: Tables, *found: RegisteredTable, refuses_looks_above: bool = False
) -> AbstractContextManager[None]:
    """Paths are judged, with these tables registered, and one of others beside the target."""
    beside = table_at(f"{tables.target}2", name="lake.main.t2")
    return registered(tables.spark, [*found, beside], identity=JOB, refuses_looks_above=refuses_looks_above)


@pytest.mark.parametrize("refuses_looks_above", [False, True])
def test_a_first_clone_needs_no_grant_on_tables(tables: Tables, refuses_looks_above: bool) -> None:
    tables.sql(SIMPLE)
    with enforced(tables, refuses_looks_above=refuses_looks_above):
        assert tables.clone().action is Action.CLONED
        assert tables.clone().action is Action.CURRENT
    tables.assert_equal()


@pytest.mark.parametrize("rights", [{"owner": JOB}, {"privileges": "SELECT MODIFY"}], ids=["owned", "granted"])
def test_a_registered_table_is_cloned_again_by_its_owner_and_with_grants(
    tables: Tables, rights: dict[str, str]
) -> None:
    tables.sql(SIMPLE)
    tables.clone()
    tables.commit(1)
    tables.sql("INSERT INTO {t} VALUES (3)", commit=1)
    with enforced(tables, table_at(tables.target, **rights)):
        result = tables.clone(1)
    # One version: a clone keeps the comment that the target has.
    assert (result.action, result.version_before, result.version) == (Action.CLONED, 1, 2)
    tables.assert_equal(1)
    assert tables.detail(tables.target)["description"] == "orders of the day"


@pytest.mark.parametrize(
    ("privileges", "doing", "missing"),
    [("", "read", "SELECT"), ("SELECT", "clone to", "MODIFY")],
)
def test_a_registered_table_of_others_is_left_alone_and_the_grants_are_named(
    tables: Tables, privileges: str, doing: str, missing: str
) -> None:
    tables.sql(SIMPLE)
    tables.clone()
    log = tables.log(tables.target)
    tables.commit(1)
    tables.sql("INSERT INTO {t} VALUES (3)", commit=1)
    with enforced(tables, table_at(tables.target, privileges=privileges)), pytest.raises(TargetStorageError) as raised:
        tables.clone(1)
    message = str(raised.value)
    assert message.startswith(f"cannot {doing} the target path {tables.target} of `lake`.`main`.`t`: ")
    assert f"User does not have {missing} on Table 'lake.main.t'" in message
    assert message.endswith(f"its own grants decide, not those of the external location: let its owner run {GRANT}")
    assert "\n" not in message
    assert tables.log(tables.target) == log


def test_the_grants_are_those_of_the_table_that_is_registered_there(tables: Tables) -> None:
    tables.sql(SIMPLE)
    theirs = table_at(tables.target, name="other.main.t")
    with (
        enforced(tables, theirs),
        pytest.raises(TargetStorageError, match=r"GRANT SELECT, MODIFY ON TABLE other\.main\.t TO"),
    ):
        tables.clone()
    assert not Path(tables.target.removeprefix("file:")).exists()


def test_a_target_that_encloses_registered_tables_is_refused(tables: Tables) -> None:
    tables.sql(SIMPLE)
    inner = table_at(f"{tables.target}/inner", owner=JOB)
    with (
        enforced(tables, inner),
        pytest.raises(TargetStorageError, match="drop the registrations that the error names") as raised,
    ):
        tables.clone()
    assert "Conflicting tables/volumes: lake.main.t." in str(raised.value)
    assert not Path(tables.target.removeprefix("file:")).exists()


def test_files_at_the_target_are_seen_where_the_folder_above_may_not_be(tables: Tables) -> None:
    tables.sql(SIMPLE)
    foreign = Path(tables.target.removeprefix("file:")) / "rows.csv"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("1")
    with enforced(tables, refuses_looks_above=True), pytest.raises(TargetTakenError, match="no Delta table"):
        tables.clone()


def test_an_error_of_the_target_is_told_where_the_folder_above_cannot_be_seen(tables: Tables) -> None:
    """A table of others two folders above, which Delta finds, and what the folder between encloses hides."""
    tables.sql(SIMPLE)
    above = tables.target.removesuffix("/main/t")
    tables.spark.range(2).write.format("delta").save(above)
    log = tables.log(above)
    with pytest.raises(TargetTakenError, match="lies inside the Delta table"):
        tables.clone()
    with enforced(tables), pytest.raises(TargetStorageError) as raised:
        tables.clone()
    assert f"cannot read the target path {tables.target}" in str(raised.value)
    assert "[DELTA_INVALID_PARTITION_PATH]" in str(raised.value)
    assert "LOCATION_OVERLAP" not in str(raised.value)
    assert not Path(tables.target.removeprefix("file:")).exists()
    assert tables.log(above) == log
