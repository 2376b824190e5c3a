"""Property values of at most 255 characters: long lists go on in further properties, long texts keep a digest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakefs_unity_export.errors import InvalidNameError
from lakefs_unity_export.names import java_length
from lakefs_unity_export.property_values import MAX_LENGTH, check_branch, gathered, is_part, shortened, spread

pytestmark = pytest.mark.unit

entries = st.text(st.characters(exclude_characters=" ", exclude_categories=["Cs"]), min_size=1, max_size=127)


@given(st.lists(entries))
def test_a_list_that_is_spread_is_gathered_again_and_every_part_fits(listed: list[str]) -> None:
    parts = spread("lakefs.shop.attempts", listed, " ")
    assert gathered({**parts, "lakefs.shop.attempts.99": "stray", "owner": "x"}, "lakefs.shop.attempts", " ") == (
        " ".join(listed)
    )
    assert all(java_length(text) <= MAX_LENGTH for part in parts.items() for text in part)
    assert all(is_part(name, "lakefs.shop.attempts") for name in parts)


def test_a_list_fills_one_property_before_the_next() -> None:
    assert spread("k", ["a" * 100, "b" * 100, "c" * 53, "d"], ",") == {
        "k": f"{'a' * 100},{'b' * 100},{'c' * 53}",
        "k.2": "d",
    }
    assert spread("k", ["a" * 100, "b" * 154], ",") == {"k": f"{'a' * 100},{'b' * 154}"}
    assert spread("k", ["a" * 100, "b" * 155], ",") == {"k": "a" * 100, "k.2": "b" * 155}
    assert spread("k", [], ",") == {}


def test_a_list_of_an_older_version_in_one_long_property_is_read() -> None:
    long = " ".join(["c0ffee:1"] * 200)
    assert gathered({"k": long}, "k", " ") == long


@pytest.mark.parametrize("name", ["lakefs.shop.attempts.x", "lakefs.shop.attempts.2.3", "lakefsXshop.attempts", "k"])
def test_what_is_no_part_of_a_list_is_not_taken_for_one(name: str) -> None:
    assert not is_part(name, "lakefs.shop.attempts")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=600))
def test_a_shortened_value_fits_and_is_not_shortened_again(value: str) -> None:
    short = shortened(value)
    assert java_length(short) <= MAX_LENGTH
    assert shortened(short) == short
    assert (short == value) is (java_length(value) <= MAX_LENGTH)


@pytest.mark.parametrize("letter", ["x", "ä", "😀"])
def test_long_values_that_begin_alike_stay_two(letter: str) -> None:
    assert shortened(letter * 300 + "1") != shortened(letter * 300 + "2")
    assert shortened(letter * 300).startswith(letter * 100)


def test_the_length_is_counted_as_the_server_counts_it() -> None:
    assert shortened("😀" * 127) == "😀" * 127
    assert shortened("😀" * 128) != "😀" * 128


def test_a_branch_that_no_property_can_name_is_refused() -> None:
    assert check_branch("b" * 255) == "b" * 255
    with pytest.raises(InvalidNameError, match=r"^branch 'b{40}'\.\.\. has 256 characters, and a property in Unity"):
        check_branch("b" * 256)
