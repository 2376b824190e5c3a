"""Who may ask the service, with which requests, and how many at once."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from webhook_double import PREVIOUS_SECRET, RECORDED, SECRET, RunsDouble, Webhook, make_settings, webhook

from lakefs_unity_export.webhook import create_app
from lakefs_unity_export.webhook.event_body import MAX_BODY_BYTES

COMMIT = RECORDED["post-commit"]
HEADERS = {"Content-Type": "application/json", "Authorization": f"Bearer {SECRET}"}


# The secret


@pytest.mark.parametrize("secret", [SECRET, PREVIOUS_SECRET])
def test_both_secrets_are_valid_while_they_are_changed(secret: str, service: Webhook) -> None:
    assert service.post(COMMIT, secret=secret).status_code == 200


def test_a_secret_that_is_no_longer_set_is_refused() -> None:
    with webhook(secrets=(SECRET,)) as service:
        assert service.post(COMMIT, secret=PREVIOUS_SECRET).status_code == 401


@pytest.mark.parametrize("path", ["/events", "/validate"])
@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", f"Basic {SECRET}", SECRET, f"Bearer {SECRET[:-1]}", f"Bearer {SECRET}x", "Bearer ***"],
)
def test_without_the_secret_nothing_is_read_or_started(authorization: str, path: str, service: Webhook) -> None:
    answer = service.post(b"{", path, Authorization=authorization)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "send `Authorization: Bearer ...` with the value of WEBHOOK_SECRET" in answer.text
    assert service.runs.calls == 0
    assert SECRET[:-1] not in answer.text + "".join(service.lines)


def test_a_secret_that_is_not_ascii_is_refused(service: Webhook) -> None:
    answer = service.client.post("/events", content=b"{}", headers={"Authorization": b"Bearer \xff\xfe"})
    assert answer.status_code == 401


# The request


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_another_content_type_is_refused(content_type: str, service: Webhook) -> None:
    answer = service.post(COMMIT, **{"Content-Type": content_type})
    assert (answer.status_code, answer.text) == (415, "Content-Type must be application/json, as lakeFS sends it\n")


def test_the_content_type_may_name_the_charset(service: Webhook) -> None:
    assert service.post(COMMIT, **{"Content-Type": "Application/JSON; charset=utf-8"}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xef\xbb\xbf{}",
        b'{"event_type": "post-commit\xff"}',
        b"[" * 60_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"x": ' + b"9" * 5000 + b"}",
        b'{"x": NaN}',
        b'{"event_type": "post-commit", "event_type": "pre-commit"}',
        b'{"commit_metadata": {"a": "1", "a": "2"}}',
        json.dumps(COMMIT).encode() + b"{}",
        json.dumps(COMMIT).encode("utf-16"),
    ],
    ids=range(12),
)
def test_a_body_that_is_not_plain_json_is_refused(body: bytes, service: Webhook) -> None:
    answer = service.post(body)
    assert (answer.status_code, answer.text) == (400, "the body is not JSON, or has a key twice\n")


@pytest.mark.parametrize("body", ["[]", "1", '"post-commit"', "null", "true"])
def test_json_that_is_no_object_is_refused(body: str, service: Webhook) -> None:
    answer = service.post(body.encode())
    assert answer.status_code == 422
    assert answer.text == "the body is not a JSON object; send what lakeFS sends to a webhook\n"


def _of_size(size: int) -> bytes:
    bare = len(json.dumps({**COMMIT, "more": ""}))
    return json.dumps({**COMMIT, "more": "x" * (size - bare)}).encode()


def test_a_body_may_have_64_kib_and_no_more(service: Webhook) -> None:
    assert service.post(_of_size(MAX_BODY_BYTES)).status_code == 200
    answer = service.post(_of_size(MAX_BODY_BYTES + 1))
    assert (answer.status_code, answer.text) == (413, "the body has more than 65536 bytes\n")
    assert answer.headers["Connection"] == "close"


def test_a_body_of_unknown_length_is_read_only_up_to_the_limit(service: Webhook) -> None:
    taken: list[int] = []

    def endless() -> Iterator[bytes]:
        for number in range(10_000):
            taken.append(number)
            yield b" " * 1024

    async def sent() -> httpx.Response:
        messages = ({"type": "http.request", "body": chunk, "more_body": True} for chunk in endless())
        return await _asked(service, lambda: next(messages))

    answer = asyncio.run(sent())
    assert answer.status_code == 413
    assert len(taken) == 65


async def _asked(service: Webhook, next_message: Any, headers: dict[str, str] | None = None) -> httpx.Response:
    """The answer to a request of which the server receives these messages."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/events",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or HEADERS).items()],
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        return next_message()

    async def send(message: Any) -> None:
        sent.append(dict(message))

    await service.client.app(scope, receive, send)
    return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], content=sent[1]["body"])


