"""The events that start an export, and the token that makes a start idempotent."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lakefs_unity_export import events

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
