"""HTTP/1.1 as Go's client speaks it: how a request is written, what is followed, and what its errors say.

A connection is used once. The time-out is for all of it: redirects and bodies too.
"""

import base64
import gzip
import re
import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin

from local_stack.lakefs_standin.go_text import quoted
from local_stack.lakefs_standin.go_url import GoURL, GoURLError, parse_url
from local_stack.lakefs_standin.outgoing import USER_AGENT, tls_context

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
PORTS = {"http": "80", "https": "443"}
LARGEST_PORT = 65535
MOST_REDIRECTS = 10
# What Go writes by itself, and takes from nobody.
OWN_HEADERS = {"Host", "User-Agent", "Content-Length", "Transfer-Encoding", "Trailer"}
SENT_TO_ONE_HOST = {"Authorization", "Www-Authenticate", "Cookie", "Cookie2", "Proxy-Authorization"}
OF_BODY = {"Content-Encoding", "Content-Language", "Content-Location", "Content-Type"}
WITH_LENGTH = {"POST", "PUT", "PATCH"}
WITHOUT_BODY = {204, 304}
LATE = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
LATE_BODY = "context deadline exceeded (Client.Timeout or context cancellation while reading body)"
BROKEN = "net/http: HTTP/1.x transport connection broken: "
CHUNK = 65536
EXPIRED, OTHER_HOST = 10, 62


class GoHTTPError(Exception):
    """There is no answer, in Go's words."""


class _NotSentError(Exception):
    """One request of a chain failed."""


@dataclass(frozen=True, kw_only=True)
class GoAnswer:
    """An answer: names of headers in canonical case, with all their values."""

    code: int
    status: str
    headers: Mapping[str, list[str]]
    body: bytes


def go_request(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes, timeout_seconds: float
) -> GoAnswer:
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
    named = {canonical_name(name): value for name, value in headers.items()}
    return _Chain(method, parsed, named, body, time.monotonic() + timeout_seconds).followed()


def canonical_name(name: str) -> str:
    """A header's name in canonical case; one that is no name stays as it is."""
    if not TOKEN.fullmatch(name):
        return name
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))


@dataclass
class _Chain:
    """A request and those that redirects make of it."""

    method: str
    url: GoURL
    headers: dict[str, str]
    body: bytes
    deadline: float

    def followed(self) -> GoAnswer:
        """The last answer."""
        operation = self.method[0] + self.method[1:].lower()
        first_host = self.url.hostname
        shown = self.url.shown()
        for hop in range(MOST_REDIRECTS + 1):
            try:
                answer = _Exchange(self).answer()
            except _NotSentError as error:
                raise GoHTTPError(f"{operation} {quoted(self.url.shown())}: {error}") from error
            shown = self._redirected(answer, first_host, operation) if 301 <= answer.code <= 308 else ""
            if not shown:
                return answer
            if hop == MOST_REDIRECTS - 1:
                break
        raise GoHTTPError(f"{operation} {quoted(shown)}: stopped after {MOST_REDIRECTS} redirects")

    def _redirected(self, answer: GoAnswer, first_host: str, operation: str) -> str:
        """Turn into the next request, and tell where it goes; nothing where the answer is the last."""
        location = answer.headers.get("Location", [""])[0]
        if answer.code not in (301, 302, 303, 307, 308) or not location:
            return ""
        before = self.url
        try:
            self.url = parse_url(urljoin(GoURL(**{**vars(before), "password": None}).shown(), location))
        except GoURLError as error:
            problem = f"failed to parse Location header {quoted(location)}: {error}"
            raise GoHTTPError(f"{operation} {quoted(before.shown())}: {problem}") from error
        if answer.code in (301, 302, 303):
            self.method = self.method if self.method in ("GET", "HEAD") else "GET"
            self.body = b""
            self._drop(OF_BODY)
        host = self.url.hostname
        if host != first_host and not host.endswith("." + first_host):
            self._drop(SENT_TO_ONE_HOST)
        if (before.scheme, self.url.scheme) != ("https", "http"):
            self.headers.setdefault("Referer", GoURL(**{**vars(before), "user": None, "password": None}).shown())
        return location

    def _drop(self, names: set[str]) -> None:
        self.headers = {name: value for name, value in self.headers.items() if name not in names}


