"""The job `reconcile`: branches whose events were lost come to their heads, and no other run is started."""

import pytest
from databricks.sdk.errors import NotFound
from deployed_exports import ALL_DONE, Exports
from table_repository import TableRepository

pytestmark = pytest.mark.e2e


def test_branches_come_to_their_heads_without_any_event(exports: Exports, repository: TableRepository) -> None:
    branch = repository.branch
    reconciliation = exports.reconciliation(repository.name, branches="trunk*,dev*")
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
