"""A small bundle, deployed to the local workspace, run and destroyed with the real Databricks CLI."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from workspace_doubles import LocalWorkspace, NotebookEnd, running_workspace, write_wheel

from local_stack.toolchain.databricks_cli import find_or_build_cli

SECONDS = 120
BUNDLE = """
bundle: {name: small}
targets: {local: {default: true}}
resources:
  jobs:
    small:
      name: small
      max_concurrent_runs: 1
      queue: {enabled: true}
      parameters: [{name: branch, default: main}]
      permissions: [{level: CAN_MANAGE_RUN, service_principal_name: hook}]
      environments:
        - {environment_key: env, spec: {environment_version: "4", dependencies: [./dist/*.whl, databricks-sdk]}}
      job_clusters:
        - job_cluster_key: cluster
          new_cluster:
            spark_version: 17.3.x-scala2.13
            node_type_id: n
            num_workers: 0
            data_security_mode: SINGLE_USER
            custom_tags: {ResourceClass: SingleNode}
            spark_conf:
              spark.databricks.cluster.profile: singleNode
              spark.master: local[*]
              spark.secret: "{{secrets/scope/key}}"
      tasks:
        - task_key: list
          environment_key: env
          python_wheel_task:
            package_name: demo_tasks
            entry_point: show
            named_parameters: {branch: "{{job.parameters.branch}}"}
        - task_key: any
          depends_on: [{task_key: list}]
          condition_task: {left: "{{tasks.list.values.count}}", op: GREATER_THAN, right: "0"}
        - task_key: clone
          depends_on: [{task_key: any, outcome: "true"}]
          for_each_task:
            inputs: "{{tasks.list.values.tables}}"
            concurrency: 2
            task:
              task_key: clone_one
              job_cluster_key: cluster
              notebook_task: {notebook_path: ./nb.py, base_parameters: {t: "{{input.t}}"}}
              libraries: [{whl: ./dist/*.whl}]
        - task_key: register
          depends_on: [{task_key: clone}]
          sql_task:
            warehouse_id: WAREHOUSE
            file: {path: ./q.sql}
            parameters: {table: x}
"""

pytestmark = pytest.mark.bundle


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalWorkspace]:
    with running_workspace(tmp_path / "workspace") as running:
        running.workspace.create_principal("hook", kind="service_principal")
        running.client.secrets.create_scope("scope")
        running.client.secrets.put_secret("scope", "key", string_value="secret value")
        yield running
        assert running.workspace.unsupported_calls == []


@pytest.fixture
def bundle(tmp_path: Path, local: LocalWorkspace) -> Path:
    folder = tmp_path / "bundle"
    write_wheel(folder / "dist")
    (folder / "nb.py").write_text("# Databricks notebook source\nprint(1)\n")
    (folder / "q.sql").write_text("SELECT :table")
    (folder / "databricks.yml").write_text(BUNDLE.replace("WAREHOUSE", local.workspace.warehouse_id))
    return folder


def databricks(local: LocalWorkspace, bundle: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(bundle),
        "DATABRICKS_HOST": local.workspace.url,
        "DATABRICKS_TOKEN": local.workspace.token,
        "DATABRICKS_CACHE_ENABLED": "false",
    }
    return subprocess.run(
        [find_or_build_cli(sys.stderr), "bundle", *arguments],
        cwd=bundle,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def succeeds(local: LocalWorkspace, bundle: Path, *arguments: str) -> str:
    ended = databricks(local, bundle, *arguments)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def test_the_life_of_a_bundle(local: LocalWorkspace, bundle: Path) -> None:
    succeeds(local, bundle, "validate", "--strict")
    succeeds(local, bundle, "deploy")
    (job,) = local.client.jobs.list()
    before = local.client.jobs.get(job.job_id or 0).as_dict()
    succeeds(local, bundle, "deploy")
    assert local.client.jobs.get(job.job_id or 0).as_dict() == before
    assert str(job.job_id) in succeeds(local, bundle, "summary")

    said = succeeds(local, bundle, "run", "small", "--", "--branch", "dev")
    assert "TERMINATED SUCCESS" in said
    assert "arguments ['--branch=dev']" in said
    assert sorted(run.parameters["t"] for run in local.cluster.runs) == ["a", "b"]
    assert all(run.parameters["branch"] == "dev" for run in local.cluster.runs)
    assert local.cluster.confs[0]["spark.secret"] == "secret value"
    assert [(sql, parameters) for sql, parameters, _catalog, _schema in local.warehouse.calls] == [
        ("SELECT :table", {"table": "x", "branch": "dev"})
    ]

    succeeds(local, bundle, "destroy", "--auto-approve")
    assert list(local.client.jobs.list()) == []
    assert [found.path for found in local.client.workspace.list(f"{local.home}/.bundle/small")] == []


def test_bundle_run_shows_why_a_run_failed(local: LocalWorkspace, bundle: Path) -> None:
    local.cluster.ends["b"] = NotebookEnd(error="AnalysisException: no such table", trace="trace of b")
    succeeds(local, bundle, "deploy")
    ended = databricks(local, bundle, "run", "small")
    assert ended.returncode != 0
    assert "Task clone failed" in ended.stderr
    assert "AnalysisException: no such table" in ended.stderr


def test_what_validate_misses_is_refused_at_deploy(local: LocalWorkspace, bundle: Path) -> None:
    file = bundle / "databricks.yml"
    file.write_text(file.read_text().replace("environment_key: env\n", "environment_key: none\n"))
    succeeds(local, bundle, "validate")
    ended = databricks(local, bundle, "deploy")
    assert ended.returncode != 0
    assert "environment_key 'none' is not in the job's environments" in ended.stderr


def test_an_unknown_job_parameter_is_refused_at_run(local: LocalWorkspace, bundle: Path) -> None:
    succeeds(local, bundle, "deploy")
    ended = databricks(local, bundle, "run", "small", "--params", "brunch=dev")
    assert ended.returncode != 0
    assert "brunch" in ended.stderr
