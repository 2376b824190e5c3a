"""The descriptor files of a commit in lakeFS, and of the watermark that an export starts from.

A descriptor can take others' validity: two that end at one table are both refused, and so is one whose table
lies inside another's. Once the other one is mended or removed, the table is to be exported, although nothing of
its own changed since. So what was described at the watermark matters, not only which files changed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from lakefs_unity_export.commit import descriptors
from lakefs_unity_export.commit.changes import Changes
from lakefs_unity_export.commit.descriptors import Descriptor, NamingRules, Problem
from lakefs_unity_export.errors import LakeFSError, LakeFSUnavailableError
from lakefs_unity_export.ports import ObjectInfo

Contents = dict[str, bytes | Problem]


class DescriptorReader(Protocol):
    """What is asked of lakeFS here; a part of LakeFSReader."""

    def list_objects(self, ref: str, prefix: str) -> Iterator[ObjectInfo]:
        """Every object under the prefix at the ref."""

    def read_objects(self, ref: str, paths: list[str]) -> dict[str, bytes | LakeFSError]:
        """The contents of the objects at the ref; for each, its bytes or why it could not be read."""


def read_files(
    commit_id: str, rules: NamingRules, wanted: Sequence[str], lakefs: DescriptorReader
) -> tuple[Contents, list[str]]:
    """The descriptor files at a commit, those `wanted` or all, and notes on what is wanted in vain.

    A file that cannot be read, or is too large for a descriptor, is a Problem. Raises what `lakefs` raises, and
    LakeFSUnavailableError for content of another size than the file's: a page of a proxy, say, must not pass for an
    invalid descriptor, which the watermark moves past.
    """
    sizes = _sizes(commit_id, rules, lakefs)
    files, notes = descriptors.select_files(sizes, rules.folder, wanted)
    return _read(commit_id, files, sizes, lakefs), notes


def read_earlier(
    base: str,
    changes: Changes,
    contents: Mapping[str, bytes | Problem],
    rules: NamingRules,
    wanted: Sequence[str],
    lakefs: DescriptorReader,
) -> tuple[Descriptor, ...]:
    """The tables that were described at the commit `base`, from the files of now and the changes since.

    Only files that changed are read. Raises what `lakefs` raises.
    """
    changed, _ = read_some(base, changes.of_descriptors, rules, wanted, lakefs)
    untouched = {file: content for file, content in contents.items() if file not in changes.of_descriptors}
    return descriptors.read_descriptors({**untouched, **changed}, rules).tables


def read_some(
    commit_id: str, some: Collection[str], rules: NamingRules, wanted: Sequence[str], lakefs: DescriptorReader
) -> tuple[Contents, list[str]]:
    """As `read_files`, but of the files only `some`, those of them that are there."""
    sizes = _sizes(commit_id, rules, lakefs)
    files, notes = descriptors.select_files(sorted(sizes.keys() & some), rules.folder, wanted)
    return _read(commit_id, files, sizes, lakefs), notes


def read_ranks(commit_id: str, ranks: Collection[range], rules: NamingRules, lakefs: DescriptorReader) -> Contents:
    """As `read_files`, but only of the files at these ranks, from 0, among all of them in the order of their paths."""
    sizes = _sizes(commit_id, rules, lakefs)
    files, _ = descriptors.select_files(sizes, rules.folder, ())
    some = [file for rank, file in enumerate(sorted(files)) if any(rank in each for each in ranks)]
    return _read(commit_id, some, sizes, lakefs)


def read_merged(
    destination: str,
    source: str,
    from_source: Collection[str],
    rules: NamingRules,
    wanted: Sequence[str],
    lakefs: DescriptorReader,
) -> Contents:
    """The descriptor files that a merge leaves: those of the destination, but `from_source` as the source has them.

    Raises what `read_files` raises.
    """
    kept = {file: size for file, size in _sizes(destination, rules, lakefs).items() if file not in from_source}
    taken = {file: size for file, size in _sizes(source, rules, lakefs).items() if file in from_source}
    files, _ = descriptors.select_files(sorted({**kept, **taken}), rules.folder, wanted)
    contents = _read(destination, [file for file in files if file in kept], kept, lakefs)
    contents |= _read(source, [file for file in files if file in taken], taken, lakefs)
    return {file: contents[file] for file in files}


def _sizes(commit_id: str, rules: NamingRules, lakefs: DescriptorReader) -> dict[str, int]:
    return {entry.path: entry.size for entry in lakefs.list_objects(commit_id, rules.folder + "/")}


def _read(commit_id: str, files: Sequence[str], sizes: Mapping[str, int], lakefs: DescriptorReader) -> Contents:
    contents: Contents = {
        file: Problem(file=file, field="", message=f"has {sizes[file]} bytes; a descriptor is a few lines of YAML")
        for file in files
        if sizes[file] > descriptors.MAX_DESCRIPTOR_BYTES
    }
    small = [file for file in files if file not in contents]
    for file, content in (lakefs.read_objects(commit_id, small) if small else {}).items():
        if isinstance(content, LakeFSError):
            contents[file] = Problem(file=file, field="", message=str(content))
        elif len(content) == sizes[file]:
            contents[file] = content
        else:
            raise LakeFSUnavailableError(
                f"lakeFS answered {len(content)} bytes for {file!r} at commit {commit_id!r}, which has {sizes[file]}; "
                "check that no proxy answers in its place, then repair the run"
            )
    return contents
