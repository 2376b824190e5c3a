"""Benchmarks without Spark run as they are, at their smallest: a change of what they measure is a change of theirs.

Their counts are the product's: calls and bytes are held here, seconds nowhere.
"""

from pathlib import Path

import figures
import finding_changes
import hook_worker
import many_tables
import pytest
import reconcile_calls
import suite
import webhook
from finding_changes import OURS, WHOLE_100, WHOLE_1000, Case
from results import read_result


def test_finding_changes_asks_once_where_a_page_holds_the_difference() -> None:
    cases = (Case(tables=20, objects=100), Case(tables=20, objects=30, layout="nested"))
    result = finding_changes.measure(cases, rounds=1)
    calls = {(row["layout"], row["way"]): row["calls"] for row in result.rows}
    assert (calls["flat", OURS], calls["flat", WHOLE_1000], calls["flat", WHOLE_100]) == (1, 1, 2)
    assert calls["nested", OURS] == 1


def test_a_list_task_reads_what_a_commit_holds_and_leaves_small_items() -> None:
    result = many_tables.measure(tables=3, rounds=1)
    rows = {row["list task"]: row for row in result.rows}
    assert rows.keys() == {"imports alone", "page 1", "one table changed"}
    assert (rows["page 1"]["tables"], rows["one table changed"]["tables"]) == (3, 1)
    assert rows["page 1"]["bytes a table"] <= 609
    assert rows["imports alone"]["lakeFS calls"] == 0 < rows["one table changed"]["lakeFS calls"]
    assert rows["page 1"]["ratio"] < 1.3
    assert figures.lines({result.name: result})


def test_a_reconcile_makes_as_many_calls_for_three_branches_as_for_one() -> None:
    result = reconcile_calls.measure([1, 3])
    counted = [{name: value for name, value in row.items() if name.endswith("calls")} for row in result.rows]
    assert counted[0] == counted[2]
    assert counted[1] == counted[3] == {**counted[0], "jobs calls": counted[0]["jobs calls"] + 1}
    assert figures.lines({result.name: result})


def test_the_lua_hook_is_measured_beside_the_request_that_it_is_there_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook_worker, "SLOW_SECONDS", 0.1)
    result = hook_worker.measure(runs=2, slow_runs=1)
    assert [row["what"] for row in result.rows if row["ratio"] == 1] == ["bare request"] * 2
    assert figures.lines({result.name: result})


def test_the_webhook_is_measured_without_the_gate_also_where_a_lakefs_server_is_configured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LAKECTL_SERVER_ENDPOINT_URL", "https://lakefs.example.com")
    with webhook.started("workspace") as workspace, webhook.webhook_for(workspace) as server:
        load = webhook.send(server, [webhook.event(1), webhook.event(1)])
        assert (load.statuses, workspace.count()["runs"]) == ({200: 2}, 1)


def test_the_suite_measures_in_a_process_of_its_own_and_keeps_the_result(tmp_path: Path) -> None:
    (benchmark,) = [each for each in suite.BENCHMARKS if each.module == "reconcile_calls"]
    result = read_result(suite.measure_apart(benchmark, is_full=False, folder=tmp_path))
    assert [row["branches"] for row in result.rows] == [1, 1, 10, 10]
    assert result.made["command"] == "python benchmarks/suite.py reconcile_calls"
    assert result.made["sizes"] == {"branches": [1, 10]}
