"""The log of a fresh shallow clone, rewritten so that it names each file where lakeFS keeps it.

All that is known of Delta's protocol is two names: whatever the action, `path` and `pathOrInlineDv` name a file
(Delta's protocol, "Add File and Remove File", "Deletion Vectors"). A gateway URI anywhere else is refused, so that what
a later protocol adds is not passed over.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from lakefs_unity_export.clones.storage_uris import Place
from lakefs_unity_export.errors import StorageCloneError

FILE_FIELDS = ("path", "pathOrInlineDv")
# Texts of the table's owner: none of them is read as a file.
_TEXTS = frozenset({"partitionValues", "stats", "tags", "configuration", "schemaString", "description", "name"})
# How the clone was made. Delta writes one of its own into the target.
_COMMIT_INFO = "commitInfo"
_INLINE = "i"
_HOW = "use the clone method shallow or deep for this table"


@dataclass(frozen=True, kw_only=True)
class RewrittenLog:
    """The lines, and how many files they add, of how many bytes."""

    lines: tuple[str, ...]
    files: int
    bytes: int


def rewritten(log: Iterable[str], *, source_path: str, place_of_key: Callable[[str], Place]) -> RewrittenLog:
    """The log with every URI under the source replaced by that of the object's place.

    log: a JSON action a line; source_path: the table through the gateway, `s3a://repository/commit/path`;
    place_of_key: where the object with this key, relative to the table, lies. Lines without a file stay as they are.

    Raises StorageCloneError where a file is not under the source (a relative path is not), or is named in a field of
    another name, and where two files lie at one place; and what place_of_key raises.
    """
    rewriter = _Rewriter(source_path, place_of_key)
    lines, sizes = [], []
    for line in log:
        action = json.loads(line)
        lines.append(json.dumps(action, separators=(",", ":")) if rewriter.rewrite(action) else line)
        if "add" in action:
            sizes.append(int(action["add"]["size"]))
    return RewrittenLog(lines=tuple(lines), files=len(sizes), bytes=sum(sizes))


class _Rewriter:
    def __init__(self, source_path: str, place_of_key: Callable[[str], Place]) -> None:
        self._source_path = source_path
        self._gateway = "/".join(source_path.split("/")[:3]) + "/"
        self._place_of_key = place_of_key
        self._key_at: dict[Place, str] = {}

    def rewrite(self, action: dict[str, Any]) -> bool:
        """Replace the URIs in one action; whether there were any."""
        return True in [self._fields(content) for kind, content in action.items() if kind != _COMMIT_INFO]

    def _fields(self, content: Any, field: str = "") -> bool:
        """Replace the URIs in what the field holds, but not in the field itself."""
        if isinstance(content, dict):
            return True in [self._field(content, name) for name in content if name not in _TEXTS]
        if isinstance(content, list):
            return True in [self._fields(element, field) for element in content]
        if isinstance(content, str) and content.startswith(self._gateway):
            raise StorageCloneError(
                f"the log of a clone of {self._source_path} names a file in a field {field!r}, which this version does "
                f"not know: {content[:300]}; {_HOW}"
            )
        return False

    def _field(self, content: dict[str, Any], name: str) -> bool:
        value = content[name]
        if name not in FILE_FIELDS or not isinstance(value, str):
            return self._fields(value, name)
        if name == "pathOrInlineDv" and content.get("storageType") == _INLINE:
            return False
        content[name] = self._moved(value)
        return True

    def _moved(self, uri: str) -> str:
        key = self._key(uri)
        place = self._place_of_key(key)
        if self._key_at.setdefault(place, key) != key:
            raise StorageCloneError(
                f"lakeFS keeps {key!r} and {self._key_at[place]!r} of {self._source_path} as one object, "
                f"{place.location}, which a Delta log cannot name twice; {_HOW}"
            )
        return place.uri

    def _key(self, uri: str) -> str:
        """The file's key inside the table's folder."""
        inside = f"{self._source_path}/"
        try:
            decoded = unquote(uri, errors="strict")
        except UnicodeDecodeError:
            decoded = uri
        if not decoded.startswith(inside):
            raise StorageCloneError(
                f"the log of a clone of {self._source_path} names the file {uri[:300]}, which is not under the table "
                f"at this commit; {_HOW}"
            )
        return decoded.removeprefix(inside)
