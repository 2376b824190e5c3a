"""Replays recorded Lua snippets on the stand-in of lakeFS: commits set them off, as when they were recorded."""

import json
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

import httpx
import urllib3
from lakefs_contract import Contract, contract_with, lakefs_of
from lua_recording import Outcome, Snippet

from local_stack.lakefs.standin import LakeFSStandIn

HOOK_ENVIRONMENT = {
    "LAKEFSACTION_GREETING": "hello",
    "LAKEFSACTION_NUM": "42",
    "LAKEFSACTION_EMPTY": "",
    "LAKEFS_LUA_ONLY": "for lua",
    "LAKEFS_BLOCKSTORE_TYPE": "local",
}
# lakeFS waits 30 s for an answer, and the recorded scripts check that; here all of it is a hundredth.
TIMEOUT_SECONDS = 0.3
RECORDED_TIMEOUT, SHORT_TIMEOUT = "s > 29 and s < 33", "s > 0.29 and s < 3"

# The objects of the setup `lakefs`.
FIRST_OBJECTS = {
    "t/a": b"hello",
    "t/b": b"bb",
    "t/sub/c": b"ccc",
    "t/sub/d": b"d",
    "t/z": b"z",
    "bytes": b"a\0b\xff\r\n",
    "empty": b"",
    **{
        f"u/{name}": str(number).encode()
        for number, name in enumerate(("ü x", "a%20b", "a+b", "a?b#c", "/double", "a&b=c"), 1)
    },
}
CHANGED_OBJECTS = {"t/a": b"changed", "t/new": b"new", "t/sub/e": b"e"}
REMOVED_OBJECTS = ("t/b",)
# Snippets that count all objects saw 17 action files; these were recorded later.
ACTION_FILES = 17
LATER = ("lakefs/list-objects-nil", "lakefs/diff-refs-nil", "lakefs/stat-decoded")

Replayed = dict[str, Outcome]


def replay_together(snippets: Sequence[Snippet], server: LakeFSStandIn, loopback_host: str) -> Replayed:
    """Snippets that need nothing, or the loopback server: all are hooks of one commit."""
    if not snippets:
        return {}
    contract = _repository(server)
    for snippet in snippets:
        script = snippet.script.replace("<loopback>", f"http://{loopback_host}")
        script = script.replace("<loopback-host>", loopback_host)
        if "timeout" in snippet.id:
            assert RECORDED_TIMEOUT in script
            script = script.replace(RECORDED_TIMEOUT, SHORT_TIMEOUT)
        _put_action(contract, replace(snippet, script=script))
    contract.repository.branch("main").commit("snippets")
    shown = _shown(contract, "post-commit")
    return {
        snippet.id: Outcome(
            text=shown[snippet.name]
            .replace(f"http://{loopback_host}", "<loopback>")
            .replace(loopback_host, "<loopback-host>")
        )
        for snippet in snippets
    }


def replay_with_objects(snippets: Iterable[Snippet], server: LakeFSStandIn) -> Replayed:
    """Snippets of the setup `lakefs`: those of one event are hooks of one commit that changes objects."""
    counted, others, before = [], [], []
    for snippet in snippets:
        if snippet.event != "post-commit":
            before.append(snippet)
        elif snippet.id in LATER or snippet.group == "action":
            others.append(snippet)
        else:
            counted.append(snippet)
    return {
        **_replay_at_change(counted, server, action_files=ACTION_FILES),
        **_replay_at_change(others, server),
        **_replay_at_change(before, server),
    }


