"""The stand-in's life: one HTTP server on 127.0.0.1 that speaks lakeFS's REST API and S3."""

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from starlette.types import ASGIApp, Receive, Scope, Send

from local_stack.lakefs.standin.gateway.routes import Gateway
from local_stack.lakefs.standin.hooks.action_cache import SECONDS_KEPT
from local_stack.lakefs.standin.hooks.arguments import ServerEnd
from local_stack.lakefs.standin.hooks.runs import HookRunner
from local_stack.lakefs.standin.lua.modules.http import TIMEOUT_SECONDS
from local_stack.lakefs.standin.rest.actions import action_endpoints
from local_stack.lakefs.standin.rest.routes import rest_api
from local_stack.lakefs.standin.versions.blobs import BlobStore, BlockStore, LocalFiles
from local_stack.lakefs.standin.versions.garbage import collect_garbage
from local_stack.lakefs.standin.versions.store import AccessKey, Store, User, new_access_key
from local_stack.loopback_server import LoopbackServer

API_PATH = "/api/v1"
LOG = logging.getLogger(__name__)


class LakeFSStandIn:
    """A lakeFS server in this process; its state lives as long as it runs.

    Parameters: the environment that `{{ ENV.X }}` in action files sees; `port`, 0 for a free one; the folder for the
    files of objects, which stay there when it stops, or None for one that goes with it; what keeps the objects of
    storage namespaces `s3://...`, where such are taken; the seconds that a Lua script waits for an answer over HTTP,
    and those for which action files are kept, both fewer only in tests of something else.
    """

    def __init__(
        self,
        *,
        hook_environment: Mapping[str, str] | None = None,
        port: int = 0,
        folder: Path | None = None,
        object_store: BlockStore | None = None,
        lua_http_timeout_seconds: float = TIMEOUT_SECONDS,
        action_seconds: float = SECONDS_KEPT,
    ) -> None:
        self.access_key = new_access_key()
        self._hook_environment = dict(hook_environment or {})
        self._lua_http_timeout_seconds = lua_http_timeout_seconds
        self._action_seconds = action_seconds
        self._server = LoopbackServer(name="lakefs-stand-in", port=port)
        self._folder = folder
        self._object_store = object_store
        self._exits = ExitStack()
        self._store: Store | None = None

    @property
    def url(self) -> str:
        """Address of both APIs; known once started, or before that with a fixed port."""
        return self._server.url

    def start(self) -> None:
        """Serve; returns once requests are answered. Raises OSError where the port is taken."""
        if self._server.is_running:
            return
        blobs = self._block_stores()
        runner = HookRunner(
            blobs,
            self._hook_environment,
            self._lua_http_timeout_seconds,
            end_server=self._end,
            action_seconds=self._action_seconds,
        )
        self._store = store = Store(access_key=self.access_key, blobs=blobs, hooks=runner)
        self._server.start(_Application(rest_api(store, action_endpoints(runner)), Gateway(store), self._end))

    def _block_stores(self) -> BlobStore:
        folder = self._folder or Path(self._exits.enter_context(TemporaryDirectory(prefix="lakefs-objects-")))
        stores: dict[str, BlockStore] = {"local": LocalFiles(folder)}
        if self._object_store is not None:
            stores["s3"] = self._object_store
        return BlobStore(stores)

    def add_user(self, *, denied: Collection[str]) -> AccessKey:
        """A key pair of another user, who may do everything but these actions, such as `fs:ListObjects`. For tests.

        Raises ValueError for an action that the stand-in cannot deny, RuntimeError where the server does not run.
        """
        if self._store is None:
            raise RuntimeError("the stand-in does not run: start it before you add a user")
        user = User(access_key=new_access_key(), denied=frozenset(denied))
        self._store.add_user(user)
        return user.access_key

    def collect_garbage(self, repository: str) -> int:
        """Remove what no branch of the repository refers to; how many objects. For tests: a server has a job for it.

        Raises RequestError 404 where there is no such repository, RuntimeError where the server does not run.
        """
        if self._store is None:
            raise RuntimeError("the stand-in does not run: start it before you collect its garbage")
        return collect_garbage(self._store, repository)

    def lose_file(self, repository: str, path: str) -> None:
        """Take the stored file of an object on the default branch away, as by hand. For tests.

        Raises RequestError 404 where there is no such repository, RuntimeError where the server does not run.
        """
        if self._store is None:
            raise RuntimeError("the stand-in does not run: start it before you take a file from it")
        held = self._store.repository(repository)
        entry = held.branch(held.default_branch).tree.get(path)
        if entry is not None:
            self._store.blobs.remove(entry.address)

    def _end(self, reason: ServerEnd) -> None:
        """Stop as a server whose process ends."""
        LOG.error("the lakeFS stand-in has ended: %s", reason)
        self.stop()

    def stop(self) -> None:
        """Stop serving and forget everything; a second call does nothing."""
        self._server.stop()
        self._store = None
        self._exits.close()


class _Application:
    """The REST API below its path, the S3 gateway everywhere else, as on a lakeFS server."""

    def __init__(self, api: ASGIApp, gateway: ASGIApp, end: Callable[[ServerEnd], None]) -> None:
        self._api = api
        self._gateway = gateway
        self._end = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._answer(scope, receive, send)
        except ServerEnd as reason:
            _break_connection(receive)
            # Not here: to stop is to wait for this thread.
            threading.Thread(target=self._end, args=(reason,), name="lakefs-stand-in end", daemon=True).start()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith(API_PATH + "/"):
            path = scope["path"][len(API_PATH) :]
            await self._api({**scope, "path": path, "root_path": ""}, receive, send)
        else:
            await self._gateway(scope, receive, send)


def _break_connection(receive: Receive) -> None:
    """End the connection of a request without an answer, by the transport behind uvicorn's `receive`."""
    receive.__self__.transport.abort()  # type: ignore[attr-defined]
