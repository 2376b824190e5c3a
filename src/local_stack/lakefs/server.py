"""The lakeFS of the local stack: a configured server, else a `lakefs` binary, else the stand-in."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from local_stack.errors import SetupError
from local_stack.lakefs.binary import LakeFSBinary, is_healthy
from local_stack.lakefs.standin import LakeFSStandIn
from local_stack.lakefs.standin.versions.blobs import BlockStore

# The first three are lakectl's and the SDK's own; the last is ours.
ENDPOINT_VARIABLE = "LAKECTL_SERVER_ENDPOINT_URL"
KEY_VARIABLES = ("LAKECTL_CREDENTIALS_ACCESS_KEY_ID", "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY")
S3_ENDPOINT_VARIABLE = "LAKEFS_S3_ENDPOINT_URL"
API_PATH = "/api/v1"


@dataclass(frozen=True, kw_only=True)
class LakeFS:
    """A running lakeFS server. `stop` ends it where it is ours, and does nothing to a configured server.

    stand_in: where it is one, what only that can be told.
    """

    endpoint_url: str
    s3_endpoint_url: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    kind: Literal["server", "binary", "stand-in"]
    stop: Callable[[], None]
    stand_in: LakeFSStandIn | None = field(default=None, repr=False)


def start_lakefs(
    *, folder: Path, hook_environment: Mapping[str, str], object_store: BlockStore | None = None
) -> LakeFS:
    """Find or start lakeFS. Raises SetupError.

    Parameters: the folder for a started server's state, the variables that `{{ ENV.X }}` in action files sees, and
    what the stand-in keeps the objects of storage namespaces `s3://...` in. A configured server has an environment and
    a storage of its own: there the last two have no effect. What a started server stored as files outlives it.
    """
    if os.environ.get(ENDPOINT_VARIABLE):
        return configured_server(os.environ)
    binary = shutil.which("lakefs")
    if binary is not None:
        return _started_binary(binary, folder, hook_environment)
    stand_in = LakeFSStandIn(hook_environment=hook_environment, folder=folder / "objects", object_store=object_store)
    stand_in.start()
    return lakefs_of(stand_in)


def lakefs_of(stand_in: LakeFSStandIn) -> LakeFS:
    """A running stand-in as any server is given."""
    return LakeFS(
        endpoint_url=stand_in.url,
        s3_endpoint_url=stand_in.url,
        access_key_id=stand_in.access_key.id,
        secret_access_key=stand_in.access_key.secret,
        kind="stand-in",
        stop=stand_in.stop,
        stand_in=stand_in,
    )


def configured_server(environment: Mapping[str, str]) -> LakeFS:
    """The server that the environment names. Raises SetupError where it names no keys, or does not answer."""
    missing = [name for name in KEY_VARIABLES if not environment.get(name)]
    if missing:
        raise SetupError(f"{ENDPOINT_VARIABLE} is set, but not {' and '.join(missing)}; set them too")
    url = environment[ENDPOINT_VARIABLE].rstrip("/").removesuffix(API_PATH)
    if not is_healthy(url):
        raise SetupError(
            f"no lakeFS server answers at {url}{API_PATH}/healthcheck; correct {ENDPOINT_VARIABLE}, or unset it to "
            "use a local one"
        )
    return LakeFS(
        endpoint_url=url,
        s3_endpoint_url=environment.get(S3_ENDPOINT_VARIABLE, "").rstrip("/") or url,
        access_key_id=environment[KEY_VARIABLES[0]],
        secret_access_key=environment[KEY_VARIABLES[1]],
        kind="server",
        stop=lambda: None,
    )


def _started_binary(path: str, folder: Path, hook_environment: Mapping[str, str]) -> LakeFS:
    server = LakeFSBinary(path=path, folder=folder, hook_environment=hook_environment, surroundings=os.environ)
    server.start()
    return LakeFS(
        endpoint_url=server.url,
        s3_endpoint_url=server.url,
        access_key_id=server.installation.access_key_id,
        secret_access_key=server.installation.secret_access_key,
        kind="binary",
        stop=server.stop,
    )
