"""Which tables and descriptors differ between two commits, in as few calls as the difference allows.

Most commits change fewer objects than a page of the diff has, so its first page is read as it is, and those after it as
long as each tells of tables in several folders. Else the diff is walked with the delimiter: lakeFS then skips over a
changed prefix, so a walk costs one call (or page) for each changed folder above a table, whatever the number of objects
or of tables in them.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from lakefs_unity_export.ports import DiffEntry, DiffPage, DiffReader

# A page that tells of fewer folders than this spares no call of a walk.
_FOLDERS_OF_A_PAGE = 2


@dataclass(frozen=True, kw_only=True)
class Changes:
    """The table paths with a changed object, and the changed objects of the descriptor folder by kind of change."""

    table_paths: frozenset[str] = frozenset()
    descriptor_files: frozenset[str] = frozenset()
    removed_descriptor_files: frozenset[str] = frozenset()

    @property
    def of_descriptors(self) -> frozenset[str]:
        """Every object of the descriptor folder that was added, changed or removed."""
        return self.descriptor_files | self.removed_descriptor_files


@dataclass
class _Walk:
    read_page: DiffReader
    folder: str
    table_prefixes: frozenset[str]
    found: set[str] = field(default_factory=set)
    changed_files: set[str] = field(default_factory=set)
    removed_files: set[str] = field(default_factory=set)

    @cached_property
    def children(self) -> dict[str, list[bytes]]:
        """For each folder on the way to a table or the descriptors, what we look for in it, in byte order."""
        return _children_by_folder([*self.table_prefixes, self.folder])


def find_changes(read_page: DiffReader, *, table_paths: Iterable[str], folder: str) -> Changes:
    """What changed of the given tables and of the descriptor folder.

    Parameters: a reader of the diff, the paths of the tables at the newer commit, and the descriptor folder.
    Raises what the reader raises.
    """
    table_prefixes = frozenset(path + "/" for path in table_paths)
    walk = _Walk(
        read_page=read_page,
        folder=folder + "/",
        table_prefixes=table_prefixes,
    )
    if not _has_read_whole(walk):
        _visit(walk, "")
    return Changes(
        table_paths=frozenset(prefix.removesuffix("/") for prefix in walk.found),
        descriptor_files=frozenset(walk.changed_files),
        removed_descriptor_files=frozenset(walk.removed_files),
    )


def _children_by_folder(prefixes: Iterable[str]) -> dict[str, list[bytes]]:
    children: dict[str, set[bytes]] = defaultdict(set)
    for prefix in prefixes:
        parts = prefix.removesuffix("/").split("/")
        for depth in range(len(parts)):
            parent = "".join(part + "/" for part in parts[:depth])
            children[parent].add((parent + parts[depth] + "/").encode())
    return {parent: sorted(found) for parent, found in children.items()}


def _has_read_whole(walk: _Walk) -> bool:
    """Read the diff as it is, page after page, as long as that takes fewer calls than a walk; whether to its end."""
    for page in _pages(walk, ""):
        found = {holder for entry in page.entries if (holder := _note(walk, entry))}
        # The folders that a walk would ask for.
        folders = {holder[: holder.rfind("/", 0, -1) + 1] for holder in found}
        if page.has_more and page.entries and len(folders) < _FOLDERS_OF_A_PAGE:
            return False
    return True


def _pages(walk: _Walk, prefix: str) -> Iterator[DiffPage]:
    """Every page of the changed objects under the prefix, each asked for once it is wanted."""
    after = ""
    while True:
        page = walk.read_page(prefix=prefix, after=after, delimiter="")
        yield page
        if not page.has_more or not page.entries:
            return
        after = page.entries[-1].path


def _note(walk: _Walk, entry: DiffEntry) -> str:
    """Keep what a changed object tells; the table or the descriptor folder that it lies in, empty where in none."""
    holder = _holder(walk, entry.path)
    if holder == walk.folder:
        _note_descriptor(walk, entry)
    elif holder:
        walk.found.add(holder)
    return holder


def _holder(walk: _Walk, path: str) -> str:
    end = path.find("/") + 1
    while end:
        if (prefix := path[:end]) == walk.folder or prefix in walk.table_prefixes:
            return prefix
        end = path.find("/", end) + 1
    return ""


def _note_descriptor(walk: _Walk, entry: DiffEntry) -> None:
    (walk.removed_files if entry.type == "removed" else walk.changed_files).add(entry.path)


def _visit(walk: _Walk, prefix: str) -> None:
    for entry in _changed_children(walk, prefix):
        if entry == walk.folder:
            _visit_descriptors(walk)
        elif entry in walk.table_prefixes:
            walk.found.add(entry)
        else:
            _visit(walk, entry)


def _changed_children(walk: _Walk, prefix: str) -> Iterator[str]:
    """The wanted children of a folder that hold changes. Pages in which nothing wanted can be are leapt over."""
    wanted = walk.children[prefix]
    after = ""
    while True:
        page = walk.read_page(prefix=prefix, after=after, delimiter="/")
        for entry in page.entries:
            if entry.is_prefix and _holds(wanted, entry.path.encode()):
                yield entry.path
        if not page.has_more or not page.entries:
            return
        last = page.entries[-1].path.encode()
        position = bisect_right(wanted, last)
        if position == len(wanted):
            return
        after = max(_page_end(page), _just_before(wanted[position].decode()), key=str.encode)


def _holds(ordered: list[bytes], key: bytes) -> bool:
    position = bisect_right(ordered, key)
    return position > 0 and ordered[position - 1] == key


def _page_end(page: DiffPage) -> str:
    """Where the next page starts. After an object the server would skip every key that begins with its path."""
    last = page.entries[-1]
    return last.path if last.is_prefix else last.path + "\x00"


def _just_before(prefix: str) -> str:
    """A key that sorts before everything in the folder, and after nearly everything else: `.` precedes `/`."""
    return prefix.removesuffix("/") + "."


def _visit_descriptors(walk: _Walk) -> None:
    for page in _pages(walk, walk.folder):
        for entry in page.entries:
            _note_descriptor(walk, entry)
