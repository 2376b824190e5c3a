"""Multipart uploads of the S3 gateway."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from starlette.responses import Response

from local_stack.lakefs_standin.blobs import UploadError
from local_stack.lakefs_standin.s3_call import S3Call, xml_answer
from local_stack.lakefs_standin.s3_errors import S3Error
from local_stack.lakefs_standin.s3_listing import instant
from local_stack.lakefs_standin.s3_objects import copy_source, store_blob
from local_stack.lakefs_standin.s3_xml import Element, parse, render

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")
COPY_RANGE = re.compile(r"^bytes=(\d+)-(\d+)$")


@dataclass(frozen=True, kw_only=True)
class Upload:
    """What was said when a multipart upload began."""

    bucket: str
    key: str
    content_type: str | None
    metadata: Mapping[str, str]


class Uploads:
    """The multipart uploads that are under way."""

    def __init__(self) -> None:
        self._uploads: dict[str, Upload] = {}

    def begin(self, call: S3Call) -> Response:
        """CreateMultipartUpload."""
        call.writable_branch()
        upload_id = call.store.blobs.begin_upload(call.bucket)
        self._uploads[upload_id] = Upload(
            bucket=call.bucket,
            key=f"{call.ref}/{call.path}",
            content_type=call.headers.get("content-type"),
            metadata=call.metadata(),
        )
        fields: list[Element] = [("Bucket", call.bucket), ("Key", call.key), ("UploadId", upload_id)]
        return xml_answer(render("InitiateMultipartUploadResult", fields))

    def put_part(self, call: S3Call) -> Response:
        """UploadPart, and UploadPartCopy where a copy source is named."""
        self._find(call)
        number = call.query.get("partNumber", "")
        if not number.isdecimal() or not 1 <= int(number) <= 10_000:
            raise S3Error("InvalidArgument", f"Part number '{number}' is not between 1 and 10000.")
        is_copy = "x-amz-copy-source" in call.headers
        content = _copied_bytes(call) if is_copy else call.body
        etag = _guarded(call.store.blobs.put_part, call.query["uploadId"], int(number), content)
        if is_copy:
            return xml_answer(render("CopyPartResult", [("ETag", f'"{etag}"'), ("LastModified", instant(time.time()))]))
        return Response(status_code=200, headers={"ETag": f'"{etag}"'})

    def list_parts(self, call: S3Call) -> Response:
        """ListParts, all of them in one page."""
        self._find(call)
        parts: list[Element] = [
            ("Part", [("PartNumber", number), ("ETag", f'"{etag}"'), ("Size", size)])
            for number, etag, size in _guarded(call.store.blobs.list_parts, call.query["uploadId"])
        ]
        head: list[Element] = [
            ("Bucket", call.bucket),
            ("Key", call.key),
            ("UploadId", call.query["uploadId"]),
            ("IsTruncated", False),
        ]
        return xml_answer(render("ListPartsResult", head + parts))

    def complete(self, call: S3Call) -> Response:
        """CompleteMultipartUpload: the parts become one object."""
        upload, branch = self._find(call), call.writable_branch()
        parts = [
            (int(part.findtext("PartNumber", "0")), part.findtext("ETag", "").strip('"'))
            for part in parse(call.body).iter("Part")
        ]
        blob = _guarded(call.store.blobs.complete_upload, call.query["uploadId"], parts)
        self._uploads.pop(call.query["uploadId"], None)
        entry = store_blob(call, branch, call.path, blob, content_type=upload.content_type, metadata=upload.metadata)
        fields: list[Element] = [("Bucket", call.bucket), ("Key", call.key), ("ETag", f'"{entry.checksum}"')]
        return xml_answer(render("CompleteMultipartUploadResult", fields))

    def abort(self, call: S3Call) -> Response:
        """AbortMultipartUpload."""
        self._find(call)
        _guarded(call.store.blobs.abort_upload, call.query["uploadId"])
        self._uploads.pop(call.query["uploadId"], None)
        return Response(status_code=204)

    def list_uploads(self, call: S3Call) -> Response:
        """ListMultipartUploads, all of them in one page."""
        uploads: list[Element] = [
            ("Upload", [("Key", upload.key), ("UploadId", upload_id)])
            for upload_id, upload in self._uploads.items()
            if upload.bucket == call.repository.name and upload.key.startswith(call.query.get("prefix", ""))
        ]
        head: list[Element] = [("Bucket", call.bucket), ("IsTruncated", False)]
        return xml_answer(render("ListMultipartUploadsResult", head + uploads))

    def _find(self, call: S3Call) -> Upload:
        upload = self._uploads.get(call.query["uploadId"])
        if upload is None or (upload.bucket, upload.key) != (call.bucket, call.key):
            raise S3Error("NoSuchUpload", "There is no such multipart upload of this key.")
        return upload


def _guarded(method: Callable[Parameters, Answer], *arguments: Parameters.args, **options: Parameters.kwargs) -> Answer:
    """Call the blob store, its refusals as those of the gateway."""
    try:
        return method(*arguments, **options)
    except UploadError as error:
        raise S3Error(error.code, error.message) from error


def _copied_bytes(call: S3Call) -> bytes:
    source = copy_source(call)
    match = COPY_RANGE.match(call.headers.get("x-amz-copy-source-range", ""))
    if match is None:
        return call.store.read_object(source)
    start, last = int(match[1]), int(match[2])
    return call.store.read_object(source, start, last - start + 1)
