"""The patterns of branches in action files.

Held to recorded patterns (actions/branch-patterns, action-file/bad-pattern): `*` and `?` do not match `/`, `[...]` is
one of a set, `[^...]` none of it, a backslash takes what follows it as it is, and there are no other wildcards.
"""

import re


class PatternError(Exception):
    """A pattern that cannot be read."""

    def __init__(self) -> None:
        super().__init__("syntax error in pattern")


def matches(pattern: str, branch: str) -> bool:
    """Whether the branch has the pattern's form. Raises PatternError."""
    return re.fullmatch(_expression(pattern), branch, re.DOTALL) is not None


def _expression(pattern: str) -> str:
    parts, rest = [], pattern
    while rest:
        first = rest[0]
        if first == "[":
            part, rest = _set(rest[1:])
        elif first in "*?":
            part, rest = {"*": "[^/]*", "?": "[^/]"}[first], rest[1:]
        else:
            letter, rest = _letter(rest)
            part = re.escape(letter)
        parts.append(part)
    return "".join(parts)


def _letter(rest: str) -> tuple[str, str]:
    """The next letter, and what follows it."""
    if rest[0] == "\\":
        rest = rest[1:]
    if not rest:
        raise PatternError
    return rest[0], rest[1:]


def _set(rest: str) -> tuple[str, str]:
    """The expression for what stands after `[`, and what follows `]`."""
    negated = rest.startswith("^")
    rest, ranges, is_first = rest[negated:], "", True
    while is_first or not rest.startswith("]"):
        is_first = False
        low, rest = _letter_in_set(rest)
        high = low
        if rest.startswith("-"):
            high, rest = _letter_in_set(rest[1:])
        if low <= high:  # else nothing is between them
            ranges += f"{re.escape(low)}-{re.escape(high)}"
    nothing, anything = "(?!)", "."
    return (f"[{'^' * negated}{ranges}]" if ranges else anything if negated else nothing), rest[1:]


def _letter_in_set(rest: str) -> tuple[str, str]:
    if not rest or rest[0] in "-]":
        raise PatternError
    letter, rest = _letter(rest)
    if not rest:
        raise PatternError
    return letter, rest