def _replay_at_change(snippets: Sequence[Snippet], server: LakeFSStandIn, action_files: int = 0) -> Replayed:
    contract = _repository(server)
    for path, content in FIRST_OBJECTS.items():
        contract.put("main", path, content=content)
    contract.repository.branch("main").commit("first")
    for path, content in CHANGED_OBJECTS.items():
        contract.put("main", path, content=content)
    for path in REMOVED_OBJECTS:
        contract.repository.branch("main").object(path).delete()
    for number in range(action_files - len(snippets)):
        contract.put_action("main", _ignored(f"ignored-{number}"), f"ignored-{number}")
    for snippet in snippets:
        _put_action(contract, snippet)
    contract.repository.branch("main").commit("with snippets", metadata={"k": "v"})
    shown: dict[str, str] = {}
    for event in {snippet.event for snippet in snippets}:
        shown |= _shown(contract, event)
    return {snippet.id: Outcome(text=shown[snippet.name]) for snippet in snippets}


def replay_alone(snippet: Snippet, server: LakeFSStandIn) -> Outcome:
    """A snippet with args or a file of its own, or after which there is no run: the only hook of its repository."""
    contract = _repository(server)
    _put_action(contract, snippet)
    if snippet.script_path and snippet.script:
        contract.put("main", snippet.script_path, content=snippet.script.encode())
    before = set(threading.enumerate())
    try:
        answer = contract.request("POST", f"/repositories/{contract.name}/branches/main/commits", json={"message": "c"})
    except httpx.TransportError:
        return Outcome(result="server-ended")
    _wait_for_hooks(before)
    if answer.status_code != 201:
        return Outcome(result="commit-refused", commit_status=answer.status_code, text=answer.json()["message"])
    try:
        runs = contract.runs(count=0)
    except urllib3.exceptions.HTTPError:
        return Outcome(result="server-ended")
    if not runs:
        return Outcome(result="no-run", commit_status=answer.status_code)
    return Outcome(text=contract.output(runs[0]))


def _repository(server: LakeFSStandIn) -> Contract:
    return contract_with(lakefs_of(server))


def _put_action(contract: Contract, snippet: Snippet) -> None:
    contract.put("main", f"_lakefs_actions/{snippet.name}.yaml", content=_action(snippet).encode())


def _action(snippet: Snippet) -> str:
    properties = f"script_path: {snippet.script_path}" if snippet.script_path else f"script: {_quoted(snippet.script)}"
    lines = [
        f"name: {snippet.name}",
        "on:",
        f"  {snippet.event}:",
        "hooks:",
        "  - id: snippet",
        "    type: lua",
        "    properties:",
        f"      {properties}",
    ]
    if snippet.args_yaml is not None:
        lines += ["      args:", *(f"        {line}" for line in snippet.args_yaml.splitlines())]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """The text in quotes of YAML: what YAML takes for a line break, or cannot hold, is escaped."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in quoted)


def _ignored(name: str) -> dict[str, object]:
    hook = {"id": "snippet", "type": "lua", "properties": {"script": "return"}}
    return {"name": name, "on": {"post-delete-tag": None}, "hooks": [hook]}


def _shown(contract: Contract, event: str) -> dict[str, str]:
    """What the run of this event shows, by action."""
    deadline = time.monotonic() + 60
    while True:  # the run shows once it has ended
        runs = [run for run in contract.runs(count=1, seconds=0) if run.event_type == event]
        if runs:
            break
        assert time.monotonic() < deadline, f"no run of {event}"
        time.sleep(0.05)
    run_id = runs[0].run_id
    hooks = contract.api.actions_api.list_run_hooks(contract.name, run_id, amount=1000).results
    path = f"{contract.server.endpoint_url}/api/v1/repositories/{contract.name}/actions/runs/{run_id}/hooks"
    auth = (contract.server.access_key_id, contract.server.secret_access_key)
    with httpx.Client(auth=auth, verify=False) as client:  # no certificates to load: it is 127.0.0.1
        return {hook.action: _text(client.get(f"{path}/{hook.hook_run_id}/output").content) for hook in hooks}


def _text(content: bytes) -> str:
    """Output as the recording has it: bytes that are no UTF-8 by their number."""
    return content.decode("utf-8", "backslashreplace")


def _wait_for_hooks(before: set[threading.Thread]) -> None:
    """Wait for what the commit started in the background, so that a run that is missing then never comes."""
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("post-commit"):
            thread.join(timeout=10)
