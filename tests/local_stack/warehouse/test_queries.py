"""Statements on a warehouse with Spark: names resolved through Unity Catalog, variables, errors, concurrency."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from local_warehouse import Passage, drop

from local_stack.unity_catalog import UnityCatalogServer
from local_stack.warehouse import StatementResult, Warehouse, WarehouseError
from local_stack.warehouse.limits import Limits

pytestmark = pytest.mark.spark
pytest_plugins = ["local_warehouse"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("warehouse_queries")


@pytest.fixture(scope="module")
def warehouse(folder: Path, unity_catalog: UnityCatalogServer, local_warehouse: Warehouse) -> Iterator[Warehouse]:
    request(unity_catalog, "POST", "/catalogs", json={"name": "main"})
    for schema, offset in (("feature-x", 0), ("other", 10)):
        local_warehouse.execute(f"CREATE SCHEMA main.`{schema}`", {})
        write(folder, schema, "orders", {"id": [offset + 1, offset + 2], "customer": ["ann", "bob"]})
        write(folder, schema, "items", {"order_id": [offset + 1, offset + 1], "price": [1.5, 2.5]})
        for table in ("orders", "items"):
            local_warehouse.execute(registration(folder, schema, table), {})
    yield local_warehouse
    drop(unity_catalog, "/catalogs/main")


@pytest.fixture
def second_catalog(warehouse: Warehouse, unity_catalog: UnityCatalogServer) -> Iterator[str]:
    """A catalog with a schema of the same name."""
    request(unity_catalog, "POST", "/catalogs", json={"name": SECOND})
    warehouse.execute(f"CREATE SCHEMA {SECOND}.{SECOND}", {})
    yield SECOND
    drop(unity_catalog, f"/catalogs/{SECOND}")


def location(folder: Path, schema: str, table: str) -> str:
    return f"file://{folder}/tables/{schema}/{table}"


def write(folder: Path, schema: str, table: str, rows: dict[str, list[Any]], **options: Any) -> None:
    write_deltalake(
        location(folder, schema, table), pa.table(rows), mode="overwrite", schema_mode="overwrite", **options
    )


def registration(folder: Path, schema: str, table: str) -> str:
    return f"CREATE TABLE main.`{schema}`.{table} USING DELTA LOCATION '{location(folder, schema, table)}'"


def request(server: UnityCatalogServer, method: str, path: str, **content: Any) -> Any:
    headers = {"Authorization": f"Bearer {server.token}"}
    answer = httpx.request(method, f"{server.url}/api/2.1/unity-catalog{path}", headers=headers, **content)
    answer.raise_for_status()
    return answer.json()


def rows(results: list[StatementResult]) -> list[tuple[str | None, ...]]:
    return list(results[-1].rows)


S, SECOND = "main.`feature-x`", "second"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (f"SELECT customer FROM {S}.orders WHERE id = 1", [("ann",)]),
        (f"SELECT orders.customer FROM {S}.orders WHERE orders.id = 1", [("ann",)]),
        (f"SELECT `feature-x`.orders.customer FROM {S}.orders WHERE {S}.orders.id = 1", [("ann",)]),
        (f"SELECT {S}.orders.* FROM {S}.orders WHERE id = 1", [("1", "ann")]),
        (f"SELECT o.customer FROM {S}.orders o WHERE o.id = 1", [("ann",)]),
        (f"SELECT o.a FROM {S}.orders AS o (i, a) WHERE i = 1", [("ann",)]),
        ("SELECT CUSTOMER FROM MAIN.`Feature-X`.Orders WHERE ID = 1", [("ann",)]),
        (
            f"SELECT orders.customer, sum(items.price) FROM {S}.orders JOIN {S}.items ON orders.id = items.order_id "
            "GROUP BY orders.customer",
            [("ann", "4.0")],
        ),
        (f"SELECT * FROM {S}.orders LEFT ANTI JOIN {S}.items ON id = order_id", [("2", "bob")]),
        (
            f"SELECT `feature-x`.orders.id, other.orders.id FROM {S}.orders JOIN main.other.orders "
            "ON `feature-x`.orders.customer = other.orders.customer ORDER BY 1",
            [("1", "11"), ("2", "12")],
        ),
        (f"SELECT a.id FROM {S}.orders a JOIN {S}.orders b ON a.id < b.id", [("1",)]),
        ("WITH orders AS (SELECT 7 AS id) SELECT id FROM orders", [("7",)]),
        (f"WITH q AS (SELECT id FROM {S}.orders), r AS (SELECT max(id) m FROM q) SELECT m FROM r", [("2",)]),
        (
            f"WITH q AS (WITH q AS (SELECT 5 AS x) SELECT x FROM q) SELECT x FROM q, {S}.orders WHERE orders.id = 1",
            [("5",)],
        ),
        (f"SELECT id FROM {S}.orders WHERE id IN (SELECT order_id FROM {S}.items)", [("1",)]),
        (f"SELECT id FROM {S}.orders o WHERE NOT EXISTS (SELECT 1 FROM {S}.items WHERE order_id = o.id)", [("2",)]),
        (f"SELECT (SELECT max(price) FROM {S}.items) AS top", [("2.5",)]),
        (f"SELECT count(*) FROM (SELECT id FROM {S}.orders UNION ALL SELECT id FROM main.other.orders) u", [("4",)]),
        (f"SELECT x FROM {S}.orders LATERAL VIEW explode(array(id)) e AS x ORDER BY x LIMIT 1", [("1",)]),
        (f"SELECT t.m FROM {S}.orders, LATERAL (SELECT max(price) m FROM {S}.items WHERE order_id = id) t", None),
        (f"TABLE {S}.orders", [("1", "ann"), ("2", "bob")]),
        (f"SELECT count(*) FROM {S}.orders VERSION AS OF 0", [("2",)]),
        (f"SELECT orders.id FROM {S}.orders VERSION AS OF 0 WHERE id = 1", [("1",)]),
        (f"SELECT o.id FROM {S}.orders FOR VERSION AS OF 0 AS o WHERE id = 1", [("1",)]),
        (f"SELECT orders.id FROM {S}.orders TABLESAMPLE (100 PERCENT) WHERE id = 1", [("1",)]),
        (f"SELECT orders.id FROM {S}.orders VERSION AS OF 0 TABLESAMPLE (5 ROWS) WHERE id = 1", [("1",)]),
        (f"SELECT * FROM {S}.orders PIVOT (max(id) FOR customer IN ('ann'))", [("1",)]),
        (f"FROM {S}.orders SELECT id WHERE id = 2", [("2",)]),
        (f"FROM {S}.orders |> WHERE orders.id = 2 |> SELECT id", [("2",)]),
        (f"SELECT 'main.other.orders', '😀' FROM {S}.orders WHERE id = 1", [("main.other.orders", "😀")]),
        (f"SELECT id /* FROM main.none.t */ FROM {S}.orders -- main.none.t\n WHERE id = 1", [("1",)]),
        ("VALUES (1, 'a')", [("1", "a")]),
        ("SELECT count(*) FROM range(3)", [("3",)]),
    ],
)
def test_queries_read_tables_by_their_names(
    warehouse: Warehouse, sql: str, expected: list[tuple[str, ...]] | None
) -> None:
    found = rows(warehouse.execute(sql, {}))
    assert sorted(found) == expected if expected is not None else len(found) > 0


def test_short_names_are_completed_by_the_session(warehouse: Warehouse) -> None:
    assert rows(warehouse.execute("SELECT count(*) FROM orders", {}, catalog="main", schema="feature-x")) == [("2",)]
    assert rows(warehouse.execute("SELECT max(id) FROM other.orders", {}, catalog="main")) == [("12",)]
    used = "USE CATALOG main; USE SCHEMA `feature-x`; SELECT max(id) FROM orders; USE other; SELECT max(id) FROM orders"
    results = warehouse.execute(used, {})
    assert [result.rows for result in results if result.rows] == [(("2",),), (("12",),)]
    assert rows(warehouse.execute("USE main.other; SELECT max(orders.id) FROM orders", {})) == [("12",)]


def test_a_session_is_fresh(warehouse: Warehouse) -> None:
    warehouse.execute("USE main.other; DECLARE VARIABLE x INT DEFAULT 1; CREATE TEMPORARY VIEW v AS SELECT 1", {})
    for sql, error_class in (
        ("SELECT * FROM orders", "NO_CURRENT_CATALOG"),
        ("SELECT x", "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION"),
        ("SELECT * FROM v", "NO_CURRENT_CATALOG"),
    ):
        with pytest.raises(WarehouseError) as refused:
            warehouse.execute(sql, {})
        assert refused.value.error_class == error_class


def test_temporary_views_go_before_tables(warehouse: Warehouse) -> None:
    sql = f"CREATE TEMPORARY VIEW orders AS SELECT count(*) AS n FROM {S}.orders; SELECT n FROM orders"
    assert rows(warehouse.execute(sql, {}, catalog="main", schema="feature-x")) == [("2",)]


def test_parameters_are_text_and_never_sql(warehouse: Warehouse) -> None:
    evil = "1' OR '1' = '1'; DROP TABLE main.other.orders --"
    assert rows(warehouse.execute("SELECT :a AS a, :b AS b", {"a": evil, "b": None, "c": "unused"})) == [(evil, None)]
    name = {"name": f"{S}.orders"}
    assert rows(warehouse.execute("SELECT count(*) FROM IDENTIFIER(:name)", name)) == [("2",)]
    assert rows(warehouse.execute("SELECT count(*) FROM IDENTIFIER('main.' || :s || '.items')", {"s": "other"})) == [
        ("2",)
    ]
    column = {"column": "customer"}
    assert rows(warehouse.execute(f"SELECT IDENTIFIER(:column) FROM {S}.orders WHERE id = 1", column)) == [("ann",)]


@pytest.mark.parametrize("name", ["main.other.orders; DROP TABLE main.other.orders", "main.other.orders o", "", None])
def test_an_identifier_is_a_name_only(warehouse: Warehouse, name: str | None) -> None:
    with pytest.raises(WarehouseError) as refused:
        warehouse.execute("DROP TABLE IDENTIFIER(:name)", {"name": name})
    assert refused.value.error_class == "PARSE_SYNTAX_ERROR"
    assert rows(warehouse.execute("SELECT count(*) FROM main.other.orders", {})) == [("2",)]


def test_variables_live_through_a_text(warehouse: Warehouse) -> None:
    sql = f"""
        DECLARE OR REPLACE VARIABLE top BIGINT;
        DECLARE OR REPLACE VARIABLE name STRING DEFAULT '{S}.orders';
        SET VARIABLE top = (SELECT max(id) FROM {S}.orders);
        SELECT top, count(*) FROM IDENTIFIER(name) WHERE id <= top
    """
    assert rows(warehouse.execute(sql, {})) == [("2", "2")]


def test_execute_immediate(warehouse: Warehouse) -> None:
    sql = f"""
        DECLARE query STRING DEFAULT 'SELECT max(id) FROM {S}.orders WHERE id < :below';
        DECLARE found BIGINT;
        EXECUTE IMMEDIATE query INTO found USING 2 AS below;
        EXECUTE IMMEDIATE 'SELECT found, :text' USING 'it''s' || ';' AS text
    """
    assert rows(warehouse.execute(sql, {})) == [("1", "its;")]


@pytest.mark.parametrize(
    ("sql", "error_class"),
    [
        ("EXECUTE IMMEDIATE 'EXECUTE IMMEDIATE \\'SELECT 1\\''", "NESTED_EXECUTE_IMMEDIATE"),
        ("EXECUTE IMMEDIATE NULL", "INVALID_EXECUTE_IMMEDIATE"),
        ("DECLARE x INT; EXECUTE IMMEDIATE 'SHOW CATALOGS' INTO x", "INVALID_STATEMENT_FOR_EXECUTE_INTO"),
        (
            "DECLARE x INT; EXECUTE IMMEDIATE 'SELECT * FROM VALUES (1), (2)' INTO x",
            "ROW_SUBQUERY_TOO_MANY_ROWS",
        ),
        ("EXECUTE IMMEDIATE 'SELECT :a'", "UNBOUND_SQL_PARAMETER"),
        ("EXECUTE IMMEDIATE 'SELECT ?' USING 1", "UNSUPPORTED_STATEMENT"),
        ("EXECUTE IMMEDIATE 'SELECT 1; SELECT 2'", "PARSE_SYNTAX_ERROR"),
    ],
)
def test_wrong_uses_of_execute_immediate(warehouse: Warehouse, sql: str, error_class: str) -> None:
    with pytest.raises(WarehouseError) as refused:
        warehouse.execute(sql, {})
    assert refused.value.error_class == error_class


@pytest.mark.parametrize(
    ("sql", "error_class", "message"),
    [
        (f"SELECT * FROM {S}.none", "TABLE_OR_VIEW_NOT_FOUND", "`main`.`feature-x`.`none` cannot be found"),
        ("SELECT * FROM a.b.c.d", "TABLE_OR_VIEW_NOT_FOUND", "cannot be found"),
        ("SELECT * FROM none.s.t", "TABLE_OR_VIEW_NOT_FOUND", "cannot be found"),
        ("SELECT * FROM orders", "NO_CURRENT_CATALOG", "USE CATALOG"),
        ("SELECT 1 +", "PARSE_SYNTAX_ERROR", "end of input"),
        ("SELECT 'a", "PARSE_SYNTAX_ERROR", "starts on line 1 has no end"),
        ("SELECT :a", "UNBOUND_SQL_PARAMETER", "No value is given for :a"),
        (f"SELECT nothing FROM {S}.orders", "UNRESOLVED_COLUMN.WITH_SUGGESTION", "nothing"),
        ("SELECT 1 / 0", "DIVIDE_BY_ZERO", "Division by zero"),
        ("SELECT raise_error('stop here')", "USER_RAISED_EXCEPTION", "stop here"),
        (f"INSERT INTO {S}.orders VALUES (3, 'c')", "UNSUPPORTED_STATEMENT", "support INSERT INTO. It reads"),
        (f"DELETE FROM {S}.orders", "UNSUPPORTED_STATEMENT", "DELETE FROM"),
        (f"UPDATE {S}.orders SET id = 0", "UNSUPPORTED_STATEMENT", "UPDATE"),
        (f"MERGE INTO {S}.orders USING {S}.items ON false WHEN MATCHED THEN DELETE", "UNSUPPORTED_STATEMENT", "MERGE"),
        (f"DROP VIEW {S}.v", "UNSUPPORTED_STATEMENT", "DROP VIEW"),
        (f"CREATE VIEW {S}.v AS SELECT 1", "UNSUPPORTED_STATEMENT", "CREATE VIEW"),
        (f"CREATE TABLE {S}.n AS SELECT 1", "UNSUPPORTED_STATEMENT", "CREATE TABLE"),
        (f"CREATE TABLE {S}.n (a INT) USING DELTA", "UNSUPPORTED_STATEMENT", "without LOCATION"),
        (f"CREATE TABLE {S}.n USING CSV LOCATION 's3://b'", "UNSUPPORTED_STATEMENT", "USING CSV"),
        (f"CREATE TABLE {S}.n (a INT) USING DELTA LOCATION 's3://b'", "UNSUPPORTED_STATEMENT", "a column list"),
        (f"CREATE TABLE {S}.orders USING DELTA LOCATION 's3://b'", "TABLE_OR_VIEW_ALREADY_EXISTS", "Cannot create"),
        ("CREATE TABLE main.none.n USING DELTA LOCATION 's3://b'", "SCHEMA_NOT_FOUND", "`main`.`none`"),
        ("CREATE TABLE none.s.n USING DELTA LOCATION 's3://b'", "NO_SUCH_CATALOG_EXCEPTION", "`none`"),
        ("CREATE SCHEMA none.s", "NO_SUCH_CATALOG_EXCEPTION", "`none`"),
        (f"CREATE SCHEMA {S}", "SCHEMA_ALREADY_EXISTS", "feature-x"),
        ("DROP SCHEMA main.none", "SCHEMA_NOT_FOUND", "`main`.`none`"),
        (f"DROP SCHEMA {S}", "SCHEMA_NOT_EMPTY", "it holds 2 tables"),
        (f"DROP TABLE {S}.none", "TABLE_OR_VIEW_NOT_FOUND", "`none`"),
        ("USE CATALOG none", "NO_SUCH_CATALOG_EXCEPTION", "`none`"),
        ("USE main.none", "SCHEMA_NOT_FOUND", "`none`"),
        ("SHOW TABLES IN main.none", "SCHEMA_NOT_FOUND", "`none`"),
        ("SHOW SCHEMAS IN none", "NO_SUCH_CATALOG_EXCEPTION", "`none`"),
        (f"REPAIR TABLE {S}.none SYNC METADATA", "TABLE_OR_VIEW_NOT_FOUND", "`none`"),
        (f"DESCRIBE HISTORY {S}.none", "TABLE_OR_VIEW_NOT_FOUND", "`none`"),
        (f"GRANT SELEKT ON {S}.orders TO x", "INVALID_PARAMETER_VALUE", "SELEKT"),
        ("SELECT * FROM main.information_schema.views", "TABLE_OR_VIEW_NOT_FOUND", "views"),
        ("SET spark.x = 1", "UNSUPPORTED_STATEMENT", "SET"),
    ],
)
def test_errors_say_what_is_wrong(warehouse: Warehouse, sql: str, error_class: str, message: str) -> None:
    with pytest.raises(WarehouseError) as refused:
        warehouse.execute(sql, {})
    assert refused.value.error_class == error_class
    assert message in refused.value.message
    assert "at org.apache" not in refused.value.message


def test_an_error_names_the_statement_and_those_before_it_keep_their_effect(warehouse: Warehouse) -> None:
    sql = "CREATE SCHEMA main.before_error;\n\n-- then\nSELECT 1 / 0;\nCREATE SCHEMA main.after_error"
    with pytest.raises(WarehouseError, match=r"Statement 2 of 3 \(line 4\)") as refused:
        warehouse.execute(sql, {})
    assert refused.value.statement_number == 2
    schemas = rows(warehouse.execute("SHOW SCHEMAS IN main LIKE '*error'", {}))
    assert schemas == [("before_error",)]


def test_describe_show_and_comment(warehouse: Warehouse) -> None:
    assert rows(warehouse.execute(f"DESCRIBE {S}.orders", {})) == [
        ("id", "bigint", None),
        ("customer", "string", None),
    ]
    warehouse.execute(f"COMMENT ON TABLE {S}.orders IS 'Ann\\'s and Bob\\\\'", {})
    details = {row[0]: row[1] for row in rows(warehouse.execute(f"DESCRIBE TABLE EXTENDED {S}.orders", {}))}
    assert details["Comment"] == "Ann's and Bob\\"
    assert (details["Catalog"], details["Database"], details["Type"]) == ("main", "feature-x", "EXTERNAL")
    history = warehouse.execute(f"DESCRIBE HISTORY {S}.orders LIMIT 1", {})[0]
    assert dict(zip([name for name, _ in history.columns], history.rows[0], strict=True))["version"] == "1"
    detail = warehouse.execute(f"DESCRIBE DETAIL {S}.orders", {})[0]
    assert dict(zip([name for name, _ in detail.columns], detail.rows[0], strict=True))["name"] == (
        "main.feature-x.orders"
    )
    shown = [row[1] for row in rows(warehouse.execute(f"SHOW TABLES IN {S} LIKE 'ord*'", {}))]
    assert shown == ["orders"]
    assert ("main",) in rows(warehouse.execute("SHOW CATALOGS", {}))
    assert ("delta.minReaderVersion", "1") in rows(warehouse.execute(f"SHOW TBLPROPERTIES {S}.orders", {}))


def test_a_query_reads_a_history_like_a_table(warehouse: Warehouse) -> None:
    described = rows(warehouse.execute(f"DESCRIBE TABLE EXTENDED {S}.orders", {}))
    location = next(row[1] for row in described if row[0] == "Location")
    for table in (f"{S}.orders", f"delta.`{location}`"):
        first = f"SELECT min(h.version) + min(o.id) FROM (DESCRIBE HISTORY {table}) AS h CROSS JOIN {S}.orders AS o"
        assert rows(warehouse.execute(first, {})) == [("1",)]
    with pytest.raises(WarehouseError, match="DELTA_TABLE_ONLY_OPERATION"):
        warehouse.execute(f"SELECT * FROM (DESCRIBE HISTORY delta.`{location}-none`)", {})
    with pytest.raises(WarehouseError, match="PARSE_SYNTAX_ERROR"):
        warehouse.execute(f"SELECT * FROM (DESCRIBE DETAIL {S}.orders)", {})


def test_schemas_have_properties_that_add_up(warehouse: Warehouse) -> None:
    warehouse.execute("CREATE SCHEMA IF NOT EXISTS main.props COMMENT 'c' WITH DBPROPERTIES ('a' = '1')", {})
    warehouse.execute("CREATE SCHEMA IF NOT EXISTS main.props COMMENT 'other'", {})
    warehouse.execute("ALTER SCHEMA main.props SET DBPROPERTIES ('b' = '2')", {})
    described = dict(rows(warehouse.execute("DESCRIBE SCHEMA EXTENDED main.props", {})))
    assert (described["Comment"], described["Properties"]) == ("c", "((a,1), (b,2))")
    warehouse.execute("DROP SCHEMA main.props; DROP SCHEMA IF EXISTS main.props", {})


def test_grants_come_and_go(warehouse: Warehouse) -> None:
    warehouse.execute(f"GRANT SELECT, MODIFY ON TABLE {S}.items TO `data eng`", {})
    warehouse.execute(f"REVOKE MODIFY ON {S}.items FROM `data eng`", {})
    expected = [("data eng", "SELECT", "TABLE", "main.feature-x.items")]
    assert rows(warehouse.execute(f"SHOW GRANTS ON TABLE {S}.items", {})) == expected
    assert rows(warehouse.execute(f"SHOW GRANTS nobody ON TABLE {S}.items", {})) == []
    assert rows(warehouse.execute(f"GRANT USE SCHEMA ON SCHEMA {S} TO x; SHOW GRANTS ON SCHEMA {S}", {})) == [
        ("x", "USE SCHEMA", "SCHEMA", "main.feature-x")
    ]


def test_information_schema_is_unity_catalog(warehouse: Warehouse, folder: Path) -> None:
    sql = (
        "SELECT tables.table_name, storage_path, table_type, created IS NOT NULL FROM {}.information_schema.tables "
        "WHERE table_catalog = 'main' AND table_schema = 'feature-x' ORDER BY 1"
    )
    expected = [(table, location(folder, "feature-x", table), "EXTERNAL", "true") for table in ("items", "orders")]
    assert rows(warehouse.execute(sql.format("main"), {})) == expected
    with pytest.raises(WarehouseError, match="catalog `nowhere` does not exist") as refused:
        warehouse.execute(sql.format("nowhere"), {})
    assert refused.value.error_class == "NO_SUCH_CATALOG_EXCEPTION"
    schemata = "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'fea%'"
    assert rows(warehouse.execute(schemata, {}, catalog="main")) == [("feature-x",)]
    columns = "SELECT column_name, data_type FROM main.information_schema.columns WHERE table_name = 'items'"
    assert set(rows(warehouse.execute(columns, {}))) == {("order_id", "LONG"), ("price", "DOUBLE")}


def test_information_schema_of_a_catalog_shows_no_other(warehouse: Warehouse, second_catalog: str) -> None:
    for relation, column in (("catalogs", "catalog_name"), ("schemata", "catalog_name"), ("tables", "table_catalog")):
        sql = f"SELECT DISTINCT {column} FROM {{}}.information_schema.{relation}"
        assert rows(warehouse.execute(sql.format("main"), {})) == [("main",)]
        of_second = [] if relation == "tables" else [(second_catalog,)]
        assert rows(warehouse.execute(sql.format(second_catalog), {})) == of_second


def test_information_schema_of_system_takes_a_grant_and_shows_every_catalog(
    warehouse: Warehouse, second_catalog: str
) -> None:
    sql = f"SELECT catalog_name FROM system.information_schema.schemata WHERE schema_name IN ('other', '{SECOND}')"
    with pytest.raises(WarehouseError, match="User does not have USE CATALOG on Catalog 'system'") as refused:
        warehouse.execute(sql, {})
    assert refused.value.error_class == "INSUFFICIENT_PERMISSIONS"
    warehouse.limits = Limits(refused_catalogs=())
    try:
        assert sorted(rows(warehouse.execute(sql, {}))) == [("main",), (second_catalog,)]
        tables = "SELECT count(*) FROM SYSTEM.information_schema.tables WHERE table_schema = 'feature-x'"
        assert rows(warehouse.execute(tables, {})) == [("2",)]
    finally:
        warehouse.limits = Limits()


def test_sync_on_a_server_that_cannot_change_tables_says_so(
    warehouse: Warehouse, folder: Path, passage: Passage, unity_catalog: UnityCatalogServer
) -> None:
    write(folder, "feature-x", "late", {"id": [1]})
    warehouse.execute(registration(folder, "feature-x", "late"), {})
    write(folder, "feature-x", "late", {"id": [1], "more": ["x"]})
    passage.without_table_updates = True
    try:
        for statement in (f"REPAIR TABLE {S}.late SYNC METADATA", f"COMMENT ON TABLE {S}.late IS 'x'"):
            with pytest.raises(WarehouseError, match="so it keeps showing late as it was registered") as refused:
                warehouse.execute(statement, {})
            assert refused.value.error_class == "UNITY_CATALOG_CANNOT_SYNC"
    finally:
        passage.without_table_updates = False
    table = request(unity_catalog, "GET", "/tables/main.feature-x.late")
    assert [column["name"] for column in table["columns"]] == ["id"]
    assert rows(warehouse.execute(f"SELECT more FROM {S}.late", {})) == [("x",)]
    warehouse.execute(f"DROP TABLE {S}.late", {})


def test_columns_of_all_kinds_reach_unity_catalog(
    warehouse: Warehouse, folder: Path, unity_catalog: UnityCatalogServer
) -> None:
    fields = [
        pa.field("i", pa.int32(), nullable=False),
        pa.field("d", pa.decimal128(10, 2)),
        pa.field("t", pa.timestamp("us", tz="UTC"), metadata={"comment": "when"}),
        pa.field("a", pa.list_(pa.string())),
        pa.field("s", pa.struct([pa.field("x", pa.int64())])),
        pa.field("p", pa.string()),
    ]
    empty = pa.table({field.name: pa.array([], field.type) for field in fields}, schema=pa.schema(fields))
    write_deltalake(location(folder, "feature-x", "kinds"), empty, partition_by=["p"])
    warehouse.execute(registration(folder, "feature-x", "kinds"), {})
    columns = request(unity_catalog, "GET", "/tables/main.feature-x.kinds")["columns"]
    assert [(column["name"], column["type_text"], column["type_name"]) for column in columns] == [
        ("i", "int", "INT"),
        ("d", "decimal(10,2)", "DECIMAL"),
        ("t", "timestamp", "TIMESTAMP"),
        ("a", "array<string>", "ARRAY"),
        ("s", "struct<x:bigint>", "STRUCT"),
        ("p", "string", "STRING"),
    ]
    assert (columns[0]["nullable"], columns[1]["type_scale"], columns[5]["partition_index"]) == (False, 2, 0)
    warehouse.execute(f"DROP TABLE {S}.kinds", {})


def test_results_are_text(warehouse: Warehouse) -> None:
    sql = (
        "SELECT CAST(NULL AS INT) AS n, 1.50 AS d, true AS b, array(1, 2) AS a, named_struct('x', 1) AS s, "
        "X'1F' AS y, TIMESTAMP '2020-01-02 03:04:05' AS t, DATE '2020-01-02' AS day, 1 AS a"
    )
    result = warehouse.execute(sql, {})[0]
    assert result.rows == (
        (None, "1.50", "true", "[1,2]", '{"x":1}', "Hw==", "2020-01-02 03:04:05", "2020-01-02", "1"),
    )
    assert [name for name, _ in result.columns] == ["n", "d", "b", "a", "s", "y", "t", "day", "a"]
    assert (result.columns[3], result.truncated) == (("a", "array<int>"), False)


def test_a_long_result_is_cut_off_and_says_so(warehouse: Warehouse) -> None:
    result = warehouse.execute("SELECT id FROM range(100001)", {})[0]
    assert (len(result.rows), result.truncated) == (100_000, True)


def test_calls_at_the_same_time_do_not_mix(warehouse: Warehouse) -> None:
    def count(number: int) -> list[tuple[str | None, ...]]:
        sql = f"DECLARE x INT; SET VARIABLE x = {number}; USE main.other; SELECT x, count(*) FROM orders"
        return rows(warehouse.execute(sql, {}))

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(count, range(12))) == [[(str(number), "2")] for number in range(12)]


def test_warming_leaves_unity_catalog_as_it_is(warehouse: Warehouse, unity_catalog: UnityCatalogServer) -> None:
    def everything() -> list[Any]:
        schemas = request(unity_catalog, "GET", "/schemas?catalog_name=main")["schemas"]
        queries = [f"/tables?catalog_name=main&schema_name={schema['name']}" for schema in schemas]
        return [schemas, *(request(unity_catalog, "GET", query) for query in queries)]

    before = everything()
    warehouse.warm()
    warehouse.warm()
    assert everything() == before


def test_nothing_to_run_is_no_error(warehouse: Warehouse) -> None:
    assert warehouse.execute(" ; -- nothing\n", {}) == []


def test_variables_leave_the_configuration_of_queries_alone(warehouse: Warehouse) -> None:
    query = f"EXPLAIN SELECT customer, count(*) FROM {S}.orders GROUP BY customer"
    sql = f"DECLARE x STRING; SET VARIABLE x = '{S}.orders'; SELECT count(*) FROM IDENTIFIER(x); {query}"
    plan = str(rows(warehouse.execute(sql, {}))[0][0])
    assert "AdaptiveSparkPlan" in plan
    assert ", 2), ENSURE_REQUIREMENTS" in plan
