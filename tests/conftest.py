"""Marks the tests that need nothing but the environment by their folder, so that each kind runs alone by marker."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FOLDER_MARKERS = {"unit": "unit", "local_stack": "local_stack"}
NEEDING_MORE = {"spark", "bundle", "e2e", "live"}

# Some tests import these before pytest makes plugins of them.
pytest.register_assert_rewrite("lakefs_contract", "unity_catalog_servers", "local_warehouse")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test of these folders has the folder's marker, unless it has one that says what else it needs."""
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        marker = FOLDER_MARKERS.get(folder)
        if marker and not NEEDING_MORE & {own.name for own in item.iter_markers()}:
            item.add_marker(marker)
