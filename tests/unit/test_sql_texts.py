"""What both SQL files check stands in each, held equal here.

A SQL file cannot include another. One file for both tasks would leave it to a parameter whether a table is dropped, and
would ask each task for the parameters of the other: a marker without a value is an error, and an item of `removed` has
neither a line nor a generation. A function that both could call would be one more thing to install in the catalog.
"""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

SQL_FOLDER = Path(__file__).parents[2] / "src" / "sql"
FILES = ("register_table.sql", "unregister_table.sql")
SHARED = {
    "the name's shape": r":table RLIKE (r'[^']+')",
    "the location's shape": r"(WHEN \(:target_path RLIKE .*?)(?=WHEN|ELSE)",
    "one spelling of a location": r"(SET VARIABLE \(export_location, export_place\) = .*?'file:/'\)\))",
    "what is ours": r"(count_if\(\(upper\(table_type\) .*?= 0 THEN)",
    "where the name is looked up": r"(FROM IDENTIFIER\(\S+ \|\| split_part\(:table.*?;)",
    "whose clone it is": r"(count_if\(origin.*?\|\| :branch)",
    "where its history is": r"('SELECT from_json.*?\(DESCRIBE HISTORY ')",
    "how many versions are read at first": r"( LIMIT \d+\)\))",
}


@pytest.mark.parametrize("pattern", SHARED.values(), ids=SHARED.keys())
def test_both_files_check_alike(pattern: str) -> None:
    found = {
        match
        for name in FILES
        for match in re.findall(pattern, (SQL_FOLDER / name).read_text(), re.DOTALL) or [f"nothing in {name}"]
    }
    assert len(found) == 1, found


@pytest.mark.parametrize("name", FILES)
def test_a_location_in_unity_catalog_is_only_looked_at_for_what_is_ours(name: str) -> None:
    sql = (SQL_FOLDER / name).read_text()
    rest = re.sub(SHARED["what is ours"], "", sql, flags=re.DOTALL)
    assert re.findall(r".*storage_path.*", rest) == re.findall(r".*'no location'.*", sql)


@pytest.mark.parametrize("name", FILES)
def test_both_locations_that_are_compared_are_spelled_alike(name: str) -> None:
    sql = re.sub(r"\s+", " ", (SQL_FOLDER / name).read_text())
    spelled = re.findall(r"trim\(TRAILING '/' FROM .*?'file:/'\)\)", sql)
    assert len(spelled) == 2
    assert len({re.sub("storage_path", "location", each) for each in spelled}) == 1, spelled
