"""One Spark session and one lakeFS for all tests of the clone task in a process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cloned_tables import Tables

from local_stack.lakefs.standin import LakeFSStandIn


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from local_stack.cluster import delta_bridge
    from local_stack.spark.child import start_spark
    from local_stack.spark.process import INTERPRETED, base_conf
    from local_stack.toolchain.jars import prefetch_jars
    from local_stack.toolchain.java import java_home

    folder = tmp_path_factory.mktemp("spark")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_HOME", str(java_home()))
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        session = start_spark(base_conf(folder=folder, temporary=folder, jars=prefetch_jars()) | INTERPRETED)
        delta_bridge.install()
        yield session
        session.stop()


@pytest.fixture
def tables(spark: Any, tmp_path: Path) -> Tables:
    return Tables(spark, tmp_path)


@pytest.fixture(scope="session")
def server() -> Iterator[LakeFSStandIn]:
    """Each test makes repositories of its own in it."""
    running = LakeFSStandIn()
    running.start()
    yield running
    running.stop()
