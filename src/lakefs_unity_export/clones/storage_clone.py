"""The clone method `storage`: a shallow clone whose log names the objects where lakeFS keeps them.

Both steps are clones that Delta makes: one from the gateway into a scratch folder, and, once its log is rewritten, one
from there to the target. So properties, history and every feature of the protocol are Delta's matter.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from lakefs_unity_export import names
from lakefs_unity_export.clones.delta_tables import DeltaTables, OpenTable, TableDetail
from lakefs_unity_export.clones.scratch import Scratch
from lakefs_unity_export.clones.storage_log import RewrittenLog, rewritten
from lakefs_unity_export.clones.storage_uris import Place, on_own_disk, place_of
from lakefs_unity_export.errors import StorageCloneError

_HOW = "use the clone method shallow or deep for this table, and report this"

# By key inside the table's folder, as lakeFS names a place.
Addresses = Mapping[str, str]


class StorageSteps(Protocol):
    """What the method needs beside Delta, for one table at one commit."""

    def scratch(self) -> Scratch:
        """A new place for drafts."""

    def addresses(self) -> Addresses:
        """The physical address of each object of the table."""


@contextmanager
def drafted_by_storage(
    tables: DeltaTables, source: OpenTable, *, source_path: str, target_path: str, steps: StorageSteps
) -> Iterator[OpenTable]:
    """A table that has the source's rows and names lakeFS's storage, to be cloned from. It is gone afterwards.

    source: the table at source_path.
    Raises StorageCloneError where a file cannot be named so, or the table would not be whole, what the steps raise,
    and what Delta does.
    """
    scratch = steps.scratch()
    try:
        yield _draft(tables, source, source_path, target_path, scratch, steps)
    finally:
        scratch.remove()


def _draft(
    tables: DeltaTables,
    source: OpenTable,
    source_path: str,
    target_path: str,
    scratch: Scratch,
    steps: StorageSteps,
) -> OpenTable:
    by_gateway = scratch.new_table()
    source.clone(by_gateway, properties={}, user_metadata=None)
    log = scratch.read_log(by_gateway)
    places = _Places(steps.addresses(), source_path, target_path)
    moved = rewritten(log, source_path=source_path, place_of_key=places.of_key)
    _check_whole(moved, source.detail, source_path)
    by_storage = scratch.new_table()
    scratch.write_log(by_storage, moved.lines)
    draft = tables.open(by_storage)
    if draft is None:
        raise StorageCloneError(
            f"Delta finds no table in the log of a clone of {source_path} that was rewritten; {_HOW}"
        )
    # As Delta reads it, before anything is published: a check of the target would come too late for a next run, which
    # finds it at this commit.
    _check_whole(draft.detail, source.detail, source_path)
    return draft


def _check_whole(found: RewrittenLog | TableDetail, source: TableDetail, source_path: str) -> None:
    """Raises StorageCloneError where the files are not as many, and as large, as those of the source."""
    if (found.files, found.bytes) != (source.files, source.bytes):
        raise StorageCloneError(
            f"a clone of {source_path} names {found.files} files of {found.bytes} bytes, and the table has "
            f"{source.files} of {source.bytes}; {_HOW}"
        )


class _Places:
    """Where the objects of one table lie, none of them in the target."""

    def __init__(self, addresses: Addresses, source_path: str, target_path: str) -> None:
        self._addresses = addresses
        self._source_path = source_path
        self._target_path = target_path

    def of_key(self, key: str) -> Place:
        address = self._addresses.get(key)
        if address is None:
            raise StorageCloneError(
                f"lakeFS lists no object {key!r} under {self._source_path}, which the table's log names: the table is "
                "broken at this commit. Commit the object, or export another commit"
            )
        place = place_of(address)
        if place.scheme == "file" and not self._target_path.startswith("file:"):
            raise StorageCloneError(on_own_disk(f"{key!r} of {self._source_path}"))
        if names.encloses(self._target_path, place.location):
            raise StorageCloneError(
                f"the target path {self._target_path} encloses {place.location}, where lakeFS keeps {key!r} of "
                f"{self._source_path}, and a VACUUM of the target could remove it: export to another "
                "target_base_location"
            )
        return place
