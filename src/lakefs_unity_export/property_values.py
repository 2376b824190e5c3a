"""Values of properties that every Unity Catalog keeps.

The open-source server (0.7) fails with 500 beyond 255 characters, of a key as of a value; the limit of Databricks is
not documented. Its database counts as Java does, so a character beyond the first 65,536 of Unicode counts twice.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping

from lakefs_unity_export.errors import InvalidNameError
from lakefs_unity_export.names import java_length

MAX_LENGTH = 255
_DIGEST_LENGTH = 32


def check_branch(branch: str) -> str:
    """The branch's name. Raises InvalidNameError for one that no property can name."""
    if (length := java_length(branch)) > MAX_LENGTH:
        raise InvalidNameError(
            f"branch {branch[:40]!r}... has {length} characters, and a property in Unity Catalog that has to name it "
            f"takes {MAX_LENGTH}; export from a branch with a shorter name"
        )
    return branch


def shortened(value: str) -> str:
    """The value where it fits, else its beginning and a digest of all of it, so that two values stay two."""
    if java_length(value) <= MAX_LENGTH:
        return value
    digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_LENGTH]
    beginning = value.encode("utf-16-le", "surrogatepass")[: 2 * (MAX_LENGTH - _DIGEST_LENGTH - 1)]
    return f"{beginning.decode('utf-16-le', 'ignore')}~{digest}"


def spread(key: str, entries: Iterable[str], separator: str) -> dict[str, str]:
    """A list as properties, `key`, `key.2`, `key.3` and so on, each with as many whole entries as it takes."""
    values: list[str] = []
    for entry in entries:
        longer = f"{values[-1]}{separator}{entry}" if values else entry
        if values and java_length(longer) <= MAX_LENGTH:
            values[-1] = longer
        else:
            values.append(entry)
    return {_key_of_part(key, number): value for number, value in enumerate(values, start=1)}


def gathered(properties: Mapping[str, str], key: str, separator: str) -> str:
    """What `spread` made of a list, as one text; also where one property holds all of it, of whatever length."""
    values: list[str] = []
    while value := properties.get(_key_of_part(key, len(values) + 1)):
        values.append(value)
    return separator.join(values)


def is_part(name: str, key: str) -> bool:
    """Whether a property's name is one that `spread` gives for the key."""
    return re.fullmatch(rf"{re.escape(key)}(\.[0-9]+)?", name) is not None


def _key_of_part(key: str, number: int) -> str:
    return key if number == 1 else f"{key}.{number}"
