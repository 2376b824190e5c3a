"""What the bundle tests share: the CLI, a local workspace behind a recording proxy, and copies of the bundle."""

import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from bundle_deployment import JOB, SETTINGS, TARGETS, Deployment, NewDeployment, copy_bundle
from recorded_workspace import RecordedWorkspace, Sent, deploy_recorded, recorded_workspace

from local_stack.toolchain.databricks_cli import find_or_build_cli


def pytest_addoption(parser: pytest.Parser) -> None:
    """The one command that refreshes golden files: pytest tests/bundle --refresh-goldens."""
    parser.addoption("--refresh-goldens", action="store_true", help="write the golden files of the job anew")


@pytest.fixture(scope="session")
def cli() -> Path:
    """The Databricks CLI."""
    return find_or_build_cli(sys.stderr)


@pytest.fixture(scope="session")
def shared_workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordedWorkspace]:
    """One workspace for what reads a deployment and changes none."""
    with recorded_workspace(tmp_path_factory.mktemp("shared-workspace")) as started:
        yield started


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[RecordedWorkspace]:
    """An empty workspace for one test."""
    with recorded_workspace(tmp_path / "workspace") as started:
        yield started


@pytest.fixture(scope="session")
def new_deployment(tmp_path_factory: pytest.TempPathFactory, cli: Path) -> NewDeployment:
    """Copies the bundle to an empty folder, for one workspace and the settings given."""
    pristine = copy_bundle(tmp_path_factory.mktemp("pristine") / "bundle")

    def make(host: str, token: str, settings: Mapping[str, str] = SETTINGS) -> Deployment:
        folder = tmp_path_factory.mktemp("deployment") / "bundle"
        shutil.copytree(pristine, folder)
        return Deployment(folder=folder, cli=cli, host=host, token=token, settings=settings)

    return make


@pytest.fixture
def deployment(new_deployment: NewDeployment, workspace: RecordedWorkspace) -> Deployment:
    """The bundle for the test's own workspace."""
    return new_deployment(workspace.url, workspace.token)


@pytest.fixture(scope="session")
def sent(new_deployment: NewDeployment, shared_workspace: RecordedWorkspace) -> Mapping[str, Sent]:
    """What deploying each target sends, every optional part of the job filled in."""
    found = {}
    for target in TARGETS:
        deployment = new_deployment(shared_workspace.url, shared_workspace.token)
        deployment.set_complex(target, failure_notification_emails=["data-platform@example.com"])
        found[target] = deploy_recorded(deployment, shared_workspace, target)
    return found


@pytest.fixture(scope="session")
def resolved(
    new_deployment: NewDeployment, shared_workspace: RecordedWorkspace
) -> Mapping[str, Mapping[str, dict[str, Any]]]:
    """The jobs of each target, by their keys, with every variable filled in, and paths as the YAML has them."""
    deployment = new_deployment(shared_workspace.url, shared_workspace.token)
    return {target: deployment.resolved_jobs(target) for target in TARGETS}


@pytest.fixture(scope="session")
def resolved_jobs(resolved: Mapping[str, Mapping[str, dict[str, Any]]]) -> Mapping[str, dict[str, Any]]:
    """The job export_tables of each target."""
    return {target: jobs[JOB] for target, jobs in resolved.items()}
