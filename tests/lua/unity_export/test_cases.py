"""The hook decides about events as the shared cases say, and as `events.decide` does."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lua_hook import CASES, COMMIT, EVENTS, HOST, TOKEN, WITH_TOKEN, Workspace, run_against

from lakefs_unity_export.errors import InvalidEventError
from lakefs_unity_export.events import COMMIT_EVENTS, LAKEFS_EVENTS, Event, NothingToStart, RunStart, decide

pytestmark = pytest.mark.lua

STARTING = CASES["cases"]
NOT_STARTING = [case for case in CASES["no_start"] if "action" in case]
NAMES = ("event_type", "repository_id", "branch_id", "commit_id")
Case = dict[str, Any]


def case_name(case: Case) -> str:
    return str(case["name"])


def check_starting(case: Case) -> None:
    """Raises AssertionError where the hook does not send the case's request, once."""
    workspace = Workspace()
    outcome = run_against(workspace, case["action"], {**WITH_TOKEN, "job_id": case["job_id"]})

    assert outcome.error == ""
    assert outcome.printed == f"{HOST}/jobs/{case['job_id']}/runs/455644833"
    (request,) = workspace.requests
    assert {
        "method": request.method,
        "path": request.url.removeprefix(HOST),
        "body": json.loads(request.body),
    } == case["request"]
    assert request.headers == {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}


def check_not_starting(case: Case) -> None:
    """Raises AssertionError where the hook does anything but saying what the case says; no setting is needed."""
    workspace = Workspace()
    outcome = run_against(workspace, case["action"], {}, http_enabled=False)

    assert workspace.requests == []
    if case["outcome"] == "nothing":
        assert (outcome.printed, outcome.error) == (case["says"], "")
    else:
        assert outcome.error.startswith("unity_export: ")
        assert case["says"] in outcome.error
        assert outcome.printed == ""


@pytest.mark.parametrize("case", STARTING, ids=case_name)
def test_a_commit_event_sends_the_request_of_its_case(case: Case) -> None:
    check_starting(case)


@pytest.mark.parametrize("case", NOT_STARTING, ids=case_name)
def test_any_other_event_says_what_its_case_says_and_sends_nothing(case: Case) -> None:
    check_not_starting(case)


def test_each_event_of_lakefs_has_a_case() -> None:
    events = {case["action"]["event_type"] for case in [*STARTING, *NOT_STARTING]}
    assert events >= {*LAKEFS_EVENTS, *EVENTS}


def _leaves(value: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in _leaves(item, (*path, key))]
    return [path]


def _changed(case: Case, path: tuple[str, ...]) -> Case:
    changed = copy.deepcopy(case)
    place = changed
    for key in path[:-1]:
        place = place[key]
    value = place[path[-1]]
    place[path[-1]] = value + 1 if isinstance(value, int) else "pre-commit" if value == "nothing" else f"{value}0"
    return changed


CHANGES: list[tuple[Callable[[Case], None], Case, tuple[str, ...]]] = [
    *((check_starting, case, ("request", *path)) for case in STARTING for path in _leaves(case["request"])),
    *((check_starting, case, ("action", name)) for case in STARTING for name in NAMES),
    *((check_not_starting, case, ("says",)) for case in NOT_STARTING),
    *((check_not_starting, case, ("outcome",)) for case in NOT_STARTING if case["outcome"] == "nothing"),
]


@pytest.mark.parametrize(
    ("check", "case", "path"), CHANGES, ids=[f"{case['name']}-{'.'.join(path)}" for _, case, path in CHANGES]
)
def test_a_case_that_is_changed_breaks_its_test(
    check: Callable[[Case], None], case: Case, path: tuple[str, ...]
) -> None:
    changed = _changed(case, path)
    with pytest.raises(AssertionError):
        check(changed)


# The same decision as in Python, whatever comes


def _decided(event: Event) -> RunStart | NothingToStart | InvalidEventError:
    try:
        return decide(event)
    except InvalidEventError as error:
        return error


