"""The job `reconcile`: branches whose events were lost come to their heads, and no other run is started."""

import re

import pytest
from databricks.sdk.errors import NotFound
from deployed_exports import ALL_DONE, EndedRun, Exports
from table_repository import TableRepository

from lakefs_unity_export import events

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


def test_a_branch_that_is_made_again_at_its_commit_comes_back_although_its_event_starts_nothing(
    exports: Exports, repository: TableRepository
) -> None:
    dropping = exports.variant(on_removed="drop")
    reconciliation = dropping.reconciliation(repository.name, branches="dev*", on_removed="drop")
    repository.add("orders", ["o1"])
    head = repository.commit()
    dev = f"dev-{repository.branch}"
    made = events.decide(
        events.Event(event_type="post-create-branch", repository_id=repository.name, branch_id=dev, commit_id=head)
    )
    assert isinstance(made, events.RunStart)

    def make_branch() -> int:
        """The run that Databricks answers the hook with."""
        repository.create_branch(dev)
        return dropping.start(idempotency_token=made.idempotency_token, **made.job_parameters)

    def reconcile() -> EndedRun:
        (started,) = re.findall(r"started run (\d+)", reconciliation.run())
        return dropping.ended(int(started))

    first = make_branch()
    assert dropping.ended(first).state == "SUCCESS"
    repository.delete_branch(dev)
    assert reconcile().state == "SUCCESS"
    assert exports.tables(dev) == set()

    assert make_branch() == first
    assert exports.tables(dev) == set()
    again = reconcile()
    assert again.state == "SUCCESS", again.text
    assert exports.words(dev, "orders") == ["o1"]
    assert exports.watermark(repository, dev) == head
