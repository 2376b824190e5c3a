"""Which files the commit of a clone adds and removes, and what it counts."""

from typing import Any

from local_stack.cluster.clone_transaction import added_file, metrics, removed_files


def file(path: str, vector: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    made = {"path": path, "partitionValues": {"p": None}, "size": 10, "modificationTime": 1, "dataChange": False}
    return made | ({"deletionVector": vector} if vector else {}) | more


def test_files_of_the_table_are_removed_unless_the_clone_has_the_same() -> None:
    vector = {"storageType": "p", "pathOrInlineDv": "s3a://lake/dv.bin", "offset": 1, "sizeInBytes": 34}
    present = [file("kept"), file("marked", vector), file("changed", vector), file("gone")]
    other = {**vector, "offset": 36}
    removed = removed_files(present, [file("kept"), file("marked", vector), file("changed", other)], timestamp=1000)
    assert [each["path"] for each in removed] == ["changed", "gone"]
    assert removed[0] == {
        "path": "changed",
        "deletionTimestamp": 1000,
        "dataChange": True,
        "extendedFileMetadata": True,
        "partitionValues": {"p": None},
        "size": 10,
        "deletionVector": vector,
    }


def test_row_ids_are_given_anew() -> None:
    added = added_file(file("a", baseRowId=7, defaultRowCommitVersion=2, stats="{}"))
    assert added == file("a", stats="{}", dataChange=True)


def test_the_metrics_are_those_that_databricks_documents() -> None:
    assert metrics([file("a"), file("b")], [file("c", size=7)], [10]) == {
        "sourceTableSize": "20",
        "sourceNumOfFiles": "2",
        "numRemovedFiles": "1",
        "numCopiedFiles": "1",
        "removedFilesSize": "7",
        "copiedFilesSize": "10",
    }
