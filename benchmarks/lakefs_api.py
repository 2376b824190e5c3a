"""Plain HTTP calls of a lakeFS server's API, counted: the same for every way of reading that is compared."""

import base64
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import urllib3

from lakefs_unity_export.ports import DiffEntry, DiffPage, DiffReader
from local_stack.lakefs.server import LakeFS

CONNECTIONS = 8


@dataclass
class Traffic:
    """Calls that were made, and bytes of their answers."""

    calls: int = 0
    received: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, received: int) -> None:
        """One call more."""
        with self._lock:
            self.calls += 1
            self.received += received


class LakeFSApi:
    """The API of a server, over one pool of connections."""

    def __init__(self, server: LakeFS) -> None:
        address = urlsplit(server.endpoint_url)
        key = base64.b64encode(f"{server.access_key_id}:{server.secret_access_key}".encode()).decode()
        self._pool = urllib3.connection_from_url(
            f"{address.scheme}://{address.netloc}", maxsize=CONNECTIONS, headers={"Authorization": f"Basic {key}"}
        )
        self._path = f"{address.path.rstrip('/').removesuffix('/api/v1')}/api/v1/repositories"
        self.traffic = Traffic()

    def put(self, repository: str, branch: str, path: str, content: bytes) -> None:
        """Write an object to the branch. Raises RuntimeError where the server refuses."""
        address = f"{self._path}/{repository}/branches/{quote(branch)}/objects?{urlencode({'path': path})}"
        self._call("POST", address, body=content, headers={"Content-Type": "application/octet-stream"})

    def diff_reader(self, repository: str, left: str, right: str, *, amount: int) -> DiffReader:
        """A reader of the two_dot diff in pages of that many entries."""

        def read_page(*, prefix: str, after: str, delimiter: str) -> DiffPage:
            query = {"type": "two_dot", "prefix": prefix, "after": after, "delimiter": delimiter, "amount": amount}
            answer = self._call("GET", f"{self._path}/{repository}/refs/{left}/diff/{right}?{urlencode(query)}")
            entries = tuple(
                DiffEntry(path=each["path"], type=each["type"], is_prefix=each["path_type"] == "common_prefix")
                for each in answer["results"]
            )
            return DiffPage(entries=entries, has_more=answer["pagination"]["has_more"])

        return read_page

    def _call(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Any:
        answer = self._pool.request(method, path, body=body or None, headers={**self._pool.headers, **(headers or {})})
        self.traffic.count(len(answer.data))
        if answer.status >= 300:
            raise RuntimeError(f"lakeFS answered {method} {path} with {answer.status}: {answer.data[:300]!r}")
        return json.loads(answer.data)
