"""The bundle deployed to a real workspace, and a branch of its own in a real lakeFS; all skipped where none is set."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from databricks.sdk import WorkspaceClient
from live_bundle import deployed_bundle
from live_exports import LiveExports
from live_repository import live_repository
from live_settings import LiveSettings, missing_variables
from live_story import FirstExport, Live

LEFT = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def settings() -> LiveSettings:
    """What is configured. Skips every live test where something is missing."""
    missing = missing_variables(os.environ)
    if missing:
        pytest.skip(f"not configured, see 'On a real workspace' in CONTRIBUTING.md; set {', '.join(missing)}")
    return LiveSettings.from_environment(os.environ)


@pytest.fixture(scope="session")
def live(
    settings: LiveSettings, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Live]:
    """The deployed job and an empty branch. At the end what was made goes; what cannot go is told."""
    left = pytestconfig.stash.setdefault(LEFT, [])
    folder = tmp_path_factory.mktemp("live") / "checkout"
    with ExitStack() as made:
        repository = made.enter_context(live_repository(settings, left))
        bundle = made.enter_context(deployed_bundle(settings, folder, repository.name))
        exports = LiveExports(WorkspaceClient(), bundle, repository, by_hook=settings.by_hook)
        made.callback(exports.unregister, left)
        yield Live(settings=settings, repository=repository, exports=exports)


@pytest.fixture(scope="session")
def first_export(live: Live) -> FirstExport:
    """The run of a first commit with three tables."""
    repository, exports = live.repository, live.exports
    repository.add("orders", ["o1", "o2"])
    repository.add("line-item", ["l1"])
    repository.add("nation", ["n1", "n2", "n3"])
    if live.settings.by_hook:
        commit_id = repository.commit_with_hook(exports.client.config.host, exports.job_id)
    else:
        commit_id = repository.commit("Three tables")
    return FirstExport(commit_id=commit_id, run=exports.run_of(commit_id))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell what is left to be removed by hand, also after a failure."""
    for line in config.stash.get(LEFT, []):
        terminalreporter.write_line(f"left behind: {line}")
