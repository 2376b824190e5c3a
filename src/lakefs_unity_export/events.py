"""The lakeFS events that start an export, and the token that makes starting one idempotent.

`fixtures/run_now_cases.json` holds what is decided for each event, for this module and for the Lua hook.
"""

import hashlib
from dataclasses import dataclass

from lakefs_unity_export import names
from lakefs_unity_export.errors import InvalidEventError

# lakeFS documentation, "Hooks": each of these leaves a branch at a commit that it did not have before.
COMMIT_EVENTS = ("post-commit", "post-merge", "post-revert", "post-cherry-pick", "post-create-branch")
# The events that lakeFS fires beside them: nothing new is to be read on a branch, or not yet.
OTHER_LAKEFS_EVENTS = (
    "post-create-tag",
    "post-delete-branch",
    "post-delete-tag",
    "pre-cherry-pick",
    "pre-commit",
    "pre-create-branch",
    "pre-create-tag",
    "pre-delete-branch",
    "pre-delete-tag",
    "pre-merge",
    "pre-revert",
    "prepare-commit",
)
LAKEFS_EVENTS = COMMIT_EVENTS + OTHER_LAKEFS_EVENTS
# Starts that are ours: by a person, by the reconcile job, and by a run that continues another.
OTHER_STARTS = ("manual", "reconcile", "next_page")
EVENTS = COMMIT_EVENTS + OTHER_STARTS


@dataclass(frozen=True, kw_only=True)
class Event:
    """What a hook is told about an event; a field that lakeFS left out is empty."""

    event_type: str = ""
    repository_id: str = ""
    branch_id: str = ""
    commit_id: str = ""


@dataclass(frozen=True, kw_only=True)
class RunStart:
    """A run of `export_tables` to start: its job parameters, and the token under which it is started once."""

    job_parameters: dict[str, str]
    idempotency_token: str


@dataclass(frozen=True, kw_only=True)
class NothingToStart:
    """Why an event of lakeFS starts nothing."""

    reason: str


def decide(event: Event) -> RunStart | NothingToStart:
    """What the event starts.

    Raises InvalidEventError, with every problem, where it is not an event of lakeFS or not a whole one.
    """
    if not event.event_type:
        raise InvalidEventError("event_type is missing; send what lakeFS sends to a webhook")
    if event.event_type in OTHER_LAKEFS_EVENTS:
        return NothingToStart(reason=f"event {event.event_type} leaves no new commit on a branch: nothing to export")
    if event.event_type not in COMMIT_EVENTS:
        raise InvalidEventError(
            f"{_shown(event.event_type)} is not an event of lakeFS that is known here; "
            f"send one of {', '.join(COMMIT_EVENTS)}"
        )
    if problems := _problems(event):
        raise InvalidEventError(f"event {event.event_type}: {'; '.join(problems)}")
    return RunStart(
        job_parameters={
            "repository": event.repository_id,
            "branch": event.branch_id,
            "commit_id": event.commit_id,
            "event": event.event_type,
        },
        idempotency_token=idempotency_token(
            repository=event.repository_id,
            branch=event.branch_id,
            commit_id=event.commit_id,
            event=event.event_type,
        ),
    )


def _problems(event: Event) -> list[str]:
    problems = [
        f"{name} {problem}"
        for name, value in (("repository_id", event.repository_id), ("branch_id", event.branch_id))
        if (problem := _name_problem(value))
    ]
    if not event.commit_id:
        problems.append("commit_id is missing")
    elif not names.is_commit_id(event.commit_id):
        problems.append("commit_id is not a commit's id, which is hexadecimal digits")
    return problems


def _name_problem(value: str) -> str:
    """Whether the name is lakeFS's to judge is the job's question; a token and a log line need it whole and plain."""
    if not value:
        return "is missing"
    if len(value) > names.MAX_NAME_LENGTH:
        return f"is longer than {names.MAX_NAME_LENGTH} characters"
    return "holds a control character" if names.has_control_character(value) else ""


def _shown(value: str) -> str:
    return ascii(value[:60])


def idempotency_token(*, repository: str, branch: str, commit_id: str, event: str, more: tuple[str, ...] = ()) -> str:
    """The run-now token of an event: 64 hexadecimal digits, as many as Databricks takes.

    The same event delivered twice has the same token, so Databricks answers with the run it already started. What
    is `more` tells apart the starts of ours that may be meant to start anew for one commit.
    """
    return hashlib.sha256("\n".join((repository, branch, commit_id, event, *more)).encode()).hexdigest()
