"""Where the bytes of objects live: moto's S3 backend, used in this process without HTTP."""

import uuid
from dataclasses import dataclass

from moto.s3.models import S3Backend, s3_backends

ACCOUNT = "123456789012"
REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class Blob:
    """Stored bytes: their address, their entity tag without quotes and their size in bytes."""

    address: str
    checksum: str
    size: int


class BlobStore:
    """One bucket of its own, so that several servers in one process stay apart."""

    def __init__(self) -> None:
        self._backend: S3Backend = s3_backends[ACCOUNT]["aws"]
        self._bucket = f"lakefs-{uuid.uuid4().hex}"
        self._backend.create_bucket(self._bucket, REGION)

    def put(self, folder: str, content: bytes) -> Blob:
        """Keep these bytes under a new address in the folder."""
        return self._blob(
            self._backend.put_object(self._bucket, _new_address(folder), content, disable_notification=True)
        )

    def read(self, address: str, start: int = 0, length: int | None = None) -> bytes:
        """The bytes at the address, or a part of them. Raises KeyError where there are none."""
        key = self._backend.get_object(self._bucket, address)
        if key is None:
            raise KeyError(address)
        content: bytes = key.value
        if start == 0 and length is None:
            return content
        return content[start : len(content) if length is None else start + length]

    def holds(self, address: str) -> bool:
        """Whether there are bytes at the address."""
        return self._backend.get_object(self._bucket, address) is not None

    def remove(self, address: str) -> None:
        """Forget the bytes at the address."""
        self._backend.delete_object(self._bucket, address)

    def close(self) -> None:
        """Free everything; a second call does nothing."""
        bucket = self._backend.buckets.pop(self._bucket, None)
        if bucket is not None:
            s3_backends.bucket_accounts.pop(self._bucket, None)

    def _blob(self, key: object) -> Blob:
        name, etag, size = (getattr(key, attribute) for attribute in ("name", "etag", "contentsize"))
        return Blob(address=str(name), checksum=_bare(etag), size=int(size))


def _new_address(folder: str) -> str:
    """As a lakeFS server divides what it stores."""
    return f"{folder}/data/{uuid.uuid4().hex[:20]}/{uuid.uuid4().hex[:20]}"


def _bare(etag: str) -> str:
    return etag.strip('"')
