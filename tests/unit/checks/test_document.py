"""docs/check_setup.md and README's list of claims, against the checks themselves."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from lakefs_unity_export.checks.catalogue import CHECKS

ROOT = Path(__file__).parents[3]
CLAIMS = [(claim, check.id) for check in CHECKS for claim in check.claims]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_setup_doc", ROOT / "tools" / "check_setup_doc.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_document_is_that_of_the_checks(script: ModuleType) -> None:
    assert (ROOT / "docs" / "check_setup.md").read_text() == script.document(), "run python tools/check_setup_doc.py"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_check_has_a_row_with_all_that_a_person_needs(script: ModuleType, check: object) -> None:
    (row,) = [line for line in script.document().splitlines() if line.startswith(f"| `{check.id}` |")]  # type: ignore[attr-defined]
    cells = [cell.strip() for cell in row.strip("|").split(" | ")]
    assert len(cells) == 6
    assert all(cells[:4])


@pytest.mark.parametrize(("claim", "check_id"), CLAIMS)
def test_a_claim_that_a_check_settles_is_in_the_list_and_names_the_check(claim: str, check_id: str) -> None:
    _, _, listed = (ROOT / "README.md").read_text().partition("## Not yet verified on a live workspace")
    (row,) = [line for line in listed.splitlines() if line.startswith(f"| {claim}")]
    assert re.search(rf"\(([a-z ]+: )?check `{check_id}`\) \|", row)


def test_a_claim_that_names_a_check_is_settled_by_it() -> None:
    _, _, listed = (ROOT / "README.md").read_text().partition("## Not yet verified on a live workspace")
    assert len(re.findall(r"check `\w+`\) \|", listed)) == len(CLAIMS)
