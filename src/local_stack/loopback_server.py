"""An HTTP server in a thread of this process, on 127.0.0.1: what each server of the local stack is."""

import socket
import threading
import time

import uvicorn
from starlette.types import ASGIApp

_START_SECONDS = 20.0
# Open answers get this long when the server stops.
_GRACE_SECONDS = 2
# Longer than clients keep idle connections: a client that reuses one just as it is closed sees an error.
_KEEP_ALIVE_SECONDS = 300


class LoopbackServer:
    """Serves one application at a time.

    Parameters: the thread's name, and the port, 0 for a free one that stays the same from the first start on.
    """

    def __init__(self, *, name: str, port: int = 0) -> None:
        self._name = name
        self._port = port
        self._listener: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The server's address; known once its port is bound, or before that with a fixed port."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped since."""
        return self._server is not None

    def bind(self) -> None:
        """Take the port, so that `url` is known before the application is made. Raises OSError where it is taken."""
        if self._listener is None:
            self._listener = _listener(self._port)
            self._port = self._listener.getsockname()[1]

    def start(self, application: ASGIApp) -> None:
        """Serve; returns once requests are answered. Raises OSError where the port is taken."""
        self.bind()
        listener, self._listener = self._listener, None
        configuration = uvicorn.Config(
            application,
            log_level="error",
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        self._server = uvicorn.Server(configuration)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name=self._name, daemon=True
        )
        self._thread.start()
        self._wait_until_started(self._server, self._thread)

    def stop(self) -> None:
        """Stop serving; a second call does nothing."""
        server, self._server = self._server, None
        if server is not None and self._thread is not None:
            server.should_exit = True
            self._thread.join(timeout=_START_SECONDS)

    def _wait_until_started(self, server: uvicorn.Server, thread: threading.Thread) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"The server {self._name} did not start.")
            time.sleep(0.01)


def free_port() -> int:
    """A port that nobody listens on, for a server in a process of its own."""
    with _listener(0) as listener:
        return int(listener.getsockname()[1])


def _listener(port: int) -> socket.socket:
    """A listening socket that is named as TCP: else asyncio leaves Nagle's algorithm on, 40 ms for each answer."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(256)
    return listener
