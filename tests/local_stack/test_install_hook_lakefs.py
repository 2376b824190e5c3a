"""The command install_hook on a lakeFS server: what it commits fires, and what it refuses leaves nothing behind."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import lakefs
import pytest
from lakefs.client import Client
from lakefs_hook_target import HookTarget

from lakefs_unity_export.errors import HookError, LakeFSAccessError, LakeFSError, LakeFSNotFoundError
from lakefs_unity_export.hook_branch import LakeFSHookBranch
from lakefs_unity_export.hook_files import LUA_ACTION, LUA_SCRIPT, WEBHOOK_ACTION, HookKind, HookSettings
from lakefs_unity_export.install_hook import Order, install_hook
from local_stack.lakefs_standin import LakeFSStandIn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakefs_contract import Contract

pytest_plugins = ["lakefs_contract"]


@pytest.fixture
def target() -> Iterator[HookTarget]:
    with HookTarget() as server:
        yield server


def order(contract: Contract, url: str, **changes: object) -> Order:
    settings = HookSettings(kind=HookKind.WEBHOOK, service=url, **changes)  # type: ignore[arg-type]
    return Order(repository=contract.name, branch="main", settings=settings, yes=True)


def install(contract: Contract, wanted: Order) -> tuple[str | None, str]:
    """The commit's id, and what was told."""
    out = io.StringIO()
    branch = LakeFSHookBranch(repository=wanted.repository, branch=wanted.branch, client=contract.client)
    return install_hook(wanted, branch, out, lambda _: False), out.getvalue()


def files(contract: Contract, ref: str = "main") -> set[str]:
    return {entry.path for entry in contract.repository.ref(ref).objects()}


def is_clean(contract: Contract) -> bool:
    return not list(contract.repository.branch("main").uncommitted())


def test_a_hook_is_installed_changed_and_removed(contract: Contract) -> None:
    first, told = install(contract, order(contract, "https://hook.example.com", events=("post-merge",)))
    assert first == contract.repository.branch("main").head.id
    assert files(contract) == {WEBHOOK_ACTION}
    assert f"+++ b/{WEBHOOK_ACTION}" in told

    again, told = install(contract, order(contract, "https://hook.example.com", events=("post-merge",)))
    assert again is None
    assert "nothing to change" in told

    _, told = install(contract, order(contract, "https://other.example.com", events=("post-merge",)))
    changed = [line for line in told.splitlines() if line[0] in "+-" and line[:3] not in ("+++", "---")]
    assert changed == [
        "-      url: https://hook.example.com/events",
        "+      url: https://other.example.com/events",
    ]

    lua = HookSettings(kind=HookKind.LUA, host="https://adb-1.net", job_id="1", events=("post-merge",))
    install(contract, replace(order(contract, ""), settings=lua))
    assert files(contract) == {LUA_ACTION, LUA_SCRIPT}

    install(contract, replace(order(contract, ""), settings=None))
    assert files(contract) == set()
    assert is_clean(contract)


def test_the_commit_of_the_hook_and_those_after_it_fire() -> None:
    server = LakeFSStandIn(
        hook_environment={"LAKEFSACTION_DATABRICKS_TOKEN": "dapi-0123456789", "LAKEFSACTION_WEBHOOK_SECRET": "s"}
    )
    server.start()
    try:
        with HookTarget() as target:
            commits = _fired(server, target)
            received = [json.loads(each.body) for each in target.wait_for(2)]
    finally:
        server.stop()
    assert [(body["event_type"], body["commit_id"]) for body in received] == [
        ("post-commit", commits[0]),
        ("post-commit", commits[1]),
    ]
    assert {each.path for each in target.received} == {"/events"}


def _fired(server: LakeFSStandIn, target: HookTarget) -> tuple[str | None, str]:
    """The commit that installs the webhook's hook, and one after it."""
    client = Client(host=server.url, username=server.access_key.id, password=server.access_key.secret)
    repository = lakefs.Repository("fired", client=client).create(storage_namespace="local://fired")
    settings = HookSettings(kind=HookKind.WEBHOOK, service=target.url).checked()
    wanted = Order(repository="fired", branch="main", settings=settings, yes=True)
    branch = LakeFSHookBranch(repository="fired", branch="main", client=client)
    first = install_hook(wanted, branch, io.StringIO(), lambda _: False)
    target.wait_for(1)
    repository.branch("main").object("x").upload(b"x", mode="wb")
    return first, str(repository.branch("main").commit("another").get_commit().id)


def test_a_commit_that_a_hook_refuses_leaves_nothing_uncommitted(contract: Contract) -> None:
    script = 'if action.commit.message ~= "first" then error("not today", 0) end'
    no = {"id": "no", "type": "lua", "properties": {"script": script}}
    contract.put_action("main", {"name": "no", "on": {"pre-commit": None}, "hooks": [no]})
    head = contract.repository.branch("main").commit("first").get_commit().id
    with pytest.raises(LakeFSError, match="not today"):
        install(contract, order(contract, "https://hook.example.com"))
    assert contract.repository.branch("main").head.id == head
    assert is_clean(contract)


def test_changes_of_others_are_left_uncommitted(contract: Contract) -> None:
    contract.put("main", "data/x")
    with pytest.raises(HookError, match=r"uncommitted changes.*data/x"):
        install(contract, order(contract, "https://hook.example.com"))
    assert [change.path for change in contract.repository.branch("main").uncommitted()] == ["data/x"]


def test_places_that_are_not_there_are_told(contract: Contract) -> None:
    with pytest.raises(LakeFSNotFoundError, match="none"):
        install(contract, replace(order(contract, "https://hook.example.com"), branch="none"))
    with pytest.raises(LakeFSNotFoundError, match="nowhere"):
        install(contract, replace(order(contract, "https://hook.example.com"), repository="nowhere"))


def test_a_wrong_key_is_told(contract: Contract) -> None:
    client = Client(host=contract.server.endpoint_url, username="AKIAWRONG", password="wrong")
    branch = LakeFSHookBranch(repository=contract.name, branch="main", client=client)
    with pytest.raises(LakeFSAccessError):
        install_hook(order(contract, "https://hook.example.com"), branch, io.StringIO(), lambda _: False)
