"""What is wrong with one table or one descriptor stops that one only, and the run says so."""

import pytest
from deployed_exports import ALL_DONE, NOTHING_TO_CLONE, Exports
from table_repository import TableRepository

from lakefs_unity_export.clones.methods import CloneMethod
from local_stack.cluster.clone_checks import REFUSED

pytestmark = pytest.mark.e2e

CLONE_FAILED = {
    **ALL_DONE,
    "clone_tables": "FAILED",
    "register_tables": "FAILED",
    "record_export": "FAILED",
}


def test_a_path_without_a_table_stops_that_table_only(exports: Exports, repository: TableRepository) -> None:
    schema = repository.branch
    repository.add("orders", ["o1"])
    repository.describe("lost")
    first = repository.commit()

    run = exports.run(repository)

    assert (run.state, run.tasks) == ("FAILED", CLONE_FAILED)
    assert f"there is no Delta table at s3a://{repository.name}/{first}/tables/lost" in run.text
    assert f"correct 'path: tables/lost' in the descriptor of `main`.`{schema}`.`lost`" in run.text
    assert exports.tables(schema) == {"orders"}
    assert exports.words(schema, "orders") == ["o1"]
    assert exports.watermark(repository) is None

    repository.write("tables/lost", ["found"])
    second = repository.commit()
    mended = exports.run(repository)

    assert (mended.state, mended.tasks) == ("SUCCESS", ALL_DONE), mended.text
    assert exports.words(schema, "lost") == ["found"]
    assert exports.watermark(repository) == second


def test_invalid_descriptors_are_listed_once_and_hold_nothing_back(
    exports: Exports, repository: TableRepository
) -> None:
    repository.add("orders", ["o1"])
    repository.upload("_lakefs_tables/broken.yaml", "name: [broken\n")
    repository.upload("_lakefs_tables/pathless.yaml", "name: pathless\ntype: delta\n")
    repository.upload("_lakefs_tables/number.yaml", "name: 7\ntype: delta\npath: tables/number\n")
    repository.upload("_lakefs_tables/outside.yaml", "name: outside\ntype: delta\npath: ../secret\n")
    repository.upload("_lakefs_tables/quoted.yaml", 'name: "it\'s"\ntype: delta\npath: tables/quoted\n')
    repository.upload("_lakefs_tables/injected.yaml", "name: injected\ntype: delta\npath: tables/x{{job.id}}\n")
    repository.describe("twice", file="one")
    repository.describe("twice", file="two")
    head = repository.commit()
    fields = {
        "broken.yaml": "line",
        "pathless.yaml": "path: is missing",
        "number.yaml": "name: is not text",
        "outside.yaml": "path: path '../secret'",
        "quoted.yaml": 'name: table name "it\'s"',
        "injected.yaml": "path: path 'tables/x{",
        "one.yaml": "name: table 'twice' is also described by _lakefs_tables/two.yaml",
        "two.yaml": "name: table 'twice' is also described by _lakefs_tables/one.yaml",
    }

    run = exports.run(repository)

    assert (run.state, run.tasks) == ("FAILED", {**ALL_DONE, "record_export": "FAILED"})
    assert "8 table descriptors are invalid, all others are exported" in run.text
    for file, field in fields.items():
        assert f"_lakefs_tables/{file}: {field}" in run.text
        assert f"error: _lakefs_tables/{file}: {field}" in run.listing
    assert exports.tables(repository.branch) == {"orders"}
    assert exports.words(repository.branch, "orders") == ["o1"]
    assert exports.watermark(repository) == head

    again = exports.run(repository)

    assert (again.state, again.tasks) == ("SUCCESS", NOTHING_TO_CLONE), again.text
    for file, field in fields.items():
        assert f"warning (seen before): _lakefs_tables/{file}: {field}" in again.listing


def test_a_commit_of_an_invalid_descriptor_alone_fails_its_run(exports: Exports, repository: TableRepository) -> None:
    repository.add("orders", ["o1"])
    repository.commit()
    assert exports.run(repository).state == "SUCCESS"
    repository.describe("quoted", path="tables/it's")
    head = repository.commit()

    run = exports.run(repository)

    assert run.state == "FAILED"
    assert '_lakefs_tables/quoted.yaml: path: path "tables/it\'s" holds "\'"' in run.text
    assert exports.watermark(repository) == head
    assert exports.run(repository).state == "SUCCESS"


def test_a_cluster_that_makes_no_shallow_clones_says_so_and_what_else_there_is(
    exports: Exports, repository: TableRepository
) -> None:
    refusing = exports.variant(spark_conf={REFUSED: "true"})
    repository.add("orders", ["o1"])
    head = repository.commit()

    run = refusing.run(repository, clone_method=CloneMethod.SHALLOW)

    assert (run.state, run.tasks) == ("FAILED", CLONE_FAILED)
    for said in (
        "CANNOT_SHALLOW_CLONE_NON_UC_MANAGED_TABLE_AS_SOURCE_OR_TARGET",
        "Set clone_method to deep",
        "or to storage",
        "another access mode",
        f"`main`.`{repository.branch}`.`orders`",
    ):
        assert said in run.text
    assert exports.tables(repository.branch) == set()
    assert exports.watermark(repository) is None

    deep = refusing.run(repository, clone_method=CloneMethod.DEEP)

    assert (deep.state, deep.cloned) == ("SUCCESS", {"orders"}), deep.text
    assert exports.words(repository.branch, "orders") == ["o1"]
    assert exports.watermark(repository) == head
