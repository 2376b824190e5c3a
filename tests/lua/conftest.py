"""What the Lua tests over HTTP share: a server to call, and the hook with the args to call it."""

from collections.abc import Iterator
from typing import Any

import lua_hook
import pytest
from lakefs_hook_target import HookTarget
from lua_hook import COMMIT, TOKEN, HookOutcome, RunHook


@pytest.fixture
def workspace() -> Iterator[HookTarget]:
    """A workspace that starts a run whenever asked."""
    with HookTarget() as server:
        yield server


@pytest.fixture
def run_hook(workspace: HookTarget) -> RunHook:
    """Run the hook for a commit, with changes to its args."""

    def run(*, timeout_seconds: float = 5.0, **changes: Any) -> HookOutcome:
        arguments = {"databricks_host": workspace.url, "databricks_token": TOKEN, "job_id": "1041", **changes}
        given = {name: value for name, value in arguments.items() if value is not None}
        return lua_hook.run_hook(COMMIT, given, timeout_seconds=timeout_seconds)

    return run
