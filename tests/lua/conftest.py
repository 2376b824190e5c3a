"""What the Lua tests share: the hook's script, run as lakeFS runs it, and a server to call."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lakefs_hook_target import HookTarget

from local_stack.lakefs_standin.lua_runtime import LuaError, run_script

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "resources/lakefs/scripts/unity_export.lua"
EVENTS = json.loads((ROOT / "fixtures/lakefs_events.json").read_text())["lua"]
TOKEN = "dapi-0123456789abcdef"


@dataclass(frozen=True)
class HookOutcome:
    """What a run of the hook printed, and what it failed with, or nothing."""

    printed: str
    error: str


RunHook = Callable[..., HookOutcome]


@pytest.fixture
def workspace() -> Iterator[HookTarget]:
    """A workspace that starts a run whenever asked."""
    with HookTarget() as server:
        yield server


@pytest.fixture
def run_hook(workspace: HookTarget) -> RunHook:
    """Run the hook for an action table, by default a commit's, with changes to its args."""

    def run(action: dict[str, Any] | None = None, *, timeout_seconds: float = 5.0, **changes: Any) -> HookOutcome:
        arguments = {"databricks_host": workspace.url, "databricks_token": TOKEN, "job_id": "1041", **changes}
        lines: list[str] = []
        error = ""
        try:
            run_script(
                SCRIPT.read_text(),
                name="scripts/unity_export.lua",
                variables={
                    "action": action or EVENTS["post-commit"]["action"],
                    "args": {name: value for name, value in arguments.items() if value is not None},
                    "username": "admin",
                },
                output=lines.append,
                http_timeout_seconds=timeout_seconds,
            )
        except LuaError as failure:
            error = str(failure)
        return HookOutcome("\n".join(lines), error)

    return run
