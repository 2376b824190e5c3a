"""Request bodies of the S3 gateway: the aws-chunked encoding taken off, signatures and digests compared.

The encoding is AWS's ("Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks",
S3 API reference). A lakeFS server answers a payload or a trailer that is not what was announced with InternalError, and
ignores `Content-MD5` and checksums in headers (fixtures/lakefs_server_recorded.json).
"""

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Mapping

from local_stack.lakefs.standin.gateway.errors import S3Error, not_known
from local_stack.lakefs.standin.gateway.signature import Signature, same_text

UNSIGNED = "UNSIGNED-PAYLOAD"
# The ways to send chunks: whether the chunks are signed, and whether headers follow them.
STREAMING = {
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER": (False, True),
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": (True, False),
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": (True, True),
}
DIGEST = re.compile(r"^[0-9a-f]{64}$")
CHUNK = re.compile(rb"^([0-9a-fA-F]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?$")
CHECKSUMS: dict[str, Callable[[bytes], bytes]] = {
    "x-amz-checksum-crc32": lambda body: zlib.crc32(body).to_bytes(4),
    "x-amz-checksum-sha1": lambda body: hashlib.sha1(body, usedforsecurity=False).digest(),
    "x-amz-checksum-sha256": lambda body: hashlib.sha256(body).digest(),
}


def decoded_body(headers: Mapping[str, str], body: bytes, signature: Signature) -> bytes:
    """The content that a request carries. Raises S3Error where it is cut short or is not what was announced."""
    payload = headers.get("x-amz-content-sha256", UNSIGNED)
    if payload in STREAMING:
        return _Chunks(body, signature).content(headers, *STREAMING[payload])
    if payload != UNSIGNED and not DIGEST.match(payload):
        raise not_known(f"x-amz-content-sha256: {payload}")
    if payload not in (UNSIGNED, hashlib.sha256(body).hexdigest()):
        raise S3Error("InternalError")
    return body


class _Chunks:
    """A body in chunks, read from its beginning. Parameters: the body, and the signature of the request."""

    def __init__(self, body: bytes, signature: Signature) -> None:
        self._rest = memoryview(body)
        self._signature = signature
        self._previous = signature.value

    def content(self, headers: Mapping[str, str], signed: bool, trailing: bool) -> bytes:
        """The chunks joined."""
        content = bytearray()
        while chunk := self._chunk(signed=signed):
            content += chunk
        body = bytes(content)
        if headers.get("x-amz-decoded-content-length") != str(len(body)):
            raise S3Error("IncompleteBody", "The body has not the length in x-amz-decoded-content-length.")
        if trailing:
            self._check_trailer(headers.get("x-amz-trailer", ""), body, signed=signed)
        return body

    def _chunk(self, *, signed: bool) -> bytes:
        match = CHUNK.match(self._line())
        if match is None or (match[2] is not None) != signed:
            raise S3Error("IncompleteBody", "The aws-chunked body cannot be read.")
        size = int(match[1], 16)
        chunk, end = bytes(self._rest[:size]), bytes(self._rest[size : size + 2])
        if size:  # the last chunk, of no size, is followed by the trailer at once
            self._rest = self._rest[size + 2 :]
            if len(chunk) < size or end != b"\r\n":
                raise S3Error("IncompleteBody", "The aws-chunked body ends within a chunk.")
        if signed:
            self._check(self._signature.of_chunk(self._previous, chunk), match[2].decode())
        return chunk

    def _check(self, expected: str, given: str) -> None:
        if not same_text(expected, given):
            raise S3Error("SignatureDoesNotMatch")
        self._previous = expected

    def _line(self) -> bytes:
        line, separator, _ = bytes(self._rest[:1024]).partition(b"\r\n")
        self._rest = self._rest[len(line) + len(separator) :]
        return line

    def _check_trailer(self, names: str, body: bytes, *, signed: bool) -> None:
        announced = [name.strip().lower() for name in names.split(",") if name.strip()]
        unknown = sorted(set(announced) - CHECKSUMS.keys())
        if unknown:
            raise not_known(f"the trailer {', '.join(unknown)}")
        lines = [self._line() for _ in announced]
        for name, line in zip(announced, lines, strict=True):
            given, _, value = line.partition(b":")
            checksum = base64.b64encode(CHECKSUMS[name](body))
            if given.strip().lower() != name.encode() or value.strip() != checksum:
                raise S3Error("InternalError")
        if signed:
            given = self._line().removeprefix(b"x-amz-trailer-signature:")
            text = b"".join(line + b"\n" for line in lines)
            self._check(self._signature.of_trailer(self._previous, text), given.decode("latin-1"))