def test_a_sender_that_goes_away_gets_no_trace(service: Webhook) -> None:
    answer = asyncio.run(_asked(service, lambda: {"type": "http.disconnect"}))
    assert (answer.status_code, answer.text) == (400, "the body ended early\n")
    assert service.runs.calls == 0


@pytest.mark.parametrize("length", ["-1", "x", "1.5", "", "9" * 5000, "\u0661"])
def test_a_length_that_is_no_length_is_refused(length: str, service: Webhook) -> None:
    answer = asyncio.run(_asked(service, lambda: {"type": "http.disconnect"}, {**HEADERS, "Content-Length": length}))
    assert answer.status_code in (400, 413)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/events", 405),
        ("DELETE", "/validate", 405),
        ("POST", "/healthz", 405),
        ("POST", "/", 404),
        ("POST", "/events/", 404),
        ("POST", "//events", 404),
        ("POST", "/events/../metrics/x", 404),
        ("GET", "/docs", 404),
    ],
)
def test_anything_else_is_not_there(method: str, path: str, status: int, service: Webhook) -> None:
    answer = service.client.request(method, f"http://webhook{path}", headers=HEADERS, follow_redirects=False)
    assert answer.status_code == status
    assert answer.text.endswith("; events go to POST /events, the gate is POST /validate\n")


def test_a_header_that_two_readers_could_read_differently_is_refused(service: Webhook) -> None:
    for name in ("Authorization", "Content-Type", "Content-Length"):
        pairs = [*HEADERS.items(), (name, HEADERS.get(name, "2")), *([(name, "2")] if name not in HEADERS else [])]
        answer = service.client.post("/events", content=b"{}", headers=pairs)
        assert (answer.status_code, answer.text) == (400, f"the header {name.lower()} is there more than once\n")


def test_every_answer_has_a_request_id_of_ours_and_is_not_stored(service: Webhook) -> None:
    answer = service.post(COMMIT, **{"X-Request-Id": "theirs"})
    assert len(answer.headers["X-Request-Id"]) == 32
    assert answer.headers["Cache-Control"] == "no-store"


# Whether it is well


def test_health_and_readiness_need_no_secret_and_leave_no_log_lines(service: Webhook) -> None:
    texts = [service.client.get(path).text for path in ("/healthz", "/readyz", "/metrics")]
    assert texts[:2] == ["alive\n", "ready\n"]
    assert service.lines == []


def test_a_service_that_stops_is_not_ready_and_takes_nothing() -> None:
    with webhook() as service:
        service.client.app.state.service.close()
        assert service.client.get("/readyz").status_code == 503
        assert service.client.get("/healthz").status_code == 200
        answer = service.post(COMMIT)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert service.runs.calls == 0


# Many at once


def _posted_together(count: int, runs: RunsDouble, *, same: bool = False, **changes: Any) -> list[httpx.Response]:
    async def post_all() -> list[httpx.Response]:
        app = create_app(make_settings(**changes), runs=runs)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://webhook", headers=HEADERS) as client:
            events = [COMMIT if same else {**COMMIT, "branch_id": f"branch-{number}"} for number in range(count)]
            answers = await asyncio.gather(*(client.post("/events", json=event) for event in events))
        await asyncio.to_thread(app.state.service.close)
        return answers

    return asyncio.run(post_all())


def test_only_some_calls_are_made_at_once_and_the_others_wait() -> None:
    runs = RunsDouble(seconds=0.02)
    answers = _posted_together(20, runs, concurrency=3, queue=17)
    assert {answer.status_code for answer in answers} == {200}
    assert runs.most_at_once == 3
    assert len(runs.runs) == 20


def test_beyond_what_may_wait_the_answer_is_to_try_later() -> None:
    runs = RunsDouble(seconds=0.5)
    answers = _posted_together(30, runs, concurrency=5, queue=5)
    codes = [answer.status_code for answer in answers]
    assert codes.count(200) == 10
    refused = [answer for answer in answers if answer.status_code == 503]
    assert len(refused) == 20
    assert {answer.headers["Retry-After"] for answer in refused} == {"30"}
    assert "let reconcile export what is missed" in refused[0].text
    assert len(runs.runs) == 10


def test_an_event_that_is_delivered_many_times_at_once_is_one_call() -> None:
    runs = RunsDouble(seconds=0.5)
    answers = _posted_together(50, runs, same=True)
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, answers[0].text)}
    assert runs.calls == len(runs.runs) == 1


def test_a_start_that_takes_too_long_is_answered_in_time_and_goes_on() -> None:
    runs = RunsDouble(seconds=0.4)
    started = time.monotonic()
    (answer,) = _posted_together(1, runs, answer_seconds=0.05)
    assert (answer.status_code, answer.text) == (
        504,
        "Databricks has not answered yet; the service goes on trying to start the run\n",
    )
    assert time.monotonic() - started >= 0.4
    assert len(runs.runs) == 1
