"""How a table gets to its target: the clone methods."""

from enum import StrEnum


class CloneMethod(StrEnum):
    """shallow: a log that names files by the lakeFS gateway. storage: one that names them where lakeFS keeps them.

    deep: a copy of the files. Who can read which: README, "Who can read a clone".
    """

    SHALLOW = "shallow"
    STORAGE = "storage"
    DEEP = "deep"


METHODS = tuple(CloneMethod)
# Clones that name no method were made when there was this one only.
FIRST_METHOD = CloneMethod.SHALLOW
