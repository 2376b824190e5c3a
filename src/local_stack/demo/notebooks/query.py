# Databricks notebook source
# ruff: noqa: F821, spark and dbutils are there when the notebook runs
# MAGIC %md
# MAGIC # query
# MAGIC Runs one SQL statement on the cluster, which reaches lakeFS, and returns columns and rows as a warehouse would:
# MAGIC each value as text.

# COMMAND ----------

import json
from typing import TYPE_CHECKING, Any

from pyspark.sql.functions import col

if TYPE_CHECKING:
    dbutils: Any
    spark: Any

# COMMAND ----------

# MAGIC %md The cluster is set up to read logs; rows are read as a warehouse reads them.

# COMMAND ----------

for setting, value in (
    ("spark.sql.codegen.wholeStage", "true"),
    ("spark.sql.codegen.factoryMode", "FALLBACK"),
    ("spark.sql.adaptive.enabled", "true"),
    ("spark.sql.shuffle.partitions", "2"),
):
    spark.conf.set(setting, value)

# COMMAND ----------

frame = spark.sql(dbutils.widgets.get("statement"))
columns = [(field.name, field.dataType.simpleString()) for field in frame.schema.fields]
# Several columns may have one name.
numbered = frame.toDF(*(f"c{position}" for position in range(len(columns))))
rows = numbered.select([col(name).cast("string") for name in numbered.columns]).collect()

# COMMAND ----------

dbutils.notebook.exit(json.dumps({"columns": columns, "rows": rows}))
