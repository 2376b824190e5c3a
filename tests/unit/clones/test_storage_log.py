"""The log of a clone, rewritten: every file named by its place, and nothing else changed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakefs_unity_export.clones.storage_log import rewritten
from lakefs_unity_export.clones.storage_uris import Place
from lakefs_unity_export.errors import StorageCloneError

COMMIT = "c" * 64
SOURCE = f"s3a://lake/{COMMIT}/tables/ä b"
# As Delta writes it: the path encoded once.
ENCODED = f"s3a://lake/{COMMIT}/tables/%C3%A4%20b"


def place_of_key(key: str) -> Place:
    return Place(scheme="s3", authority="storage", key=f"data/{key}")


def add(path: str, **more: Any) -> dict[str, Any]:
    return {"add": {"path": path, "partitionValues": {}, "size": 10, "dataChange": True, **more}}


def moved(*actions: dict[str, Any]) -> list[dict[str, Any]]:
    log = [json.dumps(action) for action in actions]
    return [json.loads(line) for line in rewritten(log, source_path=SOURCE, place_of_key=place_of_key).lines]


@pytest.mark.parametrize(
    ("inside", "key"),
    [
        ("part-0.parquet", "part-0.parquet"),
        # The folder of a partition is escaped for Hive, and its name then encoded for the URI.
        ("p=%252F%2520/part%252F0.parquet", "p=%252F%2520/part%252F0.parquet"),
        ("p=%E8%A1%A8/a+b.parquet", "p=%E8%A1%A8/a%2Bb.parquet"),
    ],
)
def test_a_file_is_named_by_its_place(inside: str, key: str) -> None:
    (action,) = moved(add(f"{ENCODED}/{inside}"))
    assert action == add(f"s3://storage/data/{key}")


def test_deletion_vectors_are_moved_and_inline_ones_stay() -> None:
    by_path = {"storageType": "p", "pathOrInlineDv": f"{ENCODED}/deletion_vector_1.bin", "offset": 1}
    inline = {"storageType": "i", "pathOrInlineDv": "s3a://lake/base85", "cardinality": 1}
    one, other = moved(add(f"{ENCODED}/a", deletionVector=by_path), add(f"{ENCODED}/b", deletionVector=inline))
    assert one["add"]["deletionVector"]["pathOrInlineDv"] == "s3://storage/data/deletion_vector_1.bin"
    assert other["add"]["deletionVector"] == inline


def test_files_of_actions_that_are_not_known_are_moved_at_any_depth() -> None:
    (action,) = moved(
        {"sidecar2": {"parts": [{"path": f"{ENCODED}/x"}], "more": {"deep": [[{"path": f"{ENCODED}/y"}]]}}}
    )
    assert action == {
        "sidecar2": {
            "parts": [{"path": "s3://storage/data/x"}],
            "more": {"deep": [[{"path": "s3://storage/data/y"}]]},
        }
    }


def test_texts_of_the_tables_owner_are_no_files() -> None:
    uri = f"{ENCODED}/a"
    texts = add(f"{ENCODED}/a", tags={"path": uri}, stats=uri, partitionValues={"path": uri, "pathOrInlineDv": uri})
    metadata = {"metaData": {"name": uri, "description": uri, "schemaString": uri, "configuration": {"path": uri}}}
    info = {"commitInfo": {"operationParameters": {"source": f"delta.`{uri}`", "path": uri}}}
    result = moved(info, metadata, texts)
    assert result[:2] == [info, metadata]
    assert result[2] == {"add": {**texts["add"], "path": "s3://storage/data/a"}}


def test_lines_without_a_file_stay_to_the_last_letter() -> None:
    line = '{"protocol": {"minReaderVersion":3 , "x":1.50, "name":"s3a://lake/x"}}'
    log = rewritten([line], source_path=SOURCE, place_of_key=place_of_key)
    assert (log.lines, log.files, log.bytes) == ((line,), 0, 0)


def test_the_files_that_are_added_are_counted() -> None:
    log = [json.dumps(add(f"{ENCODED}/{name}")) for name in "abc"]
    found = rewritten(log, source_path=SOURCE, place_of_key=place_of_key)
    assert (found.files, found.bytes) == (3, 30)


@pytest.mark.parametrize("field", ["file", "pathNew", "location", "source"])
def test_a_gateway_uri_in_a_field_of_another_name_is_refused(field: str) -> None:
    with pytest.raises(StorageCloneError, match=f"names a file in a field '{field}', which this version does not know"):
        moved(add(f"{ENCODED}/a", **{field: f"{ENCODED}/b"}))
    with pytest.raises(StorageCloneError, match="which this version does not know"):
        moved({"new": {"list": [f"s3a://lake/{'d' * 64}/x"]}})


@pytest.mark.parametrize(
    "path",
    [
        "part-0.parquet",
        "",
        f"s3a://lake/{'d' * 64}/tables/%C3%A4%20b/part-0.parquet",
        f"s3a://lake/{COMMIT}/tables/other/part-0.parquet",
        f"s3a://lake/{COMMIT}/tables/%C3%A4%20bc/part-0.parquet",
        "s3a://other/part-0.parquet",
        "s3://lake/part-0.parquet",
        "file:/part-0.parquet",
        f"{ENCODED}/%FF",
    ],
)
def test_a_file_that_is_not_under_the_table_at_this_commit_is_refused(path: str) -> None:
    with pytest.raises(StorageCloneError, match="which is not under the table at this commit; use the clone method"):
        moved(add(path))


def test_a_relative_deletion_vector_is_refused() -> None:
    vector = {"storageType": "u", "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^", "offset": 4}
    with pytest.raises(StorageCloneError, match="which is not under the table"):
        moved(add(f"{ENCODED}/a", deletionVector=vector))


def test_two_keys_that_are_one_object_are_refused_and_one_key_twice_is_not() -> None:
    one = Place(scheme="s3", authority="storage", key="data/same")
    log = [json.dumps(add(f"{ENCODED}/{name}")) for name in "ab"]
    with pytest.raises(StorageCloneError, match=r"lakeFS keeps 'b' and 'a' .* as one object, s3://storage/data/same"):
        rewritten(log, source_path=SOURCE, place_of_key=lambda key: one)
    vector = {"storageType": "p", "pathOrInlineDv": f"{ENCODED}/dv.bin"}
    assert len(moved(add(f"{ENCODED}/a", deletionVector=vector), add(f"{ENCODED}/b", deletionVector=vector))) == 2


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.text() | st.integers(), st.lists), max_size=3))
def test_whatever_else_an_action_holds_stays(more: dict[str, Any]) -> None:
    more = {name: value for name, value in more.items() if name not in ("path", "pathOrInlineDv")}
    (action,) = moved(add(f"{ENCODED}/a") | {"add": {**more, "path": f"{ENCODED}/a", "size": 1}})
    assert action == {"add": {**more, "path": "s3://storage/data/a", "size": 1}}
