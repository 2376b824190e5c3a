"""Reads regular expressions as Go does (RE2's syntax), with Go's errors.

From what Go's package `regexp/syntax` documents and does. Classes of scripts (`\\p{Greek}`) are refused as unknown.
"""

import re
from dataclasses import dataclass, field

from local_stack.lakefs.standin.go.regexp.characters import (
    EVERY,
    EVERY_BUT_LINE_BREAK,
    LAST,
    PERL,
    POSIX,
    Ranges,
    category,
    folded,
    negated,
    united,
)
from local_stack.lakefs.standin.go.regexp.nodes import (
    At,
    Character,
    Choice,
    Group,
    Node,
    Place,
    Repeat,
    Sequence,
    few_enough,
    height,
)
from local_stack.lakefs.standin.go.text import STRAY_BYTE

MOST_REPEATS = 1000
DEEPEST = 1000
REPEAT = re.compile(r"\{([0-9]+)(?:(,)([0-9]*))?\}", re.ASCII)
CAPTURE_NAME = re.compile("[A-Za-z0-9_]+")
CONTROLS = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
SIGNS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
PLACES: dict[str, Place] = {"A": "text start", "z": "text end", "b": "word edge", "B": "no word edge"}


class RegexpError(Exception):
    """The pattern cannot be read, in Go's words."""

    def __init__(self, problem: str, part: str) -> None:
        super().__init__(f"error parsing regexp: {problem}: `{part}`")


@dataclass(frozen=True, kw_only=True)
class Flags:
    """What `(?imsU)` sets."""

    fold: bool = False
    lines: bool = False
    dot_all: bool = False
    lazy: bool = False


@dataclass
class _Open:
    """A group that is not closed yet."""

    flags: Flags
    number: int | None = None
    options: list[Node] = field(default_factory=list)
    parts: list[Node] = field(default_factory=list)

    def node(self) -> Node:
        """What it holds so far."""
        options = (*self.options, Sequence(tuple(self.parts)))
        whole: Node = Choice(options) if len(options) > 1 else options[0]
        return whole if self.number is None else Group(whole, self.number)


@dataclass(frozen=True)
class Parsed:
    """A pattern, and how many groups it has."""

    node: Node
    groups: int


def parse_regexp(pattern: str) -> Parsed:
    """Read a pattern. Raises RegexpError."""
    return _Parser(pattern).parse()


