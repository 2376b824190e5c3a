"""The server that recorded Lua snippets call: it answers as the one did that they were recorded against.

It speaks HTTP over a bare socket, since some of what it answers is no HTTP.
"""

import gzip
import socketserver
import threading
from contextlib import suppress
from http import HTTPStatus
from types import TracebackType


class LuaLoopback:
    """Serves on 127.0.0.1. Use it as a context."""

    def __enter__(self) -> "LuaLoopback":
        self.stopping = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Connection)
        self._server.stopping = self.stopping
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def host(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_address[1]}"


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    stopping: threading.Event


class _Connection(socketserver.StreamRequestHandler):
    """The requests of one connection."""

    server: _Server

    def handle(self) -> None:
        self.stays_open = True
        with suppress(ConnectionError):
            while self.stays_open and (first := self.rfile.readline()):
                self._one_request(first.decode("latin-1"))

    def _one_request(self, first: str) -> None:
        if not first.endswith(" HTTP/1.1\r\n"):  # the greeting of TLS
            self._send_raw(b"<!DOCTYPE html><p>this is no TLS</p>\n")
            return
        self.method, self.target = first.split(" ")[:2]
        self.headers: dict[str, str] = {}
        while line := self.rfile.readline().decode("utf-8", "surrogateescape").strip():
            name, _, value = line.partition(":")
            self.headers[name] = value.strip()
        self.body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        path, _, rest = self.target.lstrip("/").partition("?")[0].partition("/")
        answer = getattr(self, "answer_" + path.replace("-", "_"))
        answer(*([rest] if rest else []))

    def _send(self, status: int, body: bytes, *headers: str, length: int | None = None) -> None:
        has_body = status != HTTPStatus.NO_CONTENT
        reason = HTTPStatus(status).phrase if status in list(HTTPStatus) else ""
        lines = [f"HTTP/1.1 {status} {reason}", *headers]
        if has_body:
            lines.append(f"Content-Length: {len(body) if length is None else length}")
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape"))
        if self.method != "HEAD" and has_body:
            self.wfile.write(body)

    def _send_raw(self, content: bytes) -> None:
        self.stays_open = False
        self.wfile.write(content)

    def answer_ok(self) -> None:
        self._send(200, b"fine", "Content-Type: text/plain")

    def answer_code(self, status: str) -> None:
        self._send(int(status), f"body of {status}".encode())

    def answer_echo(self) -> None:
        headers = sorted(f"{name}: {value}" for name, value in self.headers.items())
        # Bytes beyond ASCII in the target are shown as they came.
        first = f"{self.method} {self.target}".encode("latin-1")
        text = "\n".join(["", *headers, "["]).encode("utf-8", "surrogateescape")
        self._send(200, first + text + self.body + b"]")

    def answer_echo_body(self) -> None:
        self._send(200, self.body)

    def answer_method(self) -> None:
        self._send(200, f"saw {self.method}".encode())

    def answer_x_a(self) -> None:
        shown = [f"{name}={value}" for name, value in sorted(self.headers.items()) if name.lower().startswith("x")]
        self._send(200, ("|".join(shown) + "|").encode("utf-8", "surrogateescape"))

    def answer_redirect(self, status: str) -> None:
        self._send(int(status), b"", "Location: /arrived")

    def answer_arrived(self) -> None:
        self._send(200, f"arrived with {self.method} [".encode() + self.body + b"]")

    def answer_loop(self) -> None:
        self._send(302, b"", "Location: /loop")

    def answer_headers(self) -> None:
        several = ("x-lower-case: a", "X-TWICE: one", "X-Twice: two", "X-Empty:", "Retry-After: 3", 'etag: "x"')
        self._send(200, b"", *several)

    def answer_nul(self) -> None:
        self._send(200, b"a\0b\xff\r\n\0")

    def answer_big(self) -> None:
        self._send(200, b"x" * 2_000_000)

    def answer_gzip(self) -> None:
        self._send(200, gzip.compress(b"unpacked"), "Content-Encoding: gzip")

    def answer_set_cookie(self) -> None:
        self._send(200, b"", "Set-Cookie: a=b")

    def answer_close(self) -> None:
        self._send_raw(b"")

    def answer_short(self) -> None:
        self._send(200, b"too short", length=100)
        self.stays_open = False

    def answer_garbage(self) -> None:
        self._send_raw(b"This is not HTTP\r\n\r\n")

    def answer_sleep(self, seconds: str) -> None:
        self.server.stopping.wait(float(seconds))
        self._send(200, b"slept")

    def answer_slow_body(self) -> None:
        self._send(200, b"", length=4)
        self.server.stopping.wait(40)
        self._send_raw(b"slow")
