"""Reads YAML as Go's `yaml.v3` does into values without a type, with its errors."""

import base64
import binascii
import math
from dataclasses import dataclass, field
from typing import Any

from local_stack.lakefs.standin.go.text import quoted
from local_stack.lakefs.standin.go.yaml_nodes import Node, first_document
from local_stack.lakefs.standin.go.yaml_scalars import YAMLError, resolve

# Small documents may come from aliases by 99 of 100, large ones by 10 of 100.
FEW_VALUES, MANY_VALUES = 400_000, 4_000_000
MOST_OF_FEW, MOST_OF_MANY = 0.99, 0.10


@dataclass(eq=False)
class GoMap:
    """A map of Go: keys of text only, or any. What is equal in Python need not be in Go, so keys are kept by type."""

    text_keys: bool
    pairs: dict[tuple[str, Any], tuple[Any, Any]] = field(default_factory=dict)

    def set(self, key: Any, value: Any) -> None:
        """Set the value of a key."""
        self.pairs[_identity(key)] = (key, value)


def read_yaml(content: bytes) -> Any:
    """The first document: None, bool, int, float, text, bytes, Timestamp, lists and GoMaps. Raises YAMLError."""
    root = first_document(content)
    decoder = _Decoder()
    value = None if root is None else decoder.decode(root)[1]
    if decoder.problems:
        raise YAMLError("unmarshal errors:\n" + "\n".join(f"  {problem}" for problem in decoder.problems))
    return value


class _Decoder:
    def __init__(self) -> None:
        self.problems: list[str] = []
        self._inside: set[Node] = set()
        self._decoded = self._from_aliases = self._alias_depth = 0
        self._merged: set[tuple[str, Any]] | None = None

    def decode(self, node: Node) -> tuple[bool, Any]:
        """Whether there is a value, and the value."""
        self._count()
        if node.kind == "alias":
            return self._alias(node, None)
        if node.kind == "scalar":
            return True, _scalar(node)
        if node.kind == "map":
            return self._map(node, None)
        values = [self.decode(item) for item in node.content]
        return True, [value for found, value in values if found]

    def _count(self) -> None:
        self._decoded += 1
        self._from_aliases += 1 if self._alias_depth else 0
        if self._from_aliases <= 100 or self._decoded <= 1000:
            return
        scale = (self._decoded - FEW_VALUES) / (MANY_VALUES - FEW_VALUES)
        allowed = MOST_OF_FEW - (MOST_OF_FEW - MOST_OF_MANY) * min(max(scale, 0.0), 1.0)
        if self._from_aliases / self._decoded > allowed:
            raise YAMLError("document contains excessive aliasing")

    def _alias(self, node: Node, into: GoMap | None) -> tuple[bool, Any]:
        if node in self._inside:
            raise YAMLError(f"anchor '{node.value}' value contains itself")
        assert node.target is not None
        self._inside.add(node)
        self._alias_depth += 1
        try:
            return self.decode(node.target) if into is None else self._decode_into(node.target, into)
        finally:
            self._alias_depth -= 1
            self._inside.discard(node)

    def _map(self, node: Node, into: GoMap | None) -> tuple[bool, Any]:
        if self._reported_duplicates(node):
            return False, into
        pairs = list(zip(node.content[::2], node.content[1::2], strict=True))
        result = into or GoMap(all(key.short_tag in ("!!str", "!!merge") for key, _ in pairs))
        merged, self._merged = self._merged, None
        merge: Node | None = None
        for key_node, value_node in pairs:
            if key_node.is_merge:
                merge = value_node
            else:
                self._pair(key_node, value_node, result, merged)
        self._merged = merged
        if merge is not None:
            self._merge(node, merge, result)
        return True, result

    def _pair(self, key_node: Node, value_node: Node, result: GoMap, merged: set[tuple[str, Any]] | None) -> None:
        found, key = self._key(key_node, text=result.text_keys)
        if not found:
            return
        if merged is not None:
            if _identity(key) in merged:
                return
            merged.add(_identity(key))
        if isinstance(key, list | GoMap):
            raise YAMLError(f"invalid map key: {_as_go_writes(key)}")
        has_value, value = self.decode(value_node)
        if has_value:
            result.set(key, value)

    def _key(self, node: Node, *, text: bool) -> tuple[bool, Any]:
        """A key; in a map whose keys are text, the text of any scalar but null."""
        found, key = self.decode(node)
        if not text or not found or isinstance(key, str | bytes | list | GoMap):
            return found, key
        scalar = node.target if node.kind == "alias" and node.target else node
        return key is not None, scalar.value

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

    def _merge(self, parent: Node, merge: Node, result: GoMap) -> None:
        merged = self._merged
        if merged is None:
            self._merged = set()
            for key_node in parent.content[::2]:
                found, key = self.decode(key_node)
                if found:
                    self._merged.add(_identity(key))
        for source in merge.content if merge.kind == "list" else [merge]:
            if (source.target if source.kind == "alias" and source.target else source).kind != "map":
                raise YAMLError("map merge requires map or sequence of maps as the value")
            self._decode_into(source, result)
        self._merged = merged

    def _decode_into(self, node: Node, into: GoMap) -> tuple[bool, Any]:
        self._count()
        return self._alias(node, into) if node.kind == "alias" else self._map(node, into)


def _scalar(node: Node) -> Any:
    if node.is_text:
        return node.value
    tag, value = resolve(node.tag, node.value)
    if tag != "!!binary":
        return value
    try:
        return base64.b64decode(node.value.replace("\n", "").replace("\r", ""), validate=True)
    except (ValueError, binascii.Error):
        raise YAMLError("!!binary value contains invalid base64 data") from None


def _identity(key: Any) -> tuple[str, Any]:
    if isinstance(key, list | GoMap) or (isinstance(key, float) and math.isnan(key)):
        return type(key).__name__, id(key)
    return type(key).__name__, key


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
