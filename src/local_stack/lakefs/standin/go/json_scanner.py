"""Checks JSON as Go's `encoding/json` does before it reads it, with Go's errors."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from local_stack.lakefs.standin.go.text import quoted_letter

DEEPEST = 10_000
SPACE = re.compile(rb"[ \t\r\n]*")
PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
DIGITS = re.compile(rb"[0-9]*")
HEXADECIMAL = b"0123456789abcdefABCDEF"
LITERALS = {b"t": b"true", b"f": b"false", b"n": b"null"}
BEGINNING = "looking for beginning of value"
BEGINNING_OF_KEY = "looking for beginning of object key string"


class JSONError(Exception):
    """The text is no JSON, in Go's words."""


class _EndError(Exception):
    """The text ends too early."""


@dataclass(frozen=True)
class Step:
    """What the scanner does next: text may be nested deeper than Python calls may be."""

    take: Callable[[], "Step | None"]


@dataclass(frozen=True)
class Overflow:
    """JSON that Lua's stack cannot take: what lies on the stack where it is full."""

    on_top: bytes | bool


def check_json(data: bytes, slots: int) -> Overflow | None:
    """Whether values of the text need more than these slots: one for each list around them, two for each object.

    Raises JSONError.
    """
    try:
        return _Scanner(data, slots).scan()
    except _EndError:
        raise JSONError("unexpected end of JSON input") from None


class _Scanner:
    """Walks over the text once. Go reads a space where the text ends, and errors may name it."""

    def __init__(self, data: bytes, slots: int) -> None:
        self._data = data
        self._end = len(data)
        self._at = 0
        self._open: list[str] = []
        self._slots_left = slots
        self._last_key = b""
        self._overflow: Overflow | None = None

    def scan(self) -> Overflow | None:
        """Check the whole text."""
        step: Step | None = Step(self._value)
        while step is not None:
            step = step.take()
        self._skip_space()
        if self._at < self._end:
            raise self._problem("after top-level value")
        return self._overflow

    def _peek(self) -> bytes:
        return self._data[self._at : self._at + 1] if self._at < self._end else b" "

    def _take(self, wanted: bytes, context: str) -> bytes:
        """The next byte, which has to be one of those wanted."""
        letter = self._peek()
        if letter not in [wanted[index : index + 1] for index in range(len(wanted))]:
            raise self._problem(context)
        if self._at >= self._end:
            raise _EndError
        self._at += 1
        return letter

    def _problem(self, context: str) -> JSONError:
        return JSONError(f"invalid character {quoted_letter(self._peek().decode('latin-1'))} {context}")

    def _skip_space(self) -> None:
        found = SPACE.match(self._data, self._at)
        self._at = found.end() if found else self._at

    def _next(self) -> bytes:
        """The next byte that is no space. Raises _EndError where there is none."""
        self._skip_space()
        if self._at >= self._end:
            raise _EndError
        return self._peek()

    def _value(self) -> Step | None:
        letter = self._next()
        if letter in (b"{", b"["):
            return self._opened("object" if letter == b"{" else "list")
        if letter == b'"':
            self._string()
        elif letter == b"-" or letter.isdigit():
            self._number()
        elif letter in LITERALS:
            self._literal(LITERALS[letter])
        else:
            raise self._problem(BEGINNING)
        return Step(self._after_value)

    def _opened(self, kind: str) -> Step | None:
        if len(self._open) >= DEEPEST:
            raise self._problem("exceeded max depth")
        self._at += 1
        in_object = bool(self._open) and self._open[-1] == "object"
        self._open.append(kind)
        self._slots_left -= 2 if kind == "object" else 1
        if self._slots_left < 0 and self._overflow is None:
            self._overflow = Overflow(self._last_key if in_object else True)
        if self._next() == (b"}" if kind == "object" else b"]"):
            return self._closed()
        return Step(self._key if kind == "object" else self._value)

    def _closed(self) -> Step | None:
        self._at += 1
        self._slots_left += 2 if self._open.pop() == "object" else 1
        return Step(self._after_value)

    def _key(self) -> Step | None:
        if self._next() != b'"':
            raise self._problem(BEGINNING_OF_KEY)
        start = self._at + 1
        self._string()
        self._last_key = self._data[start : self._at - 1]
        if self._next() != b":":
            raise self._problem("after object key")
        self._at += 1
        return Step(self._value)

    def _after_value(self) -> Step | None:
        if not self._open:
            return None
        in_object = self._open[-1] == "object"
        letter = self._next()
        if letter == b",":
            self._at += 1
            return Step(self._key if in_object else self._value)
        if letter == (b"}" if in_object else b"]"):
            return self._closed()
        raise self._problem("after object key:value pair" if in_object else "after array element")

    def _string(self) -> None:
        self._at += 1
        while True:
            found = PLAIN.match(self._data, self._at)
            self._at = found.end() if found else self._at
            if self._at >= self._end:
                raise _EndError
            if self._take(b'"\\', "in string literal") == b'"':
                return
            if self._take(b'bfnrt\\/"u', "in string escape code") == b"u":
                for _ in range(4):
                    self._take(HEXADECIMAL, r"in \u hexadecimal character escape")

    def _number(self) -> None:
        if self._peek() == b"-":
            self._at += 1
        if self._take(b"0123456789", "in numeric literal") != b"0":
            self._digits()
        if self._peek() == b".":
            self._at += 1
            self._take(b"0123456789", "after decimal point in numeric literal")
            self._digits()
        if self._peek() in (b"e", b"E"):
            self._at += 1
            if self._peek() in (b"+", b"-"):
                self._at += 1
            self._take(b"0123456789", "in exponent of numeric literal")
            self._digits()

    def _digits(self) -> None:
        found = DIGITS.match(self._data, self._at)
        self._at = found.end() if found else self._at

    def _literal(self, word: bytes) -> None:
        self._at += 1
        for letter in word[1:].decode():
            self._take(letter.encode(), f"in literal {word.decode()} (expecting '{letter}')")
