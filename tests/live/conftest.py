"""The bundle deployed to a real workspace, and a branch of its own in a real lakeFS; all skipped where none is set."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from databricks.sdk import WorkspaceClient
from live_bundle import deployed_bundle
from live_check import LiveCheck, checked_setup
from live_exports import LiveExports
from live_repository import LiveRepository, live_repository
from live_settings import LiveSettings, missing_variables
from live_story import FirstExport, Live

LEFT = pytest.StashKey[list[str]]()
CHECKED = pytest.StashKey[str]()


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
    """The deployed jobs, and a branch with three tables for which the job `check_setup` finds all well.

    Where it does not, the session ends. What was made goes at the end; what cannot go is told.
    """
    left = pytestconfig.stash.setdefault(LEFT, [])
    folder = tmp_path_factory.mktemp("live") / "checkout"
    with ExitStack() as made:
        repository = made.enter_context(live_repository(settings, left))
        bundle = made.enter_context(deployed_bundle(settings, folder, repository.name))
        exports = LiveExports(WorkspaceClient(), bundle, repository, by_hook=settings.by_hook)
        made.callback(exports.unregister, left)
        _commit_tables(repository)
        check = LiveCheck(exports.client, bundle, repository)
        checked = checked_setup(check.run, bundle.deploy, deployed=check.clone_method, readers=settings.readers)
        pytestconfig.stash[CHECKED] = str(checked)
        if not checked.report.has_succeeded:
            pytest.exit(f"check_setup: {checked.report.verdict}", returncode=pytest.ExitCode.TESTS_FAILED)
        yield Live(settings=settings, checked=checked, repository=repository, exports=exports)


def _commit_tables(repository: LiveRepository) -> None:
    repository.add("orders", ["o1", "o2"])
    repository.add("line-item", ["l1"])
    repository.add("nation", ["n1", "n2", "n3"])
    repository.commit("Three tables")


@pytest.fixture(scope="session")
def first_export(live: Live) -> FirstExport:
    """The run of the first commit that starts one: by the hook that it brings, or by hand."""
    repository, exports = live.repository, live.exports
    if live.settings.by_hook:
        commit_id = repository.commit_with_hook(exports.client.config.host, exports.job_id)
    else:
        commit_id = repository.head()
    return FirstExport(commit_id=commit_id, run=exports.run_of(commit_id))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell what check_setup said, and what is left to be removed by hand; also after a failure."""
    if report := config.stash.get(CHECKED, ""):
        terminalreporter.section("check_setup")
        terminalreporter.write_line(report)
    for line in config.stash.get(LEFT, []):
        terminalreporter.write_line(f"left behind: {line}")
