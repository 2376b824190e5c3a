"""The lakeFS that a benchmark asks: the one that is configured, else a stand-in of ours in this process."""

import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lakefs_api import CONNECTIONS, LakeFSApi

from local_stack.demo.repository import Repository
from local_stack.lakefs.server import ENDPOINT_VARIABLE, LakeFS, lakefs_of, start_lakefs
from local_stack.lakefs.standin import LakeFSStandIn

BRANCH = "main"
REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running lakeFS; `stand_in` where it is ours, and none else."""

    lakefs: LakeFS
    stand_in: LakeFSStandIn | None

    @property
    def against(self) -> str:
        """What is measured against, for a result."""
        return "lakeFS: " + ("a stand-in in this process" if self.stand_in else f"a {self.lakefs.kind}")

    def write(self, repository: Repository, paths: Iterable[str], content: bytes, *, is_one_file: bool = False) -> None:
        """Write these objects to the branch: over the API, or straight into the store of a stand-in.

        is_one_file: whether a stand-in may keep them all as one file, which is quicker; no clone that names files
            where lakeFS keeps them takes such.
        """
        if self.stand_in is None:
            api = LakeFSApi(self.lakefs)
            with ThreadPoolExecutor(CONNECTIONS) as pool:
                list(pool.map(lambda path: api.put(repository.name, BRANCH, path, content), paths))
            return
        store = self.stand_in._store
        assert store is not None
        held = store.repository(repository.name)
        one = store.blobs.put(held.storage_namespace, content) if is_one_file else None
        for path in paths:
            store.put_object(held, BRANCH, path, one or store.blobs.put(held.storage_namespace, content))

    def s3a_settings(self, repository: Repository) -> dict[str, str]:
        """Hadoop's settings, with which Spark reads the repository."""
        settings = {
            "endpoint": self.lakefs.s3_endpoint_url,
            "endpoint.region": REGION,
            "path.style.access": "true",
            "access.key": self.lakefs.access_key_id,
            "secret.key": self.lakefs.secret_access_key,
        }
        return {f"fs.s3a.bucket.{repository.name}.{name}": value for name, value in settings.items()}


@contextmanager
def running_lakefs(folder: Path) -> Iterator[Server]:
    """The lakeFS that is configured or on PATH, or a stand-in that keeps its files in the folder."""
    if os.environ.get(ENDPOINT_VARIABLE) or shutil.which("lakefs"):
        server = Server(lakefs=start_lakefs(folder=folder, hook_environment={}), stand_in=None)
    else:
        stand_in = LakeFSStandIn(folder=folder / "objects")
        stand_in.start()
        server = Server(lakefs=lakefs_of(stand_in), stand_in=stand_in)
    try:
        yield server
    finally:
        server.lakefs.stop()
