"""What is compared is measured in turns, each with caches emptied, in an order that turns round."""

import pytest
from side_by_side import medians, side_by_side, timed


def test_the_order_turns_round_and_caches_are_emptied_before_each() -> None:
    done = list[str]()

    def way(name: str, seconds: float) -> float:
        done.append(name)
        return seconds

    ways = {"ours": lambda: way("ours", 1.0), "bare": lambda: way("bare", 2.0)}
    measured = side_by_side(ways, rounds=3, before=lambda: done.append("emptied"))
    assert done == [each for name in ("ours", "bare", "bare", "ours", "ours", "bare") for each in ("emptied", name)]
    assert measured == {"ours": [1.0] * 3, "bare": [2.0] * 3}


def test_a_median_is_not_moved_by_one_slow_round() -> None:
    assert medians({"ours": [1.0, 90.0, 2.0]}) == {"ours": 2.0}


def test_no_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="0 rounds measure nothing"):
        side_by_side({"ours": lambda: 1.0}, rounds=0)


def test_a_timed_action_is_done_and_answers_its_seconds() -> None:
    done = list[int]()
    assert 0 <= timed(lambda: done.append(1))() < 60
    assert done == [1]
