"""No request, however odd, makes the stand-in's S3 gateway itself fail, and what it does not know it refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from gateway_requests import Answered, Asked, GatewayAlone
from hypothesis import given, settings
from hypothesis import strategies as st

PART = b"x" * 5 * 1024 * 1024  # the least that S3 takes for a part that is not the last
DIGITS = "9" * 5000  # more than Python reads as a number


@pytest.fixture
def gateway() -> Iterator[GatewayAlone]:
    """A gateway of its own."""
    made = GatewayAlone()
    yield made
    made.blobs.close()


def assert_sound(asked: Asked, answered: Answered) -> None:
    """The gateway itself did not fail, and the answer can be sent."""
    assert b"stand-in itself failed" not in answered.body, asked
    assert answered.status in {200, 204, 206, 400, 403, 404, 405, 409, 412, 416, 500, 501}, asked
    assert not re.search(r"[\x00-\x1f\x7f]", "".join(answered.headers.values())), asked
    if answered.status >= 400 and answered.body:
        assert answered.code, asked
    if asked.method == "HEAD":
        assert answered.body == b"", asked
    elif answered.status != 204:
        assert answered.headers["content-length"] == str(len(answered.body)), asked


def objects(gateway: GatewayAlone) -> list[str]:
    return list(gateway.repository.branch("main").tree.paths())


# Requests that are signed rightly, and odd in everything else.
REFS = ["main", "none", "", "main~", f"main~{DIGITS}", "main~999999999", "main^0^9", "main@", "a~~^@$", "0" * 64, "ü"]
PATHS = ["", "/", "/a", "//a", "/ü %2F+&=#?", "/t/", "/\x01\n", "/" + "p" * 1500, "/<&'\">\ufffe\U0001f600"]
BUCKETS = ["repo", "repo", "repo", "repo", "", "no-such-repo", "Bad_Name", "..", "r"]
NUMBERS = ["0", "1", "-1", "+1", "x", "", "1.5", "\uff11\uff12", DIGITS, "10001", str(2**63)]
QUERIES = {
    "list-type": ["2", "1", "x", ""],
    "max-keys": NUMBERS,
    "partNumber": NUMBERS,
    "prefix": ["", "main", "main/", "none/", "/", "main~x/", f"main~{DIGITS}/", "main/\x00", "main/ü"],
    "delimiter": ["", "/", "a", "//"],
    "marker": ["", "main/", "main/a", "zzz", "/"],
    "start-after": ["", "main/", "zzz"],
    "continuation-token": ["", "main/a", "nonsense", "\x00"],
    "encoding-type": ["url", "x"],
    "uploads": [""],
    "uploadId": ["", "none", DIGITS],
    "delete": [""],
    "acl": [""],
    "versionId": ["x"],
    "location": [""],
    "versioning": [""],
    "x-id": ["GetObject"],
    "unknown": ["%", "&", "="],
}
HEADERS = {
    "range": [
        "bytes=0-",
        "bytes=-0",
        f"bytes={DIGITS}-",
        "bytes=5-2",
        "bytes=a-b",
        "bytes=0-1,3-4",
        "x",
        "bytes=-",
        "é",
    ],
    "if-none-match": ["*", "x", '"x"', ""],
    "if-match": ["*", ""],
    "content-type": ["text/é\U0001f600", "a\tb", ""],
    "content-md5": ["AAAA", "%%%", ""],
    "x-amz-copy-source": [
        "",
        "nonsense",
        "/",
        "repo/main/a",
        "/repo/main%2Fa",
        "%ff%fe/main/a",
        "repo//",
        "none/main/a",
    ],
    "x-amz-copy-source-range": ["bytes=0-1", "x"],
    "x-amz-metadata-directive": ["REPLACE", "COPY", "x"],
    "x-amz-meta-k": ["v", "ü", ""],
    "x-amz-checksum-crc32": ["AAAA", "é"],
    "x-amz-content-sha256": [
        "UNSIGNED-PAYLOAD",
        "x",
        "0" * 64,
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
    ],
    "x-amz-decoded-content-length": [*NUMBERS, "5"],
    "x-amz-trailer": ["x-amz-checksum-crc32", "x-amz-checksum-crc64nvme", "é", ",", ""],
}
BODIES = [
    b"",
    b"not xml",
    b"<Delete/>",
    b"<Delete><Object/></Delete>",
    b"<Delete><Quiet/><Object><Key>main/a</Key></Object></Delete>",
    b"<Other><Object><Key>main/a</Key></Object></Other>",
    b'<?xml version="1.0" encoding="none-such"?><Delete/>',
    b'<?xml version="1.0" encoding="utf-16"?><Delete/>',
    b'<!DOCTYPE d [<!ENTITY a "a">]><Delete><Object><Key>main/&a;</Key></Object></Delete>',
    b"<Delete>\x00</Delete>",
    b"<CompleteMultipartUpload/>",
    b"<CompleteMultipartUpload><Part/></CompleteMultipartUpload>",
    b"<CompleteMultipartUpload><Part><PartNumber>x</PartNumber></Part></CompleteMultipartUpload>",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n",
    b"-5\r\nhello\r\n0\r\n\r\n",
    b"ffffffff\r\nhello",
    b"fffffffffffffffffffff\r\nhello",
    b"5;chunk-signature=" + b"0" * 64 + b"\r\nhello\r\n0;chunk-signature=" + b"0" * 64 + b"\r\n\r\n",
    b"\xff\xfe",
]


def some_of(choices: dict[str, list[str]], most: int) -> st.SearchStrategy[dict[str, str]]:
    """A few of the names, each with one of its values."""
    one = st.sampled_from(sorted(choices)).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from(choices[name]))
    )
    return st.lists(one, max_size=most).map(dict)


def encoded(query: dict[str, str]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())


ODD = st.builds(
    Asked,
    method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"]),
    path=st.builds(
        "/{}/{}{}".format, st.sampled_from(BUCKETS), st.sampled_from(REFS) | st.text(max_size=5), st.sampled_from(PATHS)
    )
    | st.sampled_from(["/", "//", "/repo", "/repo/", "/no-such-repo", "/Bad_Name", "/repo/main"]),
    query=some_of(QUERIES, 4).map(encoded),
    headers=some_of(HEADERS, 4),
    body=st.sampled_from(BODIES) | st.binary(max_size=20),
)


@settings(max_examples=400, deadline=None)
@given(asked=st.lists(ODD, min_size=1, max_size=3))
def test_no_odd_request_makes_the_gateway_itself_fail(asked: list[Asked]) -> None:
    gateway = GatewayAlone()
    for each in asked:
        assert_sound(each, gateway.ask(each))
    gateway.blobs.close()


CLAIMS = ["AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=é, SignedHeaders=é, Signature=é", "Bearer x", "AWS k:s", "é"]
SIGNING_QUERIES = {
    "X-Amz-Algorithm": ["AWS4-HMAC-SHA256", "x", ""],
    "X-Amz-Credential": ["AKIAEXAMPLE/20260101/us-east-1/s3/aws4_request", "AKIAEXAMPLE", "AKIAEXAMPLE/é", "x"],
    "X-Amz-SignedHeaders": ["host", "", "é"],
    "X-Amz-Signature": ["0", "é", ""],
    "X-Amz-Date": ["20260101T000000Z", "x", "99999999T999999Z", ""],
    "X-Amz-Expires": [*NUMBERS, "60"],
}


@settings(max_examples=300, deadline=None)
@given(
    asked=st.builds(
        Asked,
        method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE"]),
        query=some_of(SIGNING_QUERIES, 6).map(encoded) | st.text(st.characters(max_codepoint=255), max_size=9),
        headers=some_of(
            {
                "authorization": CLAIMS,
                "x-amz-date": SIGNING_QUERIES["X-Amz-Date"],
                "x-amz-content-sha256": ["UNSIGNED-PAYLOAD", "é"],
            },
            3,
        ),
        body=st.just(b"x"),
        is_signed=st.just(False),
    )
)
def test_no_odd_signature_gets_in_or_makes_the_gateway_fail(asked: Asked) -> None:
    gateway = GatewayAlone()
    answered = gateway.ask(asked)
    assert_sound(asked, answered)
    if answered.status == 200:
        assert answered.headers["content-type"] == "text/html; charset=utf-8"
    assert gateway.ask(Asked()).body == b"0123456789"
    gateway.blobs.close()
