"""Blocking calls made in a few threads, with a limited number of others waiting."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from lakefs_unity_export.webhook.refusals import later

Answer = TypeVar("Answer")


class BoundedCalls:
    """At most `concurrency` calls at once and `queue` waiting. For one event loop."""

    def __init__(self, *, name: str, concurrency: int, queue: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix=name)
        self._limit = concurrency + queue
        self._accepted = 0
        self._closed = False

    @property
    def accepted(self) -> int:
        """The calls that are running or waiting."""
        return self._accepted

    @property
    def takes_more(self) -> bool:
        """Whether another call would be accepted."""
        return not self._closed and self._accepted < self._limit

    def start(self, call: Callable[[], Answer]) -> "asyncio.Future[Answer]":
        """The call's answer, to wait for. Once accepted, it is made even where nobody waits any longer.

        Raises Refusal (503) where too many calls wait already.
        """
        if not self.takes_more:
            raise later(
                "too many events at once, or the service is stopping; try later, or let reconcile export what is missed"
            )
        self._accepted += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, call)
        future.add_done_callback(self._done)
        return future

    def _done(self, future: "asyncio.Future[Answer]") -> None:
        self._accepted -= 1
        if not future.cancelled():
            future.exception()  # seen, also where nobody waits for it

    def close(self) -> None:
        """Takes no more calls, and waits for those it accepted."""
        self._closed = True
        self._pool.shutdown(wait=True)