def check_as_python(action: dict[str, Any]) -> None:
    """Raises AssertionError where the hook does something else than `events.decide` for these four fields."""
    event = Event(**{name: value for name in NAMES if isinstance(value := action.get(name), str)})
    workspace = Workspace()
    outcome = run_against(workspace, action)
    requests = [json.loads(request.body) for request in workspace.requests]
    decided = _decided(event)
    if isinstance(decided, InvalidEventError):
        assert (requests, outcome.printed) == ([], "")
        if event.event_type in COMMIT_EVENTS:
            assert outcome.error == f"unity_export: {decided}"
        else:
            known = "is not an event of lakeFS that is known here" if event.event_type else "event_type is missing"
            assert outcome.error.startswith("unity_export: ")
            assert known in outcome.error
            assert outcome.error.isprintable()
    elif isinstance(decided, NothingToStart):
        assert (requests, outcome.printed, outcome.error) == ([], decided.reason, "")
    else:
        assert outcome.error == ""
        assert requests == [
            {
                "job_id": 1041,
                "job_parameters": decided.job_parameters,
                "idempotency_token": decided.idempotency_token,
            }
        ]


# Lua has no lone surrogates: its text is UTF-8.
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LONG_TEXT = st.builds(str.__mul__, st.sampled_from(["a", "\u00e9", "\u4e2d", "\U0001f600"]), st.integers(250, 260))
ODD_TEXT = st.sampled_from(
    [
        "",
        "\x00",
        "a\x00b",
        "\x1b[31m",
        "\x7f",
        "\x85",
        "\u2028",
        "\u2029x",
        "\ufffd",
        "{{ ENV.LAKEFS_X }}",
        "a" * 10**6,
        "\n" * 256,
    ]
)
NAME = st.sampled_from(["evs", "main"]) | ODD_TEXT | LONG_TEXT | ANY_TEXT
COMMIT_ID = (
    st.text("0123456789abcdef", max_size=66)
    | st.sampled_from([COMMIT["commit_id"], COMMIT["commit_id"] + "\n", COMMIT["commit_id"].upper(), "main~1"])
    | ANY_TEXT
)
EVENT_TYPE = st.sampled_from([*COMMIT_EVENTS, *LAKEFS_EVENTS, "manual", "Post-Commit"]) | ODD_TEXT | ANY_TEXT


@settings(max_examples=300, deadline=None)
@given(st.fixed_dictionaries(dict(zip(NAMES, (EVENT_TYPE, NAME, NAME, COMMIT_ID), strict=True))))
def test_any_four_fields_are_decided_as_in_python(action: dict[str, Any]) -> None:
    check_as_python(action)


WRONG_TYPES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.lists(ANY_TEXT, max_size=2)
    | st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=2)
)
MISSING = "a field that is taken away"
FIELDS = st.sampled_from([*NAMES, *COMMIT]) | ANY_TEXT
MUTATIONS = st.dictionaries(FIELDS, WRONG_TYPES | ODD_TEXT | LONG_TEXT | ANY_TEXT | st.just(MISSING), max_size=4)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(EVENTS)), MUTATIONS)
def test_a_recorded_event_that_is_changed_in_any_way_is_decided_as_in_python(
    event_type: str, mutations: dict[str, Any]
) -> None:
    action = {**EVENTS[event_type]["action"], **mutations}
    check_as_python({name: value for name, value in action.items() if value != MISSING})


def test_a_name_that_is_too_long_is_so_whatever_it_holds() -> None:
    check_as_python({**COMMIT, "branch_id": "a" * 100 + "\n" + "a" * 200})


@pytest.mark.parametrize("action", [None, 7, "post-commit", True, []])
def test_an_action_that_is_no_table_of_fields_is_no_event(action: object) -> None:
    outcome = run_against(Workspace(), action)
    assert outcome.error == "unity_export: event_type is missing; this is no event as lakeFS sends it"


@settings(max_examples=100, deadline=None)
@given(WRONG_TYPES | st.dictionaries(st.sampled_from([*WITH_TOKEN]) | ANY_TEXT, WRONG_TYPES | ODD_TEXT, max_size=5))
def test_args_of_any_kind_are_a_clear_failure(arguments: object) -> None:
    workspace = Workspace()
    error = run_against(workspace, COMMIT, arguments).error
    assert error.startswith("unity_export: ")
    assert "in the args of _lakefs_actions/unity_export.yaml" in error
    assert workspace.requests == []
