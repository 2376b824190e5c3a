"""What the removal of a registration does: unregister_table.sql on the local warehouse."""

import pytest
from deltalake import DeltaTable
from sql_files import REGISTER, UNREGISTER, Stack

from local_stack.warehouse import WarehouseError

pytestmark = pytest.mark.spark
pytest_plugins = ["local_warehouse", "sql_files"]


def test_our_registration_is_dropped_and_files_stay(stack: Stack) -> None:
    location = stack.write("orders", {"id": [1, 2]})
    stack.run(REGISTER, "orders")
    stack.run(UNREGISTER, "orders")
    assert stack.tables() == []
    assert DeltaTable(location).to_pyarrow_table().num_rows == 2


def test_a_name_in_upper_case_is_dropped_too(stack: Stack) -> None:
    """But for its last part: where the clone lies follows from that, letter by letter."""
    stack.write("orders", {"id": [1]})
    stack.run(REGISTER, "orders")
    stack.run(UNREGISTER, "orders", table=f"`MAIN`.`{stack.schema.upper()}`.`orders`")
    assert stack.tables() == []


def test_a_name_that_is_not_registered_is_said_and_no_error(stack: Stack) -> None:
    stack.write("orders", {"id": [1]})
    stack.run(REGISTER, "orders")
    result = stack.run(UNREGISTER, "gone")[-1]
    assert result.rows == ((f"`main`.`{stack.schema}`.`gone` is not registered, so there is nothing to do.",),)
    assert stack.tables() == ["orders"]


def test_a_catalog_that_is_gone_is_an_error_that_names_it(stack: Stack) -> None:
    with pytest.raises(WarehouseError, match="The catalog `nowhere` does not exist") as refused:
        stack.run(UNREGISTER, "gone", table="`nowhere`.`s`.`gone`")
    assert refused.value.error_class == "NO_SUCH_CATALOG_EXCEPTION"
