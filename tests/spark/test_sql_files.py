"""The SQL files of the bundle, run as they are on the local warehouse over the embedded Unity Catalog."""

import json
import re
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake
from local_warehouse import drop

from local_stack.unity_catalog import UnityCatalogServer
from local_stack.warehouse import StatementResult, Warehouse, WarehouseError
from local_stack.warehouse.tokens import split_statements

pytestmark = pytest.mark.spark
pytest_plugins = ["local_warehouse"]

SQL_FOLDER = Path(__file__).parents[2] / "src" / "sql"
REGISTER = (SQL_FOLDER / "register_table.sql").read_text()
UNREGISTER = (SQL_FOLDER / "unregister_table.sql").read_text()


def new_schema() -> str:
    return f"feature-{uuid.uuid4().hex[:8]}"


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A warehouse over a Unity Catalog with the catalog `main`, and a schema's name that no other test has."""

    warehouse: Warehouse
    unity_catalog: UnityCatalogServer
    unity_catalog_file: Path
    folder: Path
    schema: str = field(default_factory=new_schema)

    def location(self, name: str) -> str:
        return f"file://{self.folder}/{self.schema}/{name}"

    def write(self, name: str, rows: dict[str, list[Any]], *, origin: dict[str, str] | None = None) -> str:
        """Write a clone's Delta table, or its next version, and return its location."""
        ours = {"lakefs.repository": "tpch", "lakefs.branch": self.schema, "lakefs.commit_generation": "7"}
        origin = origin if origin is not None else {**ours, "lakefs.line": "1002"}
        metadata = CommitProperties(custom_metadata={"userMetadata": json.dumps(origin)} if origin else None)
        write_deltalake(
            self.location(name),
            pa.table(rows),
            mode="overwrite",
            schema_mode="overwrite",
            commit_properties=metadata,
        )
        return self.location(name)

    def request(self, method: str, path: str, **content: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.unity_catalog.token}"}
        url = f"{self.unity_catalog.url}/api/2.1/unity-catalog{path}"
        response = httpx.request(method, url, headers=headers, **content)
        response.raise_for_status()
        return response.json()

    def table(self, name: str) -> dict[str, Any]:
        return dict(self.request("GET", f"/tables/main.{self.schema}.{name}"))

    def tables(self) -> list[str]:
        query = {"catalog_name": "main", "schema_name": self.schema}
        return [table["name"] for table in self.request("GET", "/tables", params=query)["tables"]]

    def schemas(self) -> list[str]:
        found = self.request("GET", "/schemas", params={"catalog_name": "main"})["schemas"]
        return [schema["name"] for schema in found]

    def register(self, name: str) -> None:
        """Register a clone as the file does, as far as its removal is concerned, and at once."""
        self.take_name(name, "EXTERNAL", storage_location=self.location(name))

    def take_name(self, name: str, table_type: str, **more: Any) -> dict[str, Any]:
        """Put something else under a table's name: what no request can create is made of an external table."""
        is_view = table_type == "VIEW"
        body = {"name": name, "catalog_name": "main", "schema_name": self.schema, "columns": []}
        kind = {"table_type": table_type} if is_view else {"table_type": "EXTERNAL", "data_source_format": "DELTA"}
        place = {} if is_view else {"storage_location": f"s3://bucket/{self.schema}/{name}"}
        self.request("POST", "/schemas", json={"name": self.schema, "catalog_name": "main"})
        self.request("POST", "/tables", json=body | kind | place | more)
        if not is_view:
            self.rewrite(name, "json_set(body, '$.table_type', ?)", table_type)
        if table_type == "MANAGED" and not more:
            self.rewrite(name, "json_remove(body, ?)", "$.storage_location")
        return self.table(name)

    def update(self, name: str, *updates: dict[str, Any]) -> None:
        """Change a table in Unity Catalog alone."""
        asserted = {"type": "assert-table-uuid", "uuid": self.table(name)["table_id"]}
        path = f"/delta/v1/catalogs/main/schemas/{self.schema}/tables/{name}"
        self.request("POST", path, json={"requirements": [asserted], "updates": list(updates)})

    def rewrite(self, name: str, expression: str, value: str) -> None:
        """Change what the server keeps of a table, as another server might keep it."""
        with closing(sqlite3.connect(self.unity_catalog_file)) as connection, connection:
            update = f"UPDATE securables SET body = {expression} WHERE kind = 'table' AND full_name = ?"
            connection.execute(update, (value, f"main.{self.schema}.{name}"))

    def run(self, sql: str, name: str, **changed: str | None) -> list[StatementResult]:
        """Run a file with the parameters that the job gives it, some of them changed."""
        parameters = {
            "table": f"`main`.`{self.schema}`.`{name}`",
            "schema": f"`main`.`{self.schema}`",
            "target_path": self.location(name),
            "repository": "tpch",
            "branch": self.schema,
            "line": "1002",
            "commit_generation": "7",
        }
        return self.warehouse.execute(sql, parameters | changed)


