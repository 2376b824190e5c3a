"""The life of a deployment: deployed, deployed again, changed, destroyed."""

from pathlib import PurePosixPath

import pytest
from bundle_deployment import JOBS, Deployment
from recorded_workspace import RecordedWorkspace, deploy_recorded, job_writes, uploads

pytestmark = pytest.mark.bundle

TARGET = "prod"


def test_a_second_deploy_changes_nothing(deployment: Deployment, workspace: RecordedWorkspace) -> None:
    first = deploy_recorded(deployment, workspace, TARGET)
    jobs = workspace.jobs()
    second = deploy_recorded(deployment, workspace, TARGET)

    assert job_writes(second.requests) == []
    assert workspace.jobs() == jobs
    assert len(jobs) == len(JOBS)
    # The CLI uploads the wheel each time, and the other files when they changed.
    assert second.uploads.items() <= first.uploads.items()
    assert {path: workspace.file(path) for path in first.uploads} == first.uploads


def test_a_deploy_from_another_copy_changes_nothing(deployment: Deployment, workspace: RecordedWorkspace) -> None:
    first = deploy_recorded(deployment, workspace, TARGET)
    deployment.forget_state()
    second = deploy_recorded(deployment, workspace, TARGET)

    assert job_writes(second.requests) == []
    assert second.uploads.items() <= first.uploads.items()


def test_a_change_of_code_reaches_the_job_as_another_wheel(
    deployment: Deployment, workspace: RecordedWorkspace
) -> None:
    deployment.deploy(TARGET)
    before = workspace.jobs()
    with (deployment.folder / "src/lakefs_unity_export/names.py").open("a") as file:
        file.write("CHANGED = True\n")
    workspace.proxy.take()
    deployment.deploy(TARGET)
    after = workspace.jobs()

    assert [job["job_id"] for job in after] == [job["job_id"] for job in before]
    (uploaded,) = [path for path in uploads(workspace.proxy.take()) if path.endswith(".whl")]
    assert uploaded not in str(before)
    for job in after:
        assert job["settings"]["environments"][0]["spec"]["dependencies"][0] == uploaded
    # The environments, and the libraries of the notebooks clone_table, check_cluster, the same again and check_removal.
    assert str(after).count(PurePosixPath(uploaded).name) == len(JOBS) + 4


def test_a_change_of_a_notebook_is_uploaded_and_leaves_the_job_alone(
    deployment: Deployment, workspace: RecordedWorkspace
) -> None:
    deployment.deploy(TARGET)
    with (deployment.folder / "notebooks/clone_table.py").open("a") as file:
        file.write("# changed\n")
    changed = deploy_recorded(deployment, workspace, TARGET)

    (notebook,) = [path for path in changed.uploads if "/notebooks/" in path]
    assert (workspace.file(notebook) or b"").endswith(b"# changed\n")
    assert job_writes(changed.requests) == []


def test_destroy_removes_everything(deployment: Deployment, workspace: RecordedWorkspace) -> None:
    first = deploy_recorded(deployment, workspace, TARGET)
    deployment.run("bundle", "destroy", "-t", TARGET, "--auto-approve")

    assert workspace.jobs() == []
    assert [path for path in first.uploads if workspace.file(path) is not None] == []
    root = next(iter(first.uploads)).partition("/.bundle/")[0] + f"/.bundle/lakefs_unity_export/{TARGET}"
    assert workspace.get("2.0/workspace/get-status", path=root).status_code == 404
