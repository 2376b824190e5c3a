"""The command install_hook on a lakeFS server: what it commits fires, and what it refuses leaves nothing behind."""

from __future__ import annotations

import io
import json
import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import lakefs
import pytest
from lakefs.client import Client
from lakefs.exceptions import LakeFSException
from lakefs_hook_target import HookTarget

from lakefs_unity_export.commit.descriptor_gate import GateRules
from lakefs_unity_export.errors import (
    HookError,
    LakeFSAccessError,
    LakeFSError,
    LakeFSHookError,
    LakeFSNotFoundError,
    LakeFSUnavailableError,
)
from lakefs_unity_export.hook.branch import LakeFSHookBranch
from lakefs_unity_export.hook.commits import METADATA_KEY, SECONDS_KEPT
from lakefs_unity_export.hook.files import (
    LUA_ACTION,
    LUA_GATE_ACTION,
    LUA_GATE_SCRIPT,
    LUA_SCRIPT,
    WEBHOOK_ACTION,
    Authentication,
    HookKind,
    HookSettings,
    Variables,
    render,
)
from lakefs_unity_export.hook.install_hook import main
from lakefs_unity_export.hook.installation import Order, carry_out
from local_stack.lakefs.standin import LakeFSStandIn
from local_stack.lakefs.standin.hooks.action_file import parse_action
from local_stack.lakefs.standin.rest import repositories as api_repositories

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakefs_contract import Contract

pytest_plugins = ["lakefs_contract"]

TOKEN = "dapi-0123456789"
VARIABLE = "LAKEFSACTION_TEAM_A_TOKEN"
URL = "https://hook.example.com"


@pytest.fixture
def target() -> Iterator[HookTarget]:
    """A workspace, or a webhook service."""
    with HookTarget() as server:
        yield server


HELD = {VARIABLE: TOKEN, "LAKEFSACTION_WEBHOOK_SECRET": "s"}
FASTER = 10


@pytest.fixture(scope="module")
def firing() -> Iterator[LakeFSStandIn]:
    """A lakeFS whose environment has what the hooks refer to, and whose time runs faster, as that of `install_in`."""
    server = LakeFSStandIn(hook_environment=HELD, action_seconds=SECONDS_KEPT / FASTER)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def shop(firing: LakeFSStandIn) -> Iterator[Any]:
    """A repository of it."""
    repository = repository_of(firing)
    yield repository
    repository.delete()


def repository_of(server: LakeFSStandIn) -> Any:
    client = Client(host=server.url, username=server.access_key.id, password=server.access_key.secret)
    namespace = f"local://shop-{secrets.token_hex(4)}"
    return lakefs.Repository("shop", client=client).create(storage_namespace=namespace)


def install_in(
    repository: Any, settings: HookSettings | None, faster: float = FASTER, out: io.StringIO | None = None
) -> str:
    """The commit's id."""
    branch = LakeFSHookBranch(repository=repository.id, branch="main", client=repository._client)
    order = Order(repository=repository.id, branch="main", settings=settings and settings.checked(), yes=True)
    told = out or io.StringIO()
    return str(carry_out(order, branch, told, lambda _: False, lambda seconds: time.sleep(seconds / faster)))


def failed_runs(repository: Any) -> list[str]:
    """The events whose hooks failed, as the Actions tab shows them."""
    time.sleep(0.2)  # those after an operation run beside it
    runs = repository._client.sdk_client.actions_api.list_repository_runs(repository.id).results
    return [run.event_type for run in runs if run.status == "failed"]


def order(contract: Contract, url: str = URL, **changes: object) -> Order:
    settings = HookSettings(kind=HookKind.WEBHOOK, service=url, **changes)  # type: ignore[arg-type]
    return Order(repository=contract.name, branch="main", settings=settings, yes=True)


def install(contract: Contract, wanted: Order) -> tuple[str | None, str]:
    """The commit's id, and what was told."""
    out = io.StringIO()
    branch = LakeFSHookBranch(repository=wanted.repository, branch=wanted.branch, client=contract.client)
    # This stand-in keeps no action files.
    sleep = time.sleep if contract.server.kind == "server" else lambda _: None
    return carry_out(wanted, branch, out, lambda _: False, sleep), out.getvalue()


def files(contract: Contract, ref: str = "main") -> set[str]:
    return {entry.path for entry in contract.repository.ref(ref).objects()}


