"""A server on 127.0.0.1 that hooks call: answers every request as told, and keeps what came."""

import json
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType


@dataclass(frozen=True)
class Received:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HookTarget:
    """Answers with `status`, `body` and `headers` after `delay_seconds`; GET only where told. Use it as a context."""

    status: int = 200
    body: bytes = b'{"run_id":455644833,"number_in_job":455644833}'
    delay_seconds: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    answers_get: bool = False
    received: list[Received] = field(default_factory=list)

    def __enter__(self) -> "HookTarget":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def wait_for(self, count: int, seconds: float = 10.0) -> list[Received]:
        """The requests, once there are that many of them or the time is over."""
        deadline = time.monotonic() + seconds
        while len(self.received) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.received

    def answer_json(self, status: int, **fields: object) -> None:
        """Answer like Databricks from now on."""
        self.status, self.body = status, json.dumps(fields).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                server.received.append(Received(self.command, self.path, dict(self.headers), content))
                time.sleep(server.delay_seconds)
                with suppress(ConnectionError):  # the hook may have given up
                    self.send_response(server.status)
                    self.send_header("Content-Length", str(len(server.body)))
                    for name, value in server.headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(server.body)

            def log_message(self, *arguments: object) -> None:
                """Keep the tests' output clean."""

        if self.answers_get:
            setattr(Handler, "do_GET", Handler.do_POST)  # noqa: B010, a name that the base class chose
        return Handler
