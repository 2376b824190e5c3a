"""How much of a table's history, and of Unity Catalog, the SQL files read: counted inside the warehouse."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from local_warehouse import drop
from sql_files import REGISTER, UNREGISTER, Stack, served

from local_stack.unity_catalog import UnityCatalogServer
from local_stack.warehouse import session
from local_stack.warehouse.driver import WarehouseDriver
from local_stack.warehouse.limits import Limits
from local_stack.warehouse.tables import TableStatements

pytestmark = pytest.mark.spark
pytest_plugins = ["local_warehouse", "sql_files"]

NEWEST = 20


class WarehouseInside:
    """A warehouse in the process of the tests; a file that fails fails the test."""

    def __init__(self, driver: WarehouseDriver) -> None:
        self._driver = driver

    def execute(self, sql: str, parameters: Mapping[str, str | None]) -> list[str]:
        """The statements that were run."""
        answer = self._driver.execute(
            sql=sql, parameters=parameters, catalog=None, schema=None, limits=Limits().as_json()
        )
        assert "error" not in answer, answer["error"]
        return [result["statement"] for result in answer["results"]]


@dataclass
class Read:
    """What was read: relations of information_schema, and of each history that was described its versions."""

    relations: list[str] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)


@pytest.fixture(scope="module")
def services(
    spark: Any,
    unity_catalog: UnityCatalogServer,
    unity_catalog_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    driver = WarehouseDriver(spark, unity_catalog_url=unity_catalog.url, unity_catalog_token=unity_catalog.token)
    folder = tmp_path_factory.mktemp("exports")
    with served(WarehouseInside(driver), unity_catalog, unity_catalog_folder, folder) as found:
        yield found


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    found, history, look = Read(), TableStatements.history, session.information_schema

    def counted_history(*arguments: Any) -> Any:
        frame = history(*arguments)
        found.versions.append(frame.count())
        return frame

    def counted_look(*arguments: Any, **options: Any) -> Any:
        found.relations.append(arguments[3])
        return look(*arguments, **options)

    monkeypatch.setattr(TableStatements, "history", counted_history)
    monkeypatch.setattr(session, "information_schema", counted_look)
    return found


def add_versions(location: str, count: int) -> None:
    """Versions that somebody else wrote, with nothing in them, and a checkpoint as every writer leaves one."""
    log = Path(location.removeprefix("file://")) / "_delta_log"
    present = len(list(log.glob("*.json")))
    for version in range(present, present + count):
        commit = {"timestamp": version, "operation": "WRITE", "operationParameters": {}}
        (log / f"{version:020}.json").write_text(json.dumps({"commitInfo": commit}) + "\n")
    DeltaTable(location).create_checkpoint()


def test_a_registration_costs_the_same_after_a_thousand_versions(stack: Stack, read: Read) -> None:
    location = stack.write("orders", {"id": [1]})
    statements = [stack.run(REGISTER, "orders"), stack.run(REGISTER, "orders")]
    assert (read.versions, sorted(read.relations)) == ([1, 1], ["schemata", "schemata", "tables", "tables"])
    add_versions(location, 998)
    stack.write("orders", {"id": [1], "more": ["x"]})
    assert DeltaTable(location).version() == 999
    drop(stack.unity_catalog, f"/tables/main.{stack.schema}.orders")
    read.versions, read.relations = [], []
    assert [stack.run(REGISTER, "orders"), stack.run(REGISTER, "orders")] == statements
    assert (read.versions, sorted(read.relations)) == ([NEWEST, NEWEST], ["schemata", "schemata", "tables", "tables"])


def test_a_removal_costs_the_same_after_a_thousand_versions(stack: Stack, read: Read) -> None:
    location = stack.write("orders", {"id": [1]})
    stack.register("orders")
    stack.run(UNREGISTER, "orders")
    drop(stack.unity_catalog, f"/schemas/main.{stack.schema}")
    add_versions(location, 998)
    stack.write("orders", {"id": [1]})
    stack.register("orders")
    stack.run(UNREGISTER, "orders")
    assert (read.versions, read.relations) == ([1, NEWEST], ["tables", "tables"])
    assert stack.tables() == []


def test_a_clone_that_others_wrote_to_many_times_is_looked_for_in_all_versions(stack: Stack, read: Read) -> None:
    add_versions(stack.write("orders", {"id": [1]}), NEWEST)
    stack.run(REGISTER, "orders")
    assert stack.tables() == ["orders"]
    stack.run(UNREGISTER, "orders")
    assert stack.tables() == []
    assert read.versions == 2 * [NEWEST, NEWEST + 1]
