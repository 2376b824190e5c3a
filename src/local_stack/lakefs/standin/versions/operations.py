"""The operations that fire events: commit, merge, revert, cherry-pick, and making and deleting branches and tags."""

from dataclasses import dataclass, replace

from local_stack.lakefs.standin.errors import RequestError, bad_request, conflict, forbidden
from local_stack.lakefs.standin.versions.events import (
    CommitRecord,
    Event,
    Hooks,
    new_run_id,
    record_of,
    record_of_draft,
)
from local_stack.lakefs.standin.versions.merging import MergeConflictError, Strategy, merge_contents
from local_stack.lakefs.standin.versions.object_tree import ObjectTree
from local_stack.lakefs.standin.versions.repository import (
    EMPTY,
    Branch,
    Commit,
    CommitDraft,
    Content,
    Repository,
    check_branch_name,
    check_tag_name,
)
from local_stack.lakefs.standin.versions.tree_changes import diff_trees

MERGE_STRATEGY_KEY = ".lakefs.merge.strategy"
NO_CHANGES = "update branch: no changes"


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
        repository = self._repository
        if branch_name not in repository.branches:  # what a server finds out when it looks for hooks
            raise RequestError(
                404,
                f"prepare-commit hook aborted, run id '{new_run_id()}': list actions from commit: listing actions: "
                "not found",
            )
        branch = repository.branch(branch_name)
        repository.check_unprotected(branch_name, "commit to")
        self._before("prepare-commit", branch.tree, branch_name, record_of_draft(draft))
        head, tree = branch.head, branch.tree
        if not allow_empty and not diff_trees(head.tree, tree).paths:
            raise bad_request("commit: no changes")
        commit = repository.draft_commit((head,), Content.of(tree), draft)
        before = self._before("pre-commit", tree, branch_name, record_of_draft(draft, (head.id,)))
        return self._land(branch, head, commit, before)

    def merge(self, request: MergeRequest) -> Commit:
        """Merge a ref into a branch. Raises RequestError 409 on conflicts, 400 where the source changed nothing."""
        repository = self._repository
        target = f"update branch {request.destination}"
        branch = self._clean_branch(request.destination)
        missing = f"{target}: get commit by ref {request.source}: not found"
        source, head = repository.commit_at(request.source, missing=missing), branch.head
        content = self._merged_content(source, head, request.strategy)
        if content is None and not request.allow_empty:
            raise bad_request(f"{target}: no changes")
        metadata = {**request.draft.metadata, MERGE_STRATEGY_KEY: request.strategy}
        message = request.draft.message or f"Merge '{request.source}' into '{request.destination}'"
        commit = repository.draft_commit(
            (head,) if request.squash else (head, source),
            content or head.content,
            replace(request.draft, message=message, metadata=metadata),
            after=(source,),
        )
        event = self._event("pre-merge", source.tree, source.id, branch_id=branch.name, commit_id=commit.id)
        before = replace(event, merge_source=request.source, commit=record_of(commit))
        self._hooks.run_before(before)
        return self._land(branch, head, commit, before)

    def revert(
        self, branch_name: str, ref: str, parent_number: int, draft: CommitDraft, *, allow_empty: bool = False
    ) -> Commit:
        """Commit the opposite of a commit. For a merge commit, `parent_number` (from 1) says which side stays.

        The first commit of a repository has no parent, and can be reverted all the same: to nothing. Raises
        RequestError 409 on conflicts, 400 where nothing comes of it.
        """
        repository = self._repository
        repository.check_unprotected(branch_name, "commit to")
        reverted = repository.commit_at(ref, missing=f"get commit from ref {ref}: not found")
        branch = self._clean_branch(branch_name)
        if parent_number == 0 and len(reverted.parents) > 1:
            raise conflict("must specify 1-based parent number for reverting merge commit")
        content = _merged(reverted.content, self._parent(reverted, parent_number), branch.head)
        unchanged = content is None or content.meta_range_id == branch.head.meta_range_id
        if unchanged and not allow_empty:
            raise bad_request(NO_CHANGES)
        draft = replace(draft, message=draft.message or f"Revert {reverted.id}")
        return self._apply("revert", branch, content or branch.head.content, draft)

    def cherry_pick(self, branch_name: str, ref: str, parent_number: int | None, draft: CommitDraft) -> Commit:
        """Commit what a commit changed against its parent (the first, unless told) onto the branch.

        What is there already makes an empty commit. Raises RequestError 409 on conflicts, 400 where the commit itself
        changed nothing.
        """
        repository = self._repository
        repository.check_unprotected(branch_name, "commit to")
        picked = repository.commit_at(ref, missing=f"get commit from ref {ref}: not found")
        branch = self._clean_branch(branch_name)
        content = _merged(self._parent(picked, parent_number or 0), picked.content, branch.head)
        if content is None:
            raise bad_request(NO_CHANGES)
        metadata = {
            **(draft.metadata or picked.metadata),
            "cherry-pick-origin": picked.id,
            "cherry-pick-committer": picked.committer,
        }
        draft = replace(draft, message=draft.message or picked.message, metadata=metadata)
        return self._apply("cherry-pick", branch, content, draft)

    def create_branch(self, name: str, source: str) -> Commit:
        """A new branch at a ref; where it starts. Raises RequestError 409 where the name is taken."""
        repository = self._repository
        check_branch_name(name)
        commit = repository.commit_at(source, missing=f"source reference '{source}': not found")
        if name in repository.branches:
            raise conflict("branch already exists: not unique")
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
            raise forbidden("cannot delete repository default branch")
        repository.check_unprotected(name, "delete")
        before = self._event("pre-delete-branch", head.tree, head.id, branch_id=name)
        self._hooks.run_before(before)
        with repository.lock:
            repository.branches.pop(name, None)
        self._after(before)

    def create_tag(self, name: str, ref: str) -> Commit:
        """A new tag at a ref. Raises RequestError 409 where the name is taken."""
        repository = self._repository
        check_tag_name(name)
        commit = repository.commit_at(ref)
        if name in repository.tags or name in repository.branches:
            raise conflict("tag already exists: not unique")
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
            raise RequestError(404, "tag not found")
        commit = repository.commits[repository.tags[name]]
        before = self._event("pre-delete-tag", commit.tree, commit.id, tag_id=name, commit_id=commit.id)
        self._hooks.run_before(before)
        with repository.lock:
            repository.tags.pop(name, None)
        self._after(before)

    def hard_reset(self, branch_name: str, ref: str) -> None:
        """Put the branch at a ref, telling nobody. What is not committed stays so, on top of it."""
        repository = self._repository
        commit = repository.commit_at(ref, missing=f"hard-reset {branch_name} to {ref}: not found")
        repository.check_unprotected(branch_name, "write to")
        with repository.lock:
            branch = repository.branch(branch_name)
            changed = diff_trees(branch.head.tree, branch.tree).paths
            staged = {path: branch.tree.get(path) for path in changed}
            branch.head, branch.tree = commit, commit.tree.with_changes(staged)

    def _apply(self, operation: str, branch: Branch, content: Content, draft: CommitDraft) -> Commit:
        head = branch.head
        commit = self._repository.draft_commit((head,), content, draft)
        before = self._before(f"pre-{operation}", head.tree, branch.name, record_of(commit))
        return self._land(branch, head, commit, before)

    def _before(self, event_type: str, tree: ObjectTree, branch_name: str, record: CommitRecord) -> Event:
        event = replace(self._event(event_type, tree, branch_name, branch_id=branch_name), commit=record)
        self._hooks.run_before(event)
        return event

    def _merged_content(self, source: Commit, head: Commit, strategy: Strategy) -> Content | None:
        """What the merge makes of the branch, or None where it changes nothing. Raises RequestError 409."""
        base = self._repository.merge_base(source, head)
        try:
            return merge_contents(base=base.content, source=source.content, destination=head.content, strategy=strategy)
        except MergeConflictError as error:
            raise RequestError(409, "conflict", {"reference": ""}) from error

    def _land(self, branch: Branch, head: Commit, commit: Commit, before: Event) -> Commit:
        """Move the branch to its new commit, and tell."""
        repository = self._repository
        with repository.lock:
            if branch.head is not head or repository.branches.get(branch.name) is not branch:
                raise conflict(f"branch {branch.name} moved meanwhile; try again")
            if before.type != "pre-commit":  # a commit leaves the branch's objects as they are
                self._check_clean(branch)
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

    def _clean_branch(self, name: str) -> Branch:
        branch = self._repository.branch(name)
        self._check_clean(branch)
        return branch

    @staticmethod
    def _check_clean(branch: Branch) -> None:
        if diff_trees(branch.head.tree, branch.tree).paths:
            raise bad_request("uncommitted changes (dirty branch)")

    def _parent(self, commit: Commit, number: int) -> Content:
        """What the parent holds that a commit is compared with; number 0 is the first, nothing where there is none."""
        if number < 0 or number > len(commit.parents):
            raise bad_request(f"given commit does not have the given parent number: parent {number}")
        return self._repository.commits[commit.parents[max(number, 1) - 1]].content if commit.parents else EMPTY


def _merged(base: Content, source: Content, head: Commit) -> Content | None:
    try:
        return merge_contents(base=base, source=source, destination=head.content)
    except MergeConflictError as error:
        raise conflict("update branch: conflict found") from error
