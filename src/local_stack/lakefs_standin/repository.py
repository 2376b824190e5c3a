"""A repository: its commits, branches and tags, and the refs that name them."""

import heapq
import re
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import repeat

from local_stack.lakefs_standin.errors import bad_request, conflict, not_found
from local_stack.lakefs_standin.object_tree import ObjectTree

REPOSITORY_NAME = re.compile(r"^[a-z0-9][a-z0-9-]{2,62}$")
BRANCH_NAME = re.compile(r"^\w[-\w]*$", re.ASCII)
TAG_NAME = re.compile(r"^[^\s/][^\s]*$")
REF = re.compile(r"^(?P<name>[^~^@$]+)(?P<at>[@$]?)(?P<steps>([~^][0-9]*)*)$")
SHORTEST_COMMIT_PREFIX = 6
LONGEST_STEP = 9  # characters: more ancestors than any branch has


@dataclass(frozen=True, kw_only=True, eq=False)
class Commit:
    """One commit. `created` is in seconds since the epoch; `generation` is 1 + the parents' maximum."""

    id: str
    parents: tuple[str, ...]
    committer: str
    message: str
    created: int
    metadata: Mapping[str, str]
    generation: int
    meta_range_id: str
    tree: ObjectTree


@dataclass(kw_only=True, eq=False)
class Branch:
    """A branch: the commit it is at, and its tree with the changes that are not committed yet."""

    name: str
    head: Commit
    tree: ObjectTree


@dataclass(frozen=True, kw_only=True)
class CommitDraft:
    """What a commit will say, before it exists. `created` None means now."""

    message: str
    committer: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    created: int | None = None


class Repository:
    """The state of one repository. Hold `lock` around everything that reads, decides and writes."""

    def __init__(self, *, name: str, storage_namespace: str, default_branch: str, committer: str) -> None:
        check_name(REPOSITORY_NAME, name, "repository name")
        check_name(BRANCH_NAME, default_branch, "branch name")
        self.name = name
        self.storage_namespace = storage_namespace
        self.default_branch = default_branch
        self.created = int(time.time())
        self.lock = threading.RLock()
        self.commits: dict[str, Commit] = {}
        self.tags: dict[str, str] = {}
        first = self.add_commit((), ObjectTree(), CommitDraft(message="Repository created", committer=committer))
        self.branches = {default_branch: Branch(name=default_branch, head=first, tree=first.tree)}

    def add_commit(self, parents: tuple[Commit, ...], tree: ObjectTree, draft: CommitDraft) -> Commit:
        """Make a commit and keep it; no branch moves."""
        commit = self.draft_commit(parents, tree, draft)
        self.commits[commit.id] = commit
        return commit

    def draft_commit(self, parents: tuple[Commit, ...], tree: ObjectTree, draft: CommitDraft) -> Commit:
        """Make a commit that nothing can find yet, for hooks that run before it is kept."""
        return Commit(
            id=secrets.token_hex(32),
            parents=tuple(parent.id for parent in parents),
            committer=draft.committer,
            message=draft.message,
            created=int(time.time()) if draft.created is None else draft.created,
            metadata=dict(draft.metadata),
            generation=1 + max((parent.generation for parent in parents), default=0),
            meta_range_id=secrets.token_hex(32),
            tree=tree,
        )

    def branch(self, name: str) -> Branch:
        """The branch of this name. Raises RequestError 404."""
        if name not in self.branches:
            raise not_found(f"branch {name}")
        return self.branches[name]

    def add_branch(self, name: str, commit: Commit) -> Branch:
        """A new branch at the commit. Raises RequestError 400 on the name, 409 where it is taken."""
        check_name(BRANCH_NAME, name, "branch name")
        if name in self.branches or name in self.tags:
            raise conflict(f"branch already exists: {name}")
        self.branches[name] = Branch(name=name, head=commit, tree=commit.tree)
        return self.branches[name]

    def commit_at(self, ref: str) -> Commit:
        """The commit that a ref names: a branch's head, a tag, an id or its unique beginning, with ~N, ^N.

        Raises RequestError 404, or 400 where the ref cannot be read.
        """
        match = REF.match(ref)
        if match is None:
            raise bad_request(f"ref {ref!r} is not valid")
        commit = self._named_commit(match["name"])
        for step in re.findall(r"[~^][0-9]*", match["steps"]):
            commit = self._ancestor(commit, step)
        return commit

    def tree_at(self, ref: str) -> ObjectTree:
        """The objects that a ref shows: a branch shows what is not committed yet, too."""
        if ref.removesuffix("$") in self.branches:
            return self.branches[ref.removesuffix("$")].tree
        return self.commit_at(ref).tree

    def committed_addresses(self) -> set[str]:
        """Where the bytes of every object of every commit are."""
        return {address for commit in self.commits.values() for address in commit.tree.addresses()}

    def branch_addresses(self) -> set[str]:
        """Where the bytes of what the branches show are: their heads, and what is not committed yet."""
        trees = [tree for branch in self.branches.values() for tree in (branch.head.tree, branch.tree)]
        return {address for tree in trees for address in tree.addresses()}

    def _named_commit(self, name: str) -> Commit:
        if name in self.branches:
            return self.branches[name].head
        commit_id = self.tags.get(name, name)
        if commit_id in self.commits:
            return self.commits[commit_id]
        if len(name) >= SHORTEST_COMMIT_PREFIX:
            found = [commit for key, commit in self.commits.items() if key.startswith(name)]
            if len(found) == 1:
                return found[0]
        raise not_found(f"ref {name}")

    def _ancestor(self, commit: Commit, step: str) -> Commit:
        if len(step) > LONGEST_STEP:
            raise not_found(f"ancestor {step[:LONGEST_STEP]}… of commit {commit.id}")
        number = int(step[1:] or 1)
        positions = repeat(0, number) if step[0] == "~" else repeat(number - 1, int(number > 0))
        for position in positions:
            if position >= len(commit.parents):
                raise not_found(f"parent {position + 1} of commit {commit.id}")
            commit = self.commits[commit.parents[position]]
        return commit

    def history(self, start: Commit, *, first_parent: bool = False) -> Iterator[Commit]:
        """The commit and all that it descends from, later generations first."""
        queue = [(-start.generation, 0, start)]
        seen = {start.id}
        while queue:
            commit = heapq.heappop(queue)[2]
            yield commit
            for parent in commit.parents[:1] if first_parent else commit.parents:
                if parent not in seen:
                    seen.add(parent)
                    ancestor = self.commits[parent]
                    heapq.heappush(queue, (-ancestor.generation, len(seen), ancestor))

    def merge_base(self, left: Commit, right: Commit) -> Commit:
        """The common ancestor of the highest generation. Raises RequestError 404 where there is none."""
        ancestors = {commit.id for commit in self.history(left)}
        for commit in self.history(right):
            if commit.id in ancestors:
                return commit
        raise not_found(f"merge base of {left.id} and {right.id}")


def check_name(pattern: re.Pattern[str], name: str, what: str) -> None:
    """Raise RequestError 400 where the name does not have the pattern's form."""
    if not pattern.match(name):
        raise bad_request(f"argument {what}: {name!r} must match {pattern.pattern}")
