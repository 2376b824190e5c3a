"""The module `encoding/yaml` of Lua hooks.

Documented (lakeFS documentation, "Lua Hooks"): `marshal` and `unmarshal`, and nothing about the dialect. Assumed, from
what Go's yaml.v3 documents: YAML 1.2 with some of 1.1. `yes` and `on` are text, `1e3`, `0o7` and `017` are numbers,
merge keys are merged, of several documents the first is read, tags of others are ignored, a key that stands twice in
a mapping is an error, and errors begin with `yaml: line N: `. Assumed of lakeFS: a date stays text, and null becomes
nil, so that its key is missing. The parser is libyaml, of which Go's is a port, where PyYAML was built with it.
"""

import math
import re
from collections.abc import Hashable
from typing import Any

import yaml

from local_stack.lakefs_standin.lua_values import LuaCallError, bytes_of, to_lua

TAG = "tag:yaml.org,2002:"
BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MOST_VALUES = 100_000
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
WORDS = {"bool": ("true", "True", "TRUE", "false", "False", "FALSE"), "null": ("~", "null", "Null", "NULL", "")}
INTEGER = re.compile(r"[-+]?(?:0[bB][01_]+|0[oO]?[0-7_]+|0[xX][0-9a-fA-F_]+|[1-9][0-9_]*|0)")
FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)


class _Loader(BASE):  # type: ignore[misc]
    """Reads the first document as Go's library is documented to."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """The mapping. Raises where a key stands in it twice."""
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == TAG + "merge":
                continue
            key, line = self.construct_object(key_node, deep=True), key_node.start_mark.line + 1
            if not isinstance(key, Hashable):
                raise _error(key_node, f"invalid map key: {key!r}")
            if key in seen:
                raise _error(key_node, f'mapping key "{key}" already defined at line {seen[key]}')
            seen[key] = line
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping

    def construct_unknown(self, node: Any) -> Any:
        """The value without its tag."""
        if isinstance(node, yaml.MappingNode):
            return self.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return self.construct_sequence(node, deep=True)
        return self.construct_scalar(node)

    def construct_number(self, node: Any) -> float | str:
        """The number, which is a double in Lua; the text where it is none after all."""
        written = str(self.construct_scalar(node))
        try:
            return _number(written.replace("_", ""))
        except ValueError:
            return written

    def construct_text(self, node: Any) -> str:
        """The text. Raises where UTF-8 could not hold it."""
        text = str(self.construct_scalar(node))
        if LONE_SURROGATE.search(text):
            raise _error(node, "found invalid Unicode character escape code")
        return text


def _number(text: str) -> float:
    digits = text.lstrip("+-").lower()
    if digits.lstrip(".") in ("inf", "nan"):
        value = float(digits.lstrip("."))
    elif digits[:2] in ("0b", "0o", "0x"):
        value = float(int(digits, 0))
    elif re.fullmatch("0[0-7]+", digits):
        value = float(int(digits, 8))
    else:
        value = float(digits)
    return -value if text.startswith("-") else value


def _error(node: Any, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(None, None, problem, node.start_mark)


def _set_up(loader: Any) -> None:
    loader.yaml_implicit_resolvers = {}
    for name, words in WORDS.items():
        loader.add_implicit_resolver(TAG + name, re.compile(f"(?:{'|'.join(words)})$"), None)
    loader.add_implicit_resolver(TAG + "int", re.compile(f"(?:{INTEGER.pattern})$"), None)
    loader.add_implicit_resolver(TAG + "float", re.compile(f"(?:{FLOAT.pattern})$"), None)
    loader.add_implicit_resolver(TAG + "merge", re.compile("<<$"), None)
    for name in ("int", "float"):
        loader.add_constructor(TAG + name, loader.construct_number)
    for name in ("str", "timestamp", "value"):
        loader.add_constructor(TAG + name, loader.construct_text)
    loader.add_constructor(None, loader.construct_unknown)


_set_up(_Loader)


def yaml_module(runtime: Any) -> dict[str, Any]:
    """The module's functions."""

    def unmarshal(text: Any) -> Any:
        return to_lua(runtime, _read(bytes_of(text)))

    def marshal(_value: Any) -> bytes:
        raise LuaCallError("encoding/yaml: marshal is not in the stand-in")

    return {"unmarshal": unmarshal, "marshal": marshal}


def _read(content: bytes) -> Any:
    """The first document, as values that Lua can hold. Raises LuaCallError."""
    try:
        loader = _Loader(content)
        try:
            return _Converter().convert(loader.get_data()) if loader.check_data() else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise LuaCallError(f"yaml: {where}{error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise LuaCallError("yaml: control characters are not allowed, or the text is not UTF-8") from error
    except (ValueError, RecursionError, OverflowError) as error:
        raise LuaCallError(f"yaml: {type(error).__name__}") from error


class _Converter:
    """Makes values that Lua can hold. Aliases are copied, so it counts."""

    def __init__(self) -> None:
        self._left = MOST_VALUES

    def convert(self, value: Any) -> Any:
        """The value; a map without its nulls, which a Lua table cannot hold, and dates as text."""
        self._left -= 1
        if self._left < 0:
            raise LuaCallError("yaml: document contains excessive aliasing")
        if isinstance(value, dict):
            return {_key(key): self.convert(item) for key, item in value.items() if item is not None}
        if isinstance(value, list):
            return [self.convert(item) for item in value]
        return value if isinstance(value, str | int | float | bytes | None) else str(value)


def _key(key: Any) -> Any:
    if key is None or (isinstance(key, float) and math.isnan(key)):
        raise LuaCallError(f"yaml: {key} cannot be the key of a Lua table")
    return key if isinstance(key, str | int | float | bytes) else str(key)
