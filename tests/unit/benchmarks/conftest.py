"""A result to try things with."""

import pytest
from results import Result


@pytest.fixture
def result() -> Result:
    """Two rows of one benchmark."""
    return Result(
        name="sums",
        title="Sums",
        against="no server",
        rows=({"way": "ours", "calls": 2, "seconds": 0.123456}, {"way": "theirs", "calls": 2000, "seconds": 12.0}),
        notes=("A note.",),
        surroundings={"version": "1 at abc", "load_before": 0.5},
    )