def uncommitted(contract: Contract) -> list[str]:
    return [change.path for change in contract.repository.branch("main").uncommitted()]


def head(contract: Contract) -> str:
    return str(contract.repository.branch("main").head.id)


def changed_lines(told: str) -> list[str]:
    return [line for line in told.splitlines() if line[0] in "+-" and line[:3] not in ("+++", "---")]


def test_a_hook_is_installed_changed_and_removed(contract: Contract) -> None:
    contract.commit("main", "theirs")
    first, told = install(contract, order(contract, events=("post-merge",)))
    assert first == head(contract)
    assert contract.raw_commit("main").metadata == {METADATA_KEY: "webhook"}
    assert files(contract) == {WEBHOOK_ACTION, "theirs"}
    assert f"+++ b/{WEBHOOK_ACTION}" in told

    again, told = install(contract, order(contract, events=("post-merge",)))
    assert again is None
    assert "nothing to change" in told

    _, told = install(contract, order(contract, "https://other.example.com", events=("post-merge",)))
    assert changed_lines(told) == [f'-      url: "{URL}/events"', '+      url: "https://other.example.com/events"']

    lua = HookSettings(kind=HookKind.LUA, host="https://adb-1.net", job_id="1", events=("post-merge",))
    install(contract, replace(order(contract), settings=lua))
    assert files(contract) == {LUA_ACTION, LUA_SCRIPT, "theirs"}

    _, told = install(contract, replace(order(contract), settings=replace(lua, job_id="1041")))
    assert changed_lines(told) == ['-        job_id: "1"', '+        job_id: "1041"']

    install(contract, replace(order(contract), settings=None))
    assert files(contract) == {"theirs"}
    assert uncommitted(contract) == []
    removed, told = install(contract, replace(order(contract), settings=None))
    assert removed is None
    assert "nothing to change" in told


def test_the_lua_hook_calls_the_job_from_its_own_commit_on(shop: Any, target: HookTarget) -> None:
    settings = HookSettings(
        kind=HookKind.LUA,
        host=target.url,
        job_id="9007199254740993",
        authentication=Authentication.TOKEN,
        variables=Variables(token=VARIABLE),
        branches=("main", "release-*"),
    )
    first = install_in(shop, settings)
    target.wait_for(1)
    shop.branch("other").create("main")  # no branch of the patterns
    shop.branch("release-1").create("main")
    received = target.wait_for(2)
    assert {each.path for each in received} == {"/api/2.2/jobs/run-now"}
    assert {each.headers["Authorization"] for each in received} == {f"Bearer {TOKEN}"}
    bodies = [json.loads(each.body) for each in received]
    assert {body["job_id"] for body in bodies} == {9007199254740993}
    assert [body["job_parameters"] for body in bodies] == [
        {"repository": "shop", "branch": "main", "commit_id": first, "event": "post-commit"},
        {"repository": "shop", "branch": "release-1", "commit_id": first, "event": "post-create-branch"},
    ]


def test_the_lua_hook_signs_in_as_a_service_principal_by_default(target: HookTarget) -> None:
    held = {"LAKEFSACTION_DATABRICKS_CLIENT_ID": "app", "LAKEFSACTION_DATABRICKS_CLIENT_SECRET": "dose0123456789"}
    target.answer_json(200, access_token="eyJ0123456789", run_id=1)
    server = LakeFSStandIn(hook_environment=held)
    server.start()
    try:
        install_in(repository_of(server), HookSettings(kind=HookKind.LUA, host=target.url, job_id="1041"))
        received = target.wait_for(2)
    finally:
        server.stop()
    assert [each.path for each in received] == ["/oidc/v1/token", "/api/2.2/jobs/run-now"]
    assert received[1].headers["Authorization"] == "Bearer eyJ0123456789"


def test_the_webhook_fires_from_its_own_commit_on(shop: Any, target: HookTarget) -> None:
    first = install_in(shop, HookSettings(kind=HookKind.WEBHOOK, service=target.url))
    target.wait_for(1)
    shop.branch("main").object("x").upload(b"x", mode="wb")
    second = shop.branch("main").commit("another").get_commit().id
    received = target.wait_for(2)
    bodies = [json.loads(each.body) for each in received]
    assert [(body["event_type"], body["commit_id"]) for body in bodies] == [
        ("post-commit", first),
        ("post-commit", second),
    ]
    assert {(each.path, each.headers["Authorization"]) for each in received} == {("/events", "Bearer s")}


