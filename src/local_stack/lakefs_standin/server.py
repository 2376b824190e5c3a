"""The stand-in's life: one HTTP server on 127.0.0.1 that speaks lakeFS's REST API and S3."""

import secrets
import socket
import threading
import time
from collections.abc import Mapping

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from local_stack.lakefs_standin.api import rest_api
from local_stack.lakefs_standin.api_actions import action_endpoints
from local_stack.lakefs_standin.blobs import BlobStore
from local_stack.lakefs_standin.gateway import Gateway
from local_stack.lakefs_standin.hook_runs import HookRunner
from local_stack.lakefs_standin.store import AccessKey, Store

API_PATH = "/api/v1"
START_TIMEOUT_SECONDS = 20.0
# Longer than S3 clients keep idle connections, so that none is closed under a request.
KEEP_ALIVE_SECONDS = 300


class LakeFSStandIn:
    """A lakeFS server in this process; its state lives as long as it runs.

    Parameters: the environment that `{{ ENV.X }}` in action files sees; `port`, 0 for a free one.
    """

    def __init__(self, *, hook_environment: Mapping[str, str] | None = None, port: int = 0) -> None:
        self.access_key = AccessKey(id=f"AKIA{secrets.token_hex(8).upper()}", secret=secrets.token_urlsafe(30))
        self._hook_environment = dict(hook_environment or {})
        self._port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._blobs: BlobStore | None = None

    @property
    def url(self) -> str:
        """Address of both APIs; known once started, or before that with a fixed port."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Serve; returns once requests are answered. Raises OSError where the port is taken."""
        if self._server is not None:
            return
        listener = _listen(self._port)
        self._port = listener.getsockname()[1]
        self._blobs = BlobStore()
        runner = HookRunner(self._blobs, self._hook_environment)
        store = Store(access_key=self.access_key, blobs=self._blobs, hooks=runner)
        application = _Application(rest_api(store, action_endpoints(runner)), Gateway(store))
        configuration = uvicorn.Config(
            application,
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(configuration)
        self._thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="lakefs-stand-in", daemon=True
        )
        self._thread.start()
        self._server = server
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError("The lakeFS stand-in did not start.")
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop serving and forget everything; a second call does nothing."""
        server, self._server = self._server, None
        if server is not None and self._thread is not None:
            server.should_exit = True
            self._thread.join(timeout=START_TIMEOUT_SECONDS)
        blobs, self._blobs = self._blobs, None
        if blobs is not None:
            blobs.close()


def _listen(port: int) -> socket.socket:
    """A listening socket whose protocol is told: only then asyncio sets TCP_NODELAY on its connections, without
    which each answer (head and body are two writes) waits 40 ms for the client's delayed acknowledgement."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(256)
    return listener


class _Application:
    """The REST API below its path, the S3 gateway everywhere else, as on a lakeFS server."""

    def __init__(self, api: ASGIApp, gateway: ASGIApp) -> None:
        self._api = api
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith(API_PATH + "/"):
            path = scope["path"][len(API_PATH) :]
            await self._api({**scope, "path": path, "root_path": ""}, receive, send)
        else:
            await self._gateway(scope, receive, send)
