"""The one HTTP range that object reads understand."""

import re
from dataclasses import dataclass

# A number of more digits than any size has cannot be read.
RANGE = re.compile(r"^bytes=([0-9]{0,18})-([0-9]{0,18})$")


class RangeError(Exception):
    """The range begins beyond the object's end."""


@dataclass(frozen=True)
class ByteRange:
    """A part of an object: where it starts, how many bytes it has, and how many the object has."""

    start: int
    length: int
    total: int

    @property
    def header(self) -> str:
        """The value of Content-Range."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{self.total}"


def parse_range(header: str | None, total: int) -> ByteRange | None:
    """The range that a request asks for; None for the whole object, or where the header is not understood.

    Raises RangeError where nothing of the object lies in it (HTTP 416).
    """
    match = RANGE.match(header.replace(" ", "")) if header else None
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        length = min(int(match[2]), total)
        start = total - length
    else:
        start = int(match[1])
        last = min(int(match[2]), total - 1) if match[2] else total - 1
        if match[2] and int(match[2]) < start:
            return None
        length = last - start + 1
    if start >= total or length <= 0:
        raise RangeError
    return ByteRange(start, length, total)