def test_after_its_removal_a_hook_does_not_fire(shop: Any, target: HookTarget) -> None:
    install_in(shop, HookSettings(kind=HookKind.WEBHOOK, service=target.url, events=("post-merge",)))
    shop.branch("dev").create("main")
    shop.branch("dev").object("x").upload(b"x", mode="wb")
    shop.branch("dev").commit("x")
    install_in(shop, None)
    shop.branch("dev").merge_into("main")
    assert target.wait_for(1, seconds=0.5) == []


def test_the_lua_gate_comes_with_the_hook_and_refuses(shop: Any) -> None:
    settings = HookSettings(
        kind=HookKind.LUA,
        host="https://adb-1.net",
        job_id="1",
        events=("post-merge",),
        gate=True,
        rules=GateRules(catalog="lake", folder="defs"),
    )
    install_in(shop, settings)
    assert {each.path for each in shop.branch("main").objects()} == {
        LUA_ACTION,
        LUA_SCRIPT,
        LUA_GATE_ACTION,
        LUA_GATE_SCRIPT,
    }
    shop.branch("main").object("defs/orders.yaml").upload(b"name: orders\ntype: delta\n", mode="wb")
    with pytest.raises(LakeFSException, match=r"defs/orders\.yaml: path: is missing"):
        shop.branch("main").commit("broken")
    shop.branch("main").reset_changes()
    install_in(shop, None)
    assert list(shop.branch("main").objects()) == []


def test_a_gate_whose_service_is_down_can_be_removed(shop: Any, target: HookTarget) -> None:
    install_in(shop, HookSettings(kind=HookKind.WEBHOOK, service=target.url, events=("post-merge",), gate=True))
    target.status = 500
    shop.branch("main").object("x").upload(b"x", mode="wb")
    with pytest.raises(LakeFSException, match="412"):
        shop.branch("main").commit("refused")
    shop.branch("main").reset_changes()
    install_in(shop, None)
    assert list(shop.branch("main").objects()) == []


GATED = HookSettings(
    kind=HookKind.LUA,
    host="https://adb-1.net",
    job_id="1",
    gate=True,
    rules=GateRules(catalog="lake"),
    events=("post-merge",),
)


@pytest.mark.parametrize("broken", [False, True])
def test_a_removal_right_after_a_commit_succeeds_and_leaves_no_failed_run(shop: Any, broken: bool) -> None:
    if broken:  # a descriptor that the gate does not take, from before the gate
        shop.branch("main").object("_lakefs_tables/orders.yaml").upload(b"name: orders\n", mode="wb")
        shop.branch("main").commit("broken before")
        time.sleep(SECONDS_KEPT / FASTER)
    install_in(shop, GATED)
    shop.branch("main").object("x").upload(b"x", mode="wb")
    shop.branch("main").commit("another")  # lakeFS has read the action files just now
    assert install_in(shop, None) == shop.branch("main").head.id
    assert {each.path for each in shop.branch("main").objects()} - {"_lakefs_tables/orders.yaml"} == {"x"}
    assert failed_runs(shop) == []
    shop.branch("dev").create("main")
    assert failed_runs(shop) == []


def test_a_removal_within_a_refusal_waits_for_lakefs_to_read_again(shop: Any, target: HookTarget) -> None:
    install_in(shop, HookSettings(kind=HookKind.WEBHOOK, service=target.url, events=("post-merge",), gate=True))
    target.status = 500
    out = io.StringIO()
    install_in(shop, None, out=out)
    assert list(shop.branch("main").objects()) == []
    assert out.getvalue().count(f"waiting up to {SECONDS_KEPT} s: lakeFS may still go by") == 1
    assert "hook 'descriptor_gate': action failed: webhook request failed (status code: 500)" in out.getvalue()


def test_a_change_of_trigger_right_after_a_commit_succeeds(shop: Any, target: HookTarget) -> None:
    webhook = HookSettings(kind=HookKind.WEBHOOK, service=target.url, events=("post-merge",), gate=True)
    for settings in (GATED, webhook, GATED):
        shop.branch("main").object("x").upload(settings.kind.encode() + bytes(len(target.received)), mode="wb")
        shop.branch("main").commit("another")
        install_in(shop, settings)
        found = {each.path for each in shop.branch("main").objects()} - {"x"}
        assert found == set(render(settings))
    assert failed_runs(shop) == []


