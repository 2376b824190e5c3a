"""What the webhook costs beside a bare Starlette app that answers 200, and what a storm of events does to it.

    python benchmarks/webhook.py [--requests 2000] [--slow-requests 100] [--storm 1000] ...

Each server is a process of its own on the loopback interface: the bare app, the webhook as it is installed (with the
Databricks SDK), and a double of the workspace that keeps one run for each idempotency token, answering at once or
after two seconds. Memory is read from /proc, where there is one.
"""

import argparse
import asyncio
import hashlib
import json
import math
import os
import resource
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from results import Result, Row, print_result
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from surroundings import surroundings

RECORDED = Path(__file__).parents[1] / "fixtures" / "lakefs_events.json"
COMMIT = json.loads(RECORDED.read_text())["webhook"]["post-commit"]
SECRET = "benchmark-secret-of-32-characters"  # noqa: S105, for this run only
SLOW_SECONDS = 2.0
CONNECTIONS = 32
STORM_CONNECTIONS = 100
BARE = "bare application"
# What the surroundings set of the webhook's own variables, or of a lakeFS server, is for others.
SETTINGS = ("DATABRICKS_", "EXPORT_", "LAKECTL_", "WEBHOOK_")


# The servers


def bare_app() -> Starlette:
    """An application that reads the body and answers 200."""

    async def answer(request: Request) -> PlainTextResponse:
        await request.body()
        return PlainTextResponse("ok\n")

    return Starlette(routes=[Route("/events", answer, methods=["POST"])])


def workspace_app(seconds: float) -> Starlette:
    """As much of a workspace as run-now needs; `/runs` says how many calls came and how many runs there are."""
    runs: dict[str, int] = {}
    calls = 0

    async def run_now(request: Request) -> JSONResponse:
        nonlocal calls
        calls += 1
        body = await request.json()
        await asyncio.sleep(seconds)
        run_id = runs.setdefault(body["idempotency_token"], len(runs) + 1)
        return JSONResponse({"run_id": run_id, "number_in_job": run_id})

    async def count(_: Request) -> JSONResponse:
        return JSONResponse({"calls": calls, "runs": len(runs)})

    return Starlette(routes=[Route("/api/2.2/jobs/run-now", run_now, methods=["POST"]), Route("/runs", count)])


def serve(kind: str) -> None:
    """Serve one kind in this process; the port is the first line of output."""
    # With the protocol named, as uvicorn's own sockets have it: asyncio turns Nagle's delay off for no others.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(4096)
    print(listener.getsockname()[1], flush=True)
    if kind == "webhook":
        from lakefs_unity_export.webhook import app

        served: Any = app
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the log's lines are written, and not read
    else:
        served = bare_app() if kind == "bare" else workspace_app(SLOW_SECONDS if kind == "slow" else 0)
    configuration = uvicorn.Config(served, log_level="error", access_log=False, backlog=4096, timeout_keep_alive=60)
    uvicorn.Server(configuration).run(sockets=[listener])


@dataclass(frozen=True)
class Server:
    """A running server process."""

    url: str
    pid: int

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def memory_mib(self) -> float:
        """Its resident memory, or NaN where the system does not say."""
        status = Path(f"/proc/{self.pid}/status")
        if not status.exists():
            return math.nan
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def count(self) -> dict[str, int]:
        """The calls and the runs of a workspace."""
        return dict(httpx.get(f"{self.url}/runs").json())


@contextmanager
def started(kind: str, **environment: str) -> Iterator[Server]:
    """A server of this kind, until the end of the context."""
    command = [sys.executable, __file__, "--serve", kind]
    around = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=around | environment) as process:
        try:
            assert process.stdout is not None
            url = f"http://127.0.0.1:{int(process.stdout.readline())}"
            _wait_until_up(url)
            yield Server(url, process.pid)
        finally:
            process.terminate()


