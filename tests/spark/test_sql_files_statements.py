"""The SQL files as stories, each of which fails where a single statement is left out."""

import pytest
from sql_files import REGISTER, UNREGISTER, Stack, columns

from local_stack.warehouse import WarehouseError
from local_stack.warehouse.tokens import split_statements

pytestmark = pytest.mark.spark
pytest_plugins = ["local_warehouse", "sql_files"]


def registration_story(stack: Stack, register: str) -> None:
    """What an installation sees over time: exports, a schema change, failed clones, a name that somebody else took."""
    stack.write("orders", {"id": [1]})
    stack.run(register, "orders")
    stack.write("orders", {"id": [1], "price": [1.5]})
    stack.run(register, "orders")
    assert columns(stack.table("orders")) == [("id", "bigint"), ("price", "double")]
    for later in ({"line": "1003"}, {"commit_generation": "8"}):
        with pytest.raises(WarehouseError, match="is one of an older commit"):
            stack.run(register, "orders", **later)
    moved = f"{stack.base}/moved"
    stack.write("orders", {"id": [1]}, base=moved)
    with pytest.raises(WarehouseError, match="is taken by another table or view"):
        stack.run(register, "orders", target_base_location=moved)
    stack.write("moved", {"id": [1]})
    stack.run(register, "moved")
    stack.write("foreign", {"id": [1]}, origin={})
    with pytest.raises(WarehouseError, match="is not a clone of branch"):
        stack.run(register, "foreign")
    assert stack.tables() == ["moved", "orders"]


def test_the_story_of_a_registration(stack: Stack) -> None:
    registration_story(stack, REGISTER)


def without(sql: str, number: int) -> str:
    statements = split_statements(sql)
    return ";\n".join(statement.text for statement in statements[:number] + statements[number + 1 :])


@pytest.mark.parametrize("number", range(len(split_statements(REGISTER))))
def test_no_statement_of_the_registration_can_be_left_out(stack: Stack, number: int) -> None:
    with pytest.raises((WarehouseError, AssertionError, pytest.fail.Exception)):
        registration_story(stack, without(REGISTER, number))


def removal_story(stack: Stack, unregister: str) -> None:
    """Dropping what is ours, twice."""
    stack.run(unregister, "orders")
    stack.run(unregister, "orders")
    assert stack.tables() == []


@pytest.mark.parametrize("number", range(len(split_statements(UNREGISTER))))
def test_no_statement_of_the_removal_can_be_left_out(stack: Stack, number: int) -> None:
    stack.write("orders", {"id": [1]})
    stack.register("orders")
    with pytest.raises((WarehouseError, AssertionError)):
        removal_story(stack, without(UNREGISTER, number))
    assert stack.tables() == ["orders"]


def test_the_story_of_a_removal(stack: Stack) -> None:
    stack.write("orders", {"id": [1]})
    stack.run(REGISTER, "orders")
    removal_story(stack, UNREGISTER)
