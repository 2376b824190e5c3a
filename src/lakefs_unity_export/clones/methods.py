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
# What stands between a method and a table's path: no path has an empty segment.
_BEFORE_PATH = "://"


def with_method(path: str, method: CloneMethod | None) -> str:
    """A table's path, with the method that it is cloned by before it: `deep://tables/orders`. None: the run's."""
    return f"{method}{_BEFORE_PATH}{path}" if method else path


def split_method(text: str) -> tuple[str, str]:
    """The path, and the name of the method before it, which is empty where there is none: undoes `with_method`."""
    method, between, path = text.partition(_BEFORE_PATH)
    return (path, method) if between else (text, "")
