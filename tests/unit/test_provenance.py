"""What an exported table says about its lakeFS commit, written and read back."""

import json
from dataclasses import replace

import pytest

from lakefs_unity_export.provenance import Provenance, read_properties, read_user_metadata

SHOWN = Provenance(
    repository="lake", branch="feature-x", commit_id="ab" * 32, commit_generation=7, path="tables/ä/orders", line=3
)


def test_properties_are_text_under_their_documented_names() -> None:
    assert SHOWN.properties() == {
        "lakefs.repository": "lake",
        "lakefs.branch": "feature-x",
        "lakefs.commit_id": "ab" * 32,
        "lakefs.commit_generation": "7",
        "lakefs.path": "tables/ä/orders",
        "lakefs.line": "3",
    }


def test_properties_and_user_metadata_read_back_equal() -> None:
    assert read_properties({"delta.appendOnly": "true", **SHOWN.properties()}) == SHOWN
    assert read_user_metadata(SHOWN.user_metadata()) == SHOWN
    assert "ä" in SHOWN.user_metadata()


@pytest.mark.parametrize("missing", SHOWN.properties().keys() - {"lakefs.line"})
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


@pytest.mark.parametrize("text", [None, "", "a note", "[]", "7", json.dumps({"lakefs.repository": 1}), "{}"])
def test_user_metadata_of_others_is_not_ours(text: str | None) -> None:
    assert read_user_metadata(text) is None


LONG_PATH = "/".join(["ä" * 100] * 5)


def test_a_long_path_is_shortened_in_the_properties_and_whole_in_the_user_metadata() -> None:
    shown = replace(SHOWN, path=LONG_PATH)
    assert all(len(text) <= 255 for pair in shown.properties().items() for text in pair)
    assert shown.properties() != replace(SHOWN, path=LONG_PATH[:-1]).properties()
    assert read_user_metadata(shown.user_metadata()) == shown


@pytest.mark.parametrize("path", [SHOWN.path, LONG_PATH])
def test_a_path_says_the_same_however_it_was_written(path: str) -> None:
    shown = replace(SHOWN, path=path)
    read = read_properties(shown.properties())
    assert read is not None
    assert read.properties() == shown.properties()  # an older version wrote the path in full
    assert read.properties() != replace(shown, path=f"{path}x").properties()