def test_the_command_takes_a_hook_out_of_a_server_that_keeps_action_files_as_long_as_recorded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = LakeFSStandIn(hook_environment=HELD)
    server.start()
    try:
        shop = repository_of(server)
        install_in(shop, GATED)
        monkeypatch.setenv("LAKECTL_SERVER_ENDPOINT_URL", server.url)
        monkeypatch.setenv("LAKECTL_CREDENTIALS_ACCESS_KEY_ID", server.access_key.id)
        monkeypatch.setenv("LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", server.access_key.secret)
        monkeypatch.setattr(
            "sys.argv", ["install_hook", "--repository", "shop", "--branch", "main", "--uninstall", "--yes"]
        )
        main()
        assert list(shop.branch("main").objects()) == []
        assert failed_runs(shop) == []
    finally:
        server.stop()
    told = capsys.readouterr().out
    assert f"waiting {SECONDS_KEPT} s until lakeFS asks for {LUA_GATE_SCRIPT}, {LUA_SCRIPT} no more" in told
    assert told.count("committed ") == 2


def test_a_folder_below_the_action_folder_is_told_before_anything_is_written(contract: Contract) -> None:
    install(contract, order(contract, events=("post-merge",)))
    contract.put("main", "_lakefs_actions/scripts/a.lua")
    before = (files(contract), uncommitted(contract), head(contract))
    for wanted in (order(contract), replace(order(contract), settings=None)):
        with pytest.raises(
            HookError, match=r"nothing was done: .*/main has _lakefs_actions/scripts/: .*404; move what"
        ):
            install(contract, wanted)
    assert (files(contract), uncommitted(contract), head(contract)) == before


def test_a_folder_below_the_action_folder_is_named_where_lakefs_refuses_for_it(contract: Contract) -> None:
    contract.put("main", "_lakefs_actions/scripts/a.lua")
    branch = LakeFSHookBranch(repository=contract.name, branch="main", client=contract.client)
    with pytest.raises(
        LakeFSHookError, match=r"(?s)404 .*; _lakefs_actions/scripts/: a folder .* move what"
    ) as failure:
        branch.commit("x", {})
    assert "--repository" not in str(failure.value)


def test_lakefs_reads_every_argument_that_is_written_as_the_text_it_is() -> None:
    settings = replace(GATED, host="https://2024-01-01", job_id="20240101")
    odd = GateRules(catalog="2024-01-01", schema_template="{branch}", folder="null", table_defs=("1e3",))
    written = render(replace(settings, rules=odd).checked())
    read = {path: parse_action(path, text.encode()) for path, text in written.items() if path.endswith(".yaml")}
    arguments = {path: action.hooks[0].properties["args"] for path, action in read.items()}
    assert arguments[LUA_GATE_ACTION] == {
        "catalog": "2024-01-01",
        "schema_template": "{branch}",
        "descriptor_folder": "null",
        "table_defs": "1e3",
    }
    assert arguments[LUA_ACTION]["databricks_host"] == "https://2024-01-01"
    assert arguments[LUA_ACTION]["job_id"] == "20240101"


def test_arguments_that_look_like_dates_do_not_end_the_server(shop: Any) -> None:
    odd = GateRules(catalog="2024-01-01", schema_template="{branch}", folder="2024-01-02", table_defs=("2024-01-03",))
    install_in(shop, replace(GATED, rules=odd))
    shop.branch("main").object("2024-01-02/2024-01-03.yaml").upload(b"name: orders\n", mode="wb")
    with pytest.raises(LakeFSException, match=r"2024-01-02/2024-01-03\.yaml: type: is missing"):
        shop.branch("main").commit("broken")
    shop.branch("main").reset_changes()
    assert shop.branch("main").head.id


def test_a_gate_without_its_variable_refuses_the_commit_that_brings_it(contract: Contract) -> None:
    with pytest.raises(LakeFSError, match="answered 500"):
        install(contract, order(contract, gate=True))
    assert (files(contract), uncommitted(contract)) == (set(), [])


