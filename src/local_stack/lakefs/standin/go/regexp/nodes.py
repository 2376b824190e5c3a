"""What a regular expression is made of."""

from dataclasses import dataclass
from typing import Literal

from local_stack.lakefs.standin.go.regexp.characters import Ranges

Place = Literal["text start", "text end", "line start", "line end", "word edge", "no word edge"]


@dataclass(frozen=True)
class Character:
    """One of some characters."""

    ranges: Ranges


@dataclass(frozen=True)
class At:
    """A place between characters."""

    place: Place


@dataclass(frozen=True)
class Sequence:
    """One after the other."""

    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Choice:
    """The first that leads to a match."""

    options: tuple["Node", ...]


@dataclass(frozen=True)
class Repeat:
    """Something from `least` times on, at most `most` times."""

    what: "Node"
    least: int
    most: int | None
    greedy: bool


@dataclass(frozen=True)
class Group:
    """What a group in parentheses takes, by its number."""

    what: "Node"
    number: int


Node = Character | At | Sequence | Choice | Repeat | Group


def parts_of(node: Node) -> tuple[Node, ...]:
    """What is directly inside."""
    if isinstance(node, Sequence):
        return node.parts
    if isinstance(node, Choice):
        return node.options
    return (node.what,) if isinstance(node, Repeat | Group) else ()


def few_enough(node: Node, most: int) -> bool:
    """Whether no part would be repeated more often than that, counting repetitions of repetitions."""
    if not isinstance(node, Repeat):
        return all(few_enough(part, most) for part in parts_of(node))
    if node.most == 0:
        return True
    times = node.least if node.most is None else node.most
    return times <= most and few_enough(node.what, most // times if times else most)


def height(node: Node) -> int:
    """How deep the expression is nested, without a call for each level."""
    deepest, left = 0, [(node, 1)]
    while left:
        part, depth = left.pop()
        deepest = max(deepest, depth)
        left += [(inner, depth + 1) for inner in parts_of(part)]
    return deepest
