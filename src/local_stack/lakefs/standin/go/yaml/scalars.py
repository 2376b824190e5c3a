"""What plain scalars of YAML are to Go's `yaml.v3`: YAML 1.2 with some of 1.1."""

import re
from dataclasses import dataclass
from typing import Any

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
    rf"([0-9]{{4}})-([0-9]{{1,2}})-([0-9]{{1,2}})(?:[Tt]{CLOCK}(?:Z|[-+]([0-9]{{2}}):([0-9]{{2}}))| +{CLOCK})?",
    re.ASCII,
)
LARGEST, SMALLEST = 2**64 - 1, -(2**63)
RESOLVED_TAGS = ("", "!!str", "!!bool", "!!int", "!!float", "!!null", "!!timestamp")


class YAMLError(Exception):
    """The text cannot be read, in Go's words."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"yaml: {problem}")


@dataclass(frozen=True)
class Timestamp:
    """A date or a time, as it is written; Lua cannot hold it."""

    text: str

    def __str__(self) -> str:
        return self.text


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
    if text[0] in "+-0123456789":
        return _number(tag, text)
    if text[0] == "." and FLOAT.fullmatch(text) and _is_finite(text):
        return "!!float", float(text)
    return "!!str", text


def _number(tag: str, text: str) -> tuple[str, Any]:
    """What begins as a number: also a time, where no tag says that it is none."""
    if tag in ("", "!!timestamp") and _is_timestamp(text):
        return "!!timestamp", Timestamp(text)
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
