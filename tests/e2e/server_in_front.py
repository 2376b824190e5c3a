"""A server before lakeFS that answers as a test says: with an error, with a web page, not at all, or well."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

FAILS, PAGE, CLOSES, SILENT, WELL = "fails", "a web page", "closes", "is silent", "well"
# Longer than anybody waits for an answer.
_SILENT_SECONDS = 60
_HTML = b"<!doctype html><html><body>Welcome</body></html>"
# Of one connection, and not of what goes over it.
_NOT_HANDED_ON = {"connection", "transfer-encoding", "keep-alive"}


@dataclass
class ServerInFront:
    """What it does with requests; `behind` is the server that it hands them on to while all is well."""

    url: str
    behind: str
    does: str


@contextmanager
def server_in_front(behind: str, does: str) -> Iterator[ServerInFront]:
    """Runs one on a free port, and stops it."""
    running: ServerInFront
    stopped = threading.Event()
    # A proxy of the environment is not for a server on this machine.
    client = httpx.Client(timeout=30, trust_env=False)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if running.does == SILENT:
                stopped.wait(_SILENT_SECONDS)
            if running.does in (CLOSES, SILENT):
                self.close_connection = True
            elif running.does == FAILS:
                self._send(500, b'{"message": "no database"}', {"Content-Type": "application/json"})
            elif running.does == PAGE:
                self._send(200, _HTML, {"Content-Type": "text/html"})
            else:
                # With the host that was asked for, which S3's signatures are of.
                address = f"{running.behind}{self.path}"
                with client.stream(self.command, address, headers=dict(self.headers.items())) as given:
                    body = b"".join(given.iter_raw())
                kept = {name: value for name, value in given.headers.items() if name.lower() not in _NOT_HANDED_ON}
                self._send(given.status_code, body, kept)

        do_HEAD = do_GET  # noqa: N815

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204 and "content-length" not in {name.lower() for name in headers}:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Nothing is logged."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, client:
        server.daemon_threads = True
        server.block_on_close = False
        running = ServerInFront(url=f"http://127.0.0.1:{server.server_port}", behind=behind, does=does)
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.05), daemon=True)
        thread.start()
        try:
            yield running
        finally:
            stopped.set()
            server.shutdown()
            thread.join()
