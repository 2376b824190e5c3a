"""What some workspaces of Databricks refuse of clones, for tests of what is said then.

Public reports of 2025 and 2026 show shallow clones by path refused under Unity Catalog, though not on every workspace.
Whether a clone from or to the driver's own disk is refused too is not known, nor whether a clone is refused for its
target, once that is a table. No report tells of a refused deep clone. So the local cluster refuses what its Spark
configuration says: each of these settings refuses with "true".
"""

from collections.abc import Mapping
from typing import Any

from pyspark.errors.exceptions.captured import AnalysisException
from pyspark.sql import SparkSession

# No shallow clone by path is made.
REFUSED = "spark.localStack.shallowClones.refused"
# With it, how paths begin on the driver's disk, as URIs: clones from them and to them are made none the less.
SCRATCH = "spark.localStack.shallowClones.scratch"
# No shallow clone is made of a table on the driver's disk.
DRIVER_DISK_REFUSED = "spark.localStack.driverDiskClones.refused"
# No deep clone is made.
DEEP_REFUSED = "spark.localStack.deepClones.refused"
# No clone is made over a table.
SECOND_REFUSED = "spark.localStack.secondClones.refused"

_OF_SHALLOW = "CANNOT_SHALLOW_CLONE_NON_UC_MANAGED_TABLE_AS_SOURCE_OR_TARGET"
# Documented for commands at large (Databricks, "Error conditions"); that it tells of clones is a choice here.
_OF_COMMANDS = "UC_COMMAND_NOT_SUPPORTED.WITHOUT_RECOMMENDATION"
_MESSAGES: Mapping[str, str] = {
    _OF_SHALLOW: "Shallow clone is only supported for the MANAGED table type.",
    _OF_COMMANDS: "The command(s): {} are not supported in Unity Catalog. SQLSTATE: 0AKUC",
}


def check_shallow_clone(spark: SparkSession, source: str, target: str) -> None:
    """Raise AnalysisException, as the reports show it, where a shallow clone between these paths is refused."""
    if _refuses(spark, DRIVER_DISK_REFUSED) and source.startswith("file:"):
        raise _refusal(spark, _OF_SHALLOW)
    if _refuses(spark, REFUSED):
        scratch = spark.conf.get(SCRATCH, None)
        if scratch is None or not any(path.startswith(scratch) for path in (source, target)):
            raise _refusal(spark, _OF_SHALLOW)


def check_deep_clone(spark: SparkSession) -> None:
    """Raise AnalysisException where deep clones are refused."""
    if _refuses(spark, DEEP_REFUSED):
        raise _refusal(spark, _OF_COMMANDS, "CREATE TABLE ... DEEP CLONE")


def check_second_clone(spark: SparkSession) -> None:
    """Raise AnalysisException where clones over a table are refused."""
    if _refuses(spark, SECOND_REFUSED):
        raise _refusal(spark, _OF_COMMANDS, "CREATE OR REPLACE TABLE ... CLONE")


def _refuses(spark: SparkSession, setting: str) -> bool:
    return bool(spark.conf.get(setting, None) == "true")


def _refusal(spark: SparkSession, condition: str, command: str = "") -> AnalysisException:
    message = f"[{condition}] {_MESSAGES[condition].format(command)}"
    return AnalysisException(origin=_analysis_exception(spark._jvm, message, condition))


def _analysis_exception(jvm: Any, message: str, condition: str) -> Any:
    none, classes = jvm.scala.Option.empty(), jvm.scala.Option.apply(condition)
    parameters = jvm.org.apache.spark.api.python.PythonUtils.toScalaMap({})
    context = jvm.java.lang.reflect.Array.newInstance(jvm.java.lang.Class.forName("org.apache.spark.QueryContext"), 0)
    return jvm.org.apache.spark.sql.AnalysisException(message, none, none, none, classes, parameters, context)
