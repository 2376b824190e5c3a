"""The events that start an export, and the token that makes a start idempotent."""

import re

from lakefs_unity_export import events


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
