"""The objects of a commit or branch: an immutable map from path to entry that shares folders with its predecessors."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

KEPT_LISTINGS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One object: where its bytes are, and what lakeFS tells about it.

    `checksum` is the S3 entity tag without quotes, `size` is in bytes, `modified` in seconds since the epoch.
    """

    address: str
    checksum: str
    size: int
    modified: float
    content_type: str = "application/octet-stream"
    metadata: Mapping[str, str] = field(default_factory=dict)

    def same_content(self, other: "Entry") -> bool:
        """Whether replacing one by the other is no change."""
        return self is other or (
            (self.checksum, self.size, self.content_type) == (other.checksum, other.size, other.content_type)
            and self.metadata == other.metadata
        )


Folder = Mapping[str, Entry]


class ObjectTree:
    """Paths and their entries, grouped by folder so that a change copies one folder and the list of folders.

    Comparing strings in Python orders them as their UTF-8 bytes, which is lakeFS's order.
    """

    def __init__(self, folders: Mapping[str, Folder] | None = None, digests: Mapping[str, bytes] | None = None) -> None:
        """`digests` are those of folders, as far as they are known."""
        self.folders: Mapping[str, Folder] = folders or {}
        self._listings: dict[str, list[str]] = {}
        self._digests = dict(digests or {})

    @cached_property
    def digest(self) -> str:
        """64 hexadecimal digits that two trees share where no object differs."""
        whole = hashlib.sha256()
        for folder in sorted(self.folders):
            if folder not in self._digests:
                self._digests[folder] = _folder_digest(folder, self.folders[folder])
            whole.update(self._digests[folder])
        return whole.hexdigest()

    def get(self, path: str) -> Entry | None:
        """The entry at this path, if any."""
        folder, name = split_path(path)
        return self.folders.get(folder, {}).get(name)

    def with_changes(self, changes: Mapping[str, Entry | None]) -> "ObjectTree":
        """A tree with these entries put in, or removed where the entry is None."""
        folders = dict(self.folders)
        copied: dict[str, dict[str, Entry]] = {}
        for path, entry in changes.items():
            folder, name = split_path(path)
            if folder not in copied:
                copied[folder] = dict(folders.get(folder, {}))
            if entry is None:
                copied[folder].pop(name, None)
            else:
                copied[folder][name] = entry
        for folder, entries in copied.items():
            if entries:
                folders[folder] = entries
            else:
                folders.pop(folder, None)
        return ObjectTree(folders, {folder: self._digests[folder] for folder in self._digests.keys() - copied.keys()})

    def paths(self, prefix: str = "") -> list[str]:
        """The sorted paths that start with the prefix. The list is shared: do not change it."""
        if prefix not in self._listings:
            if len(self._listings) >= KEPT_LISTINGS:
                self._listings.clear()
            self._listings[prefix] = sorted(self._unsorted(prefix))
        return self._listings[prefix]

    def addresses(self) -> Iterator[str]:
        """Where the bytes of each object are."""
        return (entry.address for entries in self.folders.values() for entry in entries.values())

    def _unsorted(self, prefix: str) -> Iterator[str]:
        for folder, entries in self.folders.items():
            if folder.startswith(prefix):
                yield from (folder + name for name in entries)
            elif prefix.startswith(folder):
                rest = prefix[len(folder) :]
                yield from (folder + name for name in entries if name.startswith(rest))

    def __len__(self) -> int:
        return sum(len(entries) for entries in self.folders.values())


def _folder_digest(folder: str, entries: Folder) -> bytes:
    # With its length, a name can hold any character.
    lines = [folder, *(f"{len(name)}:{name}{_identity(entries[name])}" for name in sorted(entries))]
    return hashlib.sha256("\0".join(lines).encode()).digest()


def _identity(entry: Entry) -> str:
    """What `same_content` compares."""
    metadata = json.dumps(sorted(entry.metadata.items())) if entry.metadata else ""
    return f"{entry.checksum}\0{entry.size}\0{entry.content_type}\0{metadata}"


def split_path(path: str) -> tuple[str, str]:
    """The folder with its trailing slash, and the name in it."""
    end = path.rfind("/") + 1
    return path[:end], path[end:]
