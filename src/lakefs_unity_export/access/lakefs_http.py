"""Calls of lakeFS's API by plain HTTP.

Without lakeFS's SDK: its import takes longer than a listing, and it reads an object in twice the time. `urllib3` is
wherever `requests` is, and so on every Databricks Runtime (its release notes, "Installed Python libraries").
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import urllib3

from lakefs_unity_export.access.lakefs_connection import (
    API_PATH,
    CONNECT_TIMEOUT_SECONDS,
    PAGE_SIZE,
    READ_TIMEOUT_SECONDS,
    Answers,
    BoundedRetry,
    Credentials,
    check_endpoint,
    server_words,
)

Read = TypeVar("Read")


class LakeFSHttp:
    """Calls about one repository of one server. Every method raises LakeFSError, by cause.

    `what` is what a call asks for, for people; `parts` are those of its path below the repository.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        repository: str,
        credentials: Credentials,
        retries: int = 4,
        timeouts: tuple[float, float] | None = None,
        connections: int = 1,
    ) -> None:
        """`timeouts` are the seconds to connect and to wait for data, `connections` those that are kept open.

        Raises SettingsError where the endpoint is no URL of a server.
        """
        self._answers = Answers(endpoint=check_endpoint(endpoint), repository=repository)
        connect, read = timeouts or (CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS)
        self._pool = urllib3.PoolManager(
            maxsize=connections,
            headers={"Authorization": credentials.authorization},
            retries=BoundedRetry.of_reads(retries),
            timeout=urllib3.Timeout(connect=connect, read=read),
            cert_reqs="CERT_REQUIRED",  # not the default of urllib3 1
        )

    def read(self, what: str, *parts: str, **query: str) -> bytes:
        """What the server answers."""
        return self._answer("GET", what, parts, query, success=200)

    def write(
        self,
        method: str,
        what: str,
        *parts: str,
        success: int,
        body: bytes = b"",
        content_type: str = "application/json",
        **query: str,
    ) -> None:
        """A call that changes something, made once. success: the status that says that it was done."""
        headers = {"Content-Type": content_type} if body else {}
        self._answer(method, what, parts, query, success=success, body=body, headers=headers)

    def _answer(
        self, method: str, what: str, parts: tuple[str, ...], query: Mapping[str, str], *, success: int, **more: Any
    ) -> bytes:
        path = "".join(f"/{quote(part, safe='')}" for part in ("repositories", self._answers.repository, *parts))
        url = f"{self._answers.endpoint}{API_PATH}{path}?{urlencode(query, quote_via=quote)}"
        headers = {**self._pool.headers, **more.pop("headers", {})}
        try:
            # What changes something goes to nobody else.
            answer = self._pool.request(method, url, headers=headers, redirect=method == "GET", **more)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._answers.unanswered(what, error) from error
        if answer.status == success:
            return bytes(answer.data)
        if 200 <= answer.status < 300:
            raise self._answers.not_lakefs(what)
        raise self._answers.refused(answer.status, what, server_words(answer.data.decode("utf-8", "replace")))

    def ask(self, what: str, of_answer: Callable[[Any], Read], *parts: str, **query: str) -> Read:
        """What `of_answer` makes of the answer's JSON; where it raises for lack of a part, this is not lakeFS's."""
        try:
            return of_answer(json.loads(self.read(what, *parts, **query)))
        except (KeyError, TypeError, ValueError) as error:
            raise self._answers.not_lakefs(what) from error

    def page(
        self, what: str, of_entry: Callable[[Any], Read], *parts: str, after: str, **query: str
    ) -> tuple[list[Read], bool]:
        """What `of_entry` makes of each entry after (exclusive) a key, and whether there are more."""

        def of_answer(answer: Any) -> tuple[list[Read], bool]:
            return [of_entry(entry) for entry in listed(answer["results"])], flag(answer["pagination"]["has_more"])

        return self.ask(what, of_answer, *parts, after=after, amount=str(PAGE_SIZE), **query)

    def entries(
        self, what: str, of_entry: Callable[[Any], Read], key: Callable[[Read], str], *parts: str, **query: str
    ) -> Iterator[Read]:
        """The entries of every page, asked for once it is wanted; the next begins after `key` of the last entry."""
        after = ""
        while True:
            page, has_more = self.page(what, of_entry, *parts, after=after, **query)
            yield from page
            if not has_more or not page:
                return
            after = key(page[-1])


def text(value: Any) -> str:
    """The value. Raises TypeError where it is no text, ValueError where it holds half a character."""
    found = _of_type(value, str)
    found.encode()
    return found


def flag(value: Any) -> bool:
    """The value. Raises TypeError where it is neither true nor false."""
    return _of_type(value, bool)


def whole_number(value: Any) -> int:
    """The value. Raises TypeError where it is no whole number."""
    return _of_type(value, int)


def listed(value: Any) -> list[Any]:
    """The value. Raises TypeError where it is no list."""
    return _of_type(value, list)


def _of_type(value: Any, kind: type[Read]) -> Read:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r:.80} is no {kind.__name__}")
    return value
