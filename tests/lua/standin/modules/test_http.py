"""`net/http` of Lua hooks, beyond what was recorded of a server: answers that are odd, and where redirects lead.

What is expected was seen from Go 1.26's client.
"""

import gzip
import socketserver
import threading
from collections.abc import Iterator

import pytest
from lua_snippet import caught, printed

pytestmark = pytest.mark.lua

OK = b"HTTP/1.1 200 OK\r\n"
BROKEN = "net/http: HTTP/1.x transport connection broken: "
PACKED = gzip.compress(b"hi")
ANSWERS = {
    "ok": OK + b"Content-Length: 2\r\n\r\nok",
    "no-length": OK + b"\r\nuntil the end",
    "chunks": OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
    "hints": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\nx",
    "folded": OK + b"A: b\r\n  c\r\nContent-Length: 0\r\n\r\n",
    "same-lengths": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
    "longer": OK + b"Content-Length: 2\r\n\r\nabcd",
    "closing": OK + b"Connection: close\r\nContent-Length: 0\r\n\r\n",
    "empty-packed": OK + b"Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n",
    "packed": OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(PACKED) + PACKED,
    "to-nowhere": b"HTTP/1.1 302 Found\r\nContent-Length: 2\r\n\r\nno",
    "bad-chunk": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "short-chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nabc",
    "bad-packed": OK + b"Content-Encoding: gzip\r\nContent-Length: 14\r\n\r\nabcdabcdabcdab",
    "cut-packed": OK + b"Content-Encoding: gzip\r\n\r\n" + PACKED[:-6],
    "garbage": b"garbage\r\n\r\n",
    "half-a-line": b"HTTP/1.1 20",
    "half-a-head": OK + b"A: b\r\n",
    "no-colon": OK + b"none here\r\n\r\n",
    "bad-length": OK + b"Content-Length: -1\r\n\r\nab",
    "two-lengths": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "other-encoding": OK + b"Transfer-Encoding: gzip\r\n\r\n",
    "other-version": b"HTTP/x.1 200 OK\r\n\r\n",
    "to-bad": b"HTTP/1.1 302 Found\r\nLocation: http://%zz/\r\nContent-Length: 0\r\n\r\n",
    "to-ftp": b"HTTP/1.1 302 Found\r\nLocation: ftp://x/\r\nContent-Length: 0\r\n\r\n",
}


class Connection(socketserver.StreamRequestHandler):
    """Answers by the first part of the path; `echo` with the request, `to/N/X` with a redirect to X."""

    def handle(self) -> None:
        first = self.rfile.readline().decode("latin-1")
        head, length = [first.strip()], 0
        while line := self.rfile.readline().strip().decode("utf-8"):
            head.append(line)
            length = int(line.partition(" ")[2]) if line.startswith("Content-Length:") else length
        body = self.rfile.read(length).decode()
        kind, _, rest = first.split(" ")[1][1:].partition("/")
        if kind == "to":
            status, _, target = rest.partition("/")
            self.wfile.write(f"HTTP/1.1 {status} x\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode())
        elif kind == "echo":
            said = "\n".join([*head, f"[{body}]"]).encode()
            self.wfile.write(OK + b"Content-Length: %d\r\n\r\n" % len(said) + said)
        else:
            self.wfile.write(ANSWERS[kind])


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection) as listening:
        threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"127.0.0.1:{listening.server_address[1]}"
        listening.shutdown()


@pytest.mark.parametrize(
    ("path", "code", "body", "headers"),
    [
        ("no-length", 200, "until the end", "{}"),
        ("chunks", 200, "abcde", "{}"),
        ("hints", 200, "x", '{"Content-Length":"1"}'),
        ("folded", 200, "", '{"A":"b c","Content-Length":"0"}'),
        ("same-lengths", 200, "ab", '{"Content-Length":"2"}'),
        ("longer", 200, "ab", '{"Content-Length":"2"}'),
        ("closing", 200, "", '{"Content-Length":"0"}'),
        ("empty-packed", 200, "", '{"Content-Encoding":"gzip","Content-Length":"0"}'),
        ("packed", 200, "hi", "{}"),
        ("to-nowhere", 302, "no", '{"Content-Length":"2"}'),
        ("to/305/ok", 305, "", '{"Content-Length":"0","Location":"ok"}'),
    ],
)
def test_an_odd_answer_is_read_as_go_reads_it(server: str, path: str, code: int, body: str, headers: str) -> None:
    script = "local code, body, headers = http.request(args.url) print(code, body, (json.marshal(headers):sub(1, -2)))"
    assert printed(script, url=f"http://{server}/{path}") == f"{code}\t{body}\t{headers}"


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("bad-chunk", "invalid byte in chunk length"),
        ("short-chunk", "unexpected EOF"),
        ("bad-packed", "gzip: invalid header"),
        ("cut-packed", "unexpected EOF"),
        ("garbage", f'Get "<url>": {BROKEN}malformed HTTP response "garbage"'),
        ("half-a-line", f'Get "<url>": {BROKEN}malformed HTTP status code "20"'),
        ("half-a-head", f'Get "<url>": {BROKEN}unexpected EOF'),
        ("no-colon", f'Get "<url>": {BROKEN}malformed MIME header: missing colon: "none here"'),
        ("bad-length", f'Get "<url>": {BROKEN}bad Content-Length "-1"'),
        (
            "two-lengths",
            f'Get "<url>": {BROKEN}http: message cannot contain multiple Content-Length headers; got ["2" "3"]',
        ),
        ("other-encoding", f'Get "<url>": {BROKEN}unsupported transfer encoding: "gzip"'),
        ("other-version", f'Get "<url>": {BROKEN}malformed HTTP version "HTTP/x.1"'),
        (
            "to-bad",
            'Get "<url>": failed to parse Location header "http://%zz/": parse "http://%zz/": invalid URL escape "%zz"',
        ),
        ("to-ftp", 'Get "ftp://x/": unsupported protocol scheme "ftp"'),
    ],
)
def test_an_answer_that_is_none_raises_what_go_says(server: str, path: str, problem: str) -> None:
    url = f"http://{server}/{path}"
    assert caught("http.request, args.url", url=url) == "false\t" + problem.replace("<url>", url)


