"""How long the stand-in keeps the action files of a ref, and which refs have files of their own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from local_stack.lakefs.standin.hooks.action_cache import SECONDS_KEPT, ActionCache, ActionFilesError
from local_stack.lakefs.standin.versions.blobs import BlobStore, LocalFiles
from local_stack.lakefs.standin.versions.events import Event
from local_stack.lakefs.standin.versions.repository import CommitDraft, Repository
from local_stack.lakefs.standin.versions.store import AccessKey, Store

FILE = "_lakefs_actions/a.yaml"
HOOK = {"id": "hh", "type": "lua", "properties": {"script": "print(1)"}}


class NoHooks:
    """Nothing runs."""

    def run_before(self, event: Event) -> None:
        """Nothing."""

    def run_after(self, event: Event) -> None:
        """Nothing."""


@dataclass
class Shelf:
    """A repository whose action files are read through the cache, by a clock that is set by hand."""

    folder: Path
    now: float = 0.0

    def __post_init__(self) -> None:
        self.blobs = BlobStore({"local": LocalFiles(self.folder)})
        self.store = Store(access_key=AccessKey(id="k", secret="s"), blobs=self.blobs, hooks=NoHooks())
        self.repository = self.store.create_repository("shop", "local://shop", "main")
        self.cache = ActionCache(self.blobs, SECONDS_KEPT, lambda: self.now)

    def write(self, name: str, branch: str = "main") -> None:
        content = json.dumps({"name": name, "on": {"pre-commit": None}, "hooks": [HOOK]}).encode()
        self.store.put_object(self.repository, branch, FILE, self.blobs.put("local://shop", content))

    def commit(self) -> str:
        draft = CommitDraft(message="m", committer="admin")
        return self.store.operations(self.repository).commit("main", draft).id

    def names(self, ref: str = "main", repository: Repository | None = None) -> list[str]:
        event = Event(
            type="pre-commit",
            repository=repository or self.repository,
            tree=self.repository.tree_at("main"),
            source_ref=ref,
            run_id="r",
        )
        return [action.name for action in self.cache.actions(event)]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def test_a_branch_keeps_what_was_read_until_the_time_is_over(shelf: Shelf) -> None:
    assert shelf.names() == []
    shelf.write("first")
    for now in (0.0, 3.5, SECONDS_KEPT - 0.01):  # asking does not prolong it
        shelf.now = now
        assert shelf.names() == []
    shelf.now = SECONDS_KEPT
    assert shelf.names() == ["first"]
    shelf.write("second")
    shelf.now = 2 * SECONDS_KEPT - 0.01
    assert shelf.names() == ["first"]
    shelf.now = 2 * SECONDS_KEPT
    assert shelf.names() == ["second"]


def test_a_new_branch_and_a_new_commit_are_read_at_once(shelf: Shelf) -> None:
    assert shelf.names() == []
    shelf.write("first")
    commit_id = shelf.commit()
    shelf.repository.add_branch("dev", shelf.repository.commit_at(commit_id))
    assert (shelf.names(), shelf.names("dev"), shelf.names(commit_id)) == ([], ["first"], ["first"])


def test_files_that_cannot_be_read_are_kept_too(shelf: Shelf) -> None:
    shelf.write("a/b")
    for now in (0.0, SECONDS_KEPT - 0.01):
        shelf.now = now
        with pytest.raises(ActionFilesError, match="'name' is invalid"):
            shelf.names()
        shelf.write("mended")
    shelf.now = SECONDS_KEPT
    assert shelf.names() == ["mended"]


def test_repositories_do_not_share_what_is_kept(shelf: Shelf) -> None:
    shelf.write("first")
    other = shelf.store.create_repository("other", "local://other", "main")
    assert (shelf.names(), shelf.names(repository=other)) == (["first"], [])
