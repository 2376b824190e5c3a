"""The model of a workspace: its parts add up, its choices order as they should, and it says how it knows what."""

from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from assumptions import Kind, Workspace
from hypothesis import given
from hypothesis import strategies as st
from model import DAY, HOUR, Compute, Load, Snapshot, costs, outcome, play, start_seconds
from results import Result

from lakefs_unity_export.export.pages import cut_page
from lakefs_unity_export.export.plan import Item

# One commit a day, and a workspace whose numbers can be added up in the head.
ALONE = Load(commits_an_hour=1e-9, tables=10, all_tables=100)
PLAIN = Workspace(
    serverless_start=10,
    job_cluster_start=100,
    pool_start=30,
    warehouse_start=5,
    warehouse_stop=600,
    iteration_start=1,
    list_seconds=2,
    record_seconds=3,
    clone_seconds=3,
    register_seconds=1,
    clone_concurrency=5,
    register_concurrency=10,
    tables_a_run=50,
    instance_price=36,
    node_dbus=2,
    jobs_price=18,
    all_purpose_price=1,
    serverless_price=36,
    serverless_dbus=10,
    warehouse_price=9,
    warehouse_dbus=4,
)
OFTEN = Load(commits_an_hour=20)


def a_result(rows: list[dict[str, Any]]) -> Result:
    """A result with these rows."""
    return Result(name="any", title="Any", against="nothing", rows=tuple(rows), surroundings={})


def test_one_commit_takes_the_sum_of_its_parts() -> None:
    (run,) = play(ALONE, Compute.JOB_CLUSTER, Snapshot.COMMIT, PLAIN)
    assert run.listed == 10 + 2
    # Ten tables in two turns of five, each 1 + 3 seconds, once the cluster is up.
    assert run.cloned == run.listed + 100 + 2 * 4
    # The warehouse starts, and takes all ten in one turn.
    assert run.visible == run.cloned + 5 + 2
    assert run.end == run.visible + 10 + 3
    assert outcome(ALONE, Compute.JOB_CLUSTER, Snapshot.COMMIT, PLAIN).median_latency == run.visible


def test_one_commit_costs_the_sum_of_its_parts() -> None:
    runs = play(ALONE, Compute.JOB_CLUSTER, Snapshot.COMMIT, PLAIN)
    found = costs(runs, Compute.JOB_CLUSTER, PLAIN)
    # 108 seconds of an instance at a cent a second, and DBUs for the 8 seconds in which it works: 2 x 18 $ an hour.
    assert found["cluster"] == pytest.approx(1.08 + 0.08)
    # 5 seconds of tasks at 10 x 36 $ an hour.
    assert found["serverless tasks"] == pytest.approx(0.5)
    # From its start until ten minutes after its last statement, at 4 x 9 $ an hour.
    assert found["warehouse"] == pytest.approx((5 + 2 + 600) * 0.01)


def test_a_running_cluster_and_a_pool_cost_all_day_whatever_they_do() -> None:
    assert costs([], Compute.RUNNING, PLAIN)["cluster"] == pytest.approx(24 * (36 + 2 * 1))
    assert costs([], Compute.POOL, PLAIN)["cluster"] == pytest.approx(24 * 36)
    assert costs([], Compute.JOB_CLUSTER, PLAIN)["cluster"] == 0


def test_what_does_not_fit_into_one_run_comes_in_further_runs_of_which_the_last_shows_the_commit() -> None:
    runs = play(Load(commits_an_hour=1e-9, tables=100, all_tables=100), Compute.POOL, Snapshot.COMMIT, PLAIN)
    assert [len(run.commits) for run in runs] == [0, 1]
    assert runs[1].begin == runs[0].end
    # The warehouse is warm from the page before.
    assert runs[1].visible - runs[1].cloned == runs[0].visible - runs[0].cloned - PLAIN.warehouse_start


def test_runs_go_one_after_another() -> None:
    for snapshot in Snapshot:
        runs = play(OFTEN, Compute.POOL, snapshot, Workspace())
        assert all(before.end <= after.begin for before, after in pairwise(runs))


@given(commits=st.sampled_from([0.5, 3.0, 30.0]), tables=st.integers(1, 200))
def test_every_commit_is_shown_once_and_none_before_it_is_made(commits: float, tables: int) -> None:
    load = Load(commits_an_hour=commits, tables=tables)
    for snapshot in Snapshot:
        runs = play(load, Compute.RUNNING, snapshot, Workspace())
        assert [commit for run in runs for commit in run.commits] == load.commits()
        assert all(commit < run.visible for run in runs for commit in run.commits)


def test_latest_keeps_up_where_a_run_for_each_commit_falls_behind() -> None:
    by_commit, latest = (outcome(OFTEN, Compute.JOB_CLUSTER, each, Workspace()) for each in Snapshot)
    assert by_commit.is_behind
    assert not latest.is_behind
    assert latest.idle_runs > 0 == by_commit.idle_runs
    assert latest.dollars_a_day < by_commit.dollars_a_day


