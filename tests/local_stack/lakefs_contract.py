"""A lakeFS server under test, the stand-in or a configured one, and a repository of its own for each test."""

import json
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
import lakefs
import lakefs_sdk
import pytest
from botocore.config import Config
from lakefs.client import Client
from lakefs_hook_target import HookTarget

from local_stack.lakefs.server import ENDPOINT_VARIABLE, LakeFS, configured_server, lakefs_of
from local_stack.lakefs.standin import LakeFSStandIn

SERVERS = ["stand-in", "configured"] if os.environ.get(ENDPOINT_VARIABLE) else ["stand-in"]
HOOK_ENVIRONMENT = {"LAKEFSACTION_GREETING": "hello", "LAKEFS_LUA_ONLY": "for lua"}


@dataclass(frozen=True, kw_only=True)
class Contract:
    """A server, its clients, and a repository with the branch `main`."""

    server: LakeFS
    client: Client
    api: Any
    s3: Any
    repository: Any

    @property
    def name(self) -> str:
        """The repository's name."""
        return str(self.repository.id)

    def put(self, branch: str, *paths: str, content: bytes = b"x") -> None:
        """Write objects."""
        for path in paths:
            self.repository.branch(branch).object(path).upload(content, mode="wb")

    def commit(self, branch: str, *paths: str, content: bytes = b"x", message: str = "a commit") -> str:
        """Write objects and commit them; the commit's id."""
        self.put(branch, *paths, content=content)
        return str(self.repository.branch(branch).commit(message).get_commit().id)

    def branch(self, name: str, source: str = "main") -> Any:
        """A new branch."""
        return self.repository.branch(name).create(source)

    def raw_commit(self, ref: str) -> Any:
        """A commit with the fields that the SDK's wrapper leaves out."""
        return self.api.commits_api.get_commit(self.name, ref)

    def diff(self, left: str, right: str, **options: Any) -> Any:
        """One page of a diff."""
        return self.api.refs_api.diff_refs(self.name, left, right, **options)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A call to the REST API without a client of lakeFS."""
        auth = (self.server.access_key_id, self.server.secret_access_key)
        return httpx.request(method, f"{self.server.endpoint_url}/api/v1{path}", **{"auth": auth, **options})

    def s3_with(self, **keys: str) -> Any:
        """A client of the S3 gateway with other keys."""
        return s3_client(self.server, **keys)

    def runs(self, count: int = 1, seconds: float = 10.0, **filters: str) -> list[Any]:
        """The runs of hooks that have ended, once there are that many or the time is over."""
        deadline = time.monotonic() + seconds
        while True:
            found = list(self.api.actions_api.list_repository_runs(self.name, **filters).results)
            if len(found) >= count or time.monotonic() > deadline:
                return found
            time.sleep(0.02)

    def output(self, run: Any) -> str:
        """What the first hook of a run wrote."""
        (hook, *_) = self.api.actions_api.list_run_hooks(self.name, run.run_id).results
        answer = self.api.actions_api.get_run_hook_output(self.name, run.run_id, hook.hook_run_id)
        return bytes(answer).decode() if isinstance(answer, bytes | bytearray) else str(answer)

    def put_action(self, branch: str, action: dict[str, Any], name: str = "test") -> None:
        """Write an action file; JSON is YAML."""
        self.put(branch, f"_lakefs_actions/{name}.yaml", content=json.dumps(action).encode())


def s3_client(server: LakeFS, **keys: str) -> Any:
    """A client of the server's S3 gateway, with the server's keys or others."""
    own = {"aws_access_key_id": server.access_key_id, "aws_secret_access_key": server.secret_access_key}
    return boto3.client(
        "s3",
        endpoint_url=server.s3_endpoint_url,
        region_name="us-east-1",
        config=Config(signature_version="s3v4", retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
        **{**own, **keys},
    )


@pytest.fixture(scope="session")
def stand_in() -> Iterator[LakeFS]:
    """The stand-in, with an environment for hooks."""
    server = LakeFSStandIn(hook_environment=HOOK_ENVIRONMENT, action_seconds=0)
    server.start()
    yield lakefs_of(server)
    server.stop()


@pytest.fixture(scope="session", params=SERVERS)
def lakefs_server(request: pytest.FixtureRequest) -> LakeFS:
    """The stand-in, and the server that the environment names, where it names one."""
    if request.param == "configured":
        return configured_server(os.environ)
    server: LakeFS = request.getfixturevalue("stand_in")
    return server


@pytest.fixture
def contract(lakefs_server: LakeFS) -> Iterator[Contract]:
    """The server under test with a new repository, deleted at the end."""
    made = contract_with(lakefs_server)
    yield made
    made.repository.delete()


@pytest.fixture
def stand_in_contract(stand_in: LakeFS) -> Iterator[Contract]:
    """The stand-in with a new repository, for what a server of others cannot be told."""
    made = contract_with(stand_in)
    yield made
    made.repository.delete()


@pytest.fixture
def target() -> Iterator[HookTarget]:
    """A server that hooks call."""
    with HookTarget() as server:
        yield server


def contract_with(server: LakeFS) -> Contract:
    """The server with a new repository."""
    base = os.environ.get("LAKEFS_STORAGE_NAMESPACE", "").rstrip("/")
    name = f"contract-{secrets.token_hex(6)}"
    return contract_in(server, f"{base}/{name}" if base else f"local://{name}", name)


def contract_in(server: LakeFS, namespace: str, name: str = "") -> Contract:
    """The server with a new repository in this storage namespace."""
    name = name or f"contract-{secrets.token_hex(6)}"
    client = Client(host=server.endpoint_url, username=server.access_key_id, password=server.secret_access_key)
    configuration = lakefs_sdk.Configuration(
        host=f"{server.endpoint_url}/api/v1", username=server.access_key_id, password=server.secret_access_key
    )
    repository = lakefs.Repository(name, client=client).create(storage_namespace=namespace)
    return Contract(
        server=server,
        client=client,
        api=lakefs_sdk.client.LakeFSClient(configuration),
        s3=s3_client(server),
        repository=repository,
    )
