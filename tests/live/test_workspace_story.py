"""From commits in lakeFS to tables in Unity Catalog, on a real workspace. The chapters follow one another."""

import pytest
from live_story import FirstExport, Live

from lakefs_unity_export.names import same_location

pytestmark = [pytest.mark.live, pytest.mark.timeout(3600)]

TABLES = {"orders", "line_item", "nation"}


def test_the_first_commit_exports_every_table(live: Live, first_export: FirstExport) -> None:
    run = first_export.run
    assert (run.state, run.cloned) == ("SUCCESS", TABLES), run.text
    assert live.exports.watermark() == first_export.commit_id


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_table_is_external_at_its_own_location(name: str, live: Live, first_export: FirstExport) -> None:
    table = live.exports.table(name)
    # Unity Catalog lists some clones by a type of their own, EXTERNAL_SHALLOW_CLONE.
    assert (table.table_type.value if table.table_type else "").startswith("EXTERNAL")
    assert same_location(table.storage_location or "", live.exports.location_of(name)), table.storage_location


def test_a_table_names_its_commit(live: Live, first_export: FirstExport) -> None:
    properties = live.exports.table("nation").properties or {}
    assert properties.get("lakefs.repository") == live.repository.name
    assert properties.get("lakefs.commit_id") == first_export.commit_id


def test_a_commit_to_one_table_clones_only_that_one(live: Live, first_export: FirstExport) -> None:
    live.repository.write("orders", ["o3"])
    commit_id = live.repository.commit("Change orders")

    run = live.exports.run_of(commit_id)

    assert (run.state, run.cloned) == ("SUCCESS", {"orders"}), run.text
    assert live.exports.watermark() == commit_id
    assert (live.exports.table("orders").properties or {}).get("lakefs.commit_id") == commit_id


def test_an_empty_commit_clones_none(live: Live, first_export: FirstExport) -> None:
    commit_id = live.repository.commit("Change nothing")

    run = live.exports.run_of(commit_id)

    assert (run.state, run.cloned) == ("SUCCESS", set()), run.text
    assert live.exports.watermark() == commit_id


def test_a_warehouse_reads_the_rows(live: Live, first_export: FirstExport) -> None:
    if not live.checked.is_read_by_everybody:
        # Unity Catalog lends no credentials for lakeFS's gateway, where the files of a shallow clone are.
        pytest.skip(f"warehouses do not read a clone by {live.checked.method}; set LIVE_READERS=everybody")
    assert {name: live.exports.words(name) for name in TABLES} == live.repository.words


def test_a_classic_cluster_reads_the_rows(live: Live, first_export: FirstExport) -> None:
    try:
        from databricks.connect import DatabricksSession
    except ImportError:
        pytest.skip("databricks-connect is not installed; it needs an environment of its own, see CONTRIBUTING.md")
    if not live.settings.cluster_id:
        pytest.skip("no cluster to read rows on; set DATABRICKS_CLUSTER_ID")
    spark = DatabricksSession.builder.clusterId(live.settings.cluster_id).getOrCreate()

    rows = {
        name: sorted(row["word"] for row in spark.table(f"{live.exports.schema}.{name}").collect()) for name in TABLES
    }

    assert rows == live.repository.words
