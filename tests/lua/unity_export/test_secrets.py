"""No secret is ever shown: not in what is printed, not in a failure, however the server repeats it."""

import base64
import json
import string
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lua_hook import CLIENT_ID, COMMIT, WITH_OAUTH, WITH_TOKEN, HookOutcome, Reply, Workspace, run_against

pytestmark = pytest.mark.lua

PIECE = 8
# Without the character of which the mask is made.
SECRETS = st.text(string.ascii_letters + string.digits + string.punctuation.replace("*", ""), min_size=8, max_size=60)
STATUSES = st.sampled_from([200, 201, 302, 400, 401, 403, 404, 418, 429, 500, 503])
PADDING = st.sampled_from(["", " ", "Bearer ", '"', "x" * 290, "x" * 299, "x" * 2990, "\u00e9\u4e2d", "\n"])


def check_hidden(outcome: HookOutcome, *secrets: str) -> None:
    """Raises AssertionError where eight characters in a row of a secret are shown."""
    shown = outcome.printed + "\n" + outcome.error.removeprefix("unity_export: ")
    escaped = [json.dumps(secret)[1:-1] for secret in secrets if not {*"<>&"} & {*secret}]
    for secret in [*secrets, *escaped]:
        pieces = {secret[start : start + PIECE] for start in range(len(secret) - PIECE + 1)}
        assert [piece for piece in pieces if piece in shown] == []


@st.composite
def echoes(draw: Any, secret: str) -> Reply | str:
    """A reply that holds the secret somewhere, whole or cut, plain or escaped."""
    start = draw(st.just(0) | st.integers(0, len(secret)))
    repeated = secret[start : draw(st.just(len(secret)) | st.integers(start, len(secret)))]
    text = draw(PADDING) + repeated * draw(st.integers(1, 3)) + draw(PADDING)
    text = draw(st.sampled_from([text, json.dumps({"token": text}), json.dumps(json.dumps(text))]))
    name = draw(st.sampled_from(["message", "error_code", "error", "error_description", "run_id", "other"]))
    body = json.dumps({name: text}).encode()
    escaped = "".join(f"\\u{ord(character):04x}" for character in repeated)
    bodies = [body, text.encode(), f"<html>{text}</html>".encode(), f'{{"{name}": "{escaped}"}}'.encode()]
    reply = Reply(
        status=draw(STATUSES), body=draw(st.sampled_from(bodies)), headers={"Retry-After": text, "X-Echo": text}
    )
    return draw(st.just(reply) | st.just(f'Post "https://x/?token={text}": refused'))


@settings(max_examples=400, deadline=None)
@given(st.data(), SECRETS)
def test_a_token_is_never_shown(data: st.DataObject, token: str) -> None:
    replies = data.draw(st.lists(echoes(token), min_size=2, max_size=2))
    outcome = run_against(Workspace(*replies), arguments={**WITH_TOKEN, "databricks_token": token})
    check_hidden(outcome, token)


@settings(max_examples=400, deadline=None)
@given(st.data(), SECRETS, SECRETS)
def test_a_client_secret_its_basic_value_and_the_access_token_are_never_shown(
    data: st.DataObject, secret: str, token: str
) -> None:
    basic = base64.b64encode(f"{CLIENT_ID}:{secret}".encode()).decode()
    granted = Reply.of_json(access_token=token)
    told = st.sampled_from([secret, basic, token]).flatmap(echoes)
    replies = data.draw(st.lists(told, min_size=2, max_size=2))
    given_first = [granted] if data.draw(st.booleans()) else []
    # Before it was granted, a token that is shown is not known to be one.
    secrets = [secret, basic, *([token] if given_first else [])]
    outcome = run_against(
        Workspace(*given_first, *replies), arguments={**WITH_OAUTH, "databricks_client_secret": secret}
    )
    check_hidden(outcome, *secrets)


@settings(max_examples=200, deadline=None)
@given(
    st.data(),
    SECRETS.filter(lambda secret: not secret.startswith("http")),
    st.sampled_from(["databricks_host", "job_id", "databricks_client_id", "databricks_token"]),
)
def test_a_secret_in_the_wrong_place_is_never_shown(data: st.DataObject, secret: str, place: str) -> None:
    arguments = {**WITH_OAUTH, "databricks_client_secret": secret, place: secret}
    replies = data.draw(st.lists(echoes(secret), min_size=2, max_size=2))
    outcome = run_against(Workspace(*replies), arguments=arguments)
    check_hidden(outcome, secret)


@settings(max_examples=50, deadline=None)
@given(SECRETS)
def test_a_branch_that_is_called_like_the_secret_does_not_show_it(secret: str) -> None:
    assume(secret.isprintable())
    outcome = run_against(
        Workspace(Reply(status=403)), {**COMMIT, "branch_id": secret}, {**WITH_TOKEN, "databricks_token": secret}
    )
    check_hidden(outcome, secret)
    assert outcome.error.startswith("unity_export: ")


def test_a_secret_that_is_escaped_twice_is_hidden_as_a_whole() -> None:
    token = 'a"b"c"d"e"f"g"h'
    message = json.dumps({"token": token})
    outcome = run_against(
        Workspace(Reply.of_json(403, message=message)), arguments={**WITH_TOKEN, "databricks_token": token}
    )
    assert 'answered 403 ({"token": "***"})' in outcome.error


def test_a_host_that_holds_the_secret_is_not_printed_with_it() -> None:
    token = "dapi-0123456789abcdef"
    outcome = run_against(
        Workspace(), arguments={**WITH_TOKEN, "databricks_token": token, "databricks_host": f"https://{token}.net"}
    )
    assert outcome.printed == "https://***.net/jobs/1041/runs/455644833"


@pytest.mark.parametrize("cut", range(1, 21))
def test_a_secret_that_is_cut_by_the_longest_quote_leaves_less_than_a_piece(cut: int) -> None:
    token = "dapi-0123456789abcdef"
    message = "x" * (300 - cut) + token + " and on"
    outcome = run_against(Workspace(Reply.of_json(403, message=message)))
    check_hidden(outcome, token)
    assert "x*" in outcome.error
