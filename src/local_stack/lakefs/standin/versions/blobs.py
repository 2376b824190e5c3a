"""Where the bytes of objects live, each under its physical address: files, or an S3, by the storage namespace."""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Blob:
    """Stored bytes: their physical address, their entity tag without quotes and their size in bytes."""

    address: str
    checksum: str
    size: int


class BlockStore(Protocol):
    """Bytes by place: what a physical address names after its scheme."""

    def base(self, namespace: str) -> str:
        """The place of a storage namespace. Raises ValueError, with the reason, where it can have none."""

    def write(self, place: str, content: bytes) -> None:
        """Keep these bytes; they can be read at their place by others once this returns."""

    def read(self, place: str, start: int, length: int | None) -> bytes | None:
        """The bytes at the place from `start`, at most `length` of them, or None where there are none."""

    def holds(self, place: str) -> bool:
        """Whether there are bytes at the place."""

    def remove(self, place: str) -> None:
        """Forget the bytes at the place, where there are any."""


class LocalFiles:
    """A block store of files, as a lakeFS server with local storage has it: places are absolute paths."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def base(self, namespace: str) -> str:
        """The folder of a namespace."""
        parts = namespace.strip("/").split("/")
        if any(part in ("", ".", "..") for part in parts):
            raise ValueError(f"local://{namespace} names no folder below the block store's own")
        return str(self._folder.joinpath(*parts))

    def write(self, place: str, content: bytes) -> None:
        """Write the file."""
        file = Path(place)
        try:
            file.write_bytes(content)
        except FileNotFoundError:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)

    def read(self, place: str, start: int, length: int | None) -> bytes | None:
        """Read the file, or a part of it."""
        try:
            with Path(place).open("rb") as file:
                file.seek(start)
                return file.read() if length is None else file.read(length)
        except FileNotFoundError:
            return None

    def holds(self, place: str) -> bool:
        """Whether the file is there."""
        return Path(place).is_file()

    def remove(self, place: str) -> None:
        """Remove the file."""
        Path(place).unlink(missing_ok=True)


class BlobStore:
    """Bytes by their physical address, in one block store for each scheme of storage namespaces."""

    def __init__(self, stores: Mapping[str, BlockStore]) -> None:
        self._stores = dict(stores)
        self._partition = _name()

    @property
    def schemes(self) -> tuple[str, ...]:
        """The schemes of the storage namespaces that can be used."""
        return tuple(self._stores)

    def check(self, namespace: str) -> None:
        """Raise ValueError, with the reason, where nothing can be kept in the storage namespace."""
        scheme, _, place = namespace.partition("://")
        self._stores[scheme].base(place)

    def put(self, namespace: str, content: bytes) -> Blob:
        """Keep these bytes under a new address in the storage namespace, divided as a lakeFS server does."""
        scheme, _, place = namespace.partition("://")
        store = self._stores[scheme]
        place = f"{store.base(place)}/data/{self._partition}/{_name()}"
        store.write(place, content)
        checksum = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return Blob(address=f"{scheme}://{place}", checksum=checksum, size=len(content))

    def read(self, address: str, start: int = 0, length: int | None = None) -> bytes:
        """The bytes at the address, or a part of them. Raises KeyError where there are none."""
        store, place = self._found(address)
        content = store.read(place, start, length)
        if content is None:
            raise KeyError(address)
        return content

    def holds(self, address: str) -> bool:
        """Whether there are bytes at the address."""
        store, place = self._found(address)
        return store.holds(place)

    def remove(self, address: str) -> None:
        """Forget the bytes at the address."""
        store, place = self._found(address)
        store.remove(place)

    def _found(self, address: str) -> tuple[BlockStore, str]:
        scheme, _, place = address.partition("://")
        return self._stores[scheme], place


def _name() -> str:
    return uuid.uuid4().hex[:20]
