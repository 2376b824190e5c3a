"""Rules for names and storage locations in Unity Catalog.

Names: at most 255 characters; no period, space, forward slash or control character; kept in lower case
(Databricks documentation, "Names" and "Object naming" of Unity Catalog).
"""

import re

from local_stack.unity_catalog.errors import invalid
from local_stack.unity_catalog.lengths import check_length

MAXIMUM_NAME_LENGTH = 255
MAXIMUM_LOCATION_LENGTH = 2048
_FORBIDDEN = re.compile(r"[. /\x00-\x1f\x7f]")
_FILE_SCHEME = re.compile(r"^file:/*(?=/)")
_URI = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*):/")
# The schemes that the open-source server knows (0.7). Databricks takes s3a for s3 too.
SCHEMES = ("abfs", "abfss", "file", "gs", "s3")


def checked_name(kind: str, name: object) -> str:
    """The name in the form Unity Catalog stores; raises INVALID_PARAMETER_VALUE for one it refuses."""
    if not isinstance(name, str) or not name:
        raise invalid(f"A {kind} needs a name.")
    if len(name) > MAXIMUM_NAME_LENGTH:
        raise invalid(
            f"The {kind} name '{name[:40]}...' has {len(name)} characters; at most {MAXIMUM_NAME_LENGTH} are allowed."
        )
    if _FORBIDDEN.search(name):
        raise invalid(
            f"The {kind} name {name!r} is not valid: a name holds no period, space, slash or control character."
        )
    return name.lower()


def split_full_name(full_name: str, count: int) -> tuple[str, ...]:
    """The parts of a full name in lower case; raises INVALID_PARAMETER_VALUE for another number of parts."""
    parts = tuple(full_name.lower().split("."))
    if len(parts) != count or not all(parts):
        raise invalid(f"'{full_name}' is not a full name of {count} parts joined by a period.")
    return parts


def comparable_location(location: str) -> str:
    """One spelling for locations that mean the same folder: no trailing slash, one form of ``file:``."""
    return _FILE_SCHEME.sub("file://", location).rstrip("/")


def checked_location(location: object) -> str:
    """A storage location in the server's spelling, without a slash at its end, with three after `file:`.

    Raises INVALID_PARAMETER_VALUE for what is not a URI of a scheme that it knows, or names a whole bucket.
    """
    if not isinstance(location, str) or not location:
        raise invalid("An external table needs a storage_location.")
    match = _URI.match(location)
    if not match:
        raise invalid(f"The storage location '{location}' is not a URI with a scheme, such as s3://bucket/folder.")
    if match[1] not in SCHEMES:
        raise invalid(f"Unsupported URI scheme: {match[1]}")
    if match[1] != "file" and not re.match(r"[^:]+://[^/]+/+[^/]", location):
        raise invalid(f"External table storage location must include a non-empty path prefix: {location}")
    check_length("URL", location, MAXIMUM_LOCATION_LENGTH)
    return comparable_location(location)


def locations_overlap(left: str, right: str) -> bool:
    """Whether two locations are the same folder, or one lies inside the other."""
    first, second = comparable_location(left) + "/", comparable_location(right) + "/"
    return first.startswith(second) or second.startswith(first)
