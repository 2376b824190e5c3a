"""The S3 gateway: which call a request is, and its refusals as S3 errors."""

import logging
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from local_stack.lakefs_standin.errors import RequestError
from local_stack.lakefs_standin.s3_body import decoded_body
from local_stack.lakefs_standin.s3_call import S3Call, error_answer, find_repository, xml_answer
from local_stack.lakefs_standin.s3_errors import S3Error
from local_stack.lakefs_standin.s3_listing import list_buckets, list_objects
from local_stack.lakefs_standin.s3_objects import (
    copy_object,
    delete_object,
    delete_objects,
    read_object,
    write_object,
)
from local_stack.lakefs_standin.s3_signature import SignedRequest, check_signature
from local_stack.lakefs_standin.s3_uploads import Uploads
from local_stack.lakefs_standin.s3_xml import render
from local_stack.lakefs_standin.store import Store

LOG = logging.getLogger(__name__)
# Parts of S3 that a lakeFS repository does not have.
UNSUPPORTED = frozenset(
    {
        "acl",
        "cors",
        "encryption",
        "legal-hold",
        "lifecycle",
        "logging",
        "notification",
        "object-lock",
        "policy",
        "replication",
        "retention",
        "tagging",
        "torrent",
        "website",
    }
)
# The codes of refusals that both APIs share, by their status.
REFUSALS = {404: "NoSuchKey", 410: "Gone"}
S3Endpoint = Callable[[S3Call], Response]


class Gateway:
    """An ASGI application that speaks S3, path-style: the bucket is the repository, the key `ref/path`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._uploads = Uploads()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        path = unquote(scope.get("raw_path", request.url.path.encode()).decode("latin-1"))
        try:
            body = await request.body()
            response = await run_in_threadpool(self._respond, request, path, body)
        except S3Error as error:
            response = error_answer(error, path, with_body=request.method != "HEAD")
        except RequestError as error:
            refused = S3Error(REFUSALS.get(error.status, "InvalidRequest"), error.message)
            response = error_answer(refused, path, with_body=request.method != "HEAD")
        except Exception:
            LOG.exception("%s %s failed", request.method, path)
            response = Response(status_code=500)
        await response(scope, receive, send)

    def _respond(self, request: Request, path: str, body: bytes) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = request.url.query
        check_signature(
            SignedRequest(method=request.method, path=path, query=query, headers=headers), self._store.access_key
        )
        bucket, _, key = path.removeprefix("/").partition("/")
        call = S3Call(
            store=self._store,
            method=request.method,
            bucket=bucket,
            key=key,
            query=dict(parse_qsl(query, keep_blank_values=True)),
            headers=headers,
            body=decoded_body(headers, body),
        )
        return self._endpoint(call)(call)

    def _endpoint(self, call: S3Call) -> S3Endpoint:
        unsupported = UNSUPPORTED & call.query.keys()
        if unsupported:
            raise S3Error("NotImplemented", f"lakeFS repositories have no {', '.join(sorted(unsupported))}.")
        endpoints: dict[str, S3Endpoint]
        if not call.bucket:
            endpoints = {"GET": list_buckets}
        elif not call.key:
            find_repository(call.store, call.bucket)
            endpoints = self._bucket_endpoints(call)
        elif "uploadId" in call.query or "uploads" in call.query:
            endpoints = self._upload_endpoints(call)
        else:
            endpoints = {
                "GET": read_object,
                "HEAD": read_object,
                "PUT": copy_object if "x-amz-copy-source" in call.headers else write_object,
                "DELETE": delete_object,
            }
        if call.method not in endpoints:
            raise S3Error("MethodNotAllowed", f"{call.method} is not supported here.")
        return endpoints[call.method]

    def _bucket_endpoints(self, call: S3Call) -> dict[str, S3Endpoint]:
        reads = {"location": _location, "versioning": _versioning, "uploads": self._uploads.list_uploads}
        read = next((endpoint for name, endpoint in reads.items() if name in call.query), list_objects)
        endpoints: dict[str, S3Endpoint] = {"GET": read, "HEAD": _head_bucket}
        if "delete" in call.query:
            endpoints["POST"] = delete_objects
        return endpoints

    def _upload_endpoints(self, call: S3Call) -> dict[str, S3Endpoint]:
        if "uploads" in call.query:
            return {"POST": self._uploads.begin}
        return {
            "PUT": self._uploads.put_part,
            "GET": self._uploads.list_parts,
            "POST": self._uploads.complete,
            "DELETE": self._uploads.abort,
        }


def _head_bucket(_call: S3Call) -> Response:
    return Response(status_code=200, headers={"x-amz-bucket-region": "us-east-1"})


def _location(_call: S3Call) -> Response:
    return xml_answer(render("LocationConstraint", []))


def _versioning(_call: S3Call) -> Response:
    return xml_answer(render("VersioningConfiguration", []))
