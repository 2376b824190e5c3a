"""Identifiers of jobs and runs: positive 64-bit integers, every second one above 2^53.

Databricks' identifiers are 64-bit integers. Large odd ones are lost by a client that carries them as floating-point
numbers, so such a client fails here and not first in a real workspace.
"""

import itertools
import random

_TURN = itertools.count()


def new_identifier() -> int:
    """A fresh identifier; odd, so that no float equals it once it is above 2^53."""
    lower, upper = (2**53, 2**62) if next(_TURN) % 2 else (10**14, 2**53)
    return random.randrange(lower, upper) | 1
