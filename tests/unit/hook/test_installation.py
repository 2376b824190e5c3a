"""The installation of a hook: what it shows, asks, commits, refuses and takes back."""

import io
import re
from dataclasses import replace

import pytest
from hook_branch_double import BranchDouble

from lakefs_unity_export.commit.descriptor_gate import GateRules
from lakefs_unity_export.errors import (
    HookError,
    LakeFSAccessError,
    LakeFSError,
    LakeFSHookError,
    LakeFSUnavailableError,
)
from lakefs_unity_export.hook.commits import METADATA_KEY, SECONDS_KEPT
from lakefs_unity_export.hook.files import (
    LUA_ACTION,
    LUA_GATE_ACTION,
    LUA_GATE_SCRIPT,
    LUA_SCRIPT,
    WEBHOOK_ACTION,
    WEBHOOK_GATE_ACTION,
    HookKind,
    HookSettings,
    render,
)
from lakefs_unity_export.hook.installation import Order, carry_out

LUA = HookSettings(kind=HookKind.LUA, host="https://adb-1.net", job_id="1041")
ORDER = Order(repository="shop", branch="main", settings=LUA, yes=True)


@pytest.fixture
def branch() -> BranchDouble:
    return BranchDouble()


def never(_question: str) -> bool:
    raise AssertionError("nobody is to be asked")


def install(branch: BranchDouble, order: Order = ORDER, answer: bool | None = None) -> str:
    out = io.StringIO()
    carry_out(order, branch, out, never if answer is None else lambda _: answer, branch.sleep)
    return out.getvalue()


def test_the_hook_is_committed_and_shown(branch: BranchDouble) -> None:
    told = install(branch)
    assert branch.committed == render(LUA)
    assert branch.messages == ["Export every commit to Unity Catalog"]
    assert f"+++ b/{LUA_ACTION}" in told
    assert f"new: {LUA_SCRIPT}, {len(render(LUA)[LUA_SCRIPT].splitlines())} lines\n" in told
    assert "committed commit-1 to shop/main" in told
    assert "  LAKEFSACTION_DATABRICKS_CLIENT_SECRET\nand actions.lua.net_http_enabled=true" in told
    assert "This commit starts the job already" in told.rpartition("committed")[2]
    assert branch.metadata == [{METADATA_KEY: "lua"}]


def test_a_commit_that_is_no_event_for_the_hook_is_told(branch: BranchDouble) -> None:
    told = install(branch, replace(ORDER, settings=replace(LUA, branches=("release-*",))))
    assert "This commit does not start the job" in told
    told = install(BranchDouble(), replace(ORDER, settings=replace(LUA, branches=("m?in",))))
    assert "starts the job already" in told
    assert "does not start" in install(BranchDouble(), replace(ORDER, settings=replace(LUA, events=("post-merge",))))


def test_a_second_installation_changes_nothing(branch: BranchDouble) -> None:
    install(branch)
    assert install(branch).endswith("nothing to change: the branch is as it should be\n")
    assert len(branch.messages) == 1


def test_a_dry_run_shows_and_changes_nothing(branch: BranchDouble) -> None:
    branch.staged["data/x"] = "of others"
    told = install(branch, replace(ORDER, dry_run=True, yes=False))
    assert f"+++ b/{LUA_ACTION}" in told
    assert "shop/main has uncommitted changes (data/x)" in told
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


def test_exactly_as_many_changes_of_others_as_are_shown_have_no_more(branch: BranchDouble) -> None:
    branch.staged = {f"data/{number}": "x" for number in range(5)}
    with pytest.raises(HookError, match=r"data/3, data/4\)"):
        install(branch)


def test_our_files_that_were_uploaded_and_not_committed_are_changes_of_others(branch: BranchDouble) -> None:
    branch.staged = {**render(LUA)}
    with pytest.raises(HookError, match=f"uncommitted changes.*{LUA_ACTION}"):
        install(branch)
    assert branch.staged == render(LUA)


@pytest.mark.parametrize("refuses", ["commit", LUA_SCRIPT])
@pytest.mark.parametrize(
    "error", [LakeFSError("a hook said no"), LakeFSAccessError("protected"), KeyboardInterrupt("stop")]
)
def test_what_lakefs_refuses_is_taken_back(branch: BranchDouble, refuses: str, error: BaseException) -> None:
    branch.refuses = {refuses: error}
    with pytest.raises(type(error), match=str(error)):
        install(branch)
    assert (branch.committed, branch.staged) == ({}, {})


