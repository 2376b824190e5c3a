"""The commit by which a clone replaces a table, from its parts."""

from typing import Any

import pytest

from local_stack.cluster.delta_bridge import merged_protocol, replacement

PLAIN = {"minReaderVersion": 1, "minWriterVersion": 2}
MAPPED = {"minReaderVersion": 2, "minWriterVersion": 5}
VECTORS = {
    "minReaderVersion": 3,
    "minWriterVersion": 7,
    "readerFeatures": ["deletionVectors"],
    "writerFeatures": ["deletionVectors"],
}


@pytest.mark.parametrize(
    ("one", "other", "merged"),
    [
        (PLAIN, PLAIN, PLAIN),
        (PLAIN, MAPPED, MAPPED),
        (VECTORS, VECTORS, VECTORS),
        (
            MAPPED,
            VECTORS,
            {
                "minReaderVersion": 3,
                "minWriterVersion": 7,
                "readerFeatures": ["columnMapping", "deletionVectors"],
                "writerFeatures": [
                    "appendOnly",
                    "changeDataFeed",
                    "checkConstraints",
                    "columnMapping",
                    "deletionVectors",
                    "generatedColumns",
                    "invariants",
                ],
            },
        ),
        (
            {"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["rowTracking"]},
            PLAIN,
            {
                "minReaderVersion": 1,
                "minWriterVersion": 7,
                "writerFeatures": ["appendOnly", "invariants", "rowTracking"],
            },
        ),
    ],
)
def test_a_merged_protocol_serves_both(one: Any, other: Any, merged: Any) -> None:
    assert merged_protocol(one, other) == merged
    assert merged_protocol(other, one) == merged


def file(path: str, vector: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"path": path, "partitionValues": {"p": None}, "size": 10, "deletionVector": vector}


def made(*adds: dict[str, Any], configuration: dict[str, str] | None = None, **more: Any) -> list[dict[str, Any]]:
    info = {"timestamp": 1, "operation": "CLONE", "userMetadata": "commit b", "operationMetrics": {"a": "1"}, **more}
    return [
        {"commitInfo": info},
        {"metaData": {"id": "new", "createdTime": 50, "schemaString": "s", "configuration": configuration or {}}},
        {"protocol": PLAIN},
        *({"add": add} for add in adds),
    ]


def replaced(clone: list[dict[str, Any]], **present: Any) -> list[dict[str, Any]]:
    state: dict[str, Any] = {
        "protocol": PLAIN,
        "metadata": {"id": "old", "createdTime": 5, "configuration": {"delta.appendOnly": "true"}},
        "domains": [],
        "files": [],
        **present,
    }
    return replacement(clone, version=4, timestamp=1000, **state)


def test_the_table_keeps_its_id_and_takes_schema_and_properties_of_the_clone() -> None:
    actions = replaced(made(configuration={"lakefs.branch": "main"}))
    assert actions[0]["commitInfo"] == {
        "timestamp": 1000,
        "operation": "CLONE",
        "userMetadata": "commit b",
        "operationMetrics": {"a": "1", "numRemovedFiles": "0", "removedFilesSize": "0"},
        "readVersion": 3,
        "isBlindAppend": False,
    }
    assert actions[2]["metaData"] == {
        "id": "old",
        "createdTime": 5,
        "schemaString": "s",
        "configuration": {"lakefs.branch": "main"},
    }


def test_files_of_the_table_are_removed_unless_the_clone_has_the_same() -> None:
    vector = {"storageType": "p", "pathOrInlineDv": "s3a://lake/dv.bin", "offset": 1, "maxRowIndex": None}
    actions = replaced(
        made({"path": "kept"}, {"path": "changed"}),
        files=[file("kept"), file("changed", vector), file("gone")],
    )
    removes = [action["remove"] for action in actions if "remove" in action]
    assert [remove["path"] for remove in removes] == ["changed", "gone"]
    assert removes[0]["deletionVector"] == {"storageType": "p", "pathOrInlineDv": "s3a://lake/dv.bin", "offset": 1}
    assert removes[1]["partitionValues"] == {"p": None}
    assert [action["add"]["path"] for action in actions if "add" in action] == ["kept", "changed"]
    assert actions[0]["commitInfo"]["operationMetrics"]["numRemovedFiles"] == "2"


def test_domains_that_the_clone_lacks_are_cleared() -> None:
    clone = [*made(), {"domainMetadata": {"domain": "delta.rowTracking", "configuration": "{}", "removed": False}}]
    actions = replaced(clone, domains=["delta.clustering", "delta.rowTracking"])
    assert [action["domainMetadata"] for action in actions if "domainMetadata" in action] == [
        {"domain": "delta.rowTracking", "configuration": "{}", "removed": False},
        {"domain": "delta.clustering", "configuration": "", "removed": True},
    ]


@pytest.mark.parametrize(
    ("before", "since"),
    [
        ({}, {"Version": "4", "Timestamp": "1000"}),
        ({"delta.enableInCommitTimestamps": "true"}, {}),
        (
            {
                "delta.enableInCommitTimestamps": "true",
                "delta.inCommitTimestampEnablementVersion": "2",
                "delta.inCommitTimestampEnablementTimestamp": "7",
            },
            {"Version": "2", "Timestamp": "7"},
        ),
    ],
)
def test_in_commit_timestamps_say_since_when(before: dict[str, str], since: dict[str, str]) -> None:
    clone = made(configuration={"delta.enableInCommitTimestamps": "true"}, inCommitTimestamp=1)
    actions = replaced(clone, metadata={"id": "old", "configuration": before})
    assert actions[0]["commitInfo"]["inCommitTimestamp"] == 1000
    assert actions[2]["metaData"]["configuration"] == {
        "delta.enableInCommitTimestamps": "true",
        **{f"delta.inCommitTimestampEnablement{name}": value for name, value in since.items()},
    }
