"""How long the Lua hook holds a worker of the lakeFS server, beside the bare request that it is there for.

    python benchmarks/hook_worker.py [--runs 300] [--slow-runs 60]

The hook runs in the stand-in's Lua, as lakeFS runs it: a new interpreter and a new connection for each event. The
double of the workspace is a process of its own on the loopback interface and answers each request at once or after
two seconds; slow runs are made eight at a time, because all that they do is wait.
"""

import argparse
import asyncio
import hashlib
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from results import Result, Row, print_result
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from surroundings import surroundings

from local_stack.lakefs.standin.lua.runtime import run_script
from local_stack.lakefs.standin.outgoing import http_client

ROOT = Path(__file__).parents[1]
SCRIPT = (ROOT / "resources/lakefs/scripts/unity_export.lua").read_text()
ACTION = json.loads((ROOT / "fixtures/lakefs_events.json").read_text())["lua"]["post-commit"]["action"]
RUN_NOW = "/api/2.2/jobs/run-now"
SLOW_SECONDS = 2.0
SLOW_AT_ONCE = 8
TURNS = 4
BARE = "bare request"
TOKEN = {"databricks_token": "benchmark-token"}
OAUTH = {"databricks_client_id": "principal", "databricks_client_secret": "benchmark-secret"}


def workspace_app(seconds: float) -> Starlette:
    """As much of a workspace as the hook asks."""

    async def token(_: Request) -> JSONResponse:
        await asyncio.sleep(seconds)
        return JSONResponse({"access_token": "benchmark-access-token", "token_type": "Bearer", "expires_in": 3600})

    async def run_now(request: Request) -> JSONResponse:
        await request.json()
        await asyncio.sleep(seconds)
        return JSONResponse({"run_id": 455644833, "number_in_job": 455644833})

    routes = [Route("/oidc/v1/token", token, methods=["POST"]), Route(RUN_NOW, run_now, methods=["POST"])]
    return Starlette(routes=routes)


def serve(seconds: float) -> None:
    """Serve the workspace in this process; the port is the first line of output."""
    # With the protocol named, as uvicorn's own sockets have it: asyncio turns Nagle's delay off for no others.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(workspace_app(seconds), log_level="error", access_log=False)).run([listener])


@contextmanager
def workspace(seconds: float) -> Iterator[str]:
    """The address of a workspace that takes so long for each answer."""
    command = [sys.executable, __file__, "--serve", str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def hook(host: str, access: dict[str, str], event_type: str = "post-commit") -> Callable[[int], None]:
    """A run of the hook for an event of its own."""

    def run(number: int) -> None:
        commit_id = hashlib.sha256(str(number).encode()).hexdigest()
        variables: dict[str, Any] = {
            "action": {**ACTION, "event_type": event_type, "commit_id": commit_id},
            "args": {"databricks_host": host, "job_id": "1041", **access},
        }
        run_script(SCRIPT, variables=variables, output=lambda _: None)

    return run


def bare_request(host: str) -> Callable[[int], None]:
    """The request alone, on a new connection."""

    def run(_: int) -> None:
        with http_client(30, follow_redirects=True) as client:
            client.post(host + RUN_NOW, json={"job_id": 1041}).raise_for_status()

    return run


def seconds_of(run: Callable[[int], None], runs: int, at_once: int) -> list[float]:
    """How long each run took."""

    def timed(number: int) -> float:
        begin = time.perf_counter()
        run(number)
        return time.perf_counter() - begin

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(timed, range(runs)))


def measure(runs: int, slow_runs: int) -> Result:
    """The hook and the bare request, with a workspace that answers at once and with one that is slow."""
    around = surroundings()
    return Result(
        name="hook_worker",
        title="How long the Lua hook holds a worker of lakeFS",
        against="lakeFS: the stand-in's Lua; workspace: a double in a process of its own",
        rows=(*_rows(0, runs, 1), *_rows(SLOW_SECONDS, slow_runs, SLOW_AT_ONCE)),
        notes=("A ratio is that of the p50 to the bare request's.",),
        surroundings=around,
    )


def _rows(seconds: float, runs: int, at_once: int) -> Iterator[Row]:
    """The hook and the bare request against one workspace, in turns."""
    with workspace(seconds) as host:
        ways = {BARE: bare_request(host), "hook, token": hook(host, TOKEN), "hook, OAuth": hook(host, OAUTH)}
        if not seconds:
            ways["hook, nothing to export"] = hook(host, TOKEN, "post-create-tag")
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for run in ways.values():
            seconds_of(run, at_once, at_once)  # the first of each loads what the others find loaded
        for turn, share in enumerate(_shares(runs, at_once)):
            for name in list(ways)[:: -1 if turn % 2 else 1]:
                taken[name] += seconds_of(ways[name], share, at_once)
    limit = statistics.median(taken[BARE])
    for name, figures in taken.items():
        ordered = sorted(figures)
        yield {
            "workspace answers": f"after {seconds:g} s" if seconds else "at once",
            "what": name,
            "runs": runs,
            "p50 ms": statistics.median(ordered) * 1000,
            "p99 ms": ordered[min(runs - 1, int(0.99 * runs))] * 1000,
            "longest ms": ordered[-1] * 1000,
            "ratio": statistics.median(ordered) / limit,
        }


def _shares(runs: int, at_once: int) -> list[int]:
    """The runs of each turn: none has fewer than run at once, where there are enough."""
    turns = max(1, min(TURNS, runs // at_once))
    return [runs // turns + (number < runs % turns) for number in range(turns)]


def main() -> None:
    """Measure, and print the figures side by side."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--slow-runs", type=int, default=60)
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        serve(arguments.serve)
        return
    print_result(measure(arguments.runs, arguments.slow_runs))


if __name__ == "__main__":
    main()
