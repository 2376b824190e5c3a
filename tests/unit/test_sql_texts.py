"""What both SQL files check stands in each, since a SQL file cannot include another: held equal here."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

SQL_FOLDER = Path(__file__).parents[2] / "src" / "sql"
SHARED = {
    "the name's shape": r"WHEN :table RLIKE (r'\S+')",
    "the location's shape": r"(WHEN :target_path RLIKE .*?END;)",
    "one spelling of a location": r"(SET VARIABLE export_place = .*?;)",
    "what is ours": r"(count_if\(\(upper\(table_type\) .*?= 0 THEN)",
    "where the name is looked up": r"(FROM system\.information_schema\.tables.*?`', 6\)\))",
    "whose clone it is": r"(count_if\(origin.*?= export_branch)",
}


@pytest.mark.parametrize("pattern", SHARED.values(), ids=SHARED.keys())
def test_both_files_check_alike(pattern: str) -> None:
    found = {
        match
        for name in ("register_table.sql", "unregister_table.sql")
        for match in re.findall(pattern, (SQL_FOLDER / name).read_text(), re.DOTALL) or [f"nothing in {name}"]
    }
    assert len(found) == 1, found