@pytest.fixture(scope="module")
def services(
    local_warehouse: Warehouse,
    unity_catalog: UnityCatalogServer,
    unity_catalog_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    found = Stack(
        warehouse=local_warehouse,
        unity_catalog=unity_catalog,
        unity_catalog_file=unity_catalog_folder / "unity_catalog.sqlite",
        folder=tmp_path_factory.mktemp("exports"),
    )
    found.request("POST", "/catalogs", json={"name": "main"})
    yield found
    drop(unity_catalog, "/catalogs/main")


@pytest.fixture
def stack(services: Stack) -> Iterator[Stack]:
    """Schemas of tests before would be read by each look at the information schema."""
    found = replace(services, schema=new_schema())
    yield found
    if found.schema in found.schemas():
        drop(found.unity_catalog, f"/schemas/main.{found.schema}")


def columns(table: dict[str, Any]) -> list[tuple[str, str]]:
    return [(column["name"], column["type_text"]) for column in table["columns"]]


# --- register -------------------------------------------------------------------------------------------------


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
    assert [result.rows for result in results if result.rows] == [(("The schema exists.",),)]
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


CASES = json.loads((Path(__file__).parents[2] / "fixtures" / "registered_table_cases.json").read_text())


def found_in(sql: str, pattern: str) -> str:
    match = re.search(pattern, sql, re.DOTALL)
    assert match is not None, pattern
    return match[1]


def test_a_registered_table_is_ours_or_not_as_python_decides(stack: Stack) -> None:
    """Of one file: a unit test holds the other to the same text."""
    place = found_in(REGISTER, r"SET VARIABLE (export_place = .*?);")
    is_ours = found_in(REGISTER, r"(count_if\(\(upper\(table_type\).*?= 0) THEN")
    sql = (
        "DECLARE OR REPLACE VARIABLE export_location STRING; SET VARIABLE export_location = :target_path;"
        f"DECLARE OR REPLACE VARIABLE export_place STRING; SET VARIABLE {place};"
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


@pytest.mark.parametrize(
    ("table_type", "more"),
    [
        ("EXTERNAL", {"storage_location": "s3://bucket/{schema}/theirs"}),
        ("EXTERNAL_SHALLOW_CLONE", {"storage_location": "s3://bucket/{schema}/theirs"}),
        ("MANAGED", {}),
        *((kind, {"storage_location": "{location}"}) for kind in ("MANAGED", "MANAGED_SHALLOW_CLONE", "FOREIGN")),
        ("VIEW", {"view_definition": "SELECT 1"}),
    ],
)
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


def test_a_location_that_another_name_has_is_an_error(stack: Stack) -> None:
    stack.write("orders", {"id": [1]})
    stack.run(REGISTER, "orders")
    with pytest.raises(WarehouseError, match="LOCATION_OVERLAP"):
        stack.run(REGISTER, "other", target_path=stack.location("orders"))
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


FOREIGN = [
    {},
    {"lakefs.repository": "tpch"},
    {"lakefs.repository": "tpch", "lakefs.branch": "another"},
    {"lakefs.repository": "another", "lakefs.branch": "{schema}"},
]


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


def test_a_name_in_upper_case_finds_the_table_again(stack: Stack) -> None:
    stack.write("orders", {"id": [1]})
    stack.run(REGISTER, "orders")
    other = stack.write("moved", {"id": [1]})
    upper = {"table": f"`MAIN`.`{stack.schema.upper()}`.`ORDERS`", "schema": f"`MAIN`.`{stack.schema.upper()}`"}
    stack.run(REGISTER, "orders", **upper)
    with pytest.raises(WarehouseError, match="is taken"):
        stack.run(REGISTER, "orders", **upper, target_path=other)
    assert stack.tables() == ["orders"]


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


def test_a_schema_that_the_registration_makes_says_so(stack: Stack) -> None:
    stack.write("orders", {"id": [1]})
    stack.run(REGISTER, "orders")
    made = stack.request("GET", f"/schemas/main.{stack.schema}")
    assert made["properties"] == {"lakefs.created_by": "lakefs-unity-export", "lakefs.tpch.branch": stack.schema}


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
    with pytest.raises(WarehouseError, match="is taken by another table or view"):
        stack.run(register, "orders", target_path=stack.write("moved", {"id": [1]}))
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


# --- unregister -----------------------------------------------------------------------------------------------


def test_our_registration_is_dropped_and_files_stay(stack: Stack) -> None:
    location = stack.write("orders", {"id": [1, 2]})
    stack.run(REGISTER, "orders")
    stack.run(UNREGISTER, "orders")
    assert stack.tables() == []
    assert DeltaTable(location).to_pyarrow_table().num_rows == 2


def test_a_name_in_upper_case_is_dropped_too(stack: Stack) -> None:
    stack.write("orders", {"id": [1]})
    stack.run(REGISTER, "orders")
    stack.run(UNREGISTER, "orders", table=f"`MAIN`.`{stack.schema.upper()}`.`ORDERS`")
    assert stack.tables() == []


def test_a_name_that_is_not_registered_is_said_and_no_error(stack: Stack) -> None:
    stack.write("orders", {"id": [1]})
    stack.run(REGISTER, "orders")
    result = stack.run(UNREGISTER, "gone")[-1]
    assert result.rows == ((f"`main`.`{stack.schema}`.`gone` is not registered; nothing to do.",),)
    assert stack.tables() == ["orders"]
    stack.run(UNREGISTER, "gone", table="`nowhere`.`s`.`gone`")


@pytest.mark.parametrize(
    ("table_type", "more"),
    [
        ("EXTERNAL", {"storage_location": "s3://bucket/{schema}/theirs"}),
        ("EXTERNAL_SHALLOW_CLONE", {"storage_location": "s3://bucket/{schema}/theirs"}),
        ("MANAGED", {}),
        *((kind, {"storage_location": "{location}"}) for kind in ("MANAGED", "MANAGED_SHALLOW_CLONE", "FOREIGN")),
        ("VIEW", {"view_definition": "SELECT 1"}),
    ],
)
def test_what_is_not_ours_is_not_dropped(stack: Stack, table_type: str, more: dict[str, str]) -> None:
    taken = stack.take_name(
        "orders",
        table_type,
        **{key: text.format(schema=stack.schema, location=stack.location("orders")) for key, text in more.items()},
    )
    with pytest.raises(WarehouseError, match="belongs to another table or view") as refused:
        stack.run(UNREGISTER, "orders")
    assert f"`main`.`{stack.schema}`.`orders`" in refused.value.message
    assert stack.table("orders") == taken


@pytest.mark.parametrize("changed", [{"repository": "another"}, {"branch": "another"}, {"branch": None}])
def test_a_clone_of_another_branch_is_passed_over(stack: Stack, changed: dict[str, str | None]) -> None:
    stack.write("orders", {"id": [1]})
    stack.register("orders")
    result = stack.run(UNREGISTER, "orders", **changed)[-1]
    assert result.rows == ((f"`main`.`{stack.schema}`.`orders` is no clone of this branch; it is left as it is.",),)
    assert stack.tables() == ["orders"]


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
