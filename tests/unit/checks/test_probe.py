"""The schema that is made to see that it can be: removed whatever happens, and what a killed run left is swept."""

from collections.abc import Mapping

import pytest
from doubles import UnityCatalogDouble

from lakefs_unity_export.checks.probe import LEFT_AFTER_SECONDS, MARK, PREFIX, is_left_by, try_schema
from lakefs_unity_export.errors import WorkspaceAccessError, WorkspaceUnavailableError
from lakefs_unity_export.ports import RegisteredTable

NOW = 1_800_000_000.0
NAME = f"{PREFIX}4711"


def left_at(time: float, made_by: str = "check_setup") -> dict[str, str]:
    return {"lakefs.created_by": made_by, "lakefs.check_time": str(int(time))}


def probe(unity_catalog: UnityCatalogDouble) -> object:
    return try_schema(unity_catalog, "lake", "4711", clock=lambda: NOW)


def test_it_is_made_changed_listed_and_removed(unity_catalog: UnityCatalogDouble) -> None:
    found = try_schema(unity_catalog, "lake", "4711", clock=lambda: NOW)
    assert found.full_name == f"lake.{NAME}"
    assert found.wanted == found.properties == found.listed
    assert found.wanted.items() > left_at(NOW).items()
    assert max(map(len, found.wanted)) == max(map(len, found.wanted.values())) == 255
    assert (found.left, found.swept) == ("", ())
    assert unity_catalog.catalogs == {"lake": {}}


def test_what_a_killed_run_left_is_swept_and_what_others_made_stays(unity_catalog: UnityCatalogDouble) -> None:
    made = {
        f"{PREFIX}1": left_at(NOW - LEFT_AFTER_SECONDS - 1),
        f"{PREFIX}2": left_at(NOW - LEFT_AFTER_SECONDS),  # another deployment's run may be at it
        f"{PREFIX}3": left_at(NOW - 2 * LEFT_AFTER_SECONDS, made_by="somebody"),
        f"{PREFIX}4": {"lakefs.created_by": "check_setup"},
        "main": left_at(NOW - 2 * LEFT_AFTER_SECONDS),
    }
    for name, properties in made.items():
        unity_catalog.schema("lake", name).properties = properties
    assert try_schema(unity_catalog, "lake", "4711", clock=lambda: NOW).swept == (f"{PREFIX}1",)
    assert unity_catalog.catalogs["lake"].keys() == made.keys() - {f"{PREFIX}1"}


def test_a_killed_run_s_schema_is_swept_by_a_later_one(unity_catalog: UnityCatalogDouble) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    removing = unity_catalog.delete_schema
    unity_catalog.delete_schema = die  # type: ignore[method-assign]
    with pytest.raises(Killed):
        probe(unity_catalog)
    assert unity_catalog.catalogs["lake"].keys() == {NAME}
    unity_catalog.delete_schema = removing  # type: ignore[method-assign]
    later = NOW + LEFT_AFTER_SECONDS + 1
    assert try_schema(unity_catalog, "lake", "4712", clock=lambda: later).swept == (NAME,)
    assert unity_catalog.catalogs == {"lake": {}}


def test_a_killed_run_s_schema_with_tables_is_left_to_the_warehouse(unity_catalog: UnityCatalogDouble) -> None:
    unity_catalog.schema("lake", f"{PREFIX}1").properties = left_at(NOW - LEFT_AFTER_SECONDS - 1)
    table = RegisteredTable(name="deep", table_type="EXTERNAL", storage_location="s3://bucket/deep")
    unity_catalog.schema("lake", f"{PREFIX}1").tables["deep"] = table
    assert try_schema(unity_catalog, "lake", "4711", clock=lambda: NOW).swept == ()
    assert unity_catalog.catalogs["lake"].keys() == {f"{PREFIX}1"}


def test_it_is_removed_where_a_step_fails(unity_catalog: UnityCatalogDouble) -> None:
    unity_catalog.fail_next_write = True
    with pytest.raises(WorkspaceUnavailableError):
        probe(unity_catalog)
    assert unity_catalog.catalogs == {"lake": {}}


def test_nothing_is_removed_that_could_not_be_made(unity_catalog: UnityCatalogDouble) -> None:
    def refuse(catalog: str, schema: str, properties: Mapping[str, str]) -> None:
        raise WorkspaceAccessError("no")

    unity_catalog.create_schema = refuse  # type: ignore[method-assign]
    with pytest.raises(WorkspaceAccessError, match="no"):
        probe(unity_catalog)


def test_why_it_stays_is_told(unity_catalog: UnityCatalogDouble) -> None:
    def refuse(catalog: str, schema: str) -> None:
        raise WorkspaceAccessError("may not drop it")

    unity_catalog.delete_schema = refuse  # type: ignore[method-assign]
    assert try_schema(unity_catalog, "lake", "4711", clock=lambda: NOW).left == "may not drop it"


@pytest.mark.parametrize(
    ("name", "is_left"),
    [
        (f"{MARK}1", True),
        (f"{MARK}{int(NOW) - LEFT_AFTER_SECONDS - 1}", True),
        (f"{MARK}{int(NOW) - LEFT_AFTER_SECONDS}", False),
        ("1", False),
        (MARK, False),
        (f"{MARK}-1", False),
        (f"x{MARK}1", False),
    ],
)
def test_a_mark_names_the_check_and_a_time_that_is_long_ago(name: str, is_left: bool) -> None:
    assert is_left_by(name, NOW) is is_left
