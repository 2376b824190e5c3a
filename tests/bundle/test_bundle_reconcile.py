"""The job reconcile as the CLI deploys and starts it."""

import pytest
from bundle_deployment import SETTINGS, CLIError, NewDeployment
from recorded_workspace import RecordedWorkspace

pytestmark = pytest.mark.bundle


@pytest.mark.parametrize("status", ["PAUSED", "UNPAUSED"])
def test_a_deployment_without_its_settings_says_what_to_set_when_it_runs(
    status: str, new_deployment: NewDeployment, workspace: RecordedWorkspace
) -> None:
    settings = {**SETTINGS, "reconcile_pause_status": status}
    deployment = new_deployment(workspace.url, workspace.token, settings)
    deployment.deploy("local")
    with pytest.raises(CLIError) as raised:
        deployment.run("bundle", "run", "-t", "local", "reconcile")
    assert "SettingsError: repositories is empty; set the bundle variable reconcile_repositories" in str(raised.value)
