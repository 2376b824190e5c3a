"""One request of Go's HTTP client and its answer, over a connection of its own, with Go's errors."""

import base64
import gzip
import re
import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from local_stack.lakefs.standin.go.text import quoted
from local_stack.lakefs.standin.go.url import GoURL
from local_stack.lakefs.standin.outgoing import USER_AGENT, tls_context

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
PORTS = {"http": "80", "https": "443"}
LARGEST_PORT = 65535
# What Go writes by itself, and takes from nobody.
OWN_HEADERS = {"Host", "User-Agent", "Content-Length", "Transfer-Encoding", "Trailer"}
WITH_LENGTH = {"POST", "PUT", "PATCH"}
SWITCHING, FIRST_FINAL, WITHOUT_BODY = 101, 200, {204, 304}
LATE = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
LATE_BODY = "context deadline exceeded (Client.Timeout or context cancellation while reading body)"
BROKEN = "net/http: HTTP/1.x transport connection broken: "
BLANKS = " \t"
CHUNK = 65536
GZIP_HEADER_SIZE = 10
IN_CHUNKS = -1
STATUS_DIGITS = 3
EXPIRED, OTHER_HOST = 10, 62


class GoHTTPError(Exception):
    """There is no answer, in Go's words."""


class NoAnswerError(Exception):
    """No answer began: what Go says behind the method and the URL."""


@dataclass(frozen=True, kw_only=True)
class GoRequest:
    """A request. Names of headers are in canonical case; `deadline` is a time of the monotonic clock, in seconds."""

    method: str
    url: GoURL
    headers: Mapping[str, str]
    body: bytes
    deadline: float


@dataclass(frozen=True, kw_only=True)
class GoAnswer:
    """An answer: names of headers in canonical case, with all their values."""

    code: int
    status: str
    headers: Mapping[str, list[str]]
    body: bytes


def canonical_name(name: str) -> str:
    """A header's name in canonical case; one that is no name stays as it is."""
    if not TOKEN.fullmatch(name):
        return name
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))


class Exchange:
    """One request and its answer."""

    def __init__(self, request: GoRequest) -> None:
        self._request = request
        self._read = bytearray()
        self._over = False

    def answer(self) -> GoAnswer:
        """Send and read. Raises NoAnswerError where no answer begins, GoHTTPError where its body does not end."""
        self._check()
        with self._connected() as self._socket:
            try:
                self._socket.sendall(self._written())
                code, status, headers = self._head()
                length = _length(headers)
            except TimeoutError:
                raise NoAnswerError(LATE) from None
            except OSError as error:
                raise NoAnswerError(self._lost(error)) from error
            try:
                body = self._body(code, length)
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
                    raise NoAnswerError(f"net/http: invalid header field name {quoted(name)}")
                if CONTROL.search(value):
                    raise NoAnswerError(f"net/http: invalid header field value for {quoted(name)}")
        if url.scheme not in PORTS:
            raise NoAnswerError(f"unsupported protocol scheme {quoted(url.scheme)}")
        if not url.host:
            raise NoAnswerError("http: no Host in request URL")

    def _left(self) -> float:
        left = self._request.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _connected(self) -> socket.socket:
        url = self._request.url
        host, port = url.hostname, url.port or PORTS[url.scheme]
        if int(port) > LARGEST_PORT:
            raise NoAnswerError(f"dial tcp: address {port}: invalid port")
        try:
            addresses = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
        except OSError:
            raise NoAnswerError(f"dial tcp: lookup {host}: no such host") from None
        opened = self._dialled([(str(address[4][0]), int(address[4][1])) for address in addresses])
        return opened if url.scheme == "http" else self._secured(opened, host)

    def _dialled(self, addresses: list[tuple[str, int]]) -> socket.socket:
        first_problem = ""
        for host, port in addresses:
            try:
                return socket.create_connection((host, port), timeout=self._left())
            except TimeoutError:
                raise NoAnswerError(LATE) from None
            except OSError as error:
                shown = f"[{host}]" if ":" in host else host
                problem = f"dial tcp {shown}:{port}: connect: {(error.strerror or str(error)).lower()}"
                first_problem = first_problem or problem
        raise NoAnswerError(first_problem)

    def _secured(self, opened: socket.socket, host: str) -> socket.socket:
        try:
            return tls_context().wrap_socket(opened, server_hostname=host)
        except ssl.SSLCertVerificationError as error:
            raise NoAnswerError(
                f"tls: failed to verify certificate: x509: {_certificate_problem(error, host)}"
            ) from error
        except TimeoutError:
            raise NoAnswerError(LATE) from None
        except (ssl.SSLEOFError, ConnectionError):
            raise NoAnswerError("EOF") from None
        except ssl.SSLError as error:
            raise NoAnswerError("tls: first record does not look like a TLS handshake") from error
        finally:
            # A socket that was wrapped is another one.
            if opened.fileno() != -1 and not isinstance(opened, ssl.SSLSocket):
                opened.close()

    def _written(self) -> bytes:
        request, headers = self._request, dict(self._request.headers)
        agent = headers.get("User-Agent", USER_AGENT)
        lines = [f"{request.method} {request.url.request_uri} HTTP/1.1", f"Host: {request.url.host}"]
        lines += [f"User-Agent: {agent}"] if agent else []
        if request.body or request.method in WITH_LENGTH:
            lines.append(f"Content-Length: {len(request.body)}")
        if request.url.user is not None and "Authorization" not in headers:
            credentials = f"{request.url.user}:{request.url.password or ''}".encode("utf-8", "surrogateescape")
            headers["Authorization"] = f"Basic {base64.b64encode(credentials).decode()}"
        sent = {name: value for name, value in headers.items() if name not in OWN_HEADERS}
        lines += [f"{name}: {value.strip(BLANKS)}" for name, value in sorted(sent.items())]
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
            if line is None and not self._read:
                raise NoAnswerError("EOF")
            code, status = _status(_text(bytes(self._read) if line is None else line))
            headers = self._headers()
            if code == SWITCHING or code >= FIRST_FINAL:
                return code, status, headers

    def _headers(self) -> dict[str, list[str]]:
        headers: dict[str, list[str]] = {}
        name = ""
        while line := self._header_line():
            if line[0] in " \t" and name:
                headers[name][-1] = f"{headers[name][-1]} {line.strip(BLANKS)}"
                continue
            name = _header_name(line)
            headers.setdefault(name, []).append(line.partition(":")[2].strip(BLANKS))
        return headers

    def _header_line(self) -> str:
        line = self._line()
        if line is None:
            raise NoAnswerError(BROKEN + "unexpected EOF")
        return _text(line).rstrip(BLANKS)

    def _body(self, code: int, length: int | None) -> bytes:
        if self._request.method == "HEAD" or code in WITHOUT_BODY:
            return b""
        if length == IN_CHUNKS:
            return self._chunks()
        if length is not None:
            return self._exactly(length)
        while self._more():
            pass
        return bytes(self._read)

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
        is_packed = answer.headers.get("Content-Encoding", [""])[0].lower() == "gzip"
        if not self._unpacks or not is_packed or answer.headers.get("Content-Length") == ["0"]:
            return answer
        headers = {
            name: values
            for name, values in answer.headers.items()
            if name not in ("Content-Encoding", "Content-Length")
        }
        try:
            body = gzip.decompress(answer.body) if answer.body else b""
        except EOFError:
            raise GoHTTPError("unexpected EOF") from None
        except (OSError, zlib.error):
            is_short = len(answer.body) < GZIP_HEADER_SIZE
            raise GoHTTPError("unexpected EOF" if is_short else "gzip: invalid header") from None
        return GoAnswer(code=answer.code, status=answer.status, headers=headers, body=body)


