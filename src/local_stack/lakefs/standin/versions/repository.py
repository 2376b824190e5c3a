"""A repository: its commits, branches and tags, and the refs that name them."""

import heapq
import re
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from local_stack.lakefs.standin.errors import RequestError, bad_request, conflict, forbidden, invalid_value, not_found
from local_stack.lakefs.standin.versions.object_tree import ObjectTree

REPOSITORY_NAME = re.compile(r"[a-z0-9][a-z0-9-]{2,62}\Z")
BRANCH_NAME = re.compile(r"\w[-\w]*\Z", re.ASCII)
TAG_NAME = re.compile(r"[^\s/]\S*\Z")
REF_NAME = re.compile(r"[^~^@$]")
REF_PART = re.compile(r"[~^@$]?[^~^@$]+|[~^@$]")
STEP = re.compile(r"[~^][0-9]{0,9}\Z", re.ASCII)
COMMIT_PREFIX = re.compile(r"[0-9a-f]{2,64}\Z")
INVALID_REF = "ref: invalid value: validation error"


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a commit holds. Two trees with the same objects have one meta range, but for the empty one that a
    repository begins with: it has none."""

    tree: ObjectTree
    meta_range_id: str

    @classmethod
    def of(cls, tree: ObjectTree) -> "Content":
        """A tree that was put together, as a commit holds it."""
        return cls(tree=tree, meta_range_id=tree.digest)


EMPTY = Content(tree=ObjectTree(), meta_range_id="")


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

    @property
    def content(self) -> Content:
        """What it holds."""
        return Content(tree=self.tree, meta_range_id=self.meta_range_id)


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

    def __init__(self, *, name: str, storage_namespace: str, default_branch: str) -> None:
        """Raises RequestError on the default branch's name."""
        check_branch_name(default_branch)
        self.name = name
        self.storage_namespace = storage_namespace
        self.default_branch = default_branch
        self.created = int(time.time())
        self.lock = threading.RLock()
        self.commits: dict[str, Commit] = {}
        self.tags: dict[str, str] = {}
        self.protected: list[str] = []
        first = self.draft_commit((), EMPTY, CommitDraft(message="Repository created", committer=""))
        self.commits[first.id] = first
        self.branches = {default_branch: Branch(name=default_branch, head=first, tree=first.tree)}

    def add_commit(self, parents: tuple[Commit, ...], tree: ObjectTree, draft: CommitDraft) -> Commit:
        """Make a commit and keep it; no branch moves."""
        commit = self.draft_commit(parents, Content.of(tree), draft)
        self.commits[commit.id] = commit
        return commit

    def draft_commit(
        self, parents: tuple[Commit, ...], content: Content, draft: CommitDraft, *, after: tuple[Commit, ...] = ()
    ) -> Commit:
        """Make a commit that nothing can find yet, for hooks that run before it is kept.

        `after` are commits that it comes after although they are none of its parents.
        """
        return Commit(
            id=secrets.token_hex(32),
            parents=tuple(parent.id for parent in parents),
            committer=draft.committer,
            message=draft.message,
            created=int(time.time()) if draft.created is None else draft.created,
            metadata=dict(draft.metadata),
            generation=1 + max((earlier.generation for earlier in (*parents, *after)), default=0),
            meta_range_id=content.meta_range_id,
            tree=content.tree,
        )

    def branch(self, name: str) -> Branch:
        """The branch of this name. Raises RequestError 404."""
        if name not in self.branches:
            raise RequestError(404, "branch not found")
        return self.branches[name]

    def add_branch(self, name: str, commit: Commit) -> Branch:
        """A new branch at the commit. Raises RequestError on the name, 409 where it is taken."""
        check_branch_name(name)
        if name in self.branches or name in self.tags:
            raise conflict("branch already exists: not unique")
        self.branches[name] = Branch(name=name, head=commit, tree=commit.tree)
        return self.branches[name]

    def check_unprotected(self, branch_name: str, what: str) -> None:
        """Raise RequestError 403 where the branch is protected. `what` is what is refused, such as `write to`."""
        if any(fnmatchcase(branch_name, pattern) for pattern in self.protected):
            raise forbidden(f"cannot {what} protected branch")

    def commit_at(self, ref: str, *, missing: str = "not found") -> Commit:
        """The commit that a ref names: a branch's head, a tag, an id or its unique beginning, with ~N, ^N.

        Raises RequestError 404 with the text `missing`, or 500 where the ref cannot be read.
        """
        name, modifiers = _split_ref(ref)
        if "$" in modifiers:
            raise invalid_value(f"{INVALID_REF}: should point to a commit")
        commit = self._named_commit(name)
        if "@" in modifiers and name not in self.branches:
            raise invalid_value(INVALID_REF)
        for step in modifiers:
            if commit is not None and step != "@":
                commit = self._ancestor(commit, step)
        if commit is None:
            raise RequestError(404, missing)
        return commit

    def tree_at(self, ref: str) -> ObjectTree:
        """The objects that a ref shows: a branch shows what is not committed yet, too.

        Raises RequestError 404, or 500 where the ref cannot be read.
        """
        branch = self.branches.get(ref.removesuffix("$"))
        return self.commit_at(ref).tree if branch is None else branch.tree

    def committed_addresses(self) -> set[str]:
        """Where the bytes of every object of every commit are."""
        return {address for commit in self.commits.values() for address in commit.tree.addresses()}

    def branch_addresses(self) -> set[str]:
        """Where the bytes of what the branches show are: their heads, and what is not committed yet."""
        trees = [tree for branch in self.branches.values() for tree in (branch.head.tree, branch.tree)]
        return {address for tree in trees for address in tree.addresses()}

    def _named_commit(self, name: str) -> Commit | None:
        if name in self.branches:
            return self.branches[name].head
        commit_id = self.tags.get(name, name)
        if commit_id in self.commits or not COMMIT_PREFIX.match(name):
            return self.commits.get(commit_id)
        found = [commit for key, commit in self.commits.items() if key.startswith(name)]
        return found[0] if len(found) == 1 else None

    def _ancestor(self, commit: Commit, step: str) -> Commit | None:
        number = int(step[1:] or 1)
        if step[0] == "^":
            if number > len(commit.parents):
                raise invalid_value(INVALID_REF)
            return self.commits[commit.parents[number - 1]] if number else commit
        for _ in range(number):
            if not commit.parents:
                return None
            commit = self.commits[commit.parents[0]]
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
        raise not_found("merge base")


def check_branch_name(name: str) -> None:
    """Raise RequestError where no branch can have the name."""
    if not name:
        raise invalid_value("argument branch: required value: validation error")
    if not BRANCH_NAME.match(name):
        raise bad_request(
            "argument branch: branch id: invalid value: validation error: branch id must consist of letters, digits, "
            "underscores and dashes, and cannot start with a dash"
        )


def check_tag_name(name: str) -> None:
    """Raise RequestError where no tag can have the name."""
    if not name:
        raise invalid_value("argument tagID: required value: validation error")
    if not TAG_NAME.match(name):
        raise bad_request("argument tagID: tag id: invalid value: validation error")


def _split_ref(ref: str) -> tuple[str, list[str]]:
    """A ref's name and its modifiers. Raises RequestError 500 where one cannot be read."""
    name, *modifiers = REF_PART.findall(ref) if REF_NAME.match(ref) else ("", *REF_PART.findall(ref))
    for modifier in modifiers:
        if modifier not in ("@", "$") and not STEP.match(modifier):
            raise invalid_value(f"could not parse modifier {modifier}: {INVALID_REF}")
    return name, modifiers
