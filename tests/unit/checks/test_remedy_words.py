"""That a remedy which names what is nowhere would be seen: those of all breakages are looked at where they are made."""

import pytest
from remedy_words import unknown_in


@pytest.mark.parametrize(
    ("remedy", "unknown"),
    [
        ("set the bundle variable clone_method to deep, and deploy", set()),
        ("set the bundle variable method to deep, and deploy", {"method"}),
        ("do what the line external_grants says", {"external_grants"}),
        ("GRANT USE CATALOG, MAKE SCHEMA ON CATALOG `lake` TO `x`;", {"MAKE SCHEMA"}),
        ("databricks secrets put-secret lakefs key", set()),
        ("databricks secrets put lakefs key", {"secrets put"}),
        ("databricks secrets put-secret lakefs", {"secrets put-secret"}),
    ],
)
def test_what_is_nowhere_is_unknown(remedy: str, unknown: set[str]) -> None:
    assert unknown_in(remedy) == unknown