def test_the_faster_the_compute_the_more_it_costs_where_little_is_committed() -> None:
    found = [outcome(Load(commits_an_hour=1), compute, Snapshot.COMMIT, Workspace()) for compute in Compute]
    assert sorted(found, key=lambda each: each.dollars_a_day) == found
    assert sorted(found, key=lambda each: each.median_latency, reverse=True) == found


@pytest.mark.parametrize("name", [name for name in Workspace().values() if "price" in name or "dbus" in name])
def test_no_price_that_rises_makes_a_day_cheaper(name: str) -> None:
    dearer = Workspace().changed({name: Workspace().values()[name] + 1})
    changes = [
        outcome(OFTEN, compute, Snapshot.LATEST, dearer).dollars_a_day
        - outcome(OFTEN, compute, Snapshot.LATEST, Workspace()).dollars_a_day
        for compute in Compute
    ]
    assert min(changes) >= 0
    assert max(changes) > 0


def test_a_day_has_the_commits_that_are_asked_for_and_the_same_each_time() -> None:
    commits = OFTEN.commits()
    assert commits == OFTEN.commits() == sorted(commits)
    assert len(commits) == pytest.approx(20 * DAY / HOUR, rel=0.1)
    assert commits[-1] < DAY


def test_commits_together_change_no_more_tables_than_there_are() -> None:
    load = Load(commits_an_hour=1, tables=10, all_tables=100)
    assert [load.changed_by(commits) for commits in (0, 1, 2, 10_000)] == [0, 10, 19, 100]


def test_what_a_running_cluster_starts_in_is_nothing() -> None:
    assert [start_seconds(compute, PLAIN) for compute in Compute] == [100, 30, 0]


def test_each_constant_says_how_it_is_known() -> None:
    for each in fields(Workspace):
        assert each.metadata["kind"] in Kind, each.name
        assert each.metadata["unit"], each.name
        assert len(each.metadata["source"]) > 20, each.name
    documented = [each.metadata["source"] for each in fields(Workspace) if each.metadata["kind"] is Kind.DOCUMENTED]
    assert all("docs.databricks.com" in source or "databricks.yml" in source for source in documented)


def test_as_many_tables_are_done_at_a_time_as_the_bundle_has_it() -> None:
    variables = yaml.safe_load((Path(__file__).parents[3] / "databricks.yml").read_text())["variables"]
    for name in ("clone_concurrency", "register_concurrency"):
        assert Workspace().values()[name] == variables[name]["default"]


def test_what_was_measured_takes_the_place_of_what_is_given() -> None:
    tasks = ("list_changed_tables", "record_export", "clone_tables, one table", "register_tables, one table")
    rows = [{"task": task, "when": when, "seconds": 7.0} for task in tasks for when in ("first", "again")]
    rows[1]["seconds"] = 0.5  # of list_changed_tables again, without the imports of a task that starts anew
    imports = [{"entry point": name, "import seconds": 2.0} for name in ("list_changed_tables", "record_export")]
    results = {
        "whole_export": a_result(rows),
        "cold_starts": a_result(imports),
        "many_tables": a_result([{"tables": 600}, {"tables": 10}]),
    }
    found = Workspace().measured(results)
    assert (found.list_seconds, found.record_seconds) == (2.5, 9)
    assert (found.clone_seconds, found.register_seconds, found.tables_a_run) == (7, 7, 600)
    measured = {each.name for each in fields(Workspace) if each.metadata["kind"] is Kind.MEASURED}
    assert {name for name, value in found.values().items() if value != Workspace().values()[name]} == measured


def test_as_many_tables_fit_into_a_run_as_many_tables_lists_on_a_page() -> None:
    tables = [(f"`main`.`main`.`sales_of_the_store_{number:05}`", number) for number in range(1000)]
    items = [Item(table=name, path=f"tables/sales_of_the_store_{number:05}") for name, number in tables]
    assert Workspace().tables_a_run == len(cut_page(items, [], after="").items)


def test_without_results_the_model_has_what_it_was_given() -> None:
    assert Workspace().measured({}) == Workspace()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"clone_secnds": 1}, "there is no constant clone_secnds; there are: serverless_start,"),
        ({"clone_seconds": -1}, "clone_seconds is to be a number from 0 on, not -1"),
        ({"jobs_price": float("nan")}, "jobs_price is to be a number from 0 on, not nan"),
        ({"clone_concurrency": 0}, "clone_concurrency is to be a number from 1 on, not 0"),
        ({"tables_a_run": 0.5}, "tables_a_run is to be a number from 1 on, not 0.5"),
    ],
)
def test_a_constant_that_cannot_be_is_refused(values: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        Workspace().changed(values)


@pytest.mark.parametrize(
    ("commits", "tables", "said"),
    [
        (0, 10, "0 commits an hour export nothing"),
        (float("inf"), 10, "inf commits an hour"),
        (1, 0, "a commit changes 1 to 1000 tables, the repository's, not 0"),
        (1, 1001, "a commit changes 1 to 1000 tables, the repository's, not 1001"),
    ],
)
def test_a_load_that_cannot_be_is_refused(commits: float, tables: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Load(commits_an_hour=commits, tables=tables)
