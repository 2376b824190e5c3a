"""Where lakeFS keeps objects, asked of a server on the loopback interface: pages, and every answer that is no page."""

from collections.abc import Iterator

import pytest
from loopback_server import Answer, LoopbackServer, loopback_server

from lakefs_unity_export.access.lakefs_addresses import LakeFSAddresses
from lakefs_unity_export.access.lakefs_connection import Credentials
from lakefs_unity_export.errors import (
    LakeFSAccessError,
    LakeFSError,
    LakeFSNotFoundError,
    LakeFSUnavailableError,
    SettingsError,
)

SECRET = "wJalrXUtnFEMI"
CREDENTIALS = Credentials(access_key_id="AKIAEXAMPLE", secret_access_key=SECRET)
COMMIT = "c" * 64


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with loopback_server() as running:
        yield running


def page(*paths: str, has_more: bool = False) -> Answer:
    entries = [{"path": path, "physical_address": f"s3://storage/data/{path}"} for path in paths]
    return Answer.of_json({"pagination": {"has_more": has_more}, "results": entries})


def asked(server: LoopbackServer) -> dict[str, str]:
    addresses = LakeFSAddresses(endpoint=server.url, repository="lake", credentials=CREDENTIALS, retries=0)
    return addresses.of_folder(COMMIT, "tables/ä", but="_delta_log")


def test_every_page_is_read_and_keys_are_those_inside_the_folder(server: LoopbackServer) -> None:
    server.answers += [page("tables/ä/a", "tables/ä/b=%2F/c", has_more=True), page("tables/ä/z")]
    assert asked(server) == {
        "a": "s3://storage/data/tables/ä/a",
        "b=%2F/c": "s3://storage/data/tables/ä/b=%2F/c",
        "z": "s3://storage/data/tables/ä/z",
    }
    first, second = server.asked
    assert first.path == f"/api/v1/repositories/lake/refs/{COMMIT}/objects/ls"
    assert first.query == {"prefix": "tables/ä/", "after": "", "amount": "1000", "user_metadata": "false"}
    assert second.query["after"] == "tables/ä/b=%2F/c"


def test_the_log_is_passed_over_in_one_step(server: LoopbackServer) -> None:
    server.answers += [
        page("tables/ä/A", "tables/ä/_delta_log/0.json", has_more=True),
        page("tables/ä/_delta_logs/x", "tables/ä/a"),
    ]
    assert list(asked(server)) == ["A", "_delta_logs/x", "a"]
    assert server.asked[1].query["after"] == "tables/ä/_delta_log/\U0010ffff"


def test_no_object_is_no_error(server: LoopbackServer) -> None:
    server.answers += [page()]
    assert asked(server) == {}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer.of_json({"message": "error authenticating request"}, status=401), LakeFSAccessError),
        (Answer.of_json({"message": "insufficient permissions"}, status=403), LakeFSAccessError),
        (Answer.of_json({"message": "not found"}, status=404), LakeFSNotFoundError),
        (Answer.of_json({"message": "slow down"}, status=429), LakeFSUnavailableError),
        (Answer.of_json({"message": "broken"}, status=500), LakeFSUnavailableError),
        (Answer.of_json({}, status=302), LakeFSError),
        (Answer(body=b"<html>"), LakeFSUnavailableError),
        (Answer.of_json({}), LakeFSUnavailableError),
        (Answer.of_json([]), LakeFSUnavailableError),
        (Answer.of_json({"pagination": {}, "results": []}), LakeFSUnavailableError),
        (Answer.of_json({"pagination": {"has_more": "no"}, "results": []}), LakeFSUnavailableError),
        (
            Answer.of_json({"pagination": {"has_more": False}, "results": [{"path": "tables/ä/a"}]}),
            LakeFSUnavailableError,
        ),
        (
            Answer.of_json(
                {"pagination": {"has_more": False}, "results": [{"path": "tables/ä/a", "physical_address": ""}]}
            ),
            LakeFSUnavailableError,
        ),
    ],
)
def test_what_is_no_page_is_an_error_that_says_what_was_asked(
    server: LoopbackServer, answer: Answer, error: type[LakeFSError]
) -> None:
    server.answers += [answer]
    with pytest.raises(error) as raised:
        asked(server)
    assert "the storage of objects under 'tables/ä/'" in str(raised.value)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "words", "remedy"),
    [
        (401, "error authenticating request", "check the access key and the secret key in the secret scope"),
        (401, "insufficient permissions", "grant the access key's user read access to the repository"),
        (403, "forbidden", "grant the access key's user read access to the repository"),
    ],
)
def test_who_may_not_list_is_told_so_and_not_to_look_at_the_keys(
    server: LoopbackServer, status: int, words: str, remedy: str
) -> None:
    server.answers += [Answer.of_json({"message": words}, status=status)]
    with pytest.raises(LakeFSAccessError, match=remedy):
        asked(server)


def test_a_server_that_is_not_there_is_named() -> None:
    with loopback_server() as gone:
        pass
    with pytest.raises(LakeFSUnavailableError, match=f"lakeFS at {gone.url} did not answer"):
        asked(gone)


def test_an_endpoint_that_is_no_url_is_refused() -> None:
    with pytest.raises(SettingsError, match="lakefs_endpoint"):
        LakeFSAddresses(endpoint="lakefs", repository="lake", credentials=CREDENTIALS)
