"""Parameters of the SQL files: what would break out of the text of a statement is refused before anything happens."""

import json

import pytest
from sql_files import REGISTER, UNREGISTER, Stack

from local_stack.warehouse import WarehouseError

pytestmark = pytest.mark.spark
pytest_plugins = ["local_warehouse", "sql_files"]

INJECTIONS = [
    {"table": "`main`.`{schema}`.`a` USING DELTA LOCATION 's3://x'; DROP TABLE `main`.`{schema}`.`orders`"},
    {"table": "`main`.`{schema}`.`a``b`"},
    {"table": "`main`.`{schema}`.`a'b`"},
    {"table": '`main`.`{schema}`.`a"b`'},
    {"table": "`main`.`{schema}`.`a\\b`"},
    {"table": "`main`.`{schema}`.`a\nb`"},
    {"table": "`main`.`{schema}`.``"},
    {"table": "`main`.`{schema}`.`orders`\n"},
    {"table": "main.{schema}.orders"},
    {"table": "`main`.`other`.`orders`"},
    {"table": "`main`.`{schema}`"},
    {"table": ""},
    {"table": None},
    {"schema": "`main`.`{schema}` COMMENT 'x'"},
    {"schema": "`main`"},
    {"schema": "`main`.`{schema}`.`x`"},
    {"schema": None},
    {"target_path": "{location}' TBLPROPERTIES ('a' = 'b"},
    {"target_path": "{location}`"},
    {"target_path": '{location}"x'},
    {"target_path": "{location}\\"},
    {"target_path": "{location}\n"},
    {"target_path": "{location}/"},
    {"target_path": "/no/scheme"},
    {"target_path": "s3:"},
    {"target_path": None},
    {"repository": "tpch' = 'x', 'a"},
    {"repository": "tpch\\"},
    {"repository": None},
    {"branch": "main', 'a' = 'b"},
    {"branch": "main\n"},
    {"branch": None},
    {"line": "1 OR 1"},
    {"line": "-1"},
    {"line": None},
    {"commit_generation": "7)"},
    {"commit_generation": ""},
    {"commit_generation": None},
]


@pytest.mark.parametrize("injection", INJECTIONS, ids=[json.dumps(injection) for injection in INJECTIONS])
def test_values_that_would_break_out_are_refused_before_anything_happens(
    stack: Stack, injection: dict[str, str | None]
) -> None:
    location = stack.write("orders", {"id": [1]})
    changed = {
        name: value and value.format(schema=stack.schema, location=location) for name, value in injection.items()
    }
    with pytest.raises(WarehouseError, match="The parameter") as refused:
        stack.run(REGISTER, "orders", **changed)
    assert refused.value.error_class == "USER_RAISED_EXCEPTION"
    assert any(f"The parameter {name} is not" in refused.value.message for name in (*changed, "table"))
    assert stack.schema not in stack.schemas()


@pytest.mark.parametrize("name", ["a$b", "ä😀", "a;b", "a--b", "a*b", "a|b", ":table", "a%b", "a{b}"])
def test_odd_names_are_only_names(stack: Stack, name: str) -> None:
    location = stack.write("plain", {"id": [1]})
    stack.run(REGISTER, name, target_path=location)
    assert stack.tables() == [name]


@pytest.mark.parametrize(
    "injection",
    [change for change in INJECTIONS if change.keys() <= {"table", "target_path"} and "`other`" not in str(change)],
)
def test_values_that_would_break_out_drop_nothing(stack: Stack, injection: dict[str, str | None]) -> None:
    location = stack.write("orders", {"id": [1]})
    stack.register("orders")
    changed = {
        name: value and value.format(schema=stack.schema, location=location) for name, value in injection.items()
    }
    with pytest.raises(WarehouseError, match="The parameter"):
        stack.run(UNREGISTER, "orders", **changed)
    assert stack.tables() == ["orders"]
