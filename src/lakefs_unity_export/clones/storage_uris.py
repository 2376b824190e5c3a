"""Where lakeFS keeps its objects, as URIs that Spark and Unity Catalog take.

lakeFS names a place in its own way (its documentation, "Storage namespace" and "Object model"): `s3://bucket/key`,
`gs://bucket/key`, `https://account.blob.core.windows.net/container/key`, and `local:///folder/key` on its own disk.
Keys stand there as they are, without percent-encoding.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote

from lakefs_unity_export import names
from lakefs_unity_export.errors import SettingsError, StorageCloneError

# Objects that lakeFS writes lie below this folder of the namespace, and its garbage collection cleans up there.
DATA_FOLDER = "data"

_ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>[^/]*)/(?P<key>.*)", re.DOTALL)
_AZURE_HOST = re.compile(r"(?P<account>[a-z0-9]+)\.blob\.(?P<cloud>[a-z0-9.]+)")


@dataclass(frozen=True, kw_only=True)
class Place:
    """An object or a folder in a store, its key as it is."""

    scheme: str
    authority: str
    key: str

    @property
    def location(self) -> str:
        """As `target_base_location` is written, without encoding."""
        return f"{self.scheme}://{self.authority}/{self.key}"

    @property
    def uri(self) -> str:
        """As a Delta log names a file: percent-encoded."""
        return f"{self.scheme}://{self.authority}/{quote(self.key, safe='/=')}"


def place_of(address: str) -> Place:
    """The place that lakeFS means by a physical address. Raises StorageCloneError for one that Spark cannot read.

    `local://` becomes `file:`, which leads to it only on the server's own machine.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise _unreadable(address, "it is no URI with a scheme and a path")
    scheme, authority, key = found["scheme"], found["authority"], found["key"]
    if scheme in ("s3", "gs") and authority and key:
        return Place(scheme=scheme, authority=authority, key=key)
    if scheme == "local" and not authority:
        return Place(scheme="file", authority="", key=key)
    if scheme in ("http", "https"):
        return _azure(address, authority, key)
    raise _unreadable(address, "Spark has no such store")


def _azure(address: str, host: str, path: str) -> Place:
    found, (container, _, key) = _AZURE_HOST.fullmatch(host), path.partition("/")
    if found is None or not container or not key:
        raise _unreadable(address, "it is no blob of an Azure storage account")
    if "%" in path:
        raise _unreadable(address, "whether '%' in an Azure address stands for itself is not known")
    return Place(scheme="abfss", authority=f"{container}@{found['account']}.dfs.{found['cloud']}", key=key)


def _unreadable(address: str, why: str) -> StorageCloneError:
    return StorageCloneError(
        f"lakeFS keeps an object at {address[:300]!r}, which a clone by the method storage cannot name, since {why}: "
        "use the clone method shallow or deep for this table"
    )


def on_own_disk(what: str) -> str:
    """What a person is told of objects that only the lakeFS server itself can read."""
    return (
        f"lakeFS keeps {what} on its own disk, where nobody else reads it: use the clone method shallow or deep "
        "(bundle variable clone_method, or the descriptor's)"
    )


def check_target_base(location: str, *, storage_namespace: str, by_storage: bool) -> None:
    """Raises SettingsError where clones at this `target_base_location` and lakeFS's own objects would harm each other.

    storage_namespace: the repository's, as lakeFS names it.
    by_storage: whether any clone is to name lakeFS's objects where they lie; a VACUUM lists all that is under a table.
    """
    is_local = storage_namespace.startswith("local://")
    if is_local:
        if by_storage and not location.startswith("file:"):
            raise SettingsError(on_own_disk(f"what the repository holds, {storage_namespace},"))
        return
    try:
        data = place_of(f"{storage_namespace.rstrip('/')}/{DATA_FOLDER}").location
    except StorageCloneError as error:
        if by_storage:
            raise SettingsError(str(error)) from error
        return
    if names.encloses(data, location):
        raise SettingsError(
            f"target_base_location {location} lies among lakeFS's own objects, {data}, whose garbage collection "
            "removes what it does not know: choose a location outside of it"
        )
    if by_storage and names.encloses(location, data):
        raise SettingsError(
            f"target_base_location {location} encloses lakeFS's own objects, {data}: a VACUUM of a table there could "
            "remove them. With the clone method storage, choose a location beside them, in that bucket or another"
        )
