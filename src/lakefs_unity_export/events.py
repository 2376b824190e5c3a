"""The lakeFS events that start an export, and the token that makes starting one idempotent."""

import hashlib

# lakeFS documentation, "Hooks": each of these leaves a branch at a commit that it did not have before.
COMMIT_EVENTS = ("post-commit", "post-merge", "post-revert", "post-cherry-pick", "post-create-branch")
# Starts that are ours: by a person, by the reconcile job, and by a run that continues another.
OTHER_STARTS = ("manual", "reconcile", "next_page")
EVENTS = COMMIT_EVENTS + OTHER_STARTS


def idempotency_token(*, repository: str, branch: str, commit_id: str, event: str, more: tuple[str, ...] = ()) -> str:
    """The run-now token of an event: 64 hexadecimal digits, as many as Databricks takes.

    The same event delivered twice has the same token, so Databricks answers with the run it already started. What
    is `more` tells apart the starts of ours that may be meant to start anew for one commit.
    """
    return hashlib.sha256("\n".join((repository, branch, commit_id, event, *more)).encode()).hexdigest()