REQUEST = 'local _, body = http.request({url = args.url, method = args.method, body = "b", headers = args.headers}) '
HEADERS = {"authorization": "Bearer x", "Content-Type": "text/plain", "X-OTHER": " kept "}


def test_a_redirect_to_the_same_host_keeps_what_is_secret(server: str) -> None:
    said = printed(REQUEST + "print(body)", url=f"http://{server}/to/307//echo", method="PUT", headers=HEADERS)
    assert said.splitlines() == [
        "PUT /echo HTTP/1.1",
        f"Host: {server}",
        "User-Agent: Go-http-client/1.1",
        "Content-Length: 1",
        "Authorization: Bearer x",
        "Content-Type: text/plain",
        f"Referer: http://{server}/to/307//echo",
        "X-Other: kept",
        "Accept-Encoding: gzip",
        "[b]",
    ]


def test_a_redirect_to_another_host_loses_what_is_secret(server: str) -> None:
    elsewhere = server.replace("127.0.0.1", "localhost")
    url = f"http://{server}/to/308/http://{elsewhere}/echo"
    said = printed(REQUEST + "print(body)", url=url, method="POST", headers=HEADERS)
    assert said.startswith("POST /echo")
    assert "Authorization" not in said
    assert "Content-Type" in said


def test_a_redirect_that_becomes_a_get_loses_the_body(server: str) -> None:
    said = printed(REQUEST + "print(body)", url=f"http://{server}/to/303//echo", method="PUT", headers=HEADERS)
    assert said.startswith("GET /echo")
    assert said.endswith("[]")
    assert "Content-" not in said
    assert "Authorization" in said


def test_each_redirect_says_where_it_came_from(server: str) -> None:
    url = f"http://{server}/to/302/http://{server}/to/302//echo"
    assert f"Referer: http://{server}/to/302//echo\n" in printed("print((select(2, http.request(args.url))))", url=url)


def test_what_go_writes_by_itself_cannot_be_set(server: str) -> None:
    headers = {"Host": "x", "content-length": "9", "Transfer-Encoding": "chunked", "User-Agent": ""}
    said = printed(REQUEST + "print(body)", url=f"http://{server}/echo", method="POST", headers=headers)
    assert said.splitlines() == [
        "POST /echo HTTP/1.1",
        f"Host: {server}",
        "Content-Length: 1",
        "Accept-Encoding: gzip",
        "[b]",
    ]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            "{url = args.url, body = ''}",
            "net/http: the stand-in does not know the method of a request with an empty body",
        ),
        ("{url = args.url, headers = {1}}", "invalid key to 'next'"),
        ("{url = args.url, done = print}", "pull table, unsupported type function: cannot pull go type into lua"),
        ("{url = args.url, headers = {[''] = 'x'}}", 'Get "<url>": net/http: invalid header field name ""'),
        ("{url = 'http://u:p@127.0.0.1:1/'}", 'Get "http://u:***@127.0.0.1:1/": dial tcp 127.0.0.1:1: connect: '),
        ("{url = 'http://h/\\127'}", 'parse "http://h/\\x7f": net/url: invalid control character in URL'),
    ],
)
def test_a_request_that_is_none_raises(server: str, options: str, problem: str) -> None:
    url = f"http://{server}/ok"
    assert caught(f"http.request, {options}", url=url).startswith("false\t" + problem.replace("<url>", url))


def test_the_time_out_is_for_all_redirects_together(server: str) -> None:
    url = f"http://{server}/ok"
    said = printed("print(pcall(http.request, args.url))", url=url, timeout_seconds=0)
    assert said == f'false\tGet "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