def _wait_until_up(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx.get(f"{url}/readyz")
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


@contextmanager
def webhook_for(workspace: Server) -> Iterator[Server]:
    """The webhook as it is installed, for this workspace."""
    with started(
        "webhook",
        DATABRICKS_HOST=workspace.url,
        DATABRICKS_TOKEN="unused",  # noqa: S106, the double asks for none
        EXPORT_JOB_ID="1041",
        WEBHOOK_SECRET=SECRET,
        WEBHOOK_REPOSITORIES="*",
    ) as server:
        yield server


# The load


@dataclass
class Load:
    """The seconds of each request, and how often each status was answered (0: the connection broke)."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    elapsed: float = 0.0

    def quantile(self, share: float) -> float:
        """The time in milliseconds within which this share of the requests was answered."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


def event(number: int, **changes: str) -> bytes:
    """A whole request with an event of its own."""
    commit_id = hashlib.sha256(str(number).encode()).hexdigest()
    body = json.dumps({**COMMIT, "commit_id": commit_id, **changes}).encode()
    head = (
        "POST /events HTTP/1.1\r\nHost: webhook\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {SECRET}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def send(server: Server, requests: list[bytes], connections: int = CONNECTIONS) -> Load:
    """Send the requests over some connections, each its share one after the other."""
    load = Load()

    async def everything() -> None:
        shares = [requests[start::connections] for start in range(min(connections, len(requests)))]
        await asyncio.gather(*(_send_share(server, share, load) for share in shares))

    begin = time.monotonic()
    asyncio.run(everything())
    load.elapsed = time.monotonic() - begin
    return load


async def _send_share(server: Server, share: list[bytes], load: Load) -> None:
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None
    for request in share:
        begin = time.monotonic()
        try:
            if reader is None or writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(request)
            status = await _status(reader)
        except (OSError, asyncio.IncompleteReadError):
            status, reader = 0, None
        load.statuses[status] += 1
        load.seconds.append(time.monotonic() - begin)
    if writer is not None:
        writer.close()


async def _status(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length))
    return int(head.split()[1])


# The figures


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How many requests each part sends; `rounds` of the bare application and the webhook in turns."""

    requests: int = 2000
    slow_requests: int = 100
    storm: int = 1000
    parallel: int = 1000
    soak: int = 5000
    rounds: int = 3


FULL = Sizes()
SHORT = Sizes(requests=500, slow_requests=40, storm=300, parallel=200, soak=1000, rounds=1)


def measure(sizes: Sizes) -> Result:
    """The webhook beside the bare application, then storms, then its memory over many requests."""
    around = surroundings()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    rows = [*_in_turns(sizes), _slow(sizes), *_storms(sizes)]
    limit = statistics.median(float(row["p50 ms"]) for row in rows if row["what"] == BARE)
    return Result(
        name="webhook",
        title="The webhook beside an application that only answers 200",
        against="workspace: a double that keeps one run for each token; each server in a process of its own",
        rows=tuple({**row, "ratio": float(row["p50 ms"]) / limit} for row in rows),
        notes=("A ratio is that of the p50 to the bare application's.", _soaked(sizes)),
        surroundings=around,
    )


def _in_turns(sizes: Sizes) -> list[Row]:
    rows = list[Row]()
    with ExitStack() as stack:
        bare = stack.enter_context(started("bare"))
        workspace = stack.enter_context(started("workspace"))
        webhook = stack.enter_context(webhook_for(workspace))
        for server in (bare, webhook):
            send(server, [event(-number) for number in range(1, 201)])
        tags = [event(number, event_type="post-create-tag") for number in range(sizes.requests)]
        for number in range(sizes.rounds):
            first = number * sizes.requests
            commits = [event(each) for each in range(first, first + sizes.requests)]
            loads = [(BARE, bare, commits), ("nothing to start", webhook, tags), ("a run to start", webhook, commits)]
            for what, server, requests in loads[:: -1 if number % 2 else 1]:
                rows.append(_row(what, send(server, requests)))
    return rows


def _slow(sizes: Sizes) -> Row:
    with ExitStack() as stack:
        slow = stack.enter_context(webhook_for(stack.enter_context(started("slow"))))
        load = send(slow, [event(each) for each in range(sizes.slow_requests)])
    return _row(f"a run to start, workspace answers after {SLOW_SECONDS:g} s", load)


def _storms(sizes: Sizes) -> Iterator[Row]:
    """What is left of storms: the same event many times, and many events at one moment."""
    with ExitStack() as stack:
        workspace = stack.enter_context(started("workspace"))
        server = stack.enter_context(webhook_for(workspace))
        load = send(server, [event(0)] * sizes.storm, STORM_CONNECTIONS)
        runs = workspace.count()["runs"]
        yield _row("one event, delivered again and again", load, duplicates=runs - 1)
        load = send(server, [event(each) for each in range(1, sizes.parallel + 1)], sizes.parallel)
        more = workspace.count()["runs"] - runs
        yield _row("events at one moment, each over a connection", load, duplicates=max(0, more - load.statuses[200]))


def _soaked(sizes: Sizes) -> str:
    """The memory of the webhook before and after many requests."""
    with ExitStack() as stack:
        server = stack.enter_context(webhook_for(stack.enter_context(started("workspace"))))
        send(server, [event(-number) for number in range(1, 501)])
        memory = [server.memory_mib()]
        for part in range(4):
            first, last = (sizes.soak * edge // 4 for edge in (part, part + 1))
            send(server, [event(each) for each in range(first, last)])
            memory.append(server.memory_mib())
    steps = ", ".join(f"{size:.1f}" for size in memory)
    return f"Resident memory of the webhook after 500 requests, and by quarters of {sizes.soak:,} more: {steps} MiB."


def _row(what: str, load: Load, *, duplicates: int = 0) -> Row:
    return {
        "what": what,
        "requests": len(load.seconds),
        "requests/s": len(load.seconds) / load.elapsed,
        "p50 ms": load.quantile(0.5),
        "p99 ms": load.quantile(0.99),
        "longest ms": load.quantile(1),
        "not answered 200": len(load.seconds) - load.statuses[200],
        "duplicate runs": duplicates,
    }


def main() -> None:
    """Measure, and print the figures side by side."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for each in fields(Sizes):
        parser.add_argument(f"--{each.name.replace('_', '-')}", type=int, default=each.default)
    parser.add_argument("--serve", choices=["bare", "webhook", "workspace", "slow"], help=argparse.SUPPRESS)
    arguments = vars(parser.parse_args())
    if kind := arguments.pop("serve"):
        serve(kind)
        return
    print_result(measure(Sizes(**arguments)))


if __name__ == "__main__":
    main()
