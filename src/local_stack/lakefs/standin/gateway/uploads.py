"""Multipart uploads of the S3 gateway.

As strict as Amazon's S3 about the parts. The recorded server is kinder, for it has a local block store, which joins
whatever parts it was given, also where the client names others.
"""

import hashlib
import itertools
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from starlette.responses import Response

from local_stack.lakefs.standin.gateway.call import S3Call, empty_answer, xml_answer
from local_stack.lakefs.standin.gateway.errors import S3Error, not_known
from local_stack.lakefs.standin.gateway.objects import CONDITIONS, store_blob
from local_stack.lakefs.standin.gateway.xml import Element, parse, render

PART_NUMBER = re.compile(r"^[0-9]{1,5}$")
LAST_PART_NUMBER = 10_000
SMALLEST_PART_BYTES = 5 * 1024 * 1024  # of every part but the last


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part: its bytes, and their entity tag without quotes."""

    content: bytes = field(repr=False)
    etag: str


@dataclass(frozen=True, kw_only=True)
class Upload:
    """What was said when a multipart upload began, and the parts that came since, by number."""

    bucket: str
    key: str
    content_type: str | None
    metadata: Mapping[str, str]
    parts: dict[int, Part] = field(default_factory=dict)


class Uploads:
    """The multipart uploads that are under way."""

    def __init__(self) -> None:
        self._uploads: dict[str, Upload] = {}

    def begin(self, call: S3Call) -> Response:
        """CreateMultipartUpload."""
        call.writable_branch()
        upload_id = secrets.token_hex(32)
        self._uploads[upload_id] = Upload(
            bucket=call.place.bucket,
            key=call.place.key,
            content_type=call.headers.get("content-type"),
            metadata=call.metadata(),
        )
        fields: list[Element] = [("Bucket", call.place.bucket), ("Key", call.place.key), ("UploadId", upload_id)]
        return xml_answer(render("InitiateMultipartUploadResult", fields))

    def put_part(self, call: S3Call) -> Response:
        """UploadPart."""
        if "x-amz-copy-source" in call.headers:
            raise not_known("a part that is a copy")
        upload, number = self._find(call), _part_number(call.query.get("partNumber", ""))
        etag = hashlib.md5(call.body, usedforsecurity=False).hexdigest()
        upload.parts[number] = Part(content=call.body, etag=etag)
        return empty_answer(headers={"ETag": f'"{etag}"'})

    def list_parts(self, _call: S3Call) -> Response:
        """ListParts, which a lakeFS server with a local block store cannot answer."""
        raise S3Error("InternalError")

    def complete(self, call: S3Call) -> Response:
        """CompleteMultipartUpload: the parts become one object."""
        refused = CONDITIONS & call.headers.keys()
        if refused:
            raise not_known(f"the end of an upload with {', '.join(sorted(refused))}")
        upload, branch = self._find(call), call.writable_branch()
        parts = _named_parts(upload, call.body)
        blob = call.store.blobs.put(call.repository.storage_namespace, b"".join(part.content for part in parts))
        digests = b"".join(bytes.fromhex(part.etag) for part in parts)
        # The object's tag lacks the number of parts, which the answer has.
        checksum = hashlib.md5(digests, usedforsecurity=False).hexdigest()
        store_blob(
            call,
            branch,
            replace(blob, checksum=checksum),
            content_type=upload.content_type,
            metadata=upload.metadata,
        )
        self._uploads.pop(call.query["uploadId"], None)
        fields: list[Element] = [
            ("Location", f"http://{call.headers.get('host', '')}/{call.place.bucket}/{call.place.key}"),
            ("Bucket", call.place.bucket),
            ("Key", call.place.key),
            ("ETag", f'"{checksum}-{len(parts)}"'),
        ]
        return xml_answer(render("CompleteMultipartUploadResult", fields))

    def abort(self, call: S3Call) -> Response:
        """AbortMultipartUpload."""
        try:
            self._find(call)
        except S3Error as error:
            raise S3Error("NoSuchKey") from error
        self._uploads.pop(call.query["uploadId"], None)
        return empty_answer(204)

    def _find(self, call: S3Call) -> Upload:
        upload = self._uploads.get(call.query["uploadId"])
        if upload is None or (upload.bucket, upload.key) != (call.place.bucket, call.place.key):
            raise S3Error("InternalError")
        return upload


def _part_number(text: str) -> int:
    if not PART_NUMBER.match(text) or not 1 <= int(text) <= LAST_PART_NUMBER:
        raise S3Error("InvalidArgument", f"Part number must be from 1 to {LAST_PART_NUMBER}, not '{text}'.")
    return int(text)


def _named_parts(upload: Upload, body: bytes) -> list[Part]:
    """The parts that the request lists, in their order. Raises S3Error where they are not what was uploaded."""
    root = parse(body)
    if root is None or root.tag != "CompleteMultipartUpload":
        raise S3Error("BadRequest")
    named = [(element.findtext("PartNumber", ""), element.findtext("ETag", "")) for element in root.iter("Part")]
    if not named:
        raise S3Error("InternalError")
    numbers = [_part_number(number.strip()) for number, _ in named]
    if any(number >= following for number, following in itertools.pairwise(numbers)):
        raise S3Error("InvalidPartOrder", "The list of parts is not in ascending order of part numbers.")
    parts = [upload.parts.get(number) for number in numbers]
    tags = [etag.strip().strip('"') for _, etag in named]
    found = [part for part, etag in zip(parts, tags, strict=True) if part is not None and part.etag == etag]
    if len(found) < len(named):
        raise S3Error("InvalidPart", "A part that the list names was not uploaded, or has another entity tag.")
    if any(len(part.content) < SMALLEST_PART_BYTES for part in found[:-1]):
        raise S3Error("EntityTooSmall", "Every part but the last must have 5 MiB or more.")
    return found
