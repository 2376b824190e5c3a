"""Marks the tests that need nothing but the environment by their folder, so that each kind runs alone by marker.

And says which tests stay on one worker, where they are given out one by one (`--dist loadgroup`).
"""

from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
FOLDER_MARKERS = {"unit": "unit", "local_stack": "local_stack"}
NEEDING_MORE = {"spark", "bundle", "e2e", "live"}

# What the tests of these files share, or two workers would do twice.
TOGETHER = {
    "what the deployments of all targets sent": (
        "bundle/test_bundle_goldens.py",
        "bundle/test_bundle_references.py",
        "bundle/test_bundle_wheel.py",
    ),
    "runs that start at once": ("e2e/test_export_bad_input.py",),
    # Two that start at a time are too much for a small machine.
    "a stack of its own": ("e2e/test_demo.py", "e2e/test_local_stack.py"),
    "Spark is killed, and starts anew": ("e2e/test_demo_faults.py", "e2e/test_export_histories.py"),
}
# Of the tests that go to whichever worker is free, these take longest: what starts late should be short.
LONGEST = {
    "bundle/test_bundle_reconcile.py",
    "bundle/test_bundle_lifecycle.py",
    "local_stack/workspace/test_bundle.py",
    "e2e/test_check_setup.py",
    "e2e/test_check_setup_breakages.py",
    "e2e/test_live_story.py",
    "e2e/test_export_hook.py",
    "e2e/test_export_lifecycle.py",
}
GROUPS = {f"tests/{file}": group for group, files in TOGETHER.items() for file in files}

# Some tests import these before pytest makes plugins of them.
pytest.register_assert_rewrite("lakefs_contract", "unity_catalog_servers", "local_warehouse", "sql_files")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test of these folders has the folder's marker, unless it has one that says what else it needs.

    Of the bundle's and the end-to-end tests, the longest come first.
    """
    items.sort(key=lambda item: item.path.relative_to(TESTS).as_posix() not in LONGEST)
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        marker = FOLDER_MARKERS.get(folder)
        if marker and not NEEDING_MORE & {own.name for own in item.iter_markers()}:
            item.add_marker(marker)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Gives out the largest groups first, then single tests in their order, each to the worker that is free."""
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return GROUPS.get(nodeid.partition("::")[0], nodeid)

    return Together(config, log) if config.getvalue("dist") == "loadgroup" else None
