"""Sets of characters as Go's regular expressions write them: ranges of code points."""

import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import pairwise

Ranges = tuple[tuple[int, int], ...]
LAST = 0x10FFFF
EVERY: Ranges = ((0, LAST),)
EVERY_BUT_LINE_BREAK: Ranges = ((0, 9), (11, LAST))
SURROGATES = range(0xD800, 0xE000)
# Where Unicode has characters, beside two planes for private use; and up to where letters have case.
ASSIGNED = ((0, 0x34000), (0xE0000, 0xE0200))
PRIVATE: Ranges = ((0xF0000, 0xFFFFD), (0x100000, 0x10FFFD))
LAST_WITH_CASE = 0x1FFFF


def _of(*parts: str) -> Ranges:
    return tuple((ord(part[0]), ord(part[-1])) for part in parts)


DIGIT, WORD = _of("09"), _of("09", "AZ", "_", "az")
PERL = {"d": DIGIT, "s": _of("\t\n", "\f\r", " "), "w": WORD}
POSIX = {
    "alnum": _of("09", "AZ", "az"),
    "alpha": _of("AZ", "az"),
    "ascii": _of("\0\x7f"),
    "blank": _of("\t", " "),
    "cntrl": _of("\0\x1f", "\x7f"),
    "digit": DIGIT,
    "graph": _of("!~"),
    "lower": _of("az"),
    "print": _of(" ~"),
    "punct": _of("!/", ":@", "[`", "{~"),
    "space": _of("\t\r", " "),
    "upper": _of("AZ"),
    "word": WORD,
    "xdigit": _of("09", "AF", "af"),
}


def united(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The ranges in order, without overlaps."""
    result: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return tuple(result)


def negated(ranges: Ranges) -> Ranges:
    """Every other character."""
    edges = [(-1, -1), *united(ranges), (LAST + 1, LAST + 1)]
    return tuple((left[1] + 1, right[0] - 1) for left, right in pairwise(edges) if left[1] + 1 <= right[0] - 1)


def folded(ranges: Ranges) -> Ranges:
    """The characters, and those that differ from them in case only."""
    found = set(ranges)
    for low, high in ranges:
        for number, orbit in _orbits().items():
            if low <= number <= high:
                found.update((other, other) for other in orbit)
    return united(found)


def category(name: str) -> Ranges | None:
    """The characters of a general category, by one or two letters, or None where there is no such category."""
    return EVERY if name == "Any" else _categories().get(name)


@cache
def _categories() -> dict[str, Ranges]:
    found: dict[str, list[tuple[int, int]]] = {"Co": list(PRIVATE)}
    for start, end in ASSIGNED:
        for number in range(start, end):
            kind = unicodedata.category(chr(number))
            if kind != "Cn":
                found.setdefault(kind, []).append((number, number))
    letters = {kind[0] for kind in found}
    whole = {
        letter: [part for kind, parts in found.items() if kind[0] == letter for part in parts] for letter in letters
    }
    return {name: united(parts) for name, parts in (found | whole).items()}


@cache
def _orbits() -> dict[int, tuple[int, ...]]:
    """For each character that has others which differ in case only: those."""
    classes: dict[str, list[int]] = {}
    for number in range(LAST_WITH_CASE + 1):
        if number not in SURROGATES:
            classes.setdefault(_simply_folded(chr(number)), []).append(number)
    return {number: tuple(orbit) for orbit in classes.values() if len(orbit) > 1 for number in orbit}


def _simply_folded(letter: str) -> str:
    """What Unicode folds a letter to, where that is one letter."""
    for form in (letter.casefold(), letter.lower()):
        if len(form) == 1:
            return form
    return letter
