"""A small HTTP server on the loopback interface that answers as a test tells it to, and remembers what it was asked."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One HTTP answer; `missing_bytes` are promised and not sent, `delay` is in seconds."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    missing_bytes: int = 0
    delay: float = 0.0

    @classmethod
    def of_json(cls, content: Any, status: int = 200) -> "Answer":
        """An answer with JSON."""
        return cls(status=status, body=json.dumps(content).encode())


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request as the server saw it."""

    path: str
    query: dict[str, str]
    authorization: str
    method: str = "GET"
    body: bytes = b""
    content_type: str = field(default="", compare=False)


@dataclass(kw_only=True)
class LoopbackServer:
    """Gives its answers in order, the last one again and again."""

    url: str
    answers: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    def answer_with(self, *answers: Answer) -> None:
        """What to answer from now on."""
        self.answers[:] = answers

    def next_answer(self) -> Answer:
        """The answer to the next request."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextlib.contextmanager
def loopback_server(answers: Sequence[Answer] = ()) -> Iterator[LoopbackServer]:
    """Runs a server on a free port, and stops it."""
    running: LoopbackServer
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PATCH(self) -> None:
            self._answer(body=self.rfile.read(int(self.headers["Content-Length"])))

        do_POST = do_PATCH  # noqa: N815

        def do_GET(self) -> None:
            self._answer(body=b"")

        do_DELETE = do_GET  # noqa: N815

        def _answer(self, body: bytes) -> None:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            with lock:
                asked = Asked(
                    path=parts.path,
                    query=query,
                    authorization=self.headers.get("Authorization", ""),
                    method=self.command,
                    body=body,
                    content_type=self.headers.get("Content-Type", ""),
                )
                running.asked.append(asked)
                answer = running.next_answer()
                running.at_once += 1
                running.most_at_once = max(running.most_at_once, running.at_once)
            time.sleep(answer.delay)
            with lock:
                running.at_once -= 1
            with contextlib.suppress(ConnectionError):
                self._send(answer)

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in (("Content-Type", answer.content_type), *answer.headers):
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body) + answer.missing_bytes))
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = answer.missing_bytes > 0

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Nothing is logged."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        running = LoopbackServer(url=f"http://127.0.0.1:{server.server_port}", answers=list(answers))
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join()
