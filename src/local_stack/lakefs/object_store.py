"""An S3 beside lakeFS, for storage namespaces such as s3://bucket/prefix: moto's server, with a key pair of its own.

It lives on when lakeFS is stopped, as the storage below a real server does.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import S3Backend, s3_backends
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from local_stack.lakefs.standin.gateway.errors import S3Error
from local_stack.lakefs.standin.gateway.signature import SignedRequest, check_signature
from local_stack.lakefs.standin.versions.store import AccessKey, new_access_key

ACCOUNT = "123456789012"
REGION = "us-east-1"
S3A = "spark.hadoop.fs.s3a.bucket"

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class ObjectStore:
    """Buckets on 127.0.0.1. As a block store, a place is a bucket and a key: what is written can be read over S3.

    Parameters: the names of its buckets, which no other object store in this process may have.
    """

    def __init__(self, buckets: Sequence[str]) -> None:
        self.access_key = new_access_key()
        self.buckets = tuple(buckets)
        self._backend: S3Backend = s3_backends[ACCOUNT]["aws"]
        self._server: BaseWSGIServer | None = None

    @property
    def url(self) -> str:
        """Address of the S3; known once started."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Make the buckets and serve them."""
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        for bucket in self.buckets:
            self._backend.create_bucket(bucket, REGION)
        application = _signed_only(DomainDispatcherApplication(create_backend_app), self.access_key)
        self._server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_QuietHandler)
        threading.Thread(target=self._server.serve_forever, name="object-store", daemon=True).start()

    def stop(self) -> None:
        """Stop serving and forget everything; a second call does nothing."""
        server, self._server = self._server, None
        if server is None:
            return
        server.shutdown()
        server.server_close()
        for bucket in self.buckets:
            if self._backend.buckets.pop(bucket, None) is not None:
                s3_backends.bucket_accounts.pop(bucket, None)

    def spark_conf(self) -> dict[str, str]:
        """Spark configuration that reads these buckets, and no other."""
        settings = {
            "endpoint": self.url,
            "endpoint.region": REGION,
            "connection.ssl.enabled": "false",
            "path.style.access": "true",
            "access.key": self.access_key.id,
            "secret.key": self.access_key.secret,
        }
        return {f"{S3A}.{bucket}.{key}": value for bucket in self.buckets for key, value in settings.items()}

    def base(self, namespace: str) -> str:
        """The bucket and prefix of a namespace. Raises ValueError where there is no such bucket."""
        bucket = namespace.partition("/")[0]
        if bucket not in self.buckets:
            raise ValueError(f"s3://{namespace}: the bucket {bucket} does not exist")
        return namespace.strip("/")

    def write(self, place: str, content: bytes) -> None:
        """Put the object."""
        self._backend.put_object(*_bucket_and_key(place), content, disable_notification=True)

    def read(self, place: str, start: int, length: int | None) -> bytes | None:
        """Get the object, or a part of it."""
        found = self._backend.get_object(*_bucket_and_key(place))
        if found is None:
            return None
        content: bytes = found.value
        return content[start : len(content) if length is None else start + length]

    def holds(self, place: str) -> bool:
        """Whether the object is there."""
        return self._backend.get_object(*_bucket_and_key(place)) is not None

    def remove(self, place: str) -> None:
        """Delete the object."""
        self._backend.delete_object(*_bucket_and_key(place))


class _QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: a line for each request helps nobody."""


def _bucket_and_key(place: str) -> tuple[str, str]:
    bucket, _, key = place.partition("/")
    return bucket, key


def _signed_only(application: Application, access_key: AccessKey) -> Application:
    """The application for requests that are signed with the key pair: moto's own takes any, and none."""

    def find_key(key_id: str) -> AccessKey | None:
        return access_key if key_id == access_key.id else None

    def respond(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            signed = check_signature(_request(environ), find_key) is not None
        except S3Error:
            signed = False
        if signed:
            return application(environ, start_response)
        body = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        return Response(body, 403, content_type="application/xml")(environ, start_response)

    return respond


def _request(environ: dict[str, Any]) -> SignedRequest:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")
    }
    return SignedRequest(
        method=environ["REQUEST_METHOD"],
        path=environ["PATH_INFO"].encode("latin-1").decode(errors="replace"),
        query=environ["QUERY_STRING"],
        headers=headers,
    )
