"""Requests to the stand-in's S3 gateway without a network or a client that would mend them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local_stack.lakefs.standin.gateway.routes import Gateway
from local_stack.lakefs.standin.versions.blobs import BlobStore, LocalFiles
from local_stack.lakefs.standin.versions.store import AccessKey, Store

KEY = AccessKey(id="AKIAEXAMPLE", secret="secret")
HOST = "lakefs.test"
REPOSITORY = "repo"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request. `query` is as it stands in the URL; a header without a value is left out."""

    method: str = "GET"
    path: str = f"/{REPOSITORY}/main/a"
    query: str = ""
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: bytes = b""
    is_signed: bool = True
    is_broken_off: bool = False


@dataclass(frozen=True, kw_only=True)
class Answered:
    """An answer, with the names of its headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The S3 error code, empty where there is none."""
        return self.body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode()


class NoHooks:
    """What a repository without action files runs."""

    def run_before(self, event: object) -> None:
        """Nothing."""

    def run_after(self, event: object) -> None:
        """Nothing."""


class GatewayAlone:
    """A gateway whose repository has the branch `main`, with one commit of the object `a`, 0123456789."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory()
        self.blobs = BlobStore({"local": LocalFiles(Path(self._folder.name))})
        self.store = Store(access_key=KEY, blobs=self.blobs, hooks=NoHooks())
        self.repository = self.store.create_repository(REPOSITORY, "local://repo", "main")
        self._gateway = Gateway(self.store)
        assert self.ask(Asked(method="PUT", body=b"0123456789")).status == 200

    def close(self) -> None:
        """Remove what it stored."""
        self._folder.cleanup()

    def ask(self, asked: Asked) -> Answered:
        """The answer to a request."""
        answered = asyncio.run(self._ask(asked))
        assert answered is not None
        return answered

    def break_off(self, asked: Asked) -> None:
        """Send a request, and go away before its body was read: there is no answer."""
        assert asyncio.run(self._ask(replace(asked, is_broken_off=True))) is None

    async def _ask(self, asked: Asked) -> Answered | None:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if asked.is_broken_off:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": asked.body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._gateway(_scope(asked), receive, send)
        if not sent:
            return None
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return Answered(
            status=sent[0]["status"], headers=headers, body=b"".join(each.get("body", b"") for each in sent[1:])
        )


def authorization_of(asked: Asked) -> str:
    """The right Authorization header of a request, as of now."""
    return str(_signed(asked, quote(asked.path, safe="/-_.~"), asked.query)["authorization"])


def _scope(asked: Asked) -> dict[str, Any]:
    path, query = quote(asked.path, safe="/-_.~"), asked.query.replace("/", "%2F")
    headers = _signed(asked, path, query) if asked.is_signed else {"host": HOST, **asked.headers}
    present = {name: value for name, value in headers.items() if value is not None}
    return {
        "type": "http",
        "http_version": "1.1",
        "method": asked.method,
        "scheme": "http",
        "path": asked.path,
        "raw_path": path.encode(),
        "query_string": query.encode("latin-1"),
        "headers": [(name.lower().encode("latin-1"), value.encode()) for name, value in present.items()],
        "server": (HOST, 80),
    }


def _signed(asked: Asked, path: str, query: str) -> dict[str, str | None]:
    """The headers with version 4's, as boto3 makes them; what the request names itself stays as it is."""
    named = {name.lower(): value for name, value in asked.headers.items()}
    target = f"http://{HOST}{path}" + (f"?{query}" if query else "")
    own = {name: value for name, value in named.items() if value is not None and name.startswith("x-amz-")}
    request = AWSRequest(method=asked.method, url=target, headers=own, data=asked.body)
    payload = own.get("x-amz-content-sha256")
    auth = _NamedPayload(Credentials(KEY.id, KEY.secret), "s3", "us-east-1")
    auth.named = payload
    auth.add_auth(request)
    signed = {name.lower(): value for name, value in request.headers.items()}
    return {**signed, "host": HOST, **named}


class _NamedPayload(S3SigV4Auth):
    """Signs the payload that the request names, also where the body is another."""

    named: str | None = None

    def payload(self, request: AWSRequest) -> str:
        return self.named or str(super().payload(request))

    def _modify_request_before_signing(self, request: AWSRequest) -> None:
        super()._modify_request_before_signing(request)
        if self.named is not None:
            del request.headers["X-Amz-Content-SHA256"]
            request.headers["X-Amz-Content-SHA256"] = self.named
