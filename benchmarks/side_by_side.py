"""Measures ways to do the same in turns, in one run: only such figures are compared.

The order turns round from one round to the next, so that no way always finds the machine as another left it.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

Name = TypeVar("Name", bound=str)


def nothing() -> None:
    """Empty no cache."""


def side_by_side(
    ways: Mapping[Name, Callable[[], float]], *, rounds: int, before: Callable[[], None] = nothing
) -> dict[Name, list[float]]:
    """What each way answers in each round: the seconds that it measured itself.

    Parameters: the ways, how often each is done, and what empties the caches before each. Raises ValueError for no
    rounds, and what a way raises.
    """
    if rounds < 1:
        raise ValueError(f"{rounds} rounds measure nothing: ask for at least 1")
    measured: dict[Name, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways)[:: -1 if number % 2 else 1]:
            before()
            measured[name].append(ways[name]())
    return measured


def medians(measured: Mapping[Name, list[float]]) -> dict[Name, float]:
    """The median of each way."""
    return {name: statistics.median(figures) for name, figures in measured.items()}


def timed(action: Callable[[], object]) -> Callable[[], float]:
    """The action as a way that answers its seconds."""

    def seconds() -> float:
        started = time.perf_counter()
        action()
        return time.perf_counter() - started

    return seconds
