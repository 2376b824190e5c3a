"""The command install_hook: what it shows, asks, commits, refuses and takes back."""

import io
from dataclasses import replace

import pytest

from lakefs_unity_export import hook_files
from lakefs_unity_export.errors import HookError, InvalidNameError, LakeFSError, SettingsError
from lakefs_unity_export.hook_files import (
    LUA_ACTION,
    LUA_SCRIPT,
    WEBHOOK_ACTION,
    Authentication,
    HookKind,
    HookSettings,
    render,
)
from lakefs_unity_export.install_hook import Order, install_hook, parse_order

LUA = HookSettings(kind=HookKind.LUA, host="https://adb-1.net", job_id="1041")
ORDER = Order(repository="shop", branch="main", settings=LUA, yes=True)


class BranchDouble:
    """A branch in memory: what is committed, and what was changed since."""

    def __init__(self, **files: str) -> None:
        self.committed = dict(files)
        self.staged: dict[str, str | None] = {}
        self.version = "1.84.0"
        self.messages: list[str] = []
        self.refuses = ""

    def server_version(self) -> str:
        return self.version

    def uncommitted(self, limit: int) -> list[str]:
        return sorted(self.staged)[:limit]

    def read(self, path: str) -> str | None:
        return self.staged.get(path, self.committed.get(path))

    def write(self, path: str, text: str) -> None:
        if self.refuses == path:
            raise LakeFSError(path)
        self.staged[path] = text

    def delete(self, path: str) -> None:
        self.staged[path] = None

    def reset(self, path: str) -> None:
        self.staged.pop(path, None)

    def commit(self, message: str) -> str:
        if self.refuses == "commit":
            raise LakeFSError("a hook said no")
        self.committed = {path: text for path, text in {**self.committed, **self.staged}.items() if text is not None}
        self.staged.clear()
        self.messages.append(message)
        return f"commit-{len(self.messages)}"


@pytest.fixture
def branch() -> BranchDouble:
    return BranchDouble()


def never(_question: str) -> bool:
    raise AssertionError("nobody is to be asked")


def install(branch: BranchDouble, order: Order = ORDER, answer: bool | None = None) -> str:
    out = io.StringIO()
    install_hook(order, branch, out, never if answer is None else lambda _: answer)
    return out.getvalue()


def test_the_hook_is_committed_and_shown(branch: BranchDouble) -> None:
    told = install(branch)
    assert branch.committed == render(LUA)
    assert branch.messages == ["Export every commit to Unity Catalog"]
    assert f"+++ b/{LUA_ACTION}" in told
    assert f"new: {LUA_SCRIPT}, {len(render(LUA)[LUA_SCRIPT].splitlines())} lines\n" in told
    assert "committed commit-1 to shop/main" in told
    assert "  LAKEFSACTION_DATABRICKS_CLIENT_SECRET\nand actions.lua.net_http_enabled=true" in told


def test_a_second_installation_changes_nothing(branch: BranchDouble) -> None:
    install(branch)
    assert install(branch).endswith("nothing to change: the branch is as it should be\n")
    assert len(branch.messages) == 1


def test_a_dry_run_shows_and_changes_nothing(branch: BranchDouble) -> None:
    branch.staged["data/x"] = "of others"
    told = install(branch, replace(ORDER, dry_run=True, yes=False))
    assert f"+++ b/{LUA_ACTION}" in told
    assert told.endswith("nothing was changed (--dry-run)\n")
    assert (branch.committed, branch.staged) == ({}, {"data/x": "of others"})


@pytest.mark.parametrize("answer", [True, False])
def test_without_yes_the_user_is_asked(branch: BranchDouble, answer: bool) -> None:
    told = install(branch, replace(ORDER, yes=False), answer)
    assert bool(branch.messages) == answer
    assert ("nothing was changed" in told) != answer


def test_changes_of_others_are_not_committed_along(branch: BranchDouble) -> None:
    branch.staged = {f"data/{number}": "x" for number in range(9)}
    with pytest.raises(HookError, match=r"shop/main has uncommitted changes.*data/0.*data/4, \.\.\.\)"):
        install(branch)
    assert (branch.committed, len(branch.staged)) == ({}, 9)


@pytest.mark.parametrize("refuses", ["commit", LUA_SCRIPT])
def test_what_lakefs_refuses_is_taken_back(branch: BranchDouble, refuses: str) -> None:
    branch.refuses = refuses
    with pytest.raises(LakeFSError):
        install(branch)
    assert (branch.committed, branch.staged) == ({}, {})


def test_uninstall_removes_our_files_and_no_others(branch: BranchDouble) -> None:
    branch.committed = {"tables/x": "data", "_lakefs_actions/theirs.yaml": "name: theirs"}
    theirs = dict(branch.committed)
    install(branch)
    told = install(branch, replace(ORDER, settings=None))
    assert branch.committed == theirs
    assert branch.messages[-1] == "Stop exporting to Unity Catalog"
    assert f"deleted: {LUA_SCRIPT}, " in told
    assert "environment" not in told.rpartition("committed")[2]
    assert "nothing to change" in install(branch, replace(ORDER, settings=None))


def test_a_switch_to_the_webhook_replaces_the_lua_hook(branch: BranchDouble) -> None:
    install(branch)
    webhook = HookSettings(kind=HookKind.WEBHOOK, service="https://hook.example.com")
    told = install(branch, replace(ORDER, settings=webhook))
    assert set(branch.committed) == {WEBHOOK_ACTION}
    assert "  LAKEFSACTION_WEBHOOK_SECRET\nThis commit" in told


def test_events_that_the_server_does_not_know_are_left_out(branch: BranchDouble) -> None:
    branch.version = "1.60.0"
    told = install(branch)
    assert "left out: post-cherry-pick, which lakeFS 1.60.0 does not know" in told
    assert "post-cherry-pick:" not in branch.committed[LUA_ACTION]
    with pytest.raises(HookError, match=r"lakeFS 1\.60\.0 does not know post-cherry-pick"):
        install(branch, replace(ORDER, all_events=True))


# The command line


ARGUMENTS = ["--repository", "shop", "--branch", "main"]


def test_the_command_line_is_read() -> None:
    order = parse_order(
        [
            *ARGUMENTS,
            *("--databricks-host", "https://adb-1.net", "--job-id", "1041", "--authentication", "token"),
            *("--events", "post-commit, post-merge", "--branches", "main,dev-*", "--message", "Mine", "--dry-run"),
        ]
    )
    assert order == Order(
        repository="shop",
        branch="main",
        settings=replace(
            LUA,
            authentication=Authentication.TOKEN,
            events=("post-commit", "post-merge"),
            branches=("main", "dev-*"),
        ),
        message="Mine",
        dry_run=True,
        all_events=True,
    )
    assert parse_order([*ARGUMENTS, "--uninstall"]).settings is None


@pytest.mark.parametrize(
    "arguments",
    [
        ["--repository", "Shop", "--branch", "main", "--uninstall"],
        ["--repository", "shop", "--branch", "a/b", "--uninstall"],
        [*ARGUMENTS, "--trigger", "webhook"],
        [*ARGUMENTS, "--databricks-host", "https://adb-1.net"],
    ],
)
def test_what_cannot_be_installed_is_refused_before_anything_is_called(arguments: list[str]) -> None:
    with pytest.raises((SettingsError, InvalidNameError, HookError)):
        parse_order(arguments)


def test_a_gate_without_its_script_is_told() -> None:
    assert hook_files.template(LUA_ACTION)
    with pytest.raises(HookError, match=r"has no scripts/none\.lua"):
        hook_files.template("scripts/none.lua")
