"""One request to the S3 gateway, taken apart, and how its refusals are answered."""

import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate

from starlette.responses import Response

from local_stack.lakefs.standin.errors import RequestError
from local_stack.lakefs.standin.gateway.errors import S3Error
from local_stack.lakefs.standin.gateway.xml import Element, render
from local_stack.lakefs.standin.versions.object_tree import Entry
from local_stack.lakefs.standin.versions.repository import Repository
from local_stack.lakefs.standin.versions.store import WRITE_OBJECT, Store, User

METADATA_HEADER = "x-amz-meta-"
# How lakeFS names user metadata that came through the gateway, and REST shows it.
METADATA_KEY = "X-Amz-Meta-"
XML = "application/xml"
# What a server says before it knows the repository.
EARLY_XML = "text/xml; charset=utf-8"
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, kw_only=True)
class Place:
    """What a request is about: a bucket, and in it a key, which is `ref/path`."""

    bucket: str
    key: str = ""

    @property
    def ref(self) -> str:
        """The key's first part."""
        return self.key.partition("/")[0]

    @property
    def path(self) -> str:
        """The key without its ref; empty where it names no object."""
        return self.key.partition("/")[2]


@dataclass(frozen=True, kw_only=True)
class S3Call:
    """A signed request whose body has been read and decoded."""

    store: Store
    user: User | None
    repository: Repository
    place: Place
    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def check_allowed(self, action: str) -> None:
        """Raise S3Error AccessDenied where the user may not do this."""
        if self.user is None or action in self.user.denied:
            raise S3Error("AccessDenied")

    def metadata(self) -> dict[str, str]:
        """The user metadata that the request sets, as lakeFS keeps it: the names in lower case."""
        return {
            METADATA_KEY + name[len(METADATA_HEADER) :]: value
            for name, value in self.headers.items()
            if name.startswith(METADATA_HEADER)
        }

    def writable_branch(self) -> str:
        """The branch that the key writes to. Raises S3Error AccessDenied, NoSuchBucket where the ref is no branch."""
        self.check_allowed(WRITE_OBJECT)
        if self.place.ref not in self.repository.branches:
            raise S3Error("NoSuchBucket")
        return self.place.ref


def find_entry(repository: Repository, place: Place) -> Entry:
    """The object at this place of the repository. Raises S3Error NoSuchKey."""
    try:
        entry = repository.tree_at(place.ref).get(place.path)
    except RequestError:
        entry = None
    if entry is None:
        raise S3Error("NoSuchKey")
    return entry


def object_headers(entry: Entry) -> dict[str, str]:
    """What every answer about an object says of it."""
    return {
        "ETag": f'"{entry.checksum}"',
        "Last-Modified": formatdate(entry.modified, usegmt=True),
        "Accept-Ranges": "bytes",
        "Content-Type": header_text(entry.content_type),
        **{
            METADATA_HEADER + header_text(name[len(METADATA_KEY) :].lower()): header_text(value)
            for name, value in entry.metadata.items()
            if name.startswith(METADATA_KEY)
        },
    }


def header_text(text: str) -> str:
    """A text as the value of a header: as UTF-8, for Starlette writes Latin-1, and without control characters."""
    return UNPRINTABLE.sub(" ", text).encode().decode("latin-1")


def empty_answer(status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer without a body, which a lakeFS server marks as XML all the same."""
    return Response(status_code=status, headers=headers, media_type=XML)


def xml_answer(body: bytes) -> Response:
    """An XML answer."""
    return Response(body, media_type=XML)


def error_answer(error: S3Error, place: Place | None, *, with_body: bool) -> Response:
    """The answer to a request that cannot be served; HEAD requests get the headers alone.

    Without a place the server did not get as far as the repository.
    """
    fields: list[Element] = [("Code", error.code), ("Message", error.message)]
    if place is None or error.bare:
        fields.append(("Resource", ""))
    elif place.path:
        fields += [("Key", place.path), ("BucketName", place.bucket), ("Resource", f"{place.ref}@{place.bucket}")]
    else:
        fields += [("BucketName", place.bucket), ("Resource", place.bucket)]
    if error.region:
        fields.append(("Region", "us-east-1"))
    # The two ids have 53 characters together, as on a server: HEAD tells the length of a body that nobody sees.
    fields += [("RequestId", str(uuid.uuid4())), ("HostId", secrets.token_hex(9)[:17])]
    body = render("Error", fields)
    headers = {"Content-Length": str(len(body))}
    return Response(body if with_body else b"", error.status, headers, EARLY_XML if place is None else XML)
