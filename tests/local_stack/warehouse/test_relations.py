"""The text of a query once its names are resolved, given where the names stand."""

import pytest

from local_stack.warehouse.relations import NamedColumn, NamedRelation, Names, qualified_names, with_readable_names
from local_stack.warehouse.tables import like
from local_stack.warehouse.tokens import parsed_name


def resolve(parts: tuple[str, ...]) -> tuple[tuple[str, ...], str] | None:
    """Tables of the catalog `c`, completed by the schema `s`; single names that start with `v` are views."""
    if len(parts) == 1 and parts[0].startswith("v"):
        return None
    full = ("c", "s", "t")[: 3 - len(parts)] + parts
    return full, f"<{'/'.join(full)}>"


def names(sql: str, *relations: tuple[str, bool], columns: tuple[str, ...] = ()) -> Names:
    """Names in the text by their first place from the left; the flag says whether an alias may be put there."""
    found, position = [], 0
    for text, takes_alias in relations:
        position = sql.index(text, position)
        end = position + len(text)
        place = NamedRelation(parts=parsed_name(text), start=position, end=end, alias_at=end if takes_alias else None)
        found.append(place)
        position = end
    qualified = [
        NamedColumn(parts=parsed_name(text), start=sql.index(text), end=sql.index(text) + len(text)) for text in columns
    ]
    return Names(relations=tuple(found), columns=tuple(qualified))


def test_a_relation_keeps_its_name_as_alias() -> None:
    sql = "SELECT t.x FROM c.`s-1`.t"
    assert with_readable_names(sql, names(sql, ("c.`s-1`.t", True)), resolve) == "SELECT t.x FROM <c/s-1/t> AS `t`"


def test_a_relation_with_an_alias_gets_no_second_one() -> None:
    sql = "SELECT u.x FROM c.s.t u"
    assert with_readable_names(sql, names(sql, ("c.s.t", False)), resolve) == "SELECT u.x FROM <c/s/t> u"


def test_short_names_are_completed_and_views_left() -> None:
    sql = "SELECT * FROM a JOIN v1 JOIN s2.b"
    found = with_readable_names(sql, names(sql, (" a ", True), ("v1", True), ("s2.b", True)), resolve)
    assert found == "SELECT * FROM<c/s/a> AS `a`JOIN v1 JOIN <c/s2/b> AS `b`"


def test_an_alias_can_stand_after_a_clause() -> None:
    sql = "SELECT * FROM c.s.t VERSION AS OF 1 WHERE x"
    relation = NamedRelation(
        parts=("c", "s", "t"), start=14, end=19, alias_at=len("SELECT * FROM c.s.t VERSION AS OF 1")
    )
    found = with_readable_names(sql, Names(relations=(relation,), columns=()), resolve)
    assert found == "SELECT * FROM <c/s/t> VERSION AS OF 1 AS `t` WHERE x"


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("c.s.t.x", "`t`.x"),
        ("s.t.x", "`t`.x"),
        ("C.S.T.`x y`", "`t`.`x y`"),
        ("c.s.t.x.field", "`t`.x.field"),
        ("c.s.t", "`t`"),
        ("other.x.y", "other.x.y"),
    ],
)
def test_qualified_columns_are_qualified_by_the_alias(column: str, expected: str) -> None:
    sql = f"SELECT {column} AS z FROM (c.s.t)"
    relation_at = sql.rindex("c.s.t")
    relation = NamedRelation(parts=("c", "s", "t"), start=relation_at, end=relation_at + 5, alias_at=relation_at + 5)
    columns = names(sql, columns=(column,)).columns
    found = with_readable_names(sql, Names(relations=(relation,), columns=columns), resolve)
    assert found == f"SELECT {expected} AS z FROM (<c/s/t> AS `t`)"


def test_tables_of_one_name_in_two_schemas_do_not_hide_each_other() -> None:
    sql = "SELECT a.t.x, b.t.y FROM c.a.t, c.b.t"
    found = with_readable_names(sql, names(sql, ("c.a.t", True), ("c.b.t", True), columns=("a.t.x", "b.t.y")), resolve)
    assert found == "SELECT `c.a.t`.x, `c.b.t`.y FROM <c/a/t> AS `c.a.t`, <c/b/t> AS `c.b.t`"


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT a.b.c, x FROM t", ["a.b.c"]),
        ("SELECT a.b.* FROM a.b", ["a.b.*"]),
        ("SELECT `a b` . c . `d.e`, f.g.h.i FROM t", ["`a b`", "f.g"]),
        ("SELECT a.b, t.* FROM c.d AS t", []),
        ("SELECT 1.5 * a.b * c.d", []),
        ("SELECT 'a.b.c' -- a.b.c", []),
    ],
)
def test_names_of_three_parts_are_found(sql: str, found: list[str]) -> None:
    assert qualified_names(sql) == {sql.index(text) for text in found}


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*", "orders", True),
        ("ord*", "orders", True),
        ("ORD*", "orders", True),
        ("line*|ord*", "orders", True),
        ("order", "orders", False),
        ("o.*", "orders", False),
    ],
)
def test_patterns_of_show_statements(pattern: str, name: str, expected: bool) -> None:
    assert like(pattern, name) is expected
