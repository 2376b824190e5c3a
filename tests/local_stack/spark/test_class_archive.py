"""The archive of classes is made, and Spark starts from it."""

import re
from pathlib import Path

import pytest

from local_stack.spark.class_archive import make_class_archive
from local_stack.spark.process import JAVA_OPTIONS, SparkProcess
from local_stack.toolchain.class_archive import class_archive
from local_stack.toolchain.jars import prefetch_jars
from local_stack.toolchain.java import java_home

pytestmark = pytest.mark.spark

# From Spark's jars, from ours, and from what only the reading of a table loads.
CLASSES = (
    "org.apache.spark.SparkContext",
    "io.delta.sql.DeltaSparkSessionExtension",
    "org.apache.spark.sql.delta.Snapshot",
    "org.apache.hadoop.fs.s3a.S3AFileSystem",
)


class Loading:
    """The driver: has Java load classes."""

    def __init__(self, spark: object) -> None:
        self._spark = spark

    def load(self, names: list[str]) -> None:
        """Load the classes with these names."""
        for name in names:
            self._spark._jvm.java.lang.Class.forName(name)  # type: ignore[attr-defined]


def test_spark_takes_its_classes_from_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    make_class_archive(said.append)
    assert class_archive(java_home(), prefetch_jars()).is_file(), said
    said.clear()
    make_class_archive(said.append)
    assert said == []
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    loaded = tmp_path / "loaded"
    process = SparkProcess(
        name="loading",
        driver=f"{Path(__file__).stem}:Loading",
        spark_conf={JAVA_OPTIONS: f"-Xlog:class+load:file={loaded}"},
        folder=tmp_path,
    )
    process.start()
    process.call("load", names=list(CLASSES))
    process.stop()
    sources = dict(re.findall(r" (\S+) source: (.*)$", loaded.read_text(), re.MULTILINE))
    assert {name: sources.get(name) for name in CLASSES} == dict.fromkeys(CLASSES, "shared objects file (top)")
