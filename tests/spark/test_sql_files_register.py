"""What a registration does, and what of a table it leaves as it is: register_table.sql on the local warehouse."""

import pytest
from deltalake import DeltaTable
from sql_files import REGISTER, Stack, columns

from local_stack.warehouse import WarehouseError

pytestmark = pytest.mark.spark
pytest_plugins = ["local_warehouse", "sql_files"]


def test_a_table_is_registered_with_its_schema(stack: Stack) -> None:
    provenance = {"lakefs.commit_id": "abc", "lakefs.branch": stack.schema}
    location = stack.write("line_item", {"id": [1, 2], "tag": ["a", "b"]})
    DeltaTable(location).alter.set_table_properties(provenance, raise_if_not_exists=False)
    DeltaTable(location).alter.set_table_description("items")
    stack.run(REGISTER, "line_item")
    table = stack.table("line_item")
    assert (table["table_type"], table["data_source_format"]) == ("EXTERNAL", "DELTA")
    assert (table["storage_location"], table["comment"]) == (location, "items")
    assert columns(table) == [("id", "bigint"), ("tag", "string")]
    assert table["properties"] == provenance
    rows = stack.warehouse.execute(f"SELECT id, tag FROM main.`{stack.schema}`.line_item ORDER BY id", {})[0].rows
    assert rows == (("1", "a"), ("2", "b"))


def test_a_second_run_changes_nothing(stack: Stack) -> None:
    stack.write("orders", {"id": [1]})
    stack.run(REGISTER, "orders")
    table, schema = stack.table("orders"), stack.request("GET", f"/schemas/main.{stack.schema}")
    results = stack.run(REGISTER, "orders")
    assert stack.table("orders") == table
    told = [result.rows for result in results if result.rows]
    assert told == [(("The schema exists.",),), (("The table is registered.",),)]
    assert stack.request("GET", f"/schemas/main.{stack.schema}") == schema


def test_grants_owner_and_identity_survive_a_registration_again(stack: Stack) -> None:
    stack.write("orders", {"id": [1]})
    stack.run(REGISTER, "orders")
    name = f"main.{stack.schema}.orders"
    changes = [{"principal": "analysts", "add": ["SELECT"]}]
    granted = stack.request("PATCH", f"/permissions/table/{name}", json={"changes": changes})
    stack.rewrite("orders", "json_set(body, '$.owner', ?)", "data-team")
    before = stack.table("orders")
    stack.write("orders", {"id": [1], "more": ["x"]})
    stack.run(REGISTER, "orders")
    after = stack.table("orders")
    assert stack.request("GET", f"/permissions/table/{name}") == granted
    assert granted["privilege_assignments"] == [{"principal": "analysts", "privileges": ["SELECT"]}]
    kept = ("table_id", "owner", "created_at", "created_by")
    assert [after[key] for key in kept] == [before[key] for key in kept]
    assert after["owner"] == "data-team"


def test_a_comment_that_a_person_put_on_the_table_stays(stack: Stack) -> None:
    stack.write("orders", {"id": [1]})
    stack.run(REGISTER, "orders")
    stack.update("orders", {"action": "set-table-comment", "comment": "ask the data team"})
    stack.write("orders", {"id": [1], "more": ["x"]})
    stack.run(REGISTER, "orders")
    assert stack.table("orders")["comment"] == "ask the data team"


def test_a_schema_change_shows_after_the_next_run(stack: Stack) -> None:
    stack.write("orders", {"id": [1]})
    stack.run(REGISTER, "orders")
    stack.write("orders", {"id": [1], "price": [1.5]})
    assert columns(stack.table("orders")) == [("id", "bigint")]
    stack.run(REGISTER, "orders")
    assert columns(stack.table("orders")) == [("id", "bigint"), ("price", "double")]


def test_properties_and_comment_of_the_log_show_after_the_next_run(stack: Stack) -> None:
    location = stack.write("orders", {"id": [1]})
    stack.run(REGISTER, "orders")
    table = DeltaTable(location)
    table.alter.set_table_properties({"delta.logRetentionDuration": "interval 1 days"})
    table.alter.set_table_description("all orders")
    stack.run(REGISTER, "orders")
    assert stack.table("orders")["properties"]["delta.logRetentionDuration"] == "interval 1 days"
    assert stack.table("orders")["comment"] == "all orders"


def test_a_comment_that_the_log_says_is_gone_goes(stack: Stack) -> None:
    table = DeltaTable(stack.write("orders", {"id": [1]}))
    table.alter.set_table_description("all orders")
    stack.run(REGISTER, "orders")
    assert stack.table("orders")["comment"] == "all orders"
    table.alter.set_table_description("")
    stack.run(REGISTER, "orders")
    assert not stack.table("orders").get("comment")


def test_two_tables_share_a_schema_that_has_properties(stack: Stack) -> None:
    properties = {"lakefs.tpch.commit_id": "abc"}
    body = {"name": stack.schema, "catalog_name": "main", "properties": properties}
    stack.request("POST", "/schemas", json=body)
    for name in ("orders", "line_item"):
        stack.write(name, {"id": [1]})
        stack.run(REGISTER, name)
    assert stack.tables() == ["line_item", "orders"]
    assert stack.request("GET", f"/schemas/main.{stack.schema}")["properties"] == properties


def test_a_schema_that_the_registration_makes_says_so(stack: Stack) -> None:
    stack.write("orders", {"id": [1]})
    stack.run(REGISTER, "orders")
    made = stack.request("GET", f"/schemas/main.{stack.schema}")
    assert made["properties"] == {"lakefs.created_by": "lakefs-unity-export", "lakefs.tpch.branch": stack.schema}


def test_a_name_in_upper_case_finds_the_table_again(stack: Stack) -> None:
    stack.write("orders", {"id": [1]})
    stack.run(REGISTER, "orders")
    other = stack.write("moved", {"id": [1]})
    upper = {"table": f"`MAIN`.`{stack.schema.upper()}`.`ORDERS`", "schema": f"`MAIN`.`{stack.schema.upper()}`"}
    stack.run(REGISTER, "orders", **upper)
    with pytest.raises(WarehouseError, match="is taken"):
        stack.run(REGISTER, "orders", **upper, target_path=other)
    assert stack.tables() == ["orders"]


def test_a_missing_catalog_is_named(stack: Stack) -> None:
    stack.write("orders", {"id": [1]})
    with pytest.raises(WarehouseError, match="The catalog `nowhere` does not exist") as refused:
        stack.run(REGISTER, "orders", table="`nowhere`.`s`.`orders`", schema="`nowhere`.`s`")
    assert refused.value.error_class == "NO_SUCH_CATALOG_EXCEPTION"


def test_a_location_without_a_delta_table_is_an_error_that_registers_nothing(stack: Stack) -> None:
    with pytest.raises(WarehouseError, match="is not a Delta table") as refused:
        stack.run(REGISTER, "orders")
    assert stack.location("orders").removeprefix("file://") in refused.value.message
    assert stack.schema not in stack.schemas()
