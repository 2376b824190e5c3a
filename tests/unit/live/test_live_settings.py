"""What the live story is told by the environment."""

import pytest
from live_settings import LAKEFS_VARIABLES, LiveSettings, Readers

GIVEN = dict.fromkeys(LAKEFS_VARIABLES, "https://lakefs.example.com/api/v1")


def test_lakefs_starts_the_runs_and_clusters_read_unless_the_environment_says_otherwise() -> None:
    assert (LiveSettings.from_environment(GIVEN).by_hook, LiveSettings.from_environment(GIVEN).readers) == (
        True,
        Readers.CLUSTERS,
    )
    other = LiveSettings.from_environment({**GIVEN, "LIVE_STARTED_BY": "bundle_run", "LIVE_READERS": "everybody"})
    assert (other.by_hook, other.readers) == (False, Readers.EVERYBODY)


@pytest.mark.parametrize(
    ("variable", "choices"), [("LIVE_STARTED_BY", "hook or bundle_run"), ("LIVE_READERS", "clusters or everybody")]
)
def test_another_choice_is_refused_with_those_there_are(variable: str, choices: str) -> None:
    with pytest.raises(ValueError, match=f"^{variable} is 'nobody'; set it to {choices}$"):
        LiveSettings.from_environment({**GIVEN, variable: "nobody"})