def test_a_dry_run_leaves_head_and_uncommitted_changes(contract: Contract) -> None:
    before = head(contract)
    contract.put("main", "data/x")
    none, told = install(contract, replace(order(contract), dry_run=True))
    assert none is None
    assert f"+++ b/{WEBHOOK_ACTION}" in told
    assert "uncommitted changes (data/x)" in told
    assert (head(contract), uncommitted(contract)) == (before, ["data/x"])


def test_an_older_server_does_not_get_events_that_it_does_not_know(
    stand_in_contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = stand_in_contract
    monkeypatch.setitem(api_repositories.VERSION, "version", "1.51.0")
    _, told = install(contract, order(contract))
    assert "left out: post-revert, post-cherry-pick, which lakeFS 1.51.0 does not know" in told
    text = contract.repository.branch("main").object(WEBHOOK_ACTION).reader().read().decode()
    assert "  post-merge:\n  post-create-branch:\n" in text
    monkeypatch.setitem(api_repositories.VERSION, "version", "dev")
    _, told = install(contract, order(contract))
    assert "does not say its version (dev)" in told
    assert changed_lines(told) == ["+  post-revert:", "+  post-cherry-pick:"]


def test_a_commit_that_a_hook_refuses_leaves_nothing_uncommitted(contract: Contract) -> None:
    script = 'if action.commit.message ~= "first" then error("not today", 0) end'
    no = {"id": "no", "type": "lua", "properties": {"script": script}}
    install(contract, order(contract, "https://earlier.example.com"))
    contract.put_action("main", {"name": "no", "on": {"pre-commit": None}, "hooks": [no]})
    before = contract.repository.branch("main").commit("first").get_commit().id
    lua = HookSettings(kind=HookKind.LUA, host="https://adb-1.net", job_id="1", events=("post-merge",))
    for settings in (order(contract).settings, lua):
        with pytest.raises(LakeFSError, match="not today"):
            install(contract, replace(order(contract), settings=settings))
        assert head(contract) == before
        assert uncommitted(contract) == []


def test_changes_of_others_are_left_uncommitted(contract: Contract) -> None:
    contract.put("main", "data/x")
    with pytest.raises(HookError, match=r"uncommitted changes.*data/x"):
        install(contract, order(contract))
    assert uncommitted(contract) == ["data/x"]


def test_files_that_were_only_uploaded_are_not_taken_for_installed(contract: Contract) -> None:
    install(contract, order(contract, events=("post-merge",)))
    content = contract.repository.branch("main").object(WEBHOOK_ACTION).reader().read()
    install(contract, replace(order(contract), settings=None))
    contract.put("main", WEBHOOK_ACTION, content=content)
    with pytest.raises(HookError, match=f"uncommitted changes.*{WEBHOOK_ACTION}"):
        install(contract, order(contract, events=("post-merge",)))


def test_places_that_are_not_there_are_told(contract: Contract) -> None:
    with pytest.raises(LakeFSNotFoundError, match=r"404.*/none; .* --repository and --branch"):
        install(contract, replace(order(contract), branch="none"))
    with pytest.raises(LakeFSNotFoundError, match="nowhere"):
        install(contract, replace(order(contract), repository="nowhere"))


def test_a_wrong_key_is_told(contract: Contract) -> None:
    client = Client(host=contract.server.endpoint_url, username="AKIAWRONG", password="wrong-secret")
    branch = LakeFSHookBranch(repository=contract.name, branch="main", client=client)
    with pytest.raises(LakeFSAccessError, match="check the access key") as failure:
        carry_out(order(contract), branch, io.StringIO(), lambda _: False)
    assert "wrong-secret" not in str(failure.value)


# What answers is no lakeFS, or refuses


def branch_at(url: str) -> LakeFSHookBranch:
    return LakeFSHookBranch(repository="shop", branch="main", client=Client(host=url, username="k", password="s"))


def test_what_a_server_refuses_is_told_in_its_own_words(target: HookTarget) -> None:
    target.answer_json(403, message="cannot write to protected branch")
    with pytest.raises(LakeFSAccessError, match=r"403 \(cannot write to protected branch\).*protected.*merge that"):
        branch_at(target.url).write(LUA_ACTION, "x")
    with pytest.raises(LakeFSAccessError, match=r"403 \(cannot write to protected branch\)"):
        branch_at(target.url).commit("x", {})
    target.answer_json(412, message="2 problems:\n" + 300 * "x" + "\x1b")
    with pytest.raises(LakeFSError, match=r"412 \(2 problems:\nx{300}\) when asked for a commit of shop/main"):
        branch_at(target.url).commit("x", {})


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (400, {"message": "commit: no changes"}, r"400 \(commit: no changes\) .*; the branch holds already"),
        (409, {"reference": ""}, r"409 \(a conflict: both sides changed the same objects\) .*; others are writing"),
        (409, {}, r"409 when asked for a commit of shop/main; others are writing"),
        (410, {"message": "No data"}, r"410 \(No data\) .*; the file's data is gone"),
        (423, {"message": "locked"}, r"423 \(locked\) .*; others are writing"),
        (429, {"message": "slow down"}, r"429 \(slow down\) .*; too many requests"),
        (500, {"message": "oops"}, r"500 \(oops\) .*; look at the server's log"),
        (500, None, r"500 when asked for a commit of shop/main; look at the server's log"),
    ],
)
def test_an_answer_about_the_branch_says_what_to_do(target: HookTarget, status: int, body: Any, told: str) -> None:
    target.status, target.body = status, json.dumps(body).encode()
    with pytest.raises(LakeFSError, match=told):
        branch_at(target.url).commit("x", {})


