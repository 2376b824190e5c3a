"""The gate in Lua in a lakeFS repository: which commits and merges a server refuses, and what it answers then."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lakefs.exceptions import LakeFSException

if TYPE_CHECKING:
    from lakefs_contract import Contract

pytest_plugins = ["lakefs_contract"]

FILES = Path(__file__).parents[3] / "resources/lakefs"
FOLDER = "_lakefs_tables"
BROKEN = b"name: orders\ntype: delta\n"
VALID = BROKEN + b"path: tables/orders\n"


def install(contract: Contract) -> None:
    """Commit the gate to main, as its documentation says."""
    for name in ("scripts/descriptor_gate.lua", "_lakefs_actions/descriptor_gate.yaml"):
        contract.put("main", name, content=(FILES / name).read_bytes())
    contract.repository.branch("main").commit("add the gate")


def commit(contract: Contract, branch: str = "main") -> str:
    return str(contract.repository.branch(branch).commit("a commit").get_commit().id)


def refusal(contract: Contract, branch: str = "main", into: str = "") -> str:
    """What the server answers to a commit of the branch, or to its merge."""
    try:
        contract.repository.branch(branch).merge_into(into) if into else commit(contract, branch)
    except LakeFSException as error:
        return str(error)
    return "not refused"


def test_a_commit_with_broken_descriptors_is_refused_with_the_whole_list(contract: Contract) -> None:
    install(contract)
    contract.put("main", f"{FOLDER}/orders.yaml", content=BROKEN)
    contract.put("main", f"{FOLDER}/sales/parts.yaml", content=b"{")
    head = contract.repository.branch("main").get_commit().id
    said = refusal(contract)
    assert "pre-commit hook aborted" in said
    assert "2 problems in the table descriptors that this commit would leave; mend all, then try again:" in said
    assert f"{FOLDER}/orders.yaml: path: is missing; add it" in said
    assert f"{FOLDER}/sales/parts.yaml: line " in said
    assert contract.repository.branch("main").get_commit().id == head
    contract.put("main", f"{FOLDER}/orders.yaml", content=VALID)
    contract.repository.branch("main").object(f"{FOLDER}/sales/parts.yaml").delete()
    assert commit(contract) != head


def test_who_commits_is_shown_the_text_that_the_guide_shows_and_no_trace(contract: Contract) -> None:
    install(contract)
    contract.put("main", f"{FOLDER}/orders.yaml", content=BROKEN)
    text = (
        "1 problem in the table descriptors that this commit would leave; mend all, then try again:\n"
        f"{FOLDER}/orders.yaml: path: is missing; add it"
    )
    assert re.search(
        r"pre-commit hook aborted, run id '[^']+': 1 error occurred:\n\t\* hook run id '0000_0000' failed on action "
        f"'Check table descriptors' hook 'descriptor_gate': action failed: {re.escape(text)}\n\n",
        refusal(contract).replace("\\n", "\n").replace("\\t", "\t"),
    )
    (run, *_) = contract.runs(branch="main")
    assert (run.status, contract.output(run).strip()) == ("failed", f"Error: action failed: {text}")


def test_the_run_of_a_commit_that_passes_says_so(contract: Contract) -> None:
    install(contract)
    contract.put("main", f"{FOLDER}/orders.yaml", content=VALID)
    commit(contract)
    (run, *_) = contract.runs(branch="main")
    assert run.status == "completed"
    assert contract.output(run).strip() == "the table descriptors are valid"


def test_a_merge_whose_descriptors_collide_is_refused(contract: Contract) -> None:
    install(contract)
    contract.branch("dev")
    contract.put("dev", f"{FOLDER}/theirs.yaml", content=VALID)
    commit(contract, "dev")
    contract.put("main", f"{FOLDER}/ours.yaml", content=VALID)
    commit(contract)
    said = refusal(contract, "dev", into="main")
    assert "pre-merge hook aborted" in said
    assert f"{FOLDER}/ours.yaml: name: table 'orders' is also described by {FOLDER}/theirs.yaml" in said
    assert f"{FOLDER}/theirs.yaml: name: table 'orders' is also described by {FOLDER}/ours.yaml" in said
    contract.repository.branch("main").object(f"{FOLDER}/ours.yaml").delete()
    commit(contract)
    assert contract.repository.branch("dev").merge_into("main")


@pytest.mark.parametrize(("strategy", "passes"), [("dest-wins", True), ("source-wins", False)])
def test_where_both_changed_a_descriptor_the_side_that_wins_counts(
    contract: Contract, strategy: str, passes: bool
) -> None:
    contract.commit("main", f"{FOLDER}/orders.yaml", content=VALID)
    contract.branch("dev")
    contract.commit("dev", f"{FOLDER}/orders.yaml", content=BROKEN)
    install(contract)
    for name in ("scripts/descriptor_gate.lua", "_lakefs_actions/descriptor_gate.yaml"):
        contract.commit("dev", name, content=(FILES / name).read_bytes())
    contract.put("main", f"{FOLDER}/orders.yaml", content=VALID + b"owner: us\n")
    commit(contract)
    dev = contract.repository.branch("dev")
    if passes:
        assert dev.merge_into("main", strategy=strategy)
    else:
        with pytest.raises(LakeFSException, match="path: is missing; add it"):
            dev.merge_into("main", strategy=strategy)


def test_a_file_that_was_broken_before_holds_up_no_other_commit(contract: Contract) -> None:
    contract.commit("main", f"{FOLDER}/orders.yaml", content=BROKEN)
    install(contract)
    contract.put("main", "tables/orders/1")
    assert commit(contract)
    contract.put("main", f"{FOLDER}/parts.yaml", content=VALID)
    assert f"{FOLDER}/orders.yaml: path: is missing; add it" in refusal(contract)
