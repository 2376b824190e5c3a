"""The clone method `storage`: a shallow clone whose log names the objects where lakeFS keeps them.

Both steps are clones that Delta makes: one from the gateway into a scratch folder, and, once its log is rewritten, one
from there to the target. So properties, history and every feature of the protocol are Delta's matter.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from lakefs_unity_export import names
from lakefs_unity_export.clones.delta_tables import DeltaTables, TableState
from lakefs_unity_export.clones.scratch import Scratch
from lakefs_unity_export.clones.storage_log import RewrittenLog, rewritten
from lakefs_unity_export.clones.storage_uris import Place, on_own_disk, place_of
from lakefs_unity_export.errors import StorageCloneError

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
    tables: DeltaTables, source: TableState, *, source_path: str, target_path: str, steps: StorageSteps
) -> Iterator[str]:
    """A table that has the source's rows and names lakeFS's storage: its URI, to be cloned from. It is gone afterwards.

    source: the state of the table at source_path.
    Raises StorageCloneError where a file cannot be named so, what the steps raise, and what Delta does.
    """
    scratch = steps.scratch()
    try:
        yield _draft(tables, source, source_path, target_path, scratch, steps)
    finally:
        scratch.remove()


def _draft(
    tables: DeltaTables,
    source: TableState,
    source_path: str,
    target_path: str,
    scratch: Scratch,
    steps: StorageSteps,
) -> str:
    by_gateway = scratch.new_table()
    tables.clone(source_path, by_gateway, properties={}, user_metadata=None)
    log = scratch.read_log(by_gateway)
    places = _Places(steps.addresses(), source_path, target_path)
    moved = rewritten(log, source_path=source_path, place_of_key=places.of_key)
    check_whole(moved, source, source_path)
    by_storage = scratch.new_table()
    scratch.write_log(by_storage, moved.lines)
    return by_storage


def check_whole(found: RewrittenLog | TableState, source: TableState, source_path: str) -> None:
    """Raises StorageCloneError where the files are not as many, and as large, as those of the source."""
    if (found.files, found.bytes) != (source.files, source.bytes):
        raise StorageCloneError(
            f"a clone of {source_path} names {found.files} files of {found.bytes} bytes, and the table has "
            f"{source.files} of {source.bytes}; use the clone method shallow or deep for this table, and report this"
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
