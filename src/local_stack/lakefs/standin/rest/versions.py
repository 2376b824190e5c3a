"""REST routes of commits, branches, tags, diffs and merges."""

from collections.abc import Iterator, Mapping
from itertools import dropwhile, islice
from typing import Any

from starlette.responses import PlainTextResponse, Response

from local_stack.lakefs.standin.errors import RequestError, bad_request, not_in_the_stand_in
from local_stack.lakefs.standin.rest.call import ApiCall, Endpoint, answer, empty, page, page_by_name
from local_stack.lakefs.standin.versions.listings import branch_diff_page, refs_diff_page
from local_stack.lakefs.standin.versions.merging import STRATEGIES
from local_stack.lakefs.standin.versions.object_tree import ObjectTree
from local_stack.lakefs.standin.versions.operations import MergeRequest, Operations
from local_stack.lakefs.standin.versions.repository import Commit, CommitDraft, Repository
from local_stack.lakefs.standin.versions.store import (
    CREATE_BRANCH,
    DELETE_BRANCH,
    LIST_BRANCHES,
    LIST_OBJECTS,
    USER_NAME,
)
from local_stack.lakefs.standin.versions.tree_changes import diff_trees

REPOSITORY = "/repositories/{repository}"
LATEST_SECOND = 253_402_300_799  # of the year 9999


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


def _draft(fields: Mapping[str, Any], created: int | None = None) -> CommitDraft:
    if created is not None and not 0 <= created <= LATEST_SECOND:
        raise bad_request(f"date: the stand-in of lakeFS takes none before 1970 or after the year 9999, not {created}")
    return CommitDraft(
        message=fields.get("message", ""),
        committer=USER_NAME,
        metadata=fields.get("metadata", {}),
        created=created,
    )


def _commit(call: ApiCall) -> Response:
    fields = call.fields("CommitCreation")
    draft = _draft(fields, fields.get("date"))
    commit = _operations(call).commit(call.path("branch"), draft, allow_empty=fields["allow_empty"])
    return answer(describe_commit(commit), 201)


def _get_commit(call: ApiCall) -> Response:
    return answer(describe_commit(call.repository.commit_at(call.path("commit"), missing="commit not found")))


def _log(call: ApiCall) -> Response:
    amount, first_parent, after = call.amount(), call.flag("first_parent"), call.query("after")
    for name in ("since", "stop_at", "limit"):
        if name in call.request.query_params:
            raise not_in_the_stand_in(f"query argument {name} of a log")
    if call.request.query_params.get("after") == "":
        raise not_in_the_stand_in("an empty query argument after of a log")
    objects, prefixes = (call.request.query_params.getlist(name) for name in ("objects", "prefixes"))
    repository = call.repository
    start = repository.commit_at(call.path("ref"), missing="ref: not found")
    history = repository.history(start, first_parent=first_parent)
    if after:
        history = _history_after(repository, history, after)
    if objects or prefixes:
        history = (commit for commit in history if _touches(repository, commit, objects, prefixes))
    shown = list(islice(history, amount + 1))
    return page(
        [describe_commit(commit) for commit in shown[:amount]],
        has_more=len(shown) > amount,
        next_offset=shown[amount - 1].id if len(shown) > amount else "",
    )


def _history_after(repository: Repository, history: Iterator[Commit], after: str) -> Iterator[Commit]:
    last = repository.commit_at(after, missing="from ref: not found")
    return islice(dropwhile(lambda commit: commit is not last, history), 1, None)


def _touches(repository: Repository, commit: Commit, objects: list[str], prefixes: list[str]) -> bool:
    """Whether a commit changed one of the objects, or one below the prefixes, against its first parent."""
    before = repository.commits[commit.parents[0]].tree if commit.parents else ObjectTree()
    changed = diff_trees(before, commit.tree).changes
    return any(path in changed for path in objects) or any(path.startswith(tuple(prefixes)) for path in changed)


def _diff_refs(call: ApiCall) -> Response:
    call.check_allowed(LIST_OBJECTS)
    diff_type = call.query("type", "three_dot")
    return answer(refs_diff_page(call.repository, call.path("left"), call.path("right"), call.window(), diff_type))


def _diff_branch(call: ApiCall) -> Response:
    call.check_allowed(LIST_OBJECTS)
    return answer(branch_diff_page(call.repository, call.path("branch"), call.window()))


