"""What an exported table says about its lakeFS commit, written and read back."""

import json
from dataclasses import replace

import pytest

from lakefs_unity_export.clones.provenance import (
    Provenance,
    comment_properties,
    is_own_comment,
    read_properties,
    read_user_metadata,
    says_no_comment,
)

SHOWN = Provenance(
    repository="lake",
    branch="feature-x",
    commit_id="ab" * 32,
    commit_generation=7,
    path="tables/ä/orders",
    line=3,
    method="storage",
)


def test_properties_are_text_under_their_documented_names() -> None:
    assert SHOWN.properties() == {
        "lakefs.repository": "lake",
        "lakefs.branch": "feature-x",
        "lakefs.commit_id": "ab" * 32,
        "lakefs.commit_generation": "7",
        "lakefs.path": "tables/ä/orders",
        "lakefs.line": "3",
        "lakefs.clone_method": "storage",
    }


def test_properties_and_user_metadata_read_back_equal() -> None:
    assert read_properties({"delta.appendOnly": "true", **SHOWN.properties()}) == SHOWN
    assert read_user_metadata(SHOWN.user_metadata()) == SHOWN
    assert "ä" in SHOWN.user_metadata()


@pytest.mark.parametrize("missing", sorted(SHOWN.properties().keys() - {"lakefs.line", "lakefs.clone_method"}))
def test_a_table_that_lacks_any_property_is_not_ours(missing: str) -> None:
    properties = SHOWN.properties()
    del properties[missing]
    assert read_properties(properties) is None


@pytest.mark.parametrize("name", ["lakefs.commit_generation", "lakefs.line"])
def test_a_number_that_is_none_is_not_ours(name: str) -> None:
    assert read_properties({**SHOWN.properties(), name: "newest"}) is None


def test_a_table_without_a_line_follows_the_first() -> None:
    assert read_properties({k: v for k, v in SHOWN.properties().items() if k != "lakefs.line"}) == replace(
        SHOWN, line=0
    )


def test_a_table_without_a_method_is_a_shallow_clone() -> None:
    old = {key: value for key, value in SHOWN.properties().items() if key != "lakefs.clone_method"}
    assert read_properties(old) == replace(SHOWN, method="shallow")


@pytest.mark.parametrize("text", [None, "", "a note", "[]", "7", json.dumps({"lakefs.repository": 1}), "{}"])
def test_user_metadata_of_others_is_not_ours(text: str | None) -> None:
    assert read_user_metadata(text) is None


@pytest.mark.parametrize("comment", ["orders", "ä 表 😀 ${x} 'q'", "x" * 5_000])
def test_a_comment_is_marked_by_a_property_of_bounded_length_that_does_not_show_it(comment: str) -> None:
    marked = comment_properties(comment)
    assert [len(value) for value in marked.values()] == [64]
    assert is_own_comment(comment, {**SHOWN.properties(), **marked})
    assert not is_own_comment(f"{comment} ", marked)
    assert read_properties({**SHOWN.properties(), **marked}) == SHOWN


@pytest.mark.parametrize("comment", [None, ""])
def test_no_comment_is_nobodys(comment: str | None) -> None:
    assert comment_properties(comment) == {}
    assert not is_own_comment(comment, SHOWN.properties())
    assert not is_own_comment(comment, comment_properties("orders"))


def test_a_comment_of_a_clone_without_the_property_is_not_told_to_be_ours() -> None:
    assert not is_own_comment("orders", SHOWN.properties())


LONG_PATH = "/".join(["ä" * 100] * 5)


def test_a_long_path_is_shortened_in_the_properties_and_whole_in_the_user_metadata() -> None:
    shown = replace(SHOWN, path=LONG_PATH)
    assert all(len(text) <= 255 for pair in shown.properties().items() for text in pair)
    assert shown.properties() != replace(SHOWN, path=LONG_PATH[:-1]).properties()
    assert read_user_metadata(shown.user_metadata()) == shown


def test_the_user_metadata_says_where_there_is_no_comment() -> None:
    text = SHOWN.user_metadata(has_no_comment=True)
    assert read_user_metadata(text) == SHOWN
    assert says_no_comment(text)
    for other in (SHOWN.user_metadata(), None, "", "[]", '{"lakefs.comment": null}', '{"lakefs.comment": "a hash"}'):
        assert not says_no_comment(other)