class _Parser:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._groups = 0
        self._flags = Flags()
        self._open = [_Open(self._flags)]
        self._after_repeat: int | None = None

    def parse(self) -> Parsed:
        """Read the whole pattern."""
        while self._at < len(self._pattern):
            repeat_at = self._one()
            self._after_repeat = repeat_at
        if len(self._open) > 1:
            raise RegexpError("missing closing )", self._pattern)
        node = self._open[0].node()
        if height(node) > DEEPEST:
            raise RegexpError("expression nests too deeply", self._pattern)
        return Parsed(node, self._groups)

    def _rest(self) -> str:
        return self._pattern[self._at :]

    def _starts(self, text: str) -> bool:
        return self._pattern.startswith(text, self._at)

    def _one(self) -> int | None:
        """Read one part; where it was a repetition, the place where that began."""
        letter = self._pattern[self._at]
        if letter == "(":
            self._open_group()
        elif letter == "|":
            self._at += 1
            group = self._open[-1]
            group.options.append(Sequence(tuple(group.parts)))
            group.parts = []
        elif letter == ")":
            self._close_group()
        elif letter in SIGNS or (letter == "{" and REPEAT.match(self._pattern, self._at)):
            return self._repeat(letter)
        elif letter == "\\":
            self._escape()
        else:
            self._push(self._plain(letter))
        return None

    def _push(self, node: Node) -> None:
        self._open[-1].parts.append(node)

    def _plain(self, letter: str) -> Node:
        if letter == "[":
            return Character(self._class())
        self._next()
        if letter == "^":
            return At("line start" if self._flags.lines else "text start")
        if letter == "$":
            return At("line end" if self._flags.lines else "text end")
        if letter == ".":
            return Character(EVERY if self._flags.dot_all else EVERY_BUT_LINE_BREAK)
        return self._literal(ord(letter))

    def _literal(self, number: int) -> Node:
        ranges: Ranges = ((number, number),)
        return Character(folded(ranges) if self._flags.fold else ranges)

    def _next(self) -> str:
        """The next character. There has to be one."""
        letter = self._pattern[self._at]
        if STRAY_BYTE.match(letter):
            raise RegexpError("invalid UTF-8", self._rest())
        self._at += 1
        return letter

    # Groups

    def _open_group(self) -> None:
        if self._starts("(?"):
            if (self._starts("(?P<") and len(self._rest()) > 4) or (self._starts("(?<") and len(self._rest()) > 3):
                self._named_group()
            else:
                self._set_flags()
            return
        self._at += 1
        self._begin_group(self._new_number())

    def _new_number(self) -> int:
        self._groups += 1
        return self._groups

    def _begin_group(self, number: int | None) -> None:
        self._open.append(_Open(self._flags, number))

    def _named_group(self) -> None:
        rest = self._rest()
        start, end = (4 if rest[2] == "P" else 3), rest.find(">")
        if end < 0:
            self._check_utf8(rest)
            raise RegexpError("invalid named capture", rest)
        name = rest[start:end]
        self._check_utf8(name)
        if not CAPTURE_NAME.fullmatch(name):
            raise RegexpError("invalid named capture", rest[: end + 1])
        self._at += end + 1
        self._begin_group(self._new_number())

    def _check_utf8(self, text: str) -> None:
        if stray := STRAY_BYTE.search(text):
            raise RegexpError("invalid UTF-8", text[stray.start() :])

    def _set_flags(self) -> None:
        start = self._at
        self._at += 2
        values = vars(self._flags).copy()
        names = {"i": "fold", "m": "lines", "s": "dot_all", "U": "lazy"}
        setting, saw_flag = True, False
        while self._at < len(self._pattern):
            letter = self._next()
            if letter in names:
                values[names[letter]], saw_flag = setting, True
            elif letter == "-" and setting:
                setting, saw_flag = False, False
            elif letter in ":)" and (setting or saw_flag):
                if letter == ":":
                    self._begin_group(None)
                self._flags = Flags(**values)
                return
            else:
                break
        raise RegexpError("invalid or unsupported Perl syntax", self._pattern[start : self._at])

    def _close_group(self) -> None:
        if len(self._open) == 1:
            raise RegexpError("unexpected )", self._pattern)
        self._at += 1
        group = self._open.pop()
        self._flags = group.flags
        self._push(group.node())

    # Repetitions

    def _repeat(self, letter: str) -> int:
        start = self._at
        least, most = self._bounds(letter)
        greedy = not self._flags.lazy
        if self._starts("?"):
            self._at += 1
            greedy = not greedy
        part = self._pattern[start : self._at]
        if self._after_repeat is not None:
            raise RegexpError("invalid nested repetition operator", self._pattern[self._after_repeat : self._at])
        if not self._open[-1].parts:
            raise RegexpError("missing argument to repetition operator", part)
        node = Repeat(self._open[-1].parts.pop(), least, most, greedy)
        if letter == "{" and (least > 1 or (most or 0) > 1) and not few_enough(node, MOST_REPEATS):
            raise RegexpError("invalid repeat count", part)
        self._push(node)
        return start

    def _bounds(self, letter: str) -> tuple[int, int | None]:
        found = REPEAT.match(self._pattern, self._at) if letter == "{" else None
        if found is None:
            self._at += 1
            return SIGNS[letter]
        self._at = found.end()
        least = int(found[1])
        most = least if found[2] is None else int(found[3]) if found[3] else None
        if max(least, most or 0) > MOST_REPEATS or (most is not None and least > most):
            raise RegexpError("invalid repeat count", found[0])
        return least, most

    # Escapes and classes

    def _escape(self) -> None:
        letter = self._pattern[self._at + 1 : self._at + 2]
        if letter in PLACES and letter:
            self._at += 2
            self._push(At(PLACES[letter]))
        elif letter == "Q":
            literal, _, _ = self._rest()[2:].partition("\\E")
            self._at += 2
            for _ in literal:
                self._push(self._literal(ord(self._next())))
            self._at += 2 if self._starts("\\E") else 0
        else:
            ranges = self._escaped_class()
            self._push(self._literal(self._escaped()) if ranges is None else Character(ranges))

    def _escaped_class(self) -> Ranges | None:
        """The class that an escape stands for, or None where it stands for a character."""
        letter = self._pattern[self._at + 1 : self._at + 2]
        if self._starts("\\") and letter.lower() in PERL and letter:
            self._at += 2
            ranges = PERL[letter.lower()]
            ranges = folded(ranges) if self._flags.fold else ranges
            return negated(ranges) if letter.isupper() else ranges
        if self._starts("\\p") or self._starts("\\P"):
            return self._unicode_class(letter == "P")
        return None

    def _unicode_class(self, negative: bool) -> Ranges | None:
        start, rest = self._at, self._rest()
        if len(rest) == 2:
            return None
        self._at += 2
        if self._next() == "{":
            end = rest.find("}")
            if end < 0:
                self._check_utf8(rest)
                raise RegexpError("invalid character class range", rest)
            self._at, name = start + end + 1, rest[3:end]
            self._check_utf8(name)
        else:
            name = rest[2]
        ranges = category(name.removeprefix("^"))
        if ranges is None:
            raise RegexpError("invalid character class range", self._pattern[start : self._at])
        ranges = folded(ranges) if self._flags.fold else ranges
        return negated(ranges) if negative != name.startswith("^") else ranges

    def _escaped(self) -> int:
        """The character that an escape stands for."""
        start = self._at
        self._at += 1
        if self._at >= len(self._pattern):
            raise RegexpError("trailing backslash at end of expression", "")
        letter = self._next()
        number: int | None = None
        if letter == "0" or (letter in "1234567" and self._rest()[:1] in tuple("01234567")):
            number = self._octal(letter)
        elif letter == "x":
            number = self._hexadecimal()
        elif letter in CONTROLS:
            number = CONTROLS[letter]
        elif letter.isascii() and not letter.isalnum():
            number = ord(letter)
        if number is None:
            raise RegexpError("invalid escape sequence", self._pattern[start : self._at])
        return number

    def _octal(self, first: str) -> int:
        digits = first
        while len(digits) < 3 and self._rest()[:1] in tuple("01234567"):
            digits += self._next()
        return int(digits, 8)

    def _hexadecimal(self) -> int | None:
        if not self._rest():
            return None
        first = self._next()
        if first != "{":
            second = self._next() if self._rest() else ""
            return _number(first + second) if first and second else None
        digits = ""
        while self._rest():
            letter = self._next()
            if letter == "}":
                return _number(digits)
            number = _number(digits + letter)
            if number is None or number > LAST:
                return None
            digits += letter
        return None

    def _class(self) -> Ranges:
        start = self._at
        self._at += 1
        negative = self._starts("^")
        self._at += 1 if negative else 0
        ranges: list[tuple[int, int]] = []
        first = True
        while not self._starts("]") or first:
            first = False
            found = self._posix_class()
            if found is None:
                found = self._escaped_class()
            ranges += self._range(start) if found is None else found
        self._at += 1
        return negated(united(ranges)) if negative else united(ranges)

    def _posix_class(self) -> Ranges | None:
        rest = self._rest()
        end = rest.find(":]", 2) if rest.startswith("[:") and len(rest) > 2 else -1
        if end < 0:
            return None
        name = rest[2:end]
        ranges = POSIX.get(name.removeprefix("^"))
        if ranges is None:
            raise RegexpError("invalid character class range", rest[: end + 2])
        self._at += end + 2
        ranges = folded(ranges) if self._flags.fold else ranges
        return negated(ranges) if name.startswith("^") else ranges

    def _range(self, class_start: int) -> Ranges:
        start = self._at
        low = high = self._class_character(class_start)
        if self._starts("-") and len(self._rest()) > 1 and self._rest()[1] != "]":
            self._at += 1
            high = self._class_character(class_start)
            if high < low:
                raise RegexpError("invalid character class range", self._pattern[start : self._at])
        return folded(((low, high),)) if self._flags.fold else ((low, high),)

    def _class_character(self, class_start: int) -> int:
        if self._at >= len(self._pattern):
            raise RegexpError("missing closing ]", self._pattern[class_start:])
        return self._escaped() if self._starts("\\") else ord(self._next())


def _number(digits: str) -> int | None:
    return int(digits, 16) if re.fullmatch("[0-9a-fA-F]+", digits) else None
