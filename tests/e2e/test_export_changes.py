"""What the deployed job does for commits: what changed, and nothing else, becomes tables."""

import pytest
from deployed_exports import ALL_DONE, NOTHING_TO_CLONE, Exports, as_json
from table_repository import TableRepository

pytestmark = pytest.mark.e2e


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
    assert exports.words(schema, "orders") == ["o1", "o2"]
    assert exports.words(schema, "line_item") == ["l1"]
    assert exports.words(schema, "nation") == ["n1"]
    orders = exports.table(schema, "orders")
    assert orders.comment == "Orders of 'all' time"
    facts = {
        "lakefs.repository": repository.name,
        "lakefs.branch": repository.branch,
        "lakefs.commit_id": first,
        "lakefs.commit_generation": str(repository.generation(first)),
        "lakefs.path": "tables/orders",
    }
    assert facts.items() <= orders.properties.items()
    assert as_json(exports.history(schema, "orders")[0]["userMetadata"]) == facts
    versions = {name: exports.version(schema, name) for name in run.cloned}

    again = exports.run(repository)

    assert (again.state, again.tasks) == ("SUCCESS", NOTHING_TO_CLONE), again.text
    assert {name: exports.version(schema, name) for name in run.cloned} == versions

    repository.write("tables/orders", ["o3"])
    second = repository.commit()
    changed = exports.run(repository, commit_id=second, event="post-commit")

    assert changed.state == "SUCCESS", changed.text
    assert set(changed.clones) == {"orders"}
    assert exports.table(schema, "orders").commit_id == second
    assert exports.words(schema, "orders") == ["o3"]
    assert exports.version(schema, "nation") == versions["nation"]
    assert exports.watermark(repository) == second
