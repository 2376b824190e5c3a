"""What a deep clone copies, and how its log names it."""

from typing import Any

import pytest

from local_stack.cluster.deep_clone import Copy, another_name, missing, planned_file, renamed
from local_stack.cluster.vector_names import vector_file, vector_name

SOURCE = "s3a://lake/c0ffee/tables/t"
# From the Delta protocol, "Deletion Vector Descriptor Schema".
NAME, FILE = "ab^-aqEH.-t@S}K{vb[*k^", "ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin"


def file(path: str, vector: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"path": path, "size": 10} | ({"deletionVector": vector} if vector else {})


def relative(name: str = NAME) -> dict[str, Any]:
    return {"storageType": "u", "pathOrInlineDv": name, "offset": 1}


def test_the_file_of_a_vector_is_named_as_in_the_protocol() -> None:
    assert vector_file(NAME) == FILE
    assert vector_name(FILE) == NAME
    assert vector_file(NAME[2:]) == FILE[3:]
    assert vector_name(FILE[3:]) == NAME[2:]


@pytest.mark.parametrize("path", ["part-0.parquet", "p=%C3%A4%252F%253D/part-0.parquet", "p=a%20b/part%2Bx.parquet"])
def test_a_file_of_the_table_keeps_its_path(path: str) -> None:
    planned, copies = planned_file(file(path), SOURCE)
    assert planned == file(path)
    assert copies == [Copy(source=f"{SOURCE}/{path}", path=path, size=10)]
    assert planned_file(file(f"{SOURCE}/{path}"), SOURCE) == (planned, copies)


def test_files_outside_of_the_table_are_named_after_their_address() -> None:
    addresses = ["s3a://lake/beef/a/part-0.parquet", "s3a://lake/beef/b/part-0.parquet", "/local/part-0.parquet"]
    plans = [planned_file(file(address), SOURCE) for address in addresses]
    assert len({planned["path"] for planned, _ in plans}) == 3
    assert all(planned["path"].endswith("-part-0.parquet") and "/" not in planned["path"] for planned, _ in plans)
    assert [copies[0].source for _, copies in plans] == [*addresses[:2], "file:/local/part-0.parquet"]
    assert planned_file(file(addresses[0]), SOURCE) == plans[0]


def test_vectors_are_copied_with_their_file_and_stay_relative() -> None:
    planned, copies = planned_file(file("a", relative()), SOURCE)
    assert planned == file("a", relative())
    assert copies[1] == Copy(source=f"{SOURCE}/{FILE}", path=FILE)


def test_a_vector_of_an_absolute_path_becomes_relative() -> None:
    vector = {"storageType": "p", "pathOrInlineDv": f"s3a://lake/beef/t/{FILE}", "offset": 1}
    planned, (_, copy) = planned_file(file("a", vector), SOURCE)
    assert copy.source == vector["pathOrInlineDv"]
    assert planned["deletionVector"] == relative(vector_name(copy.path))
    assert planned_file(file("b", vector), SOURCE)[1][1] == copy


def test_a_vector_within_the_log_is_no_file() -> None:
    inline = {"storageType": "i", "pathOrInlineDv": "wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L"}
    assert planned_file(file("a", inline), SOURCE) == (
        file("a", inline),
        [Copy(source=f"{SOURCE}/a", path="a", size=10)],
    )


def test_what_the_target_names_already_is_not_copied() -> None:
    copies = [Copy(source="s", path=path, size=10) for path in ("kept", "grown", "new")]
    vectors = [Copy(source="s", path=path) for path in (FILE, FILE[3:])]
    present = [file("kept", relative()), {"path": "grown", "size": 11}, file("s3a://lake/beef/t/new")]
    assert [copy.path for copy in missing([*copies, *vectors], present)] == ["grown", "new", FILE[3:]]


def test_a_copy_that_got_another_name_is_named_so_in_the_log() -> None:
    data, vector = another_name("p=1/part-0.parquet"), another_name(FILE)
    assert data.startswith("p=1/")
    assert data.endswith("-part-0.parquet")
    found = renamed(file("p=1/part-0.parquet", relative()), {"p=1/part-0.parquet": data, FILE: vector})
    assert found == file(data, relative(vector_name(vector)))
    assert renamed(file("a", relative()), {}) == file("a", relative())