class _Exchange:
    """One request and its answer."""

    def __init__(self, request: _Chain) -> None:
        self._request = request
        self._read = bytearray()
        self._over = False

    def answer(self) -> GoAnswer:
        """Send and read. Raises _NotSentError where no answer begins, GoHTTPError where its body does not end."""
        self._check()
        with self._connected() as self._socket:
            try:
                self._socket.sendall(self._written())
                code, status, headers = self._head()
            except TimeoutError:
                raise _NotSentError(LATE) from None
            except OSError as error:
                raise _NotSentError(self._lost(error)) from error
            try:
                body = self._body(code, headers)
            except TimeoutError:
                raise GoHTTPError(LATE_BODY) from None
            except OSError as error:
                raise GoHTTPError(self._lost(error)) from error
        return self._unpacked(GoAnswer(code=code, status=status, headers=headers, body=body))

    def _lost(self, error: OSError) -> str:
        ours, theirs = (":".join(map(str, name()[:2])) for name in (self._socket.getsockname, self._socket.getpeername))
        return f"read tcp {ours}->{theirs}: read: {(error.strerror or str(error)).lower()}"

    def _check(self) -> None:
        url = self._request.url
        if url.scheme in PORTS:
            for name, value in self._request.headers.items():
                if not TOKEN.fullmatch(name):
                    raise _NotSentError(f"net/http: invalid header field name {quoted(name)}")
                if CONTROL.search(value):
                    raise _NotSentError(f"net/http: invalid header field value for {quoted(name)}")
        if url.scheme not in PORTS:
            raise _NotSentError(f"unsupported protocol scheme {quoted(url.scheme)}")
        if not url.host:
            raise _NotSentError("http: no Host in request URL")

    def _left(self) -> float:
        left = self._request.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _connected(self) -> socket.socket:
        url = self._request.url
        host, port = url.hostname, url.port or PORTS[url.scheme]
        if int(port) > LARGEST_PORT:
            raise _NotSentError(f"dial tcp: address {port}: invalid port")
        try:
            addresses = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
        except OSError:
            raise _NotSentError(f"dial tcp: lookup {host}: no such host") from None
        opened = self._dialled([address[4][:2] for address in addresses])
        return opened if url.scheme == "http" else self._secured(opened, host)

    def _dialled(self, addresses: list[tuple[str | int, ...]]) -> socket.socket:
        first_problem = ""
        for host, port in addresses:
            try:
                return socket.create_connection((str(host), int(port)), timeout=self._left())
            except TimeoutError:
                raise _NotSentError(LATE) from None
            except OSError as error:
                shown = f"[{host}]" if ":" in str(host) else host
                problem = f"dial tcp {shown}:{port}: connect: {(error.strerror or str(error)).lower()}"
                first_problem = first_problem or problem
        raise _NotSentError(first_problem)

    def _secured(self, opened: socket.socket, host: str) -> socket.socket:
        try:
            return tls_context().wrap_socket(opened, server_hostname=host)
        except ssl.SSLCertVerificationError as error:
            raise _NotSentError(f"tls: failed to verify certificate: x509: {_certificate_problem(error, host)}") from error
        except TimeoutError:
            raise _NotSentError(LATE) from None
        except (ssl.SSLEOFError, ConnectionError):
            raise _NotSentError("EOF") from None
        except ssl.SSLError as error:
            raise _NotSentError("tls: first record does not look like a TLS handshake") from error
        finally:
            # A socket that was wrapped is another one.
            if opened.fileno() != -1 and not isinstance(opened, ssl.SSLSocket):
                opened.close()

    def _written(self) -> bytes:
        request, headers = self._request, dict(self._request.headers)
        agent = headers.get("User-Agent", USER_AGENT)
        lines = [f"{request.method} {request.url.request_uri} HTTP/1.1", f"Host: {request.url.host.removesuffix(':')}"]
        lines += [f"User-Agent: {agent}"] if agent else []
        if request.body or request.method in WITH_LENGTH:
            lines.append(f"Content-Length: {len(request.body)}")
        if request.url.user is not None and "Authorization" not in headers:
            credentials = f"{request.url.user}:{request.url.password or ''}".encode("utf-8", "surrogateescape")
            headers["Authorization"] = f"Basic {base64.b64encode(credentials).decode()}"
        sent = {name: value for name, value in headers.items() if name not in OWN_HEADERS}
        lines += [f"{name}: {value.strip(' ' + chr(9))}" for name, value in sorted(sent.items())]
        lines += ["Accept-Encoding: gzip"] if self._unpacks else []
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + request.body

    @property
    def _unpacks(self) -> bool:
        request = self._request
        return request.method != "HEAD" and not {"Accept-Encoding", "Range"} & set(request.headers)

    # Reading

    def _more(self) -> bool:
        """Read some more; whether there was any."""
        if not self._over:
            self._socket.settimeout(self._left())
            data = self._socket.recv(CHUNK)
            self._over = not data
            self._read += data
        return not self._over

    def _line(self) -> bytes | None:
        """The next line without its end, or None where the other side ended before it."""
        while b"\n" not in self._read:
            if not self._more():
                return None
        line, _, rest = bytes(self._read).partition(b"\n")
        self._read = bytearray(rest)
        return line.removesuffix(b"\r")

    def _head(self) -> tuple[int, str, dict[str, list[str]]]:
        while True:
            line = self._line()
            if line is None:
                raise _NotSentError(BROKEN + "unexpected EOF" if self._read else "EOF")
            code, status = _status(line.decode("latin-1"))
            headers = self._headers()
            if code == 101 or code >= 200:
                return code, status, headers

    def _headers(self) -> dict[str, list[str]]:
        headers: dict[str, list[str]] = {}
        while True:
            line = self._line()
            if line is None:
                raise _NotSentError(BROKEN + "unexpected EOF")
            if not line:
                return headers
            name, colon, value = line.decode("utf-8", "surrogateescape").partition(":")
            if not colon or not name or name != name.strip():
                raise _NotSentError(BROKEN + f"malformed MIME header line: {line.decode('utf-8', 'surrogateescape')}")
            headers.setdefault(canonical_name(name), []).append(value.strip(" \t"))

    def _body(self, code: int, headers: dict[str, list[str]]) -> bytes:
        chunked = headers.pop("Transfer-Encoding", [""])[0].lower() == "chunked"
        if self._request.method == "HEAD" or code in WITHOUT_BODY:
            return b""
        if chunked:
            headers.pop("Content-Length", None)
            return self._chunks()
        length = headers.get("Content-Length", [""])[0]
        if not length.isdigit():
            while self._more():
                pass
            return bytes(self._read)
        return self._exactly(int(length))

    def _exactly(self, length: int) -> bytes:
        while len(self._read) < length:
            if not self._more():
                raise GoHTTPError("unexpected EOF")
        data = bytes(self._read[:length])
        del self._read[:length]
        return data

    def _chunks(self) -> bytes:
        body = b""
        while True:
            line = self._line()
            if line is None:
                raise GoHTTPError("unexpected EOF")
            size = line.split(b";")[0].strip()
            if not re.fullmatch(b"[0-9a-fA-F]+", size):
                raise GoHTTPError("invalid byte in chunk length")
            if int(size, 16) == 0:
                return body
            body += self._exactly(int(size, 16))
            if self._line() != b"":
                raise GoHTTPError("malformed chunked encoding")

    def _unpacked(self, answer: GoAnswer) -> GoAnswer:
        if not self._unpacks or answer.headers.get("Content-Encoding", [""])[0].lower() != "gzip":
            return answer
        headers = {
            name: values for name, values in answer.headers.items() if name not in ("Content-Encoding", "Content-Length")
        }
        try:
            body = gzip.decompress(answer.body) if answer.body else b""
        except EOFError:
            raise GoHTTPError("unexpected EOF") from None
        except (OSError, zlib.error):
            raise GoHTTPError("gzip: invalid header") from None
        return GoAnswer(code=answer.code, status=answer.status, headers=headers, body=body)


def _status(line: str) -> tuple[int, str]:
    version, space, status = line.partition(" ")
    status = status.lstrip(" ")
    code = status.partition(" ")[0]
    if not space:
        raise _NotSentError(BROKEN + f"malformed HTTP response {quoted(line)}")
    if len(code) != 3 or not code.isdigit() or not code.isascii():
        raise _NotSentError(BROKEN + f"malformed HTTP status code {quoted(code)}")
    if not re.fullmatch(r"HTTP/[0-9]\.[0-9]", version):
        raise _NotSentError(BROKEN + f"malformed HTTP version {quoted(version)}")
    return int(code), status


def _certificate_problem(error: ssl.SSLCertVerificationError, host: str) -> str:
    if error.verify_code == EXPIRED:
        return "certificate has expired or is not yet valid"
    if error.verify_code == OTHER_HOST:
        return f"certificate is not valid for {host}"
    return "certificate signed by unknown authority"
