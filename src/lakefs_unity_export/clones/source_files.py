"""Whether what a table of a lakeFS commit consists of is of a commit too, and so never changes.

A Delta log may name files by absolute path: a shallow clone does, and so do some other ways to make a table. Where such
a path leads to a branch (`s3a://repository/main/...`) or to storage that lakeFS does not version, a clone of the table
would follow what happens there, and would not show the commit.

Delta lists the files of a table's rows without opening them. Deletion vectors it does not list: one that is named by
absolute path belongs to a file that is, in all that Delta's own writers make.
"""

import re
from collections.abc import Iterable

# The lakeFS gateway takes short ids and expressions such as main~1 as well; the whole id alone never means another.
_AT_A_COMMIT = re.compile(r"s3[an]?://[a-z0-9][a-z0-9-]{2,62}/[0-9a-f]{64}/")


def files_that_may_change(files: Iterable[str], source_path: str) -> list[str]:
    """Those of a table's data files, given by URI, that are neither inside the source path nor of any lakeFS commit."""
    inside = f"{_spelled(source_path)}/"
    return [file for file in files if not _AT_A_COMMIT.match(file) and not _spelled(file).startswith(inside)]


def _spelled(uri: str) -> str:
    return re.sub(r"^file:/+", "file:/", uri).rstrip("/")
