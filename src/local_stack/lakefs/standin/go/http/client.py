"""HTTP/1.1 as Go's client speaks it: what it follows, and what its errors say.

The time-out is for all of it: redirects and bodies too.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urljoin

from local_stack.lakefs.standin.go.http.exchange import (
    TOKEN,
    Exchange,
    GoAnswer,
    GoHTTPError,
    GoRequest,
    NoAnswerError,
    canonical_name,
)
from local_stack.lakefs.standin.go.text import quoted
from local_stack.lakefs.standin.go.url import GoURL, GoURLError, parse_url

MOST_REQUESTS = 10
BECOMING_GET, REPEATED = {301, 302, 303}, {307, 308}
SENT_TO_ONE_HOST = {"Authorization", "Www-Authenticate", "Cookie", "Cookie2", "Proxy-Authorization"}
OF_BODY = {"Content-Encoding", "Content-Language", "Content-Location", "Content-Type"}


def go_request(method: str, url: str, *, headers: Mapping[str, str], body: bytes, timeout_seconds: float) -> GoAnswer:
    """Send a request and follow redirects. Raises GoHTTPError.

    `headers` are sent in canonical case; an empty method is GET.
    """
    method = method or "GET"
    if not TOKEN.fullmatch(method):
        raise GoHTTPError(f"net/http: invalid method {quoted(method)}")
    try:
        parsed = parse_url(url)
    except GoURLError as error:
        raise GoHTTPError(str(error)) from error
    if not parsed.port:
        parsed = replace(parsed, host=parsed.host.removesuffix(":"))
    named = {canonical_name(name): value for name, value in headers.items()}
    deadline = time.monotonic() + timeout_seconds
    return _Chain(GoRequest(method=method, url=parsed, headers=named, body=body, deadline=deadline)).followed()


class _Chain:
    """A request and those that redirects make of it."""

    def __init__(self, first: GoRequest) -> None:
        self._request = first
        self._headers = dict(first.headers)
        self._first_host = first.url.hostname
        self._operation = first.method[0] + first.method[1:].lower()

    def followed(self) -> GoAnswer:
        """The last answer."""
        location = ""
        for _ in range(MOST_REQUESTS):
            try:
                answer = Exchange(self._request).answer()
            except NoAnswerError as error:
                raise self._failure(self._request.url.shown(), str(error)) from error
            location = answer.headers.get("Location", [""])[0]
            if answer.code not in BECOMING_GET | REPEATED or not location:
                return answer
            self._redirect(answer.code, location)
        raise self._failure(location, f"stopped after {MOST_REQUESTS} redirects")

    def _failure(self, url: str, problem: str) -> GoHTTPError:
        return GoHTTPError(f"{self._operation} {quoted(url)}: {problem}")

    def _redirect(self, code: int, location: str) -> None:
        """Make the next request."""
        before = self._request
        url = self._target(before.url, location)
        method, body = before.method, before.body
        if code in BECOMING_GET:
            method, body = method if method in ("GET", "HEAD") else "GET", b""
            self._drop(OF_BODY)
        if url.hostname != self._first_host and not url.hostname.endswith("." + self._first_host):
            self._drop(SENT_TO_ONE_HOST)
        headers = dict(self._headers)
        if (before.url.scheme, url.scheme) != ("https", "http"):
            headers.setdefault("Referer", replace(before.url, user=None, password=None).shown())
        self._request = replace(before, method=method, url=url, headers=headers, body=body)

    def _target(self, base: GoURL, location: str) -> GoURL:
        try:
            given = parse_url(location)
            target = parse_url(urljoin(replace(base, user=None, password=None).shown(), location))
        except GoURLError as error:
            problem = f"failed to parse Location header {quoted(location)}: {error}"
            raise self._failure(base.shown(), problem) from error
        return target if given.scheme or given.host else replace(target, user=base.user, password=base.password)

    def _drop(self, names: set[str]) -> None:
        self._headers = {name: value for name, value in self._headers.items() if name not in names}
