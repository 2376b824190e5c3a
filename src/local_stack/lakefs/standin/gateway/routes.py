"""The S3 gateway: which call a request is, and its refusals as S3 errors."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from local_stack.lakefs.standin.errors import RequestError
from local_stack.lakefs.standin.gateway.body import decoded_body
from local_stack.lakefs.standin.gateway.call import Place, S3Call, empty_answer, error_answer, xml_answer
from local_stack.lakefs.standin.gateway.errors import S3Error, not_known
from local_stack.lakefs.standin.gateway.listing import list_buckets, list_objects
from local_stack.lakefs.standin.gateway.objects import (
    copy_object,
    delete_object,
    delete_objects,
    read_object,
    write_object,
)
from local_stack.lakefs.standin.gateway.signature import Signature, SignedRequest, check_signature
from local_stack.lakefs.standin.gateway.uploads import Uploads
from local_stack.lakefs.standin.gateway.xml import DECLARATION, NAMESPACE, render
from local_stack.lakefs.standin.versions.repository import REPOSITORY_NAME, Repository
from local_stack.lakefs.standin.versions.store import AccessKey, Store

LOG = logging.getLogger(__name__)
# Parts of S3 that a lakeFS repository does not have: four of them recorded, the others alike.
UNSUPPORTED = frozenset(
    {
        "accelerate",
        "acl",
        "analytics",
        "attributes",
        "cors",
        "encryption",
        "intelligent-tiering",
        "inventory",
        "legal-hold",
        "lifecycle",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "ownershipControls",
        "policy",
        "policyStatus",
        "publicAccessBlock",
        "replication",
        "requestPayment",
        "restore",
        "retention",
        "select",
        "tagging",
        "torrent",
        "versionId",
        "versions",
        "website",
    }
)
# A lakeFS server answers requests that are not signed with its user interface, of this size.
WEB_PAGE_BYTES = 1225
WEB_PAGE = "<!DOCTYPE html><html><head><title>lakeFS stand-in</title></head><body>lakeFS</body></html>"
S3Endpoint = Callable[[S3Call], Response]


@dataclass(frozen=True, kw_only=True)
class Received:
    """A request as it came, with its path decoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def place(self) -> Place:
        """The bucket, and the key in it."""
        bucket, _, key = self.path.removeprefix("/").partition("/")
        return Place(bucket=bucket, key=key)


class Gateway:
    """An ASGI application that speaks S3, path-style: the bucket is the repository, the key `ref/path`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._uploads = Uploads()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:
            return
        received = Received(
            method=request.method,
            path=unquote(scope.get("raw_path", scope["path"].encode()).decode("latin-1")),
            query=scope["query_string"].decode("latin-1"),
            headers={name.lower(): _unicode(value) for name, value in request.headers.items()},
            body=body,
        )
        try:
            response = await run_in_threadpool(self._respond, received)
        except Exception:
            LOG.exception("%s %s failed", received.method, received.path)
            response = Response("The stand-in itself failed: see its log.", status_code=500)
        await response(scope, receive, send)

    def _respond(self, received: Received) -> Response:
        place: Place | None = None
        try:
            signature = self._signature(received)
            if signature is None:
                return _web_page(received.method)
            if received.path == "/":
                return self._list_buckets(received)
            repository = self._repository(received)
            place = received.place
            return self._answer(received, repository, signature)
        except S3Error as error:
            return error_answer(error, place, with_body=received.method != "HEAD")

    def _signature(self, received: Received) -> Signature | None:
        signed = SignedRequest(
            method=received.method, path=received.path, query=received.query, headers=received.headers
        )
        return check_signature(signed, self._key)

    def _key(self, key_id: str) -> AccessKey | None:
        user = self._store.user(key_id)
        return None if user is None else user.access_key

    def _list_buckets(self, received: Received) -> Response:
        if received.method != "GET":
            raise S3Error("ERRLakeFSNotSupported")
        return list_buckets(self._store)

    def _repository(self, received: Received) -> Repository:
        """The repository that the bucket is. Raises S3Error where there is none."""
        bucket, key = received.place.bucket, received.place.key
        if not REPOSITORY_NAME.match(bucket):
            raise S3Error("InternalError")
        try:
            return self._store.repository(bucket)
        except RequestError as error:
            creates = received.method == "PUT" and not key
            raise S3Error("NotImplemented" if creates else "NoSuchBucket") from error

    def _answer(self, received: Received, repository: Repository, signature: Signature) -> Response:
        call = S3Call(
            store=self._store,
            user=self._store.user(signature.key_id),
            repository=repository,
            place=received.place,
            method=received.method,
            query=dict(parse_qsl(received.query, keep_blank_values=True)),
            headers=received.headers,
            body=decoded_body(received.headers, received.body, signature),
        )
        if UNSUPPORTED & call.query.keys():
            raise S3Error("ERRLakeFSNotSupported", bare=call.method == "GET")
        if call.place.key and not call.place.path:
            return empty_answer(404)
        endpoint = self._object_endpoint(call) if call.place.key else self._bucket_endpoint(call)
        try:
            return endpoint(call)
        except RequestError as error:
            code = "ErrWriteToProtectedBranch" if error.status == 403 else "InvalidRequest"
            raise S3Error(code, "" if error.status == 403 else error.message) from error

    def _bucket_endpoint(self, call: S3Call) -> S3Endpoint:
        match call.method:
            case "HEAD":
                return lambda _: empty_answer()
            case "GET" if "location" in call.query:
                return _location
            case "GET" if "versioning" in call.query:
                return _versioning
            case "GET" if "uploads" in call.query:
                raise S3Error("NotImplemented")
            case "GET":
                return list_objects
            case "POST" if "delete" in call.query:
                return delete_objects
            case "PUT" if not call.query:
                raise S3Error("BucketAlreadyExists")
        raise S3Error("ERRLakeFSNotSupported", bare=True, region=False)

    def _object_endpoint(self, call: S3Call) -> S3Endpoint:
        uploads = {
            "POST": self._uploads.complete,
            "PUT": self._uploads.put_part,
            "GET": self._uploads.list_parts,
            "DELETE": self._uploads.abort,
        }
        objects = {
            "GET": read_object,
            "HEAD": read_object,
            "PUT": copy_object if call.headers.get("x-amz-copy-source") else write_object,
            "DELETE": delete_object,
        }
        if "uploads" in call.query:
            uploads = {"POST": self._uploads.begin}
        endpoints = uploads if {"uploads", "uploadId"} & call.query.keys() else objects
        if call.method not in endpoints:
            raise S3Error("ERRLakeFSNotSupported")
        return endpoints[call.method]


def _unicode(value: str) -> str:
    """The value of a header, which HTTP hands on as Latin-1 and clients send as UTF-8."""
    return value.encode("latin-1").decode(errors="replace")


def _web_page(method: str) -> Response:
    if method not in ("GET", "HEAD", "PUT", "DELETE"):
        raise not_known(f"{method} without a signature")
    page = WEB_PAGE.ljust(WEB_PAGE_BYTES)
    return HTMLResponse("" if method == "HEAD" else page, headers={"Content-Length": str(len(page))})


def _location(_call: S3Call) -> Response:
    return xml_answer(render("LocationConstraint", [], namespace=NAMESPACE))


def _versioning(_call: S3Call) -> Response:
    return xml_answer(f'{DECLARATION}<VersioningConfiguration xmlns="{NAMESPACE}"/>'.encode())
