"""The webhook behind a real server: bodies that end early, never or too late, and requests inside requests."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from lakefs_hook_target import HookTarget
from webhook_double import RECORDED, SECRET, RunsDouble, make_settings

from lakefs_unity_export.webhook import create_app
from local_stack.loopback_server import LoopbackServer

COMMIT = RECORDED["post-commit"]
BODY = json.dumps(COMMIT).encode()
SMUGGLED = json.dumps({**COMMIT, "branch_id": "smuggled"}).encode()
BODY_SECONDS = 1.5
HEADERS = {"Content-Type": "application/json", "Authorization": f"Bearer {SECRET}"}
HEAD = "POST /events HTTP/1.1\r\nHost: webhook\r\n" + "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
WHOLE = f"{HEAD}Content-Length: {len(SMUGGLED)}\r\n\r\n".encode() + SMUGGLED


@dataclass
class Server:
    """A running server, and the runs that it started."""

    url: str
    runs: RunsDouble

    def connect(self) -> socket.socket:
        parts = urlsplit(self.url)
        return socket.create_connection((parts.hostname, parts.port), timeout=10)

    def told(self, *parts: bytes, pause: float = 0.0) -> bytes:
        """Everything that is answered to these bytes, until the server closes or says nothing more for a while."""
        with self.connect() as connection:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
            return _everything(connection)

    @property
    def branches(self) -> set[str]:
        """The branches for which runs were started."""
        return {run["branch"] for run in self.runs.runs.values()}


def _everything(connection: socket.socket, quiet_seconds: float = 2.0) -> bytes:
    received = b""
    connection.settimeout(quiet_seconds)
    try:
        while piece := connection.recv(65536):
            received += piece
    except (TimeoutError, ConnectionError):
        pass
    return received


def _statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", answer)]


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    runs = RunsDouble()
    app = create_app(make_settings(body_seconds=BODY_SECONDS), runs=runs)
    server = LoopbackServer(name="webhook")
    server.start(app)
    yield Server(server.url, runs)
    server.stop()
    app.state.service.close()


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    """The server before any run; afterwards it still answers."""
    running.runs.runs.clear()
    yield running
    assert httpx.get(f"{running.url}/readyz").status_code == 200


# Bodies


def test_a_chunked_body_is_read(server: Server) -> None:
    answer = httpx.post(f"{server.url}/events", headers=HEADERS, content=iter([BODY[:10], BODY[10:]]))
    assert answer.status_code == 200
    assert server.branches == {"main"}


def test_a_body_that_ends_early_starts_nothing(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(f"{HEAD}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY[:-1])
        connection.shutdown(socket.SHUT_WR)
        answer = _everything(connection)
    assert 200 not in _statuses(answer)
    assert server.branches == set()


def test_a_chunked_body_without_its_end_starts_nothing(server: Server) -> None:
    start = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n{len(BODY):x}\r\n".encode() + BODY + b"\r\n"
    answer = server.told(start)
    assert _statuses(answer) == [408]
    assert server.branches == set()


def test_a_slow_sender_is_answered_once_its_time_is_over(server: Server) -> None:
    started = time.monotonic()
    with server.connect() as connection:
        connection.sendall(f"{HEAD}Content-Length: 60000\r\n\r\n".encode())
        dripping = threading.Event()

        def drip() -> None:
            while not dripping.wait(0.05):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

        with ThreadPoolExecutor(1) as pool:
            pool.submit(drip)
            answer = _everything(connection, quiet_seconds=3)
            dripping.set()
    assert _statuses(answer) == [408]
    assert b"the body did not arrive within 1.5 seconds" in answer
    assert b"connection: close" in answer.lower()
    assert BODY_SECONDS <= time.monotonic() - started < 2 * BODY_SECONDS + 2


def test_slow_senders_hold_up_nobody_else(server: Server) -> None:
    slow = [server.connect() for _ in range(50)]
    for connection in slow:
        connection.sendall(f"{HEAD}Content-Length: 60000\r\n\r\n".encode())
    started = time.monotonic()
    assert httpx.post(f"{server.url}/events", headers=HEADERS, content=BODY).status_code == 200
    assert time.monotonic() - started < BODY_SECONDS
    for connection in slow:
        connection.close()


def test_a_body_that_is_said_to_be_too_large_is_not_waited_for(server: Server) -> None:
    started = time.monotonic()
    with server.connect() as connection:
        connection.sendall(f"{HEAD}Content-Length: 99999999999\r\n\r\n".encode())
        answer = connection.recv(65536)
    assert _statuses(answer) == [413]
    assert time.monotonic() - started < BODY_SECONDS


def test_an_endless_chunked_body_is_cut_off(server: Server) -> None:
    chunk = b"2000\r\n" + b" " * 0x2000 + b"\r\n"
    with server.connect() as connection:
        connection.sendall(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
        sent = 0
        try:
            for _ in range(2000):
                connection.sendall(chunk)
                sent += len(chunk)
        except OSError:
            pass
        answer = _everything(connection)
    assert sent < 16 * 1024 * 1024
    assert _statuses(answer) in ([413], [])  # a reset can overtake the answer
    assert server.branches == set()


# Requests inside requests

CHUNKED_END = b"0\r\n\r\n"
AMBIGUOUS = {
    "length and chunks": f"Content-Length: {len(CHUNKED_END)}\r\nTransfer-Encoding: chunked\r\n",
    "chunks and length": f"Transfer-Encoding: chunked\r\nContent-Length: {len(CHUNKED_END + WHOLE)}\r\n",
    "two lengths": f"Content-Length: {len(CHUNKED_END)}\r\nContent-Length: {len(CHUNKED_END + WHOLE)}\r\n",
    "a list of lengths": f"Content-Length: {len(CHUNKED_END)}, {len(CHUNKED_END + WHOLE)}\r\n",
    "a length with a sign": f"Content-Length: +{len(CHUNKED_END)}\r\n",
    "a negative length": "Content-Length: -1\r\n",
    "a length in hexadecimal": "Content-Length: 0x5\r\n",
    "a space before the colon": f"Content-Length : {len(CHUNKED_END)}\r\n",
    "chunked twice": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "another encoding": "Transfer-Encoding: identity\r\n",
    "chunked and another encoding": "Transfer-Encoding: chunked, identity\r\n",
    "an encoding behind a tab": "Transfer-Encoding: \x0bchunked\r\n",
    "a folded line": "X-More: a\r\n Transfer-Encoding: chunked\r\nContent-Length: +1\r\n",
    "NUL in a header": f"X-More: a\0b\r\nContent-Length: {len(CHUNKED_END)}\r\n",
    "a line break in a header": f"X-More: a\rb\r\nContent-Length: {len(CHUNKED_END)}\r\n",
    "two secrets": f"Authorization: Bearer x\r\nContent-Length: {len(CHUNKED_END)}\r\n",
    "two hosts": f"Host: elsewhere\r\nContent-Length: {len(CHUNKED_END)}\r\n",
}


@pytest.mark.parametrize("framing", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_a_request_that_could_be_read_as_two_is_refused_and_ends_its_connection(framing: str, server: Server) -> None:
    answer = server.told((HEAD + framing + "\r\n").encode() + CHUNKED_END + WHOLE)
    (status,) = _statuses(answer)
    assert status in (400, 501)
    assert server.branches == set()


def test_a_length_said_twice_alike_is_one_length(server: Server) -> None:
    length = f"Content-Length: {len(BODY)}\r\n"
    answer = server.told(f"{HEAD}{length}{length}\r\n".encode() + BODY + WHOLE)
    assert _statuses(answer) == [200, 200]
    assert server.branches == {"main", "smuggled"}


def test_what_follows_a_refused_secret_is_not_read_as_a_request(server: Server) -> None:
    head = HEAD.replace(SECRET, "wrong")
    answer = server.told(f"{head}Content-Length: 5\r\n\r\nhello".encode() + WHOLE)
    assert _statuses(answer) == [401]
    assert server.branches == set()


@pytest.mark.parametrize(
    "start",
    [b"\x16\x03\x01\x02\x00\x01\x00", b"GET /\r\n\r\n", b"POST /events HTTP/9.9\r\n\r\n", b"\0" * 100, b"A" * 100_000],
    ids=["TLS", "HTTP/0.9", "HTTP/9.9", "NUL", "one long line"],
)
def test_what_is_not_http_is_refused(start: bytes, server: Server) -> None:
    assert set(_statuses(server.told(start))) <= {400, 401, 505}
    assert server.branches == set()


def test_two_whole_requests_on_one_connection_are_two(server: Server) -> None:
    first = f"{HEAD}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    assert _statuses(server.told(first + WHOLE)) == [200, 200]
    assert server.branches == {"main", "smuggled"}


def test_many_connections_at_once_are_all_answered(server: Server) -> None:
    limits = httpx.Limits(max_connections=100)
    with httpx.Client(limits=limits, headers=HEADERS, timeout=30) as client, ThreadPoolExecutor(100) as pool:
        post = client.post
        answers = list(pool.map(lambda _: post(f"{server.url}/events", content=BODY), range(500)))
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert len(server.runs.runs) == 1


# As it is run


def _environment(workspace: HookTarget, **changes: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "HOME": str(Path(__file__).parent),
        "DATABRICKS_HOST": workspace.url,
        "DATABRICKS_TOKEN": "dapi-0123456789abcdef",
        "EXPORT_JOB_ID": "1041",
        "WEBHOOK_SECRET": SECRET,
        "WEBHOOK_REPOSITORIES": "evs",
        **changes,
    }


@contextmanager
def _uvicorn(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = ["-m", "uvicorn", "lakefs_unity_export.webhook:app", "--port", "0", "--no-access-log"]
    with subprocess.Popen(
        [sys.executable, *command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"running on (http://\S+)", line):
            return found[1]
    raise AssertionError("uvicorn did not start")


def test_a_server_that_is_stopped_finishes_what_it_accepted() -> None:
    with HookTarget(delay_seconds=1.0) as workspace, _uvicorn(_environment(workspace)) as process:
        url = _address(process)
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(httpx.post, f"{url}/events", headers=HEADERS, content=BODY, timeout=30)
            workspace.wait_for(1)
            process.send_signal(signal.SIGTERM)
            assert answer.result().text == f"{workspace.url}/jobs/1041/runs/455644833\n"
        output, errors = process.communicate(timeout=20)
        (request,) = workspace.received
    assert process.returncode in (0, -signal.SIGTERM)  # newer uvicorns end by the signal that they got
    assert request.path == "/api/2.2/jobs/run-now"
    assert request.headers["Authorization"] == "Bearer dapi-0123456789abcdef"
    lines = [json.loads(line) for line in output.splitlines()]
    ours = [line["message"] for line in lines if "logger" not in line]
    assert ours == ["answered", "stopped"]
    assert "Shutting down" in [line["message"] for line in lines]
    for secret in (SECRET, "dapi-0123456789abcdef"):
        assert secret not in output + errors


def test_a_server_with_settings_that_cannot_be_used_does_not_start_and_says_them_all() -> None:
    with HookTarget() as workspace:
        environment = _environment(workspace, EXPORT_JOB_ID="x", WEBHOOK_SECRET="hush")
        with _uvicorn(environment) as process:
            _, errors = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "  WEBHOOK_SECRET must have 24 characters or more" in errors
    assert "  EXPORT_JOB_ID is 'x', not the number of a job" in errors
    assert "Traceback" not in errors
    assert "hush" not in errors


def test_what_the_workspace_says_is_told_to_the_log_only() -> None:
    with HookTarget() as workspace, _uvicorn(_environment(workspace)) as process:
        url = _address(process)
        answers = []
        for status in (400, 403, 404):
            workspace.answer_json(status, error_code="SOME_CODE", message=f"only the log is to show {status}")
            answers.append(httpx.post(f"{url}/events", headers=HEADERS, content=BODY, timeout=30))
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    assert [answer.status_code for answer in answers] == [502, 502, 502]
    assert not any("only the log" in answer.text for answer in answers)
    assert all(f"only the log is to show {status}" in output for status in (400, 403, 404))
