"""The overrides in docs/overrides, each deployed as it stands there."""

from typing import Any

import pytest
from bundle_deployment import OVERRIDES, SETTINGS, Deployment, NewDeployment
from job_tasks import all_tasks, task_requirements
from recorded_workspace import RecordedWorkspace, Sent, deploy_recorded

pytestmark = pytest.mark.bundle

# Beside the wheel, which brings no other package with it.
NEEDED = [{"pypi": {"package": requirement}} for requirement in task_requirements()]


def deployed_with(name: str, deployment: Deployment, workspace: RecordedWorkspace) -> Sent:
    deployment.add_override(f"{name}.yml")
    deployment.run("bundle", "validate", "--strict", "-t", name)
    return deploy_recorded(deployment, workspace, name)


def tasks_by_key(job: dict[str, Any]) -> dict[str, Any]:
    return {task.key: task.settings for task in all_tasks(job)}


def test_every_override_has_a_test_and_says_how_to_use_it() -> None:
    names = {file.stem for file in OVERRIDES.glob("*.yml")}
    assert names == {
        "instance_pool",
        "private_network",
        "running_cluster",
        "several_repositories",
        "warehouse_by_name",
    }
    for name in names:
        text = (OVERRIDES / f"{name}.yml").read_text()
        assert f"databricks bundle deploy -t {name}\n" in text


def test_clones_run_on_a_running_cluster(deployment: Deployment, workspace: RecordedWorkspace) -> None:
    deployed = deployed_with("running_cluster", deployment, workspace)
    clone = tasks_by_key(deployed.job)["clone_table"]
    assert clone["existing_cluster_id"] == "0123-456789-abcdefgh"
    assert "job_cluster_key" not in clone
    assert clone["notebook_task"]["notebook_path"].endswith("/files/notebooks/clone_table")
    assert clone["libraries"][0]["whl"].endswith(".whl")
    assert clone["max_retries"] > 0
    for key in ("check_cluster", "check_cluster_again", "check_removal"):
        check = tasks_by_key(deployed.jobs["check_setup"])[key]
        assert check["existing_cluster_id"] == clone["existing_cluster_id"]
        assert "job_cluster_key" not in check


def test_clone_clusters_come_from_a_pool(deployment: Deployment, workspace: RecordedWorkspace) -> None:
    job = deployed_with("instance_pool", deployment, workspace).job
    (cluster,) = [each["new_cluster"] for each in job["job_clusters"]]
    assert cluster["instance_pool_id"] == cluster["driver_instance_pool_id"] == "0123-456789-pool1-pool-abcdefgh"
    assert "node_type_id" not in cluster
    assert "spark.hadoop.fs.s3a.bucket.example-repo.endpoint" in cluster["spark_conf"]
    assert tasks_by_key(job)["clone_table"]["job_cluster_key"] == "clone_cluster"


def test_wheel_tasks_run_on_the_cluster_in_a_private_network(
    deployment: Deployment, workspace: RecordedWorkspace
) -> None:
    deployed = deployed_with("private_network", deployment, workspace)
    tasks = tasks_by_key(deployed.job)
    for key in ("list_changed_tables", "record_export"):
        assert "environment_key" not in tasks[key]
        assert tasks[key]["job_cluster_key"] == "clone_cluster"
        assert tasks[key]["libraries"] == [*tasks["clone_table"]["libraries"], *NEEDED]
        assert tasks[key]["python_wheel_task"]["named_parameters"]
    (reconcile,) = all_tasks(deployed.jobs["reconcile"])
    (cluster,) = deployed.jobs["reconcile"]["job_clusters"]
    assert "environment_key" not in reconcile.settings
    assert reconcile.settings["job_cluster_key"] == cluster["job_cluster_key"]
    assert cluster["new_cluster"] == deployed.job["job_clusters"][0]["new_cluster"]
    assert reconcile.settings["libraries"] == [*tasks["clone_table"]["libraries"], *NEEDED]
    assert reconcile.parameters["export_job_id"]
    check = deployed.jobs["check_setup"]
    assert [each["new_cluster"] for each in check["job_clusters"]] == [cluster["new_cluster"]]
    # SQL runs on the warehouse.
    for task in (each for each in all_tasks(check) if "sql_task" not in each.settings):
        assert "environment_key" not in task.settings
        assert task.settings["job_cluster_key"] == check["job_clusters"][0]["job_cluster_key"]
        is_notebook = "notebook_task" in task.settings
        # The notebook needs the wheel alone.
        wanted = tasks["clone_table"] if is_notebook else reconcile.settings
        assert task.settings["libraries"] == wanted["libraries"]
        # It reads nothing but what the warehouse handed over.
        assert task.parameters or task.key == "check_serverless"


def test_the_blocks_of_two_repositories_reach_the_cluster(deployment: Deployment, workspace: RecordedWorkspace) -> None:
    job = deployed_with("several_repositories", deployment, workspace).job
    bucket = "spark.hadoop.fs.s3a.bucket"
    assert job["job_clusters"][0]["new_cluster"]["spark_conf"] == {
        "spark.databricks.cluster.profile": "singleNode",
        "spark.master": "local[*]",
        f"{bucket}.sales-lake.endpoint": "https://lakefs.example.com",
        f"{bucket}.sales-lake.endpoint.region": "us-east-1",
        f"{bucket}.sales-lake.path.style.access": "true",
        f"{bucket}.sales-lake.attempts.maximum": "3",
        f"{bucket}.sales-lake.retry.limit": "3",
        f"{bucket}.sales-lake.connection.establish.timeout": "5000",
        f"{bucket}.sales-lake.access.key": "{{secrets/lakefs/lakefs-access-key-id}}",
        f"{bucket}.sales-lake.secret.key": "{{secrets/lakefs/lakefs-secret-access-key}}",
        f"{bucket}.finance-lake.endpoint": "https://lakefs.example.com",
        f"{bucket}.finance-lake.endpoint.region": "us-east-1",
        f"{bucket}.finance-lake.path.style.access": "true",
        f"{bucket}.finance-lake.attempts.maximum": "3",
        f"{bucket}.finance-lake.retry.limit": "3",
        f"{bucket}.finance-lake.connection.establish.timeout": "5000",
        f"{bucket}.finance-lake.access.key": "{{secrets/finance/lakefs-access-key-id}}",
        f"{bucket}.finance-lake.secret.key": "{{secrets/finance/lakefs-secret-access-key}}",
    }


def test_a_warehouse_is_found_by_its_name(new_deployment: NewDeployment, workspace: RecordedWorkspace) -> None:
    (warehouse,) = workspace.get("2.0/sql/warehouses").raise_for_status().json()["warehouses"]
    settings = {name: value for name, value in SETTINGS.items() if name != "warehouse_id"}
    deployment = new_deployment(workspace.url, workspace.token, settings)
    deployment.add_override("warehouse_by_name.yml")
    override = deployment.folder / "resources" / "warehouse_by_name.yml"
    override.write_text(override.read_text().replace("Serverless Starter Warehouse", warehouse["name"]))
    job = deploy_recorded(deployment, workspace, "warehouse_by_name").job
    assert tasks_by_key(job)["register_table"]["sql_task"]["warehouse_id"] == warehouse["id"]