def _status(line: str) -> tuple[int, str]:
    version, space, status = line.partition(" ")
    status = status.lstrip(" ")
    code = status.partition(" ")[0]
    if not space:
        raise NoAnswerError(BROKEN + f"malformed HTTP response {quoted(line)}")
    if len(code) != STATUS_DIGITS or not code.isdigit() or not code.isascii():
        raise NoAnswerError(BROKEN + f"malformed HTTP status code {quoted(code)}")
    if not re.fullmatch(r"HTTP/[0-9]\.[0-9]", version):
        raise NoAnswerError(BROKEN + f"malformed HTTP version {quoted(version)}")
    return int(code), status


def _header_name(line: str) -> str:
    """The name in a line of the head. Raises NoAnswerError."""
    name, colon, _ = line.partition(":")
    if line[0] in BLANKS:
        raise NoAnswerError(BROKEN + f"malformed MIME header initial line: {quoted(line)}")
    if not colon:
        raise NoAnswerError(BROKEN + f"malformed MIME header: missing colon: {quoted(line)}")
    if not name:
        raise NoAnswerError(BROKEN + f"malformed MIME header line: {quoted(line)}")
    return canonical_name(name)


def _length(headers: dict[str, list[str]]) -> int | None:
    """How long the body is, IN_CHUNKS, or None where it ends with the connection. Raises NoAnswerError.

    Takes away the headers that Go takes away.
    """
    if any("close" in value.lower().replace(" ", "").split(",") for value in headers.get("Connection", [])):
        del headers["Connection"]
    encodings = headers.get("Transfer-Encoding", [])
    if len(encodings) > 1:
        raise NoAnswerError(BROKEN + f"too many transfer encodings: [{' '.join(map(quoted, encodings))}]")
    if encodings:
        if encodings[0].lower() != "chunked":
            raise NoAnswerError(BROKEN + f"unsupported transfer encoding: {quoted(encodings[0])}")
        headers.pop("Content-Length", None)
        del headers["Transfer-Encoding"]
        return IN_CHUNKS
    lengths = list(dict.fromkeys(headers.get("Content-Length", [])))
    if len(lengths) > 1:
        shown = " ".join(quoted(length) for length in headers["Content-Length"])
        raise NoAnswerError(BROKEN + f"http: message cannot contain multiple Content-Length headers; got [{shown}]")
    if not lengths:
        return None
    headers["Content-Length"] = lengths
    if not (lengths[0].isascii() and lengths[0].isdigit()):
        raise NoAnswerError(BROKEN + f"bad Content-Length {quoted(lengths[0])}")
    return int(lengths[0])


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _certificate_problem(error: ssl.SSLCertVerificationError, host: str) -> str:
    if error.verify_code == EXPIRED:
        return "certificate has expired or is not yet valid"
    if error.verify_code == OTHER_HOST:
        return f"certificate is not valid for {host}"
    return "certificate signed by unknown authority"