def test_what_cannot_be_taken_back_is_told_with_the_cause(branch: BranchDouble) -> None:
    branch.refuses = {"commit": LakeFSError("a hook said no"), "reset": LakeFSAccessError("nor that")}
    with pytest.raises(LakeFSError, match=f"a hook said no\nnot committed.*: {LUA_ACTION}, {LUA_SCRIPT}"):
        install(branch)
    branch = BranchDouble()
    branch.refuses = {"commit": KeyboardInterrupt(), "reset": LakeFSAccessError("nor that")}
    with pytest.raises(HookError, match="interrupted\nnot committed"):
        install(branch)


def test_a_protected_branch_is_told_without_taking_back_what_was_never_written(branch: BranchDouble) -> None:
    branch.refuses = {LUA_ACTION: LakeFSAccessError("protected"), "reset": LakeFSAccessError("protected too")}
    with pytest.raises(LakeFSAccessError) as failure:
        install(branch)
    assert str(failure.value) == "protected"


def test_a_commit_without_an_answer_may_have_been_one(branch: BranchDouble) -> None:
    branch.refuses = {"commit": LakeFSUnavailableError("no answer")}
    with pytest.raises(LakeFSUnavailableError, match=r"no answer\. It may have been committed all the same"):
        install(branch)


@pytest.mark.parametrize("meanwhile", ["upload", "commit"])
def test_what_others_did_while_the_user_was_asked_is_not_run_over(branch: BranchDouble, meanwhile: str) -> None:
    def work(_question: str) -> bool:
        branch.staged["data/x"] = "theirs"
        if meanwhile == "commit":
            branch.commit("theirs", {})
        return True

    with pytest.raises(HookError, match=r"uncommitted changes.*data/x|new commit since"):
        carry_out(replace(ORDER, yes=False), branch, io.StringIO(), work)
    theirs = {"data/x": "theirs"}
    assert (branch.committed, branch.staged) == (({}, theirs) if meanwhile == "upload" else (theirs, {}))


def test_a_file_of_others_in_the_way_is_shown_and_replaced_once_the_user_says_so(branch: BranchDouble) -> None:
    branch.committed[LUA_ACTION] = "name: theirs\n"
    told = install(branch, replace(ORDER, yes=False), answer=False)
    assert f"{LUA_ACTION} is there, and is not a file of this hook: it would be replaced" in told
    assert "\n-name: theirs\n" in told
    assert branch.committed == {LUA_ACTION: "name: theirs\n"}
    install(branch)
    assert branch.committed == render(LUA)


def test_a_script_that_others_changed_is_shown_and_mended(branch: BranchDouble) -> None:
    install(branch)
    branch.committed[LUA_SCRIPT] += "print('mine')\n"
    told = install(branch)
    assert "\n-print('mine')\n" in told
    assert branch.committed == render(LUA)


def test_uninstall_leaves_a_file_of_others_at_our_path(branch: BranchDouble) -> None:
    install(branch)
    branch.committed[WEBHOOK_ACTION] = "name: theirs\n"
    told = install(branch, replace(ORDER, settings=None))
    assert f"{WEBHOOK_ACTION} stays: it is not a file of this hook" in told
    assert branch.committed == {WEBHOOK_ACTION: "name: theirs\n"}
    assert branch.metadata[-1] == {METADATA_KEY: "removed"}
    assert "nothing to change" in install(branch, replace(ORDER, settings=None))


def test_uninstall_removes_our_files_and_no_others(branch: BranchDouble) -> None:
    branch.committed = {"tables/x": "data", "_lakefs_actions/theirs.yaml": "name: theirs"}
    theirs = dict(branch.committed)
    install(branch)
    told = install(branch, replace(ORDER, settings=None))
    assert branch.committed == theirs
    assert branch.messages[1:] == ["Stop exporting to Unity Catalog", "Delete scripts of the former hook"]
    assert f"deleted: {LUA_SCRIPT}, " in told
    assert "must have in its environment" not in told
    assert "nothing to change" in install(branch, replace(ORDER, settings=None))


def test_a_switch_to_the_webhook_replaces_the_lua_hook(branch: BranchDouble) -> None:
    install(branch)
    webhook = HookSettings(kind=HookKind.WEBHOOK, service="https://hook.example.com")
    told = install(branch, replace(ORDER, settings=webhook))
    assert set(branch.committed) == {WEBHOOK_ACTION}
    assert "  LAKEFSACTION_WEBHOOK_SECRET\ncommitted" in told
    told = install(branch, replace(ORDER, settings=replace(webhook, gate=True)))
    assert "the gate has every commit refused" in told.partition("committed")[0]


