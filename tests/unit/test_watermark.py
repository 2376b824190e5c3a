"""The watermark in a schema's properties: read, written, and in conflict."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakefs_unity_export.errors import WatermarkConflictError
from lakefs_unity_export.watermark import Watermark, read_watermark, with_watermark

PROPERTIES = {
    "lakefs.shop.branch": "main",
    "lakefs.shop.commit_id": "c1",
    "lakefs.shop.commit_generation": "7",
    "owner": "finance",
}


def _read(properties: dict[str, str], *, repository: str = "shop", branch: str = "main") -> Watermark | None:
    return read_watermark(properties, repository=repository, branch=branch, schema="lake.main")


def test_a_watermark_is_read() -> None:
    assert _read(PROPERTIES) == Watermark(branch="main", commit_id="c1", commit_generation=7)


@pytest.mark.parametrize("lacking", ["lakefs.shop.branch", "lakefs.shop.commit_id"])
def test_without_branch_or_commit_there_is_none(lacking: str) -> None:
    assert _read({key: value for key, value in PROPERTIES.items() if key != lacking}) is None
    assert _read({**PROPERTIES, lacking: ""}) is None


def test_another_repositorys_watermark_is_not_ours() -> None:
    assert _read(PROPERTIES, repository="other") is None


@pytest.mark.parametrize("generation", ["", "x", "-1", "1.0", "²", "٣", "9" * 5000, None])
def test_a_generation_that_is_no_number_is_unknown(generation: str | None) -> None:
    properties = {key: value for key, value in PROPERTIES.items() if not key.endswith("generation")}
    if generation is not None:
        properties["lakefs.shop.commit_generation"] = generation
    assert _read(properties) == Watermark(branch="main", commit_id="c1", commit_generation=None)


def test_another_branch_of_the_repository_is_a_conflict() -> None:
    with pytest.raises(WatermarkConflictError) as raised:
        _read(PROPERTIES, branch="Main")
    assert str(raised.value) == (
        "schema lake.main follows branch 'main' of repository 'shop', so branch 'Main' cannot be exported to it; "
        "give each branch its own schema with schema_template, or rename the branch"
    )


def test_the_other_properties_are_kept() -> None:
    moved = Watermark(branch="main", commit_id="c2", commit_generation=8)
    foreign = {"owner": "finance", "lakefs.other.branch": "main", "lakefs.other.commit_id": "x", "lakefs": "y"}
    assert with_watermark({**PROPERTIES, **foreign}, moved, repository="shop") == {
        **foreign,
        "lakefs.shop.branch": "main",
        "lakefs.shop.commit_id": "c2",
        "lakefs.shop.commit_generation": "8",
    }


watermarks = st.builds(
    Watermark,
    branch=st.just("main"),
    commit_id=st.text("0123456789abcdef", min_size=1),
    commit_generation=st.integers(0, 10**15 - 1),
)


@given(st.dictionaries(st.text(), st.text()), watermarks, watermarks)
def test_what_is_written_is_read(properties: dict[str, str], one: Watermark, other: Watermark) -> None:
    written = with_watermark(with_watermark(properties, one, repository="shop"), other, repository="sho")
    assert _read(written) == one
    assert _read(written, repository="sho") == other
    assert with_watermark(written, one, repository="shop") == written
