"""Sending a recorded request as it was sent: nothing is added to it or corrected on the way."""

import base64
import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from lakefs_recorded_answers import Answer

from local_stack.lakefs.server import LakeFS

API = "/api/v1/"
REGION = "us-east-1"
FORM_BODY = "form field content: "
BOUNDARY = "recorded-form"
UNSIGNED = "(none)"
PRESIGNED = "(presigned)"
PRESIGNED_WRONG = "(presigned with another secret)"
OTHER_SECRET = "(signed with another secret)"
OTHER_KEY = "(signed with another key)"


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A request with nothing left to fill in. `authorization` is empty for the usual one of its API."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    authorization: str = ""


def send(server: LakeFS, request: Sent) -> Answer:
    """The server's answer."""
    is_api = request.target.startswith(API)
    base = server.endpoint_url if is_api else server.s3_endpoint_url
    body, content_type = _encoded_body(request.body, is_api=is_api)
    headers = {**({"Content-Type": content_type} if content_type else {}), **request.headers}
    target = request.target
    if is_api:
        headers |= _basic(server, request.authorization)
    elif request.authorization in (PRESIGNED, PRESIGNED_WRONG):
        target = _presigned(server, request, base)
    elif not request.authorization or request.authorization in (OTHER_SECRET, OTHER_KEY):
        headers = _signed(server, request, base, headers, body)
    elif request.authorization != UNSIGNED:
        headers["Authorization"] = request.authorization
    return _exchange(base, request.method, target, headers, body)


def _exchange(base: str, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
    address = urlsplit(base)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.netloc, timeout=60)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body or method in ("POST", "PUT"):
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        return Answer(
            status=answer.status, headers={key.lower(): value for key, value in answer.getheaders()}, body=text
        )
    finally:
        connection.close()


def _encoded_body(text: str, *, is_api: bool) -> tuple[bytes, str]:
    """The body and its type: a form's part, JSON where it can only be that, else bytes of no type."""
    if text.startswith(FORM_BODY):
        head = 'Content-Disposition: form-data; name="content"; filename="content"'
        part = f"{head}\r\nContent-Type: application/octet-stream\r\n\r\n{text.removeprefix(FORM_BODY)}"
        content = f"--{BOUNDARY}\r\n{part}\r\n--{BOUNDARY}--\r\n"
        return content.encode(), f"multipart/form-data; boundary={BOUNDARY}"
    return text.encode(), "application/json" if text and is_api else ""


def _basic(server: LakeFS, authorization: str) -> dict[str, str]:
    if authorization == UNSIGNED:
        return {}
    pair = base64.b64encode(f"{server.access_key_id}:{server.secret_access_key}".encode()).decode()
    return {"Authorization": authorization or f"Basic {pair}"}


def _credentials(server: LakeFS, authorization: str) -> Credentials:
    key = "AKIAOTHEROTHEROTHERO" if authorization == OTHER_KEY else server.access_key_id
    wrong = authorization in (OTHER_SECRET, OTHER_KEY, PRESIGNED_WRONG)
    return Credentials(key, "another secret" if wrong else server.secret_access_key)


class _PayloadAuth(S3SigV4Auth):
    """Signs the payload hash that the request names, where it names one."""

    def payload(self, request: AWSRequest) -> str:
        named: str | None = request.headers.get("x-amz-content-sha256")
        return named or str(super().payload(request))

    def _modify_request_before_signing(self, request: AWSRequest) -> None:
        payload = self.payload(request)
        super()._modify_request_before_signing(request)
        del request.headers["X-Amz-Content-SHA256"]
        request.headers["X-Amz-Content-SHA256"] = payload


def _signed(server: LakeFS, request: Sent, base: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    unsigned = AWSRequest(method=request.method, url=base + request.target, headers=dict(headers), data=body)
    _PayloadAuth(_credentials(server, request.authorization), "s3", REGION).add_auth(unsigned)
    return dict(unsigned.headers.items())


def _presigned(server: LakeFS, request: Sent, base: str) -> str:
    unsigned = AWSRequest(method=request.method, url=base + request.target)
    S3SigV4QueryAuth(_credentials(server, request.authorization), "s3", REGION, expires=3600).add_auth(unsigned)
    return unsigned.url.removeprefix(base)
