"""What stands beside every figure: machine, load and versions."""

import json

import pytest
import surroundings


def test_machine_load_and_versions_are_named() -> None:
    found = json.loads(json.dumps(surroundings.surroundings()))
    assert found["version"].startswith("0.")
    assert found["machine"]["cores"] >= 1
    assert found["machine"]["processor"]
    assert found["versions"].keys() == {"python", *surroundings.PACKAGES}
    assert "not installed" not in found["versions"].values()


@pytest.mark.parametrize(
    ("head", "changed", "shown"),
    [("abc", "", "abc"), ("abc", " M src/x.py", "abc+"), ("", "", "an unknown commit")],
)
def test_a_version_says_whether_what_was_measured_is_committed(
    monkeypatch: pytest.MonkeyPatch, head: str, changed: str, shown: str
) -> None:
    monkeypatch.setattr(surroundings, "_git", lambda command, *_: head if command == "rev-parse" else changed)
    assert surroundings.surroundings()["version"].endswith(f" at {shown}")
