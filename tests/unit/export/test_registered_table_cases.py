"""Which registered tables are ours: the cases that the SQL files are held to as well, decided in Python."""

import json
from pathlib import Path

import pytest

from lakefs_unity_export.export.plan import is_registered_at
from lakefs_unity_export.ports import RegisteredTable

pytestmark = pytest.mark.unit

FOUND = json.loads((Path(__file__).parents[3] / "fixtures/registered_table_cases.json").read_text())


@pytest.mark.parametrize("case", FOUND["cases"], ids=[case["why"] for case in FOUND["cases"]])
def test_a_registered_table_is_ours_or_not(case: dict[str, str | bool | None]) -> None:
    table = RegisteredTable(
        name="orders",
        table_type=str(case["table_type"] or ""),
        storage_location=str(case["storage_location"] or ""),
    )
    assert is_registered_at(table, str(case.get("target_path", FOUND["target_path"]))) is case["is_ours"]
