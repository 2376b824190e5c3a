"""What some workspaces of Databricks refuse of shallow clones, for tests of what the clone task says then.

Public reports of 2025 and 2026 show shallow clones by path refused under Unity Catalog, though not on every workspace:
so the local cluster refuses them where its Spark configuration says so. Whether a clone to the driver's own disk is
refused too is not known.
"""

from typing import Any

from pyspark.errors.exceptions.captured import AnalysisException
from pyspark.sql import SparkSession

# "true": no shallow clone by path is made.
REFUSED = "spark.localStack.shallowClones.refused"
# With it, a folder of the driver's disk, as a URI: clones from it and to it are made none the less.
SCRATCH = "spark.localStack.shallowClones.scratch"

_CONDITION = "CANNOT_SHALLOW_CLONE_NON_UC_MANAGED_TABLE_AS_SOURCE_OR_TARGET"
_MESSAGE = f"[{_CONDITION}] Shallow clone is only supported for the MANAGED table type."


def check_shallow_clone(spark: SparkSession, source: str, target: str) -> None:
    """Raise AnalysisException, as the reports show it, where a shallow clone between these paths is refused."""
    if spark.conf.get(REFUSED, None) != "true":
        return
    scratch = spark.conf.get(SCRATCH, None)
    if scratch is None or not any(path.startswith(f"{scratch}/") for path in (source, target)):
        raise AnalysisException(origin=_analysis_exception(spark._jvm))


def _analysis_exception(jvm: Any) -> Any:
    none, classes = jvm.scala.Option.empty(), jvm.scala.Option.apply(_CONDITION)
    parameters = jvm.org.apache.spark.api.python.PythonUtils.toScalaMap({})
    context = jvm.java.lang.reflect.Array.newInstance(jvm.java.lang.Class.forName("org.apache.spark.QueryContext"), 0)
    return jvm.org.apache.spark.sql.AnalysisException(_MESSAGE, none, none, none, classes, parameters, context)
