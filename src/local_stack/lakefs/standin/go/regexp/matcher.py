"""Matches regular expressions as Go does: leftmost, then by the order of the alternatives, in time that is linear.

All threads of a match go through the text together, the preferred ones first, as in RE2; Python's own `re` differs in
what groups hold after empty repetitions, and in the time that it may take.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from local_stack.lakefs.standin.go.regexp.characters import LAST, WORD, Ranges, united
from local_stack.lakefs.standin.go.regexp.nodes import At, Character, Choice, Group, Node, Place, Repeat, Sequence
from local_stack.lakefs.standin.go.regexp.parser import RegexpError, parse_regexp
from local_stack.lakefs.standin.go.text import replaced

MOST_STEPS = 100_000
NOWHERE = -1
Captures = tuple[int, ...]


@dataclass
class _Take:
    """Take a character of some, then go on."""

    ranges: Ranges
    then: int
    known: dict[str, bool] = field(default_factory=dict)

    def takes(self, letter: str) -> bool:
        """Whether the character is one of them."""
        found = self.known.get(letter)
        if found is None:
            index = bisect_right(self.ranges, (ord(letter), LAST + 1)) - 1
            found = self.known[letter] = index >= 0 and ord(letter) <= self.ranges[index][1]
        return found


@dataclass(frozen=True)
class _Fork:
    """Go on at several steps, the first preferred."""

    then: tuple[int, ...]


@dataclass(frozen=True)
class _Mark:
    """Remember the place as an edge of a group."""

    slot: int
    then: int


@dataclass(frozen=True)
class _Place:
    """Go on only at such a place."""

    place: Place
    then: int


@dataclass(frozen=True)
class _Done:
    """The match ends here."""


_Step = _Take | _Fork | _Mark | _Place | _Done


@dataclass(frozen=True)
class Match:
    """A match in a text: the spans of the whole and of each group, of which one is None that took no part."""

    text: str
    spans: tuple[tuple[int, int] | None, ...]

    @property
    def texts(self) -> list[str]:
        """The whole and each group; one that took no part is empty."""
        return ["" if span is None else self.text[span[0] : span[1]] for span in self.spans]


class Regexp:
    """A compiled pattern. Raises RegexpError."""

    def __init__(self, pattern: str) -> None:
        parsed = parse_regexp(pattern)
        self._slots = 2 * (parsed.groups + 1)
        self._steps: list[_Step] = [_Done()]
        self._pattern = pattern
        try:
            self._start = self._compiled(Group(parsed.node, 0), 0)
            self._anchored = _begins_at_text_start(parsed.node)
        except RecursionError:
            raise RegexpError("expression nests too deeply", pattern) from None
        self._first = self._first_letters()

    def search(self, text: str) -> Match | None:
        """The first match."""
        return next(self.find_all(text, 1), None)

    def find_all(self, text: str, most: int) -> Iterator[Match]:
        """Matches one after the other, at most so many, all where that is negative."""
        letters = replaced(text)
        place, last_end, found = 0, NOWHERE, 0
        while place <= len(text) and (most < 0 or found < most):
            spans = self._spans(letters, place)
            if not spans or spans[0] is None:
                return
            start, end = spans[0]
            if end != place or start != last_end:
                found += 1
                yield Match(text, spans)
            place, last_end = (end if end > place else place + 1), end

    def _spans(self, letters: str, start: int) -> tuple[tuple[int, int] | None, ...]:
        threads, best, place = _Threads(), None, start
        while place <= len(letters):
            if not threads.places and best is None:
                place = self._next_place(letters, place)
                if place == NOWHERE:
                    return ()
                threads = _Threads()
            elif not threads.places:
                break
            if best is None:
                self._follow(threads, self._start, (NOWHERE,) * self._slots, letters, place)
            threads, best = self._advance(threads, best, letters, place)
            place += 1
        return () if best is None else tuple(_pairs(best))

    def _next_place(self, letters: str, place: int) -> int:
        """From where on a match may begin, or NOWHERE."""
        if self._anchored and place > 0:
            return NOWHERE
        if self._first is None:
            return place
        found = self._first.search(letters, place)
        return found.start() if found else NOWHERE

    def _follow(self, threads: "_Threads", start: int, captures: Captures, letters: str, place: int) -> None:
        """Add the steps that are reached from one without taking a character, in order."""
        left = [(start, captures)]
        while left:
            index, captures = left.pop()
            if index in threads.seen:
                continue
            threads.seen.add(index)
            step = self._steps[index]
            if isinstance(step, _Fork):
                left += [(then, captures) for then in reversed(step.then)]
            elif isinstance(step, _Mark):
                left.append((step.then, (*captures[: step.slot], place, *captures[step.slot + 1 :])))
            elif isinstance(step, _Place):
                if _is_place(step.place, letters, place):
                    left.append((step.then, captures))
            else:
                threads.places.append((step, captures))

    def _advance(
        self, threads: "_Threads", best: Captures | None, letters: str, place: int
    ) -> tuple["_Threads", Captures | None]:
        """The threads after one character. Where one is done, those that are less preferred are given up."""
        following = _Threads()
        letter = letters[place : place + 1]
        for step, captures in threads.places:
            if isinstance(step, _Done):
                return following, captures
            if letter and step.takes(letter):
                self._follow(following, step.then, captures, letters, place + 1)
        return following, best

    def _add(self, step: _Step) -> int:
        if len(self._steps) >= MOST_STEPS:
            raise RegexpError("expression too large", self._pattern)
        self._steps.append(step)
        return len(self._steps) - 1

    def _compiled(self, node: Node, then: int) -> int:
        """The step at which the node begins, where `then` follows on it."""
        if isinstance(node, Character):
            return self._add(_Take(node.ranges, then))
        if isinstance(node, At):
            return self._add(_Place(node.place, then))
        if isinstance(node, Sequence):
            for part in reversed(node.parts):
                then = self._compiled(part, then)
            return then
        if isinstance(node, Choice):
            return self._add(_Fork(tuple(self._compiled(option, then) for option in node.options)))
        if isinstance(node, Group):
            end = self._add(_Mark(2 * node.number + 1, then))
            return self._add(_Mark(2 * node.number, self._compiled(node.what, end)))
        return self._repeated(node, then)

    def _repeated(self, node: Repeat, then: int) -> int:
        if node.most is None:
            once = self._once_or_more(node, then)
            if node.least == 0:
                return self._maybe(node, once, then)
            then, copies = once, node.least - 1
        else:
            end, copies = then, node.least
            for _ in range(node.most - node.least):
                then = self._maybe(node, self._compiled(node.what, then), end)
        for _ in range(copies):
            then = self._compiled(node.what, then)
        return then

    def _once_or_more(self, node: Repeat, then: int) -> int:
        loop = self._add(_Done())
        once = self._compiled(node.what, loop)
        self._steps[loop] = _Fork((once, then) if node.greedy else (then, once))
        return once

    def _maybe(self, node: Repeat, once: int, then: int) -> int:
        return self._add(_Fork((once, then) if node.greedy else (then, once)))

    def _first_letters(self) -> re.Pattern[str] | None:
        """What a match can begin with, or None where it can be empty."""
        ranges: list[tuple[int, int]] = []
        seen, left = set(), [self._start]
        while left:
            index = left.pop()
            step = self._steps[index]
            if isinstance(step, _Done):
                return None
            if index in seen:
                continue
            seen.add(index)
            if isinstance(step, _Take):
                ranges += step.ranges
            else:
                left += step.then if isinstance(step, _Fork) else [step.then]
        return re.compile(
            "[" + "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in united(ranges)) + "]" if ranges else "(?!)"
        )


@lru_cache(maxsize=256)
def compiled_regexp(pattern: str) -> Regexp:
    """A compiled pattern. Raises RegexpError."""
    return Regexp(pattern)


@dataclass
class _Threads:
    """What a match may go on with, the preferred first."""

    places: list[tuple[_Take | _Done, Captures]] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)


def _pairs(captures: Captures) -> Iterator[tuple[int, int] | None]:
    for start, end in zip(captures[::2], captures[1::2], strict=True):
        yield None if NOWHERE in (start, end) else (start, end)


def _is_place(place: Place, letters: str, at: int) -> bool:
    before, after = letters[at - 1 : at] if at else "", letters[at : at + 1]
    if place == "text start":
        return at == 0
    if place == "text end":
        return at == len(letters)
    if place == "line start":
        return before in ("", "\n")
    if place == "line end":
        return after in ("", "\n")
    return (_in_word(before) != _in_word(after)) == (place == "word edge")


def _in_word(letter: str) -> bool:
    return bool(letter) and any(low <= ord(letter) <= high for low, high in WORD)


def _begins_at_text_start(node: Node) -> bool:
    if isinstance(node, Sequence):
        return bool(node.parts) and _begins_at_text_start(node.parts[0])
    if isinstance(node, Choice):
        return all(_begins_at_text_start(option) for option in node.options)
    if isinstance(node, Group):
        return _begins_at_text_start(node.what)
    return node == At("text start")
