"""Statements that the warehouse reads itself."""

import pytest

from local_stack.warehouse.grammar import (
    ChangeGrants,
    DescribeDelta,
    ExecuteImmediate,
    RepairTable,
    ShowGrants,
    UseCatalog,
    described_histories,
    own_statement,
)
from local_stack.warehouse.tokens import SqlTextError

TABLE = ("main", "feature-x", "t")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("REPAIR TABLE main.`feature-x`.t SYNC METADATA", RepairTable(name=TABLE)),
        ("msck repair table t sync metadata", RepairTable(name=("t",))),
        ("USE CATALOG `main`", UseCatalog(name="main")),
        ("DESCRIBE HISTORY main.`feature-x`.t", DescribeDelta(what="HISTORY", name=TABLE, limit=None)),
        ("DESC HISTORY t LIMIT 3", DescribeDelta(what="HISTORY", name=("t",), limit=3)),
        ("DESCRIBE DETAIL t", DescribeDelta(what="DETAIL", name=("t",), limit=None)),
        ("SHOW GRANTS ON t", ShowGrants(securable_type="table", name=("t",), principal=None)),
        (
            "SHOW GRANTS `a b` ON SCHEMA main.`feature-x`",
            ShowGrants(securable_type="schema", name=("main", "feature-x"), principal="a b"),
        ),
        (
            "GRANT SELECT ON TABLE main.`feature-x`.t TO `a@example.com`",
            ChangeGrants(
                privileges=("SELECT",), securable_type="table", name=TABLE, principal="a@example.com", revoke=False
            ),
        ),
        (
            "GRANT USE SCHEMA, CREATE TABLE ON DATABASE main.s TO analysts",
            ChangeGrants(
                privileges=("USE_SCHEMA", "CREATE_TABLE"),
                securable_type="schema",
                name=("main", "s"),
                principal="analysts",
                revoke=False,
            ),
        ),
        (
            "REVOKE ALL PRIVILEGES ON CATALOG main FROM analysts",
            ChangeGrants(
                privileges=("ALL_PRIVILEGES",),
                securable_type="catalog",
                name=("main",),
                principal="analysts",
                revoke=True,
            ),
        ),
        (
            "GRANT CREATE EXTERNAL TABLE ON EXTERNAL LOCATION exports TO x",
            ChangeGrants(
                privileges=("CREATE_EXTERNAL_TABLE",),
                securable_type="external_location",
                name=("exports",),
                principal="x",
                revoke=False,
            ),
        ),
        ("EXECUTE IMMEDIATE command", ExecuteImmediate(statement="command", into=(), using=())),
        (
            "EXECUTE IMMEDIATE 'SELECT :a INTO' INTO x, y USING f(1, 2) AS a, b",
            ExecuteImmediate(statement="'SELECT :a INTO'", into=("x", "y"), using=(("a", "f(1, 2)"), (None, "b"))),
        ),
        (
            "EXECUTE IMMEDIATE q USING (5 AS first, arg2 second)",
            ExecuteImmediate(statement="q", into=(), using=(("first", "5"), ("second", "arg2"))),
        ),
    ],
)
def test_statements_are_read(sql: str, expected: object) -> None:
    assert own_statement(sql) == expected


@pytest.mark.parametrize(
    "sql", ["SELECT 1", "DESCRIBE t", "USE main.s", "SHOW TABLES", "WITH grant AS (SELECT 1) SELECT 1", "`GRANT` x", ""]
)
def test_other_statements_are_left_to_spark(sql: str) -> None:
    assert own_statement(sql) is None


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("REPAIR TABLE t", "with SYNC METADATA"),
        ("REPAIR TABLE t SYNC PARTITIONS", "with SYNC METADATA"),
        ("REPAIR TABLE t SYNC METADATA now", "the end of the statement is expected, but 'now'"),
        ("REPAIR TABLE IDENTIFIER(:t) SYNC METADATA", "EXECUTE IMMEDIATE"),
        ("GRANT SELECT ON IDENTIFIER(:t) TO x", "EXECUTE IMMEDIATE"),
        ("GRANT SELECT ON t", "TO is expected, but the end of the statement"),
        ("GRANT SELECT ON t TO 'x'", "a principal"),
        ("GRANT SELECT, ON t TO x", "A privilege is missing"),
        ("GRANT ON t TO x", "A privilege is missing"),
        ("GRANT SELECT TO x", "a privilege or ON is expected"),
        ("REVOKE SELECT ON t TO x", "FROM is expected, but 'TO'"),
        ("USE CATALOG a.b", "takes one name"),
        ("DESCRIBE HISTORY t LIMIT x", "a number is expected"),
        ("DESCRIBE DETAIL 'x'", "A name is expected"),
        ("EXECUTE IMMEDIATE", "an expression is expected"),
        ("EXECUTE IMMEDIATE q USING", "an expression is expected"),
    ],
)
def test_wrong_statements_are_explained(sql: str, message: str) -> None:
    with pytest.raises(SqlTextError, match=message):
        own_statement(sql)


def test_histories_that_a_query_reads_are_found() -> None:
    sql = "SELECT '(DESCRIBE HISTORY t)' FROM (DESCRIBE HISTORY delta.`s3://b/(t)` LIMIT 2) a, (desc history main.s.t)"
    found = described_histories(sql)
    assert [(sql[start:end], statement) for start, end, statement in found] == [
        (
            "(DESCRIBE HISTORY delta.`s3://b/(t)` LIMIT 2)",
            DescribeDelta(what="HISTORY", name=("delta", "s3://b/(t)"), limit=2),
        ),
        ("(desc history main.s.t)", DescribeDelta(what="HISTORY", name=("main", "s", "t"), limit=None)),
    ]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT 1 FROM (DESCRIBE HISTORY t WHERE version = 1)", "the end of the statement is expected"),
        ("SELECT 1 FROM (DESCRIBE HISTORY t", "has no closing bracket"),
    ],
)
def test_wrong_ways_to_read_a_history_are_said(sql: str, message: str) -> None:
    with pytest.raises(SqlTextError, match=message):
        described_histories(sql)
