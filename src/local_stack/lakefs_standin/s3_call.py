"""One request to the S3 gateway, taken apart."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate

from starlette.responses import Response

from local_stack.lakefs_standin.errors import RequestError
from local_stack.lakefs_standin.object_tree import Entry
from local_stack.lakefs_standin.repository import Repository
from local_stack.lakefs_standin.s3_errors import S3Error
from local_stack.lakefs_standin.s3_xml import render
from local_stack.lakefs_standin.store import Store

METADATA_HEADER = "x-amz-meta-"


@dataclass(frozen=True, kw_only=True)
class S3Call:
    """A signed request whose body has been read and decoded. A key is `ref/path`."""

    store: Store
    method: str
    bucket: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def repository(self) -> Repository:
        """The repository that the bucket is. Raises S3Error NoSuchBucket."""
        return find_repository(self.store, self.bucket)

    @property
    def ref(self) -> str:
        """The key's first part."""
        return self.key.partition("/")[0]

    @property
    def path(self) -> str:
        """The key without its ref. Raises S3Error where there is nothing left."""
        path = self.key.partition("/")[2]
        if not path:
            raise S3Error("InvalidArgument", "The key names no object: it must be ref/path.")
        return path

    def metadata(self) -> dict[str, str]:
        """The user metadata that the request sets."""
        return {
            name[len(METADATA_HEADER) :]: value
            for name, value in self.headers.items()
            if name.startswith(METADATA_HEADER)
        }

    def writable_branch(self) -> str:
        """The branch that the key writes to. Raises S3Error (404) where the ref is none."""
        if self.ref not in self.repository.branches:
            raise S3Error("NoSuchKey", f"There is no branch '{self.ref}' to write to.")
        return self.ref


def find_repository(store: Store, name: str) -> Repository:
    """The repository of this name. Raises S3Error NoSuchBucket."""
    try:
        return store.repository(name)
    except RequestError as error:
        raise S3Error("NoSuchBucket", f"There is no repository '{name}'.") from error


def find_entry(repository: Repository, ref: str, path: str) -> Entry:
    """The object at ref and path. Raises S3Error NoSuchKey."""
    try:
        entry = repository.tree_at(ref).get(path)
    except RequestError:
        entry = None
    if entry is None:
        raise S3Error("NoSuchKey", f"There is no object '{path}' at '{ref}' of repository '{repository.name}'.")
    return entry


def object_headers(entry: Entry) -> dict[str, str]:
    """What every answer about an object says of it."""
    return {
        "ETag": f'"{entry.checksum}"',
        "Last-Modified": formatdate(entry.modified, usegmt=True),
        "Accept-Ranges": "bytes",
        "Content-Type": entry.content_type,
        **{METADATA_HEADER + name: value for name, value in entry.metadata.items()},
    }


def xml_answer(body: bytes, status: int = 200) -> Response:
    """An XML answer with a request id of its own."""
    return Response(body, status, {"x-amz-request-id": uuid.uuid4().hex.upper()[:16]}, "application/xml")


def error_answer(error: S3Error, resource: str, *, with_body: bool) -> Response:
    """The answer to a request that cannot be served; HEAD requests get no body."""
    content = render("Error", [("Code", error.code), ("Message", error.message), ("Resource", resource)], namespace="")
    return xml_answer(content if with_body else b"", error.status)
