"""Comparing a server's answer with a recorded one, whose placeholders stand for what no two servers have in common."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

# Recorded of every answer that had them; the length of a body only where nothing else tells it (HEAD).
KEPT_HEADERS = frozenset(
    {"content-type", "etag", "last-modified", "accept-ranges", "content-disposition", "cache-control", "content-range"}
)
KEPT_PREFIX = "x-amz-meta-"
WEB_PAGE = "<a web page>"

# Placeholders that are something else each time, and those that stay what they were first within a record.
PASSING = {
    "run_id": r"[0-9a-zA-Z]{20}",
    "n": r"\d{4}_\d{4}",
    "upload_id": r"[^<>\s]+",
    "partition": r"[^/,\s\"]+",
    "file": r"[^/,\s\"]+",
    "token": r"[^/\s\"]+",
    "time": r"\d+",
    "iso_time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)",
    "http_time": r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT",
    "duration": r"[\d.]+(?:ns|µs|ms|s)",
    "host": r"[^/\s\"]+",
}
LASTING = {"block_path": r"[^\s\"]+?"}
PLACEHOLDER = re.compile(
    r"<(?P<name>repo|id_\d+|first (?P<count>\d+) of (?P<of>id_\d+)|" + "|".join([*PASSING, *LASTING]) + r")>|(?P<any>…)"
)
UPLOAD_ID = re.compile("<UploadId>([^<]+)</UploadId>")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer, with the names of its headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: str


class UnknownPlaceholderError(Exception):
    """A request refers to something that no answer has told yet."""


@dataclass
class Placeholders:
    """What the placeholders of one record stand for here, as far as it is known."""

    known: dict[str, str] = field(default_factory=dict)

    def fill(self, text: str) -> str:
        """The text of a request. Raises UnknownPlaceholderError."""
        return PLACEHOLDER.sub(self._value, text)

    def _value(self, match: re.Match[str]) -> str:
        name = match["of"] or match["name"]
        if name not in self.known:
            raise UnknownPlaceholderError(f"no answer so far told what {match[0]} is")
        value = self.known[name]
        return value[: int(match["count"])] if match["count"] else value

    def match(self, template: str, text: str) -> bool:
        """Whether the text has the template's form; what it tells about placeholders is kept."""
        found = re.fullmatch(self._pattern(template), text, re.DOTALL)
        if found is None:
            return False
        told = {name: value for name, value in found.groupdict().items() if value is not None}
        if any(name.startswith("id_") and value in self._other_ids(name) for name, value in told.items()):
            return False
        self.known.update(told)
        return True

    def _other_ids(self, name: str) -> set[str]:
        return {value for key, value in self.known.items() if key.startswith("id_") and key != name}

    def _pattern(self, template: str) -> str:
        parts: list[str] = []
        position, grouped = 0, set[str]()
        for match in PLACEHOLDER.finditer(template):
            parts.append(re.escape(template[position : match.start()]))
            parts.append(self._placeholder_pattern(match, grouped))
            position = match.end()
        return "".join([*parts, re.escape(template[position:])])

    def _placeholder_pattern(self, match: re.Match[str], grouped: set[str]) -> str:
        if match["any"]:
            return ".*?"
        name = match["name"]
        if match["count"]:
            return re.escape(self.fill(match[0])) if match["of"] in self.known else f"[0-9a-f]{{{match['count']}}}"
        if name in self.known and name not in PASSING:
            return re.escape(self.known[name])
        if name in grouped:
            return PASSING.get(name, f"(?P={name})")
        grouped.add(name)
        return f"(?P<{name}>{PASSING.get(name) or LASTING.get(name) or '[0-9a-f]{64}'})"


def differences(expected: Mapping[str, Any], got: Answer, names: Placeholders) -> Iterator[str]:
    """What an answer has otherwise than the recorded one; the placeholders that it explains become known."""
    if got.status != expected["status"]:
        yield f"status {expected['status']} expected, {got.status} came"
    if "headers" in expected:
        yield from _header_differences(expected["headers"], got.headers, names)
    upload = UPLOAD_ID.search(got.body)
    if upload:
        names.known["upload_id"] = upload[1]
    if not _same_body(expected["body"], got.body, names):
        yield f"another body: expected {expected['body']!r}"


def _header_differences(expected: Mapping[str, str], got: Mapping[str, str], names: Placeholders) -> Iterator[str]:
    kept = {name for name in got if name in KEPT_HEADERS or name.startswith(KEPT_PREFIX)}
    for name in sorted(kept | set(expected)):
        if name not in expected:
            yield f"header {name}: none expected, {got[name]!r} came"
        elif not names.match(expected[name], got.get(name, "")):
            yield f"header {name}: {expected[name]!r} expected, {got.get(name)!r} came"


def _same_body(expected: str, got: str, names: Placeholders) -> bool:
    if expected == WEB_PAGE:
        return bool(re.match(r"\s*<(!doctype html|html)\b", got, re.IGNORECASE))
    if not expected.startswith(("{", "[")):
        return names.match(expected.strip(), got.strip())
    try:
        return _same_json(json.loads(expected), json.loads(got), names)
    except ValueError:
        return False


def _same_json(expected: Any, got: Any, names: Placeholders) -> bool:
    if expected == "<time>":
        return isinstance(got, int) and not isinstance(got, bool)
    if isinstance(expected, str):
        return isinstance(got, str) and names.match(expected, got)
    if isinstance(expected, dict):
        return (
            isinstance(got, dict)
            and expected.keys() == got.keys()
            and all(_same_json(expected[key], got[key], names) for key in expected)
        )
    if isinstance(expected, list):
        return (
            isinstance(got, list)
            and len(expected) == len(got)
            and all(_same_json(*pair, names) for pair in zip(expected, got, strict=True))
        )
    return type(expected) is type(got) and bool(expected == got)
