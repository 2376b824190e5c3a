"""The first document of a YAML text as nodes, as Go's `yaml.v3` makes them, with its errors.

The parser is libyaml, of which Go's is a port, where PyYAML was built with it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

LONG_PREFIX = "tag:yaml.org,2002:"
DEEPEST = 10_000
BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
WORDS: dict[str, Any] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))", re.ASCII)
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
CLOCK = r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?"
TIMESTAMP = re.compile(
    rf"([0-9]{{4}})-([0-9]{{1,2}})-([0-9]{{1,2}})(?:[Tt]{CLOCK}(?:Z|[-+]([0-9]{{2}}):([0-9]{{2}}))| +{CLOCK})?", re.ASCII
)
# How many tokens Go's scanner has read when its parser looks at the first of them; behind a document, where keys may
# make it more, the stand-in takes more.
AHEAD, AHEAD_BEHIND_DOCUMENT = 3, 6
# Go takes the comma for a part of the tag, PyYAML's libyaml does not.
TAG_WITH_COMMA = re.compile(r"[^\s\[\]{}]*![^\s\[\]{}<]*,")
LARGEST, SMALLEST = 2**64 - 1, -(2**63)
RESOLVED_TAGS = ("", "!!str", "!!bool", "!!int", "!!float", "!!null", "!!timestamp")


class YAMLError(Exception):
    """The text cannot be read, in Go's words."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"yaml: {problem}")


@dataclass(frozen=True)
class Timestamp:
    """A date or a time, which Lua cannot hold."""


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
    content = content or b"\n"
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
        raise _problem(_scanner_error(content, error.problem_mark.index) or error) from error


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
            return Node("alias", "", event.anchor, line)
        if event.tag is not None and self._in_flow:
            self._refuse_comma(event)
        tag = _short(event.tag or "")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, tag, line)
        kind, default = ("map", "!!map") if isinstance(event, yaml.MappingStartEvent) else ("list", "!!seq")
        return Node(kind, default if tag in ("", "!") else tag, "", line, flow=event.flow_style is True)

    def _scalar(self, event: Any, tag: str, line: int) -> Node:
        quoted = event.style not in (None, "")
        if tag in ("", "!"):
            plain_tag = "!!merge" if event.value == "<<" else resolve("", event.value)[0]
            tag = "!!str" if quoted else plain_tag
        return Node("scalar", tag, event.value, line, quoted=quoted)


def _short(tag: str) -> str:
    return "!!" + tag.removeprefix(LONG_PREFIX) if tag.startswith(LONG_PREFIX) else tag


def resolve(tag: str, text: str) -> tuple[str, Any]:
    """What a scalar is: its tag and value, where it has a tag of its own or none. Raises YAMLError."""
    if tag not in RESOLVED_TAGS:
        return tag, text
    found, value = ("!!str", text) if tag == "!!str" else _guessed(tag, text)
    if tag == "!!float" and found == "!!int":
        return tag, float(value)
    if tag not in ("", found, "!!str"):
        raise YAMLError(f"cannot decode {found} `{text}` as a {tag}")
    return found, value


def _guessed(tag: str, text: str) -> tuple[str, Any]:
    if text in WORDS:
        value = WORDS[text]
        return ("!!null" if value is None else "!!bool" if isinstance(value, bool) else "!!float"), value
    if text[0] == ".":
        return ("!!float", float(text)) if FLOAT.fullmatch(text) and _is_finite(text) else ("!!str", text)
    if text[0] not in "+-0123456789":
        return "!!str", text
    if tag in ("", "!!timestamp") and _is_timestamp(text):
        return "!!timestamp", Timestamp()
    plain = text.replace("_", "")
    integer = _integer(plain)
    if integer is not None:
        return "!!int", integer
    if FLOAT.fullmatch(plain) and _is_finite(plain):
        return "!!float", float(plain)
    return "!!str", text


def _is_finite(text: str) -> bool:
    return abs(float(text)) != float("inf")


def _integer(text: str) -> int | None:
    found = INTEGER.fullmatch(text)
    if found is None:
        return None
    for digits, base in zip(found.groups()[1:], (16, 2, 8, 10), strict=True):
        if digits is not None:
            value = int(found[1] + digits, base)
            # A sign makes Go read 63 bits only.
            return value if SMALLEST <= value <= (LARGEST if not found[1] else -SMALLEST - 1) else None
    return None


def _is_timestamp(text: str) -> bool:
    found = TIMESTAMP.fullmatch(text)
    if found is None:
        return False
    year, month, day, *clock = (int(part or 0) for part in found.groups())
    hour, minute, second, offset_hour, offset_minute, *other = clock
    leap_year = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = (31, 29 if leap_year else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return (
        1 <= month <= 12
        and 1 <= day <= days[month - 1]
        and max(hour, other[0]) < 24
        and max(minute, second, *other[1:]) < 60
        and offset_hour <= 24
        and offset_minute <= 60
    )
