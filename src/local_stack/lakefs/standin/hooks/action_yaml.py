"""YAML as a lakeFS server reads action files: its types, and its errors in the server's words.

The types and the errors are held to recorded action files and arguments of hooks. The parser is libyaml, of which the
server's is a port; where PyYAML was built without it, the words of a syntax error are PyYAML's.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from local_stack.lakefs.standin.lua.values import TruthKey

TAG = "tag:yaml.org,2002:"
TRUTH_KEY = "!truth-key"
BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
LONGEST_SHOWN_VALUE = 10
SHOWN_BEGINNING = 7
# Words that are no text, by tag; `yes`, `no`, `on` and `off` are text (recorded: args/types).
_WORDS = {
    "null": r"(?:~|null|Null|NULL|)$",
    "bool": r"(?:true|True|TRUE|false|False|FALSE)$",
    "int": r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[1-9][0-9_]*|0)$",
    "float": r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
    "timestamp": r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?"
    r"(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?)?$",
    "merge": r"<<$",
}


class YAMLError(Exception):
    """The text cannot be read, in the words of the server."""


class _Loader(BASE):  # type: ignore[misc]
    """Gives the nodes of a document, their tags resolved, and what they hold."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """A map, in which true is another key than 1."""
        for key, _ in node.value:
            if key.tag == TAG + "bool":
                key.tag = TRUTH_KEY
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping

    def construct_truth_key(self, node: Any) -> TruthKey:
        """A key that is true or false."""
        return TruthKey(self.construct_yaml_bool(node))

    def construct_integer(self, node: Any) -> int:
        """A whole number; a 0 before the digits makes it octal."""
        text = str(self.construct_scalar(node)).replace("_", "")
        digits = text.lstrip("+-")
        base = 0 if digits[:2] in ("0b", "0o", "0x") else 8 if digits[0] == "0" else 10
        return int(digits, base) * (-1 if text.startswith("-") else 1)

    def construct_number(self, node: Any) -> float:
        """A number with a fraction or an exponent."""
        return float(str(self.construct_scalar(node)).replace(".inf", "inf").replace(".nan", "nan").lower())

    def construct_unknown(self, node: Any) -> Any:
        """The value without its tag."""
        if isinstance(node, yaml.MappingNode):
            return self.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return self.construct_sequence(node, deep=True)
        return self.construct_scalar(node)


_Loader.yaml_implicit_resolvers = {}
for _name, _pattern in _WORDS.items():
    _Loader.add_implicit_resolver(TAG + _name, re.compile(_pattern), None)
_Loader.add_constructor(TRUTH_KEY, _Loader.construct_truth_key)
_Loader.add_constructor(TAG + "int", _Loader.construct_integer)
_Loader.add_constructor(TAG + "float", _Loader.construct_number)
_Loader.add_constructor(None, _Loader.construct_unknown)


class Document:
    """The first document of a text; what follows it is not read.

    Reading a part as another type than it has is noted, and told by `check` together with all the others.
    Raises YAMLError where the text is no YAML.
    """

    def __init__(self, content: bytes) -> None:
        self._problems: list[str] = []
        try:
            self._loader = _Loader(content)
            self.root = self._loader.get_node() if self._loader.check_node() else None
        except yaml.MarkedYAMLError as error:
            raise YAMLError(f"yaml: {_where(error)}{error.problem or error.context}") from error
        except (yaml.YAMLError, UnicodeError) as error:
            raise YAMLError("yaml: control characters are not allowed") from error
        if self.root is not None:
            self._check_keys(self.root, (), set())

    def fields(self, node: Any, kind: str) -> dict[str, Any]:
        """The parts of a map by key; none where it is empty. `kind` is what the server calls what it reads here."""
        if _is_null(node):
            return {}
        if not isinstance(node, yaml.MappingNode):
            self._mismatch(node, kind)
            return {}
        return {str(key.value): value for key, value in node.value}

    def items(self, node: Any, kind: str) -> Sequence[Any]:
        """The parts of a list; none where it is empty."""
        if _is_null(node):
            return ()
        if not isinstance(node, yaml.SequenceNode):
            self._mismatch(node, kind)
            return ()
        return tuple(node.value)

    def text(self, node: Any) -> str:
        """A text; numbers and the like are taken for what is written."""
        if _is_null(node):
            return ""
        if not isinstance(node, yaml.ScalarNode):
            self._mismatch(node, "string")
            return ""
        return str(node.value)

    def values(self, node: Any) -> Mapping[str, Any]:
        """A map of anything."""
        if not self.fields(node, "map[string]interface {}"):
            return {}
        try:
            values: dict[str, Any] = self._loader.construct_document(node)
        except (yaml.YAMLError, ValueError) as error:
            raise YAMLError(f"yaml: {error}") from error
        return values

    def check(self) -> None:
        """Raises YAMLError with all that has another type than it should."""
        if self._problems:
            raise YAMLError("\n  ".join(["yaml: unmarshal errors:", *self._problems]))

    def _mismatch(self, node: Any, kind: str) -> None:
        tag = node.tag.replace(TAG, "!!")
        shown = f" `{_shortened(node.value)}`" if isinstance(node, yaml.ScalarNode) else ""
        self._problems.append(f"line {node.start_mark.line + 1}: cannot unmarshal {tag}{shown} into {kind}")

    def _check_keys(self, node: Any, above: tuple[Any, ...], checked: set[int]) -> None:
        """Notes every key that stands twice in a map, however deep. Raises YAMLError where a part holds itself."""
        if node in above:
            raise YAMLError("yaml: an anchor's value contains itself")
        if id(node) in checked or isinstance(node, yaml.ScalarNode):
            return
        checked.add(id(node))
        parts = node.value
        if isinstance(node, yaml.MappingNode):
            self._check_map(node)
            parts = [value for _, value in node.value]
        for part in parts:
            self._check_keys(part, (*above, node), checked)

    def _check_map(self, node: Any) -> None:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line, name = key.start_mark.line + 1, str(key.value)
            if name in lines:
                self._problems.append(f'line {line}: mapping key "{name}" already defined at line {lines[name]}')
            lines.setdefault(name, line)


def _is_null(node: Any) -> bool:
    return node is None or node.tag == TAG + "null"


def _shortened(value: str) -> str:
    return value if len(value) <= LONGEST_SHOWN_VALUE else value[:SHOWN_BEGINNING] + "..."


def _where(error: yaml.MarkedYAMLError) -> str:
    """The line as the server counts it: of the context before the problem, and none where it is the first."""
    lines = [mark.line for mark in (error.context_mark, error.problem_mark) if mark is not None and mark.line]
    if not lines:
        return ""
    return f"line {lines[0] + isinstance(error, yaml.scanner.ScannerError)}: "
