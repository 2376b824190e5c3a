"""The events that start an export, and the token that makes a start idempotent."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakefs_unity_export import events
from lakefs_unity_export.errors import InvalidEventError
from lakefs_unity_export.events import Event, NothingToStart, RunStart, decide

FIXTURES = Path(__file__).parents[2] / "fixtures"
CASES = json.loads((FIXTURES / "run_now_cases.json").read_text())
RECORDED = json.loads((FIXTURES / "lakefs_events.json").read_text())


def test_the_events_of_new_commits_are_those_that_lakefs_fires() -> None:
    assert events.COMMIT_EVENTS == (
        "post-commit",
        "post-merge",
        "post-revert",
        "post-cherry-pick",
        "post-create-branch",
    )
    assert set(events.EVENTS) == {*events.COMMIT_EVENTS, "manual", "reconcile", "next_page"}


def test_the_token_is_the_sha_256_of_what_identifies_the_event() -> None:
    token = events.idempotency_token(repository="shop", branch="main", commit_id="c0ffee", event="post-commit")
    # printf 'shop\nmain\nc0ffee\npost-commit' | sha256sum
    assert token == "e01e7a1aa846b3e6e3d7a3c765f6f4d1bd66ec06cff3fd8acbc06582a3376364"
    assert re.fullmatch("[0-9a-f]{64}", token)


def test_every_part_makes_another_token() -> None:
    parts = {"repository": "shop", "branch": "main", "commit_id": "c0ffee", "event": "post-commit"}
    tokens = {events.idempotency_token(**parts)}
    tokens |= {events.idempotency_token(**{**parts, name: parts[name] + "x"}) for name in parts}
    assert len(tokens) == 5


# The file of cases that every shim obeys


def test_each_recorded_event_either_starts_an_export_or_has_a_case_that_starts_nothing() -> None:
    started = {case["webhook"]["event_type"] for case in CASES["cases"]}
    politely = {case["webhook"]["event_type"] for case in CASES["no_start"] if case["outcome"] == "nothing"}
    assert started == set(events.COMMIT_EVENTS)
    assert started | politely == RECORDED["webhook"].keys() == RECORDED["lua"].keys()
    assert not started & politely


def test_the_cases_have_names_of_their_own_and_known_outcomes() -> None:
    every = [*CASES["cases"], *CASES["no_start"]]
    assert len({case["name"] for case in every}) == len(every)
    assert {case["outcome"] for case in CASES["no_start"]} == {"nothing", "refused"}
    assert all(case["says"] for case in CASES["no_start"])


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["name"])
def test_action_and_webhook_of_a_case_tell_of_one_event(case: dict[str, Any]) -> None:
    identity = ("event_type", "repository_id", "branch_id", "commit_id")
    assert [case["action"][name] for name in identity] == [case["webhook"][name] for name in identity]


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["name"])
def test_the_token_of_a_case_is_the_digest_of_its_parameters(case: dict[str, Any]) -> None:
    body = case["request"]["body"]
    assert body["idempotency_token"] == events.idempotency_token(**body["job_parameters"])


# What is decided


def _event(told: dict[str, Any]) -> Event:
    names = ("event_type", "repository_id", "branch_id", "commit_id")
    return Event(**{name: told[name] for name in names if name in told})


@pytest.mark.parametrize("told", ["webhook", "action"])
@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["name"])
def test_an_event_starts_the_run_of_its_case(case: dict[str, Any], told: str) -> None:
    body = case["request"]["body"]
    assert decide(_event(case[told])) == RunStart(
        job_parameters=body["job_parameters"], idempotency_token=body["idempotency_token"]
    )


@pytest.mark.parametrize("told", ["webhook", "action"])
@pytest.mark.parametrize("case", CASES["no_start"], ids=lambda case: case["name"])
def test_an_event_that_starts_nothing_says_so_as_its_case_does(case: dict[str, Any], told: str) -> None:
    event = _event(case.get(told, case["webhook"]))
    if case["outcome"] == "nothing":
        assert decide(event) == NothingToStart(reason=case["says"])
    else:
        with pytest.raises(InvalidEventError, match=re.escape(case["says"])):
            decide(event)


def test_every_problem_of_an_event_is_said_at_once() -> None:
    with pytest.raises(
        InvalidEventError,
        match=r"^event post-merge: repository_id is missing; branch_id holds a control character; commit_id is missing",
    ):
        decide(Event(event_type="post-merge", branch_id="a\x00b"))


ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=8)
ANY_EVENT = st.builds(
    Event,
    event_type=st.sampled_from(events.LAKEFS_EVENTS) | ANY_TEXT,
    repository_id=st.sampled_from(["evs", ""]) | ANY_TEXT,
    branch_id=st.sampled_from(["main", ""]) | ANY_TEXT,
    commit_id=st.sampled_from(["c0ffee" * 8, ""]) | ANY_TEXT,
)


def _said(event: Event) -> tuple[RunStart | None, str]:
    try:
        decided = decide(event)
    except InvalidEventError as error:
        return None, str(error)
    return (decided, "") if isinstance(decided, RunStart) else (None, decided.reason)


@given(ANY_EVENT)
def test_only_a_whole_event_that_leaves_a_commit_starts_a_run_and_of_any_other_one_line_is_said(event: Event) -> None:
    started, said = _said(event)
    if started is None:
        assert said
        assert said.isprintable()
    else:
        assert event.event_type in events.COMMIT_EVENTS
        assert re.fullmatch("[0-9a-f]{6,64}", event.commit_id)
        assert started.job_parameters == {
            "repository": event.repository_id,
            "branch": event.branch_id,
            "commit_id": event.commit_id,
            "event": event.event_type,
        }
        assert "" not in started.job_parameters.values()
