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
    (told,) = [cells[2] for cells in rows_of_claims() if cells[0].startswith(claim)]
    assert re.match(rf"check `{check_id}`", told)


def test_a_claim_that_names_a_check_is_settled_by_it() -> None:
    named = [cells for cells in rows_of_claims() if re.match(r"check `", cells[2])]
    assert len(named) == len(CLAIMS)


def test_any_other_claim_says_why_no_check_settles_it() -> None:
    known = {check.id for check in CHECKS}
    for cells in rows_of_claims():
        assert re.match(r"check `\w+`|no check( of its own)?: [a-z`]", cells[2]), cells
        assert {name for name in re.findall(r"`(\w+)`", cells[2]) if name != "check_lakefs_and_catalog"} <= known


def rows_of_claims() -> list[list[str]]:
    _, _, listed = (ROOT / "README.md").read_text().partition("## Not yet verified on a live workspace")
    listed, _, _ = listed.partition("\n## ")
    rows = [line[2:-2].split(" | ") for line in listed.splitlines() if line.startswith("| ")]
    assert rows[0] == ["Claim", "Where it matters", "Told by"]
    assert {len(cells) for cells in rows} == {3}
    return rows[1:]
