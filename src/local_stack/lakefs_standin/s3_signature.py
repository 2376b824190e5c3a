"""Checks of AWS Signature Version 4, in the header or in a presigned URL.

The algorithm is AWS's, as documented under "Authenticating Requests (AWS Signature Version 4)" in the S3 API reference.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

from local_stack.lakefs_standin.s3_errors import S3Error
from local_stack.lakefs_standin.store import AccessKey

ALGORITHM = "AWS4-HMAC-SHA256"
FIELD = re.compile(r"(\w+)=([^,\s]+)")
ALLOWED_SKEW_SECONDS = 15 * 60


@dataclass(frozen=True, kw_only=True)
class SignedRequest:
    """The parts of a request that a signature covers. `path` is decoded, `query` as it was sent."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class _Claim:
    credential: str
    signed_headers: str
    signature: str
    time: str
    payload: str
    valid_seconds: int


def check_signature(request: SignedRequest, access_key: AccessKey) -> None:
    """Raise S3Error unless the request is signed with the key pair."""
    claim = _claim(request)
    key_id, _, scope = claim.credential.partition("/")
    if key_id != access_key.id:
        raise S3Error("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
    _check_time(claim)
    expected = _signature(request, claim, scope, access_key.secret)
    if not hmac.compare_digest(expected, claim.signature):
        raise S3Error("SignatureDoesNotMatch", "The signature does not match: check the secret access key.")


def _claim(request: SignedRequest) -> _Claim:
    header = request.headers.get("authorization", "")
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    try:
        if header.startswith(ALGORITHM):
            fields = dict(FIELD.findall(header))
            return _Claim(
                credential=fields["Credential"],
                signed_headers=fields["SignedHeaders"],
                signature=fields["Signature"],
                time=request.headers["x-amz-date"],
                payload=request.headers["x-amz-content-sha256"],
                valid_seconds=ALLOWED_SKEW_SECONDS,
            )
        return _Claim(
            credential=query["X-Amz-Credential"],
            signed_headers=query["X-Amz-SignedHeaders"],
            signature=query["X-Amz-Signature"],
            time=query["X-Amz-Date"],
            payload="UNSIGNED-PAYLOAD",
            valid_seconds=int(query["X-Amz-Expires"]),
        )
    except (KeyError, ValueError) as error:
        raise S3Error("AccessDenied", f"The request is not signed with {ALGORITHM}.") from error


def _check_time(claim: _Claim) -> None:
    try:
        signed = datetime.strptime(claim.time, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise S3Error("AccessDenied", "The request's date cannot be read.") from error
    age = (datetime.now(UTC) - signed).total_seconds()
    if not -ALLOWED_SKEW_SECONDS <= age <= claim.valid_seconds:
        raise S3Error("RequestTimeTooSkewed", "The request's date is too far from the server's time.")


def _signature(request: SignedRequest, claim: _Claim, scope: str, secret: str) -> str:
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
    key = f"AWS4{secret}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()


def _canonical_query(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    encoded = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded if name != "X-Amz-Signature")