def _merge(call: ApiCall) -> Response:
    fields = call.fields("Merge", required=False)
    strategy = fields.get("strategy") or "default"
    if strategy not in STRATEGIES:
        raise bad_request("argument strategy: invalid value: validation error")
    commit = _operations(call).merge(
        MergeRequest(
            source=call.path("source"),
            destination=call.path("destination"),
            draft=_draft(fields),
            strategy=strategy,
            squash=fields["squash_merge"],
            allow_empty=fields["allow_empty"] or fields["force"],
        )
    )
    return answer({"reference": commit.id})


def _merge_base(call: ApiCall) -> Response:
    """The merge base. A lakeFS server calls the source `destination` in its answer, and the destination `source`."""
    source_ref, destination_ref = call.path("source"), call.path("destination")
    repository = call.repository
    source = repository.commit_at(source_ref, missing=f"get commit by branch {source_ref}: not found")
    destination = repository.commit_at(destination_ref, missing=f"get commit by ref {destination_ref}: not found")
    return answer(
        {
            "source_commit_id": destination.id,
            "destination_commit_id": source.id,
            "base_commit_id": repository.merge_base(source, destination).id,
        }
    )


def _revert(call: ApiCall) -> Response:
    fields = call.fields("RevertCreation")
    _operations(call).revert(
        call.path("branch"),
        fields["ref"],
        fields["parent_number"],
        _draft(fields.get("commit_overrides", {})),
        allow_empty=fields["allow_empty"],
    )
    return empty()


def _cherry_pick(call: ApiCall) -> Response:
    fields = call.fields("CherryPickCreation")
    draft = _draft(fields.get("commit_overrides", {}))
    commit = _operations(call).cherry_pick(call.path("branch"), fields["ref"], fields.get("parent_number"), draft)
    return answer(describe_commit(commit), 201)


def _list_branches(call: ApiCall) -> Response:
    call.check_allowed(LIST_BRANCHES)
    branches = call.repository.branches
    return page_by_name(call, {name: _describe_ref(name, branches[name].head.id) for name in list(branches)})


def _create_branch(call: ApiCall) -> Response:
    fields = call.fields("BranchCreation")
    if fields["hidden"]:
        raise not_in_the_stand_in("a hidden branch")
    call.check_allowed(CREATE_BRANCH)
    return PlainTextResponse(_operations(call).create_branch(fields["name"], fields["source"]).id, 201)


def _get_branch(call: ApiCall) -> Response:
    branch = call.repository.branch(call.path("branch"))
    return answer(_describe_ref(branch.name, branch.head.id))


def _delete_branch(call: ApiCall) -> Response:
    call.check_allowed(DELETE_BRANCH)
    _operations(call).delete_branch(call.path("branch"))
    return empty()


def _hard_reset(call: ApiCall) -> Response:
    ref, _ = call.required_query("ref"), call.flag("force")
    _operations(call).hard_reset(call.path("branch"), ref)
    return empty()


def _reset_changes(call: ApiCall) -> Response:
    """Take back changes that are not committed: of one object, of a prefix, or all."""
    fields = call.fields("ResetCreation")
    repository = call.repository
    with repository.lock:
        branch = repository.branch(call.path("branch"))
        changed = diff_trees(branch.head.tree, branch.tree).paths
        chosen = _chosen_paths(changed, fields["type"], fields.get("path", ""))
        branch.tree = branch.tree.with_changes({path: branch.head.tree.get(path) for path in chosen})
    return empty()


def _chosen_paths(changed: list[str], kind: str, path: str) -> list[str]:
    if kind == "reset":
        return changed
    if kind == "common_prefix":
        return [changed_path for changed_path in changed if changed_path.startswith(path)]
    return [path] if path in changed else []


def _list_tags(call: ApiCall) -> Response:
    tags = dict(call.repository.tags)
    return page_by_name(call, {name: _describe_ref(name, commit_id) for name, commit_id in tags.items()})


def _create_tag(call: ApiCall) -> Response:
    fields = call.fields("TagCreation")
    return answer(_describe_ref(fields["id"], _operations(call).create_tag(fields["id"], fields["ref"]).id), 201)


def _get_tag(call: ApiCall) -> Response:
    name = call.path("tag")
    tags = call.repository.tags
    if name not in tags:
        raise RequestError(404, "tag not found")
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
