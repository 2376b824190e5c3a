"""The lakeFS of the local stack: a configured server, a `lakefs` binary, or the stand-in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from local_stack.lakefs_standin import LakeFSStandIn


@dataclass(frozen=True, kw_only=True)
class LakeFS:
    """A running lakeFS server, and how to stop it where it is ours."""

    endpoint_url: str
    s3_endpoint_url: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    kind: Literal["server", "binary", "stand-in"]
    stop: Callable[[], None]


def start_lakefs(*, folder: Path, hook_environment: Mapping[str, str]) -> LakeFS:
    stand_in = LakeFSStandIn(hook_environment=hook_environment)
    stand_in.start()
    return LakeFS(
        endpoint_url=stand_in.url,
        s3_endpoint_url=stand_in.url,
        access_key_id=stand_in.access_key.id,
        secret_access_key=stand_in.access_key.secret,
        kind="stand-in",
        stop=stand_in.stop,
    )
