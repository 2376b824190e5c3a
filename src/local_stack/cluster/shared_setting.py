"""A setting that many may use at a time, and that changes only when nobody uses it."""

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Value = TypeVar("Value", bound=Hashable)


class SharedSetting(Generic[Value]):
    """Users are served in the order in which they ask, so that nobody who needs a change waits forever.

    change: makes the new value current; called while nobody uses the setting. Where it raises, there is no
        current value, and the next user tries again.
    usable: whether the current value still works; where not, the next user has it changed again.
    """

    def __init__(self, change: Callable[[Value], None], usable: Callable[[], bool] = lambda: True) -> None:
        self._change = change
        self._usable = usable
        self._condition = threading.Condition()
        self._queue: deque[object] = deque()
        self._current: Value | None = None
        self._users = 0

    @contextmanager
    def use(self, value: Value) -> Iterator[None]:
        """Within the block, the setting has this value."""
        with self._condition:
            self._enter(value)
            self._users += 1
        try:
            yield
        finally:
            with self._condition:
                self._users -= 1
                self._condition.notify_all()

    def _enter(self, value: Value) -> None:
        ticket = object()
        self._queue.append(ticket)
        try:
            self._condition.wait_for(lambda: self._queue[0] is ticket and (not self._users or self._is(value)))
            if not self._is(value):
                self._current = None
                self._change(value)
                self._current = value
        finally:
            self._queue.remove(ticket)
            self._condition.notify_all()

    def _is(self, value: Value) -> bool:
        return self._current is not None and self._current == value and self._usable()
