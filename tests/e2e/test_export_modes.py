"""What a run exports when it is asked for more than the changes of its commit, or when nobody knows what changed."""

import pytest
from deployed_exports import ALL_DONE, NOTHING_TO_CLONE, Exports
from table_repository import TableRepository

pytestmark = pytest.mark.e2e


def test_the_first_event_of_a_burst_exports_the_head_and_the_others_nothing(
    exports: Exports, repository: TableRepository
) -> None:
    repository.add("orders", ["o1"])
    repository.commit()
    assert exports.run(repository).state == "SUCCESS"
    commits = []
    for number in (2, 3, 4):
        repository.write("tables/orders", [f"o{number}"])
        commits.append(repository.commit())

    first, *others = [
        exports.run(repository, commit_id=commit_id, event="post-commit", snapshot="latest") for commit_id in commits
    ]

    assert (first.state, first.tasks, first.cloned) == ("SUCCESS", ALL_DONE, {"orders"}), first.text
    assert [other.tasks for other in others] == [NOTHING_TO_CLONE] * 2
    assert exports.words(repository.branch, "orders") == ["o4"]
    assert exports.watermark(repository) == commits[-1]


def test_a_full_export_clones_what_did_not_change(exports: Exports, repository: TableRepository) -> None:
    schema = repository.branch
    repository.add("orders", ["o1"])
    repository.add("nation", ["n1"])
    repository.commit()
    assert exports.run(repository).state == "SUCCESS"
    before = exports.version(schema, "nation")

    run = exports.run(repository, mode="full")

    assert (run.state, run.tasks, run.cloned) == ("SUCCESS", ALL_DONE, {"orders", "nation"}), run.text
    assert exports.version(schema, "nation") > before
    assert exports.run(repository).tasks == NOTHING_TO_CLONE


def test_a_repository_that_was_made_anew_is_exported_anew(exports: Exports, repository: TableRepository) -> None:
    repository.add("orders", ["of the first"])
    repository.commit()
    assert exports.run(repository).state == "SUCCESS"
    repository.delete()
    again = repository.made_anew()
    again.add("orders", ["of the second"])
    head = again.commit()

    run = exports.run(again)

    assert (run.state, run.cloned) == ("SUCCESS", {"orders"}), run.text
    assert exports.words(again.branch, "orders") == ["of the second"]
    assert exports.watermark(again) == head
