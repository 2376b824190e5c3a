"""The args of Lua hooks beyond the recorded ones: what ends a lakeFS server ends the stand-in, and the rest is refused.

A lakeFS 1.84 server ends as a process where a hook's args hold a date without quotes: after the commit was answered
where the hook runs after it, with a broken connection and no commit where it runs before.
"""

import time
from collections.abc import Iterator

import httpx
import pytest
from lakefs_contract import Contract, contract_with, lakefs_of

from local_stack.lakefs.standin import LakeFSStandIn


@pytest.fixture
def contract() -> Iterator[Contract]:
    """A stand-in that a test may end, with a repository."""
    server = LakeFSStandIn(hook_environment={"LAKEFSACTION_SET": "set"}, action_seconds=0)
    server.start()
    yield contract_with(lakefs_of(server))
    server.stop()


def commit(contract: Contract, arguments: str, event: str = "post-commit") -> httpx.Response:
    lines = [
        "name: test",
        f"on: {{{event}: }}",
        "hooks:",
        "  - id: snippet",
        "    type: lua",
        "    properties:",
        "      script: print(type(args.v))",
        f"      args: {arguments}",
    ]
    contract.put("main", "_lakefs_actions/test.yaml", content="\n".join(lines).encode())
    return contract.request("POST", f"/repositories/{contract.name}/branches/main/commits", json={"message": "c"})


def has_ended(contract: Contract, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            contract.request("GET", "/healthcheck")
        except httpx.ConnectError:
            return True
        except httpx.RemoteProtocolError:
            # It ends while it is asked: the next time nobody is there.
            continue
        time.sleep(0.02)
    return False


DATES = [
    "{v: 2024-01-01}",
    "{v: 2024-01-01T10:00:00Z}",
    "{v: 2024-01-01 10:00:00}",
    "{v: [x, 2024-01-01]}",
    "{v: {w: {x: 2024-01-01}}}",
    "{v: {2024-01-01: x}}",
]


@pytest.mark.parametrize("arguments", DATES)
def test_a_date_without_quotes_ends_the_server_after_the_commit(contract: Contract, arguments: str) -> None:
    assert commit(contract, arguments).status_code == 201
    assert has_ended(contract)


def test_a_date_without_quotes_breaks_the_connection_before_the_commit(contract: Contract) -> None:
    with pytest.raises(httpx.TransportError):
        commit(contract, DATES[0], event="pre-commit")
    assert has_ended(contract)


@pytest.mark.parametrize("arguments", ['{v: "2024-01-01"}', "{v: '2024-01-01T10:00:00Z'}", "{v: 2024-01}"])
def test_a_date_in_quotes_is_text(contract: Contract, arguments: str) -> None:
    assert commit(contract, arguments).status_code == 201
    (run,) = contract.runs()
    assert contract.output(run) == "string\n"
    assert not has_ended(contract, seconds=0.1)


@pytest.mark.parametrize(
    "arguments", ["[a]", "x", "5", "true", "{1: x}", "{true: x}", '{v: "{{ ENV.LAKEFSACTION_X }}"}']
)
def test_args_that_cannot_be_used_refuse_a_commit_or_leave_no_run(contract: Contract, arguments: str) -> None:
    refused = commit(contract, arguments, event="pre-commit")
    assert refused.status_code == 500
    assert ": error parsing args: " in refused.json()["message"]
    assert commit(contract, arguments).status_code == 201
    assert contract.runs(seconds=0.3) == []


@pytest.mark.parametrize("arguments", ["", "~", "{}", '{v: "{{ ENV.LAKEFSACTION_SET }}"}'])
def test_args_that_are_left_out_or_found_are_used(contract: Contract, arguments: str) -> None:
    assert commit(contract, arguments).status_code == 201
    (run,) = contract.runs()
    assert contract.output(run) == ("string\n" if "SET" in arguments else "nil\n")
