"""`bundle validate --strict`, and what it says where a setting is missing."""

import pytest
from bundle_deployment import SETTINGS, TARGETS, CLIError, NewDeployment
from recorded_workspace import RecordedWorkspace

pytestmark = pytest.mark.bundle

# What `python -m local_stack up` gives; everything else has to have a default in target local.
LOCAL_SETTINGS = {
    "catalog": "main",
    "lakefs_endpoint": "http://127.0.0.1:8000",
    "warehouse_id": "0123456789abcdef",
    "target_base_location": "file:/exports",
    "secret_scope": "lakefs",
    "hook_service_principal": "11111111-2222-3333-4444-555555555555",
}
WITHOUT_DEFAULT = sorted(SETTINGS.keys() - {"job_service_principal"})


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_is_valid_without_a_warning(
    target: str, new_deployment: NewDeployment, shared_workspace: RecordedWorkspace
) -> None:
    deployment = new_deployment(shared_workspace.url, shared_workspace.token)
    deployment.run("bundle", "validate", "--strict", "-t", target)


def test_the_default_target_is_dev(new_deployment: NewDeployment, shared_workspace: RecordedWorkspace) -> None:
    deployment = new_deployment(shared_workspace.url, shared_workspace.token)
    assert "Target: dev" in deployment.run("bundle", "validate", "--strict")


def test_target_local_needs_only_what_the_local_stack_gives(
    new_deployment: NewDeployment, shared_workspace: RecordedWorkspace
) -> None:
    deployment = new_deployment(shared_workspace.url, shared_workspace.token, LOCAL_SETTINGS)
    deployment.run("bundle", "validate", "--strict", "-t", "local")


@pytest.mark.parametrize("name", WITHOUT_DEFAULT)
def test_a_missing_setting_is_named(
    name: str, new_deployment: NewDeployment, shared_workspace: RecordedWorkspace
) -> None:
    settings = {key: value for key, value in SETTINGS.items() if key != name}
    deployment = new_deployment(shared_workspace.url, shared_workspace.token, settings)
    with pytest.raises(CLIError, match=rf"variable {name}\b"):
        deployment.run("bundle", "validate", "-t", "dev")


def test_production_wants_an_identity_to_run_as(
    new_deployment: NewDeployment, shared_workspace: RecordedWorkspace
) -> None:
    settings = SETTINGS | {"job_service_principal": ""}
    deployment = new_deployment(shared_workspace.url, shared_workspace.token, settings)
    with pytest.raises(CLIError, match="run_as"):
        deployment.run("bundle", "validate", "-t", "prod")
