"""Who can read rows: what a warehouse without any setting of lakeFS reads, and what it does not."""

import secrets
from collections.abc import Iterator

import pytest
from deployed_exports import Exports
from table_repository import COLUMN, TableRepository, new_repository

from lakefs_unity_export.clones.methods import CloneMethod
from local_stack.demo.failure import DemoFailure
from local_stack.stack import LocalStack

pytestmark = pytest.mark.e2e

WORDS = ["o1", "o2"]
NO_KEYS = "SimpleAWSCredentialsProvider: No AWS credentials"


@pytest.fixture
def in_s3(stack: LocalStack) -> Iterator[TableRepository]:
    """An empty repository whose storage is the S3 beside lakeFS."""
    assert stack.object_store is not None
    (bucket,) = stack.object_store.buckets
    made = new_repository(stack.lakefs, namespace=f"s3://{bucket}/{secrets.token_hex(4)}")
    yield made
    made.delete()


def test_the_warehouse_cannot_reach_lakefs(exports: Exports, repository: TableRepository) -> None:
    repository.add("orders", WORDS)
    head = repository.commit()
    source = f"SELECT {COLUMN} FROM delta.`s3a://{repository.name}/{head}/tables/orders` ORDER BY 1"
    # The table is there, and this is how it is read.
    assert [row[0] for row in exports.cluster.query(source).rows] == WORDS

    for statement in (source, source.replace("s3a://", "s3://")):
        with pytest.raises(DemoFailure, match=NO_KEYS):
            exports.sql(statement)

    assert exports.run(repository, clone_method=CloneMethod.SHALLOW).state == "SUCCESS"
    assert exports.words(repository.branch, "orders") == WORDS
    # It reads the clone's log, and of its rows none.
    assert exports.version(repository.branch, "orders") == 0
    with pytest.raises(DemoFailure, match=f"error while reading file s3a://{repository.name}/{head}/tables/orders/"):
        exports.sql(f"SELECT {COLUMN} FROM {exports.quoted(repository.branch, 'orders')}")


def test_each_method_takes_the_place_of_the_others(exports: Exports, repository: TableRepository) -> None:
    schema = repository.branch
    repository.add("orders", WORDS)
    head = repository.commit()
    methods = [CloneMethod.STORAGE, CloneMethod.SHALLOW, CloneMethod.DEEP, CloneMethod.STORAGE]
    for version, method in enumerate(methods):
        run = exports.run(repository, clone_method=method)

        assert (run.state, run.cloned) == ("SUCCESS", {"orders"}), run.text
        assert exports.clone_method(schema, "orders") is method
        shown = exports.table(schema, "orders")
        assert (shown.words, shown.commit_id, shown.version) == (WORDS, head, version)
        assert shown.properties["lakefs.clone_method"] == method


def test_a_warehouse_with_keys_of_the_storage_reads_what_lies_there(
    exports: Exports, in_s3: TableRepository, stack: LocalStack
) -> None:
    in_s3.add("orders", WORDS)
    in_s3.commit()

    run = exports.run(in_s3, clone_method=CloneMethod.STORAGE)

    assert (run.state, run.cloned) == ("SUCCESS", {"orders"}), run.text
    assert exports.words(in_s3.branch, "orders") == WORDS
    log = stack.folder / "exports" / in_s3.branch / "orders" / "_delta_log"
    named = "".join(file.read_text() for file in log.glob("*.json"))
    assert f'"path":"{in_s3.namespace}/data/' in named
    assert "s3a:" not in named
