"""Request bodies of the S3 gateway: the aws-chunked encoding taken off, and digests compared."""

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping

from local_stack.lakefs_standin.s3_errors import S3Error

STREAMING = "STREAMING-"


def decoded_body(headers: Mapping[str, str], body: bytes) -> bytes:
    """The content that a request carries. Raises S3Error where it is cut short or its digest differs."""
    payload = headers.get("x-amz-content-sha256", "")
    trailers: dict[str, str] = {}
    if payload.startswith(STREAMING):
        body, trailers = _unchunked(body)
        length = headers.get("x-amz-decoded-content-length")
        if length is not None and int(length) != len(body):
            raise S3Error("IncompleteBody", f"The body has {len(body)} bytes, not the {length} that were announced.")
    elif len(payload) == 64 and payload != hashlib.sha256(body).hexdigest():
        raise S3Error("BadDigest", "The body does not have the SHA-256 digest in x-amz-content-sha256.")
    _check_digests({**headers, **trailers}, body)
    return body


def _unchunked(body: bytes) -> tuple[bytes, dict[str, str]]:
    """Join the chunks; the signatures of single chunks are not checked, the request's own is."""
    content = bytearray()
    position = 0
    while True:
        end = body.find(b"\r\n", position)
        try:
            size = int(body[position:end].partition(b";")[0], 16)
        except ValueError as error:
            raise S3Error("IncompleteBody", "The aws-chunked body cannot be read.") from error
        position = end + 2
        if size == 0:
            return bytes(content), _trailers(body[position:])
        content += body[position : position + size]
        position += size + 2


def _trailers(rest: bytes) -> dict[str, str]:
    lines = (line.partition(b":") for line in rest.split(b"\r\n") if b":" in line)
    return {name.decode().strip().lower(): value.decode().strip() for name, _, value in lines}


def _check_digests(headers: Mapping[str, str], body: bytes) -> None:
    """Compare the digests that the standard library can compute; others are taken on trust."""
    digests: dict[str, Callable[[], bytes]] = {
        "content-md5": lambda: hashlib.md5(body, usedforsecurity=False).digest(),
        "x-amz-checksum-crc32": lambda: zlib.crc32(body).to_bytes(4),
        "x-amz-checksum-sha1": lambda: hashlib.sha1(body, usedforsecurity=False).digest(),
        "x-amz-checksum-sha256": lambda: hashlib.sha256(body).digest(),
    }
    for name, digest in digests.items():
        if name in headers and headers[name] != base64.b64encode(digest()).decode():
            raise S3Error("BadDigest", f"The body does not have the digest in {name}.")
