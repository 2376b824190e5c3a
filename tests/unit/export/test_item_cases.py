"""Where a table comes from and goes to, by the item of its run: the cases that the SQL files are held to as well."""

import json
from pathlib import Path
from typing import Any

import pytest
from nested_tasks import clone_request, parameters_of, target_path

from lakefs_unity_export import names
from lakefs_unity_export.clones.methods import CloneMethod, split_method
from lakefs_unity_export.export.plan import Item

pytestmark = pytest.mark.unit

FOUND = json.loads((Path(__file__).parents[3] / "fixtures/item_cases.json").read_text())
CASES = [FOUND["run"] | case for case in FOUND["cases"]]
for_each_case = pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])


def _values(case: dict[str, Any]) -> dict[str, Any]:
    """The task values of the case's run."""
    of_run = {name: case[name] for name in ("commit_id", "target_base_location")}
    return {**of_run, "method": FOUND["run"]["method"], "commit_generation": 3, "line": 1002}


@for_each_case
def test_the_notebook_finds_the_table_by_its_item_and_the_run(case: dict[str, Any]) -> None:
    item = {"table": case["table"], "path": case["path"]}
    job_parameters = {"repository": case["repository"], "branch": case["branch"], "commit_id": "", "clone_method": ""}
    request = clone_request(item, _values(case), job_parameters)
    assert (request.source_path, request.target_path) == (case["source_path"], case["target_path"])
    assert (request.commit_id, request.commit_generation, request.line) == (case["commit_id"], 3, 1002)
    assert request.method == case["method"]
    for task in ("register_table", "unregister_table"):
        assert target_path(parameters_of(task, item, _values(case), job_parameters)) == case["target_path"]


@for_each_case
def test_the_list_writes_such_an_item(case: dict[str, Any]) -> None:
    path, method = split_method(case["path"])
    item = Item(table=case["table"], path=path, method=CloneMethod(method) if method else None)
    assert item.as_json() == {"table": case["table"], "path": case["path"]}
    assert names.table_path(path) == path
    assert names.target_base(case["target_base_location"]) == case["target_base_location"]
    assert names.read_quoted(case["table"]).quoted == case["table"]
