"""Checks of AWS Signature Version 4, in the header or in a presigned URL.

The algorithm is AWS's, as documented under "Authenticating Requests (AWS Signature Version 4)" in the S3 API reference;
the refusals are a lakeFS server's (fixtures/lakefs_server_recorded.json).
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

from local_stack.lakefs.standin.gateway.errors import S3Error
from local_stack.lakefs.standin.versions.store import AccessKey

ALGORITHM = "AWS4-HMAC-SHA256"
FIELD = re.compile(r"(\w+)=([^,\s]+)")
# day/region/service/aws4_request, the day of the request's own time.
SCOPE = re.compile(r"^(?P<day>\d{8})/[^/]+/s3/aws4_request$")
ALLOWED_SKEW_SECONDS = 15 * 60
LONGEST_PRESIGNED_SECONDS = 7 * 24 * 60 * 60
EMPTY_DIGEST = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, kw_only=True)
class SignedRequest:
    """The parts of a request that a signature covers. `path` is decoded, `query` as it was sent."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A request's own signature, which the signatures of its chunks continue."""

    key_id: str
    key: bytes = field(repr=False)
    time: str
    scope: str
    value: str

    def of_chunk(self, previous: str, chunk: bytes) -> str:
        """What the signature of a chunk has to be, after the one before it."""
        return self._sign(f"{ALGORITHM}-PAYLOAD", previous, EMPTY_DIGEST, hashlib.sha256(chunk).hexdigest())

    def of_trailer(self, previous: str, trailer: bytes) -> str:
        """What the signature of the trailing headers has to be, after the one of the last chunk."""
        return self._sign(f"{ALGORITHM}-TRAILER", previous, hashlib.sha256(trailer).hexdigest())

    def _sign(self, algorithm: str, *parts: str) -> str:
        return _digest(self.key, "\n".join((algorithm, self.time, self.scope, *parts))).hex()


@dataclass(frozen=True, kw_only=True)
class _Claim:
    credential: str
    signed_headers: str
    signature: str
    time: str
    payload: str
    valid_seconds: int


def check_signature(request: SignedRequest, find_key: Callable[[str], AccessKey | None]) -> Signature | None:
    """The request's signature, None where it has none at all. Raises S3Error where it is not by a known key pair.

    Parameters: the request, and what gives the key pair of an id.
    """
    claim = _claim(request)
    if claim is None:
        return None
    key_id, _, scope = claim.credential.partition("/")
    access_key = find_key(key_id)
    if access_key is None:
        raise S3Error("AccessDenied")
    _check_time(claim)
    match = SCOPE.match(scope)
    key = signing_key(access_key.secret, scope)
    value = _signature(request, claim, scope, key)
    complete = match is not None and claim.time.startswith(match["day"]) and _covers_host(claim)
    if not complete or not same_text(value, claim.signature):
        raise S3Error("SignatureDoesNotMatch")
    return Signature(key_id=key_id, key=key, time=claim.time, scope=scope, value=value)


def same_text(expected: str, given: str) -> bool:
    """Whether two texts are equal, in a time that tells nothing; `given` may hold any character."""
    return hmac.compare_digest(expected.encode(), given.encode())


def _claim(request: SignedRequest) -> _Claim | None:
    header = request.headers.get("authorization", "")
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    try:
        if header.startswith(ALGORITHM):
            return _claim_of_header(dict(FIELD.findall(header)), request.headers)
        if "X-Amz-Algorithm" in query or "X-Amz-Signature" in query:
            return _claim_of_url(query)
    except KeyError as error:
        raise S3Error("MissingFields") from error
    if header.startswith("AWS "):
        raise S3Error("AccessDenied", "The stand-in knows version 4 of AWS's signatures only, and this is version 2.")
    return None


def _claim_of_header(fields: Mapping[str, str], headers: Mapping[str, str]) -> _Claim:
    return _Claim(
        credential=fields["Credential"],
        signed_headers=fields["SignedHeaders"],
        signature=fields["Signature"],
        time=headers["x-amz-date"],
        payload=headers["x-amz-content-sha256"],
        valid_seconds=ALLOWED_SKEW_SECONDS,
    )


def _claim_of_url(query: Mapping[str, str]) -> _Claim:
    valid = query["X-Amz-Expires"]
    known = query["X-Amz-Algorithm"] == ALGORITHM and valid.isascii() and valid.isdecimal() and len(valid) < 10
    if not known or int(valid) > LONGEST_PRESIGNED_SECONDS:
        raise S3Error("AccessDenied", f"The URL has to be signed with {ALGORITHM}, for seven days or less.")
    return _Claim(
        credential=query["X-Amz-Credential"],
        signed_headers=query["X-Amz-SignedHeaders"],
        signature=query["X-Amz-Signature"],
        time=query["X-Amz-Date"],
        payload="UNSIGNED-PAYLOAD",
        valid_seconds=int(valid),
    )


def _check_time(claim: _Claim) -> None:
    try:
        signed = datetime.strptime(claim.time, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise S3Error("AccessDenied", "The request's date cannot be read.") from error
    age = (datetime.now(UTC) - signed).total_seconds()
    if not -ALLOWED_SKEW_SECONDS <= age <= claim.valid_seconds:
        raise S3Error("RequestTimeTooSkewed", "The request's date is too far from the server's time.")


def _covers_host(claim: _Claim) -> bool:
    return "host" in claim.signed_headers.split(";")


def _signature(request: SignedRequest, claim: _Claim, scope: str, key: bytes) -> str:
    names = claim.signed_headers.split(";")
    canonical = "\n".join(
        (
            request.method,
            quote(request.path, safe="/-_.~"),
            _canonical_query(request.query),
            *(f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in names),
            "",
            claim.signed_headers,
            claim.payload,
        )
    )
    text = "\n".join((ALGORITHM, claim.time, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    return _digest(key, text).hex()


def signing_key(secret: str, scope: str) -> bytes:
    """The key that signs requests of this scope."""
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = _digest(key, part)
    return key


def _digest(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _canonical_query(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    encoded = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded if name != "X-Amz-Signature")
