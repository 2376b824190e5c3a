"""Parameters of the SQL files: what would break out of the text of a statement is refused before anything happens."""

import json
import shutil

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
    {"table": "`main`.`{schema}`"},
    {"table": ""},
    {"table": None},
    {"target_base_location": "{base}' TBLPROPERTIES ('a' = 'b"},
    {"target_base_location": "{base}`"},
    {"target_base_location": '{base}"x'},
    {"target_base_location": "{base}\\"},
    {"target_base_location": "{base}\n"},
    {"target_base_location": "{base}/"},
    {"target_base_location": "/no/scheme"},
    {"target_base_location": "s3:"},
    {"target_base_location": "{{{{tasks.list_changed_tables.values.target_base_location}}}}"},
    {"target_base_location": ""},
    {"target_base_location": None},
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
    stack.write("orders", {"id": [1]})
    changed = {name: value and value.format(schema=stack.schema, base=stack.base) for name, value in injection.items()}
    with pytest.raises(WarehouseError, match="The parameter") as refused:
        stack.run(REGISTER, "orders", **changed)
    assert refused.value.error_class == "USER_RAISED_EXCEPTION"
    assert any(f"The parameter {name} is not" in refused.value.message for name in (*changed, "table"))
    assert stack.schema not in stack.schemas()


@pytest.mark.parametrize("name", ["a$b", "ä😀", "a;b", "a--b", "a*b", "a|b", ":table", "a%b", "a{b}"])
def test_odd_names_are_only_names(stack: Stack, name: str) -> None:
    stack.write("plain", {"id": [1]})
    clones = stack.folder / stack.schema
    shutil.copytree(clones / "plain", clones / name)
    stack.run(REGISTER, name)
    assert stack.tables() == [name]


@pytest.mark.parametrize(
    "injection",
    [change for change in INJECTIONS if change.keys() <= {"table", "target_base_location", "branch"}],
)
def test_values_that_would_break_out_drop_nothing(stack: Stack, injection: dict[str, str | None]) -> None:
    stack.write("orders", {"id": [1]})
    stack.register("orders")
    changed = {name: value and value.format(schema=stack.schema, base=stack.base) for name, value in injection.items()}
    with pytest.raises(WarehouseError, match="The parameter"):
        stack.run(UNREGISTER, "orders", **changed)
    assert stack.tables() == ["orders"]


@pytest.mark.parametrize("sql", [REGISTER, UNREGISTER], ids=["register", "unregister"])
@pytest.mark.parametrize("left", ["", "{{tasks.list_changed_tables.values.target_base_location}}"])
def test_a_run_that_another_version_began_ends_with_what_to_do(stack: Stack, sql: str, left: str) -> None:
    """An iteration is repaired after an upgrade: its list left no such value."""
    with pytest.raises(WarehouseError, match=r"target_base_location is not .*\. Start a new run of the job: one that"):
        stack.run(sql, "orders", target_base_location=left)


@pytest.mark.parametrize("sql", [REGISTER, UNREGISTER], ids=["register", "unregister"])
def test_a_run_with_the_settings_of_the_version_before_ends_with_the_name_of_what_it_lacks(
    stack: Stack, sql: str
) -> None:
    """Its settings are those of before, the file is of after an upgrade."""
    location = stack.write("orders", {"id": [1]})
    stack.register("orders")
    before = {"table": f"`main`.`{stack.schema}`.`orders`", "schema": f"`main`.`{stack.schema}`"}
    before |= {"target_path": location, "repository": "tpch", "branch": stack.schema}
    with pytest.raises(WarehouseError, match="No value is given for :target_base_location") as refused:
        stack.warehouse.execute(sql, {**before, "line": "1002", "commit_generation": "7"})
    assert refused.value.error_class == "UNBOUND_SQL_PARAMETER"
    assert stack.tables() == ["orders"]
