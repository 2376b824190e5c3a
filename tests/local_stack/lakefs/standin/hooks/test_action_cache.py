"""How long the stand-in keeps the action files of a ref, and which refs have files of their own."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from local_stack.lakefs.standin.hooks.action_cache import SECONDS_KEPT, ActionCache, ActionFilesError
from local_stack.lakefs.standin.hooks.action_file import Action, ActionFileError, parse_action
from local_stack.lakefs.standin.hooks.branch_patterns import PatternError, matches
from local_stack.lakefs.standin.versions.blobs import BlobStore
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

    now: float = 0.0
    blobs: BlobStore = field(default_factory=BlobStore)

    def __post_init__(self) -> None:
        self.store = Store(access_key=AccessKey(id="k", secret="s"), blobs=self.blobs, hooks=NoHooks())
        self.repository = self.store.create_repository("shop", "local://shop", "main")
        self.cache = ActionCache(self.blobs, SECONDS_KEPT, lambda: self.now)

    def write(self, name: str, branch: str = "main") -> None:
        content = json.dumps({"name": name, "on": {"pre-commit": None}, "hooks": [HOOK]}).encode()
        self.store.put_object(self.repository, branch, FILE, self.blobs.put("shop", content))

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
def shelf() -> Shelf:
    return Shelf()


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


# What an action file may hold, beyond the recorded ones


def parse(**fields: Any) -> Action:
    return parse_action(FILE, json.dumps({"name": "ok", "on": {"pre-commit": None}, "hooks": [HOOK]} | fields).encode())


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": "a.b"}, "'name' is invalid"),
        ({"name": ["a"]}, "cannot unmarshal !!seq into string"),
        ({"on": ["pre-commit"]}, "cannot unmarshal !!seq into map"),
        ({"on": {}}, "'on' is required"),
        ({"on": {"pre-commit": {"branches": {"a": 1}}}}, "cannot unmarshal !!map into []string"),
        ({"on": {"pre-commit": {"branches": [["a"]]}}}, "cannot unmarshal !!seq into string"),
        ({"hooks": {"id": "hh"}}, "cannot unmarshal !!map into []actions.ActionHook"),
        ({"hooks": ["hh"]}, "cannot unmarshal !!str `hh` into actions.ActionHook"),
        ({"hooks": [HOOK | {"id": "1a"}]}, "hook[0] missing ID"),
        ({"hooks": [HOOK | {"id": "a b"}]}, "hook[0] missing ID"),
        ({"hooks": [HOOK | {"id": "hh\n"}]}, "hook[0] missing ID"),
        ({"hooks": [HOOK, HOOK | {"id": "ok", "type": "airflow"}]}, "hook[1] type 'ok' unknown"),
        ({"hooks": [HOOK | {"properties": "x"}]}, "cannot unmarshal !!str `x` into map[string]interface {}"),
        ({"hooks": [HOOK | {"properties": {"script": ""}}]}, "'script' or 'script_path' must be supplied"),
        ({"hooks": [HOOK | {"properties": {"script_path": 5}}]}, "'script' or 'script_path' must be supplied"),
        ({"hooks": [HOOK | {"type": "webhook", "properties": {"url": ""}}]}, "'url' must be supplied"),
    ],
)
def test_an_action_file_that_cannot_be_used_is_refused_with_the_reason(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ActionFileError) as refused:
        parse(**fields)
    assert told in str(refused.value)
    assert str(refused.value).startswith(f"parsing file {FILE}: ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"name: ok\nname: ok\n", 'line 2: mapping key "name" already defined at line 1'),
        (b"on:\n  pre-commit:\n  pre-commit:\n", 'line 3: mapping key "pre-commit" already defined at line 2'),
        (b"hooks: [{properties: {args: {a: 1, a: 2}}}]", 'mapping key "a" already defined'),
        (b"name: \x01", "control characters are not allowed"),
        (b"name: \xff", "control characters are not allowed"),
        (b"a: b: c", "yaml: mapping values are not allowed in this context"),
        (b"a: *b", "yaml: found undefined alias"),
        (b"a: &b [c, {d: *b}]", "yaml: an anchor's value contains itself"),
    ],
)
def test_yaml_that_the_server_does_not_read_is_refused(text: bytes, told: str) -> None:
    with pytest.raises(ActionFileError, match="yaml: ") as refused:
        parse_action(FILE, text)
    assert told in str(refused.value)


def test_values_of_args_have_the_servers_types() -> None:
    text = b"""
name: ok
on: {post-commit: }
hooks:
  - {id: hh, type: lua, properties: {script: "x", args: {
      a: yes, b: 010, c: 1e3, d: 0x10, e: ~, f: "5", g: true, h: 2024-01-01, i: 1:30, j: -1_000, k: .5}}}
"""
    (hook,) = parse_action(FILE, text).hooks
    args = hook.properties["args"]
    assert str(args.pop("h")) == "2024-01-01"
    assert args == {
        "a": "yes",
        "b": 8,
        "c": 1000.0,
        "d": 16,
        "e": None,
        "f": "5",
        "g": True,
        "i": "1:30",
        "j": -1000,
        "k": 0.5,
    }


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("feature-*", ["feature-", "feature-x"], ["feature", "my-feature-x"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "-x", "x"]),
        ("[^a-c]x", ["dx"], ["ax", "x"]),
        ("[!a]x", ["!x", "ax"], ["bx"]),
        (r"\*", ["*"], ["a"]),
        (r"[\]]", ["]"], ["a", "\\"]),
        ("[c-a]", [], ["a", "b", "c"]),
        ("a.b", ["a.b"], ["axb"]),
        ("", [""], ["a"]),
    ],
)
def test_patterns_have_stars_question_marks_and_sets(pattern: str, matching: list[str], others: list[str]) -> None:
    assert all(matches(pattern, branch) for branch in matching)
    assert not any(matches(pattern, branch) for branch in others)


@pytest.mark.parametrize("pattern", ["[", "[]", "[]a]", "[a", "[a-", "[a-]", "[-a]", "[^]", "a\\", "[\\", "x["])
def test_a_pattern_that_cannot_be_read_is_an_error_for_every_branch(pattern: str) -> None:
    for branch in ("", "main", "x"):
        with pytest.raises(PatternError):
            matches(pattern, branch)
