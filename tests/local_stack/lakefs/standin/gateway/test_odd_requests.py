"""No request, however odd, makes the stand-in's S3 gateway itself fail, and what it does not know it refuses."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

import pytest
from gateway_requests import Answered, Asked, GatewayAlone, authorization_of
from hypothesis import given, settings
from hypothesis import strategies as st

from local_stack.lakefs.standin.gateway.body import decoded_body
from local_stack.lakefs.standin.gateway.errors import S3Error
from local_stack.lakefs.standin.gateway.signature import Signature, signing_key

PART = b"x" * 5 * 1024 * 1024  # the least that S3 takes for a part that is not the last
DIGITS = "9" * 5000  # more than Python reads as a number


@pytest.fixture
def gateway() -> Iterator[GatewayAlone]:
    """A gateway of its own."""
    made = GatewayAlone()
    yield made
    made.close()


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


# Calls that are right but for one or two odd things, so that what they do is reached.
CALLS = [
    ("GET", "/repo", "list-type=2&prefix=main/"),
    ("GET", "/repo", "prefix=main/"),
    ("POST", "/repo", "delete="),
    ("POST", "/repo/main/m", "uploadId=UPLOAD"),
    ("PUT", "/repo/main/m", "partNumber=1&uploadId=UPLOAD"),
    ("PUT", "/repo/main/b", ""),
    ("GET", "/repo/main/a", ""),
    ("HEAD", "/repo/main/a", ""),
]
ODD_BODIES = st.sampled_from(BODIES) | st.binary(max_size=20)
NEARLY_RIGHT = st.builds(
    lambda call, query, headers, body: Asked(
        method=call[0], path=call[1], query="&".join(filter(None, (call[2], query))), headers=headers, body=body
    ),
    st.sampled_from(CALLS),
    some_of(QUERIES, 1).map(encoded),
    some_of(HEADERS, 2),
    ODD_BODIES,
)
ODD = st.builds(
    Asked,
    method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"]),
    path=st.builds(
        "/{}/{}{}".format, st.sampled_from(BUCKETS), st.sampled_from(REFS) | st.text(max_size=5), st.sampled_from(PATHS)
    )
    | st.sampled_from(["/", "//", "/repo", "/repo/", "/no-such-repo", "/Bad_Name", "/repo/main"]),
    query=some_of(QUERIES, 4).map(encoded),
    headers=some_of(HEADERS, 4),
    body=ODD_BODIES,
)


@settings(max_examples=400, deadline=None)
@given(asked=st.one_of(NEARLY_RIGHT, NEARLY_RIGHT, ODD))
def test_no_odd_request_makes_the_gateway_itself_fail(asked: Asked) -> None:
    gateway = GatewayAlone()
    upload = begin(gateway)
    named = replace(asked, query=asked.query.replace("UPLOAD", upload))
    assert_sound(named, gateway.ask(named))
    gateway.close()


CLAIMS = ["AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=é, SignedHeaders=é, Signature=é", "Bearer x", "AWS k:s", "é"]
SIGNING_QUERIES = {
    "X-Amz-Algorithm": ["AWS4-HMAC-SHA256", "x", ""],
    "X-Amz-Credential": ["AKIAEXAMPLE/20260101/us-east-1/s3/aws4_request", "AKIAEXAMPLE", "AKIAEXAMPLE/é", "x"],
    "X-Amz-SignedHeaders": ["host", "", "é"],
    "X-Amz-Signature": ["0", "é", ""],
    "X-Amz-Date": ["20260101T000000Z", "x", "99999999T999999Z", ""],
    "X-Amz-Expires": [*NUMBERS, "60"],
}


@settings(max_examples=150, deadline=None)
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
    gateway.close()


# The kinds by name, with the neighbours that are fine.


def begin(gateway: GatewayAlone) -> str:
    answered = gateway.ask(Asked(method="POST", path="/repo/main/m", query="uploads="))
    return answered.body.partition(b"<UploadId>")[2].partition(b"<")[0].decode()


def put_part(gateway: GatewayAlone, upload: str, number: str, body: bytes = b"x") -> Answered:
    return gateway.ask(
        Asked(method="PUT", path="/repo/main/m", query=f"partNumber={number}&uploadId={upload}", body=body)
    )


def complete(gateway: GatewayAlone, upload: str, *parts: tuple[str, str], body: bytes | None = None) -> Answered:
    lines = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>" for number, etag in parts)
    document = f"<CompleteMultipartUpload>{lines}</CompleteMultipartUpload>".encode()
    return gateway.ask(
        Asked(
            method="POST",
            path="/repo/main/m",
            query=f"uploadId={upload}",
            body=document if body is None else body,
        )
    )


def etag_of(answered: Answered) -> str:
    return answered.headers["etag"]


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ([("1", '"wrong"')], "InvalidPart"),
        ([("1", "")], "InvalidPart"),
        ([("1", '"d41d8cd98f00b204e9800998ecf8427e"')], "InvalidPart"),
        ([("2", "{etag}")], "InvalidPart"),
        ([("1", "{etag}"), ("1", "{etag}")], "InvalidPartOrder"),
        ([("0", "{etag}")], "InvalidArgument"),
        ([("", "{etag}")], "InvalidArgument"),
        ([("x", "{etag}")], "InvalidArgument"),
        ([(DIGITS, "{etag}")], "InvalidArgument"),
        ([], "InternalError"),
    ],
)
def test_an_upload_ends_only_with_the_parts_that_were_uploaded(
    gateway: GatewayAlone, named: list[tuple[str, str]], code: str
) -> None:
    upload = begin(gateway)
    etag = etag_of(put_part(gateway, upload, "1"))

    refused = complete(gateway, upload, *[(number, tag.format(etag=etag)) for number, tag in named])

    assert (refused.code, objects(gateway)) == (code, ["a"])
    assert complete(gateway, upload, ("1", etag)).status == 200
    assert objects(gateway) == ["a", "m"]


@pytest.mark.parametrize("body", [b"", b"not xml", b"<Other/>", b'<?xml version="1.0" encoding="none-such"?><a/>'])
def test_the_end_of_an_upload_that_cannot_be_read_is_a_400(gateway: GatewayAlone, body: bytes) -> None:
    upload = begin(gateway)

    assert complete(gateway, upload, body=body).status == 400
    assert objects(gateway) == ["a"]


def test_parts_are_joined_in_order_and_tagged_as_s3_does(gateway: GatewayAlone) -> None:
    upload = begin(gateway)
    last, first = put_part(gateway, upload, "7", b"end"), put_part(gateway, upload, "2", PART)

    ended = complete(gateway, upload, ("2", etag_of(first)), ("7", etag_of(last)))

    digest = hashlib.md5(hashlib.md5(PART).digest() + hashlib.md5(b"end").digest()).hexdigest()
    assert f"<ETag>&#34;{digest}-2&#34;</ETag>".encode() in ended.body
    read = gateway.ask(Asked(path="/repo/main/m"))
    assert (read.body, read.headers["etag"]) == (PART + b"end", f'"{digest}"')


def test_a_part_that_is_too_small_is_refused_unless_it_is_the_last(gateway: GatewayAlone) -> None:
    upload = begin(gateway)
    first, last = put_part(gateway, upload, "1", PART[1:]), put_part(gateway, upload, "2")

    assert complete(gateway, upload, ("1", etag_of(first)), ("2", etag_of(last))).code == "EntityTooSmall"


@pytest.mark.parametrize("number", ["0", "10001", "-1", "x", "", "1.0", "%EF%BC%91", DIGITS])
def test_a_part_has_a_number_from_1_to_10000(gateway: GatewayAlone, number: str) -> None:
    upload = begin(gateway)

    assert put_part(gateway, upload, number).status == 400
    assert put_part(gateway, upload, "10000").status == 200


@pytest.mark.parametrize(
    ("query", "listed"),
    [
        (
            "max-keys=0",
            "<KeyCount>0</KeyCount><MaxKeys>0</MaxKeys><NextContinuationToken>main/</NextContinuationToken>",
        ),
        ("max-keys=0&delimiter=/", "<MaxKeys>0</MaxKeys><NextContinuationToken>main/</NextContinuationToken>"),
        ("max-keys=1", "<KeyCount>1</KeyCount><MaxKeys>1</MaxKeys><Contents>"),
        ("max-keys=-1", "<KeyCount>1</KeyCount><MaxKeys>-1</MaxKeys><Contents>"),
        ("max-keys=x", "<KeyCount>1</KeyCount><MaxKeys>1000</MaxKeys><Contents>"),
        ("max-keys=", "<KeyCount>1</KeyCount><MaxKeys>1000</MaxKeys><Contents>"),
        ("max-keys=%EF%BC%91", "<KeyCount>1</KeyCount><MaxKeys>1000</MaxKeys><Contents>"),
        (f"max-keys={DIGITS}", "<KeyCount>1</KeyCount><MaxKeys>1000</MaxKeys><Contents>"),
    ],
)
def test_a_listing_takes_any_number_of_keys(gateway: GatewayAlone, query: str, listed: str) -> None:
    answered = gateway.ask(Asked(path="/repo", query=f"list-type=2&prefix=main/&{query}"))

    assert (answered.status, listed in answered.body.decode()) == (200, True), answered.body


def test_no_keys_of_an_empty_folder_are_all_of_them(gateway: GatewayAlone) -> None:
    answered = gateway.ask(Asked(path="/repo", query="list-type=2&prefix=main/none/&max-keys=0"))

    assert b"<IsTruncated>false</IsTruncated>" in answered.body


@pytest.mark.parametrize("query", ["prefix=main/&max-keys=0", "list-type=2&max-keys=0", "delimiter=a", "list-type=1"])
def test_a_listing_that_was_not_recorded_is_refused_in_words(gateway: GatewayAlone, query: str) -> None:
    answered = gateway.ask(Asked(path="/repo", query=query))

    assert (answered.status, b"not recorded" in answered.body) == (501, True)


@pytest.mark.parametrize("header", [f"bytes={DIGITS}-", f"bytes=0-{DIGITS}", "bytes=0x1-", "bytes=\uff11-", "bytes=-"])
def test_a_range_that_cannot_be_read_is_no_range(gateway: GatewayAlone, header: str) -> None:
    answered = gateway.ask(Asked(headers={"Range": header}))

    assert (answered.status, answered.body) == (200, b"0123456789")


@pytest.mark.parametrize("ref", [f"main~{DIGITS}", "main~999999999", "main~999999999999", f"main^{DIGITS}", "main~2"])
def test_an_ancestor_that_no_branch_has_is_a_404(gateway: GatewayAlone, ref: str) -> None:
    assert gateway.ask(Asked(path=f"/repo/{ref}/a")).code == "NoSuchKey"


CHUNKED = {"Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": "5"}
UNSIGNED_TRAILER = {
    **CHUNKED,
    "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "x-amz-trailer": "x-amz-checksum-crc32",
}
CRC32 = base64.b64encode(zlib.crc32(b"hello").to_bytes(4))
TRAILER = b"x-amz-checksum-crc32:" + CRC32 + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"5\r\nhello\r\n0\r\n" + TRAILER, 200),
        ({}, b"2\r\nhe\r\n3\r\nllo\r\n0\r\n" + TRAILER, 200),
        ({}, b"5\r\nhello\r\n0\r\n" + TRAILER.replace(b":", b": "), 200),
        ({}, b"5\r\nhello\r\n0\r\n" + TRAILER.lower(), 500),
        ({}, b"5\r\nhallo\r\n0\r\n" + TRAILER, 500),
        ({}, b"5\r\nhello\r\n0\r\n\r\n", 500),
        ({}, b"5\r\nhello\r\n0\r\nx-amz-checksum-sha1:" + CRC32 + b"\r\n\r\n", 500),
        ({}, b"5\r\nhello\r\n", 400),
        ({}, b"5\r\nhell", 400),
        ({}, b"-5\r\nhello\r\n0\r\n" + TRAILER, 400),
        ({}, b"hello", 400),
        ({}, b"", 400),
        ({"x-amz-decoded-content-length": "4"}, b"5\r\nhello\r\n0\r\n" + TRAILER, 400),
        ({"x-amz-decoded-content-length": "x"}, b"5\r\nhello\r\n0\r\n" + TRAILER, 400),
        ({"x-amz-trailer": "x-amz-checksum-crc64nvme"}, b"5\r\nhello\r\n0\r\n" + TRAILER, 501),
    ],
)
def test_a_body_in_chunks_is_taken_only_as_announced(
    gateway: GatewayAlone, headers: dict[str, str], body: bytes, status: int
) -> None:
    asked = Asked(method="PUT", path="/repo/main/b", headers={**UNSIGNED_TRAILER, **headers}, body=body)

    assert gateway.ask(asked).status == status
    assert objects(gateway) == (["a", "b"] if status == 200 else ["a"])


@pytest.mark.parametrize("payload", ["x", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "0" * 63])
def test_a_payload_that_nothing_of_ours_announces_is_refused_in_words(gateway: GatewayAlone, payload: str) -> None:
    answered = gateway.ask(Asked(method="PUT", headers={"x-amz-content-sha256": payload}, body=b"b"))

    assert (answered.status, b"not recorded" in answered.body) == (501, True)


# The example of "Transferring Payload in Multiple Chunks", Amazon's S3 API reference.
EXAMPLE = Signature(
    key_id="AKIAEXAMPLE",
    key=signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524/us-east-1/s3/aws4_request"),
    time="20130524T000000Z",
    scope="20130524/us-east-1/s3/aws4_request",
    value="4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
)
EXAMPLE_CHUNKS = [
    (b"a" * 65536, b"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
    (b"a" * 1024, b"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
    (b"", b"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
]


def signed_body(chunks: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(
        f"{len(chunk):x};chunk-signature=".encode() + signature + b"\r\n" + (chunk + b"\r\n")
        for chunk, signature in chunks
    )


def test_the_example_of_signed_chunks_is_taken() -> None:
    headers = {"x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "x-amz-decoded-content-length": "66560"}

    assert decoded_body(headers, signed_body(EXAMPLE_CHUNKS), EXAMPLE) == b"a" * 66560


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_chunk_whose_signature_differs_is_refused(place: int) -> None:
    headers = {"x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "x-amz-decoded-content-length": "66560"}
    chunks = list(EXAMPLE_CHUNKS)
    chunks[place] = (chunks[place][0], b"0" * 64)

    with pytest.raises(S3Error) as error:
        decoded_body(headers, signed_body(chunks), EXAMPLE)
    assert error.value.code == "SignatureDoesNotMatch"
    chunks[place] = (chunks[place][0], "é".encode() * 32)
    with pytest.raises(S3Error):
        decoded_body(headers, signed_body(chunks), EXAMPLE)


def test_a_signature_beyond_ascii_is_refused(gateway: GatewayAlone) -> None:
    asked = Asked(headers={"authorization": re.sub("Signature=.*", "Signature=é", authorization_of(Asked()))})

    assert gateway.ask(asked).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "AWS4-HMAC-SHA256 Credential=cut short"},
        {"authorization": None, "x-amz-date": None},
        {"x-amz-date": None},
        {"x-amz-date": "yesterday"},
        {"x-amz-date": "20200101T000000Z"},
        {"x-amz-content-sha256": None},
        {"host": "another.host"},
    ],
)
def test_a_request_that_is_signed_badly_reads_nothing(gateway: GatewayAlone, headers: dict[str, str | None]) -> None:
    answered = gateway.ask(Asked(headers=headers, is_signed=True))

    assert b"0123456789" not in answered.body
    if "authorization" in headers and headers["authorization"] is None:
        assert answered.headers["content-type"].startswith("text/html")
    else:
        assert answered.status in (400, 403)


def test_a_client_that_goes_away_changes_nothing(gateway: GatewayAlone) -> None:
    gateway.break_off(Asked(method="PUT", path="/repo/main/b", body=b"x"))

    assert objects(gateway) == ["a"]


def test_an_unsigned_post_is_refused(gateway: GatewayAlone) -> None:
    asked = Asked(method="POST", path="/repo", query="delete=", body=b"<Delete/>", is_signed=False)

    assert gateway.ask(asked).status == 501


@pytest.mark.parametrize("query", ["acl=", "versionId=x", "attributes=", "select=", "torrent="])
def test_what_lakefs_does_not_have_is_no_plain_read(gateway: GatewayAlone, query: str) -> None:
    assert gateway.ask(Asked(query=query)).code == "ERRLakeFSNotSupported"
    assert gateway.ask(Asked(query="x-id=GetObject")).body == b"0123456789"


@pytest.mark.parametrize(
    "headers",
    [
        {"if-none-match": "*"},
        {"if-match": "x"},
        {"x-amz-copy-source-if-modified-since": "Thu, 01 Jan 2015 00:00:00 GMT"},
        {"x-amz-copy-source-if-none-match": "*"},
    ],
)
def test_a_copy_with_a_condition_is_refused(gateway: GatewayAlone, headers: dict[str, str]) -> None:
    asked = Asked(method="PUT", path="/repo/main/b", headers={"x-amz-copy-source": "repo/main/a", **headers})

    assert gateway.ask(asked).status == 501
    assert objects(gateway) == ["a"]


def test_a_copy_may_name_the_etag_that_it_copies(gateway: GatewayAlone) -> None:
    etag = etag_of(gateway.ask(Asked()))
    answers = []
    for named in (etag, etag.strip('"'), '"0"', "*", ""):
        headers = {"x-amz-copy-source": "repo/main/a", "x-amz-copy-source-if-match": named}
        answers.append(gateway.ask(Asked(method="PUT", path="/repo/main/b", headers=headers)).status)

    assert answers == [200, 200, 412, 412, 412]


def test_a_copied_part_is_refused(gateway: GatewayAlone) -> None:
    upload = begin(gateway)
    query = f"partNumber=1&uploadId={upload}"
    asked = Asked(method="PUT", path="/repo/main/m", query=query, headers={"x-amz-copy-source": "repo/main/a"})

    assert gateway.ask(asked).status == 501


def test_metadata_that_no_header_can_hold_is_read_all_the_same(gateway: GatewayAlone) -> None:
    blob = gateway.blobs.put("local://repo", b"x")
    gateway.store.put_object(
        gateway.repository,
        "main",
        "odd",
        blob,
        content_type="text/\r\n\U0001f600",
        metadata={"X-Amz-Meta-K": "a\nb\x00"},
    )

    answered = gateway.ask(Asked(path="/repo/main/odd"))

    assert (answered.body, answered.headers["x-amz-meta-k"]) == (b"x", "a b ")


def test_keys_that_xml_cannot_hold_are_listed_all_the_same(gateway: GatewayAlone) -> None:
    gateway.store.put_object(gateway.repository, "main", "x\x01\x00<&>'\"", gateway.blobs.put("local://repo", b"x"))

    answered = gateway.ask(Asked(path="/repo", query="list-type=2&prefix=main/x"))

    assert "<Key>main/x\ufffd\ufffd&lt;&amp;&gt;&#39;&#34;</Key>" in answered.body.decode()