@pytest.mark.parametrize("body", [b"<html>sign in</html>", b"null", b"[]", b'{"id": 1}', b""])
def test_a_server_that_is_no_lakefs_is_told(body: bytes) -> None:
    with HookTarget(body=body, answers_get=True) as other:
        for ask in (branch_at(other.url).head, lambda: branch_at(other.url).commit("x", {})):
            with pytest.raises(LakeFSUnavailableError, match=r"no lakeFS server.*LAKECTL_SERVER_ENDPOINT_URL"):
                ask()


def test_a_version_that_the_user_may_not_see_is_none() -> None:
    with HookTarget(status=403, body=b'{"message": "insufficient permissions"}', answers_get=True) as server:
        assert branch_at(server.url).server_version() == ""


def test_a_server_that_does_not_answer_is_told(target: HookTarget) -> None:
    with HookTarget() as stopped:
        url = stopped.url
    with pytest.raises(LakeFSUnavailableError, match=r"did not answer .*refused"):
        branch_at(url).head()


# The command, with lakectl's settings


def test_the_command_takes_the_settings_of_lakectl(
    stand_in_contract: Contract, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = stand_in_contract.server
    monkeypatch.setenv("LAKECTL_SERVER_ENDPOINT_URL", server.endpoint_url)
    monkeypatch.setenv("LAKECTL_CREDENTIALS_ACCESS_KEY_ID", server.access_key_id)
    monkeypatch.setenv("LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", server.secret_access_key)
    place = ["--repository", stand_in_contract.name, "--branch", "main"]
    arguments = [*place, "--databricks-host", "https://adb-1.net", "--job-id", "1", "--branches", "dev", "--yes"]
    monkeypatch.setattr("sys.argv", ["install_hook", *arguments])
    main()
    assert files(stand_in_contract) == {LUA_ACTION, LUA_SCRIPT}
    told = capsys.readouterr().out
    assert f"committed {head(stand_in_contract)} to {stand_in_contract.name}/main" in told
    assert server.secret_access_key not in told


@pytest.mark.parametrize("written", ["", "server: [\n", "server: null\n", "credentials: {access_key_id: a}\n", "- x\n"])
def test_settings_that_cannot_be_used_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, written: str
) -> None:
    file = tmp_path_factory.mktemp("home") / "lakectl.yaml"
    file.write_text(written)
    for name in ("SERVER_ENDPOINT_URL", "CREDENTIALS_ACCESS_KEY_ID", "CREDENTIALS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(f"LAKECTL_{name}", raising=False)
    monkeypatch.setenv("LAKECTL_CONFIG_FILE", str(file))
    monkeypatch.setattr("sys.argv", ["install_hook", "--repository", "shop", "--branch", "main", "--uninstall"])
    with pytest.raises(SystemExit, match=r"HookError: no lakeFS server is configured.*lakectl config"):
        main()
    monkeypatch.setenv("LAKECTL_CREDENTIALS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", "s")
    with pytest.raises(SystemExit, match="HookError: no lakeFS server is configured"):
        main()
