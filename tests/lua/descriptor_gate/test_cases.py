"""The gate in Lua and the one in Python, held to the same cases."""

import json
from typing import Any

import pytest
from gate_repository import FOLDER, ROOT, GateRepository, comparable

pytestmark = pytest.mark.lua

CASES = json.loads((ROOT / "fixtures/descriptor_cases.json").read_text())["cases"]


def unexplained(lines: list[str], problems: list[dict[str, str]]) -> list[str]:
    """The lines that are none of the problems. Fails where a problem is missing."""
    left = list(lines)
    for problem in problems:
        start = ": ".join(part for part in (problem["file"], problem["field"]) if part)
        said = [line for line in left if line.startswith(f"{start}: ") and problem["says"] in line]
        assert said, (problem, lines)
        left.remove(said[0])
    return left


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_files_of_a_case_have_its_problems_and_no_others(case: dict[str, Any]) -> None:
    repository = GateRepository()
    repository.stage({path: content.encode() for path, content in case["files"].items()})
    folder, table_defs = case.get("folder", FOLDER), case.get("table_defs", [])
    in_lua = repository.in_lua(descriptor_folder=folder, table_defs=table_defs)
    in_python = repository.in_python(folder=folder, table_defs=tuple(table_defs))
    assert unexplained(in_lua, case.get("lua", case)["problems"]) == []
    assert unexplained(in_python, case["problems"]) == []
    assert (comparable(in_lua) == comparable(in_python)) == ("lua" not in case)


def test_a_case_in_which_lua_differs_says_why() -> None:
    assert all(case["lua"]["because"] for case in CASES if "lua" in case)
