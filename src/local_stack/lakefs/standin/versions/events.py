"""The events that hooks listen to, and what is told about each."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from local_stack.lakefs.standin.versions.object_tree import ObjectTree
from local_stack.lakefs.standin.versions.repository import Commit, CommitDraft, Repository

OPERATIONS = (
    "commit",
    "merge",
    "revert",
    "cherry-pick",
    "create-branch",
    "delete-branch",
    "create-tag",
    "delete-tag",
)
EVENT_TYPES = frozenset(
    {"prepare-commit"} | {f"{stage}-{operation}" for stage in ("pre", "post") for operation in OPERATIONS}
)


@dataclass(frozen=True, kw_only=True)
class CommitRecord:
    """What an event tells about a commit, which may not exist yet."""

    message: str
    committer: str
    metadata: Mapping[str, str]
    created: int
    parents: tuple[str, ...] = ()
    meta_range_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that is about to happen or has happened; what does not apply to it is empty.

    `source_ref` is where the action files are read, `tree` where scripts are. `run_id` names the run of hooks,
    `pre_run_id` the run before the operation, where there was one.
    """

    type: str
    repository: Repository
    tree: ObjectTree
    source_ref: str
    run_id: str
    pre_run_id: str = ""
    branch_id: str = ""
    commit_id: str = ""
    tag_id: str = ""
    merge_source: str = ""
    commit: CommitRecord | None = None


class Hooks(Protocol):
    """What runs at events."""

    def run_before(self, event: Event) -> None:
        """Run the hooks of a pre event to their end.

        Raises RequestError: 412 where one fails, 404 or 500 where an action file cannot be used.
        """

    def run_after(self, event: Event) -> None:
        """Start the hooks of a post event in the background; never raises."""


def new_run_id() -> str:
    """An id of 20 characters that sorts before all earlier ones, so that lists begin with the newest."""
    remaining = 2**63 - time.time_ns()
    digits = "0123456789abcdefghijklmnopqrstuv"
    text = ""
    for _ in range(13):
        remaining, digit = divmod(remaining, 32)
        text = digits[digit] + text
    return text + "".join(secrets.choice(digits) for _ in range(7))


def record_of(commit: Commit) -> CommitRecord:
    """What events tell about a commit that is there."""
    return CommitRecord(
        message=commit.message,
        committer=commit.committer,
        metadata=commit.metadata,
        created=commit.created,
        parents=commit.parents,
        meta_range_id=commit.meta_range_id,
    )


def record_of_draft(draft: CommitDraft, parents: tuple[str, ...] = ()) -> CommitRecord:
    """What events tell about a commit before its content is settled."""
    return CommitRecord(
        message=draft.message,
        committer=draft.committer,
        metadata=draft.metadata,
        created=int(time.time()) if draft.created is None else draft.created,
        parents=parents,
    )
