"""The keys of a descriptor file and their texts, read from the events of PyYAML's parser.

Only the syntax and the keys of the file itself are looked at: what stands under other keys is for other readers, and
no value of theirs, such as an impossible date or a tag, can make the file unreadable here. No value is made of aliases
and merges, so a few lines cannot fill the memory.

PyYAML's parser in C is 6 times faster and reads tabs as YAML allows them. The one in Python does so here too, but for a
tab between two words of a plain value, which it refuses.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import yaml

# lakeFS's own library gives up between 20 and 100 levels, PyYAML's parser in C ends the process at some ten thousand.
MAX_DEPTH = 100
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_TAG = "tag:yaml.org,2002:"
_MERGE_TAG = _TAG + "merge"
_TEXT_TAGS = (_TAG + "str", _TAG + "value", _MERGE_TAG)


class NotText(Enum):
    """Stands for a value that is no text: a number, a switch, a date, a list and so on."""

    NOT_TEXT = "not text"


class DescriptorSyntaxError(Exception):
    """The file cannot be read: the line where that is known, else 0, and what is wrong."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line


class _PythonLoader(yaml.SafeLoader):
    """PyYAML's parser in Python, which skips tabs where the one in C does."""

    def scan_to_next_token(self) -> None:
        super().scan_to_next_token()
        while self.peek() == "\t" and (self.flow_level or not self.allow_simple_key):
            self.forward()
            super().scan_to_next_token()


_Loader: Any = getattr(yaml, "CSafeLoader", _PythonLoader)


def read_keys(content: bytes) -> dict[str, str | NotText] | None:
    """The texts of the file's keys, NOT_TEXT for other values; a key without a value is left out.

    None for a file that is no mapping.

    Raises DescriptorSyntaxError for what is not YAML, a key that stands twice in any mapping, a merge key (`<<`) in the
    file itself, a second document that is not empty, and nesting of more than MAX_DEPTH levels.
    """
    try:
        return _read(_Loader(content))
    except DescriptorSyntaxError:
        raise
    # Beside YAMLError, odd escapes and directives raise ValueError, OverflowError and others.
    except Exception as error:
        mark = getattr(error, "problem_mark", None)
        # What is missing at the end is missed behind the last line.
        line = min(mark.line + 1, len(content.splitlines())) if mark else 0
        raise DescriptorSyntaxError(line, _not_yaml(_reason(error))) from error


def _not_yaml(reason: str) -> str:
    return f"is not YAML ({reason}); write it as `key: value` lines"


def _reason(error: Exception) -> str:
    if isinstance(error, yaml.reader.ReaderError):
        return "not UTF-8 text, or text with control characters"
    return getattr(error, "problem", None) or type(error).__name__


@dataclass(frozen=True, kw_only=True)
class _Scalar:
    """What matters of a key or value: what is written where it is a scalar, and what that counts as."""

    written: str | None
    value: str | NotText | None
    is_merge: bool = False


_COLLECTION = _Scalar(written=None, value=NotText.NOT_TEXT)


@dataclass(kw_only=True)
class _Level:
    """A mapping or list that the events are in. In a mapping, keys and values take turns."""

    is_mapping: bool
    lines: dict[str, int] = field(default_factory=dict)
    values: dict[str, str | NotText] = field(default_factory=dict)
    key: _Scalar | None = None


def _read(loader: Any) -> dict[str, str | NotText] | None:
    events = _events(loader)
    root = _first_document(events, loader)
    _check_rest(events)
    if root is None or not root.is_mapping:
        return None
    return root.values


def _events(loader: Any) -> Iterator[Any]:
    while loader.check_event():
        yield loader.get_event()


def _first_document(events: Iterator[Any], loader: Any) -> _Level | None:
    """The mapping or list that the document is, or None where it is neither."""
    root: _Level | None = None
    levels: list[_Level] = []
    anchors: dict[str, _Scalar] = {}
    for event in events:
        if isinstance(event, yaml.DocumentEndEvent):
            break
        if isinstance(event, yaml.CollectionEndEvent):
            levels.pop()
        elif isinstance(event, yaml.NodeEvent):
            _take(levels, _node(event, anchors, loader), event)
        if isinstance(event, yaml.CollectionStartEvent):
            levels.append(_Level(is_mapping=isinstance(event, yaml.MappingStartEvent)))
            root = root or levels[0]
            if len(levels) > MAX_DEPTH:
                raise DescriptorSyntaxError(_line(event), _not_yaml(f"nested deeper than {MAX_DEPTH} levels"))
    return root


def _node(event: Any, anchors: dict[str, _Scalar], loader: Any) -> _Scalar:
    """What a scalar, an alias, or the start of a mapping or list counts as."""
    if isinstance(event, yaml.AliasEvent):
        if event.anchor not in anchors:
            raise DescriptorSyntaxError(_line(event), _not_yaml(f"found the alias {event.anchor!r} of nothing"))
        return anchors[event.anchor]
    node = _scalar(event, loader) if isinstance(event, yaml.ScalarEvent) else _COLLECTION
    if event.anchor is not None:
        anchors[event.anchor] = node
    return node


def _scalar(event: Any, loader: Any) -> _Scalar:
    if _LONE_SURROGATE.search(event.value):
        raise DescriptorSyntaxError(_line(event), _not_yaml("found half a character as an escape"))
    tag = event.tag
    if tag is None or tag == "!":
        tag = loader.resolve(yaml.ScalarNode, event.value, event.implicit)
    # An unknown tag changes nothing; "=", and "<<" as a value, have tags of their own in YAML 1.1, without a meaning.
    if tag in _TEXT_TAGS or not tag.startswith(_TAG):
        return _Scalar(written=event.value, value=event.value, is_merge=tag == _MERGE_TAG)
    return _Scalar(written=event.value, value=None if tag == _TAG + "null" else NotText.NOT_TEXT)


def _take(levels: list[_Level], scalar: _Scalar, event: Any) -> None:
    """Put a key or a value into the innermost mapping. Raises DescriptorSyntaxError for a key that is there."""
    if not levels or not levels[-1].is_mapping:
        return
    level = levels[-1]
    if level.key is None:
        level.key = scalar
        _check_first(level, scalar, _line(event))
        return
    if len(levels) == 1 and scalar.value is not None:
        if level.key.is_merge:
            raise DescriptorSyntaxError(_line(event), _not_yaml("merge keys (<<) are not read"))
        if isinstance(level.key.value, str):
            level.values[level.key.value] = scalar.value
    level.key = None


def _check_first(level: _Level, key: _Scalar, line: int) -> None:
    if key.written in level.lines:
        first = level.lines[key.written]
        raise DescriptorSyntaxError(line, f"the key {key.written!r} stands twice, first in line {first}; keep one")
    if key.written is not None:
        level.lines[key.written] = line


def _check_rest(events: Iterator[Any]) -> None:
    """Raises DescriptorSyntaxError where a document after the first holds anything."""
    for event in events:
        if isinstance(event, yaml.NodeEvent) and not _is_nothing(event):
            raise DescriptorSyntaxError(_line(event), _not_yaml("found another document"))


def _is_nothing(event: Any) -> bool:
    """Whether nothing is written there: no text, quotes, tag or anchor."""
    return isinstance(event, yaml.ScalarEvent) and not (event.value or event.tag or event.anchor) and event.implicit[0]


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
