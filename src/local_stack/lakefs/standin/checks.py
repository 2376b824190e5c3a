"""Checking a request's values against the API's schemas, and refusing them as a lakeFS server was recorded to."""

import json
import re
from collections.abc import Mapping
from typing import Any

from local_stack.lakefs.standin.errors import RequestError, bad_request
from local_stack.lakefs.standin.schemas import BODIES, Schema

_KINDS = {
    "string": (str, "a string"),
    "boolean": (bool, "a boolean"),
    "object": (dict, "an object"),
    "array": (list, "an array"),
}
_INTEGER_TEXT = re.compile(r"[+-]?[0-9]+\Z", re.ASCII)
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_INT64 = 2**63


class _MismatchError(Exception):
    """A value that is not as the schema says. Parameters: where, the reason, and both as they are shown."""

    def __init__(self, place: str, reason: str, schema: Schema, value: Any) -> None:
        super().__init__(reason)
        self.place = place
        self.shown = f"{reason}\nSchema:\n{_indented(schema)}\n\nValue:\n{_indented(value)}\n"


def read_body(body: bytes, name: str, *, required: bool = True) -> Any:
    """A request's body, with the schema's defaults. Raises RequestError 400.

    Parameters: the bytes, the schema's name, and whether there has to be a body.
    """
    if not body.strip():
        if required:
            raise bad_request("request body has an error: value is required but missing")
        body = b"{}"
    value = _decoded(body)
    schema = BODIES[name]
    if isinstance(value, dict):
        defaults = {key: one["default"] for key, one in schema.get("properties", {}).items() if "default" in one}
        value = {**defaults, **value}
    try:
        _check(value, schema, "")
    except _MismatchError as error:
        where = f'Error at "{error.place}": ' if error.place else ""
        text = f"request body has an error: doesn't match schema #/components/schemas/{name}: {where}{error.shown}"
        raise bad_request(text) from error
    return value


def read_integer(name: str, text: str, schema: Schema) -> int:
    """A query parameter that is a whole number. Raises RequestError 400."""
    if not text:
        raise parameter_error(name, "empty value is not allowed")
    if not _INTEGER_TEXT.match(text):
        raise parameter_error(name, f"value {text}: an invalid integer: invalid syntax")
    if len(text) > len(str(_INT64)) or not -_INT64 <= int(text) < _INT64:
        raise parameter_error(name, f"value {text}: an invalid integer: value out of range")
    return int(_checked_parameter(name, int(text), schema))


def read_flag(name: str, text: str) -> bool:
    """A query parameter that is true or false. Raises RequestError 400."""
    if text not in _TRUE | _FALSE:
        reason = f"value {text}: an invalid boolean: invalid syntax" if text else "empty value is not allowed"
        raise parameter_error(name, reason)
    return text in _TRUE


def read_text(name: str, text: str, schema: Schema, place: str = "query") -> str:
    """A parameter that is text of a certain form. Raises RequestError 400."""
    return str(_checked_parameter(name, text, schema, place))


def parameter_error(name: str, reason: str, place: str = "query") -> RequestError:
    """The refusal of a parameter."""
    return bad_request(f'parameter "{name}" in {place} has an error: {reason}')


def _checked_parameter(name: str, value: Any, schema: Schema, place: str = "query") -> Any:
    try:
        _check(value, schema, "")
    except _MismatchError as error:
        raise parameter_error(name, error.shown, place) from error
    return value


def _decoded(body: bytes) -> Any:
    problem = "request body has an error: failed to decode request body: "
    try:
        text = body.decode()
        return _without_lone_surrogates(json.loads(text, parse_constant=_no_constant))
    except UnicodeDecodeError as error:
        raise bad_request(f"{problem}invalid UTF-8") from error
    except json.JSONDecodeError as error:
        rest = error.doc[error.pos :].lstrip()
        reason = f"invalid character {rest[0]!r}" if rest else "unexpected EOF"
        raise bad_request(problem + reason) from error
    except (ValueError, RecursionError) as error:
        raise bad_request(f"{problem}{error}") from error


def _without_lone_surrogates(value: Any) -> Any:
    """The value with U+FFFD for half a character, as Go reads it: no UTF-8 could be written of it."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_lone_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_lone_surrogates(key): _without_lone_surrogates(item) for key, item in value.items()}
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"invalid character {name[0]!r} looking for beginning of value")


def _check(value: Any, schema: Schema, place: str) -> None:
    if "$ref" in schema:
        schema = BODIES[schema["$ref"].rpartition("/")[2]]
    if value is None:
        raise _MismatchError(place, "Value is not nullable", schema, value)
    if schema["type"] == "integer":
        _check_integer(value, schema, place)
        return
    kind, called = _KINDS[schema["type"]]
    if not isinstance(value, kind):
        raise _MismatchError(place, f"value must be {called}", schema, value)
    if isinstance(value, str):
        _check_text(value, schema, place)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            _check(item, schema["items"], f"{place}/{position}")
    elif isinstance(value, dict):
        _check_object(value, schema, place)


def _check_integer(value: Any, schema: Schema, place: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not -_INT64 <= value < _INT64:
        raise _MismatchError(place, "value must be an integer", schema, value)
    if value > schema.get("maximum", value):
        raise _MismatchError(place, f"number must be at most {schema['maximum']}", schema, value)
    if value < schema.get("minimum", value):
        raise _MismatchError(place, f"number must be at least {schema['minimum']}", schema, value)


def _check_text(value: str, schema: Schema, place: str) -> None:
    if "enum" in schema and value not in schema["enum"]:
        allowed = json.dumps(schema["enum"], separators=(",", ":"))
        raise _MismatchError(place, f"value is not one of the allowed values {allowed}", schema, value)
    pattern = schema.get("pattern", "")
    # Go's `$` is the end of the text, Python's also a line break's place before it.
    if pattern and not re.match(pattern.removesuffix("$") + r"\Z", value, re.ASCII):
        reason = f'string doesn\'t match the regular expression "{pattern}"'
        raise _MismatchError(place, reason, schema, value)


def _check_object(value: Mapping[str, Any], schema: Schema, place: str) -> None:
    properties = schema.get("properties", {})
    for key in sorted(value):
        inner = properties.get(key) or schema.get("additionalProperties")
        if inner is not None:
            _check(value[key], inner, f"{place}/{key}")
    for key in schema.get("required", ()):
        if key not in value:
            raise _MismatchError(f"{place}/{key}", f'property "{key}" is missing', schema, value)


def _indented(value: Any) -> str:
    """JSON as Go writes it: keys in order, and no characters that mean something in HTML."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return "\n".join("  " + line for line in text.split("\n"))
