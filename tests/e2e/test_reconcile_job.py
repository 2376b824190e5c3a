"""The job `reconcile`: branches whose events were lost come to their heads, and no other run is started."""

from dataclasses import dataclass

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound
from deployed_exports import ALL_DONE, Exports
from table_repository import TableRepository

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Reconciliation:
    """The deployed job `reconcile` as other bundle variables deploy it."""

    client: WorkspaceClient
    job_id: int

    def run(self) -> str:
        """Run it to its end; what its task printed. Fails where the task does."""
        ended = self.client.jobs.run_now(self.job_id).result()
        (task,) = ended.tasks or []
        assert task.run_id is not None
        return self.client.jobs.get_run_output(task.run_id).logs or ""


@pytest.fixture
def reconciliation(exports: Exports, repository: TableRepository) -> Reconciliation:
    """The job for the test's own repository."""
    client = exports.client
    (deployed,) = [job for job in client.jobs.list() if "reconcile" in ((job.settings and job.settings.name) or "")]
    settings = client.jobs.get(deployed.job_id or 0).settings
    assert settings is not None
    body = {**settings.as_dict(), "name": f"of {repository.name} alone"}
    (task,) = body["tasks"]
    task["python_wheel_task"]["named_parameters"] |= {"repositories": repository.name, "branches": "trunk*,dev*"}
    made = client.api_client.do("POST", "/api/2.2/jobs/create", body=body)
    assert isinstance(made, dict)
    return Reconciliation(client, made["job_id"])


def test_branches_come_to_their_heads_without_any_event(
    exports: Exports, repository: TableRepository, reconciliation: Reconciliation
) -> None:
    branch = repository.branch
    repository.add("orders", ["o1"])
    repository.commit()
    dev, other = repository.create_branch(f"dev-{branch}"), repository.create_branch(f"other-{branch}")
    assert exports.run(repository).state == "SUCCESS"
    repository.write("tables/orders", ["o2"])
    head = repository.commit()

    said = reconciliation.run()

    assert f"{repository.name}/{branch}: is exported up to " in said
    assert f"{repository.name}/{dev}: is not exported yet; started run " in said
    assert other not in said
    assert "2 branches looked at, 2 runs started" in said
    behind = exports.run_of(repository, event="reconcile", branch=branch)
    assert (behind.state, behind.tasks) == ("SUCCESS", ALL_DONE), behind.text
    assert exports.run_of(repository, event="reconcile", branch=dev).state == "SUCCESS"
    assert (exports.words(branch, "orders"), exports.words(dev, "orders")) == (["o2"], ["o1"])
    assert exports.watermark(repository) == head
    with pytest.raises(NotFound):
        exports.client.schemas.get(f"main.{other}")

    again = reconciliation.run()

    assert "2 branches looked at, 0 runs started" in again
    assert f"{repository.name}/{branch}: exported up to its head {head}" in again
