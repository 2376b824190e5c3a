"""REST routes of commits, branches, tags, diffs and merges."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import PlainTextResponse, Response

from local_stack.lakefs_standin.api_call import ApiCall, Endpoint, answer, empty, page, page_by_name
from local_stack.lakefs_standin.errors import bad_request, not_found
from local_stack.lakefs_standin.listings import branch_diff_page, refs_diff_page
from local_stack.lakefs_standin.merging import STRATEGIES
from local_stack.lakefs_standin.operations import MergeRequest, Operations
from local_stack.lakefs_standin.repository import Commit, CommitDraft
from local_stack.lakefs_standin.store import USER_NAME
from local_stack.lakefs_standin.tree_changes import diff_trees

REPOSITORY = "/repositories/{repository}"


def describe_commit(commit: Commit) -> dict[str, Any]:
    """A commit as the API shows it."""
    return {
        "id": commit.id,
        "parents": list(commit.parents),
        "committer": commit.committer,
        "message": commit.message,
        "creation_date": commit.created,
        "meta_range_id": commit.meta_range_id,
        "metadata": dict(commit.metadata),
        "generation": commit.generation,
        "version": 1,
    }


def _describe_ref(name: str, commit_id: str) -> dict[str, Any]:
    return {"id": name, "commit_id": commit_id}


def _operations(call: ApiCall) -> Operations:
    return call.store.operations(call.repository)


def _draft(fields: Mapping[str, Any]) -> CommitDraft:
    return CommitDraft(
        message=str(fields.get("message") or ""),
        committer=USER_NAME,
        metadata={str(key): str(value) for key, value in (fields.get("metadata") or {}).items()},
        created=fields.get("date"),
    )


def _commit(call: ApiCall) -> Response:
    fields = call.json(message=str)
    commit = _operations(call).commit(call.path("branch"), _draft(fields), allow_empty=bool(fields.get("allow_empty")))
    return answer(describe_commit(commit), 201)


def _get_commit(call: ApiCall) -> Response:
    return answer(describe_commit(call.repository.commit_at(call.path("commit"))))


def _log(call: ApiCall) -> Response:
    repository, after, amount = call.repository, call.query("after"), call.amount()
    commits = list(repository.history(repository.commit_at(call.path("ref")), first_parent=call.flag("first_parent")))
    ids = [commit.id for commit in commits]
    start = ids.index(after) + 1 if after in ids else 0
    shown = commits[start : start + amount]
    return page(
        [describe_commit(commit) for commit in shown],
        has_more=start + amount < len(commits),
        next_offset=shown[-1].id if shown else "",
    )


def _diff_refs(call: ApiCall) -> Response:
    diff_type = call.query("type", "three_dot")
    return answer(refs_diff_page(call.repository, call.path("left"), call.path("right"), call.window(), diff_type))


def _diff_branch(call: ApiCall) -> Response:
    return answer(branch_diff_page(call.repository, call.path("branch"), call.window()))


def _merge(call: ApiCall) -> Response:
    fields = call.json()
    strategy = fields.get("strategy") or "default"
    if strategy not in STRATEGIES:
        raise bad_request(f"merge strategy {strategy!r} is not one of {', '.join(STRATEGIES)}")
    commit = _operations(call).merge(
        MergeRequest(
            source=call.path("source"),
            destination=call.path("destination"),
            draft=_draft(fields),
            strategy=strategy,
            squash=bool(fields.get("squash_merge")),
            allow_empty=bool(fields.get("allow_empty") or fields.get("force")),
        )
    )
    return answer({"reference": commit.id})


def _merge_base(call: ApiCall) -> Response:
    repository = call.repository
    source, destination = repository.commit_at(call.path("source")), repository.commit_at(call.path("destination"))
    return answer(
        {
            "source_commit_id": source.id,
            "destination_commit_id": destination.id,
            "base_commit_id": repository.merge_base(source, destination).id,
        }
    )


def _revert(call: ApiCall) -> Response:
    fields = call.json(ref=str, parent_number=int)
    _operations(call).revert(
        call.path("branch"),
        fields["ref"],
        fields["parent_number"],
        _draft(fields.get("commit_overrides") or {}),
        allow_empty=bool(fields.get("allow_empty")),
    )
    return empty()


def _cherry_pick(call: ApiCall) -> Response:
    fields = call.json(ref=str)
    draft = _draft(fields.get("commit_overrides") or {})
    commit = _operations(call).cherry_pick(call.path("branch"), fields["ref"], fields.get("parent_number"), draft)
    return answer(describe_commit(commit), 201)


def _list_branches(call: ApiCall) -> Response:
    branches = call.repository.branches
    return page_by_name(call, {name: _describe_ref(name, branches[name].head.id) for name in list(branches)})


def _create_branch(call: ApiCall) -> Response:
    fields = call.json(name=str, source=str)
    return PlainTextResponse(_operations(call).create_branch(fields["name"], fields["source"]).id, 201)


def _get_branch(call: ApiCall) -> Response:
    branch = call.repository.branch(call.path("branch"))
    return answer(_describe_ref(branch.name, branch.head.id))


def _delete_branch(call: ApiCall) -> Response:
    _operations(call).delete_branch(call.path("branch"))
    return empty()


def _hard_reset(call: ApiCall) -> Response:
    _operations(call).hard_reset(call.path("branch"), call.required_query("ref"), force=call.flag("force"))
    return empty()


def _reset_changes(call: ApiCall) -> Response:
    """Take back changes that are not committed: of one object, of a prefix, or all."""
    fields = call.json(type=str)
    repository = call.repository
    with repository.lock:
        branch = repository.branch(call.path("branch"))
        changed = diff_trees(branch.head.tree, branch.tree).paths
        chosen = _chosen_paths(changed, fields["type"], str(fields.get("path") or ""))
        branch.tree = branch.tree.with_changes({path: branch.head.tree.get(path) for path in chosen})
    return empty()


def _chosen_paths(changed: list[str], kind: str, path: str) -> list[str]:
    if kind == "reset":
        return changed
    if kind == "common_prefix":
        return [changed_path for changed_path in changed if changed_path.startswith(path)]
    if kind == "object":
        return [path] if path in changed else []
    raise bad_request(f"reset type {kind!r} is not one of object, common_prefix, reset")


def _list_tags(call: ApiCall) -> Response:
    tags = dict(call.repository.tags)
    return page_by_name(call, {name: _describe_ref(name, commit_id) for name, commit_id in tags.items()})


def _create_tag(call: ApiCall) -> Response:
    fields = call.json(id=str, ref=str)
    return answer(_describe_ref(fields["id"], _operations(call).create_tag(fields["id"], fields["ref"]).id), 201)


def _get_tag(call: ApiCall) -> Response:
    name = call.path("tag")
    tags = call.repository.tags
    if name not in tags:
        raise not_found(f"tag {name}")
    return answer(_describe_ref(name, tags[name]))


def _delete_tag(call: ApiCall) -> Response:
    _operations(call).delete_tag(call.path("tag"))
    return empty()


ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("POST", f"{REPOSITORY}/branches/{{branch}}/commits"): _commit,
    ("GET", f"{REPOSITORY}/commits/{{commit}}"): _get_commit,
    ("GET", f"{REPOSITORY}/refs/{{ref}}/commits"): _log,
    ("GET", f"{REPOSITORY}/refs/{{left}}/diff/{{right}}"): _diff_refs,
    ("GET", f"{REPOSITORY}/branches/{{branch}}/diff"): _diff_branch,
    ("POST", f"{REPOSITORY}/refs/{{source}}/merge/{{destination}}"): _merge,
    ("GET", f"{REPOSITORY}/refs/{{source}}/merge/{{destination}}"): _merge_base,
    ("POST", f"{REPOSITORY}/branches/{{branch}}/revert"): _revert,
    ("POST", f"{REPOSITORY}/branches/{{branch}}/cherry-pick"): _cherry_pick,
    ("GET", f"{REPOSITORY}/branches"): _list_branches,
    ("POST", f"{REPOSITORY}/branches"): _create_branch,
    ("GET", f"{REPOSITORY}/branches/{{branch}}"): _get_branch,
    ("PUT", f"{REPOSITORY}/branches/{{branch}}"): _reset_changes,
    ("DELETE", f"{REPOSITORY}/branches/{{branch}}"): _delete_branch,
    ("PUT", f"{REPOSITORY}/branches/{{branch}}/hard_reset"): _hard_reset,
    ("GET", f"{REPOSITORY}/tags"): _list_tags,
    ("POST", f"{REPOSITORY}/tags"): _create_tag,
    ("GET", f"{REPOSITORY}/tags/{{tag}}"): _get_tag,
    ("DELETE", f"{REPOSITORY}/tags/{{tag}}"): _delete_tag,
}
