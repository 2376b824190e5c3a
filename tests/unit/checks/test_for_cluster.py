"""What the task on the cluster is told of the branch: as much as can be found out, and nothing is raised."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from export_story import descriptor
from setup_double import Installation

from lakefs_unity_export.checks.for_cluster import for_cluster
from lakefs_unity_export.checks.handed_over import MOST_TABLES, MOST_TARGETS, HandedOver, OwnTable
from lakefs_unity_export.checks.tiny_table import row
from lakefs_unity_export.errors import WorkspaceAccessError

OWN_TABLE = OwnTable(path="lakefs_unity_export_check/table", branches=("first", "second"))


@pytest.fixture
def installation() -> Installation:
    return Installation()


def told(installation: Installation) -> HandedOver:
    """After the descriptors were read, and a table written, as the checks before it do."""
    setup = installation.setup()
    setup.own_table = OWN_TABLE
    assert setup.described is setup.known_descriptors
    return for_cluster(setup)


def test_it_survives_a_task_value(installation: Installation) -> None:
    installation.lakefs.put({"_lakefs_tables/parts.yaml": descriptor("parts", clone_method="deep")})
    found = told(installation)
    assert (found.methods, found.own_table) == (("deep",), OWN_TABLE)
    assert HandedOver.of_json(json.loads(json.dumps(found.as_json()))) == found


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"commit_id": "x"},
        {**HandedOver().as_json(), "file_bytes": "many"},
        {**HandedOver().as_json(), "own_table": "x"},
        {**HandedOver().as_json(), "own_table": {"path": "x"}},
    ],
)
def test_anything_else_is_no_such_value(broken: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        HandedOver.of_json(broken)


def test_so_many_tables_are_told_and_none_twice(installation: Installation) -> None:
    more = {f"_lakefs_tables/t{number}.yaml": descriptor(f"t{number}") for number in range(MOST_TABLES + 3)}
    installation.lakefs.put(more | {"_lakefs_tables/again.yaml": descriptor("again", path="tables/orders")})
    handed = told(installation)
    assert len(handed.tables) == len(set(handed.tables)) == MOST_TABLES
    assert handed.tables[0] == "tables/orders"
    assert list(handed.targets.values()).count("tables/orders") == 2


def test_so_many_targets_are_told(installation: Installation) -> None:
    more = range(MOST_TARGETS + 3)
    installation.lakefs.put({f"_lakefs_tables/t{number}.yaml": descriptor(f"t{number}") for number in more})
    targets = told(installation).targets
    assert len(targets) == MOST_TARGETS
    assert targets["`lake`.`main`.`orders`"] == "tables/orders"


def test_without_descriptors_that_were_read_no_table_is_told(installation: Installation) -> None:
    found = for_cluster(installation.setup())
    assert (found.tables, found.methods) == ((), ())
    assert found.commit_id == installation.lakefs.head().id


def test_the_file_lies_in_a_folder_which_can_be_listed(installation: Installation) -> None:
    lakefs = installation.lakefs
    lakefs.put({"README": b"read me"}, removed=list(lakefs.content(lakefs.head().id)))
    assert for_cluster(installation.setup()).file == ""
    lakefs.put({"sub/a.txt": b"12345"})
    found = for_cluster(installation.setup())
    assert (found.file, found.file_bytes) == ("sub/a.txt", 5)


def test_where_the_branch_has_no_file_to_read_there_is_the_own_table_s(installation: Installation) -> None:
    lakefs = installation.lakefs
    lakefs.put({"README": b"read me"}, removed=list(lakefs.content(lakefs.head().id)))
    found = told(installation)
    assert (found.file, found.file_bytes) == (f"{OWN_TABLE.path}/part-1.parquet", len(row(1)))
    assert found.ref_of(found.file) == "first"


def test_of_a_branch_with_very_many_objects_the_first_are_looked_at(installation: Installation) -> None:
    lakefs = installation.lakefs
    many = {f"{number:04}": b"x" for number in range(1000)}
    lakefs.put(many | {"z/a.txt": b"12345"}, removed=list(lakefs.content(lakefs.head().id)))
    assert for_cluster(installation.setup()).file == ""
    # But a descriptor is found whatever lies before it.
    lakefs.put({"_lakefs_tables/orders.yaml": descriptor("orders")})
    assert for_cluster(installation.setup()).file == "_lakefs_tables/orders.yaml"


def refuse_identity(installation: Installation) -> None:
    installation.workspace.refuses["identity"] = WorkspaceAccessError("no")


def refuse_locations(installation: Installation) -> None:
    installation.workspace.refuses["external_locations"] = WorkspaceAccessError("no")


def lose_secret(installation: Installation) -> None:
    installation.secrets.clear()


OF_HEAD = {"commit_id", "commit_generation", "file", "file_bytes"}


@pytest.mark.parametrize(
    ("broken", "lost"),
    [
        (refuse_identity, {"identity"}),
        (refuse_locations, {"location"}),
        (lambda installation: installation.set(target_base_location="s3://other/exports"), {"location"}),
        (lose_secret, OF_HEAD),
        (lambda installation: installation.set(branch="mian"), OF_HEAD),
        (lambda installation: installation.set(repository=""), {*OF_HEAD, "location"}),
    ],
)
def test_what_cannot_be_found_out_takes_nothing_else_with_it(
    installation: Installation, broken: Callable[[Installation], None], lost: set[str]
) -> None:
    sound = for_cluster(installation.setup())
    broken(installation)
    assert for_cluster(installation.setup()) == replace(sound, **{name: getattr(HandedOver(), name) for name in lost})
