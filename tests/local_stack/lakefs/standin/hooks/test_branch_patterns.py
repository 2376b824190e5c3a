"""The patterns of an action's branches, beyond the recorded ones."""

import pytest

from local_stack.lakefs.standin.hooks.branch_patterns import PatternError, matches


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("feature-*", ["feature-", "feature-x"], ["feature", "my-feature-x"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "-x", "x"]),
        ("[^a-c]x", ["dx"], ["ax", "x"]),
        ("[!a]x", ["!x", "ax"], ["bx"]),
        (r"\*", ["*"], ["a"]),
        (r"[\]]", ["]"], ["a", "\\"]),
        ("[c-a]", [], ["a", "b", "c"]),
        ("a.b", ["a.b"], ["axb"]),
        ("", [""], ["a"]),
    ],
)
def test_patterns_have_stars_question_marks_and_sets(pattern: str, matching: list[str], others: list[str]) -> None:
    assert all(matches(pattern, branch) for branch in matching)
    assert not any(matches(pattern, branch) for branch in others)


@pytest.mark.parametrize("pattern", ["[", "[]", "[]a]", "[a", "[a-", "[a-]", "[-a]", "[^]", "a\\", "[\\", "x["])
def test_a_pattern_that_cannot_be_read_is_an_error_for_every_branch(pattern: str) -> None:
    for branch in ("", "main", "x"):
        with pytest.raises(PatternError):
            matches(pattern, branch)
