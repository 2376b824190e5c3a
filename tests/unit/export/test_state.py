"""What a schema's properties say of a branch's exports: read, written, edited by hand, and in conflict."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakefs_unity_export.errors import WatermarkConflictError
from lakefs_unity_export.export.state import (
    FOLLOWS_NOTHING,
    MAX_ATTEMPTS,
    ExportState,
    forgetting,
    read_state,
    with_state,
    without_state,
)
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


BEFORE = ExportState(
    watermark=_commit(7), attempts=(_commit(8), _commit(9)), line=1_763_000_000_000, catalogs=("finance", "lake")
)
STATE = replace(BEFORE, described="0123456789abcdef lake.main.left_over")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("commit_id", f"{6:064x}"),
        ("commit_id", ""),
        ("commit_generation", "6"),
        ("attempts", ""),
        ("line", "0"),
        ("catalogs", "lake"),
        ("described", ""),
        ("described", "0123456789abcdef"),
        ("checksum", "0"),
    ],
)
def test_an_edit_of_one_value_is_noticed(name: str, value: str) -> None:
    written = _written(STATE)
    assert _read(written) == STATE
    edited = _read({**written, f"lakefs.shop.{name}": value})
    assert edited == replace(EDITED, catalogs=("lake",) if name == "catalogs" else STATE.catalogs)


def test_what_a_version_wrote_that_kept_nothing_of_the_descriptors_is_no_edit() -> None:
    assert _written(BEFORE)["lakefs.shop.checksum"] == "8f3e9e9ceac92db3"


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
    described=st.lists(st.sampled_from(["0a1b", "a.main.t", "b-c.main.ü,"]), unique=True).map(" ".join),
    forgets_attempts=st.booleans(),
)


@given(st.dictionaries(st.text(), st.text()), states, states)
def test_what_is_written_is_read(properties: dict[str, str], one: ExportState, other: ExportState) -> None:
    written = with_state(_written(one, properties), other, repository="sho", branch="main")
    assert _read(written) == one
    assert _read(written, repository="sho") == other
    assert _written(one, written) == written


longest = st.builds(
    ExportState,
    watermark=st.builds(Commit, id=st.just("f" * 64), generation=st.just(10**16 - 1)),
    attempts=st.lists(
        st.builds(Commit, id=st.text("0123456789abcdef", min_size=64, max_size=64), generation=st.just(10**16 - 1)),
        max_size=MAX_ATTEMPTS,
        unique=True,
    ).map(tuple),
    line=st.just(10**16 - 1),
    catalogs=st.lists(st.text("a-z_ä", min_size=1, max_size=255), max_size=9, unique=True).map(sorted).map(tuple),
    described=st.lists(st.text("a-z_ä.", min_size=1, max_size=255), max_size=9).map(" ".join),
    forgets_attempts=st.booleans(),
)


@given(longest)
def test_no_key_and_no_value_is_longer_than_255_characters(state: ExportState) -> None:
    names = {"repository": "r" * 63, "branch": "b" * 255}
    written = with_state({"owner": "finance"}, state, **names)
    assert all(len(text) <= 255 for pair in written.items() for text in pair)
    assert read_state(written, **names, schema="lake.main") == state
    assert without_state(written, repository="r" * 63) == {"owner": "finance"}


ALL_ATTEMPTS = ExportState(watermark=_commit(1), attempts=tuple(_commit(each) for each in range(2, 2 + MAX_ATTEMPTS)))


def test_twenty_attempts_go_on_in_further_properties() -> None:
    written = _written(ALL_ATTEMPTS)
    parts = sorted(name for name in written if "attempts" in name)
    assert parts == ["lakefs.shop.attempts", *(f"lakefs.shop.attempts.{number}" for number in range(2, 8))]
    assert _read(written) == ALL_ATTEMPTS
    fewer = replace(ALL_ATTEMPTS, attempts=ALL_ATTEMPTS.attempts[:1])
    assert sorted(name for name in _written(fewer, written) if "attempts" in name) == ["lakefs.shop.attempts"]


@pytest.mark.parametrize("part", ["lakefs.shop.attempts", "lakefs.shop.attempts.3", "lakefs.shop.attempts.7"])
def test_a_part_of_a_list_that_is_lost_or_edited_is_noticed(part: str) -> None:
    written = _written(ALL_ATTEMPTS)
    assert _read({name: value for name, value in written.items() if name != part}) == EDITED
    assert _read({**written, part: f"{'0' * 64}:1"}) == EDITED


def test_what_an_older_version_wrote_into_one_property_is_read() -> None:
    older = {name: value for name, value in _written(ALL_ATTEMPTS).items() if "attempts" not in name}
    older["lakefs.shop.attempts"] = " ".join(f"{each.id}:{each.generation}" for each in ALL_ATTEMPTS.attempts)
    assert len(older["lakefs.shop.attempts"]) > 1_300
    assert _read(older) == ALL_ATTEMPTS
    assert _written(ALL_ATTEMPTS, older) == _written(ALL_ATTEMPTS)


def test_a_forgotten_branch_never_leaves_an_empty_map() -> None:
    assert forgetting(_written(STATE), repository="shop") == dict([FOLLOWS_NOTHING])
    assert forgetting(_written(STATE, {"owner": "finance"}), repository="shop") == {"owner": "finance"}
    assert forgetting({}, repository="shop") == {}
    assert forgetting(dict([FOLLOWS_NOTHING]), repository="shop") == dict([FOLLOWS_NOTHING])


def test_a_schema_that_follows_a_branch_again_says_nothing_else() -> None:
    again = _written(STATE, dict([FOLLOWS_NOTHING]))
    assert again == _written(STATE)
    assert _read(dict([FOLLOWS_NOTHING])) == ExportState()


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
