"""What webhooks and Lua scripts are told about an event; recorded examples are in fixtures/lakefs_events.json."""

from datetime import UTC, datetime
from typing import Any

from local_stack.lakefs.standin.versions.events import CommitRecord, Event

NO_COMMIT = CommitRecord(message="", committer="", metadata={}, created=0)
NO_DATE = "0001-01-01T00:00:00Z"


def webhook_body(event: Event, *, action_name: str, hook_id: str) -> dict[str, Any]:
    """The body of a webhook: fields that are empty are left out."""
    commit = event.commit or NO_COMMIT
    fields: dict[str, Any] = {
        "event_type": event.type,
        "event_time": iso_time(datetime.now(UTC).timestamp()),
        "action_name": action_name,
        "hook_id": hook_id,
        "repository_id": event.repository.name,
        "branch_id": event.branch_id,
        "source_ref": event.source_ref,
        "tag_id": event.tag_id,
        "commit_id": event.commit_id,
        "commit_message": commit.message,
        "committer": commit.committer,
        "commit_metadata": dict(commit.metadata),
        "merge_source": event.merge_source,
    }
    return {name: value for name, value in fields.items() if value}


def lua_action(event: Event, *, action_name: str, hook_id: str) -> dict[str, Any]:
    """The global `action` of a Lua script: fields that do not apply are empty."""
    commit = event.commit or NO_COMMIT
    return {
        "action_name": action_name,
        "branch_id": event.branch_id,
        "commit": {
            "creation_date": iso_time(commit.created) if event.commit else NO_DATE,
            "message": commit.message,
            "meta_range_id": commit.meta_range_id,
            "metadata": dict(commit.metadata),
            "parents": list(commit.parents),
            "version": 1 if event.commit else 0,
        },
        "commit_id": event.commit_id,
        "event_type": event.type,
        "hook_id": hook_id,
        "merge_source": event.merge_source,
        "pre_run_id": event.pre_run_id,
        "repository_id": event.repository.name,
        "run_id": event.run_id,
        "source_ref": event.source_ref,
        "storage_namespace": event.repository.storage_namespace,
        "tag_id": event.tag_id,
    }


def iso_time(seconds: float) -> str:
    """Seconds since the epoch, as lakeFS writes them."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
