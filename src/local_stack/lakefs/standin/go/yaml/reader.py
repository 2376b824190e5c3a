"""Reads YAML as Go's `yaml.v3` does into a type, or into values without one, with its errors."""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from local_stack.lakefs.standin.go.text import quoted, replaced
from local_stack.lakefs.standin.go.yaml.nodes import Node, first_document
from local_stack.lakefs.standin.go.yaml.scalars import YAMLError, resolve
from local_stack.lakefs.standin.go.yaml.types import (
    ANYTHING,
    TEXT,
    Anything,
    GoMap,
    GoType,
    ListOf,
    MapOf,
    Struct,
    Text,
    identity,
)

# Small documents may come from aliases by 99 of 100, large ones by 10 of 100.
FEW_VALUES, MANY_VALUES = 400_000, 4_000_000
MOST_OF_FEW, MOST_OF_MANY = 0.99, 0.10
# How many bytes of a value an error shows at most, and how many of a longer one.
LONGEST_SHOWN, SHOWN_BEGINNING = 10, 7

Keys = set[tuple[str, Any]]


def read_yaml(content: bytes, kind: GoType = ANYTHING) -> Any:
    """The first document as a value of this type; bytes of `!!binary` are text. Raises YAMLError."""
    root = first_document(content)
    decoder = _Decoder()
    value = kind.zero() if root is None else decoder.decode(root, kind)[1]
    if decoder.problems:
        raise YAMLError("unmarshal errors:\n" + "\n".join(f"  {problem}" for problem in decoder.problems))
    return value


@dataclass
class _Target:
    """A map or a struct that is filled. `merged` are the keys that came before, where it is merged into."""

    kind: GoType
    value: Any
    is_new: bool
    merged: Keys | None
    done: set[str] = field(default_factory=set)

    def is_taken(self, key: Any) -> bool:
        """Whether a key that is merged in was there before; it is from now on."""
        if self.merged is None:
            return False
        known = identity(key) in self.merged
        self.merged.add(identity(key))
        return known


