"""The first document of a YAML text as nodes, as Go's `yaml.v3` makes them, with its errors.

The parser is libyaml, of which Go's is a port, where PyYAML was built with it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from local_stack.lakefs.standin.go.yaml.scalars import YAMLError, resolve

LONG_PREFIX = "tag:yaml.org,2002:"
DEEPEST = 10_000
BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# One of the characters for private use stands in for a byte order mark, of the same length in UTF-8.
MARK, PLACEHOLDER = "\ufeff", "\uf7fe"
# How many tokens Go's scanner has read when its parser looks at the first of them; behind a document, where keys may
# make it more, the stand-in takes more.
AHEAD, AHEAD_BEHIND_DOCUMENT = 3, 6
# Go takes the comma for a part of the tag, PyYAML's libyaml does not.
TAG_WITH_COMMA = re.compile(r"[^\s\[\]{}]*![^\s\[\]{}<]*,")


@dataclass(eq=False)
class Node:
    """A scalar, an alias, a list or a map (keys and values in turn)."""

    kind: str
    tag: str
    value: str
    line: int
    quoted: bool = False
    flow: bool = False
    content: list["Node"] = field(default_factory=list)
    target: "Node | None" = None

    @property
    def is_text(self) -> bool:
        """Whether it says itself that it is text."""
        return self.kind == "scalar" and (self.tag == "!!str" or (self.tag in ("", "!") and self.quoted))

    @property
    def short_tag(self) -> str:
        """Its tag, that of its target for an alias."""
        if self.is_text:
            return "!!str"
        if self.tag not in ("", "!"):
            return self.tag
        if self.kind == "alias":
            return self.target.short_tag if self.target else ""
        return {"map": "!!map", "list": "!!seq"}.get(self.kind) or resolve("", self.value)[0]

    @property
    def is_merge(self) -> bool:
        """Whether it is the key that merges maps."""
        return self.kind == "scalar" and self.value == "<<" and self.tag in ("", "!", "!!merge")


def first_document(content: bytes) -> Node | None:
    """The root of the first document, or None where there is none. Raises YAMLError."""
    content = _with_placeholders(content or b"\n")
    composer = _Composer(content)
    try:
        root = composer.compose()
        composer.check_what_follows()
        return root
    except yaml.reader.ReaderError as error:
        raise YAMLError(str(error.reason)) from error
    except yaml.scanner.ScannerError as error:
        raise _problem(error) from error
    except yaml.MarkedYAMLError as error:
        ahead = _scanner_error(content, error.problem_mark.index) if error.problem_mark else None
        raise _problem(ahead or error) from error


def _with_placeholders(content: bytes) -> bytes:
    """The text with another character for byte order marks that are not at its front, which Go takes for text."""
    return content[:1] + content[1:].replace(MARK.encode(), PLACEHOLDER.encode())


def _problem(error: yaml.MarkedYAMLError) -> YAMLError:
    return YAMLError(_line(error) + str(error.problem))


def _scanner_error(content: bytes, index: int, ahead: int = AHEAD) -> yaml.MarkedYAMLError | None:
    """What Go's scanner meets before its parser gets to the token at a place: it is some tokens ahead."""
    left = ahead
    loader = BASE(content)
    try:
        while left and (token := loader.get_token()) is not None:
            left -= 1 if token.start_mark.index >= index else 0
    except yaml.scanner.ScannerError as error:
        return error
    finally:
        loader.dispose()
    return None


def _line(error: yaml.MarkedYAMLError) -> str:
    """Where Go says that it is: errors of its scanner count from one, others from zero, and zero is left out."""
    marks = [mark.line for mark in (error.context_mark, error.problem_mark) if mark is not None and mark.line]
    if not marks:
        return ""
    return f"line {marks[0] + (1 if isinstance(error, yaml.scanner.ScannerError) else 0)}: "


class _Composer:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._end: Any = None
        self._anchors: dict[str, Node] = {}
        self._open: list[Node] = []

    def compose(self) -> Node | None:
        """Read up to the end of the first document, and not beyond it."""
        root: Node | None = None
        for event in self._events():
            if isinstance(event, yaml.StreamEndEvent):
                return None
            if isinstance(event, yaml.DocumentEndEvent):
                self._end = event
                return root
            if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self._open.pop()
            elif isinstance(event, yaml.NodeEvent):
                node = self._node(event)
                root = root or node
        return root

    def check_what_follows(self) -> None:
        """Raise what Go's scanner finds wrong right behind the document. Raises YAMLError."""
        if self._end is not None:
            self._raise_scanner_error(self._end, AHEAD_BEHIND_DOCUMENT)

    def _raise_scanner_error(self, event: Any, ahead: int = AHEAD) -> None:
        error = _scanner_error(self._content, event.start_mark.index, ahead)
        if error is not None:
            raise _problem(error)

    def _events(self) -> Iterator[Any]:
        loader = BASE(self._content)
        try:
            while True:
                yield loader.get_event()
        finally:
            loader.dispose()

    def _node(self, event: Any) -> Node:
        node = self._made(event)
        if self._open:
            self._open[-1].content.append(node)
        if node.kind == "alias":
            node.target = self._anchors.get(node.value)
            if node.target is None:
                self._raise_scanner_error(event)
                raise YAMLError(f"unknown anchor '{node.value}' referenced")
        elif event.anchor is not None:
            self._anchors[event.anchor] = node
        if node.kind in ("map", "list"):
            self._open.append(node)
            if len(self._open) > DEEPEST:
                line = event.start_mark.line
                raise YAMLError((f"line {line + 1}: " if line else "") + f"exceeded max depth of {DEEPEST}")
        return node

    @property
    def _in_flow(self) -> bool:
        return bool(self._open) and self._open[-1].flow

    def _refuse_comma(self, event: Any) -> None:
        if TAG_WITH_COMMA.match(self._content.decode("utf-8", "replace"), event.start_mark.index):
            raise YAMLError("the stand-in reads no tag with a comma; put a space before it")

    def _made(self, event: Any) -> Node:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            return Node("alias", "", str(event.anchor), line)
        if event.tag is not None and self._in_flow:
            self._refuse_comma(event)
        tag = _short(event.tag or "")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, tag, line)
        kind, default = ("map", "!!map") if isinstance(event, yaml.MappingStartEvent) else ("list", "!!seq")
        return Node(kind, default if tag in ("", "!") else tag, "", line, flow=event.flow_style is True)

    def _scalar(self, event: Any, tag: str, line: int) -> Node:
        quoted, value = event.style not in (None, ""), event.value.replace(PLACEHOLDER, MARK)
        if tag in ("", "!"):
            plain_tag = "!!merge" if value == "<<" else resolve("", value)[0]
            tag = "!!str" if quoted else plain_tag
        return Node("scalar", tag, value, line, quoted=quoted)


def _short(tag: str) -> str:
    return "!!" + tag.removeprefix(LONG_PREFIX) if tag.startswith(LONG_PREFIX) else tag
