"""A server between the CLI and the workspace that passes every request on and keeps it."""

import json
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

CLOSES_WITHIN_SECONDS = 0.05

_NOT_PASSED_ON = {"connection", "content-encoding", "content-length", "date", "host", "server", "transfer-encoding"}


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request: method, path without its query, and body."""

    method: str
    path: str
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class RecordingProxy:
    """Listens on a free port of 127.0.0.1 until it is closed."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self._requests: list[Request] = []
        self._lock = Lock()
        self._client = httpx.Client(base_url=upstream, timeout=60)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, args=(CLOSES_WITHIN_SECONDS,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Ends the server."""
        self._server.shutdown()
        self._server.server_close()
        self._client.close()

    def take(self) -> list[Request]:
        """The requests since the last call, in their order."""
        with self._lock:
            taken, self._requests = self._requests, []
        return taken

    def pass_on(self, method: str, target: str, headers: dict[str, str], body: bytes) -> httpx.Response:
        """The workspace's answer to a request, which is kept."""
        with self._lock:
            self._requests.append(Request(method=method, path=unquote(urlsplit(target).path), body=body))
        return self._client.request(method, target, headers=headers, content=body)


def _handler(proxy: RecordingProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_PASSED_ON}
            # An answer that is not compressed is passed on as it came.
            headers["Accept-Encoding"] = "identity"
            response = proxy.pass_on(self.command, self.path, headers, body)
            self.send_response(response.status_code)
            for name, value in response.headers.items():
                if name.lower() not in _NOT_PASSED_ON:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(response.content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(response.content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Says nothing: requests are kept instead."""

    return Handler