class _Decoder:
    def __init__(self) -> None:
        self.problems: list[str] = []
        self._inside: set[Node] = set()
        self._decoded = self._from_aliases = self._alias_depth = 0
        self._merged: Keys | None = None

    def decode(self, node: Node, kind: GoType, into: Any = None) -> tuple[bool, Any]:
        """Whether there is a value, and the value: that of `into` where a map is merged into another."""
        self._count()
        if node.kind == "alias":
            return self._alias(node, kind, into)
        if node.kind == "scalar":
            return self._scalar(node, kind)
        if node.kind == "map":
            return self._map(node, kind, into)
        return self._list(node, kind)

    def _count(self) -> None:
        self._decoded += 1
        self._from_aliases += 1 if self._alias_depth else 0
        if self._from_aliases <= 100 or self._decoded <= 1000:
            return
        scale = (self._decoded - FEW_VALUES) / (MANY_VALUES - FEW_VALUES)
        allowed = MOST_OF_FEW - (MOST_OF_FEW - MOST_OF_MANY) * min(max(scale, 0.0), 1.0)
        if self._from_aliases / self._decoded > allowed:
            raise YAMLError("document contains excessive aliasing")

    def _alias(self, node: Node, kind: GoType, into: Any) -> tuple[bool, Any]:
        if node in self._inside:
            raise YAMLError(f"anchor '{node.value}' value contains itself")
        assert node.target is not None
        self._inside.add(node)
        self._alias_depth += 1
        try:
            return self.decode(node.target, kind, into)
        finally:
            self._alias_depth -= 1
            self._inside.discard(node)

    def _scalar(self, node: Node, kind: GoType) -> tuple[bool, Any]:
        value = _resolved(node)
        if value is None:
            return kind.takes_null, kind.zero()
        if isinstance(kind, Anything):
            return True, value
        if isinstance(kind, Text):
            return True, value if isinstance(value, str) else node.value
        return self._mismatch(node, kind)

    def _list(self, node: Node, kind: GoType) -> tuple[bool, Any]:
        if not isinstance(kind, Anything | ListOf):
            return self._mismatch(node, kind)
        values = [self.decode(item, _item(kind)) for item in node.content]
        return True, [value for found, value in values if found]

    def _map(self, node: Node, kind: GoType, into: Any) -> tuple[bool, Any]:
        if self._reported_duplicates(node):
            return False, kind.zero()
        if isinstance(kind, Text | ListOf):
            return self._mismatch(node, kind)
        value = _empty(node, kind) if into is None else into
        target = _Target(kind=kind, value=value, is_new=into is None, merged=self._merged)
        self._merged = None
        merge: Node | None = None
        for key_node, value_node in _pairs(node):
            if key_node.is_merge:
                merge = value_node
            else:
                self._pair(key_node, value_node, target)
        self._merged = target.merged
        if merge is not None:
            self._merge(node, merge, target)
        return True, value

    def _pair(self, key_node: Node, value_node: Node, target: _Target) -> None:
        struct = target.kind if isinstance(target.kind, Struct) else None
        found, key = self.decode(key_node, TEXT if struct or target.value.text_keys else ANYTHING)
        if not found or target.is_taken(key):
            return
        if struct is None:
            self._set_key(key, value_node, target)
        elif key in target.done:
            self.problems.append(f"line {key_node.line}: field {key} already set in type {struct.name}")
        elif key in struct.fields:
            target.done.add(key)
            target.value[key] = self.decode(value_node, struct.fields[key])[1]

    def _set_key(self, key: Any, value_node: Node, target: _Target) -> None:
        if isinstance(key, list | GoMap):
            raise YAMLError(f"invalid map key: {_as_go_writes(key)}")
        found, value = self.decode(value_node, _item(target.kind))
        if found or (value_node.short_tag == "!!null" and (target.is_new or key not in target.value)):
            target.value.set(key, value)

    def _reported_duplicates(self, node: Node) -> bool:
        """Note each pair of keys that are written alike."""
        places: dict[tuple[str, str], list[Node]] = {}
        for key in node.content[::2]:
            places.setdefault((key.kind, key.value), []).append(key)
        if all(len(keys) == 1 for keys in places.values()):
            return False
        for key in node.content[::2]:
            alike = places[key.kind, key.value]
            for other in alike[alike.index(key) + 1 :]:
                self.problems.append(
                    f"line {other.line}: mapping key {quoted(other.value)} already defined at line {key.line}"
                )
        return True

    def _merge(self, parent: Node, merge: Node, target: _Target) -> None:
        merged = self._merged
        if merged is None:
            keys = [self.decode(key_node, ANYTHING) for key_node, _ in _pairs(parent)]
            self._merged = {identity(key) for found, key in keys if found}
        for source in merge.content if merge.kind == "list" else [merge]:
            if (source.target if source.kind == "alias" and source.target else source).kind != "map":
                raise YAMLError("map merge requires map or sequence of maps as the value")
            self.decode(source, target.kind, target.value)
        self._merged = merged

    def _mismatch(self, node: Node, kind: GoType) -> tuple[bool, Any]:
        """Note that a part is of another type than it is read into."""
        shown = "" if node.tag in ("!!map", "!!seq") else f" `{_shortened(node.value)}`"
        self.problems.append(f"line {node.line}: cannot unmarshal {node.tag}{shown} into {kind.name}")
        return False, kind.zero()


def _pairs(node: Node) -> Iterator[tuple[Node, Node]]:
    return zip(node.content[::2], node.content[1::2], strict=True)


def _item(kind: GoType) -> GoType:
    return kind.item if isinstance(kind, ListOf | MapOf) else ANYTHING


def _empty(node: Node, kind: GoType) -> Any:
    """What a map is read into: without a type, a map by text where all its keys are."""
    if isinstance(kind, Anything):
        return GoMap(all(key.short_tag in ("!!str", "!!merge") for key, _ in _pairs(node)))
    return kind.zero()


def _resolved(node: Node) -> Any:
    if node.is_text:
        return node.value
    tag, value = resolve(node.tag, node.value)
    if tag != "!!binary":
        return value
    try:
        data = base64.b64decode(node.value.replace("\n", "").replace("\r", ""), validate=True)
    except (ValueError, binascii.Error):
        raise YAMLError("!!binary value contains invalid base64 data") from None
    return data.decode("utf-8", "surrogateescape")


def _shortened(value: str) -> str:
    """A value as an error shows it, whose beginning is so many bytes."""
    data = value.encode()
    if len(data) <= LONGEST_SHOWN:
        return value
    return replaced(data[:SHOWN_BEGINNING].decode("utf-8", "surrogateescape")) + "..."


def _as_go_writes(value: Any) -> str:
    """A value as Go's `%#v` writes it."""
    if value is None:
        return "interface {}(nil)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return "[]interface {}{" + ", ".join(_as_go_writes(item) for item in value) + "}"
    if isinstance(value, GoMap):
        kind = "string" if value.text_keys else "interface {}"
        pairs = sorted(value.pairs.values(), key=lambda pair: str(pair[0]))
        written = ", ".join(f"{_as_go_writes(key)}:{_as_go_writes(item)}" for key, item in pairs)
        return f"map[{kind}]interface {{}}{{{written}}}"
    return f"{value:g}" if isinstance(value, float) else str(value)
