"""Which commit wins: tables become older only where the head of their branch did."""

import pytest
from deployed_exports import NOTHING_TO_CLONE, Exports
from table_repository import TableRepository

pytestmark = pytest.mark.e2e


def test_tables_follow_a_reset_head_and_no_late_event(exports: Exports, repository: TableRepository) -> None:
    schema = repository.branch
    repository.add("orders", ["o1"])
    repository.add("nation", ["n1"])
    first = repository.commit()
    repository.write("tables/orders", ["o2"])
    second = repository.commit()
    assert exports.run(repository).state == "SUCCESS"
    assert (exports.words(schema, "orders"), exports.watermark(repository)) == (["o2"], second)

    late = exports.run(repository, commit_id=first, event="post-commit")

    assert (late.state, late.tasks) == ("SUCCESS", NOTHING_TO_CLONE), late.text
    assert f"it has the newer commit {second} of this branch" in late.listing
    assert (exports.words(schema, "orders"), exports.watermark(repository)) == (["o2"], second)

    repository.reset(first)
    reset = exports.run(repository)

    assert reset.state == "SUCCESS", reset.text
    assert reset.cloned == {"orders"}
    orders = exports.table(schema, "orders")
    assert (orders.words, orders.commit_id, exports.watermark(repository)) == (["o1"], first, first)

    gone = exports.run(repository, commit_id=second, event="post-commit")

    assert (gone.state, gone.tasks) == ("SUCCESS", NOTHING_TO_CLONE), gone.text
    assert f"commit {second} is not on branch {repository.branch}, whose head is {first}" in gone.listing
    assert (exports.words(schema, "orders"), exports.watermark(repository)) == (["o1"], first)


def test_a_schema_follows_one_branch(exports: Exports, repository: TableRepository) -> None:
    repository.add("orders", ["o1"])
    head = repository.commit()
    other = repository.create_branch(repository.branch.upper())
    repository.write("tables/orders", ["of the other branch"], branch=other)
    repository.commit(branch=other)
    assert exports.run(repository).state == "SUCCESS"

    run = exports.variant().run(repository, branch=other)

    assert run.state == "FAILED"
    assert f"schema main.{repository.branch} follows branch '{repository.branch}'" in run.text
    assert exports.words(repository.branch, "orders") == ["o1"]
    assert exports.watermark(repository) == head
