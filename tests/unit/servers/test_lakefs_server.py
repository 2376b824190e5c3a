"""Questions to what may be a lakeFS server, or none: answers as they are, and why there is none."""

import socket
import ssl
from collections.abc import Iterator

import pytest
import urllib3
from loopback_server import Answer, Asked, LoopbackServer, loopback_server

from lakefs_unity_export.access.lakefs_connection import Credentials
from lakefs_unity_export.errors import SettingsError
from lakefs_unity_export.servers import lakefs_server
from lakefs_unity_export.servers.lakefs_server import LakeFSServerClient
from lakefs_unity_export.setup_ports import Answered, Trouble, Unanswered

SECRET = "wJalrXUtnFEMI"


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with loopback_server() as running:
        yield running


def client(url: str) -> LakeFSServerClient:
    return LakeFSServerClient(
        endpoint=url, credentials=lambda: Credentials(access_key_id="AKIAEXAMPLE", secret_access_key=SECRET)
    )


def test_a_question_with_the_key_and_one_without(server: LoopbackServer) -> None:
    server.answer_with(Answer.of_json({"id": "shop"}))
    asking = client(server.url + "/api/v1/")
    assert asking.ask("/repositories/shop", with_key=True) == Answered(status=200, body=b'{"id": "shop"}')
    asking.ask("/runs", with_key=False, branch="a b", amount="20")
    assert server.asked == [
        Asked(path="/api/v1/repositories/shop", query={}, authorization="Basic QUtJQUVYQU1QTEU6d0phbHJYVXRuRkVNSQ=="),
        Asked(path="/api/v1/runs", query={"branch": "a b", "amount": "20"}, authorization=""),
    ]


@pytest.mark.parametrize("status", [204, 302, 401, 404, 500, 503])
def test_every_answer_is_handed_on_at_once(server: LoopbackServer, status: int) -> None:
    server.answer_with(Answer(status=status, headers=(("Location", "/login"), ("Retry-After", "60"))))
    assert client(server.url).ask("/healthcheck", with_key=False) == Answered(status=status, body=b"")
    assert len(server.asked) == 1


def test_a_key_is_asked_for_once_it_is_needed(server: LoopbackServer) -> None:
    def none() -> Credentials:
        raise SettingsError("no secret")

    asking = LakeFSServerClient(endpoint=server.url, credentials=none)
    server.answer_with(Answer(status=204))
    assert asking.ask("/healthcheck", with_key=False) == Answered(status=204, body=b"")
    with pytest.raises(SettingsError, match="no secret"):
        asking.ask("/repositories/shop", with_key=True)


def test_an_endpoint_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match="is no URL of a server"):
        client("lakefs.example.com")


def trouble(url: str) -> Trouble:
    found = client(url).ask("/healthcheck", with_key=True)
    assert isinstance(found, Unanswered)
    assert found.words
    assert SECRET not in found.words
    return found.trouble


def test_nothing_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert trouble(f"http://127.0.0.1:{unused.getsockname()[1]}") is Trouble.CONNECTION


def test_a_name_that_nobody_knows() -> None:
    assert trouble("http://lakefs.invalid") is Trouble.NAME


def test_a_server_that_does_not_answer_in_time(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lakefs_server, "READ_TIMEOUT_SECONDS", 0.1)
    server.answer_with(Answer(delay=0.5))
    assert trouble(server.url) is Trouble.TIME


def test_a_server_that_speaks_no_tls(server: LoopbackServer) -> None:
    server.answer_with(Answer())
    assert trouble(server.url.replace("http://", "https://")) is Trouble.TLS


def test_a_connection_that_is_closed(server: LoopbackServer) -> None:
    server.answer_with(Answer(missing_bytes=10))
    assert trouble(server.url) is Trouble.CLOSED


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (urllib3.exceptions.SSLError(ssl.SSLCertVerificationError("self-signed certificate")), Trouble.TLS),
        # urllib3 1 says no more of a name that is not known, and calls it a time-out.
        (urllib3.exceptions.NewConnectionError(None, "failed: Name or service not known"), Trouble.NAME),  # type: ignore[arg-type]
        (urllib3.exceptions.ConnectTimeoutError("late"), Trouble.TIME),
        (OSError("odd"), Trouble.CONNECTION),
    ],
)
def test_what_an_error_is_taken_for(error: Exception, expected: Trouble, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(urllib3.PoolManager, "request", refuse)
    assert trouble("https://lakefs.example.com") is expected
