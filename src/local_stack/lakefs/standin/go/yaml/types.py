"""What YAML is read into: the types of Go, as far as action files and scripts need them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class GoMap:
    """A map of Go: keys of text only, or any. What is equal in Python need not be in Go, so keys are kept by type."""

    text_keys: bool
    pairs: dict[tuple[str, Any], tuple[Any, Any]] = field(default_factory=dict)

    def __contains__(self, key: Any) -> bool:
        return identity(key) in self.pairs

    def set(self, key: Any, value: Any) -> None:
        """Set the value of a key."""
        self.pairs[identity(key)] = (key, value)


def identity(key: Any) -> tuple[str, Any]:
    """What two keys of Go have in common where they are one."""
    if isinstance(key, list | GoMap) or (isinstance(key, float) and math.isnan(key)):
        return type(key).__name__, id(key)
    return type(key).__name__, key


class Anything:
    """A value without a type: None, bool, int, float, text, Timestamp, a list or a GoMap."""

    name = "interface {}"
    takes_null = True

    def zero(self) -> Any:
        """What stands where nothing is written."""
        return None


class Text:
    """Text; of other scalars what is written."""

    name = "string"
    takes_null = False

    def zero(self) -> str:
        """What stands where nothing is written."""
        return ""


@dataclass(frozen=True)
class ListOf:
    """A list. `name` is what Go calls the type."""

    item: "GoType"
    name: str
    takes_null = True

    def zero(self) -> list[Any]:
        """What stands where nothing is written."""
        return []


@dataclass(frozen=True)
class MapOf:
    """A map by text, read as a GoMap."""

    item: "GoType"
    name: str
    takes_null = True

    def zero(self) -> GoMap:
        """What stands where nothing is written."""
        return GoMap(text_keys=True)


@dataclass(frozen=True)
class Struct:
    """Fields by name, read as a dict of those that are written. Keys that are no field are passed over, unread."""

    fields: Mapping[str, "GoType"]
    name: str
    takes_null = False

    def zero(self) -> dict[str, Any]:
        """What stands where nothing is written."""
        return {}


GoType = Anything | Text | ListOf | MapOf | Struct
ANYTHING = Anything()
TEXT = Text()
