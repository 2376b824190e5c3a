"""What the local stack tells where lakeFS does not take its hook."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local_stack.errors import SetupError
from local_stack.triggers.hook import install_hook

if TYPE_CHECKING:
    from lakefs_contract import Contract

pytest_plugins = ["lakefs_contract"]

FILES = {"scripts/x.lua": "print(1)"}


def test_a_branch_that_is_not_there_is_told(contract: Contract) -> None:
    with pytest.raises(SetupError, match=r"no repository '.*' with a branch 'none'; create it first"):
        install_hook(contract.client, repository=contract.name, branch="none", files=FILES)


def test_a_folder_that_stops_every_commit_is_not_taken_for_a_missing_branch(contract: Contract) -> None:
    contract.put("main", "_lakefs_actions/old/a.lua")
    with pytest.raises(SetupError, match=r"refused the hook in .*/main: .*_lakefs_actions/old/") as failure:
        install_hook(contract.client, repository=contract.name, branch="main", files=FILES)
    assert "create it first" not in str(failure.value)
