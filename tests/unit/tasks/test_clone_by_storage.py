"""The clone method `storage` on tables in memory: both clones, the refusals, and that nothing is left or published."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import pytest
from tables_in_memory import REQUEST, SOURCE, TablesInMemory, tables, target

from lakefs_unity_export.clones.decision import Action
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.clones.scratch import Scratch
from lakefs_unity_export.clones.storage_clone import Addresses
from lakefs_unity_export.errors import LakeFSUnavailableError, StorageCloneError
from lakefs_unity_export.tasks.clone_table import CloneFailedError, clone

BY_STORAGE = replace(REQUEST, method=CloneMethod.STORAGE)
ADDRESSES = {f"part-{number}": f"s3://storage/shop/data/{number}" for number in range(3)}


@dataclass
class ScratchInMemory:
    """Drafts and their logs; a draft that was cloned to has one line a file of the source."""

    files: list[str] = field(default_factory=lambda: list(ADDRESSES))
    written: dict[str, list[str]] = field(default_factory=dict)
    made: int = 0
    is_removed: bool = False

    def new_table(self) -> str:
        self.made += 1
        return f"file:/scratch/{self.made}"

    def read_log(self, table: str) -> list[str]:
        uris = [f"{BY_STORAGE.source_path}/{file}" for file in self.files]
        return ['{"protocol":{}}', *(json.dumps({"add": {"path": uri, "size": 100}}) for uri in uris)]

    def write_log(self, table: str, lines: Iterable[str]) -> None:
        self.written[table] = list(lines)

    def remove(self) -> None:
        self.is_removed = True


@dataclass
class Steps:
    drafts: ScratchInMemory = field(default_factory=ScratchInMemory)
    known: Callable[[], Addresses] = lambda: ADDRESSES

    def scratch(self) -> Scratch:
        return self.drafts

    def addresses(self) -> Addresses:
        return self.known()


def there(**more: object) -> TablesInMemory:
    """The source, and the second draft, which Delta would read from the log that was written."""
    at = tables(target(), **more)
    at.found["file:/scratch/2"] = replace(SOURCE, location="file:/scratch/2")
    return at


def test_the_target_is_cloned_from_a_draft_that_names_lakefs_storage() -> None:
    at, steps = there(), Steps()
    result = clone(at, BY_STORAGE, steps=steps)
    assert (result.action, result.method, result.files, result.bytes) == (Action.CLONED, CloneMethod.STORAGE, 3, 300)
    assert [call[:3] for call in at.calls] == [
        ("clone", BY_STORAGE.source_path, "file:/scratch/1"),
        ("clone", "file:/scratch/2", BY_STORAGE.target_path),
    ]
    paths = [json.loads(line)["add"]["path"] for line in steps.drafts.written["file:/scratch/2"][1:]]
    assert paths == list(ADDRESSES.values())
    assert at.found[BY_STORAGE.target_path].properties == BY_STORAGE.provenance.properties()
    assert at.found["file:/scratch/1"].properties == {}
    assert steps.drafts.is_removed
    assert clone(at, BY_STORAGE, steps=steps).action is Action.CURRENT


def refused(at: TablesInMemory, steps: Steps, error: type[Exception], match: str) -> None:
    """The clone has to fail so, with the target as it was and the drafts gone."""
    before = at.found[BY_STORAGE.target_path]
    with pytest.raises(error, match=match):
        clone(at, BY_STORAGE, steps=steps)
    assert at.found[BY_STORAGE.target_path] == before
    assert steps.drafts.is_removed


@pytest.mark.parametrize(
    ("addresses", "match"),
    [
        ({}, "lakeFS lists no object 'part-0' under .*: the table is broken at this commit"),
        ({**ADDRESSES, "part-1": "mem://shop/data/1"}, "Spark has no such store"),
        ({**ADDRESSES, "part-1": "local:///lakefs/data/1"}, "on its own disk, where nobody else reads it"),
        ({**ADDRESSES, "part-1": ADDRESSES["part-0"]}, "lakeFS keeps 'part-1' and 'part-0' .* as one object"),
        (
            {**ADDRESSES, "part-1": "https://account.blob.core.windows.net/exports/lake/main/orders/data/1"},
            "encloses abfss://exports@account.dfs.core.windows.net/lake/main/orders/data/1, where lakeFS keeps 'part-1",
        ),
    ],
)
def test_an_object_that_the_log_cannot_name_publishes_nothing(addresses: dict[str, str], match: str) -> None:
    refused(there(), Steps(known=lambda: addresses), StorageCloneError, match)


def test_a_draft_with_other_files_than_the_source_publishes_nothing() -> None:
    steps = Steps(ScratchInMemory(files=["part-0", "part-1"]))
    refused(there(), steps, StorageCloneError, "names 2 files of 200 bytes, and the table has 3 of 300")


def test_a_draft_in_which_delta_finds_other_files_publishes_nothing_however_often_it_is_tried() -> None:
    at, match = there(), "names 2 files of 300 bytes, and the table has 3 of 300"
    at.found["file:/scratch/2"] = replace(at.found["file:/scratch/2"], files=2)
    for _ in range(2):
        refused(at, Steps(), StorageCloneError, match)
    assert {call[2] for call in at.calls} == {"file:/scratch/1"}


def test_a_draft_in_which_delta_finds_no_table_publishes_nothing() -> None:
    at = there()
    del at.found["file:/scratch/2"]
    refused(at, Steps(), StorageCloneError, "Delta finds no table in the log of a clone of s3a://")


def test_a_lakefs_that_goes_away_after_the_first_clone_publishes_nothing() -> None:
    def gone() -> Addresses:
        raise LakeFSUnavailableError("lakeFS at https://lakefs.example.com did not answer")

    refused(there(), Steps(known=gone), LakeFSUnavailableError, "did not answer")


def test_a_first_clone_that_fails_publishes_nothing() -> None:
    refused(there(failures={"clone": OSError("disk full")}), Steps(), CloneFailedError, "disk full")