def test_events_that_the_server_does_not_know_are_left_out(branch: BranchDouble) -> None:
    branch.version = "1.60.0"
    told = install(branch)
    assert "left out: post-cherry-pick, which lakeFS 1.60.0 does not know" in told
    assert "post-cherry-pick:" not in branch.committed[LUA_ACTION]
    with pytest.raises(HookError, match=r"lakeFS 1\.60\.0 does not know post-cherry-pick"):
        install(branch, replace(ORDER, all_events=True))
    assert len(branch.messages) == 1


@pytest.mark.parametrize("version", ["dev", ""])
def test_a_version_that_cannot_be_read_is_told_and_keeps_all_events(branch: BranchDouble, version: str) -> None:
    branch.version = version
    told = install(branch)
    assert f"lakeFS does not say its version{' (dev)' if version else ''}: no event is left out" in told
    assert branch.committed == render(LUA)


# lakeFS goes by the former action files for some seconds


GATED = replace(LUA, gate=True, rules=GateRules(catalog="lake"))
WEBHOOK = HookSettings(kind=HookKind.WEBHOOK, service="https://hook.example.com", gate=True)
UNINSTALL = replace(ORDER, settings=None)
FORMER = {LUA_ACTION: LUA_SCRIPT, LUA_GATE_ACTION: LUA_GATE_SCRIPT}
SCRIPTS = {LUA_SCRIPT, LUA_GATE_SCRIPT}


@pytest.fixture
def cached(branch: BranchDouble) -> BranchDouble:
    """A branch with the Lua hook and its gate, whose action files lakeFS has just read."""
    install(branch, replace(ORDER, settings=GATED))
    branch.former, branch.forgets = FORMER, 7.5
    branch.times.clear()
    return branch


@pytest.mark.parametrize("settings", [None, WEBHOOK])
def test_scripts_go_once_lakefs_asks_for_them_no_more(cached: BranchDouble, settings: HookSettings | None) -> None:
    told = install(cached, replace(ORDER, settings=settings))
    assert cached.committed == (render(settings) if settings else {})
    assert cached.times == [0, SECONDS_KEPT]
    assert f"waiting {SECONDS_KEPT} s until lakeFS asks for {LUA_GATE_SCRIPT}, {LUA_SCRIPT} no more" in told
    assert cached.messages[-1] == "Delete scripts of the former hook"
    assert {each[METADATA_KEY] for each in cached.metadata[-2:]} == {settings.kind.value if settings else "removed"}


@pytest.mark.parametrize("settings", [None, WEBHOOK])
def test_a_dry_run_says_that_there_are_two_commits(cached: BranchDouble, settings: HookSettings | None) -> None:
    told = install(cached, replace(ORDER, settings=settings, dry_run=True, yes=False))
    assert f"In two commits: {LUA_GATE_SCRIPT}, {LUA_SCRIPT} {SECONDS_KEPT} s after the rest" in told
    assert (cached.times, cached.committed) == ([], render(GATED))


def test_a_gate_that_refuses_its_own_removal_is_waited_for(cached: BranchDouble) -> None:
    cached.says_no = {LUA_GATE_ACTION}
    told = install(cached, UNINSTALL)
    assert (cached.times, cached.committed) == ([8, 8 + SECONDS_KEPT], {})
    assert "hook 'descriptor_gate': no" in told
    assert told.count(f"waiting up to {SECONDS_KEPT} s: lakeFS may still go by the branch's former action files") == 1


def test_the_webhooks_gate_is_waited_for_too(branch: BranchDouble) -> None:
    install(branch, replace(ORDER, settings=WEBHOOK))
    branch.former, branch.forgets, branch.says_no = {WEBHOOK_GATE_ACTION: ""}, 7.5, {WEBHOOK_GATE_ACTION}
    install(branch, replace(ORDER, settings=GATED))
    assert (branch.times[1:], branch.committed) == ([8], render(GATED))


def test_a_hook_of_others_that_refuses_is_not_waited_for(cached: BranchDouble) -> None:
    theirs = LakeFSHookError("hook aborted: failed on action 'theirs' hook 'no': not today")
    cached.refuses = {"commit": theirs}
    with pytest.raises(LakeFSHookError, match="not today"):
        install(cached, UNINSTALL)
    assert (cached.now, cached.staged, cached.committed) == (0, {}, render(GATED))


