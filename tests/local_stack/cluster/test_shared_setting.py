"""A setting that changes only when nobody uses it."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from local_stack.cluster.shared_setting import SharedSetting

WAIT_SECONDS = 10


def test_users_of_one_value_share_it_without_a_change() -> None:
    changes: list[str] = []
    setting = SharedSetting(changes.append)
    with setting.use("a"), setting.use("a"):
        assert changes == ["a"]
    with setting.use("a"):
        assert changes == ["a"]


def test_another_value_waits_for_the_users_and_goes_before_those_who_come_later() -> None:
    changes: list[str] = []
    setting = SharedSetting(changes.append)
    release = threading.Event()

    def use(value: str, until: Callable[[], object] = lambda: None) -> str:
        with setting.use(value):
            current = changes[-1]
            until()
            assert changes[-1] == current
            return current

    with ThreadPoolExecutor() as pool:
        first = pool.submit(use, "a", lambda: release.wait(WAIT_SECONDS))
        _wait_for(lambda: changes == ["a"])
        second = pool.submit(use, "b")
        _wait_for(lambda: len(setting._queue) == 1)
        third = pool.submit(use, "a")
        _wait_for(lambda: len(setting._queue) == 2)
        assert not second.done()
        assert not third.done()
        release.set()
        assert [each.result(WAIT_SECONDS) for each in (first, second, third)] == ["a", "b", "a"]
    assert changes == ["a", "b", "a"]


def test_a_change_that_fails_is_tried_again_by_the_next_user() -> None:
    attempts: list[str] = []

    def change(value: str) -> None:
        attempts.append(value)
        if len(attempts) == 1:
            raise OSError("no")

    setting = SharedSetting(change)
    with pytest.raises(OSError, match="no"), setting.use("a"):
        pass
    with setting.use("a"):
        assert attempts == ["a", "a"]


def test_a_value_that_no_longer_works_is_changed_again() -> None:
    changes: list[str] = []
    usable = [True]
    setting = SharedSetting(changes.append, lambda: usable[0])
    with setting.use("a"):
        pass
    usable[0] = False
    with setting.use("a"):
        assert changes == ["a", "a"]


def _wait_for(condition: Callable[[], bool]) -> None:
    ended = threading.Event()
    for _ in range(WAIT_SECONDS * 100):
        if condition():
            return
        ended.wait(0.01)
    raise AssertionError("it did not come to it")
