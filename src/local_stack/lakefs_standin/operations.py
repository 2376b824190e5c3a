"""The operations that fire events: commit, merge, revert, cherry-pick, and making and deleting branches and tags."""

from dataclasses import dataclass, replace

from local_stack.lakefs_standin.errors import RequestError, bad_request, conflict, not_found
from local_stack.lakefs_standin.events import CommitRecord, Event, Hooks, new_run_id, record_of, record_of_draft
from local_stack.lakefs_standin.merging import MergeConflictError, Strategy, merge_trees
from local_stack.lakefs_standin.object_tree import ObjectTree
from local_stack.lakefs_standin.repository import TAG_NAME, Branch, Commit, CommitDraft, Repository, check_name
from local_stack.lakefs_standin.tree_changes import diff_trees

MERGE_STRATEGY_KEY = ".lakefs.merge.strategy"


@dataclass(frozen=True, kw_only=True)
class MergeRequest:
    """A merge of a ref into a branch, as the client asks for it."""

    source: str
    destination: str
    draft: CommitDraft
    strategy: Strategy = "default"
    squash: bool = False
    allow_empty: bool = False


class Operations:
    """The operations on one repository, with its hooks around them."""

    def __init__(self, repository: Repository, hooks: Hooks) -> None:
        self._repository = repository
        self._hooks = hooks

    def commit(self, branch_name: str, draft: CommitDraft, *, allow_empty: bool = False) -> Commit:
        """Commit the branch's changes. Raises RequestError 400 where there are none."""
        branch = self._repository.branch(branch_name)
        self._before("prepare-commit", branch.tree, branch_name, record_of_draft(draft))
        head, tree = branch.head, branch.tree
        if not allow_empty and not diff_trees(head.tree, tree).paths:
            raise bad_request("commit: no changes")
        commit = self._repository.draft_commit((head,), tree, draft)
        before = self._before("pre-commit", tree, branch_name, record_of_draft(draft, (head.id,)))
        return self._land(branch, head, commit, before)

    def merge(self, request: MergeRequest) -> Commit:
        """Merge a ref into a branch. Raises RequestError 409 on conflicts, 400 where nothing differs."""
        repository = self._repository
        source = repository.commit_at(request.source)
        branch = self._clean_branch(request.destination, "merge")
        head = branch.head
        if not request.allow_empty and not diff_trees(source.tree, head.tree).paths:
            raise bad_request("merge: no changes")
        base = repository.merge_base(source, head)
        tree = _merged(base.tree, source.tree, head.tree, request.strategy)
        parents = (head,) if request.squash else (head, source)
        metadata = {**request.draft.metadata, MERGE_STRATEGY_KEY: request.strategy}
        message = request.draft.message or f"Merge '{request.source}' into '{request.destination}'"
        commit = repository.draft_commit(parents, tree, replace(request.draft, message=message, metadata=metadata))
        before = Event(
            type="pre-merge",
            repository=repository,
            tree=source.tree,
            source_ref=source.id,
            run_id=new_run_id(),
            branch_id=branch.name,
            commit_id=commit.id,
            merge_source=request.source,
            commit=record_of(commit),
        )
        self._hooks.run_before(before)
        return self._land(branch, head, commit, before)

    def revert(
        self, branch_name: str, ref: str, parent_number: int, draft: CommitDraft, *, allow_empty: bool = False
    ) -> Commit:
        """Commit the opposite of a commit. For a merge commit, `parent_number` (from 1) says which side stays."""
        reverted = self._repository.commit_at(ref)
        branch = self._clean_branch(branch_name, "revert")
        parent = self._parent(reverted, parent_number)
        tree = _merged(reverted.tree, parent.tree, branch.head.tree)
        draft = replace(draft, message=draft.message or f"Revert {reverted.id}")
        return self._apply("revert", branch, tree, draft, allow_empty=allow_empty)

    def cherry_pick(self, branch_name: str, ref: str, parent_number: int | None, draft: CommitDraft) -> Commit:
        """Commit what a commit changed against its parent (the first, unless told) onto the branch."""
        picked = self._repository.commit_at(ref)
        branch = self._clean_branch(branch_name, "cherry-pick")
        parent = self._parent(picked, parent_number or (1 if len(picked.parents) > 1 else 0))
        tree = _merged(parent.tree, picked.tree, branch.head.tree)
        metadata = {
            **picked.metadata,
            **draft.metadata,
            "cherry-pick-origin": picked.id,
            "cherry-pick-committer": picked.committer,
        }
        draft = replace(draft, message=draft.message or picked.message, metadata=metadata)
        return self._apply("cherry-pick", branch, tree, draft, allow_empty=False)

    def create_branch(self, name: str, source: str) -> Commit:
        """A new branch at a ref; where it starts. Raises RequestError 409 where the name is taken."""
        repository = self._repository
        commit = repository.commit_at(source)
        if name in repository.branches:
            raise conflict(f"branch already exists: {name}")
        before = self._event("pre-create-branch", commit.tree, source, branch_id=name, commit_id=commit.id)
        self._hooks.run_before(before)
        with repository.lock:
            repository.add_branch(name, commit)
        self._after(before)
        return commit

    def delete_branch(self, name: str) -> None:
        """Delete a branch; its commits stay. The default branch cannot go."""
        repository = self._repository
        head = repository.branch(name).head
        if name == repository.default_branch:
            raise bad_request("cannot delete repository default branch")
        before = self._event("pre-delete-branch", head.tree, head.id, branch_id=name)
        self._hooks.run_before(before)
        with repository.lock:
            repository.branches.pop(name, None)
        self._after(before)

    def create_tag(self, name: str, ref: str) -> Commit:
        """A new tag at a ref. Raises RequestError 409 where the name is taken."""
        repository = self._repository
        check_name(TAG_NAME, name, "tag name")
        commit = repository.commit_at(ref)
        if name in repository.tags or name in repository.branches:
            raise conflict(f"tag already exists: {name}")
        before = self._event("pre-create-tag", commit.tree, commit.id, tag_id=name, commit_id=commit.id)
        self._hooks.run_before(before)
        with repository.lock:
            repository.tags[name] = commit.id
        self._after(before)
        return commit

    def delete_tag(self, name: str) -> None:
        """Delete a tag. Raises RequestError 404 where there is none."""
        repository = self._repository
        if name not in repository.tags:
            raise not_found(f"tag {name}")
        commit = repository.commits[repository.tags[name]]
        before = self._event("pre-delete-tag", commit.tree, commit.id, tag_id=name, commit_id=commit.id)
        self._hooks.run_before(before)
        with repository.lock:
            repository.tags.pop(name, None)
        self._after(before)

    def hard_reset(self, branch_name: str, ref: str, *, force: bool = False) -> None:
        """Put the branch at a ref, telling nobody."""
        repository = self._repository
        commit = repository.commit_at(ref)
        branch = repository.branch(branch_name) if force else self._clean_branch(branch_name, "hard reset")
        with repository.lock:
            branch.head, branch.tree = commit, commit.tree

    def _apply(
        self, operation: str, branch: Branch, tree: ObjectTree, draft: CommitDraft, *, allow_empty: bool
    ) -> Commit:
        head = branch.head
        if not allow_empty and not diff_trees(head.tree, tree).paths:
            raise bad_request(f"{operation}: no changes")
        commit = self._repository.draft_commit((head,), tree, draft)
        before = self._before(f"pre-{operation}", head.tree, branch.name, record_of(commit))
        return self._land(branch, head, commit, before)

    def _before(self, event_type: str, tree: ObjectTree, branch_name: str, record: CommitRecord) -> Event:
        event = replace(self._event(event_type, tree, branch_name, branch_id=branch_name), commit=record)
        self._hooks.run_before(event)
        return event

    def _land(self, branch: Branch, head: Commit, commit: Commit, before: Event) -> Commit:
        """Move the branch to its new commit, and tell."""
        repository = self._repository
        with repository.lock:
            if branch.head is not head or repository.branches.get(branch.name) is not branch:
                raise conflict(f"branch {branch.name} moved meanwhile; try again")
            if before.type != "pre-commit":  # a commit leaves the branch's objects as they are
                self._check_clean(branch, before.type.removeprefix("pre-"))
                branch.tree = commit.tree
            repository.commits[commit.id] = commit
            branch.head = commit
        record = record_of(commit)
        self._after(replace(before, tree=commit.tree, source_ref=commit.id, commit_id=commit.id, commit=record))
        return commit

    def _after(self, before: Event) -> None:
        event_type = "post-" + before.type.removeprefix("pre-")
        self._hooks.run_after(replace(before, type=event_type, run_id=new_run_id(), pre_run_id=before.run_id))

    def _event(
        self,
        event_type: str,
        tree: ObjectTree,
        source_ref: str,
        *,
        branch_id: str = "",
        commit_id: str = "",
        tag_id: str = "",
    ) -> Event:
        return Event(
            type=event_type,
            repository=self._repository,
            tree=tree,
            source_ref=source_ref,
            run_id=new_run_id(),
            branch_id=branch_id,
            commit_id=commit_id,
            tag_id=tag_id,
        )

    def _clean_branch(self, name: str, operation: str) -> Branch:
        branch = self._repository.branch(name)
        self._check_clean(branch, operation)
        return branch

    @staticmethod
    def _check_clean(branch: Branch, operation: str) -> None:
        if diff_trees(branch.head.tree, branch.tree).paths:
            raise bad_request(f"{operation}: uncommitted changes (dirty branch)")

    def _parent(self, commit: Commit, number: int) -> Commit:
        """The parent to compare a commit with; `number` 0 is right only where there is one parent."""
        if number == 0 and len(commit.parents) != 1:
            raise bad_request(f"commit {commit.id} has {len(commit.parents)} parents: give the parent number")
        if number > len(commit.parents):
            raise bad_request(f"commit {commit.id} has no parent number {number}")
        return self._repository.commits[commit.parents[max(number, 1) - 1]]


def _merged(
    base: ObjectTree, source: ObjectTree, destination: ObjectTree, strategy: Strategy = "default"
) -> ObjectTree:
    try:
        return merge_trees(base=base, source=source, destination=destination, strategy=strategy)
    except MergeConflictError as error:
        raise RequestError(409, f"Conflict: {', '.join(error.paths[:10])}") from error
