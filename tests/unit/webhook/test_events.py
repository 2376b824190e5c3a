"""POST /events: which runs the service starts, and what it answers and logs where it starts none."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webhook_double import HOST, RECORDED, SECRETS, Webhook, webhook

from lakefs_unity_export.errors import (
    WorkspaceAccessError,
    WorkspaceError,
    WorkspaceNotFoundError,
    WorkspaceUnavailableError,
)
from lakefs_unity_export.events import COMMIT_EVENTS, idempotency_token

CASES = json.loads((Path(__file__).parents[3] / "fixtures/run_now_cases.json").read_text())
COMMIT = RECORDED["post-commit"]


# The shared cases


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["name"])
def test_an_event_starts_the_run_of_its_case(case: dict[str, Any], service: Webhook) -> None:
    answer = service.post(case["webhook"])
    body = case["request"]["body"]
    assert (answer.status_code, answer.text) == (200, f"{HOST}/jobs/1041/runs/1\n")
    assert service.runs.runs == {body["idempotency_token"]: body["job_parameters"]}


@pytest.mark.parametrize("case", CASES["no_start"], ids=lambda case: case["name"])
def test_an_event_that_starts_nothing_is_answered_as_its_case_says(case: dict[str, Any], service: Webhook) -> None:
    answer = service.post(case["webhook"])
    assert answer.status_code == (200 if case["outcome"] == "nothing" else 422)
    assert case["says"] in answer.text
    assert service.runs.calls == 0


@pytest.mark.parametrize("field", ["event_type", "repository_id", "branch_id", "commit_id", "source_ref"])
@pytest.mark.parametrize("value", [None, 1, 1.5, True, ["main"], {"main": "main"}], ids=repr)
def test_a_field_of_another_type_is_refused(field: str, value: Any, service: Webhook) -> None:
    answer = service.post({**COMMIT, field: value})
    assert (answer.status_code, answer.text) == (422, f"{field} is not text\n")
    assert service.runs.calls == 0


def test_every_field_of_another_type_is_named() -> None:
    with webhook() as service:
        answer = service.post({**COMMIT, "branch_id": 1, "commit_metadata": {"k": 1}, "repository_id": None})
    assert (
        answer.text == "repository_id is not text; branch_id is not text; commit_metadata is not an object of texts\n"
    )


# What is taken


def test_only_repositories_that_match_are_served() -> None:
    with webhook(repositories=("shop", "lake-*")) as service:
        codes = {
            name: service.post({**COMMIT, "repository_id": name}).status_code
            for name in ("shop", "lake-1", "shop2", "ashop", "lake", "SHOP")
        }
        text = service.post({**COMMIT, "repository_id": "other\u00e9"}).text
    assert codes == {"shop": 200, "lake-1": 200, "shop2": 403, "ashop": 403, "lake": 403, "SHOP": 403}
    assert text == "repository 'other\\xe9' is not one that this service serves (WEBHOOK_REPOSITORIES)\n"
    assert {run["repository"] for run in service.runs.runs.values()} == {"shop", "lake-1"}


@pytest.mark.parametrize("repository", ["ab-", "data--x-s3", "o" * 43 + "--op-s3"])
def test_a_repository_that_spark_cannot_read_starts_no_run(repository: str) -> None:
    with webhook(repositories=("*",)) as service:
        refused, taken = (service.post({**COMMIT, "repository_id": name}) for name in (repository, repository + "a"))
    assert refused.status_code == 422
    assert refused.text.startswith(f"repository {repository!r} cannot be exported, for its name ends in ")
    assert taken.status_code == 200
    assert [run["repository"] for run in service.runs.runs.values()] == [repository + "a"]


def test_other_branches_are_answered_politely() -> None:
    with webhook(branches=("main", "release-?")) as service:
        answers = {name: service.post({**COMMIT, "branch_id": name}) for name in ("main", "release-1", "dev")}
    assert {answer.status_code for answer in answers.values()} == {200}
    assert answers["dev"].text == "branch 'dev' is not one that is exported (WEBHOOK_BRANCHES)\n"
    assert [run["branch"] for run in service.runs.runs.values()] == ["main", "release-1"]


def test_the_same_event_again_is_answered_with_the_same_run(service: Webhook) -> None:
    first, again = (service.post(COMMIT).text for _ in range(2))
    assert first == again
    assert len(service.runs.runs) == 1


# When Databricks does not start the run


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (
            WorkspaceAccessError,
            502,
            "refused the webhook service, or is not at DATABRICKS_HOST: give the service valid",
        ),
        (WorkspaceNotFoundError, 502, "the workspace has no job 1041: correct EXPORT_JOB_ID"),
        (WorkspaceUnavailableError, 503, "did not answer, also after retries; reconcile exports what is missed"),
        (WorkspaceError, 502, "refused to start the run: check EXPORT_JOB_ID, and that job and webhook are of one"),
    ],
)
def test_a_start_that_fails_says_what_to_do_and_its_details_stay_in_the_log(
    error: type[Exception], status: int, said: str, service: Webhook
) -> None:
    service.runs.error = error(f"Databricks: internal\ntext with {SECRETS[2]}")
    answer = service.post(COMMIT)
    assert answer.status_code == status
    assert said in answer.text
    assert "internal" not in answer.text
    assert answer.headers.get("Retry-After") == ("30" if status == 503 else None)
    (logged,) = service.logged
    assert logged["detail"] == "Databricks: internal\ntext with ***"


def test_an_error_that_nobody_thought_of_is_one_line_without_its_text(service: Webhook) -> None:
    service.runs.error = RuntimeError(f"a trace with {SECRETS[0]}")
    answer = service.post(COMMIT)
    (logged,) = service.logged
    assert answer.status_code == 500
    assert answer.text == f"the service failed; its log says why under request id {logged['request_id']}\n"
    assert logged["error"].startswith("RuntimeError in start:")
    assert "trace with" not in json.dumps(logged)


@pytest.mark.parametrize("error", [None, WorkspaceUnavailableError("gone"), RuntimeError("hush")], ids=repr)
def test_how_a_start_ended_that_took_too_long_is_in_the_log(error: Exception | None) -> None:
    with webhook(answer_seconds=0.05) as service:
        service.runs.seconds, service.runs.error = 0.3, error
        assert service.post(COMMIT).status_code == 504
    (late,) = [
        entry for entry in map(json.loads, service.lines) if "branch" in entry and entry["message"] != "answered"
    ]
    assert (late["branch"], late["commit_id"]) == ("main", COMMIT["commit_id"])
    if error is None:
        assert (late["message"], late["run_id"]) == ("started late", 1)
    else:
        assert late["message"] == "not started"
        assert late["detail"].startswith("gone" if isinstance(error, WorkspaceUnavailableError) else "RuntimeError in ")


# What is logged and counted


def test_a_log_line_is_one_json_object_with_what_a_person_looks_for(service: Webhook) -> None:
    answer = service.post(COMMIT)
    (line,) = service.lines
    logged = json.loads(line)
    assert {name: logged[name] for name in ("level", "message", "path", "status", "event", "repository", "branch")} == {
        "level": "info",
        "message": "answered",
        "path": "/events",
        "status": 200,
        "event": "post-commit",
        "repository": "evs",
        "branch": "main",
    }
    assert logged["commit"] == COMMIT["commit_id"]
    assert logged["answer"] == f"{HOST}/jobs/1041/runs/1"
    assert logged["request_id"] == answer.headers["X-Request-Id"]


def test_line_breaks_and_escapes_that_were_sent_stay_inside_their_line(service: Webhook) -> None:
    service.post({**COMMIT, "branch_id": 'x"}\r\n{"level":"error"}\u2028\x1b[2J' + "y" * 1000})
    (line,) = service.lines
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["branch"].startswith('x"}\r\n{"level":"error"}\u2028\x1b[2J')
    assert len(line) < 1500


def test_events_and_answers_are_counted() -> None:
    with webhook() as service:
        service.post(COMMIT)
        service.post(RECORDED["pre-commit"])
        service.post({**COMMIT, "event_type": 'x"\n'})
        service.post(COMMIT, secret="wrong")
        text = service.client.get("/metrics").text
    for line in (
        'lakefs_unity_export_webhook_events_total{event="post-commit",outcome="started"} 1.0',
        'lakefs_unity_export_webhook_events_total{event="pre-commit",outcome="nothing"} 1.0',
        'lakefs_unity_export_webhook_events_total{event="other",outcome="refused with 422"} 1.0',
        'lakefs_unity_export_webhook_requests_total{path="/events",status="200"} 2.0',
        'lakefs_unity_export_webhook_requests_total{path="/events",status="401"} 1.0',
        'lakefs_unity_export_webhook_request_seconds_count{path="/events"} 4.0',
        "lakefs_unity_export_webhook_accepted_calls 0.0",
    ):
        assert line in text.splitlines()


# Whatever is sent

FIELDS = ("event_type", "repository_id", "branch_id", "commit_id", "source_ref", "commit_metadata", "more")
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300)
JSON_VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


@st.composite
def mutations(draw: st.DrawFn) -> dict[str, Any]:
    """One of the recorded events with some fields missing, changed or added."""
    body = dict(RECORDED[draw(st.sampled_from(sorted(RECORDED)))])
    for name in draw(st.lists(st.sampled_from(FIELDS), max_size=3, unique=True)):
        if draw(st.booleans()):
            body.pop(name, None)
        else:
            body[name] = draw(JSON_VALUES | st.sampled_from(["post-commit", "main", "a" * 64, "", "x" * 70_000]))
    return body


def _is_justified(body: dict[str, Any], run: dict[str, str]) -> bool:
    told = {name: body.get(f"{name}_id") for name in ("repository", "branch", "commit")}
    expected = {"repository": told["repository"], "branch": told["branch"], "commit_id": told["commit"]}
    return body["event_type"] in COMMIT_EVENTS and run == {**expected, "event": body["event_type"]}


def _check_answer(service: Webhook, content: bytes) -> int:
    service.runs.runs.clear()
    service.lines.clear()
    answer = service.post(content)
    assert answer.status_code in (200, 400, 413, 422)
    assert answer.headers["Content-Type"].startswith("text/plain")
    for said in (answer.text, *service.lines):
        assert said.rstrip("\n").isprintable()
        assert "Traceback" not in said
        assert not any(secret in said for secret in SECRETS)
    return answer.status_code


@given(mutations())
def test_a_mutated_event_starts_only_what_it_justifies(shared: Webhook, body: dict[str, Any]) -> None:
    status = _check_answer(shared, json.dumps(body).encode())
    for token, run in shared.runs.runs.items():
        assert status == 200
        assert _is_justified(body, run)
        parameters = {name: run[name] for name in ("repository", "branch", "commit_id", "event")}
        assert token == idempotency_token(**parameters)


@given(st.binary(max_size=300) | st.builds(lambda value: json.dumps(value).encode(), JSON_VALUES))
def test_anything_else_starts_nothing(shared: Webhook, content: bytes) -> None:
    assert _check_answer(shared, content) in (400, 422)
    assert shared.runs.runs == {}


@given(st.sampled_from(sorted(RECORDED)), st.data())
def test_a_truncated_or_garbled_event_starts_nothing_of_its_own_making(
    shared: Webhook, event: str, data: st.DataObject
) -> None:
    content = json.dumps(RECORDED[event]).encode()
    cut = data.draw(st.integers(0, len(content) - 1))
    assert _check_answer(shared, content[:cut]) == 400
    assert shared.runs.runs == {}
    garbled = content[:cut] + data.draw(st.binary(min_size=1, max_size=4)) + content[cut + 1 :]
    if _check_answer(shared, garbled) == 200 and shared.runs.runs:
        (run,) = shared.runs.runs.values()
        assert _is_justified(json.loads(garbled), run)
