"""Contract: the stand-in's Lua does what a lakeFS server was recorded to do, but for what is listed with its reason."""

from collections.abc import Iterator

import pytest
from lua_loopback import LuaLoopback
from lua_recording import Outcome, agreement, comparison, listed_differences, recorded_snippets
from lua_replay import (
    HOOK_ENVIRONMENT,
    TIMEOUT_SECONDS,
    Replayed,
    replay_alone,
    replay_together,
    replay_with_objects,
)

from local_stack.lakefs.standin import LakeFSStandIn

SNIPPETS = recorded_snippets()
LISTED = listed_differences()


@pytest.fixture(scope="module")
def server() -> Iterator[LakeFSStandIn]:
    """The stand-in as the recorded server was set up."""
    stand_in = _stand_in()
    yield stand_in
    stand_in.stop()


@pytest.fixture(scope="module")
def replayed(request: pytest.FixtureRequest, server: LakeFSStandIn) -> Replayed:
    """The outcomes of the snippets that run together: of those that are asked for, or of a whole setup."""
    asked_for = {item.callspec.params["snippet_id"] for item in request.session.items if _is_replay(item)}
    together = [SNIPPETS[name] for name in SNIPPETS if name in asked_for and not SNIPPETS[name].needs_a_repository]
    with LuaLoopback() as loopback:
        outcomes = replay_together(together, server, loopback.host)
    with_objects = [snippet for snippet in SNIPPETS.values() if snippet.setup == "lakefs"]
    if asked_for & {snippet.id for snippet in with_objects}:
        outcomes |= replay_with_objects(with_objects, server)
    return outcomes


@pytest.mark.parametrize("snippet_id", SNIPPETS)
def test_a_snippet_does_what_was_recorded(snippet_id: str, request: pytest.FixtureRequest) -> None:
    snippet = SNIPPETS[snippet_id]
    outcome = _outcome(snippet_id, request)
    seen, listed = agreement(snippet, outcome), LISTED.get(snippet_id, {}).get("kind", "full")
    assert seen == listed, (
        f"{seen} where fixtures/lakefs_lua_differences.yaml has {listed}\n{comparison(snippet, outcome)}"
    )


def test_the_list_of_differences_names_snippets_with_a_kind_and_a_reason() -> None:
    assert set(LISTED) <= set(SNIPPETS)
    assert {difference["kind"] for difference in LISTED.values()} <= {"wording", "outcome"}
    assert all(difference["reason"].strip() not in ("", "not yet") for difference in LISTED.values())


def test_nothing_was_left_out_of_the_recording() -> None:
    assert len(SNIPPETS) == 341


# What agrees, and what does not: the comparison itself.


@pytest.mark.parametrize(
    ("snippet_id", "text", "agreed"),
    [
        ("basic/error-text", "p\nError: action failed: runtime error: boom", "wording"),
        ("basic/error-text", "Error: action failed: runtime error: boom", "outcome"),
        ("basic/error-text", "p\nboom", "outcome"),
        ("basic/return-value", "p\n", "full"),
        ("basic/return-value", "q\n", "outcome"),
        ("basic/return-value", "p\nError: action failed: p\n", "outcome"),
        ("modules/missing", "false\tno such module\n", "wording"),
        ("modules/missing", "true\tno such module\n", "outcome"),
        ("basic/empty-script", "\n", "full"),
    ],
)
def test_texts_of_errors_are_told_from_outcomes(snippet_id: str, text: str, agreed: str) -> None:
    assert agreement(SNIPPETS[snippet_id], Outcome(text=text)) == agreed


def test_an_id_is_the_same_wherever_it_stands_in_a_record() -> None:
    snippet = SNIPPETS["action/post-commit"]
    times = ("<iso_time>", "2026-01-01T00:00:00Z"), ("<run_id>", "0" * 20), ("<repo>", "r-1"), ("<id_2>", "b" * 64)
    text = "\n".join(snippet.lines)
    for placeholder, value in (*times, ("<id_1>", "a" * 64)):
        text = text.replace(placeholder, value)
    assert agreement(snippet, Outcome(text=text.replace("<id_3>", "c" * 64))) == "full"
    other = text.replace("<id_3>", "c" * 64, 1).replace("<id_3>", "d" * 64)
    assert agreement(snippet, Outcome(text=other)) == "outcome"


def _outcome(snippet_id: str, request: pytest.FixtureRequest) -> Outcome:
    snippet = SNIPPETS[snippet_id]
    if snippet.result == "server-ended":
        own = _stand_in()
        try:
            return replay_alone(snippet, own)
        finally:
            own.stop()
    if snippet.needs_a_repository and snippet.setup != "lakefs":
        return replay_alone(snippet, request.getfixturevalue("server"))
    outcomes: Replayed = request.getfixturevalue("replayed")
    return outcomes[snippet_id]


def _is_replay(item: pytest.Item) -> bool:
    return getattr(item, "originalname", "") == test_a_snippet_does_what_was_recorded.__name__


def _stand_in() -> LakeFSStandIn:
    stand_in = LakeFSStandIn(
        hook_environment=HOOK_ENVIRONMENT, lua_http_timeout_seconds=TIMEOUT_SECONDS, action_seconds=0
    )
    stand_in.start()
    return stand_in
