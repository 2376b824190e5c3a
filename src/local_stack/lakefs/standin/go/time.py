"""Times in the layouts of Go, as far as they are made of four-digit years and two-digit numbers."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

NANOSECONDS = 1_000_000_000
ISO = "2006-01-02T15:04:05-07:00"
ELEMENTS = re.compile("(2006|-07:00|01|02|15|04|05)")
# What else Go takes for an element of a layout: what it would make of these is not in the stand-in.
OTHER_ELEMENTS = re.compile(r"[1-6]|0[0-9]|Jan|Mon|MST|PM|pm|Z07|-07|_2|[.,][09]")
FRACTION = re.compile(r"[.,]([0-9]+)")
RANGES = {"01": ("month", 1, 12), "15": ("hour", 0, 23), "04": ("minute", 0, 59), "05": ("second", 0, 59)}
ONE_DIGIT_WILL_DO = {"15"}
OFFSET = re.compile("([-+])([0-9]{2}):([0-9]{2})")
QUOTED = {ord('"'): '\\"', ord("\\"): "\\\\"}
FIRST_PRINTED, FIRST_BEYOND_ASCII = 0x20, 0x80


class GoTimeError(Exception):
    """What Go, or the stand-in, says of a layout, a time or a zone."""


def formatted(nanoseconds: int, layout: str, zone: str) -> str:
    """A time since the epoch in a layout, in a time zone by its name (empty: UTC). Raises GoTimeError."""
    moment = datetime.fromtimestamp(nanoseconds // NANOSECONDS, _zone(zone))
    offset = moment.strftime("%z")
    values = {
        "2006": f"{moment.year:04}",
        "-07:00": f"{offset[:3]}:{offset[3:5]}",
        **{name: moment.strftime(form) for name, form in zip(RANGES, ("%m", "%H", "%M", "%S"), strict=True)},
        "02": moment.strftime("%d"),
    }
    return "".join(values.get(part, part) for part in _parts(layout))


def parsed(layout: str, text: str) -> int:
    """A text in a layout as nanoseconds since the epoch; without an offset it is in UTC. Raises GoTimeError."""
    reading = _Reading(layout, text, rest=text)
    for part in _parts(layout):
        if ELEMENTS.fullmatch(part):
            reading.element(part)
        else:
            reading.skip(part)
    return reading.finished()


def _parts(layout: str) -> list[str]:
    parts = ELEMENTS.split(layout)
    if any(OTHER_ELEMENTS.search(part) for part in parts[::2]):
        raise GoTimeError(f"time: the stand-in does not know the layout {_quoted(layout)}")
    return [part for part in parts if part]


def _quoted(text: str) -> str:
    """A text as Go's errors of time quote it: ASCII, all else as bytes."""
    data = text.encode("utf-8", "surrogateescape")
    return (
        '"'
        + "".join(
            QUOTED.get(byte) or (chr(byte) if FIRST_PRINTED <= byte < FIRST_BEYOND_ASCII else f"\\x{byte:02x}")
            for byte in data
        )
        + '"'
    )


def _zone(name: str) -> tzinfo:
    if name in ("", "UTC"):
        return UTC
    if ".." in name or name[0] in "/\\":
        raise GoTimeError("time: invalid location name")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise GoTimeError(f"unknown time zone {name}") from None


@dataclass
class _Reading:
    """A text that is read element by element."""

    layout: str
    text: str
    rest: str
    values: dict[str, int] = field(default_factory=dict)
    nanoseconds: int = 0
    offset: timedelta = timedelta()

    def skip(self, prefix: str) -> None:
        """Go on after a text that stands between elements."""
        left = prefix
        while left:
            if left[0] == " ":
                if self.rest and self.rest[0] != " ":
                    raise self._problem(prefix)
                left, self.rest = left.lstrip(" "), self.rest.lstrip(" ")
            elif self.rest[:1] != left[0]:
                raise self._problem(prefix)
            else:
                left, self.rest = left[1:], self.rest[1:]

    def element(self, name: str) -> None:
        """Read one element."""
        if name == "-07:00":
            self._offset()
            return
        digits = re.match("[0-9]{4}" if name == "2006" else "[0-9]{2}", self.rest, re.ASCII)
        if digits is None and name in ONE_DIGIT_WILL_DO:
            digits = re.match("[0-9]", self.rest, re.ASCII)
        if digits is None:
            raise self._problem(name)
        self.rest = self.rest[digits.end() :]
        self._keep(name, int(digits[0]))
        if name == "05" and (fraction := FRACTION.match(self.rest)):
            self.rest = self.rest[fraction.end() :]
            self.nanoseconds = int(fraction[1][:9].ljust(9, "0"))

    def finished(self) -> int:
        """Nanoseconds since the epoch."""
        if self.rest:
            raise GoTimeError(f"parsing time {_quoted(self.text)}: extra text: {_quoted(self.rest)}")
        year, month, day = (self.values.get(name, default) for name, default in (("2006", 0), ("01", 1), ("02", 1)))
        hour, minute, second = (self.values.get(name, 0) for name in ("15", "04", "05"))
        if year == 0:
            raise GoTimeError(f"time: the stand-in reads no time without a year: {_quoted(self.text)}")
        try:
            moment = datetime(year, month, day, hour, minute, second, tzinfo=timezone(self.offset))
        except ValueError:
            raise self._out_of_range("day") from None
        seconds = int((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1))
        # Go counts in 64 bits, which do not reach beyond 2262.
        return (seconds * NANOSECONDS + self.nanoseconds + 2**63) % 2**64 - 2**63

    def _keep(self, name: str, value: int) -> None:
        if name in RANGES:
            word, least, most = RANGES[name]
            if not least <= value <= most:
                raise self._out_of_range(word)
        self.values[name] = value

    def _offset(self) -> None:
        found = OFFSET.match(self.rest)
        if found is None:
            raise self._problem("-07:00")
        if int(found[2]) >= 24 or int(found[3]) >= 60:
            raise GoTimeError(f"time: the stand-in knows no offset {found[0]}")
        self.rest = self.rest[found.end() :]
        offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
        self.offset = -offset if found[1] == "-" else offset

    def _problem(self, wanted: str) -> GoTimeError:
        return GoTimeError(
            f"parsing time {_quoted(self.text)} as {_quoted(self.layout)}: "
            f"cannot parse {_quoted(self.rest)} as {_quoted(wanted)}"
        )

    def _out_of_range(self, word: str) -> GoTimeError:
        return GoTimeError(f"parsing time {_quoted(self.text)}: {word} out of range")
