"""Makes the archive of Spark's classes, from what a Spark process loads that does a little of everything."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from delta.tables import DeltaTable
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from local_stack.plain_path import plain_path
from local_stack.spark.process import INTERPRETED, JAVA_OPTIONS, SparkCallError, SparkProcess
from local_stack.toolchain.class_archive import class_archive
from local_stack.toolchain.jars import prefetch_jars
from local_stack.toolchain.java import java_home

# Where nobody listens: what S3A loads before its first answer is most of what it loads at all.
_NO_SERVER = {
    "spark.hadoop.fs.s3a.endpoint": "http://127.0.0.1:9",
    "spark.hadoop.fs.s3a.endpoint.region": "us-east-1",
    "spark.hadoop.fs.s3a.access.key": "none",
    "spark.hadoop.fs.s3a.secret.key": "none",
    "spark.hadoop.fs.s3a.attempts.maximum": "1",
    "spark.hadoop.fs.s3a.retry.limit": "0",
    "spark.hadoop.fs.s3a.path.style.access": "true",
}


def make_class_archive(progress: Callable[[str], None]) -> None:
    """Make this environment's archive where it is missing; progress is told each step in one line.

    Spark works without one as well, so where none can be made, that is all that is told.
    """
    archive = class_archive(java_home(), prefetch_jars())
    if archive.is_file():
        return
    progress("archiving the classes that Spark loads, so that it starts sooner (once)")
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as draft, plain_path(Path(draft)) as folder:
        made = folder / "classes.jsa"
        try:
            _train(made, folder)
        except SparkCallError as error:
            progress(f"no archive, since Spark failed: {error}")
        if made.is_file():
            for former in archive.parent.glob("*.jsa"):
                former.unlink(missing_ok=True)
            made.rename(archive)


def _train(made: Path, folder: Path) -> None:
    process = SparkProcess(
        name="training",
        driver="local_stack.spark.class_archive:Training",
        spark_conf=_NO_SERVER | {JAVA_OPTIONS: f"-XX:ArchiveClassesAtExit={made}"},
        folder=folder,
    )
    process.start()
    try:
        process.call("use_tables", folder=str(folder))
        process.call("end_java")
    finally:
        process.stop()


class Training:
    """The driver: does what warehouse and cluster do, on small tables."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark

    def use_tables(self, *, folder: str) -> None:
        """Write, change, clone and read tables, with generated code and without."""
        for number, settings in enumerate(({}, INTERPRETED)):
            session = self._spark.newSession()
            for key, value in settings.items():
                session.conf.set(key, value)
            _use_tables(session, f"{folder}/tables-{number}")
        with suppress(PySparkException, Py4JError):
            self._spark.read.format("delta").load("s3a://nobody/nothing")

    def end_java(self) -> None:
        """End Java as a program of its own ends, which writes the archive; returns once it is gone."""
        jvm: Any = self._spark._jvm
        with suppress(Py4JError, OSError):
            jvm.java.lang.System.exit(0)


def _use_tables(spark: SparkSession, folder: str) -> None:
    source, clone = f"{folder}/source", f"{folder}/clone"
    columns = ("id", "cast(id AS string) AS name", "cast(id AS decimal(15, 2)) AS price", "current_date() AS day")
    rows = spark.range(1000).selectExpr(*columns, "id % 3 AS part")
    rows.write.format("delta").partitionBy("part").option("delta.enableDeletionVectors", "true").save(source)
    table = DeltaTable.forPath(spark, source)
    table.delete("id % 7 = 1")
    table.update("id % 7 = 2", {"name": "'other'"})
    table.clone(clone, True, False, {"made.by": "training"})
    table.toDF().createOrReplaceTempView("source")
    DeltaTable.forPath(spark, clone).toDF().createOrReplaceTempView("clone")
    for statement in (
        f"DESCRIBE DETAIL delta.`{clone}`",
        f"DESCRIBE HISTORY delta.`{clone}`",
        f"SHOW TBLPROPERTIES delta.`{clone}`",
        "SELECT id, name, price, day, sum(one), sum(other) FROM (SELECT *, 1 AS one, 0 AS other FROM source "
        "UNION ALL SELECT *, 0, 1 FROM clone) GROUP BY id, name, price, day HAVING sum(one) <> sum(other)",
        "SELECT s.name, avg(c.price) FROM source AS s, clone AS c WHERE s.id = c.id "
        "AND s.day >= DATE '1994-01-01' + INTERVAL '1' YEAR GROUP BY s.name ORDER BY 2 DESC LIMIT 3",
    ):
        spark.sql(statement).collect()
