"""What the unit tests share: fresh doubles, and hypothesis without a clock."""

import io

import pytest
from doubles import LakeFSDouble, TaskValuesDouble, UnityCatalogDouble
from hypothesis import HealthCheck, settings

settings.register_profile("unit", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
settings.load_profile("unit")


@pytest.fixture
def lakefs() -> LakeFSDouble:
    """An empty repository `shop` with its branch `main`."""
    return LakeFSDouble()


@pytest.fixture
def unity_catalog() -> UnityCatalogDouble:
    """Unity Catalog with the catalog `lake` and nothing in it."""
    return UnityCatalogDouble("lake")


@pytest.fixture
def task_values() -> TaskValuesDouble:
    """The task values of one run."""
    return TaskValuesDouble()


@pytest.fixture
def out() -> io.StringIO:
    """What a task prints."""
    return io.StringIO()
