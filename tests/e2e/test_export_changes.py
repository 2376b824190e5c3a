"""What the deployed job does for commits: what changed, and nothing else, becomes tables."""

import pytest
from databricks.sdk.service.catalog import PermissionsChange, Privilege
from deployed_exports import ALL_DONE, NOTHING_TO_CLONE, Exports, as_json
from table_repository import TableRepository, new_repository

from local_stack.stack import HOOK_PRINCIPAL, LocalStack
from local_stack.workspace.executors.processes import PreloadedPython

pytestmark = pytest.mark.e2e

NOT_READ = "descriptors that did not change since the last export are not read"


def test_a_branch_is_exported_and_then_what_changes(exports: Exports, repository: TableRepository) -> None:
    schema = repository.branch
    repository.add("orders", ["o1", "o2"], comment="Orders of 'all' time")
    repository.add("line-item", ["l1"])
    repository.add("nation", ["n1"])
    first = repository.commit()

    run = exports.run(repository)

    assert (run.state, run.tasks) == ("SUCCESS", ALL_DONE), run.text
    assert run.cloned == {"orders", "line_item", "nation"}
    assert exports.watermark(repository) == first
    assert exports.words(schema, "line_item") == ["l1"]
    assert exports.words(schema, "nation") == ["n1"]
    orders = exports.table(schema, "orders")
    assert (orders.words, orders.comment) == (["o1", "o2"], "Orders of 'all' time")
    facts = {
        "lakefs.repository": repository.name,
        "lakefs.branch": repository.branch,
        "lakefs.commit_id": first,
        "lakefs.commit_generation": str(repository.generation(first)),
        "lakefs.path": "tables/orders",
        "lakefs.line": orders.properties["lakefs.line"],
        "lakefs.clone_method": "shallow",
    }
    assert facts.items() <= orders.properties.items()
    assert {frozenset(as_json(each["userMetadata"]).items()) for each in exports.history(schema, "orders")} == {
        frozenset(facts.items())
    }
    versions = {name: exports.version(schema, name) for name in run.cloned}

    again = exports.run(repository)

    assert (again.state, again.tasks) == ("SUCCESS", NOTHING_TO_CLONE), again.text
    assert NOT_READ not in run.listing
    assert NOT_READ in again.listing
    assert {name: exports.version(schema, name) for name in run.cloned} == versions

    repository.write("tables/orders", ["o3"])
    second = repository.commit()
    changed = exports.run(repository, commit_id=second, event="post-commit")

    assert (changed.state, changed.tasks) == ("SUCCESS", ALL_DONE), changed.text
    assert NOT_READ in changed.listing
    assert set(changed.clones) == {"orders"}
    assert exports.table(schema, "orders").commit_id == second
    assert exports.words(schema, "orders") == ["o3"]
    assert exports.version(schema, "nation") == versions["nation"]
    assert exports.watermark(repository) == second

    repository.comment("tables/orders", "")
    third = repository.commit()
    assert exports.run(repository).state == "SUCCESS"

    orders = exports.table(schema, "orders")
    assert (orders.commit_id, orders.words, orders.comment) == (third, ["o3"], "")


def test_tasks_run_without_what_the_local_stack_has_imported(
    exports: Exports, repository: TableRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a user's cluster, each task starts a Python of its own."""
    monkeypatch.setattr(PreloadedPython, "suits", lambda *_: False)
    repository.add("orders", ["o1"])
    head = repository.commit()

    run = exports.run(repository)

    assert (run.state, run.tasks) == ("SUCCESS", ALL_DONE), run.text
    assert exports.words(repository.branch, "orders") == ["o1"]
    assert exports.watermark(repository) == head


def test_a_commit_to_no_table_moves_the_watermark_alone(exports: Exports, repository: TableRepository) -> None:
    repository.add("orders", ["o1"])
    repository.write("archive/orders", ["old"])
    repository.commit()
    assert exports.run(repository).cloned == {"orders"}
    repository.upload("tables/orders.md", "beside the table")
    head = repository.commit()

    run = exports.run(repository)

    assert (run.state, run.tasks) == ("SUCCESS", NOTHING_TO_CLONE), run.text
    assert exports.watermark(repository) == head

    repository.describe("orders", path="archive/orders")
    head = repository.commit("Change a descriptor, and no table")
    moved = exports.run(repository)

    assert moved.state == "SUCCESS", moved.text
    assert NOT_READ in moved.listing
    assert moved.cloned == {"orders"}
    assert exports.words(repository.branch, "orders") == ["old"]
    assert exports.table(repository.branch, "orders").properties["lakefs.path"] == "archive/orders"
    assert exports.watermark(repository) == head


def test_repositories_share_a_schema_and_grants_stay(
    exports: Exports, repository: TableRepository, stack: LocalStack
) -> None:
    other = new_repository(stack.lakefs, branch=repository.branch)
    repository.add("orders", ["o1"])
    other.add("customers", ["c1"])
    commit, other_commit = repository.commit(), other.commit()

    assert exports.run(repository).state == "SUCCESS"
    assert exports.run(other).state == "SUCCESS"

    schema = repository.branch
    assert exports.tables(schema) == {"orders", "customers"}
    assert (exports.watermark(repository), exports.watermark(other, schema)) == (commit, other_commit)
    name = f"{exports.catalog}.{schema}.orders"
    grants = exports.client.grants
    grants.update("TABLE", name, changes=[PermissionsChange(principal=HOOK_PRINCIPAL, add=[Privilege.SELECT])])
    before = [each.as_dict() for each in grants.get("TABLE", name).privilege_assignments or []]
    assert before

    repository.write("tables/orders", ["o2"])
    commit = repository.commit()
    run = exports.run(repository)

    assert (run.state, run.cloned) == ("SUCCESS", {"orders"}), run.text
    assert exports.words(schema, "orders") == ["o2"]
    assert [each.as_dict() for each in grants.get("TABLE", name).privilege_assignments or []] == before
    assert (exports.watermark(repository), exports.watermark(other, schema)) == (commit, other_commit)
