"""What is ours, and what is left alone, by its name, its location and its history: both SQL files on the warehouse."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake
from local_warehouse import Passage, drop
from sql_files import REGISTER, UNREGISTER, Stack, columns

from local_stack.warehouse import WarehouseError

pytestmark = pytest.mark.spark
pytest_plugins = ["local_warehouse", "sql_files"]

CASES = json.loads((Path(__file__).parents[2] / "fixtures" / "registered_table_cases.json").read_text())
# What may have a table's name without being ours: its type, and what else is said when it is made.
NOT_OURS = [
    ("EXTERNAL", {"storage_location": "s3://bucket/{schema}/theirs"}),
    ("EXTERNAL_SHALLOW_CLONE", {"storage_location": "s3://bucket/{schema}/theirs"}),
    ("MANAGED", {}),
    *((kind, {"storage_location": "{location}"}) for kind in ("MANAGED", "MANAGED_SHALLOW_CLONE", "FOREIGN")),
    ("VIEW", {"view_definition": "SELECT 1"}),
]
FOREIGN = [
    {},
    {"lakefs.repository": "tpch"},
    {"lakefs.repository": "tpch", "lakefs.branch": "another"},
    {"lakefs.repository": "another", "lakefs.branch": "{schema}"},
]


def test_a_location_that_unity_catalog_spells_with_a_slash_is_the_same(stack: Stack) -> None:
    location = stack.write("orders", {"id": [1]})
    stack.run(REGISTER, "orders")
    stack.rewrite("orders", "json_set(body, '$.storage_location', ?)", f"{location}/")
    stack.write("orders", {"id": [1], "more": ["x"]})
    stack.run(REGISTER, "orders")
    assert [name for name, _ in columns(stack.table("orders"))] == ["id", "more"]
    stack.run(UNREGISTER, "orders")
    assert stack.tables() == []


@pytest.mark.parametrize("listed_as", ["EXTERNAL_SHALLOW_CLONE", "external", "EXTERNAL_OF_LATER"])
@pytest.mark.parametrize("spelling", ["{}", "{}/", "FILE:{path}"])
def test_every_kind_of_external_table_at_our_location_is_ours(stack: Stack, listed_as: str, spelling: str) -> None:
    location = stack.write("orders", {"id": [1]})
    stack.run(REGISTER, "orders")
    identity = stack.table("orders")["table_id"]
    spelled = spelling.format(location, path=location.removeprefix("file://"))
    stack.rewrite("orders", "json_set(body, '$.table_type', ?)", listed_as)
    stack.rewrite("orders", "json_set(body, '$.storage_location', ?)", spelled)
    stack.write("orders", {"id": [1], "more": ["x"]})
    stack.run(REGISTER, "orders")
    table = stack.table("orders")
    assert columns(table) == [("id", "bigint"), ("more", "string")]
    assert (table["table_id"], table["table_type"], table["storage_location"]) == (identity, listed_as, spelled)
    stack.run(UNREGISTER, "orders")
    assert stack.tables() == []
    assert DeltaTable(location).to_pyarrow_table().num_rows == 1


def found_in(sql: str, pattern: str) -> str:
    match = re.search(pattern, sql, re.DOTALL)
    assert match is not None, pattern
    return match[1]


def test_a_registered_table_is_ours_or_not_as_python_decides(stack: Stack) -> None:
    """Of one file: a unit test holds the other to the same text."""
    place = found_in(REGISTER, r"SELECT location, (trim\(.*?'file:/'\)\))")
    is_ours = found_in(REGISTER, r"(count_if\(\(upper\(table_type\).*?= 0) THEN")
    sql = (
        "DECLARE OR REPLACE VARIABLE export_place STRING;"
        f"SET VARIABLE export_place = (SELECT {place} FROM (SELECT :target_path AS location));"
        f"SELECT why, {is_ours} FROM (SELECT inline(from_json(:cases, "
        "'array<struct<why: string, table_type: string, storage_path: string>>'))) GROUP BY why"
    )
    decided: dict[str | None, str | None] = {}
    for target in {case.get("target_path", CASES["target_path"]) for case in CASES["cases"]}:
        cases = [
            {"why": case["why"], "table_type": case["table_type"], "storage_path": case["storage_location"]}
            for case in CASES["cases"]
            if case.get("target_path", CASES["target_path"]) == target
        ]
        found = stack.warehouse.execute(sql, {"target_path": target, "cases": json.dumps(cases)})[-1].rows
        decided |= dict(found)
    assert decided == {case["why"]: str(case["is_ours"]).lower() for case in CASES["cases"]}


def test_a_location_that_unity_catalog_does_not_show_is_not_taken_for_ours(stack: Stack) -> None:
    stack.write("orders", {"id": [1]})
    stack.run(REGISTER, "orders")
    stack.rewrite("orders", "json_remove(body, ?)", "$.storage_location")
    with pytest.raises(WarehouseError, match="is taken by another table or view"):
        stack.run(REGISTER, "orders")
    with pytest.raises(WarehouseError, match="belongs to another table or view"):
        stack.run(UNREGISTER, "orders")
    assert stack.tables() == ["orders"]


@pytest.mark.parametrize(("table_type", "more"), NOT_OURS)
def test_a_name_that_is_taken_is_an_error_and_left_alone(stack: Stack, table_type: str, more: dict[str, str]) -> None:
    stack.write("orders", {"id": [1]})
    taken = stack.take_name(
        "orders",
        table_type,
        **{key: text.format(schema=stack.schema, location=stack.location("orders")) for key, text in more.items()},
    )
    with pytest.raises(WarehouseError, match="is taken by another table or view") as refused:
        stack.run(REGISTER, "orders")
    message = refused.value.message
    assert refused.value.error_class == "USER_RAISED_EXCEPTION"
    assert f"`main`.`{stack.schema}`.`orders`" in message
    assert table_type in message
    assert taken.get("storage_location", "no location") in message
    assert stack.location("orders") in message
    assert stack.table("orders") == taken


@pytest.mark.parametrize(("table_type", "more"), [("EXTERNAL", {}), *NOT_OURS])
def test_a_name_that_is_taken_after_the_look_at_it_is_an_error_and_left_alone(
    stack: Stack, passage: Passage, table_type: str, more: dict[str, str]
) -> None:
    location = stack.write("orders", {"id": [1]})
    filled = {key: text.format(schema=stack.schema, location=location) for key, text in more.items()}
    taken = stack.take_name("orders", table_type, **filled)
    passage.lists_no_tables = True
    try:
        with pytest.raises(WarehouseError, match=r"`orders`: a table or view of that name exists") as refused:
            stack.run(REGISTER, "orders")
    finally:
        passage.lists_no_tables = False
    assert refused.value.error_class == "TABLE_OR_VIEW_ALREADY_EXISTS"
    assert stack.table("orders") == taken


def test_a_table_of_that_name_in_another_catalog_is_passed_over(stack: Stack) -> None:
    stack.request("POST", "/catalogs", json={"name": "twin"})
    try:
        stack.request("POST", "/schemas", json={"name": stack.schema, "catalog_name": "twin"})
        theirs = {"name": "orders", "catalog_name": "twin", "schema_name": stack.schema, "columns": []}
        kind = {"table_type": "EXTERNAL", "data_source_format": "DELTA", "storage_location": "s3://bucket/theirs"}
        stack.request("POST", "/tables", json=theirs | kind)
        stack.write("orders", {"id": [1]})
        stack.run(REGISTER, "orders")
        assert stack.tables() == ["orders"]
        stack.run(UNREGISTER, "orders")
        assert stack.tables() == []
        kept = stack.request("GET", f"/tables/twin.{stack.schema}.orders")
        assert kept["storage_location"] == "s3://bucket/theirs"
    finally:
        drop(stack.unity_catalog, "/catalogs/twin")


def test_a_location_that_another_name_has_is_an_error(stack: Stack) -> None:
    stack.write("orders", {"id": [1]})
    stack.run(REGISTER, "orders")
    with pytest.raises(WarehouseError, match="LOCATION_OVERLAP"):
        stack.run(REGISTER, "other", target_path=stack.location("orders"))
    assert stack.tables() == ["orders"]


@pytest.mark.parametrize("origin", FOREIGN, ids=[json.dumps(origin) for origin in FOREIGN])
def test_a_table_that_is_no_clone_of_the_branch_gets_no_new_name(stack: Stack, origin: dict[str, str]) -> None:
    of_schema = {key: value.format(schema=stack.schema) for key, value in origin.items()}
    location = stack.write("orders", {"id": [1]}, origin=of_schema)
    with pytest.raises(WarehouseError, match="is not a clone of branch") as refused:
        stack.run(REGISTER, "orders")
    message = refused.value.message
    assert refused.value.error_class == "USER_RAISED_EXCEPTION"
    assert all(text in message for text in (location, stack.schema, "tpch", f"`main`.`{stack.schema}`.`orders`"))
    assert stack.schema not in stack.schemas()
    stack.write("orders", {"id": [1]})
    stack.run(REGISTER, "orders")
    assert stack.tables() == ["orders"]


@pytest.mark.parametrize(
    "reached", [{"line": "1002", "commit_generation": "7"}, {"line": "1001", "commit_generation": "9"}]
)
def test_a_clone_that_reached_the_commit_or_a_later_one_is_registered(stack: Stack, reached: dict[str, str]) -> None:
    stack.write("orders", {"id": [1]})
    stack.run(REGISTER, "orders", **reached)
    assert stack.tables() == ["orders"]


@pytest.mark.parametrize("is_registered", [False, True])
@pytest.mark.parametrize("missed", [{"commit_generation": "8"}, {"line": "1003", "commit_generation": "1"}])
def test_a_registration_fails_where_its_clone_did(stack: Stack, missed: dict[str, str], is_registered: bool) -> None:
    stack.write("orders", {"id": [1]})
    if is_registered:
        stack.run(REGISTER, "orders")
    stack.write("orders", {"id": [1], "price": [1.5]}, origin={})
    with pytest.raises(WarehouseError, match=r"or is one of an older commit, so .*orders` is left as it is"):
        stack.run(REGISTER, "orders", **missed)
    assert not is_registered or columns(stack.table("orders")) == [("id", "bigint")]
    assert is_registered or stack.schema not in stack.schemas()


def test_text_that_others_left_in_the_history_is_no_hindrance(stack: Stack) -> None:
    location = stack.write("orders", {"id": [1]})
    for text in ("not JSON", "[1]", '{"a": {"b": 1}}'):
        metadata = CommitProperties(custom_metadata={"userMetadata": text})
        write_deltalake(location, pa.table({"id": [2]}), mode="append", commit_properties=metadata)
    stack.run(REGISTER, "orders")
    assert stack.tables() == ["orders"]


@pytest.mark.parametrize(("table_type", "more"), NOT_OURS)
def test_what_is_not_ours_is_not_dropped(stack: Stack, table_type: str, more: dict[str, str]) -> None:
    taken = stack.take_name(
        "orders",
        table_type,
        **{key: text.format(schema=stack.schema, location=stack.location("orders")) for key, text in more.items()},
    )
    for changed in ({}, {"branch": None}):
        with pytest.raises(WarehouseError, match="belongs to another table or view") as refused:
            stack.run(UNREGISTER, "orders", **changed)
        assert f"`main`.`{stack.schema}`.`orders`" in refused.value.message
    assert stack.table("orders") == taken


@pytest.mark.parametrize("changed", [{"repository": "another"}, {"branch": "another"}, {"branch": None}])
def test_a_clone_of_another_branch_is_passed_over(stack: Stack, changed: dict[str, str | None]) -> None:
    stack.write("orders", {"id": [1]})
    stack.register("orders")
    result = stack.run(UNREGISTER, "orders", **changed)[-1]
    assert result.rows == ((f"`main`.`{stack.schema}`.`orders` is no clone of this branch, so it is left as it is.",),)
    assert stack.tables() == ["orders"]
