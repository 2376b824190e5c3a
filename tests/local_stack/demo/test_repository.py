"""The demo's repository on a lakeFS: what it writes, what it reads back, and what it shows of hooks."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local_stack.demo.failure import DemoFailure
from local_stack.demo.repository import NAMESPACE_VARIABLE, Repository, demo_repository
from local_stack.lakefs.server import LakeFS, start_lakefs

ACTION = b"""
name: export
on:
  post-commit: {}
hooks:
  - id: refused
    type: lua
    properties:
      script: |
        error("the workspace is not there")
"""


@pytest.fixture
def lakefs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LakeFS]:
    monkeypatch.delenv("LAKECTL_SERVER_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("PATH", "")
    server = start_lakefs(folder=tmp_path, hook_environment={})
    yield server
    server.stop()


@pytest.fixture
def repository(lakefs: LakeFS) -> Iterator[Repository]:
    with demo_repository(lakefs) as repository:
        yield repository


def test_a_second_repository_gets_another_name(lakefs: LakeFS, repository: Repository) -> None:
    with demo_repository(lakefs) as second:
        assert repository.name == "tpch"
        assert second.name.startswith("tpch-")
        second.upload("main", {"a": b"1"})
        assert second.commit("main", "first") == second.head("main")


def test_a_server_that_lives_on_keeps_nothing_of_the_demo(lakefs: LakeFS) -> None:
    configured = replace(lakefs, kind="server")
    for _ in range(2):
        with demo_repository(configured) as repository:
            assert repository.name == "tpch"


def test_a_merge_that_conflicts_names_what_both_sides_changed(repository: Repository) -> None:
    repository.create_branch("dev", "main")
    for branch in ("dev", "main"):
        repository.upload(branch, {"a": branch.encode(), f"of-{branch}": b"x"})
        repository.commit(branch, "both")
    with pytest.raises(DemoFailure, match=r"^lakeFS did not merge dev into main of tpch: both changed .* \(a\)"):
        repository.merge("dev", "main", "Merge dev")


def test_a_namespace_that_lakefs_refuses_is_told(lakefs: LakeFS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAMESPACE_VARIABLE, "nonsense")
    with (
        pytest.raises(DemoFailure, match=r"^LAKEFS_STORAGE_NAMESPACE is 'nonsense', and lakeFS takes s3://"),
        demo_repository(lakefs),
    ):
        pass


def test_objects_differ_where_content_does(repository: Repository) -> None:
    repository.upload("main", {"t/1": b"one", "t/2": b"two", "tt/1": b"other"})
    first = repository.commit("main", "first")
    repository.upload("main", {"tt/1": b"changed"})
    second = repository.commit("main", "second")
    repository.upload("main", {"t/2": b"three"})
    third = repository.commit("main", "third")
    assert {path for path, _ in repository.objects(first, "t/")} == {"t/1", "t/2"}
    assert repository.objects(first, "t/") == repository.objects(second, "t/")
    assert repository.objects(second, "t/") != repository.objects(third, "t/")


def test_all_pages_of_a_listing_are_read(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local_stack.demo.repository._PAGE_LENGTH", 2)
    repository.upload("main", {f"t/{number}": b"" for number in range(5)})
    commit = repository.commit("main", "first")
    assert len(repository.objects(commit, "t/")) == 5


def test_a_branch_starts_at_its_source_and_merges_back(repository: Repository) -> None:
    start = repository.head("main")
    assert repository.create_branch("nightly-load", "main") == start
    repository.upload("nightly-load", {"a": b"1"})
    change = repository.commit("nightly-load", "change")
    merge = repository.merge("nightly-load", "main", "Merge nightly-load")
    assert repository.head("main") == merge
    assert merge not in {start, change}
    assert {path for path, _ in repository.objects(merge, "")} == {"a"}


def test_a_branch_is_set_back_without_any_hook(repository: Repository) -> None:
    start = repository.head("main")
    repository.upload("main", {"_lakefs_actions/export.yaml": ACTION})
    repository.commit("main", "Add the hook")
    repository.reset("main", start)
    assert repository.head("main") == start
    assert repository.objects("main", "") == frozenset()
    assert repository.hook_statuses(start) == ()


def test_a_commit_without_hook_says_so(repository: Repository) -> None:
    assert "lakeFS shows no hook run for this commit" in repository.hook_output(repository.head("main"))


def test_the_output_of_a_failed_hook_is_shown(repository: Repository) -> None:
    repository.upload("main", {"_lakefs_actions/export.yaml": ACTION})
    commit = repository.commit("main", "Add the hook")
    shown = ""
    for _ in range(100):
        shown = repository.hook_output(commit)
        if "refused" in shown:
            break
    assert "post-commit on main): failed" in shown
    assert "  hook refused: failed" in shown
    assert "the workspace is not there" in shown
    assert repository.hook_statuses(commit) == ("failed",)
