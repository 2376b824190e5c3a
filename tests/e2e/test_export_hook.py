"""From a lakeFS event to tables, without anybody starting the job."""

import hashlib

import pytest
from deployed_exports import Exports
from table_repository import TableRepository

from local_stack.stack import HOOK_PRINCIPAL, LocalStack
from local_stack.triggers.trigger import ExportTrigger

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("trigger", [ExportTrigger.LUA, ExportTrigger.WEBHOOK])
def test_commits_branches_and_merges_start_the_job(
    exports: Exports, repository: TableRepository, stack: LocalStack, trigger: ExportTrigger
) -> None:
    trunk = repository.branch
    repository.add("orders", ["o1"])

    head = stack.install_hook(repository.name, trunk, trigger)
    run = exports.run_of(repository, event="post-commit", branch=trunk, commit_id=head)

    assert (run.state, run.cloned) == ("SUCCESS", {"orders"}), run.text
    assert exports.watermark(repository) == head
    shown = exports.client.jobs.get_run(run.run_id)
    assert shown.creator_user_name == HOOK_PRINCIPAL
    parameters = {"repository": repository.name, "branch": trunk, "commit_id": head, "event": "post-commit"}
    token = hashlib.sha256("\n".join(parameters.values()).encode()).hexdigest()
    same = exports.client.jobs.run_now(exports.job_id, job_parameters=parameters, idempotency_token=token)
    assert same.run_id == run.run_id

    feature = repository.create_branch(f"feature-{trunk}")
    created = exports.run_of(repository, event="post-create-branch", branch=feature, commit_id=head)

    assert (created.state, created.cloned) == ("SUCCESS", {"orders"}), created.text
    assert exports.table(feature, "orders").properties["lakefs.branch"] == feature

    repository.write("tables/orders", ["o2"], branch=feature)
    feature_head = repository.commit(branch=feature)
    committed = exports.run_of(repository, event="post-commit", branch=feature, commit_id=feature_head)

    assert (committed.state, committed.cloned) == ("SUCCESS", {"orders"}), committed.text
    assert exports.words(feature, "orders") == ["o2"]
    assert exports.words(trunk, "orders") == ["o1"]

    merge = repository.merge(feature)
    merged = exports.run_of(repository, event="post-merge", branch=trunk, commit_id=merge)

    assert (merged.state, merged.cloned) == ("SUCCESS", {"orders"}), merged.text
    assert exports.words(trunk, "orders") == ["o2"]
    assert exports.watermark(repository, trunk) == merge
    assert exports.watermark(repository, feature) == feature_head
