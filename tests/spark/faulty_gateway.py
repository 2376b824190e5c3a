"""A server between S3A and the stand-in's S3 gateway that answers the requests of some repositories with a fault."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Fault = Callable[["_Handler"], None]
Affects = Callable[[str, str, str], bool]
"""Whether a request with this method, key and query meets the fault."""


def every_request(_method: str, _key: str, _query: str) -> bool:
    return True


def listing(method: str, key: str, _query: str) -> bool:
    return method == "GET" and not key


def reading_the_log(method: str, key: str, _query: str) -> bool:
    return method == "GET" and key.endswith(".json")


def reading_rows(method: str, key: str, _query: str) -> bool:
    return method == "GET" and key.endswith(".parquet")


def answer(
    status: int, code: str = "", *, body: str = "", headers: Mapping[str, str] | None = None, kind: str = "xml"
) -> Fault:
    """An answer of S3 with this error code, or with another body."""
    error = f"<Error><Code>{code}</Code><Message>the server's message</Message><RequestId>R1</RequestId></Error>"

    def fault(handler: "_Handler") -> None:
        sent = {"Content-Type": f"application/{kind}", "x-amz-request-id": "R1", **(headers or {})}
        handler.answer(status, sent, (body or (error if code else "")).encode())

    return fault


def hang(handler: "_Handler") -> None:
    """No answer, for longer than S3A waits in these tests."""
    time.sleep(4)
    handler.close_connection = True


def hang_up(handler: "_Handler") -> None:
    """The connection ends before the answer."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


@dataclass
class FaultyGateway:
    """Forwards to the gateway at `upstream`; `faults` are by repository."""

    upstream: str
    faults: dict[str, tuple[Affects, Fault]] = field(default_factory=dict)

    def start(self, *, certificate: Path | None = None) -> None:
        """Listen on a free port; with a certificate and its key in one file, by TLS."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self._server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, gateway: FaultyGateway, *arguments: object) -> None:
        self.gateway = gateway
        super().__init__(*arguments)  # type: ignore[arg-type]

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def handle_request(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        repository, _, key = path.lstrip("/").partition("/")
        affects, fault = self.gateway.faults.get(repository, (None, None))
        if affects and fault and affects(self.command, key, query):
            fault(self)
        else:
            self._forward(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_request  # noqa: N815, the names are http.server's

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _forward(self, body: bytes) -> None:
        # The signature covers the header Host, which is passed on as it came.
        connection = http.client.HTTPConnection(self.gateway.upstream.removeprefix("http://"))
        connection.request(self.command, self.path, body=body, headers=dict(self.headers))
        response = connection.getresponse()
        content = response.read()
        dropped = {"transfer-encoding", "connection", *(() if self.command == "HEAD" else ("content-length",))}
        kept = {name.title(): value for name, value in response.getheaders() if name.lower() not in dropped}
        self.answer(response.status, kept, content)
        connection.close()
