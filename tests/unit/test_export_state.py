"""What a schema's properties say of a branch's exports: read, written, edited by hand, and in conflict."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakefs_unity_export.errors import WatermarkConflictError
from lakefs_unity_export.export_state import MAX_ATTEMPTS, ExportState, read_state, with_state, without_state
from lakefs_unity_export.ports import Commit

PROPERTIES = {
    "lakefs.shop.branch": "main",
    "lakefs.shop.commit_id": "c0ffee01",
    "lakefs.shop.commit_generation": "7",
    "owner": "finance",
}
EDITED = ExportState(is_edited=True)


def _commit(number: int) -> Commit:
    return Commit(id=f"{number:064x}", generation=number)


def _read(properties: dict[str, str], *, repository: str = "shop", branch: str = "main") -> ExportState:
    return read_state(properties, repository=repository, branch=branch, schema="lake.main")


def _written(state: ExportState, properties: dict[str, str] | None = None) -> dict[str, str]:
    return with_state(properties or {}, state, repository="shop", branch="main")


def test_a_watermark_that_somebody_set_is_read() -> None:
    assert _read(PROPERTIES) == ExportState(watermark=Commit(id="c0ffee01", generation=7))


def test_a_schema_that_was_just_made_for_the_branch_has_none() -> None:
    assert _read({"lakefs.shop.branch": "main"}) == ExportState()
    assert _read({}) == ExportState()
    assert _read({}).is_unknown


def test_another_repositorys_watermark_is_not_ours() -> None:
    assert _read(PROPERTIES, repository="other") == ExportState()


@pytest.mark.parametrize("generation", ["", None])
def test_a_watermark_without_a_generation_is_older_than_any_commit(generation: str | None) -> None:
    properties = {key: value for key, value in PROPERTIES.items() if not key.endswith("generation")}
    if generation is not None:
        properties["lakefs.shop.commit_generation"] = generation
    assert _read(properties) == ExportState(watermark=Commit(id="c0ffee01", generation=0))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("commit_generation", text) for text in ("x", "-1", "1.0", "²", "٣", "9" * 5000)),
        *(("commit_id", text) for text in ("main", "main~1", "../x", "c0ffe", "C0FFEE01", "c0ffee01 ", "ü")),
        *(("attempts", text) for text in ("c0ffee02", "c0ffee02:x", "c0ffee02:1:2", "main:3", ":")),
        ("line", "yesterday"),
        ("branch", ""),
    ],
)
def test_what_no_export_writes_is_not_relied_on(name: str, value: str) -> None:
    assert _read({**PROPERTIES, f"lakefs.shop.{name}": value}) == EDITED


STATE = ExportState(
    watermark=_commit(7), attempts=(_commit(8), _commit(9)), line=1_763_000_000_000, catalogs=("finance", "lake")
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("commit_id", f"{6:064x}"),
        ("commit_id", ""),
        ("commit_generation", "6"),
        ("attempts", ""),
        ("line", "0"),
        ("catalogs", "lake"),
        ("checksum", "0"),
    ],
)
def test_an_edit_of_one_value_is_noticed(name: str, value: str) -> None:
    written = _written(STATE)
    assert _read(written) == STATE
    edited = _read({**written, f"lakefs.shop.{name}": value})
    assert edited == replace(EDITED, catalogs=("lake",) if name == "catalogs" else STATE.catalogs)


def test_another_branch_of_the_repository_is_a_conflict() -> None:
    with pytest.raises(WatermarkConflictError) as raised:
        _read(PROPERTIES, branch="Main")
    assert str(raised.value) == (
        "schema lake.main follows branch 'main' of repository 'shop', so branch 'Main' cannot be exported to it; "
        "give each branch its own schema with schema_template, or rename the branch (if the schema's property "
        "lakefs.shop.branch was edited by hand, set it right)"
    )


def test_the_other_properties_are_kept() -> None:
    foreign = {"owner": "finance", "lakefs.other.branch": "main", "lakefs.other.commit_id": "x", "lakefs": "y"}
    written = _written(ExportState(watermark=_commit(8)), {**PROPERTIES, **foreign})
    checksum = written.pop("lakefs.shop.checksum")
    assert written == {
        **foreign,
        "lakefs.shop.branch": "main",
        "lakefs.shop.commit_id": f"{8:064x}",
        "lakefs.shop.commit_generation": "8",
        "lakefs.shop.line": "0",
    }
    assert len(checksum) == 16
    assert without_state(written, repository="shop") == foreign


commits = st.builds(
    Commit, id=st.text("0123456789abcdef", min_size=6, max_size=64), generation=st.integers(0, 10**15 - 1)
)
states = st.builds(
    ExportState,
    watermark=st.none() | commits,
    attempts=st.lists(commits, max_size=3).map(tuple),
    line=st.integers(0, 2**53),
    catalogs=st.lists(st.sampled_from(["a", "b-c", "d"]), unique=True).map(tuple),
    forgets_attempts=st.booleans(),
)


@given(st.dictionaries(st.text(), st.text()), states, states)
def test_what_is_written_is_read(properties: dict[str, str], one: ExportState, other: ExportState) -> None:
    written = with_state(_written(one, properties), other, repository="sho", branch="main")
    assert _read(written) == one
    assert _read(written, repository="sho") == other
    assert _written(one, written) == written


def test_an_attempt_is_noted_once() -> None:
    once = ExportState(watermark=_commit(7)).attempting(_commit(8), line=5, catalogs=["lake"])
    assert once == ExportState(watermark=_commit(7), attempts=(_commit(8),), line=5, catalogs=("lake",))
    assert once.attempting(_commit(8), line=4, catalogs=[]) == once
    assert once.commits == (_commit(7), _commit(8))
    assert not once.is_unknown


def test_more_attempts_than_are_kept_are_as_good_as_a_lost_watermark() -> None:
    state = ExportState(watermark=_commit(1))
    order = [900, *range(2, 2 + MAX_ATTEMPTS)]
    for number in order[:MAX_ATTEMPTS]:
        state = state.attempting(_commit(number), line=0, catalogs=[])
    assert not state.is_unknown
    state = state.attempting(_commit(order[-1]), line=0, catalogs=[])
    assert state.is_unknown
    assert len(state.attempts) == MAX_ATTEMPTS
    assert _commit(900) in state.attempts
    assert _read(_written(state)) == state


def test_a_whole_export_clears_the_attempts_that_it_knew_of() -> None:
    state = STATE.exported(_commit(9), line=4, covered=[_commit(8).id], catalogs=["lake"])
    assert state == ExportState(watermark=_commit(9), attempts=(), line=STATE.line, catalogs=STATE.catalogs)
    later = replace(STATE, attempts=(*STATE.attempts, _commit(5)))
    left = later.exported(_commit(9), line=STATE.line + 1, covered=[_commit(8).id], catalogs=[])
    assert (left.attempts, left.line) == ((_commit(5),), STATE.line + 1)