def test_a_new_gate_that_refuses_is_not_waited_for(branch: BranchDouble) -> None:
    branch.refuses = {"commit": LakeFSHookError("hook aborted: failed on action 'x' hook 'descriptor_gate': 1 problem")}
    with pytest.raises(LakeFSHookError, match="1 problem"):
        install(branch, replace(ORDER, settings=GATED))
    assert (branch.now, branch.staged) == (0, {})


@pytest.mark.parametrize(
    "told",
    [
        "hook aborted: failed on action 'Check table descriptors' hook 'descriptor_gate': 1 problem",
        "hook aborted, run id 'x': error parsing args: LAKEFSACTION_X not found: missing env var",
    ],
)
def test_waiting_has_an_end_and_leaves_the_branch_as_it_was(cached: BranchDouble, told: str) -> None:
    cached.refuses = {"commit": LakeFSHookError(told)}
    with pytest.raises(LakeFSHookError, match=re.escape(told)):
        install(cached, UNINSTALL)
    assert (cached.now, cached.staged, cached.committed) == (SECONDS_KEPT, {}, render(GATED))


def test_what_others_write_while_lakefs_is_waited_for_is_not_committed_along(cached: BranchDouble) -> None:
    cached.says_no = {LUA_GATE_ACTION}

    def work(seconds: float) -> None:
        cached.now += seconds
        cached.staged["data/x"] = "theirs"

    with pytest.raises(HookError, match=r"uncommitted changes.*data/x"):
        carry_out(UNINSTALL, cached, io.StringIO(), never, work)
    assert (cached.staged, cached.committed) == ({"data/x": "theirs"}, render(GATED))


@pytest.mark.parametrize("fault", ["theirs", "again", "refused"])
def test_scripts_that_cannot_be_deleted_are_told_and_the_next_run_deletes_them(
    cached: BranchDouble, fault: str
) -> None:
    def work(seconds: float) -> None:
        cached.now += seconds
        if fault == "theirs":
            cached.staged["data/x"] = "theirs"
        elif fault == "again":
            cached.committed[LUA_GATE_ACTION] = render(GATED)[LUA_GATE_ACTION]
        else:
            cached.refuses = {"commit": LakeFSAccessError("protected since")}

    with pytest.raises((HookError, LakeFSAccessError)) as failure:
        carry_out(UNINSTALL, cached, io.StringIO(), never, work)
    expected = {"theirs": "uncommitted changes", "again": f"has {LUA_GATE_ACTION} again", "refused": "protected since"}
    assert expected[fault] in str(failure.value)
    assert f"removed from shop/main, but {LUA_GATE_SCRIPT}, {LUA_SCRIPT}, which nothing asks for" in str(failure.value)
    assert "run install_hook again with the same options" in str(failure.value)
    assert cached.committed.keys() - {LUA_GATE_ACTION} == SCRIPTS

    cached.refuses, cached.staged = {}, {}
    install(cached, UNINSTALL)
    assert (cached.committed, cached.staged) == ({}, {})


def test_an_interruption_while_waiting_says_what_is_left(cached: BranchDouble) -> None:
    cached.refuses = {"sleep": KeyboardInterrupt()}
    out = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        carry_out(UNINSTALL, cached, out, never, cached.sleep)
    assert f"but {LUA_GATE_SCRIPT}, {LUA_SCRIPT}, which nothing asks for any more: run install_hook" in out.getvalue()
    cached.refuses, cached.forgets = {}, 7.5
    install(cached, UNINSTALL)  # at once: lakeFS still goes by the former action files
    assert (cached.committed, cached.times) == ({}, [0, 8])


def test_scripts_that_others_deleted_meanwhile_need_no_commit(cached: BranchDouble) -> None:
    def work(seconds: float) -> None:
        for script in SCRIPTS:
            cached.committed.pop(script)

    assert carry_out(UNINSTALL, cached, io.StringIO(), never, work) == "commit-2"
    assert cached.committed == {}


def test_a_folder_among_the_action_files_is_refused_before_anything_is_written(branch: BranchDouble) -> None:
    branch.action_folders = ["_lakefs_actions/old/", "_lakefs_actions/scripts/"]
    for order in (ORDER, UNINSTALL, replace(ORDER, dry_run=True)):
        with pytest.raises(HookError, match=r"nothing was done: shop/main has _lakefs_actions/old/, .*move what is in"):
            install(branch, order)
    assert (branch.staged, branch.committed) == ({}, {})


def test_who_makes_branches_at_once_is_told(branch: BranchDouble) -> None:
    assert f"For {SECONDS_KEPT} s, branches made of main may still have its former action files." in install(branch)
