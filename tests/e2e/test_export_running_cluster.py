"""The override that clones on a running cluster, deployed and run."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from bundle_commands import BundleCommands
from deployed_exports import ALL_DONE, Exports
from table_repository import TableRepository

from local_stack.demo.deployment import CHECKOUT

pytestmark = pytest.mark.e2e

OVERRIDE = CHECKOUT / "docs" / "overrides" / "running_cluster.yml"
EXAMPLE_CLUSTER = "0123-456789-abcdefgh"


def test_tables_are_cloned_on_a_running_cluster(
    exports: Exports, repository: TableRepository, bundle: BundleCommands, tmp_path: Path
) -> None:
    (cluster,) = exports.client.clusters.list()
    folder = shutil.copytree(bundle.folder, tmp_path / "checkout", ignore=shutil.ignore_patterns(".databricks"))
    text = OVERRIDE.read_text()
    assert EXAMPLE_CLUSTER in text
    (folder / "resources" / OVERRIDE.name).write_text(text.replace(EXAMPLE_CLUSTER, str(cluster.cluster_id)))
    environment = {**bundle.environment, "BUNDLE_VAR_node_type_id": "local"}
    running = replace(bundle, folder=folder, environment=environment)
    running("deploy", "--target", "running_cluster")
    summary = json.loads(running("summary", "--target", "running_cluster", "--output", "json"))
    job = exports.with_job(int(summary["resources"]["jobs"]["export_tables"]["id"]))
    repository.add("orders", ["o1"])
    head = repository.commit()

    run = job.run(repository)

    assert (run.state, run.tasks) == ("SUCCESS", ALL_DONE), run.text
    shown = job.client.jobs.get_run(run.run_id)
    (clone,) = [task for task in shown.tasks or [] if task.task_key == "clone_tables"]
    assert clone.for_each_task is not None
    assert clone.for_each_task.task.existing_cluster_id == cluster.cluster_id
    assert exports.words(repository.branch, "orders") == ["o1"]
    assert exports.watermark(repository) == head
    running("destroy", "--target", "running_cluster", "--auto-approve")
